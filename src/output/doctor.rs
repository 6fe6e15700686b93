//! Prints the findings of `doctor`: text by server, JSON with one entry per check.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{DISABLE, FAINT, HEADING};
use crate::doctor::{Area, Check, Report, Section, Status};
use crate::model::to_json;
use crate::phrases;

const WIDTH: usize = 80;
/// The column at which the text of a check starts.
const INDENT: usize = 11;
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const OK: Style = AnsiColor::Green.on_default();

/// Returns the text: grouped by server, wrapped, with a word for each status, so that nothing
/// depends on colour.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for section in &report.sections {
        let gap = if text.is_empty() { "" } else { "\n" };
        let at = if section.at.is_empty() { String::new() } else { format!(" ({})", section.at) };
        let _ = writeln!(text, "{gap}{HEADING}{}{HEADING:#}{at}", title(section.area));
        checks(&mut text, section);
    }
    let counted = |status| report.count(status);
    let _ = writeln!(
        text,
        "\n{HEADING}Checked:{HEADING:#} {} ok, {}, {}, {} skipped; nothing was changed",
        counted(Status::Ok),
        phrases::counted(counted(Status::Warning), "warning", "warnings"),
        phrases::counted(counted(Status::Problem), "problem", "problems"),
        counted(Status::Skipped),
    );
    text
}

fn title(area: Area) -> &'static str {
    match area {
        Area::Settings => "Settings",
        Area::Keycloak => "Keycloak",
        Area::Synapse => "Synapse",
        Area::Mas => "MAS",
        Area::MasCli => "mas-cli",
    }
}

fn checks(text: &mut String, section: &Section) {
    let mut rest = section.checks.as_slice();
    while let Some((first, after)) = rest.split_first() {
        // Checks skipped for the same reason share a line.
        let same = |check: &&Check| {
            first.status == Status::Skipped
                && check.status == first.status
                && check.found == first.found
        };
        let more = after.iter().take_while(same).count();
        let names: Vec<_> = rest[..=more].iter().map(|check| check.name).collect();
        let (word, style) = match first.status {
            Status::Ok => ("ok", OK),
            Status::Warning => ("warning", WARNING),
            Status::Problem => ("PROBLEM", DISABLE),
            Status::Skipped => ("skipped", FAINT),
        };
        let body = wrapped(&format!("{}: {}", names.join(", "), first.found));
        let _ = writeln!(text, "  {style}{word:<7}{style:#}  {}", body.trim_start());
        if let Some(fix) = &first.fix {
            let _ = writeln!(text, "{}", wrapped(&format!("fix: {fix}")));
        }
        rest = &after[more..];
    }
}

/// Wraps text at 80 columns, with the indentation of a check. A line that begins with a blank stays
/// as it is.
fn wrapped(text: &str) -> String {
    let margin = " ".repeat(INDENT);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(' ') {
            lines.push(format!("{margin}{line}"));
            continue;
        }
        let mut current = margin.clone();
        for word in line.split_whitespace() {
            let is_empty = current.len() == INDENT;
            if !is_empty && current.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut current, margin.clone()));
            }
            if current.len() > INDENT {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    checks: Vec<CheckEntry<'r>>,
    summary: CheckCounts,
}

#[derive(Serialize)]
struct CheckEntry<'r> {
    server: Area,
    #[serde(flatten)]
    check: &'r Check,
}

#[derive(Serialize)]
struct CheckCounts {
    ok: usize,
    warning: usize,
    problem: usize,
    skipped: usize,
}

/// Returns the JSON: one entry per check, in the order in which they were made.
#[must_use]
pub fn json(report: &Report) -> String {
    let entries = report.sections.iter().flat_map(|section| {
        section.checks.iter().map(|check| CheckEntry { server: section.area, check })
    });
    let document = Document {
        version: 1,
        checks: entries.collect(),
        summary: CheckCounts {
            ok: report.count(Status::Ok),
            warning: report.count(Status::Warning),
            problem: report.count(Status::Problem),
            skipped: report.count(Status::Skipped),
        },
    };
    to_json(&document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, status: Status, found: &str, fix: Option<&str>) -> Check {
        Check { name, status, found: found.to_owned(), fix: fix.map(ToOwned::to_owned) }
    }

    fn report() -> Report {
        let checks = vec![
            check("reachable", Status::Ok, "Keycloak answers", None),
            check(
                "token",
                Status::Problem,
                "Keycloak: POST https://sso.example.org/realms/corp/token: gave no token: invalid_grant",
                Some("do this:\n  key: value\nand then that"),
            ),
            check("group", Status::Skipped, "there is no token", None),
            check("members", Status::Skipped, "there is no token", None),
        ];
        let mut section = Section::new(Area::Keycloak, "https://sso.example.org/");
        section.checks = checks;
        Report { sections: vec![section] }
    }

    #[test]
    fn it_is_wrapped_and_checks_skipped_for_the_same_reason_share_a_line() {
        let expected = "\
Keycloak (https://sso.example.org/)
  ok       reachable: Keycloak answers
  PROBLEM  token: Keycloak: POST https://sso.example.org/realms/corp/token: gave
           no token: invalid_grant
           fix: do this:
             key: value
           and then that
  skipped  group, members: there is no token

Checked: 1 ok, 0 warnings, 1 problem, 2 skipped; nothing was changed
";
        assert_eq!(anstream::adapter::strip_str(&text(&report())).to_string(), expected);
    }

    #[test]
    fn a_program_gets_an_entry_for_each_check() {
        let value: serde_json::Value = serde_json::from_str(&json(&report())).expect("JSON");
        assert_eq!(
            value["checks"][0],
            serde_json::json!({"server": "keycloak", "check": "reachable", "status": "ok", "found": "Keycloak answers"})
        );
        assert_eq!(
            value["summary"],
            serde_json::json!({"ok": 1, "warning": 0, "problem": 1, "skipped": 2})
        );
    }
}
