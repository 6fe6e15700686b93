//! Tests the words that the file uses for enums.

use super::actions::failed;
use super::*;
use crate::plan::{DisableMode, OutcomeKind, WriterKind};

#[test]
fn words_of_the_file_stay_as_they_are() {
    assert_eq!(RunCommand::words(), ["sync", "apply", "undo", "watch"]);
    assert_eq!(RunResult::words(), ["in_step", "incomplete", "refused", "failed", "locked"]);
    assert_eq!(OutcomeKind::words(), ["done", "scheduled", "failed", "skipped"]);
    assert_eq!(runs::HarmlessFailure::words(), ["user_not_found", "untouched", "not_rechecked"]);
    assert_eq!(
        ActionKind::words(),
        ["activate", "disable", "deactivate", "create", "grant_admin", "revoke_admin"]
    );
    assert_eq!(DisableMode::words(), ["deactivate", "lock"]);
    assert_eq!(WriterKind::words(), ["mas-cli", "mas-api"]);
    assert_eq!(Tie::words(), ["link", "external_id", "name", "restored"]);
}

#[test]
fn word_of_a_newer_version_is_an_error() {
    for change in [
        "runs SET command = 'later'",
        "runs SET writer = 'later'",
        "runs SET disable = 'later'",
        "runs SET result = 'later'",
        "actions SET action = 'later'",
        "actions SET reason = 'later'",
        "actions SET outcome = 'later'",
        "actions SET failure = 'later'",
    ] {
        let fixture = fixture();
        let state = fixture.open();
        let run = acted(
            &state,
            ActionKind::Disable,
            "dave",
            Some(&failed(FailureKind::Account, Left::Untouched)),
        );
        fixture.sql(&format!("UPDATE {change}"));
        let error = state.run(run).expect_err(change);
        assert!(
            matches!(&error.problem, StateProblem::Word(word) if word.raw() == "later"),
            "{change}: {error}"
        );
        assert!(error.hint().contains("a newer one"), "{}", error.hint());
    }
    let fixture = fixture();
    let state = fixture.open();
    record_owner(&state, "dave", &owner("1", Tie::Link));
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    fixture.sql("UPDATE owners SET tie = 'later'; UPDATE actions SET outcome = 'later'");
    let no_owner = |name: &str, _| unreachable!("{name} has no owner");
    for error in [
        state.owners(no_owner).err(),
        state.failed_before().err(),
        state.memory(Timestamp::now()).err(),
    ] {
        assert!(matches!(error.expect("an error").problem, StateProblem::Word(_)));
    }
}
