//! Prints a report as one page that stands alone.

use std::io::{self, Write};

use minijinja::context;

use super::row::State;
use super::{ReportHead, ReportRow, ReportWriter, counted_as, verdict};
use crate::model::{ServerText, Word as _};
use crate::output::html::{Page, render};
use crate::planner::{RightNext, Standing};

const FILTER: &str = include_str!("filter.js");
const AFTER_ROWS: &str = "</tbody>\n</table>\n</div>";

/// Prints a page.
#[derive(Debug)]
pub struct HtmlReport<W: Write> {
    out: W,
    /// What comes after the rows.
    foot: String,
}

impl<W: Write> HtmlReport<W> {
    /// Creates it; nothing is printed yet.
    pub fn new(out: W) -> Self {
        Self { out, foot: String::new() }
    }
}

impl<W: Write> ReportWriter for HtmlReport<W> {
    fn begin(&mut self, head: &ReportHead) -> io::Result<()> {
        let title = format!("Access review of {}", head.server_name);
        let (before, after) = Page { title: &title, script: Some(FILTER) }.around();
        self.foot = format!("{AFTER_ROWS}{after}");
        let counts = head.counts.iter().map(|(standing, count)| {
            let (word, what) = (standing.word(), verdict(*standing));
            context! { word, what, count => counted_as(*standing, *count) }
        });
        let body = render(
            "report_head.html",
            context! {
                server_name => head.server_name.to_string(),
                realm => head.realm.to_string(),
                membership => head.membership,
                made => head.made.to_string(),
                read => head.read(),
                counts => counts.collect::<Vec<_>>(),
                states => State::words(),
                refused => head.refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
        );
        writeln!(self.out, "{before}{body}")
    }

    fn row(&mut self, row: &ReportRow<'_>) -> io::Result<()> {
        let text = |text: Option<&ServerText>| text.map(ToString::to_string);
        let user = row.keycloak.as_ref();
        let last = row.last_action.as_ref();
        let html = render(
            "report_row.html",
            context! {
                user_id => row.user_id.to_string(),
                state => row.state.word(),
                administrator => row.administrator,
                verdict => row.verdict.word(),
                verdict_text => verdict(row.verdict),
                class => class(row.verdict),
                right => row.right.map(right),
                reason => row.reason.text(),
                note => row.note,
                keycloak_id => user.map(|user| user.id.to_string()),
                username => text(user.and_then(|user| user.username.as_ref())),
                name => text(user.and_then(|user| user.name.as_ref())),
                email => text(user.and_then(|user| user.email.as_ref())),
                since => row.since.map(|at| at.to_string()),
                last_action => last.map(|last| context! {
                    text => last.text(),
                    run => last.run.to_string(),
                    at => last.at.to_string(),
                }),
                next_stage => row.next_stage.map(|at| at.to_string()),
            },
        );
        writeln!(self.out, "{html}")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(self.foot.as_bytes())?;
        self.out.flush()
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Member | Standing::Activate | Standing::Create => "good",
        Standing::Disable | Standing::Deactivate => "bad",
        Standing::Kept => "mild",
        Standing::Outside => "faint",
    }
}

/// Returns what becomes of the right of an administrator, in words.
pub(super) fn right(right: RightNext) -> &'static str {
    match right {
        RightNext::GrantAdmin => "would become an administrator",
        RightNext::RevokeAdmin => "would lose the administrator's right",
        RightNext::LastAdmin => "keeps the administrator's right, because too few would be left",
    }
}
