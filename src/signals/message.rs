//! Writes the message to `notify.room`: plain text, and the same as HTML. It has counts and few
//! names, because a room may have many members.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::news::{NamedAccounts, News, NextStep, Question};
use crate::model::printable;
use crate::phrases::counted;
use crate::state::LeftOut;

/// The most names in one message.
const MOST_NAMES: usize = 10;
/// The most characters of a line: an error may quote a whole page.
const LONGEST_LINE: usize = 500;

/// A message, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    title: String,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Text(String),
    /// What a command is for, and the command line.
    Command(&'static str, String),
}

impl Message {
    /// Writes the message about these accounts: what is new, as far as the room has not heard of
    /// it, and what was left out before.
    #[must_use]
    pub fn new(accounts: &str, news: &News, questions: &[&Question], left_out: LeftOut) -> Self {
        let mut writer = MessageWriter { names: MOST_NAMES, heads: Vec::new(), lines: Vec::new() };
        writer.groups(&news.changes);
        for question in questions {
            writer.question(question);
        }
        writer.left_out(left_out);
        let title = format!("Matrix accounts of {accounts}: {}", writer.heads.join(", "));
        Self { title: one_line(&title), lines: writer.lines }
    }

    /// Returns the content of the event. No one is mentioned, so no device rings because of a name.
    #[must_use]
    pub fn content(&self) -> Value {
        json!({
            "msgtype": "m.notice",
            "body": self.plain(),
            "format": "org.matrix.custom.html",
            "formatted_body": self.html(),
            "m.mentions": {},
        })
    }

    fn plain(&self) -> String {
        self.lines.iter().fold(self.title.clone(), |text, line| match line {
            Line::Text(line) => format!("{text}\n- {line}"),
            Line::Command(what, command) => format!("{text}\n{what}: {command}"),
        })
    }

    fn html(&self) -> String {
        let mut html = format!("<p><strong>{}</strong></p>", escaped(&self.title));
        let (mut items, mut commands) = (String::new(), String::new());
        for line in &self.lines {
            let _ = match line {
                Line::Text(line) => write!(items, "<li>{}</li>", escaped(line)),
                Line::Command(what, command) => {
                    write!(commands, "<p>{what}: <code>{}</code></p>", escaped(command))
                }
            };
        }
        if !items.is_empty() {
            let _ = write!(html, "<ul>{items}</ul>");
        }
        html + &commands
    }
}

struct MessageWriter {
    /// How many names are still allowed.
    names: usize,
    /// The parts of the headline.
    heads: Vec<String>,
    lines: Vec<Line>,
}

impl MessageWriter {
    fn line(&mut self, text: &str) {
        self.lines.extend(text.lines().map(str::trim).map(|line| Line::Text(one_line(line))));
    }

    /// Adds the names of accounts that have something in common, and how many more there are.
    fn names(&mut self, groups: &[NamedAccounts]) {
        for (number, NamedAccounts { what, names }) in groups.iter().enumerate() {
            // Each group after this one has a name too.
            let reserved = groups.len() - number - 1;
            let shown = names.len().min(self.names.saturating_sub(reserved));
            self.names -= shown.min(self.names);
            let more = names.len() - shown;
            let text = match (names[..shown].join(", "), more) {
                (shown, 0) => shown,
                (shown, more) if shown.is_empty() => counted(more, "account", "accounts"),
                (shown, more) => format!("{shown} and {} more", counted(more, "", "").trim()),
            };
            self.line(&format!("{what}: {text}"));
        }
    }

    fn groups(&mut self, groups: &[NamedAccounts]) {
        let heads = groups.iter().map(|group| counted(group.names.len(), group.what, group.what));
        self.heads.extend(heads);
        self.names(groups);
    }

    fn question(&mut self, question: &Question) {
        match question {
            Question::Refused { reasons, planned, next, .. } => {
                self.heads.push("a plan was refused, nothing was changed".to_owned());
                for reason in reasons {
                    self.line(reason);
                }
                self.names(planned);
                self.next(next);
            }
            Question::Waiting { accounts, next, .. } => {
                let count = accounts.len();
                let waiting = counted(count, "account waits", "accounts wait");
                self.heads.push(format!("{waiting} for an approval"));
                let shown = count.min(self.names);
                self.names -= shown;
                for account in &accounts[..shown] {
                    self.line(account);
                }
                if count > shown {
                    self.line(&format!("and {}", counted(count - shown, "more", "more")));
                }
                self.next(next);
            }
            Question::NotDone(groups) => {
                self.groups(groups);
                self.line("The log has the reasons. The next run tries again.");
            }
            Question::Failed { line, hint } => {
                self.heads.push("a run failed".to_owned());
                self.line(line);
                if let Some(hint) = hint {
                    self.line(hint);
                }
            }
        }
    }

    fn next(&mut self, next: &NextStep) {
        match next {
            NextStep::Approve { check, approve } => {
                let command = |what, command: &String| Line::Command(what, one_line(command));
                self.lines.push(command("Check it", check));
                self.lines.push(command("If it is right", approve));
            }
            NextStep::Advice(advice) => self.line(advice),
        }
    }

    /// Adds how much was left out since the last message.
    fn left_out(&mut self, left_out: LeftOut) {
        let LeftOut { runs, changes, refused, waiting, failed } = left_out;
        let mut parts = Vec::new();
        if runs > 0 {
            let changes = counted(changes, "change", "changes");
            let runs = counted(runs, "run", "runs");
            parts.push(format!("{runs} with {changes} (`history` lists them)"));
        }
        let rest = [
            (refused, "refused plan", "refused plans"),
            (waiting, "plan that waited for an approval", "plans that waited for an approval"),
            (failed, "failure", "failures"),
        ];
        let some = rest.into_iter().filter(|(count, ..)| *count > 0);
        parts.extend(some.map(|(count, one, many)| counted(count, one, many)));
        if parts.is_empty() {
            return;
        }
        if self.heads.is_empty() {
            self.heads.push("more since the last message".to_owned());
        }
        self.line(&format!("left out since the last message: {}", parts.join(", ")));
    }
}

/// Returns a text without control characters and with an end.
fn one_line(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Returns a text as HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests;
