//! Renders the status page: HTML and CSS from the binary, no script, and nothing from elsewhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indicatif::HumanCount;
use minijinja::{Environment, context};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::chart::Chart;
use super::{ReadCounts, Status};
use crate::model::{Timestamp, Word as _};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// How often a browser loads the page again, in seconds.
const REFRESH: u32 = 30;

/// Returns the header that allows this page its own style and nothing else: no script, no image, no
/// frame, no form, no other address.
pub(in crate::signals) fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// What waits for a decision, as it is shown.
#[derive(Serialize)]
struct ShownDecision {
    title: String,
    reasons: Vec<String>,
    command: String,
    advice: Option<String>,
}

/// The changes of one run, one for each column.
#[derive(Serialize)]
struct ShownChanges {
    time: ShownTime,
    counts: [String; 6],
}

/// A time for machines and for people.
#[derive(Serialize)]
struct ShownTime {
    machine: String,
    people: String,
}

impl From<Timestamp> for ShownTime {
    fn from(time: Timestamp) -> Self {
        let machine = time.to_string();
        let people = machine.replace('T', " ").trim_end_matches('Z').to_owned();
        Self { machine, people }
    }
}

/// Renders a status.
pub(in crate::signals) fn page(
    status: &Status,
    readings: &[ReadCounts],
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // The ending makes it escape every value.
    environment.add_template("page.html", TEMPLATE)?;
    // Only the printed form of text from servers is safe to show.
    let decision = status.decision.as_ref().map(|decision| ShownDecision {
        title: decision.title(),
        reasons: decision.why().iter().map(without_marks).collect(),
        command: decision.command.to_string(),
        advice: decision.advice.as_ref().map(without_marks),
    });
    let failure = status
        .failure
        .as_ref()
        .map(|failure| (without_marks(&failure.error), failure.hint.as_ref().map(without_marks)));
    let changes = status.changes.iter().map(|changes| ShownChanges {
        time: changes.time.into(),
        counts: [
            changes.activated,
            changes.created,
            changes.disabled,
            changes.deactivated,
            changes.admin_changes,
            changes.not_done,
        ]
        .map(|count| number(count as usize)),
    });
    environment.get_template("page.html")?.render(context! {
        style => minijinja::Value::from_safe_string(STYLE.to_owned()),
        refresh => REFRESH,
        server_name => status.server_name.to_string(),
        state => status.state.word(),
        title => status.state.title(),
        text => status.state.text(),
        ready => status.ready,
        since => ShownTime::from(status.since),
        now => ShownTime::from(status.time),
        last_run => status.last_run.map(|run| (ShownTime::from(run.ended), run.result.text())),
        next_run => status.next_run.map(ShownTime::from),
        members => status.read.map(|read| number(read.members)),
        accounts => status.read.map(|read| number(read.accounts)),
        decision,
        failure,
        chart => Chart::of(readings).map(|chart| context! {
            from => ShownTime::from(chart.from),
            to => ShownTime::from(chart.to),
            top => number(chart.top),
            middle => number(chart.top / 2),
            ..minijinja::Value::from_serialize(&chart.drawing)
        }),
        changes => changes.collect::<Vec<_>>(),
    })
}

/// Returns a text without the marks of code, which a page does not need.
fn without_marks(text: &impl ToString) -> String {
    text.to_string().replace('`', "")
}

fn number(count: usize) -> String {
    HumanCount(count as u64).to_string()
}
