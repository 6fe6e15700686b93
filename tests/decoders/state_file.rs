//! The state file: bytes that are no database, and invalid rows.

use std::path::Path;

use matrix_keycloak_sync::model::{Timestamp, UserId};
use matrix_keycloak_sync::output::{Terminal, history};
use matrix_keycloak_sync::plan::RunCommand;
use matrix_keycloak_sync::state::{Namespace, RunFilter, State, StateError};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value, json};

use crate::corpus::{law, law_at_a_cost, outcome};
use crate::mutations::{bytes, documents, fields};

/// The tables with a row each, in an order that satisfies their references.
const TABLES: [&str; 7] =
    ["runs", "actions", "absences", "settled", "directories", "owners", "readings"];

fn namespace() -> Namespace {
    Namespace { realm: "corp".to_owned(), server_name: "test.local".into() }
}

/// Reads everything, as all commands together do: first as a command that only reads.
fn read_all(path: &Path) -> Result<(), StateError> {
    let read = State::read(path, namespace())
        .and_then(|state| state.map_or(Ok(()), |state| read_state(&state)));
    read_state(&State::open(path, namespace())?)?;
    read
}

fn read_state(state: &State) -> Result<(), StateError> {
    let memory = state.memory(Timestamp::from_millis(1_795_000_000_000));
    let runs = state.runs(&RunFilter::default())?;
    assert!(!history::runs(&runs, &[], history::Asked::ForAll, Terminal::WHOLE).is_empty());
    for row in &runs {
        if let Some((row, actions)) = state.run(row.run)? {
            assert!(!history::run(&row, &actions, &state.refused_because(row.run)?).is_empty());
            let _ = history::run_as_json(&row, &actions);
        }
    }
    let _ = history::runs_as_json(&runs);
    state.owners(|_, _| ())?;
    state.owners_of(&["dave".into()], &["1".into()])?;
    state.done_since(RunCommand::Sync, Timestamp::default())?;
    state.actions_of(&UserId::try_from(Box::from("@dave:test.local")).expect("a user ID"))?;
    memory.map(drop)
}

/// One row for each table.
fn rows() -> Value {
    json!({
        "runs": {"id": 1, "command": "sync", "started": 1_795_000_000_000_i64, "ended": 1_795_000_001_000_i64,
            "server_name": "test.local", "realm": "corp", "writer": "mas-cli", "disable": "deactivate",
            "digest": "sha256:00", "plan": "{}", "result": "in_step", "undoes": null},
        "actions": {"run": 1, "number": 0, "action": "disable", "user_id": "@dave:test.local", "mas_id": null,
            "reason": "not_in_group", "evidence": "{\"keycloak\": []}",
            "before": "{\"deactivated\": false, \"locked\": false, \"erased\": false}",
            "after": null, "begun": 1_795_000_000_500_i64, "ended": 1_795_000_000_700_i64, "outcome": "done", "error": null},
        "absences": {"realm": "corp", "server_name": "test.local", "user_id": "@dave:test.local",
            "since": 1_794_000_000_000_i64},
        "settled": {"realm": "corp", "server_name": "test.local", "user_id": "@dave:test.local",
            "seen": 1_794_000_000_000_i64},
        "directories": {"realm": "corp", "server_name": "test.local", "provider": "ldap",
            "alive_seen": 1_794_000_000_000_i64},
        "owners": {"realm": "corp", "server_name": "test.local", "localpart": "dave", "keycloak_id": "1",
            "tie": "external_id", "since": 1_794_000_000_000_i64},
        "readings": {"realm": "corp", "server_name": "test.local", "last": 1_794_999_000_000_i64, "pause": 900_000,
            "runs": 3},
    })
}

fn sql(value: Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(value) => Sql::Integer(value.into()),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Sql::Real(number.as_f64().unwrap_or_default()), Sql::Integer),
        Value::String(text) => Sql::Text(text),
        other => Sql::Text(other.to_string()),
    }
}

/// Inserts rows as they are, and skips those that the tables refuse.
fn fill(path: &Path, rows: &Map<String, Value>) {
    drop(State::open(path, namespace()).expect("a new file"));
    let connection = Connection::open(path).expect("a database");
    connection.pragma_update(None, "foreign_keys", false).expect("a database");
    for table in TABLES {
        let row = fields(rows.get(table).unwrap_or(&Value::Null));
        if row.keys().any(|name| {
            !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') || name.is_empty()
        }) || row.is_empty()
        {
            continue;
        }
        let columns: Vec<_> = row.keys().map(|name| format!("\"{name}\"")).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", "));
        let _ = connection
            .execute(&insert, params_from_iter(row.into_iter().map(|(_, value)| sql(value))));
    }
}

#[test]
fn row_is_valid_or_an_error() {
    law_at_a_cost(2, "state-rows", file!(), documents(vec![rows()]), |text| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.db");
        let Ok(rows) = serde_json::from_slice(text) else { return "no rows".to_owned() };
        fill(&path, &fields(&rows));
        outcome(&read_all(&path))
    });
}

#[test]
fn a_file_is_a_state_file_or_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.db");
    fill(&path, &fields(&rows()));
    let whole = std::fs::read(&path).expect("a file");
    law("state-file", file!(), bytes(vec![whole]), |bytes| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.db");
        std::fs::write(&path, bytes).expect("a file");
        outcome(&read_all(&path))
    });
}
