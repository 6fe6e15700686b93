//! Lists what a plan does not change: kept accounts, members without an account, and how members
//! and accounts match.

use std::collections::BTreeSet;

use indicatif::HumanCount;

use super::{FAINT, HEADING, Page, SHOWN};
use crate::phrases::{counted, examples};
use crate::plan::{Action, ActionKind, KeptReason, MappingSummary, Plan};

/// The room for examples if no width is known, in columns.
const WIDTH: usize = 80;

/// Shows why accounts are kept.
pub(super) fn kept(page: &mut Page, plan: &Plan) {
    if plan.kept.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!("{HEADING}Kept{HEADING:#}, although the rule would act"));
    for (reason, count) in plan.kept_by_reason() {
        let one = plan.kept.iter().find(|kept| kept.reason == reason).filter(|_| count == 1);
        let named = one.map_or_else(
            || counted(count, "account", "accounts"),
            |kept| kept.localpart.to_string(),
        );
        page.line(format_args!("  {named}: {}", reason.text()));
        if reason == KeptReason::FederationInDoubt {
            page.line("    Check User federation in Keycloak, and that the directory answers.");
        }
        if reason == KeptReason::AnotherPerson {
            page.line(
                "    To hand the account over, unlock it and move its link in MAS to the member \
                 (upstream-oauth-links). Without [writer.mas_api], which reads links, also add it to policy.protect.",
            );
        }
        if reason == KeptReason::MayBeMember {
            may_be_members(page, plan);
        }
    }
}

/// Lists the accounts that may be a member's, and what points to the member.
fn may_be_members(page: &mut Page, plan: &Plan) {
    let kept = plan.kept.iter().filter(|kept| kept.reason == KeptReason::MayBeMember);
    let kept: Vec<_> = kept.filter_map(|kept| Some((kept, kept.signs.first()?))).collect();
    let shown = page.terminal().shown(kept.len(), SHOWN);
    for (kept, seen) in &kept[..shown] {
        let (sign, username) = (seen.sign.text(), &seen.user.username);
        page.line(format_args!("    {}: {sign} of {username}", kept.localpart));
    }
    more(page, kept.len() - shown);
}

/// Lists the members without an account that get none now.
pub(super) fn not_registered(page: &mut Page, plan: &Plan) {
    let created: BTreeSet<_> = plan.of_kind(ActionKind::Create).map(Action::localpart).collect();
    let names = plan.not_registered.iter().filter(|name| !created.contains(name));
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!("{HEADING}No account yet{HEADING:#} (created at the first login)"));
    let shown = page.terminal().shown(names.len(), SHOWN);
    for localpart in &names[..shown] {
        page.line(format_args!("    {localpart}"));
    }
    more(page, names.len() - shown);
}

/// Lists the members without a valid name.
pub(super) fn unnamed(page: &mut Page, plan: &Plan) {
    if plan.unnamed.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!("{HEADING}No valid name{HEADING:#} (MAS would refuse the account)"));
    let shown = page.terminal().shown(plan.unnamed.len(), SHOWN);
    for one in &plan.unnamed[..shown] {
        page.line(format_args!("    {}: {}", one.username, one.why));
    }
    more(page, plan.unnamed.len() - shown);
}

fn more(page: &mut Page, count: usize) {
    if count > 0 {
        page.line(format_args!("    {FAINT}and {} more{FAINT:#}", HumanCount(count as u64)));
    }
}

/// Shows how members and accounts match: counts, with a few examples each.
pub(super) fn mapping(page: &mut Page, mapping: &MappingSummary) {
    let Some(in_short) = mapping.in_short() else { return };
    page.gap();
    page.line(format_args!("{HEADING}Accounts and users{HEADING:#}: {in_short}"));
    let width = page.terminal().width.unwrap_or(WIDTH);
    for tie in mapping.rows() {
        let line = format!("  {} {}", HumanCount(tie.count as u64), tie.by);
        let examples = examples(tie.examples, width.saturating_sub(line.len() + 2));
        let colon = if examples.is_empty() { "" } else { ": " };
        page.line(format_args!("{line}{colon}{FAINT}{examples}{FAINT:#}"));
    }
}
