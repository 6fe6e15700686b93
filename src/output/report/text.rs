//! Prints a report for a terminal: one line for each account, and a second one if there is more to
//! say than that it is a member's.

use std::io::{self, Write};

use anstyle::Style;
use textwrap::core::display_width;

use super::html::right;
use super::{ReportHead, ReportRow, ReportWriter, counted_as, verdict};
use crate::model::Word as _;
use crate::output::page::lines;
use crate::output::{ACTIVATE, DISABLE, FAINT, HEADING};
use crate::planner::Standing;

/// The widest column of names.
const WIDEST_NAME: usize = 32;
const STATE: usize = "deactivated".len();
const VERDICT: usize = "would be deactivated".len();
const INDENT: &str = "    ";

/// How wide the text and its first column are.
#[derive(Debug, Clone, Copy)]
pub struct Widths {
    /// The width of the terminal; without one, nothing is wrapped.
    pub terminal: Option<usize>,
    /// The longest localpart.
    pub longest_name: usize,
}

/// Prints text.
#[derive(Debug)]
pub struct TextReport<W: Write> {
    out: W,
    terminal: Option<usize>,
    name: usize,
    verdict: usize,
    /// The last lines.
    foot: Vec<String>,
}

impl<W: Write> TextReport<W> {
    /// Creates it; nothing is printed yet.
    pub fn new(out: W, widths: Widths) -> Self {
        let room = widths.terminal.map_or(WIDEST_NAME, |width| width.saturating_sub(56).max(8));
        let name = widths.longest_name.clamp("account".len(), WIDEST_NAME.min(room));
        Self { out, terminal: widths.terminal, name, verdict: VERDICT, foot: Vec::new() }
    }

    fn wrapped(&mut self, style: Style, text: &str) -> io::Result<()> {
        for line in lines(text, self.terminal.map(|width| width.saturating_sub(INDENT.len()))) {
            writeln!(self.out, "{INDENT}{style}{line}{style:#}")?;
        }
        Ok(())
    }
}

impl<W: Write> ReportWriter for TextReport<W> {
    fn begin(&mut self, head: &ReportHead) -> io::Result<()> {
        let counts = head.counts.iter().map(|(standing, count)| counted_as(*standing, *count));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let title = format!("Access review of {}", head.server_name);
        let source =
            format!("realm {}, members of {}, read on {}", head.realm, head.membership, head.made);
        writeln!(self.out, "{HEADING}{title}{HEADING:#}: {}", head.read())?;
        for line in lines(&source, self.terminal).iter().chain(&lines(&counts, self.terminal)) {
            writeln!(self.out, "{line}")?;
        }
        self.foot = lines(&counts, self.terminal);
        let verdicts = head.counts.keys().map(|standing| display_width(verdict(*standing)));
        self.verdict = verdicts.chain(["verdict".len()]).max().unwrap_or(VERDICT);
        for refusal in &head.refused {
            let refusal = format!("A sync of this plan would be refused: {refusal}");
            self.foot.extend(lines(&refusal, self.terminal));
        }
        writeln!(
            self.out,
            "\n{HEADING}{}  {}  {}  user{HEADING:#}",
            padded("account", self.name),
            padded("state", STATE),
            padded("verdict", self.verdict)
        )
    }

    fn row(&mut self, row: &ReportRow<'_>) -> io::Result<()> {
        let user = user(row);
        let begin = self.name + STATE + self.verdict + 6;
        let fits = self.terminal.is_none_or(|width| begin + display_width(&user) <= width);
        let (style, verdict) = (style(row.verdict), verdict(row.verdict));
        let state = padded(row.state.word(), STATE);
        let rest = if fits {
            format!("{state}  {style}{}{style:#}  {user}", padded(verdict, self.verdict))
        } else {
            format!("{state}  {style}{verdict}{style:#}")
        };
        let mut name = row.localpart.to_string();
        if display_width(&name) > self.name {
            writeln!(self.out, "{name}")?;
            name.clear();
        }
        writeln!(self.out, "{}  {rest}", padded(&name, self.name))?;
        if !fits {
            self.wrapped(Style::new(), &user)?;
        }
        let details = details(row).join("; ");
        self.wrapped(FAINT, &details)
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.foot.join("\n"))?;
        self.out.flush()
    }
}

fn style(standing: Standing) -> Style {
    match standing {
        Standing::Activate | Standing::Create => ACTIVATE,
        Standing::Disable | Standing::Deactivate => DISABLE,
        Standing::Member | Standing::Outside | Standing::Kept => Style::new(),
    }
}

/// Returns name and e-mail address of the user, or else the username or the ID.
fn user(row: &ReportRow<'_>) -> String {
    let Some(user) = &row.keycloak else { return "-".to_owned() };
    let name = user.name.as_ref().or(user.username.as_ref());
    let name = name.map_or_else(|| user.id.to_string(), ToString::to_string);
    match &user.email {
        Some(email) => format!("{name} <{email}>"),
        None => name,
    }
}

/// Returns what else there is to say about an account; nothing about an active member.
fn details(row: &ReportRow<'_>) -> Vec<String> {
    let mut details = Vec::new();
    if row.administrator {
        details.push("administrator".to_owned());
    }
    let username = row.keycloak.as_ref().and_then(|user| user.username.as_ref());
    if let Some(username) = username.filter(|username| username.raw() != row.localpart.as_str()) {
        details.push(format!("username {username}"));
    }
    details.extend(row.right.map(right).map(ToOwned::to_owned));
    if row.verdict != Standing::Member {
        details.push(row.reason.text().to_owned());
    }
    details.extend(row.note.clone());
    details.extend(row.since.map(|since| format!("{} since {since}", row.state.word())));
    if let Some(last) = &row.last_action {
        details.push(format!("last action: {} (run {}, {})", last.text(), last.run, last.at));
    }
    details.extend(row.next_stage.map(|at| format!("deactivated on {at} or later")));
    details
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(display_width(text))))
}
