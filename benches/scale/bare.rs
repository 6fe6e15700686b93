//! The bare client: requests the same pages as the program, with the same concurrency, and drops
//! them.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::servers::{Lists, Servers};

/// The argument that turns the bench into this client.
pub(crate) const NAME: &str = "bare-client";

/// A page of a role's holders.
const HOLDERS: &str = "/roles/matrix-user/users?";

/// The requests to one server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// The token endpoint and the form to send, if a token is needed first.
    token: Option<(String, String)>,
    /// The token, if it is known already.
    bearer: String,
    /// What is needed before the first page: the group's ID, or the role and its composites.
    before: Vec<String>,
    pages: Vec<String>,
    at_a_time: usize,
}

impl Lane {
    pub(crate) fn requests(&self) -> usize {
        self.pages.len() + self.before.len() + usize::from(self.token.is_some())
    }
}

/// Returns the URLs of all requests in the log of a run of the program (`-vv --log-format json`).
pub(crate) fn asked(log: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Line {
        url: Option<String>,
    }
    log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()?.url).collect()
}

/// Returns the requests of the program that the bare client repeats.
pub(crate) fn lanes(servers: &Servers, lists: Lists, asked: &[String]) -> Vec<Lane> {
    let pages = |part: &str| asked.iter().filter(|url| url.contains(part)).cloned().collect();
    let form = |id: &str, secret: &str| {
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    };
    let realm = format!("{}/realms/{}", servers.variable("KC_URL"), servers.variable("KC_REALM"));
    let form_for_keycloak =
        form(servers.variable("KC_CLIENT_ID"), servers.variable("KC_CLIENT_SECRET"));
    let mut lanes = vec![
        Lane {
            token: Some((format!("{realm}/protocol/openid-connect/token"), form_for_keycloak)),
            bearer: String::new(),
            before: match lists {
                Lists::Roles => before_holders(asked),
                Lists::Accounts | Lists::Links => pages("/groups?"),
            },
            pages: match lists {
                Lists::Roles => pages(HOLDERS),
                Lists::Accounts | Lists::Links => pages("/members?"),
            },
            at_a_time: 2,
        },
        Lane {
            token: None,
            bearer: servers.variable("MATRIX_ADMIN_TOKEN").to_owned(),
            before: Vec::new(),
            pages: pages("/v3/users?"),
            at_a_time: 3,
        },
    ];
    let client = servers.mas_client().filter(|_| lists == Lists::Links);
    // A page has the cursor of the next one, so each list is a lane of one page at a time.
    lanes.extend(client.iter().flat_map(|client| {
        let scoped = format!("{}&scope=urn%3Amas%3Aadmin", form(&client.id, &client.secret));
        ["/v1/users?", "/upstream-oauth-links?"].map(|part| Lane {
            token: Some((client.token_url.clone(), scoped.clone())),
            bearer: String::new(),
            before: Vec::new(),
            pages: pages(part),
            at_a_time: 1,
        })
    }));
    lanes
}

/// Returns the requests about roles, other than the pages of holders.
fn before_holders(asked: &[String]) -> Vec<String> {
    let is_before = |url: &&String| url.contains("/roles") && !url.contains(HOLDERS);
    asked.iter().filter(is_before).cloned().collect()
}

/// Fetches everything.
pub(crate) async fn fetch(lanes: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let lanes: Vec<Lane> = serde_json::from_slice(&std::fs::read(lanes)?)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    try_join_all(lanes.iter().map(|lane| along(&client, lane))).await?;
    Ok(ExitCode::SUCCESS)
}

async fn along(client: &reqwest::Client, lane: &Lane) -> Result<(), Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Token {
        access_token: String,
    }
    let bearer = match &lane.token {
        None => lane.bearer.clone(),
        Some((url, form)) => {
            let request =
                client.post(url).header("content-type", "application/x-www-form-urlencoded");
            let answer = request.body(form.clone()).send().await?.error_for_status()?;
            answer.json::<Token>().await?.access_token
        }
    };
    let page = async |url: &String| {
        let mut answer = client.get(url).bearer_auth(&bearer).send().await?.error_for_status()?;
        while answer.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    };
    for url in &lane.before {
        page(url).await?;
    }
    stream::iter(&lane.pages)
        .map(page)
        .buffer_unordered(lane.at_a_time)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}
