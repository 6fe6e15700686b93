//! The yes of an administrator: which plan it is for, and the command that gives it.

use std::collections::BTreeSet;

use super::AdminsOfMas;
use crate::cli::Global;
use crate::output::text::Stale;
use crate::plan::{ActionKind, ApprovedDigest, Digest, Plan, Refusal, RunCommand};
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

/// The commands that carry out a plan that was shown.
pub(crate) struct NextCommands {
    /// What needs no approval, if a run would not be refused.
    pub(crate) within_limits: Option<String>,
    /// Exactly this plan, if anything of it needs an approval.
    pub(crate) approved: Option<String>,
}

impl NextCommands {
    /// Returns the forms of a command that carry out this plan.
    pub(crate) fn of(global: &Global, command: &str, plan: &Plan, limits: &Limits) -> Self {
        let is_within_limits = limits.refuse(plan).is_empty();
        let is_open = plan.to_apply().any(|action| action.approval.is_none());
        let is_needed =
            !is_within_limits || plan.spared_members() > 0 || plan.to_approve().next().is_some();
        let is_possible = plan.advice_without_approval().is_none();
        Self {
            within_limits: (is_within_limits && is_open).then(|| command_line(global, command)),
            approved: (is_needed && is_possible)
                .then(|| command_to_go_on(global, command, &plan.digest())),
        }
    }

    /// Returns the same without the approval, if it could disable administrators of MAS who are
    /// unknown.
    pub(crate) fn for_known(self, admins: AdminsOfMas, plan: &Plan) -> Self {
        let disables = plan.of_kind(ActionKind::Disable).next().is_some();
        if admins == AdminsOfMas::Unknown && disables {
            return Self { approved: None, ..self };
        }
        self
    }
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
