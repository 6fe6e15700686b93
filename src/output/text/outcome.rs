//! Prints what became of a plan, and how to go on.

use std::collections::BTreeMap;

use indicatif::HumanCount;

use super::actions::has_long_lists;
use super::{FAINT, HEADING, Page, SHOWN, reasons};
use crate::model::{Localpart, Word as _};
use crate::output::Terminal;
use crate::phrases::{counted, joined};
use crate::plan::{Action, ActionKind, Counts, KeptReason, Outcome, Plan, Refusal, Skip};

/// Returns the outcome of the actions: failures by name, the rest as counts.
#[must_use]
pub fn outcome(plan: &Plan, outcomes: &[Outcome], terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    let counts = Counts::compute(plan, outcomes);
    not_done(&mut page, plan, outcomes);
    let left_out = plan.actions.iter().filter(|action| action.left_out().is_some()).count();
    let mut parts =
        vec![format!("{} activated", counts.activated), format!("{} disabled", counts.disabled)];
    let rest = [
        (counts.created, "created"),
        (counts.deactivated, "deactivated"),
        (counts.admins, "changes of administrators"),
        (counts.scheduled, "not confirmed in time"),
        (counts.failed, "failed"),
        (counts.skipped.saturating_sub(left_out), "skipped"),
        (left_out, "left out"),
    ];
    parts.extend(
        rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    let in_doubt = plan.kept.iter().filter(|kept| kept.reason == KeptReason::FederationInDoubt);
    let in_doubt = in_doubt.count();
    if in_doubt > 0 {
        parts.push(format!("{in_doubt} waiting for a directory"));
    }
    if !plan.actions.is_empty() {
        let is_done = plan.actions.iter().zip(outcomes).all(is_settled) && !plan.is_in_doubt();
        let word = if is_done { "Done" } else { "Incomplete" };
        page.gap();
        page.line(format_args!("{HEADING}{word}:{HEADING:#} {}", parts.join(", ")));
    }
    page.into_text()
}

/// Returns whether nothing is left to do about an action: what no longer fits is not.
fn is_settled((action, outcome): (&Action, &Outcome)) -> bool {
    *outcome == Outcome::Done || matches!(action.skipped, Some(Skip::MovedOn(_)))
}

/// Lists what was not done, grouped by the reason.
fn not_done(page: &mut Page, plan: &Plan, outcomes: &[Outcome]) {
    // Each with the whole text of the first, which names its account.
    let mut together: BTreeMap<_, (&str, Vec<&Localpart>)> = BTreeMap::new();
    for (action, outcome) in plan.actions.iter().zip(outcomes) {
        // What is left out was listed before.
        if let Some(why) = outcome.error().filter(|_| action.left_out().is_none()) {
            let key = (outcome.kind().word(), action.kind, without_account(why, action));
            together.entry(key).or_insert((why, Vec::new())).1.push(action.localpart());
        }
    }
    if together.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!("{HEADING}Not done{HEADING:#}"));
    let shown = page.terminal().shown(together.len(), SHOWN);
    for ((word, kind, _), (why, names)) in together.iter().take(shown) {
        let who = accounts(names, page.terminal());
        page.line(format_args!("  {word} {} {who}: {why}", kind.word()));
    }
    if together.len() > shown {
        let more = HumanCount((together.len() - shown) as u64);
        page.line(format_args!("  {FAINT}and {more} more{FAINT:#}"));
    }
    let hint = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed { hint, .. } => Some(hint),
        _ => None,
    });
    if let Some(hint) = hint {
        page.line(format_args!("hint: {hint}"));
    }
}

/// Returns one account by its name, or several by their number and the first names.
fn accounts(names: &[&Localpart], terminal: Terminal) -> String {
    if let [name] = names {
        return name.to_string();
    }
    let listed = terminal.shown(names.len(), 3);
    let more = match names.len() - listed {
        0 => String::new(),
        more => format!(" and {} more", HumanCount(more as u64)),
    };
    let count = counted(names.len(), "account", "accounts");
    format!("{count} ({}{more})", joined(&names[..listed], ", "))
}

/// Returns an error without what belongs to one account, so that equal failures are found: the
/// command that was run for it, its name and its ID.
fn without_account(why: &str, action: &Action) -> String {
    let outside_commands: Vec<_> = why.split('`').step_by(2).collect();
    let general = without_word(&outside_commands.join("`…`"), action.localpart().as_str());
    match &action.mas_id {
        Some(id) => without_word(&general, &id.text()),
        None => general,
    }
}

fn without_word(text: &str, word: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "._=-+".contains(c);
    let (mut general, mut from) = (String::new(), 0);
    for (at, _) in text.match_indices(word).filter(|_| !word.is_empty()) {
        let end = at + word.len();
        if !text[..at].ends_with(is_part) && !text[end..].starts_with(is_part) {
            general += &text[from..at];
            general.push('…');
            from = end;
        }
    }
    general + &text[from..]
}

/// Returns the current members whose accounts an approval would disable: "1 current member too, for
/// good", or without "too" if there is nothing else to do.
#[must_use]
pub fn members_too(plan: &Plan) -> Option<String> {
    let others = plan.to_apply().chain(plan.to_approve()).next();
    spared_members(plan, if others.is_some() { " too" } else { "" })
}

/// Returns what an approval does to current members, if one is offered: "also disables 1 current
/// member, for good".
#[must_use]
pub fn also_disables(plan: &Plan) -> Option<String> {
    let members = spared_members(plan, "").filter(|_| plan.advice_without_approval().is_none());
    members.map(|members| format!("also disables {members}"))
}

fn spared_members(plan: &Plan, too: &str) -> Option<String> {
    let spared = plan.spared_members();
    let for_good = if plan.is_for_good(ActionKind::Disable) { ", for good" } else { "" };
    let members = counted(spared, "current member", "current members");
    (spared > 0).then(|| format!("{members}{too}{for_good}"))
}

/// Returns what a run has left for an approval, and the exact command that approves it. Without a
/// command it returns why there is none.
#[must_use]
pub fn waiting(plan: &Plan, command: Option<&str>, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    let (waiting, members) = (plan.held_back().count(), plan.spared_members());
    let mut sentences = Vec::new();
    if waiting > 0 {
        let waits = counted(waiting, "account waits", "accounts wait");
        sentences.push(format!("{waits} for an approval."));
    }
    if members > 0 {
        let spared = counted(
            members,
            "account was not disabled, because it belongs to a member",
            "accounts were not disabled, because they belong to members",
        );
        sentences.push(format!("{spared} of the group now."));
    }
    if command.is_some() {
        let too = if waiting == 0 { " too" } else { "" };
        sentences.push(format!("To disable {}{too}, run", them(waiting + members)));
    }
    page.gap();
    page.line(joined(&sentences, " "));
    if let Some(command) = command {
        page.verbatim(format_args!("  {command}"));
    } else if let Some(advice) = plan.advice_without_approval() {
        page.line(advice);
    }
    page.into_text()
}

fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

/// The difference between a plan and the one that was approved.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// What is new since.
    pub new: Vec<(ActionKind, Localpart)>,
    /// What is no longer to be done.
    pub gone: Vec<(ActionKind, Localpart)>,
}

/// The commands to paste after a refusal.
#[derive(Debug)]
pub struct CommandsAfterRefusal {
    /// Approves the plan, or shows it again.
    pub go_on: String,
    /// Shows every name, if the lists were cut.
    pub show_all: Option<String>,
}

/// Returns why nothing was changed, and the exact commands to go on. `stale` is the difference to
/// the approved plan, if that is known.
#[must_use]
pub fn refused(
    refusals: &[Refusal],
    plan: &Plan,
    stale: Option<&Stale>,
    commands: &CommandsAfterRefusal,
    terminal: Terminal,
) -> String {
    let mut page = Page::new(terminal);
    page.gap();
    page.line("Refused; nothing was changed, because");
    reasons(&mut page, refusals);
    if let Some(Stale { new, gone }) = stale {
        page.line("What is different from the approved plan:");
        changed(&mut page, '+', "new", new);
        changed(&mut page, '-', "no longer", gone);
    }
    if let Some(advice) = plan.advice_without_approval() {
        page.line(advice);
    } else {
        if let Some(members) = also_disables(plan) {
            page.line(format_args!("The approval {members}."));
        }
        if let Some(all) = commands.show_all.as_ref().filter(|_| has_long_lists(plan)) {
            page.line("To see every name, run");
            page.verbatim(format_args!("  {all}"));
        }
        page.line("Check the plan. If it is right, apply exactly this plan with");
        page.verbatim(format_args!("  {}", commands.go_on));
    }
    page.into_text()
}

fn changed(page: &mut Page, sign: char, what: &str, actions: &[(ActionKind, Localpart)]) {
    let shown = page.terminal().shown(actions.len(), SHOWN);
    for (kind, localpart) in &actions[..shown] {
        page.entry(2, sign, format_args!("{} {localpart} ({what})", kind.word()));
    }
    if actions.len() > shown {
        let more = HumanCount((actions.len() - shown) as u64);
        page.line(format_args!("  {FAINT}and {more} more ({what}){FAINT:#}"));
    }
}
