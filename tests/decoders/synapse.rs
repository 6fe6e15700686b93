//! Synapse's answers: the list, one account, whoami, the version, the room of `notify.room`.

use std::collections::BTreeSet;

use matrix_keycloak_sync::config::{RoomConfig, SynapseConfig};
use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::http::Tls;
use matrix_keycloak_sync::model::{Account, ServerText, UserId};
use matrix_keycloak_sync::readers::{SynapseReader, Tally};
use matrix_keycloak_sync::signals::{MaySend, NotifyRoom};
use serde_json::{Map, Value, json};

use crate::corpus::{assert_served, law, outcome, understood};
use crate::mutations::documents;
use crate::recordings::bodies;
use crate::stage::{self, Stage, good, missing};

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

fn notify_room(stage: &Stage) -> NotifyRoom {
    let synapse =
        SynapseConfig { url: stage.url.clone(), admin_token: "token".into(), tls: Tls::default() };
    let room = RoomConfig { id: "!ops:test.local".to_owned(), access_token: "bot".into() };
    NotifyRoom::new(&synapse, &room, Timeouts::default()).expect("a client")
}

/// Power levels as Synapse 1.163 serves them, in which the bot has no level of its own, a low and a
/// high one.
fn power_levels() -> Vec<Value> {
    let levels = |users: Value| {
        json!({
            "ban": 50, "events": {"m.room.message": 10, "m.room.name": 50}, "events_default": 0, "invite": 0,
            "kick": 50, "redact": 50, "state_default": 50, "users": users, "users_default": 5,
        })
    };
    [json!({}), json!({OWNER: 9}), json!({OWNER: 10})].map(levels).into()
}

#[test]
fn bot_may_send_if_the_served_levels_say_so_or_an_error() {
    let stage = Stage::new();
    let (room, bot) = (notify_room(&stage), UserId::try_from(Box::from(OWNER)).expect("a user ID"));
    law("synapse-power-levels", file!(), documents(power_levels()), |body| {
        let served = body.to_vec();
        stage.serve(move |asked| {
            if asked.path.contains("m.room.power_levels") {
                good(served.clone())
            } else {
                missing()
            }
        });
        let found = stage.run(room.may_send(&bot));
        if let (Ok(found), Some(levels)) = (&found, understood::<Map<String, Value>>(body)) {
            let level = |pointer: [&str; 2]| levels.get(pointer[0])?.get(pointer[1])?.as_i64();
            let default = |name: &str| levels.get(name).and_then(Value::as_i64).unwrap_or(0);
            let has = level(["users", OWNER]).unwrap_or_else(|| default("users_default"));
            let needs = level(["events", "m.room.message"]);
            let needs = needs.unwrap_or_else(|| default("events_default"));
            let expected = if has >= needs { MaySend::Yes } else { MaySend::No { has, needs } };
            assert_eq!(*found, expected);
        }
        outcome(&found)
    });
}

#[test]
fn bot_and_its_rooms_are_returned_or_an_error() {
    let stage = Stage::new();
    let room = notify_room(&stage);
    law("synapse-whoami", file!(), documents(bodies("synapse.json", "/whoami")), |body| {
        let served = body.to_vec();
        stage.serve(move |_| good(served.clone()));
        let found = stage.run(room.bot());
        if let Ok(bot) = &found {
            assert_served(&bot.user_id.text(), body, "user_id");
        }
        outcome(&found)
    });
    let lists = vec![json!({"joined_rooms": ["!ops:test.local"]}), json!({"joined_rooms": []})];
    law("synapse-joined-rooms", file!(), documents(lists), |body| {
        let served = body.to_vec();
        stage.serve(move |_| good(served.clone()));
        let found = stage.run(room.is_joined());
        if let (Ok(is_joined), Some(list)) = (&found, understood::<Map<String, Value>>(body)) {
            let rooms = list.get("joined_rooms").and_then(Value::as_array).expect("a list");
            assert_eq!(*is_joined, rooms.iter().any(|id| *id == "!ops:test.local"));
        }
        outcome(&found)
    });
}
