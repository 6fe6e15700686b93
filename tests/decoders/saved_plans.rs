//! Saved plans, as `apply FILE` reads them.

use clap::Parser as _;
use matrix_keycloak_sync::app;
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::environment::{Surroundings, Timeouts};
use matrix_keycloak_sync::failure::Failure;
use matrix_keycloak_sync::model::Localpart;
use matrix_keycloak_sync::plan::{ActionKind, Digest, DisableMode, Reason, WriterKind};
use serde_json::{Value, json};

use crate::configuration::settings;
use crate::corpus::{law_at_a_cost, outcome, understood};
use crate::mutations::documents;
use crate::stage::Stage;

fn plan() -> Value {
    let planned = [
        (ActionKind::Activate, "alice", Reason::InGroup),
        (ActionKind::Disable, "dave", Reason::NotInGroup),
    ];
    let actions = planned.map(|(kind, name, reason)| (kind, Localpart::from(name), reason));
    let facts = actions.iter().map(|(kind, name, reason)| (*kind, name, *reason));
    let digest =
        Digest::new(2, &"test.local".into(), WriterKind::MasApi, DisableMode::Deactivate, facts);
    let entry = |(kind, name, reason): (ActionKind, Localpart, Reason)| {
        let user_id = name.clone().on(&"test.local".into());
        json!({"action": kind, "localpart": name, "user_id": user_id, "reason": reason})
    };
    let mut entries: Vec<_> = actions.into_iter().map(entry).collect();
    entries.push(
        json!({"action": "disable", "localpart": "erin", "user_id": "@erin:test.local", "reason": "not_in_group",
        "outcome": "skipped", "error": "no answer"}),
    );
    json!({"version": 1, "digest": digest, "writer": "mas-api", "disable": "deactivate", "actions": entries,
        "read": {"members": 5, "accounts": 6}, "summary": {}, "not_registered": ["zoe"], "kept": []})
}

/// What a plan would do.
fn actions(plan: &Value) -> Vec<[Value; 4]> {
    let entries = plan["actions"]
        .as_array()
        .expect("actions")
        .iter()
        .filter(|entry| entry["outcome"] != "skipped");
    entries
        .map(|entry| ["action", "localpart", "user_id", "reason"].map(|field| entry[field].clone()))
        .collect()
}

/// The stack size of the program's main thread; a test has a quarter of it, which a debug build
/// uses up.
const STACK: usize = 8 << 20;

#[test]
fn a_plan_is_applied_as_it_was_saved_or_not_at_all() {
    let held = std::thread::Builder::new().stack_size(STACK).spawn(hold).expect("a thread").join();
    held.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn hold() {
    let stage = Stage::new();
    let directory = tempfile::tempdir().expect("a directory");
    let [config, file, past] =
        ["config.toml", "plan.json", "state.db"].map(|name| directory.path().join(name));
    let more = "[accounts]\nsource = \"mas\"\n";
    let text = format!("state_file = '{}'\n{}", past.display(), settings(&stage, more));
    std::fs::write(&config, text).expect("a file");
    let words =
        [&"matrix-keycloak-sync".into(), &"apply".into(), &file, &"--config".into(), &config];
    let original = plan();
    law_at_a_cost(2, "saved-plan", file!(), documents(vec![original.clone()]), |plan| {
        std::fs::write(&file, plan).expect("a file");
        let surroundings = Surroundings { env: Box::new(|_| None), timeouts: Timeouts::default() };
        let cli = Cli::try_parse_from(words).expect("a command line");
        // The stage has no group, so an accepted plan goes no further.
        let applied = stage.run(app::run(cli, &surroundings));
        match &applied {
            Err(Failure::SavedPlan { .. }) => {}
            _ => {
                if let Some(plan) = understood::<Value>(plan) {
                    assert_eq!(
                        actions(&plan),
                        actions(&original),
                        "a plan that was changed is accepted"
                    );
                }
            }
        }
        let failure = applied.expect_err("nothing can be applied here");
        assert!(!failure.render().is_empty());
        outcome::<(), _>(&Err(failure))
    });
}
