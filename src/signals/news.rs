//! What a run has to report to `notify.room`: what it changed, and what needs an administrator.

use sha2::{Digest as _, Sha256};

use crate::model::{Timestamp, Word as _, printable};
use crate::plan::{Action, ActionKind, Digest, Left, Outcome, OutcomeKind, Plan, Refusal, Skip};

/// What the end of a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All accounts: what it does not ask is answered.
    Whole,
    /// A few accounts, or none, because of a failure.
    Part,
}

/// What a run has to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub coverage: Coverage,
    /// What distinguishes this run from every other.
    pub run: String,
    /// The accounts that it changed.
    pub changes: Vec<NamedAccounts>,
    /// What needs an administrator.
    pub questions: Vec<Question>,
}

/// Accounts that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAccounts {
    /// As in "3 disabled".
    pub what: &'static str,
    /// Safe to print.
    pub names: Vec<String>,
}

/// What needs an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A plan was refused.
    Refused {
        digest: Digest,
        reasons: Vec<String>,
        /// What the plan would do.
        planned: Vec<NamedAccounts>,
        /// What to run, or else what to check.
        next: NextStep,
    },
    /// Actions wait for an approval.
    Waiting {
        digest: Digest,
        /// The accounts, each with why it waits.
        accounts: Vec<String>,
        next: NextStep,
    },
    /// Actions were not done.
    NotDone(Vec<NamedAccounts>),
    /// A run failed.
    Failed { line: String, hint: Option<String> },
}

/// What an administrator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Two command lines: one shows the plan, the other approves it.
    Approve { check: String, approve: String },
    /// There is no plan to approve.
    Advice(&'static str),
}

impl News {
    /// Returns what a plan that was carried out has to report.
    #[must_use]
    pub fn carried_out(
        coverage: Coverage,
        plan: &Plan,
        outcomes: &[Outcome],
        next: NextStep,
    ) -> Self {
        let mut questions = Vec::new();
        if coverage == Coverage::Whole {
            let not_done = not_done(plan, outcomes);
            if !not_done.is_empty() {
                questions.push(Question::NotDone(not_done));
            }
            let accounts: Vec<_> = plan.held_back().map(with_reason).collect();
            if !accounts.is_empty() {
                let digest = plan.digest_after(outcomes);
                let next = plan.advice_without_approval().map_or(next, NextStep::Advice);
                questions.push(Question::Waiting { digest, accounts, next });
            }
        }
        Self { coverage, run: now(), changes: changes(plan, outcomes), questions }
    }

    /// Returns what a refused plan has to report.
    #[must_use]
    pub fn refused(plan: &Plan, digest: &Digest, refusals: &[Refusal], next: NextStep) -> Self {
        let next = plan.advice_without_approval().map_or(next, NextStep::Advice);
        // It has names of its own.
        let names_pairs = refusals.iter().any(|it| matches!(it, Refusal::MappingInDoubt(_)));
        let planned = if names_pairs { Vec::new() } else { planned(plan) };
        let refused = Question::Refused {
            digest: digest.clone(),
            reasons: refusals.iter().map(ToString::to_string).collect(),
            planned,
            next,
        };
        Self {
            coverage: Coverage::Whole,
            run: now(),
            changes: Vec::new(),
            questions: vec![refused],
        }
    }

    /// Returns what a failed run has to report.
    #[must_use]
    pub fn failed(line: String, hint: Option<String>) -> Self {
        Self {
            coverage: Coverage::Part,
            run: now(),
            changes: Vec::new(),
            questions: vec![Question::Failed { line, hint }],
        }
    }

    /// Adds the questions of other news that are new.
    pub fn add(&mut self, other: Self) {
        let keys: Vec<_> = self.questions.iter().map(Question::key).collect();
        self.questions.extend(other.questions.into_iter().filter(|it| !keys.contains(&it.key())));
    }

    /// Returns how many accounts the run changed.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changes.iter().map(|accounts| accounts.names.len()).sum()
    }
}

impl Question {
    /// Returns what identifies it from run to run: its kind, and what it is about.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Refused { digest, .. } => format!("refused {digest}"),
            Self::Waiting { digest, .. } => format!("waiting {digest}"),
            Self::NotDone(groups) => format!("not_done {}", hash(&format!("{groups:?}"))),
            Self::Failed { .. } => "failed".to_owned(),
        }
    }
}

/// Returns whether a run changed something, as far as it is known.
#[must_use]
pub fn has_changed(outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(is_change)
}

fn is_change(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done | Outcome::Scheduled(_) => true,
        Outcome::Failed { left, .. } => *left == Left::InDoubt,
        Outcome::Skipped(_) => false,
    }
}

/// Returns a short text that is the same only for the same text.
pub(super) fn hash(text: &str) -> String {
    let bytes: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    bytes.iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn now() -> String {
    format!("{} {}", std::process::id(), Timestamp::now().as_millis())
}

fn name(action: &Action) -> String {
    action.localpart().to_string()
}

fn with_reason(action: &Action) -> String {
    let why = action.waits_because();
    printable(&format!("{}: {why}", action.localpart())).into_owned()
}

/// Returns what was done, and what was requested and is not confirmed yet.
fn changes(plan: &Plan, outcomes: &[Outcome]) -> Vec<NamedAccounts> {
    let mut groups = Vec::new();
    for (kind, what) in [
        (ActionKind::Activate, "activated"),
        (ActionKind::Create, "created"),
        (ActionKind::Disable, "disabled"),
        (ActionKind::Deactivate, "deactivated"),
        (ActionKind::GrantAdmin, "made administrators"),
        (ActionKind::RevokeAdmin, "no longer administrators"),
    ] {
        let done = plan.actions.iter().zip(outcomes).filter(|(action, outcome)| {
            action.kind == kind && matches!(outcome, Outcome::Done | Outcome::Scheduled(_))
        });
        add(&mut groups, what, done.map(|(action, _)| name(action)).collect());
    }
    groups
}

/// Returns what was not done, unless it waits for an approval or no longer fits.
fn not_done(plan: &Plan, outcomes: &[Outcome]) -> Vec<NamedAccounts> {
    let mut groups = Vec::new();
    for (kind, what) in [
        (OutcomeKind::Scheduled, "not confirmed in time"),
        (OutcomeKind::Failed, "failed"),
        (OutcomeKind::Skipped, "skipped"),
    ] {
        let of_kind = plan.actions.iter().zip(outcomes).filter(|(action, outcome)| {
            let is_expected = matches!(
                action.skipped,
                Some(Skip::NeedsApproval | Skip::MovedOn(_) | Skip::Member)
            );
            outcome.kind() == kind && !is_expected
        });
        let names = of_kind.map(|(action, _)| format!("{} ({})", name(action), action.kind.word()));
        add(&mut groups, what, names.collect());
    }
    groups
}

/// Returns what a plan would do.
fn planned(plan: &Plan) -> Vec<NamedAccounts> {
    let mut groups = Vec::new();
    for (kind, what) in [
        (ActionKind::Activate, "to activate"),
        (ActionKind::Create, "to create"),
        (ActionKind::Disable, "to disable"),
        (ActionKind::Deactivate, "to deactivate"),
        (ActionKind::GrantAdmin, "to make administrators"),
        (ActionKind::RevokeAdmin, "to be no longer administrators"),
    ] {
        let of_kind = plan.to_apply().filter(|action| action.kind == kind);
        add(&mut groups, what, of_kind.map(name).collect());
    }
    groups
}

fn add(groups: &mut Vec<NamedAccounts>, what: &'static str, names: Vec<String>) {
    if !names.is_empty() {
        groups.push(NamedAccounts { what, names });
    }
}
