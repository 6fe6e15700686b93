//! Prints the plan and its outcome for a terminal: grouped, counted, and cut if it would scroll
//! away.

mod actions;
mod head;
mod kept;
mod outcome;

use indicatif::HumanCount;

use super::{ACTIVATE, CHANGE, DISABLE, FAINT, HEADING, Page, Terminal, unverified};
use crate::phrases::counted;
use crate::plan::{Action, ActionKind, Digest, NextStage, Plan, Refusal, RunCommand};

pub use head::Head;
pub use outcome::{
    CommandsAfterRefusal, Stale, also_disables, members_too, outcome, refused, waiting,
};

/// The longest list of accounts for one reason on a terminal, in lines.
const SHOWN: usize = 10;

/// A plan, and what is printed around it.
#[derive(Debug)]
pub struct PlanView<'a> {
    /// The servers it was read from.
    pub head: &'a Head,
    pub plan: &'a Plan,
    /// Approves it; for a saved plan it is the digest of the file.
    pub digest: &'a Digest,
    /// The command that carries it out.
    pub command: RunCommand,
    /// Why that command would refuse it.
    pub refusals: &'a [Refusal],
    /// What to do next.
    pub next: &'a [NextStep],
}

/// What an administrator may do next.
#[derive(Debug)]
pub struct NextStep {
    /// What the command does.
    pub what: String,
    /// A command to paste.
    pub command: String,
}

impl NextStep {
    /// Returns what a command does, and the command.
    #[must_use]
    pub fn new(what: &str, command: String) -> Self {
        Self { what: what.to_owned(), command }
    }
}

/// Returns the plan as text.
#[must_use]
pub fn plan(view: &PlanView<'_>, terminal: Terminal) -> String {
    let PlanView { head, plan, digest, command, refusals, next } = view;
    let mut page = Page::new(terminal);
    head.print(&mut page, plan, digest);
    page.gap();
    page.line(summary(plan));
    actions::every_kind(&mut page, plan, *command);
    next_stage(&mut page, plan.next_stage);
    actions::to_approve(&mut page, plan, *command);
    kept::kept(&mut page, plan);
    actions::left_out(&mut page, plan);
    unverified::text(&mut page, &plan.unverified);
    kept::not_registered(&mut page, plan);
    kept::unnamed(&mut page, plan);
    kept::mapping(&mut page, &plan.mapping);
    page.gap();
    page.line(summary(plan));
    if let Some(nothing) = plan.nothing_to_do(*command) {
        page.line(nothing);
    }
    if !refusals.is_empty() {
        let refused = match command {
            RunCommand::Undo => "This undo",
            RunCommand::Sync | RunCommand::Apply | RunCommand::Watch => "A sync of this plan",
        };
        page.gap();
        page.line(format_args!("{DISABLE}{refused} would be refused{DISABLE:#}, because"));
        reasons(&mut page, refusals);
    }
    next_steps(&mut page, next);
    if !next.is_empty() && plan.of_kind(ActionKind::Disable).next().is_some() {
        page.line("  To keep an account, add it to policy.protect.");
    }
    page.into_text()
}

/// Returns the commands that go on.
#[must_use]
pub fn what_next(next: &[NextStep], terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    next_steps(&mut page, next);
    page.into_text()
}

fn next_steps(page: &mut Page, next: &[NextStep]) {
    if next.is_empty() {
        return;
    }
    page.gap();
    page.line(format_args!("{HEADING}What to do next{HEADING:#}"));
    for NextStep { what, command } in next {
        page.line(format_args!("  {what}:"));
        page.verbatim(format_args!("    {command}"));
    }
}

/// Shows which locked accounts will be deactivated, and when.
fn next_stage(page: &mut Page, next: NextStage) {
    for (when, what) in stages(next) {
        page.gap();
        page.line(format_args!("{HEADING}{when}{HEADING:#}: {what}"));
    }
}

/// Returns when locked accounts will be deactivated, and how many.
pub(super) fn stages(next: NextStage) -> Vec<(&'static str, String)> {
    let NextStage { accounts, first, waiting } = next;
    let next = first.map(|first| {
        let locked = counted(accounts, "locked account", "locked accounts");
        let the_first = if accounts == 1 { "" } else { ", the first" };
        ("Next", format!("{locked} will be deactivated{the_first} on {first}"))
    });
    let later = (waiting > 0).then(|| {
        let later = format!(
            "{} to be deactivated, because limits.max_disable or limits.max_look has no room",
            counted(waiting, "account waits", "accounts wait")
        );
        ("Later", later)
    });
    next.into_iter().chain(later).collect()
}

/// Returns the plan in numbers.
fn summary(plan: &Plan) -> String {
    let left_out = plan.actions.iter().filter_map(Action::left_out).count();
    if left_out > 0 {
        let to_do = to_do(|kind| plan.count_to_apply(kind)).join(", ");
        return format!("{to_do}, {} left out", HumanCount(left_out as u64));
    }
    counts(plan).join(", ")
}

/// Returns the plan in numbers, one by one.
pub(super) fn counts(plan: &Plan) -> Vec<String> {
    let summary = plan.summary();
    let n = |count: usize| HumanCount(count as u64);
    let mut counts = to_do(|kind| plan.of_kind(kind).count());
    counts.push(format!("{} unchanged", n(summary.unchanged)));
    counts.push(format!("{} kept", n(summary.kept)));
    counts.push(format!("{} not registered", n(summary.not_registered)));
    counts
}

/// Returns how much there is to do of each kind; of the usual ones also if it is nothing.
fn to_do(count: impl Fn(ActionKind) -> usize) -> Vec<String> {
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
    counts.map(|(_, count, what)| format!("{} {what}", HumanCount(*count as u64))).collect()
}

fn is_usual(kind: ActionKind) -> bool {
    matches!(kind, ActionKind::Activate | ActionKind::Disable)
}

fn reasons(page: &mut Page, refusals: &[Refusal]) {
    for refusal in refusals {
        page.entry(2, '-', refusal);
    }
}

#[cfg(test)]
mod tests;
