//! The answers of MAS's Admin API: version, site-config, users, providers, links, and the sessions
//! that are ended.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::mas_api::MasApi;
use matrix_keycloak_sync::model::{Account, AccountDetail, AccountState, Evidence, Localpart};
use matrix_keycloak_sync::plan::{Action, ActionKind, Reason};
use matrix_keycloak_sync::readers::{Detail, KeycloakReader, MasReader, Tally};
use matrix_keycloak_sync::writers::{MasApiWriter, Shut, Write as _};
use serde_json::{Map, Value, json};

use crate::configuration::loaded;
use crate::corpus::{assert_served, law, outcome, understood};
use crate::keycloak;
use crate::mutations::documents;
use crate::recordings::bodies;
use crate::stage::{self, Asked, Reply, Stage, good};

const PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV279";
const USER: &str = "01M83Z8KS5NCTZJQTCBGJ1PYKN";

/// MAS, with a personal access token.
struct Mas {
    stage: Stage,
    api: MasApi,
    reader: MasReader,
    keycloak: KeycloakReader,
}

impl Mas {
    fn new(matching: &str) -> Self {
        let stage = Stage::new();
        let config = loaded(
            &stage,
            &format!(
                "[accounts]\nsource = \"mas\"\nprovider = {PROVIDER:?}\nmatch = {matching:?}\n"
            ),
        );
        let api = MasApi::new(config.mas_api.as_ref().expect("an Admin API"), Timeouts::default())
            .expect("a client");
        let reader = MasReader::new(&config, api.clone());
        let keycloak = KeycloakReader::new(
            &keycloak::config(&stage, "matrix-users", false),
            &"test.local".into(),
            stage.client.clone(),
        );
        Self { stage, api, reader, keycloak }
    }

    /// Serves `answer`, or the homeserver's name if that has nothing.
    fn serve(&self, answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) {
        self.stage.serve(move |asked| match answer(asked) {
            Some(reply) => reply,
            None if asked.path.ends_with("/site-config") => {
                stage::json(&json!({"server_name": "test.local"}))
            }
            None => stage::missing_in_mas(),
        });
    }
}

/// Lists as recorded, and the same lists without a next page.
fn lists(part: &str) -> Vec<Value> {
    let recorded = bodies("mas-admin-api.json", part);
    let recorded = recorded.into_iter().filter(|list| list["data"].is_array());
    recorded.flat_map(|list| [whole(list.clone()), whole(list.clone()), list]).collect()
}

/// The list with a locked and a deactivated user, if it has two.
fn with_disabled(mut list: Value) -> Value {
    if let Some([locked, deactivated, ..]) = list["data"].as_array_mut().map(Vec::as_mut_slice) {
        locked["attributes"]["locked_at"] = json!("2026-01-01T00:00:00Z");
        deactivated["attributes"]["deactivated_at"] = json!("2026-01-01T00:00:00Z");
    }
    list
}

fn whole(mut list: Value) -> Value {
    list["meta"] = json!({"count": list["data"].as_array().map_or(0, Vec::len)});
    list["links"] = json!({"self": "/", "next": null});
    list
}

/// The list as served: each cursor has the same page, as long as it says that there is more.
fn rows(body: &[u8]) -> Option<Vec<Value>> {
    let list: Map<String, Value> = understood(body)?;
    Some(list.get("data").and_then(Value::as_array).cloned().unwrap_or_default())
}

#[test]
fn users_are_all_read_or_an_error() {
    let mas = Mas::new("localpart");
    let lists = lists("/users?page").into_iter().map(with_disabled).collect();
    law("mas-users", file!(), documents(lists), |body| {
        let served = body.to_vec();
        mas.serve(move |asked| asked.path.ends_with("/users").then(|| good(served.clone())));
        let read =
            mas.stage.run(mas.reader.accounts(&mas.keycloak, &Tally::default(), Detail::Plan));
        if let (Ok((accounts, ..)), Some(rows)) = (&read, rows(body)) {
            let is_guest = |row: &Value| row["attributes"]["legacy_guest"] == true;
            let facts = |row: &Value| {
                let is_set = |field: &str| row["attributes"][field].is_string();
                (row["id"].clone(), is_set("deactivated_at"), is_set("locked_at"))
            };
            let served: Vec<_> = rows.iter().filter(|row| !is_guest(row)).map(facts).collect();
            let facts = |account: &Account| {
                (json!(account.mas.id()), account.state.deactivated, account.state.locked)
            };
            let read: Vec<_> = accounts.iter().map(facts).collect();
            assert_eq!(read, served, "a user was dropped or made up, or has another state");
        }
        outcome(&read)
    });
}

#[test]
fn a_user_is_what_was_served_or_an_error() {
    let mas = Mas::new("localpart");
    law(
        "mas-user",
        file!(),
        documents(bodies("mas-admin-api.json", "/users/by-username/")),
        |body| {
            let served = body.to_vec();
            mas.serve(move |_| Some(good(served.clone())));
            let found = mas.stage.run(mas.reader.user(&USER.into()));
            if let Ok(user) = &found {
                let user = user.as_ref().expect("an answer of 200 is a user");
                if let Some(answer) = understood::<Map<String, Value>>(body) {
                    let attributes = &answer["data"]["attributes"];
                    assert_eq!(user.state.deactivated, attributes["deactivated_at"].is_string());
                    assert_eq!(user.state.locked, attributes["locked_at"].is_string());
                    assert_eq!(answer["data"]["id"], USER, "another user was taken for this one");
                }
            }
            outcome(&found)
        },
    );
    law(
        "mas-user",
        file!(),
        documents(bodies("mas-admin-api.json", "/users/by-username/")),
        |body| {
            let served = body.to_vec();
            mas.serve(move |_| Some(good(served.clone())));
            let found = mas.stage.run(mas.reader.account(&"Ivan".into(), None));
            if let Ok(Some(account)) = &found {
                assert_eq!(
                    account.localpart().key(),
                    "ivan",
                    "another user was taken for this one"
                );
            }
            outcome(&found)
        },
    );
}

#[test]
fn links_are_all_read_or_an_error() {
    let mas = Mas::new("upstream-link");
    let users = whole(json!({"data": [{"id": USER, "attributes": {"username": "alice"}}]}));
    let providers = whole(bodies("mas-admin-api.json", "/upstream-oauth-providers").remove(0));
    law("mas-links", file!(), documents(lists("/upstream-oauth-links?")), |body| {
        let (served, users, providers) = (body.to_vec(), users.clone(), providers.clone());
        mas.serve(move |asked| {
            let last = asked.path.rsplit('/').next().unwrap_or_default();
            match last {
                "users" => Some(stage::json(&users)),
                "upstream-oauth-providers" => Some(stage::json(&providers)),
                "upstream-oauth-links" => Some(good(served.clone())),
                _ => None,
            }
        });
        let read =
            mas.stage.run(mas.reader.accounts(&mas.keycloak, &Tally::default(), Detail::Plan));
        if let (Ok((accounts, ..)), Some(rows)) = (&read, rows(body)) {
            let is_ours = |link: &Value| {
                let is_realm =
                    |id: &Value| id.as_str().is_some_and(|id| id.eq_ignore_ascii_case(PROVIDER));
                is_realm(&link["attributes"]["provider_id"])
                    && link["attributes"]["user_id"] == USER
            };
            let subjects =
                rows.into_iter().filter(is_ours).map(|link| link["attributes"]["subject"].clone());
            let read = accounts[0].links.iter().map(|id| json!(id));
            // Newest first; MAS lists the oldest first.
            assert_eq!(
                read.rev().collect::<Vec<_>>(),
                subjects.collect::<Vec<_>>(),
                "a link was dropped or made up"
            );
        }
        outcome(&read)
    });
}

#[test]
fn the_provider_is_the_configured_one_or_an_error() {
    let mas = Mas::new("upstream-link");
    law("mas-providers", file!(), documents(lists("/upstream-oauth-providers")), |body| {
        let served = body.to_vec();
        mas.serve(move |asked| {
            asked.path.ends_with("/upstream-oauth-providers").then(|| good(served.clone()))
        });
        let found = mas.stage.run(mas.reader.link_provider(&mas.keycloak));
        if let Ok(provider) = &found {
            assert!(provider.to_string().eq_ignore_ascii_case(PROVIDER));
        }
        outcome(&found)
    });
}

#[test]
fn version_and_homeserver_are_returned_or_an_error() {
    let mas = Mas::new("localpart");
    law("mas-version", file!(), documents(bodies("mas-admin-api.json", "/version")), |body| {
        let served = body.to_vec();
        mas.serve(move |_| Some(good(served.clone())));
        let found = mas.stage.run(mas.api.version());
        if let Ok(version) = &found {
            assert_served(
                version.as_ref().expect("an answer of 200 is a version").raw(),
                body,
                "version",
            );
        }
        outcome(&found)
    });
    let site = json!({"server_name": "test.local", "password_login_enabled": false});
    law("mas-site-config", file!(), documents(vec![site]), |body| {
        let served = body.to_vec();
        mas.serve(move |_| Some(good(served.clone())));
        let found = mas.stage.run(mas.api.site_config());
        if let Ok(site) = &found {
            let site = site.as_ref().expect("a site-config without a name is no old MAS");
            assert_served(site.server_name.as_str(), body, "server_name");
        }
        outcome(&found)
    });
}

#[test]
fn every_open_session_that_is_served_is_ended_or_an_error() {
    let mas = Mas::new("localpart");
    let writer = MasApiWriter::new(&mas.api);
    let action = Action {
        kind: ActionKind::Disable,
        user_id: Localpart::from("alice").on(&"test.local".into()),
        mas_id: Some(USER.into()),
        reason: Reason::NotInGroup,
        since: None,
        new: None,
        before: AccountState::default(),
        evidence: Some(Evidence::new(AccountDetail::new(
            Localpart::from("alice").on(&"test.local".into()),
        ))),
        approval: None,
        mark: None,
        skipped: None,
    };
    let pass = action.pass().expect("a rechecked action");
    let user = bodies("mas-admin-api.json", "/users/01M83Z8KS5NCTZJQTCBGJ1PYKN/lock").remove(0);
    law("mas-sessions", file!(), documents(lists("-sessions?")), |body| {
        let (served, user) = (body.to_vec(), user.clone());
        let ended = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = Arc::clone(&ended);
        mas.serve(move |asked| {
            let mut way = asked.path.rsplit('/');
            match (way.next()?, way.next()?) {
                ("finish", session) => {
                    noted.lock().expect("no panic").insert(session.to_owned());
                    Some(good("{}"))
                }
                ("lock" | "deactivate", _) => Some(stage::json(&user)),
                ("compat-sessions", _) => Some(good(served.clone())),
                _ => Some(stage::json(&whole(json!({"data": []})))),
            }
        });
        let disabled = mas.stage.run(writer.disable(pass, Shut::DEACTIVATE));
        if let (Ok(()), Some(rows)) = (&disabled, rows(body)) {
            let is_open = |row: &Value| {
                row["attributes"]["user_id"] == USER && row["attributes"]["finished_at"].is_null()
            };
            let open = rows.into_iter().filter(is_open).count();
            assert_eq!(ended.lock().expect("no panic").len(), open, "a session was left open");
        }
        outcome(&disabled)
    });
}
