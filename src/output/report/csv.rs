//! Prints a report as CSV (RFC 4180), for a spreadsheet.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::{ReportHead, ReportRow, ReportWriter};
use crate::model::{ServerText, Word as _};

const HEADER: [&str; 18] = [
    "localpart",
    "server_name",
    "state",
    "administrator",
    "verdict",
    "reason",
    "right",
    "note",
    "username",
    "name",
    "email",
    "keycloak_id",
    "since",
    "last_action",
    "last_action_outcome",
    "last_action_at",
    "last_action_run",
    "next_stage",
];

/// Prints CSV with a header.
pub struct CsvReport<W: Write>(Writer<W>);

impl<W: Write> CsvReport<W> {
    /// Creates it; nothing is printed yet.
    pub fn new(out: W) -> Self {
        let mut builder = WriterBuilder::new();
        builder.terminator(Terminator::CRLF).quote_style(QuoteStyle::Necessary);
        Self(builder.from_writer(out))
    }
}

impl<W: Write> ReportWriter for CsvReport<W> {
    fn begin(&mut self, _: &ReportHead) -> io::Result<()> {
        self.0.write_record(HEADER).map_err(cause)
    }

    fn row(&mut self, row: &ReportRow<'_>) -> io::Result<()> {
        let text = |text: Option<String>| text.map(harmless).unwrap_or_default();
        let user = row.keycloak.as_ref();
        let of_user = |part: Option<&ServerText>| text(part.map(ToString::to_string));
        let last = row.last_action.as_ref();
        let cells = [
            harmless(row.localpart.to_string()),
            harmless(row.user_id.server_name().to_string()),
            row.state.word().to_owned(),
            (if row.administrator { "yes" } else { "no" }).to_owned(),
            row.verdict.word().to_owned(),
            row.reason.word().to_owned(),
            text(row.right.map(|right| right.word().to_owned())),
            text(row.note.clone()),
            of_user(user.and_then(|user| user.username.as_ref())),
            of_user(user.and_then(|user| user.name.as_ref())),
            of_user(user.and_then(|user| user.email.as_ref())),
            text(user.map(|user| user.id.to_string())),
            text(row.since.map(|at| at.to_string())),
            text(last.map(|last| last.action.word().to_owned())),
            text(last.map(|last| last.outcome.word().to_owned())),
            text(last.map(|last| last.at.to_string())),
            text(last.map(|last| last.run.to_string())),
            text(row.next_stage.map(|at| at.to_string())),
        ];
        self.0.write_record(cells).map_err(cause)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns the error of the output: a closed pipe has to be known as one.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Returns a cell that no spreadsheet takes for a formula.
///
/// Source: OWASP, CSV injection: `=`, `+`, `-`, `@`, tab, carriage return and line feed, and their
/// wide forms.
fn harmless(cell: String) -> String {
    const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(BEGINNINGS) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_that_begins_like_a_formula_gets_an_apostrophe() {
        for beginning in ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"] {
            let cell = format!("{beginning}1+1");
            assert_eq!(harmless(cell.clone()), format!("'{cell}"));
        }
        for cell in ["", "a=1", "'=1", " =1", "2026-11-30T00:00:00Z", "alice"] {
            assert_eq!(harmless(cell.to_owned()), cell);
        }
    }
}
