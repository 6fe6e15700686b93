//! The yes of an administrator: which plan it is for, and the command that gives it.

use std::collections::BTreeSet;

use tracing::warn;

use super::tell;
use crate::cli::Global;
use crate::output::text::{CommandsAfterRefusal, NextStep, Stale};
use crate::output::{Terminal, text};
use crate::phrases::counted;
use crate::plan::{ApprovedDigest, Digest, Outcome, Plan, Refusal, RunCommand};
use crate::planner::Limits;
use crate::shell::path_word;
use crate::state::{RunId, State, StateError};

/// What an administrator has ordered: a plan to be carried out by a command.
pub(crate) struct Order<'a> {
    pub(crate) command: RunCommand,
    /// The command line, without the approval.
    pub(crate) line: String,
    pub(crate) digest: Digest,
    /// The digest that the administrator approves.
    pub(crate) approve: Option<&'a ApprovedDigest>,
    pub(crate) undoes: Option<RunId>,
}

impl Order<'_> {
    /// Returns what is different from the approved plan, if that was recorded.
    pub(super) fn stale(
        &self,
        plan: &Plan,
        state: Option<&State>,
    ) -> Result<Option<Stale>, StateError> {
        let (Some(approved), Some(state)) = (self.approve, state) else { return Ok(None) };
        if self.digest.is_meant_by(approved) {
            return Ok(None);
        }
        let Some(before) = state.approved(approved)? else { return Ok(None) };
        let now = plan.in_digest().map(|action| (action.kind, action.localpart().clone()));
        let now: BTreeSet<_> = now.collect();
        Ok(Some(Stale {
            new: now.difference(&before).cloned().collect(),
            gone: before.difference(&now).cloned().collect(),
        }))
    }

    /// Returns why a plan may not be applied: it exceeds a limit, or the approval is for another
    /// plan. The right approval lifts every limit for this run.
    pub(super) fn refusals(&self, plan: &Plan, limits: &Limits) -> Vec<Refusal> {
        match self.approve {
            Some(approved) if self.digest.is_meant_by(approved) => Vec::new(),
            // What was approved is done already.
            Some(_) if plan.actions.is_empty() => Vec::new(),
            Some(_) if !plan.has_changes() => limits.refuse(plan),
            Some(approved) => {
                vec![Refusal::OtherDigest {
                    approved: approved.clone(),
                    digest: self.digest.clone(),
                }]
            }
            None => limits.refuse(plan),
        }
    }

    /// Returns the commands to print after a refusal.
    pub(super) fn commands_after_refusal(
        &self,
        global: &Global,
        plan: &Plan,
    ) -> CommandsAfterRefusal {
        let show_all = match self.command {
            _ if !Terminal::of_stdout().cut => None,
            RunCommand::Sync | RunCommand::Watch => Some("plan --full".to_owned()),
            RunCommand::Undo => Some(format!("{} --dry-run", self.line)),
            // The file has them.
            RunCommand::Apply => None,
        };
        CommandsAfterRefusal {
            go_on: command_after_refusal(global, &self.line, plan, &self.digest),
            show_all: show_all.map(|line| command_line(global, &line)),
        }
    }

    /// Says what a run has left for an approval, and which command approves it.
    pub(super) fn say_what_waits(&self, global: &Global, plan: &Plan, outcomes: &[Outcome]) {
        let (waiting, members) = (plan.held_back().count(), plan.spared_members());
        if waiting + members == 0 {
            return;
        }
        let digest = match self.command {
            // The approval of a saved plan is for the whole file.
            RunCommand::Apply => self.digest.clone(),
            RunCommand::Sync | RunCommand::Undo | RunCommand::Watch => plan.digest_after(outcomes),
        };
        let command = match plan.advice_without_approval() {
            Some(_) => None,
            None => Some(command_to_go_on(global, &self.line, &digest)),
        };
        let command = command.as_deref();
        tell(global, &text::waiting(plan, command, Terminal::of_stderr()), || {
            if waiting > 0 {
                let waits = counted(waiting, "account waits", "accounts wait");
                warn!(command, "{waits} for an approval");
            }
            if members > 0 {
                let spared =
                    counted(members, "account of a member was", "accounts of members were");
                warn!(command, "{spared} not disabled");
            }
        });
    }
}

/// Returns the command line that applies this very plan, to paste into a shell.
pub(crate) fn command_to_go_on(global: &Global, command: &str, digest: &Digest) -> String {
    command_line(global, &format!("{command} --approve {}", digest.approving()))
}

/// Returns the command line after a refusal: it applies this very plan, or shows it again if there is
/// none to approve yet.
pub(crate) fn command_after_refusal(
    global: &Global,
    command: &str,
    plan: &Plan,
    digest: &Digest,
) -> String {
    match plan.advice_without_approval() {
        Some(_) if command.starts_with("undo ") => {
            command_line(global, &format!("{command} --dry-run"))
        }
        Some(_) => command_line(global, "plan"),
        None => command_to_go_on(global, command, digest),
    }
}

/// Returns the commands that carry out a plan that was shown: what needs no approval, if a run would
/// not be refused, and exactly this plan, if anything of it needs an approval.
pub(crate) fn next_steps(
    global: &Global,
    command: RunCommand,
    line: &str,
    plan: &Plan,
    refusals: &[Refusal],
) -> Vec<NextStep> {
    let is_open = plan.to_apply().any(|action| action.approval.is_none());
    let waits = plan.to_approve().next().is_some();
    let needs_approval = !refusals.is_empty() || waits || plan.spared_members() > 0;
    let mut steps = Vec::new();
    if refusals.is_empty() && is_open {
        let purpose = match (command, waits) {
            (RunCommand::Undo, false) => "To undo it",
            (RunCommand::Undo, true) => "To undo what needs no approval",
            (_, false) => "To apply this plan",
            (_, true) => "To apply what needs no approval",
        };
        steps.push(NextStep::new(purpose, command_line(global, line)));
    }
    if needs_approval && plan.advice_without_approval().is_none() {
        let purpose = what_an_approval_does(command, plan, refusals);
        steps.push(NextStep::new(&purpose, command_to_go_on(global, line, &plan.digest())));
    }
    steps
}

/// Returns what an approval of this plan does, as a purpose: "To undo exactly this, above the
/// limits".
fn what_an_approval_does(command: RunCommand, plan: &Plan, refusals: &[Refusal]) -> String {
    let waits = plan.to_approve().next().is_some();
    let members = text::members_too(plan);
    let how = match (refusals.is_empty(), waits) {
        (true, false) => match members {
            Some(members) => return format!("To disable {members}"),
            None => "",
        },
        (true, true) => ", with what needs an approval",
        (false, false) => ", above the limits",
        (false, true) => ", above the limits and with what needs an approval",
    };
    let exactly = match command {
        RunCommand::Undo => "To undo exactly this",
        RunCommand::Sync | RunCommand::Apply | RunCommand::Watch => "To apply exactly this plan",
    };
    let members = members.map(|members| format!(", and disable {members}")).unwrap_or_default();
    format!("{exactly}{how}{members}")
}

/// Returns a command line that works in this installation.
pub(crate) fn command_line(global: &Global, command: &str) -> String {
    let config = global
        .config
        .as_ref()
        .map(|path| format!("--config {} ", path_word(path)))
        .unwrap_or_default();
    format!("{} {config}{command}", global.program)
}
