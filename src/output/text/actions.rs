//! Lists what a plan changes: each kind of action, by reason, with the users in Keycloak.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanCount;
use strum::VariantArray as _;

use super::{ACTIVATE, CHANGE, DISABLE, FAINT, HEADING, Page, SHOWN};
use crate::model::Word as _;
use crate::phrases::counted;
use crate::plan::{Action, ActionKind, Approval, DisableMode, Plan, RunCommand, Skip};

/// Lists every kind of action, in the order in which they are carried out.
pub(super) fn every_kind(page: &mut Page, plan: &Plan, command: RunCommand) {
    for kind in ActionKind::IN_ORDER {
        of_kind(page, plan, kind, command);
    }
}

fn of_kind(page: &mut Page, plan: &Plan, kind: ActionKind, command: RunCommand) {
    let is_listed = |action: &&Action| action.approval.is_none() && action.left_out().is_none();
    let of_kind: Vec<&Action> = plan.of_kind(kind).filter(is_listed).collect();
    if of_kind.is_empty() {
        return;
    }
    let count = counted(of_kind.len(), "account", "accounts");
    page.gap();
    page.line(heading(plan, kind, &count));
    let mut reasons: Vec<_> = of_kind.iter().map(|action| action.reason).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let group: Vec<_> =
            of_kind.iter().copied().filter(|action| action.reason == reason).collect();
        page.line(format_args!("  {} ({}):", reason.text(), HumanCount(group.len() as u64)));
        names(page, &group, command);
    }
}

/// Lists what is left out of a plan that was made for it: a saved one, or the reversal of a run.
pub(super) fn left_out(page: &mut Page, plan: &Plan) {
    let left_out = plan.actions.iter().filter_map(|action| Some((action, action.left_out()?)));
    let left_out: Vec<_> = left_out.collect();
    if left_out.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!(
        "{HEADING}Left out{HEADING:#} ({}):",
        HumanCount(left_out.len() as u64)
    ));
    let shown = page.terminal().shown(left_out.len(), SHOWN);
    for (action, why) in &left_out[..shown] {
        let (kind, name) = (action.kind.word().replace('_', " "), action.localpart());
        page.entry(2, '-', format_args!("{kind} {name}: {why}"));
    }
    if left_out.len() > shown {
        let more = HumanCount((left_out.len() - shown) as u64);
        page.line(format_args!("  {FAINT}and {more} more{FAINT:#}"));
    }
}

fn heading(plan: &Plan, kind: ActionKind, count: &str) -> String {
    match (kind, plan.disable) {
        (ActionKind::Activate, _) => format!("{ACTIVATE}Activate {count}{ACTIVATE:#}"),
        (ActionKind::Create, _) => {
            format!("{ACTIVATE}Create {count}{ACTIVATE:#} (before the first login)")
        }
        (ActionKind::Disable, DisableMode::Deactivate) => {
            format!(
                "{DISABLE}Disable {count}{DISABLE:#} (deactivate: rooms and e-mail addresses are lost)"
            )
        }
        (ActionKind::Disable, DisableMode::Lock) => {
            format!(
                "{DISABLE}Disable {count}{DISABLE:#} (lock: rooms and e-mail addresses are kept)"
            )
        }
        (ActionKind::GrantAdmin, _) => {
            format!("{CHANGE}Give the administrator's right to {count}{CHANGE:#} (in MAS)")
        }
        (ActionKind::RevokeAdmin, _) => {
            format!("{CHANGE}Take the administrator's right from {count}{CHANGE:#} (in MAS)")
        }
        (ActionKind::Deactivate, _) => {
            format!("{DISABLE}Deactivate {count}{DISABLE:#} (rooms and e-mail addresses are lost)")
        }
    }
}

/// Lists accounts with their users, and why one is skipped.
fn names(page: &mut Page, group: &[&Action], command: RunCommand) {
    let shown = page.terminal().shown(group.len(), SHOWN);
    for action in &group[..shown] {
        let skipped = action.skipped.as_ref().filter(|skip| **skip != Skip::NeedsApproval);
        let notes = [
            user(action),
            action.since.map(|since| format!("locked since {since}")),
            action.mark.map(|mark| format!("({})", mark.text())),
            skipped.map(|skip| format!("skipped: {}", skip.why())),
        ];
        let mut text = action.localpart().to_string();
        for note in notes.into_iter().flatten() {
            let _ = write!(text, "  {FAINT}{note}{FAINT:#}");
        }
        page.entry(4, sign(action.kind), text);
    }
    if group.len() > shown {
        let more = HumanCount((group.len() - shown) as u64);
        let all = where_all_are(command);
        page.line(format_args!("    {FAINT}and {more} more ({all}){FAINT:#}"));
    }
}

/// Returns whether a terminal shows only the first names of some list.
pub(super) fn has_long_lists(plan: &Plan) -> bool {
    let mut counts = BTreeMap::new();
    for action in &plan.actions {
        *counts.entry((action.kind, action.reason, action.approval)).or_insert(0) += 1;
    }
    counts.values().any(|count| *count > SHOWN)
}

/// Returns what shows every name of a plan that is carried out by a command.
fn where_all_are(command: RunCommand) -> &'static str {
    match command {
        RunCommand::Sync | RunCommand::Watch => "plan --full",
        RunCommand::Apply => "in the file",
        RunCommand::Undo => "undo --dry-run",
    }
}

/// Returns what an action does for its user: gives, takes, or changes.
fn sign(kind: ActionKind) -> String {
    match kind {
        ActionKind::Activate | ActionKind::Create => format!("{ACTIVATE}+{ACTIVATE:#}"),
        ActionKind::Disable | ActionKind::Deactivate => format!("{DISABLE}-{DISABLE:#}"),
        ActionKind::GrantAdmin | ActionKind::RevokeAdmin => format!("{CHANGE}~{CHANGE:#}"),
    }
}

/// Returns name and e-mail address of the user in Keycloak, as far as they are known.
fn user(action: &Action) -> Option<String> {
    let user = action.owner_or_new()?;
    let name = user.name.as_ref().map(ToString::to_string);
    let email = user.email.as_ref().map(|email| format!("<{email}>"));
    let known: Vec<_> = [name, email].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join("  "))
}

/// Lists the accounts that an administrator has to decide about.
pub(super) fn to_approve(page: &mut Page, plan: &Plan, command: RunCommand) {
    let waits = |action: &&Action| action.approval.is_some() && action.left_out().is_none();
    let waiting: Vec<&Action> = plan.actions.iter().filter(waits).collect();
    if waiting.is_empty() {
        return;
    }
    let count = counted(waiting.len(), "account", "accounts");
    page.gap();
    let count = format!("{count} only with an approval");
    page.line(heading(plan, ActionKind::Disable, &count));
    for approval in Approval::VARIANTS {
        let group: Vec<_> =
            waiting.iter().copied().filter(|action| action.approval == Some(*approval)).collect();
        if group.is_empty() {
            continue;
        }
        page.line(format_args!("  {} ({}):", approval.text(), HumanCount(group.len() as u64)));
        names(page, &group, command);
    }
    page.line("  To keep them, add them to policy.protect.");
    page.line(
        "  If a user was created again in Keycloak, replace the link in MAS (upstream-oauth-links).",
    );
}
