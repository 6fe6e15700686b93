//! Prints the plan and its outcome for a terminal: grouped, counted, and cut if it would scroll
//! away.

mod outcome;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use indicatif::HumanCount;
use strum::VariantArray as _;

use super::{ACTIVATE, DISABLE, FAINT, HEADING, Terminal, unverified};
use crate::phrases::{counted, examples};
use crate::plan::{
    Action, ActionKind, Approval, Digest, DisableMode, KeptReason, MappingSummary, NextStage, Plan,
    Refusal, Skip,
};

pub use outcome::{members_spared, outcome, refused, waiting};

/// The longest list of accounts for one reason on a terminal, in lines.
const SHOWN: usize = 10;
const WIDTH: usize = 80;

/// Returns the plan as text. `digest` approves it; for a saved plan it is the digest of the file.
#[must_use]
pub fn plan(plan: &Plan, digest: &Digest, refusals: &[Refusal], terminal: Terminal) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{HEADING}Plan for {}{HEADING:#}: {} in the group, {}",
        plan.server_name,
        counted(plan.read.members, "member", "members"),
        counted(plan.read.accounts, "account", "accounts"),
    );
    actions(&mut text, plan, ActionKind::Activate, terminal);
    actions(&mut text, plan, ActionKind::Create, terminal);
    actions(&mut text, plan, ActionKind::Disable, terminal);
    actions(&mut text, plan, ActionKind::Deactivate, terminal);
    actions(&mut text, plan, ActionKind::GrantAdmin, terminal);
    actions(&mut text, plan, ActionKind::RevokeAdmin, terminal);
    next_stage(&mut text, plan.next_stage);
    to_approve(&mut text, plan, terminal);
    left_alone(&mut text, plan);
    unverified::text(&mut text, &plan.unverified);
    not_registered(&mut text, plan, terminal);
    unnamed(&mut text, plan, terminal);
    mapping(&mut text, &plan.mapping);
    summary(&mut text, plan, digest);
    if !refusals.is_empty() {
        let _ =
            writeln!(text, "\n{DISABLE}A sync of this plan would be refused{DISABLE:#}, because");
        reasons(&mut text, refusals);
    }
    text
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
            format!("{DISABLE}Give the administrator's right to {count}{DISABLE:#} (in MAS)")
        }
        (ActionKind::RevokeAdmin, _) => {
            format!("{DISABLE}Take the administrator's right from {count}{DISABLE:#} (in MAS)")
        }
        (ActionKind::Deactivate, _) => {
            format!("{DISABLE}Deactivate {count}{DISABLE:#} (rooms and e-mail addresses are lost)")
        }
    }
}

fn actions(text: &mut String, plan: &Plan, kind: ActionKind, terminal: Terminal) {
    let of_kind: Vec<&Action> =
        plan.of_kind(kind).filter(|action| action.approval.is_none()).collect();
    if of_kind.is_empty() {
        return;
    }
    let count = counted(of_kind.len(), "account", "accounts");
    let _ = writeln!(text, "\n{}", heading(plan, kind, &count));
    let mut reasons: Vec<_> = of_kind.iter().map(|action| action.reason).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let group: Vec<_> =
            of_kind.iter().copied().filter(|action| action.reason == reason).collect();
        let _ = writeln!(text, "  {} ({}):", reason.text(), HumanCount(group.len() as u64));
        names(text, &group, terminal);
    }
}

/// Lists accounts with their users, and why one is skipped.
fn names(text: &mut String, group: &[&Action], terminal: Terminal) {
    let shown = if terminal.cut { group.len().min(SHOWN) } else { group.len() };
    for action in &group[..shown] {
        let skipped = action.skipped.as_ref().filter(|skip| **skip != Skip::NeedsApproval);
        let note = skipped.map(|skip| format!("  {FAINT}skipped: {}{FAINT:#}", skip.why()));
        let mark = action.mark.map(|mark| format!("  {FAINT}({}){FAINT:#}", mark.text()));
        let since = action.since.map(|since| format!("  {FAINT}locked since {since}{FAINT:#}"));
        let _ = writeln!(
            text,
            "    {} {}{}{}{}{}",
            sign(action.kind),
            action.localpart(),
            who(action),
            since.unwrap_or_default(),
            mark.unwrap_or_default(),
            note.unwrap_or_default()
        );
    }
    if group.len() > shown {
        let _ = writeln!(
            text,
            "    {FAINT}and {} more (plan --full){FAINT:#}",
            HumanCount((group.len() - shown) as u64)
        );
    }
}

/// Returns what an action does for its user: gives, or takes.
fn sign(kind: ActionKind) -> String {
    match kind {
        ActionKind::Activate | ActionKind::Create | ActionKind::GrantAdmin => {
            format!("{ACTIVATE}+{ACTIVATE:#}")
        }
        ActionKind::Disable | ActionKind::Deactivate | ActionKind::RevokeAdmin => {
            format!("{DISABLE}-{DISABLE:#}")
        }
    }
}

/// Returns name and e-mail address of the user in Keycloak, as far as they are known.
fn who(action: &Action) -> String {
    let mut seen = action.evidence.as_ref().into_iter().flat_map(|evidence| &evidence.keycloak);
    let user = action.new.as_ref().map(|new| &new.user);
    let Some(user) = user.or_else(|| seen.find_map(|answer| answer.user.user())) else {
        return String::new();
    };
    let name = user.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
    let email = user.email.as_ref().map(|email| format!("  <{email}>")).unwrap_or_default();
    if name.is_empty() && email.is_empty() {
        return String::new();
    }
    format!("{FAINT}{name}{email}{FAINT:#}")
}

/// Shows which locked accounts will be deactivated, and when.
fn next_stage(text: &mut String, next: NextStage) {
    let NextStage { accounts, first, waiting } = next;
    if let Some(first) = first {
        let the_first = if accounts == 1 { "" } else { ", the first" };
        let _ = writeln!(
            text,
            "\n{HEADING}Next{HEADING:#}: {} will be deactivated{the_first} on {first}",
            counted(accounts, "locked account", "locked accounts")
        );
    }
    if waiting > 0 {
        let _ = writeln!(
            text,
            "\n{HEADING}Later{HEADING:#}: {} to be deactivated, because limits.max_disable or\n  limits.max_look has no room",
            counted(waiting, "account waits", "accounts wait")
        );
    }
}

/// Lists the accounts that an administrator has to decide about.
fn to_approve(text: &mut String, plan: &Plan, terminal: Terminal) {
    let waiting: Vec<&Action> =
        plan.actions.iter().filter(|action| action.approval.is_some()).collect();
    if waiting.is_empty() {
        return;
    }
    let count = counted(waiting.len(), "account", "accounts");
    let _ = writeln!(
        text,
        "\n{DISABLE}Disable {count} only with an approval{DISABLE:#} (sync --approve)"
    );
    for approval in Approval::VARIANTS {
        let group: Vec<_> =
            waiting.iter().copied().filter(|action| action.approval == Some(*approval)).collect();
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  {} ({}):", approval.text(), HumanCount(group.len() as u64));
        names(text, &group, terminal);
    }
    text.push_str(
        "  To keep them, add them to policy.protect. If a user was created again in\n  Keycloak, replace \
         the link in MAS (upstream-oauth-links).\n",
    );
}

/// Shows how members and accounts match: counts, with a few examples each.
fn mapping(text: &mut String, mapping: &MappingSummary) {
    let ties = mapping.ties().into_iter().filter(|tie| tie.count > 0);
    let mut lines: Vec<_> = ties.map(|tie| (tie.count, tie.by, tie.examples)).collect();
    if mapping.of_nobody > 0 {
        lines.push((mapping.of_nobody, "of no Keycloak user", &mapping.of_nobody_examples));
    }
    if lines.is_empty() && mapping.members == 0 {
        return;
    }
    let with_account = mapping.members - mapping.without_account;
    let _ = writeln!(
        text,
        "\n{HEADING}Accounts and users{HEADING:#}: {} of {} an account",
        HumanCount(with_account as u64),
        counted(mapping.members, "enabled member has", "enabled members have"),
    );
    for (count, what, names) in lines {
        let line = format!("  {} {what}", HumanCount(count as u64));
        let examples = examples(names, WIDTH.saturating_sub(line.len() + 2));
        let colon = if examples.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "{line}{colon}{FAINT}{examples}{FAINT:#}");
    }
}

fn unnamed(text: &mut String, plan: &Plan, terminal: Terminal) {
    if plan.unnamed.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}No valid name{HEADING:#} (MAS would refuse the account)");
    let shown = if terminal.cut { SHOWN.min(plan.unnamed.len()) } else { plan.unnamed.len() };
    for one in &plan.unnamed[..shown] {
        let _ = writeln!(text, "    {}: {}", one.username, one.why);
    }
    if plan.unnamed.len() > shown {
        let more = HumanCount((plan.unnamed.len() - shown) as u64);
        let _ = writeln!(text, "    {FAINT}and {more} more{FAINT:#}");
    }
}

fn left_alone(text: &mut String, plan: &Plan) {
    if plan.kept.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}Kept{HEADING:#}, although the rule would act");
    for (reason, count) in plan.kept_by_reason() {
        let one = plan.kept.iter().find(|kept| kept.reason == reason).filter(|_| count == 1);
        let who = one.map_or_else(
            || counted(count, "account", "accounts"),
            |kept| kept.localpart.to_string(),
        );
        let _ = writeln!(text, "  {who}: {}", reason.text());
        if reason == KeptReason::FederationInDoubt {
            text.push_str(
                "    Check User federation in Keycloak, and that the directory answers.\n",
            );
        }
        if reason == KeptReason::AnotherPerson {
            text.push_str(
                "    To hand the account over, unlock it and move its link in MAS to the member\n    \
                 (upstream-oauth-links). Without [writer.mas_api], which reads links, also\n    \
                 add it to policy.protect.\n",
            );
        }
        if reason == KeptReason::MayBeMember {
            may_be_members(text, plan);
        }
    }
}

/// Lists the accounts that may be a member's, and what points to the member.
fn may_be_members(text: &mut String, plan: &Plan) {
    let kept = plan.kept.iter().filter(|kept| kept.reason == KeptReason::MayBeMember);
    for (kept, seen) in kept.filter_map(|kept| Some((kept, kept.signs.first()?))).take(SHOWN) {
        let _ = writeln!(
            text,
            "    {}: {} of {}",
            kept.localpart,
            seen.sign.text(),
            seen.user.username
        );
    }
}

fn not_registered(text: &mut String, plan: &Plan, terminal: Terminal) {
    let created: BTreeSet<_> = plan.of_kind(ActionKind::Create).map(Action::localpart).collect();
    let names = plan.not_registered.iter().filter(|name| !created.contains(name));
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}No account yet{HEADING:#} (created at the first login)");
    let shown = if terminal.cut { SHOWN.min(names.len()) } else { names.len() };
    for localpart in &names[..shown] {
        let _ = writeln!(text, "    {localpart}");
    }
    if names.len() > shown {
        let more = HumanCount((names.len() - shown) as u64);
        let _ = writeln!(text, "    {FAINT}and {more} more{FAINT:#}");
    }
}

fn summary(text: &mut String, plan: &Plan, digest: &Digest) {
    let summary = plan.summary();
    let n = |count: usize| HumanCount(count as u64);
    let left_out = plan
        .actions
        .iter()
        .filter(|action| matches!(action.skipped, Some(Skip::MovedOn(_))))
        .count();
    if left_out > 0 {
        let to_do = to_do(|kind| plan.count_to_apply(kind));
        let _ = writeln!(text, "\n{to_do}, {} left out", n(left_out));
        return;
    }
    let _ = writeln!(
        text,
        "\n{}, {} unchanged, {} kept, {} not registered",
        to_do(|kind| plan.of_kind(kind).count()),
        n(summary.unchanged),
        n(summary.kept),
        n(summary.not_registered),
    );
    if plan.has_changes() {
        let _ = writeln!(text, "{FAINT}{digest}{FAINT:#}");
    } else if plan.actions.is_empty() {
        text.push_str("Nothing to do: everything is in step.\n");
    }
}

/// Returns how much there is to do of each kind; of the usual ones also if it is nothing.
fn to_do(count: impl Fn(ActionKind) -> usize) -> String {
    let kinds = [
        (ActionKind::Activate, "to activate"),
        (ActionKind::Create, "to create"),
        (ActionKind::Disable, "to disable"),
        (ActionKind::Deactivate, "to deactivate"),
        (ActionKind::GrantAdmin, "to grant"),
        (ActionKind::RevokeAdmin, "to revoke"),
    ];
    let counts = kinds.map(|(kind, what)| (kind, count(kind), what));
    let counts = counts.iter().filter(|(kind, count, _)| *count > 0 || is_usual(*kind));
    let parts: Vec<_> =
        counts.map(|(_, count, what)| format!("{} {what}", HumanCount(*count as u64))).collect();
    parts.join(", ")
}

fn is_usual(kind: ActionKind) -> bool {
    matches!(kind, ActionKind::Activate | ActionKind::Disable)
}

fn reasons(text: &mut String, refusals: &[Refusal]) {
    for refusal in refusals {
        let _ = writeln!(text, "  - {refusal}");
    }
}

#[cfg(test)]
mod tests;
