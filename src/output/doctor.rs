//! Prints the findings of `doctor`: text by server, JSON with one entry per check.

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{CHANGE, DISABLE, FAINT, HEADING, Page, Terminal};
use crate::doctor::{Area, Check, Report, Section, Status};
use crate::model::to_json;
use crate::phrases;

/// The column at which the text of a check starts.
const INDENT: usize = 11;
const OK: Style = AnsiColor::Green.on_default();

/// Returns the text: grouped by server, with a word for each status, so that nothing depends on
/// colour.
#[must_use]
pub fn text(report: &Report, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    for (number, section) in report.sections.iter().enumerate() {
        if number > 0 {
            page.gap();
        }
        let at = if section.at.is_empty() { String::new() } else { format!(" ({})", section.at) };
        page.line(format_args!("{HEADING}{}{HEADING:#}{at}", title(section.area)));
        checks(&mut page, section);
    }
    let counted = |status| report.count(status);
    page.gap();
    page.line(format_args!(
        "{HEADING}Checked:{HEADING:#} {} ok, {}, {}, {} skipped; nothing was changed",
        counted(Status::Ok),
        phrases::counted(counted(Status::Warning), "warning", "warnings"),
        phrases::counted(counted(Status::Problem), "problem", "problems"),
        counted(Status::Skipped),
    ));
    problems(&mut page, report);
    page.into_text()
}

/// Repeats the problems, which may have scrolled away.
fn problems(page: &mut Page, report: &Report) {
    if report.count(Status::Problem) == 0 {
        return;
    }
    page.gap();
    page.line(format_args!("{DISABLE}Problems{DISABLE:#}"));
    for section in &report.sections {
        for check in section.checks.iter().filter(|check| check.status == Status::Problem) {
            let found = check.found.lines().next().unwrap_or_default();
            page.entry(2, '-', format_args!("{}, {}: {found}", title(section.area), check.name));
        }
    }
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

fn checks(page: &mut Page, section: &Section) {
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
            Status::Warning => ("warning", CHANGE),
            Status::Problem => ("PROBLEM", DISABLE),
            Status::Skipped => ("skipped", FAINT),
        };
        let begin = format!("  {style}{word:<7}{style:#}  ");
        block(page, &begin, &format!("{}: {}", names.join(", "), first.found));
        if let Some(fix) = &first.fix {
            block(page, &" ".repeat(INDENT), &format!("fix: {fix}"));
        }
        rest = &after[more..];
    }
}

/// Adds text with the indentation of a check. A line that begins with a blank, such as YAML to paste,
/// stays whole.
fn block(page: &mut Page, begin: &str, text: &str) {
    let margin = " ".repeat(INDENT);
    for (number, line) in text.lines().enumerate() {
        let begin = if number == 0 { begin } else { &margin };
        if line.starts_with(' ') {
            page.verbatim(format_args!("{begin}{line}"));
        } else {
            page.hanging(begin, INDENT, line);
        }
    }
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
        let eighty = Terminal { width: Some(80), ..Terminal::WHOLE };
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

Problems
  - Keycloak, token: Keycloak: POST https://sso.example.org/realms/corp/token:
      gave no token: invalid_grant
";
        assert_eq!(anstream::adapter::strip_str(&text(&report(), eighty)).to_string(), expected);
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
