//! Prints past runs, one run with every action, and what `undo` cannot restore.

use std::fmt::Write as _;

use serde::Serialize;

use super::{FAINT, HEADING, Page, Terminal};
use crate::model::{Room, ServerText, Timestamp, Word as _, to_json};
use crate::phrases::counted;
use crate::plan::RunResult;
use crate::state::{ActionRow, INTERRUPTED, RunId, RunRow};

/// Less room is not enough for a column of results.
const SHORTEST_RESULT: usize = 14;

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

/// The width of the columns before the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    Wide,
    /// Times to the minute and less space, so that most results stay in one line of 80 columns.
    Narrow,
}

impl Columns {
    /// Returns the columns in which every result fits, else the narrow ones.
    fn for_results(results: &[String], terminal: Terminal) -> Self {
        let longest = results.iter().map(String::len).max().unwrap_or(0);
        let fits = |width| Self::Wide.result_at() + longest <= width;
        if terminal.width.is_none_or(fits) { Self::Wide } else { Self::Narrow }
    }

    /// Returns the column of the result.
    fn result_at(self) -> usize {
        match self {
            Self::Wide => 69,
            Self::Narrow => 62,
        }
    }

    /// Returns a row up to its result.
    fn row(self, [run, started, command, activated, disabled, not_done]: [&str; 6]) -> String {
        match self {
            Self::Wide => format!(
                "{run:>5}  {started:<20}  {command:<7}  {activated:>9}  {disabled:>8}  {not_done:>8}  "
            ),
            Self::Narrow => format!(
                "{run:>4}  {started:<17}  {command:<7} {activated:>9} {disabled:>8} {not_done:>8}  "
            ),
        }
    }

    /// Returns a time as exactly as there is room.
    fn time(self, time: Timestamp) -> String {
        let whole = time.to_string();
        match (self, whole.rsplit_once(':')) {
            (Self::Narrow, Some((minute, _))) => format!("{minute}Z"),
            _ => whole,
        }
    }
}

/// Returns the runs as text, one per line, the newest first. On a terminal a long result goes on
/// below its beginning, so that it does not look like another run. `actions` are those on one account,
/// which are shown with their runs.
#[must_use]
pub fn runs(
    runs: &[RunRow],
    actions: &[(RunId, ActionRow)],
    asked: Asked,
    terminal: Terminal,
) -> String {
    if runs.is_empty() {
        return match asked {
            Asked::ForAll => "No run has changed anything yet.\n".to_owned(),
            Asked::ForSome => "No run matches.\n".to_owned(),
        };
    }
    let results: Vec<_> = runs.iter().map(result).collect();
    let columns = Columns::for_results(&results, terminal);
    let mut page = Page::new(terminal);
    let headings = columns.row(["run", "started", "command", "activated", "disabled", "not done"]);
    let is_too_narrow =
        terminal.width.is_some_and(|width| width < columns.result_at() + SHORTEST_RESULT);
    let print = |page: &mut Page, row: &str, result: &str| {
        if is_too_narrow {
            page.line(format_args!("{row}{result}"));
        } else {
            page.hanging(row, columns.result_at(), result);
        }
    };
    print(&mut page, &format!("{HEADING}{headings}"), &format!("result{HEADING:#}"));
    for (run, result) in runs.iter().zip(&results) {
        let number = run.run.number().to_string();
        let counts = [run.activated, run.disabled, run.not_done].map(|count| count.to_string());
        let [activated, disabled, not_done] = counts.each_ref().map(String::as_str);
        let started = columns.time(run.started);
        let cells = [&*number, &*started, run.command.word(), activated, disabled, not_done];
        print(&mut page, &columns.row(cells), result);
        for (_, action) in actions.iter().filter(|(of, _)| *of == run.run) {
            let (outcome, kind) = (action.outcome.word(), action.action.word());
            let account = action.user_id.localpart();
            page.line(format_args!("       {kind} {account}, {outcome}: {}", action.reason.text()));
            if let Some(error) = &action.error {
                page.line(format_args!("         {FAINT}{error}{FAINT:#}"));
            }
        }
    }
    page.into_text()
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
        (run.deactivated, "deactivated after a lock", "deactivated after a lock"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DisableMode, RunCommand, WriterKind};

    fn row(number: i64, result: RunResult) -> RunRow {
        RunRow {
            run: RunId::from_number(number),
            command: RunCommand::Sync,
            started: Timestamp::from_millis(1_795_000_000_000),
            ended: None,
            writer: WriterKind::MasCli,
            disable: DisableMode::Lock,
            digest: String::new(),
            result: Some(result),
            undoes: None,
            repeats: 0,
            activated: 0,
            disabled: 2,
            created: 0,
            deactivated: 0,
            admin_changes: 0,
            not_done: 31,
        }
    }

    fn shown(width: Option<usize>) -> String {
        let rows = [
            RunRow { undoes: Some(RunId::from_number(1)), ..row(12, RunResult::InStep) },
            RunRow { deactivated: 12, ..row(2, RunResult::InStep) },
            RunRow { repeats: 1, ..row(1, RunResult::Refused) },
        ];
        let text = runs(&rows, &[], Asked::ForAll, Terminal { width, ..Terminal::WHOLE });
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn long_result_goes_on_below_its_beginning() {
        let narrow = " run  started            command activated disabled not done  result
  12  2026-11-18T11:06Z  sync            0        2       31  in step, undoes 1
   2  2026-11-18T11:06Z  sync            0        2       31  in step, 12
                                                              deactivated after
                                                              a lock
   1  2026-11-18T11:06Z  sync            0        2       31  refused 2 times
";
        assert_eq!(shown(Some(80)), narrow);
    }

    #[test]
    fn columns_are_wide_if_every_result_fits() {
        let wide = "  run  started               command  activated  disabled  not done  result
   12  2026-11-18T11:06:40Z  sync             0         2        31  in step, undoes 1
    2  2026-11-18T11:06:40Z  sync             0         2        31  in step, 12 deactivated after a lock
    1  2026-11-18T11:06:40Z  sync             0         2        31  refused 2 times
";
        for width in [None, Some(120), Some(105)] {
            assert_eq!(shown(width), wide, "{width:?}");
        }
    }

    #[test]
    fn every_line_fits_a_narrow_terminal_too() {
        for width in [40, 60, 75, 76, 80, 93] {
            let shown = shown(Some(width));
            assert!(shown.lines().all(|line| line.len() <= width), "{width}:\n{shown}");
        }
    }
}
