//! Synapse's answers: the list, one account, whoami, the version.

use std::collections::BTreeSet;

use matrix_keycloak_sync::config::SynapseConfig;
use matrix_keycloak_sync::http::Tls;
use matrix_keycloak_sync::model::{Account, ServerText, UserId};
use matrix_keycloak_sync::readers::{SynapseReader, Tally};
use serde_json::{Value, json};

use crate::corpus::{assert_served, law, outcome, understood};
use crate::mutations::documents;
use crate::recordings::bodies;
use crate::stage::{self, Stage, good};

const OWNER: &str = "@matrix-sync-bot:test.local";

fn reader(stage: &Stage) -> SynapseReader {
    let config =
        SynapseConfig { url: stage.url.clone(), admin_token: "token".into(), tls: Tls::default() };
    SynapseReader::new(&config, stage.client.clone())
}

/// Lists as recorded, and a complete one: all rows on one page, with the token's owner.
fn lists() -> Vec<Value> {
    let recorded = bodies("synapse.json", "/v3/users?limit=");
    let mut rows: Vec<Value> =
        recorded.iter().filter_map(|page| page["users"].as_array()).flatten().cloned().collect();
    rows.dedup_by_key(|row| row["name"].clone());
    rows.truncate(4);
    for (row, state) in rows.iter_mut().zip(["locked", "deactivated", "erased", "admin"]) {
        row[state] = json!(true);
    }
    let mut owner = rows[0].clone();
    owner["name"] = json!(OWNER);
    rows.push(owner);
    let complete = json!({"users": rows, "total": rows.len()});
    [vec![complete; 4], recorded].concat()
}

/// Checks that these are the accounts of the page, with their states, and as many as it claims.
fn assert_all_read(accounts: &[Account], page: &Value) {
    let users = page["users"].as_array().expect("accounts only by a list");
    let names: BTreeSet<_> = accounts.iter().map(|account| account.user_id.text()).collect();
    assert_eq!(
        names,
        users.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect()
    );
    assert!(names.contains(OWNER) && Some(names.len() as u64) >= page["total"].as_u64());
    for account in accounts {
        let has =
            |row: &Value, field: &str, read: bool| row[field].as_bool().unwrap_or_default() == read;
        let is_as_served = |row: &Value| {
            row["name"] == account.user_id.text()
                && has(row, "deactivated", account.state.deactivated)
                && has(row, "locked", account.state.locked)
                && has(row, "erased", account.state.erased)
                && has(row, "admin", account.admin)
        };
        assert!(users.iter().any(is_as_served), "another state was read: {account:?}");
    }
}

/// Reads the list of accounts, which is `body`: all of it or an error.
fn outcome_of_the_list(stage: &Stage, body: &[u8]) -> String {
    let read = stage.run(reader(stage).accounts(&"test.local".into(), &Tally::default()));
    if let (Ok((_, accounts)), Some(page)) = (&read, understood::<Value>(body)) {
        assert_all_read(accounts, &page);
    }
    outcome(&read)
}

#[test]
fn accounts_are_all_read_or_an_error() {
    let stage = Stage::new();
    law("synapse-accounts", file!(), documents(lists()), |body| {
        let served = body.to_vec();
        stage.serve(move |asked| {
            if asked.path.ends_with("/whoami") {
                return stage::json(&json!({"user_id": OWNER}));
            }
            // Pages after the end are empty; the total stays the same.
            match (asked.number("from"), serde_json::from_slice::<Value>(&served)) {
                (Some(1..), Ok(mut page)) if page["users"].is_array() => {
                    page["users"] = json!([]);
                    stage::json(&page)
                }
                _ => good(served.clone()),
            }
        });
        outcome_of_the_list(&stage, body)
    });
}

#[test]
fn a_list_whose_pages_repeat_ends() {
    let stage = Stage::new();
    law("synapse-repeated-page", file!(), documents(lists()), |body| {
        let served = body.to_vec();
        let whoami = json!({"user_id": OWNER});
        stage.serve(move |asked| {
            if asked.path.ends_with("/whoami") {
                stage::json(&whoami)
            } else {
                good(served.clone())
            }
        });
        outcome_of_the_list(&stage, body)
    });
}

#[test]
fn an_account_is_what_was_served_or_an_error() {
    let stage = Stage::new();
    law("synapse-detail", file!(), documents(bodies("synapse.json", "/v2/users/@")), |body| {
        let served = body.to_vec();
        stage.serve(move |_| good(served.clone()));
        let id = UserId::try_from(Box::from("@ivan:test.local")).expect("a user ID");
        let found = stage.run(reader(&stage).detail(&id));
        if let Ok(detail) = &found {
            let detail = detail.as_ref().expect("an answer of 200 is an account");
            if let Some(row) = understood::<Value>(body) {
                assert_eq!(row["name"].as_str(), Some(&*detail.user_id.text()));
                assert_eq!(row["deactivated"].as_bool(), Some(detail.state.deactivated));
                assert_eq!(
                    row["appservice_id"].as_str(),
                    detail.appservice.as_ref().map(ServerText::raw)
                );
            }
        }
        outcome(&found)
    });
}

#[test]
fn token_owner_and_version_are_returned_or_an_error() {
    let stage = Stage::new();
    law("synapse-whoami", file!(), documents(bodies("synapse.json", "/whoami")), |body| {
        let served = body.to_vec();
        stage.serve(move |_| good(served.clone()));
        let found = stage.run(reader(&stage).owner_on(&"test.local".into()));
        if let Ok(owner) = &found {
            assert_served(&owner.text(), body, "user_id");
        }
        outcome(&found)
    });
    law("synapse-version", file!(), documents(bodies("synapse.json", "/server_version")), |body| {
        let served = body.to_vec();
        stage.serve(move |_| good(served.clone()));
        let found = stage.run(reader(&stage).version());
        if let Ok(version) = &found {
            assert_served(version.raw(), body, "server_version");
        }
        outcome(&found)
    });
}
