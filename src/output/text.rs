//! Prints the plan and its outcome for a terminal: grouped, counted, and cut if it would scroll
//! away.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanCount;
use strum::VariantArray as _;

use super::{ACTIVATE, DISABLE, FAINT, HEADING, Terminal, unverified};
use crate::model::Word as _;
use crate::phrases::{counted, examples};
use crate::plan::{
    Action, ActionKind, Approval, Counts, Digest, DisableMode, KeptReason, MappingSummary, Outcome,
    Plan, Refusal, Skip,
};

/// The longest list on a terminal, in lines.
const SHOWN: usize = 50;
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
    actions(&mut text, plan, ActionKind::Disable, terminal);
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
        (ActionKind::Disable, DisableMode::Deactivate) => {
            format!(
                "{DISABLE}Disable {count}{DISABLE:#} (deactivate: rooms and e-mail addresses are lost)"
            )
        }
        (ActionKind::Disable, DisableMode::Lock) => {
            format!(
                "{DISABLE}Disable {count}{DISABLE:#} (lock: rooms, e-mail addresses and devices are kept)"
            )
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
    // Each reason gets its share, so that a long list does not hide a short one.
    let room = if terminal.cut { SHOWN / reasons.len() } else { usize::MAX };
    for reason in reasons {
        let group: Vec<_> =
            of_kind.iter().copied().filter(|action| action.reason == reason).collect();
        let _ = writeln!(text, "  {} ({}):", reason.text(), HumanCount(group.len() as u64));
        names(text, &group, room);
    }
}

/// Lists accounts, and why one is skipped.
fn names(text: &mut String, group: &[&Action], room: usize) {
    let shown = group.len().min(room);
    for action in &group[..shown] {
        let skipped = action.skipped.as_ref().filter(|skip| **skip != Skip::NeedsApproval);
        let note = skipped.map(|skip| format!("  {FAINT}skipped: {}{FAINT:#}", skip.why()));
        let mark = action.mark.map(|mark| format!("  {FAINT}({}){FAINT:#}", mark.text()));
        let _ = writeln!(
            text,
            "    {}{}{}",
            action.localpart(),
            mark.unwrap_or_default(),
            note.unwrap_or_default()
        );
    }
    if group.len() > shown {
        let _ = writeln!(
            text,
            "    {FAINT}and {} more{FAINT:#}",
            HumanCount((group.len() - shown) as u64)
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
        names(text, &group, if terminal.cut { SHOWN } else { usize::MAX });
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
    if plan.not_registered.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}No account yet{HEADING:#} (created at the first login)");
    let shown =
        if terminal.cut { SHOWN.min(plan.not_registered.len()) } else { plan.not_registered.len() };
    for localpart in &plan.not_registered[..shown] {
        let _ = writeln!(text, "    {localpart}");
    }
    if plan.not_registered.len() > shown {
        let more = HumanCount((plan.not_registered.len() - shown) as u64);
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
        let (activate, disable) =
            (plan.count_to_apply(ActionKind::Activate), plan.count_to_apply(ActionKind::Disable));
        let _ = writeln!(
            text,
            "\n{} to activate, {} to disable, {} left out",
            n(activate),
            n(disable),
            n(left_out)
        );
        return;
    }
    let _ = writeln!(
        text,
        "\n{} to activate, {} to disable, {} unchanged, {} kept, {} not registered",
        n(summary.activate),
        n(summary.disable),
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

/// Returns the outcome of the actions: failures by name, the rest as counts.
#[must_use]
pub fn outcome(plan: &Plan, outcomes: &[Outcome], terminal: Terminal) -> String {
    let mut text = String::new();
    let counts = Counts::compute(plan, outcomes);
    not_done(&mut text, plan, outcomes, terminal);
    let mut parts =
        vec![format!("{} activated", counts.activated), format!("{} disabled", counts.disabled)];
    let rest = [
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

fn reasons(text: &mut String, refusals: &[Refusal]) {
    for refusal in refusals {
        let _ = writeln!(text, "  - {refusal}");
    }
}

#[cfg(test)]
mod tests;
