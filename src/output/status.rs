//! Prints how a running `watch` stands.

use std::fmt::Write as _;

use super::{ACTIVATE, DISABLE, HEADING, Terminal, wrapped};
use crate::model::printable;
use crate::phrases::counted;
use crate::signals::{Status, WatchState};

/// Returns a status as text, with the command that approves what waits.
#[must_use]
pub fn status(status: &Status, command: Option<&str>, terminal: Terminal) -> String {
    let mut text = String::new();
    let style = if status.state == WatchState::InStep { ACTIVATE } else { DISABLE };
    let (server_name, title, since) = (&status.server_name, status.state.title(), status.since);
    let _ =
        writeln!(text, "{HEADING}{server_name}{HEADING:#}: {style}{title}{style:#} since {since}");
    let _ = writeln!(text, "{}\n", status.state.text());
    let last = status.last_run.map_or_else(
        || "none yet".to_owned(),
        |run| format!("{}, {}", run.ended, run.result.text()),
    );
    let _ = writeln!(text, "  last full run  {last}");
    let next = status.next_run.map_or_else(|| "under way".to_owned(), |next| next.to_string());
    let _ = writeln!(text, "  next full run  {next}");
    if let Some(read) = status.read {
        let members = counted(read.members, "member", "members");
        let accounts = counted(read.accounts, "account", "accounts");
        let _ = writeln!(text, "  full reading   {}, {members}, {accounts}", read.at);
    }
    if let Some(changes) = status.changes.first() {
        let _ = writeln!(text, "  last change    {}", changes.time);
    }
    if let Some(failure) = &status.failure {
        let _ = writeln!(text, "\nThe last run failed: {}", failure.error);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
    }
    let Some(decision) = &status.decision else { return wrapped(&text, terminal) };
    let _ = writeln!(text, "\n{}:", decision.title());
    for reason in decision.why() {
        let _ = writeln!(text, "  - {reason}");
    }
    let Some(command) = command else {
        if let Some(advice) = &decision.advice {
            let _ = writeln!(text, "{advice}");
        }
        return wrapped(&text, terminal);
    };
    text.push_str("Check the plan with `plan`. If it is right, run\n");
    wrapped(&text, terminal) + &format!("  {}\n", printable(command))
}
