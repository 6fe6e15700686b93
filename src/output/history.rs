//! Prints past runs, one run with every action, and what `undo` cannot restore.

use std::fmt::Write as _;

use serde::Serialize;

use super::{FAINT, HEADING, Page, Terminal};
use crate::model::{Room, ServerText, Word as _, to_json};
use crate::phrases::counted;
use crate::plan::RunResult;
use crate::state::{ActionRow, INTERRUPTED, RunRow};

/// Which runs were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    ForAll,
    /// For those that the options select.
    ForSome,
}

/// Returns the text before a deactivation is undone.
#[must_use]
pub fn what_cannot_come_back(terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    page.gap();
    page.hanging(
        "",
        0,
        "Activated users can log in again, but a deactivation is not reversed completely: they left every room and have \
         to be invited again, and their e-mail addresses are gone.",
    );
    page.into_text()
}

/// Returns the text before any account is activated.
#[must_use]
pub fn what_a_sync_disables_again(terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    page.gap();
    page.hanging(
        "",
        0,
        "Accounts still outside the group are disabled again by the next sync: add the users to the group, or the \
         accounts to policy.protect.",
    );
    page.into_text()
}

/// Returns the runs as text, one per line, the newest first.
#[must_use]
pub fn runs(runs: &[RunRow], asked: Asked) -> String {
    if runs.is_empty() {
        return match asked {
            Asked::ForAll => "No run has changed anything yet.\n".to_owned(),
            Asked::ForSome => "No run matches.\n".to_owned(),
        };
    }
    let mut text = format!(
        "{HEADING}{:>5}  {:<20}  {:<7}  {:>9}  {:>8}  {:>8}  {}{HEADING:#}\n",
        "run", "started", "command", "activated", "disabled", "not done", "result"
    );
    for run in runs {
        let _ = writeln!(
            text,
            "{:>5}  {:<20}  {:<7}  {:>9}  {:>8}  {:>8}  {}",
            run.run.number(),
            run.started.to_string(),
            run.command.word(),
            run.activated,
            run.disabled,
            run.not_done,
            result(run),
        );
    }
    text
}

fn result(run: &RunRow) -> String {
    let result = run.result.map_or(INTERRUPTED, RunResult::text);
    let mut text = match (run.undoes, run.repeats) {
        (Some(undone), _) => format!("{result}, undoes {undone}"),
        (None, 0) => result.to_owned(),
        (None, repeats) => format!("{result} {} times", u64::from(repeats) + 1),
    };
    // Every run has the columns for accounts; few have these.
    for (count, one, many) in [
        (run.created, "created", "created"),
        (run.deactivated, "second stage", "second stages"),
        (run.admin_changes, "change of administrators", "changes of administrators"),
    ] {
        if count > 0 {
            let counted = counted(count as usize, one, many);
            let _ = write!(text, ", {counted}");
        }
    }
    text
}

/// Returns one run as text: its facts, why it was refused, then one action per line.
#[must_use]
pub fn run(run: &RunRow, actions: &[ActionRow], refused: &[ServerText]) -> String {
    let mut text =
        format!("{HEADING}Run {}{HEADING:#}: {}, {}\n", run.run, run.command.word(), result(run));
    let ended = run.ended.map_or_else(|| "never".to_owned(), |ended| ended.to_string());
    let _ = writeln!(text, "  started {}, ended {ended}", run.started);
    let (writer, disable) = (run.writer.word(), run.disable.word());
    let _ = writeln!(
        text,
        "  by {writer}, policy.disable = {disable:?}\n  {FAINT}{}{FAINT:#}\n",
        run.digest
    );
    if !refused.is_empty() {
        let _ = writeln!(text, "  refused, because");
        for reason in refused {
            let _ = writeln!(text, "  - {reason}");
        }
        text.push('\n');
    }
    for action in actions {
        let _ = writeln!(
            text,
            "  {:<11}  {:<10}  {}: {}",
            action.outcome.word(),
            action.action.word(),
            action.user_id,
            action.reason.text()
        );
        if let Some(error) = &action.error {
            let _ = writeln!(text, "               {FAINT}{error}{FAINT:#}");
        }
        if !action.rooms.is_empty() {
            let _ =
                writeln!(text, "               {FAINT}was in {}{FAINT:#}", rooms(&action.rooms));
        }
    }
    text
}

/// Returns the rooms to which users have to be invited again, if any are known.
#[must_use]
pub fn rooms_to_invite_to(actions: &[&ActionRow]) -> String {
    let mut text = String::new();
    for action in actions.iter().filter(|action| !action.rooms.is_empty()) {
        if text.is_empty() {
            let _ = writeln!(text, "\n{HEADING}Rooms that they were in{HEADING:#}");
        }
        let _ = writeln!(text, "  {}: {}", action.user_id.localpart(), rooms(&action.rooms));
    }
    text
}

fn rooms(rooms: &[Room]) -> String {
    let named = |room: &Room| match &room.name {
        Some(name) => format!("{name} ({})", room.room_id),
        None => room.room_id.to_string(),
    };
    rooms.iter().map(named).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct Runs<'r> {
    version: u32,
    runs: &'r [RunRow],
}

#[derive(Serialize)]
struct Run<'r> {
    version: u32,
    #[serde(flatten)]
    row: &'r RunRow,
    actions: &'r [ActionRow],
}

/// Returns the runs as JSON.
#[must_use]
pub fn runs_as_json(runs: &[RunRow]) -> String {
    to_json(&Runs { version: 1, runs })
}

/// Returns one run as JSON.
#[must_use]
pub fn run_as_json(run: &RunRow, actions: &[ActionRow]) -> String {
    to_json(&Run { version: 1, row: run, actions })
}
