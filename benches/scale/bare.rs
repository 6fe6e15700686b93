//! The bare client: the pages that the program asked for, as many at a time, and away with them.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_keycloak_sync::standins::{Auth, Requests, RunningWorld};
use serde::{Deserialize, Serialize};

/// The argument that makes the bench this client.
pub(crate) const NAME: &str = "bare-client";

/// What is asked of one server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Where a token is had first, and by which form.
    token: Option<(String, String)>,
    /// Where it is there already.
    bearer: String,
    /// What has to be known before the first page can be asked for: the group's ID.
    before: Vec<String>,
    pages: Vec<String>,
    at_a_time: usize,
}

impl Lane {
    pub(crate) fn requests(&self) -> usize {
        self.pages.len() + self.before.len() + usize::from(self.token.is_some())
    }
}

/// The pages of both servers that their logs have, which are those of the program's last run.
pub(crate) fn lanes(world: &RunningWorld) -> Vec<Lane> {
    let variable = |name: &str| {
        let variables = world.env(Auth::ClientCredentials);
        variables.into_iter().find(|(variable, _)| variable == name).map(|(_, value)| value).unwrap_or_default()
    };
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        variable("KC_CLIENT_ID"),
        variable("KC_CLIENT_SECRET")
    );
    let token = format!("{}/realms/{}/protocol/openid-connect/token", world.keycloak.url(), world.realm());
    vec![
        Lane {
            token: Some((token, form)),
            bearer: String::new(),
            before: pages(&world.keycloak.url(), world.keycloak.requests(), "/groups?"),
            pages: pages(&world.keycloak.url(), world.keycloak.requests(), "/members?"),
            at_a_time: 2,
        },
        Lane {
            token: None,
            bearer: world.admin_token().to_owned(),
            before: Vec::new(),
            pages: pages(&world.synapse.url(), world.synapse.requests(), "/v3/users?"),
            at_a_time: 3,
        },
    ]
}

fn pages(url: &str, requests: &Requests, part: &str) -> Vec<String> {
    let targets = requests.all().into_iter().map(|seen| seen.target()).filter(|target| target.contains(part));
    targets.map(|target| format!("{url}{target}")).collect()
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
            let request = client.post(url).header("content-type", "application/x-www-form-urlencoded");
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
    stream::iter(&lane.pages).map(page).buffer_unordered(lane.at_a_time).try_collect::<Vec<_>>().await?;
    Ok(())
}
