//! Prints what became of a plan, and how to go on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanCount;

use super::{SHOWN, reasons};
use crate::model::Word as _;
use crate::output::{FAINT, HEADING, Terminal};
use crate::phrases::counted;
use crate::plan::{Counts, Outcome, Plan, Refusal, Skip};

/// Returns the outcome of the actions: failures by name, the rest as counts.
#[must_use]
pub fn outcome(plan: &Plan, outcomes: &[Outcome], terminal: Terminal) -> String {
    let mut text = String::new();
    let counts = Counts::compute(plan, outcomes);
    not_done(&mut text, plan, outcomes, terminal);
    let mut parts =
        vec![format!("{} activated", counts.activated), format!("{} disabled", counts.disabled)];
    let rest = [
        (counts.created, "created"),
        (counts.deactivated, "deactivated"),
        (counts.admins, "changes of administrators"),
        (counts.scheduled, "not confirmed in time"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    ];
    parts.extend(
        rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    if !plan.actions.is_empty() {
        let _ = writeln!(text, "\n{HEADING}Done:{HEADING:#} {}", parts.join(", "));
    }
    text
}

/// Lists what was not done, grouped by the reason.
fn not_done(text: &mut String, plan: &Plan, outcomes: &[Outcome], terminal: Terminal) {
    let mut together: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (action, outcome) in plan.actions.iter().zip(outcomes) {
        if let Some(why) = outcome.error() {
            together
                .entry((outcome.kind().word(), action.kind, why))
                .or_default()
                .push(action.localpart().to_string());
        }
    }
    if together.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}Not done{HEADING:#}");
    let room = if terminal.cut { SHOWN } else { usize::MAX };
    for ((word, kind, why), names) in together.iter().take(room) {
        let verb = kind.word();
        let names = match names.as_slice() {
            [first, second, third, rest @ ..] if !rest.is_empty() && terminal.cut => {
                format!("{first}, {second}, {third} and {} more", HumanCount(rest.len() as u64))
            }
            all => all.join(", "),
        };
        let _ = writeln!(text, "  {word} {verb} {names}: {why}");
    }
    if together.len() > room {
        let _ = writeln!(
            text,
            "  {FAINT}and {} more{FAINT:#}",
            HumanCount((together.len() - room) as u64)
        );
    }
    let hint = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed { hint, .. } => Some(hint),
        _ => None,
    });
    if let Some(hint) = hint {
        let _ = writeln!(text, "hint: {hint}");
    }
}

/// Returns how many current members `undo` has not disabled, and the exact command that does.
#[must_use]
pub fn members_spared(members: usize, command: &str) -> String {
    format!(
        "\n{} of the group now.\nTo disable {} too, run\n  {command}\n",
        counted(
            members,
            "account was not disabled, because it belongs to a member",
            "accounts were not disabled, because they belong to members",
        ),
        if members == 1 { "it" } else { "them" },
    )
}

/// Returns how many actions wait for an approval, and the exact command that approves them.
#[must_use]
pub fn waiting(plan: &Plan, command: &str) -> String {
    let waiting =
        plan.actions.iter().filter(|action| action.skipped == Some(Skip::NeedsApproval)).count();
    format!(
        "\n{} for an approval. To disable {}, run\n  {command}\n",
        counted(waiting, "account waits", "accounts wait"),
        if waiting == 1 { "it" } else { "them" },
    )
}

/// Returns why nothing was changed, and the exact command to go on.
#[must_use]
pub fn refused(refusals: &[Refusal], plan: &Plan, command: &str) -> String {
    let mut text = String::from("\nRefused; nothing was changed, because\n");
    reasons(&mut text, refusals);
    if plan.not_rechecked.is_some() {
        text.push_str(
            "There is no plan to approve yet. Check the group in Keycloak; if it is right, raise `limits.max_look`.\n",
        );
    } else if plan.has_changes() {
        let _ = writeln!(
            text,
            "Check the plan. If it is right, apply exactly this plan with\n  {command}"
        );
    } else {
        text.push_str(
            "Check the group and the limits; if they are right, raise the limit in [limits].\n",
        );
    }
    text
}
