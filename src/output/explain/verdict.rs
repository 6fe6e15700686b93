//! Prints what the rule decides for each account.

use std::fmt::Write as _;

use super::super::HEADING;
use super::{Explained, KnownFacts};
use crate::model::{Localpart, Member, Sign, SignSeen, Timestamp, Word as _};
use crate::plan::{Approval, KeptReason};
use crate::planner::{Matching, Provision, RightAfter, Verdict};

pub(super) fn section(text: &mut String, known: &KnownFacts<'_>) {
    let _ = writeln!(text, "\n{HEADING}Rule{HEADING:#}");
    for one in &known.accounts {
        let Explained { account, verdict, mark, right, .. } = one;
        let mark = mark.map(|mark| format!("\n    {}", mark.text())).unwrap_or_default();
        let _ = writeln!(text, "  {}: {}{mark}", account.localpart(), words(one));
        if let Some(right) = right {
            let _ = writeln!(text, "  {}: {}", account.localpart(), of_right(*right, verdict));
        }
        if waits_for_the_right(*right, verdict) {
            continue;
        }
        for line in advice(verdict, known) {
            let _ = writeln!(text, "    {line}");
        }
    }
    let mut members = known.wanted_members.iter().filter(|member| !has_account(member, known));
    for member in members.by_ref() {
        let _ = writeln!(text, "  {}", without_account(member, known));
    }
    if known.accounts.is_empty() && known.wanted_members.is_empty() {
        text.push_str("  not in the group, no account: nothing to do\n");
    }
}

fn has_account(member: &Member, known: &KnownFacts<'_>) -> bool {
    known
        .accounts
        .iter()
        .any(|one| one.evidence.owners.contains(&member.id) || may_log_in(member, one))
}

/// Returns whether an account that is kept may be the member's by a link or memory that does not
/// decide.
fn may_log_in(member: &Member, Explained { verdict, evidence, .. }: &Explained<'_>) -> bool {
    match verdict {
        Verdict::Kept(KeptReason::Ambiguous) => {
            evidence.lines.iter().any(|line| line.user == member.id)
        }
        Verdict::MayBeMember(signs) => {
            let is_tie = |sign| matches!(sign, Sign::Link | Sign::Memory);
            signs.iter().any(|seen| is_tie(seen.sign) && seen.user.id == member.id)
        }
        _ => false,
    }
}

fn without_account(member: &Member, known: &KnownFacts<'_>) -> String {
    if !member.enabled {
        return "in the group, but disabled in Keycloak, no account: nothing to do".to_owned();
    }
    let unnamed = known.facts.unnamed.iter().find(|one| one.id == member.id);
    match (unnamed, &member.localpart) {
        (Some(unnamed), _) => {
            format!(
                "in the group, no account, and no valid name: MAS would refuse the account ({})",
                unnamed.why
            )
        }
        (None, Some(localpart)) if is_taken(localpart, known) => {
            format!("{localpart}: in the group, no account; another account has the name")
        }
        (None, Some(localpart)) => match known.config.policy.provision {
            Provision::None => format!(
                "{localpart}: in the group, no account yet: nothing to do; the first login creates it"
            ),
            Provision::Members => format!(
                "{localpart}: in the group, no account yet; `plan` shows whether the next run creates it"
            ),
        },
        (None, None) => "in the group, no account yet: nothing to do".to_owned(),
    }
}

/// Returns whether an account of the homeserver has this name, without regard to case.
fn is_taken(localpart: &Localpart, known: &KnownFacts<'_>) -> bool {
    let mut accounts = known.facts.accounts.iter();
    accounts.any(|account| {
        account.is_on(&known.facts.server_name) && account.localpart().key() == localpart.key()
    })
}

/// Returns whether the account waits for an approval, but first its owner loses the right of an
/// administrator.
fn waits_for_the_right(right: Option<RightAfter>, verdict: &Verdict) -> bool {
    right == Some(RightAfter::Taken) && verdict.approval().is_some()
}

fn of_right(right: RightAfter, verdict: &Verdict) -> &'static str {
    match right {
        RightAfter::Given => "in [admins]: becomes an administrator in MAS",
        RightAfter::Taken if waits_for_the_right(Some(right), verdict) => {
            "not in [admins]: loses the administrator's right in MAS first; a later run decides about the account"
        }
        RightAfter::Taken => "not in [admins]: is no administrator in MAS any more",
        RightAfter::Last => {
            "still an administrator in MAS, because too few would be left (admins.min_admins)"
        }
        RightAfter::Skipped => "the right of an administrator: the second look failed",
        RightAfter::Unclear => {
            "the right of an administrator stays as it is, because the evidence is not clear, or a directory may be down"
        }
    }
}

fn words(one: &Explained<'_>) -> String {
    let outside = one.outside.text();
    match &one.verdict {
        Verdict::MemberActive | Verdict::DisableMember => {
            "in the group, and the account is active: nothing to do".to_owned()
        }
        Verdict::OutsideDisabled => of_disabled(one),
        Verdict::Deactivate(since) => of_due(*since, one),
        Verdict::DeactivateSkipped(_, error) => {
            format!(
                "locked for long enough, but skipped, because the second look failed: {}",
                error.text()
            )
        }
        Verdict::OutsideLocked => {
            format!(
                "{outside}, and locked by hand: nothing to do; a deactivation would lose the rooms"
            )
        }
        Verdict::Activate(reason) => {
            format!("{}, and the account is disabled: activate", reason.text())
        }
        Verdict::Disable(reason) => {
            format!("{}, and the account is active: disable", reason.text())
        }
        Verdict::NeedsApproval(reason, approval) => format!(
            "{}, and the account is active: disable, but only with an approval, because {}",
            reason.text(),
            approval.text()
        ),
        Verdict::Kept(reason) => format!("kept ({}): {}", reason.word(), reason.text()),
        Verdict::MayBeMember(signs) => {
            format!(
                "kept ({}): it may be the account of {}",
                KeptReason::MayBeMember.word(),
                members(signs)
            )
        }
        Verdict::InGrace(until) => {
            format!(
                "{outside}, but kept until {until} ({}): policy.grace",
                KeptReason::InGrace.word()
            )
        }
        Verdict::ActivationNotConfirmed => {
            "the second look does not confirm the activation: Keycloak contradicts its member list, or someone has just \
             locked or deactivated the account".to_owned()
        }
        Verdict::DisableSkipped(reason, error) | Verdict::ActivateSkipped(reason, error) => {
            format!(
                "{}, but skipped, because the second look failed: {}",
                reason.text(),
                error.text()
            )
        }
    }
}

/// Returns what becomes of an account that is disabled as it should be.
fn of_disabled(one: &Explained<'_>) -> String {
    let outside = one.outside.text();
    match one.next_stage {
        Some(at) => format!(
            "{outside}, and locked by this program: deactivated on {at} or later (policy.deactivate_after)"
        ),
        None if one.is_before_its_time => format!(
            "{outside}, and locked by this program: the time to its deactivation starts with the next sync \
                 (policy.deactivate_after)"
        ),
        None => format!("{outside}, and the account is disabled: nothing to do"),
    }
}

/// Returns what becomes of an account whose time has come.
fn of_due(since: Timestamp, one: &Explained<'_>) -> String {
    let then = if one.waits_for_room {
        "deactivated as soon as limits.max_disable or limits.max_look has room"
    } else {
        "deactivate"
    };
    format!("{}, and locked by this program since {since}: {then}", one.outside.text())
}

/// Returns the members that signs point to, each once.
fn members(signs: &[SignSeen]) -> String {
    let mut names: Vec<_> = signs.iter().map(|seen| seen.user.username.to_string()).collect();
    names.dedup();
    names.join(" or ")
}

/// Returns what to do if the verdict is not wanted.
fn advice(verdict: &Verdict, known: &KnownFacts<'_>) -> Vec<String> {
    let by_names_alone = known.config.policy.matching == Matching::Localpart;
    let is_tie = |sign| matches!(sign, Sign::Link | Sign::Memory);
    let lines: &[&str] = match verdict {
        Verdict::NeedsApproval(_, approval) => return how_to_approve(*approval, known),
        Verdict::Kept(KeptReason::AnotherPerson) => {
            &["To hand the account over, unlock it and move its link in MAS to the member \
             (upstream-oauth-links). Without [writer.mas_api], which reads links, also add it to policy.protect."]
        }
        Verdict::Kept(KeptReason::Ambiguous) => {
            &["Rename one of them, or link the account to its user in MAS (upstream-oauth-links)."]
        }
        Verdict::MayBeMember(signs)
            if by_names_alone && signs.iter().any(|seen| is_tie(seen.sign)) =>
        {
            &[
                "If it is the member's account, set accounts.match = \"auto\", so that the evidence decides.",
            ]
        }
        Verdict::MayBeMember(_) => &[
            "If it is the member's account, link it to them in MAS (upstream-oauth-links). If not, \
             disable it by hand.",
        ],
        _ => &[],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn how_to_approve(approval: Approval, known: &KnownFacts<'_>) -> Vec<String> {
    let mut lines = vec![match approval {
        Approval::NeverTied => "To keep the account, add it to policy.protect.".to_owned(),
        Approval::NameOfMember | Approval::MemoryOfMember => {
            "If the user was created again in Keycloak, replace the link in MAS \
                                   (upstream-oauth-links)."
                .to_owned()
        }
    }];
    match &known.approve {
        Some(command) => {
            lines.push("To disable it, check the whole `plan`, and approve it with".to_owned());
            lines.push(format!("  {command}"));
        }
        None => lines.push("`plan` shows how to approve it.".to_owned()),
    }
    lines
}
