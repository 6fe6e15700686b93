//! What `doctor` found: for a person, grouped by server and readable without colour, and for a program.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use textwrap::{Options, fill};

use super::{HEADING, counted};
use crate::doctor::{Area, Check, Status};

const WIDTH: usize = 80;
const OK: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const PROBLEM: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = super::FAINT;

/// For a person.
#[must_use]
pub fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    let mut area = None;
    // What was skipped for one reason is told in one line.
    let of_one_reason = |one: &Check, next: &Check| {
        let skipped = |check: &Check| check.status == Status::Skipped;
        skipped(one) && skipped(next) && (one.server, &one.found) == (next.server, &next.found)
    };
    for group in checks.chunk_by(of_one_reason) {
        let check = &group[0];
        if area.replace(check.server) != Some(check.server) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{HEADING}{}{HEADING:#}", name(check.server));
        }
        let (word, style) = match check.status {
            Status::Ok => ("ok", OK),
            Status::Warning => ("warning", WARNING),
            Status::Problem => ("PROBLEM", PROBLEM),
            Status::Skipped => ("skipped", FAINT),
        };
        let found = match check.status {
            Status::Skipped => {
                format!("{}: {}", group.iter().map(|check| check.check).collect::<Vec<_>>().join(", "), check.found)
            }
            _ => check.found.clone(),
        };
        let found = wrapped(&found, "");
        let _ = writeln!(text, "  {style}{word:<7}{style:#}  {}", found.trim_start());
        if let Some(fix) = &check.fix {
            let _ = writeln!(text, "{}", wrapped(fix, "-> "));
        }
    }
    let Summary { ok, warning, problem, skipped } = Summary::of(checks);
    let (problems, warnings) = (counted(problem, "problem", "problems"), counted(warning, "warning", "warnings"));
    let _ = writeln!(text, "\n{problems}, {warnings}, {ok} ok, {skipped} skipped");
    text
}

/// Below the words of the status, in 80 columns; lines of an example stay as they are.
fn wrapped(found: &str, mark: &str) -> String {
    let blank = " ".repeat(11 + mark.len());
    let first = format!("{}{mark}", " ".repeat(11));
    let options = Options::new(WIDTH).initial_indent(&first).subsequent_indent(&blank).break_words(false);
    let mut lines = found.lines();
    let mut text = fill(lines.next().unwrap_or_default(), &options);
    for line in lines {
        let _ = write!(text, "\n{blank}{line}");
    }
    text
}

fn name(area: Area) -> &'static str {
    match area {
        Area::Settings => "Settings",
        Area::Keycloak => "Keycloak",
        Area::Synapse => "Synapse",
        Area::Mas => "MAS (Admin API)",
        Area::MasCli => "mas-cli",
    }
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    ok: usize,
    warning: usize,
    problem: usize,
    skipped: usize,
}

impl Summary {
    fn of(checks: &[Check]) -> Self {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        Self {
            ok: count(Status::Ok),
            warning: count(Status::Warning),
            problem: count(Status::Problem),
            skipped: count(Status::Skipped),
        }
    }
}

#[derive(Serialize)]
struct Document<'c> {
    version: u32,
    checks: &'c [Check],
    summary: Summary,
}

/// For a program.
#[must_use]
pub fn json(checks: &[Check]) -> String {
    let document = Document { version: 1, checks, summary: Summary::of(checks) };
    serde_json::to_string_pretty(&document).expect("strings and numbers always serialize") + "\n"
}
