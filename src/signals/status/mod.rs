//! What `watch` is doing, for people: `/status.json`, which the command `status` prints, and the
//! page at `/`.

mod board;
mod chart;
mod page;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::NotReady;
use crate::model::{ServerName, ServerText, Timestamp, serde_with_words};
use crate::phrases::counted;
use crate::plan::{RefusalKind, RunResult};
use crate::state::RunRow;

pub use board::{Reader, StatusBoard};
pub(super) use page::{content_security_policy, page};

/// The version of the document.
const STATUS_VERSION: u32 = 1;

/// The state of a running `watch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum WatchState {
    FirstRun,
    InStep,
    /// The last full run left something undone.
    Incomplete,
    /// It left accounts undone because a directory behind Keycloak is unverified.
    Unverified,
    /// Actions wait for an approval, and everything else is in step.
    NeedsApproval,
    Refused,
    Failed,
    Locked,
    Stale,
}

serde_with_words!(WatchState);

impl WatchState {
    /// Returns the state as a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::FirstRun => "First run not finished",
            Self::InStep => "In step",
            Self::Incomplete | Self::Unverified => "Incomplete",
            Self::NeedsApproval => "Waiting for an approval",
            Self::Refused => "Refused",
            Self::Failed => "Failed",
            Self::Locked => "Locked",
            Self::Stale => "Out of date",
        }
    }

    /// Returns what the state means, as a sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::FirstRun => "Nothing was compared yet.",
            Self::InStep => "Nothing is left to do.",
            Self::Incomplete => {
                "The last full run left something undone: the warnings in its log say what. The next one tries again."
            }
            Self::Unverified => {
                "Accounts wait, because a directory behind Keycloak (LDAP, Active Directory) is unverified. Check User \
                 federation in Keycloak, and that the directory answers."
            }
            Self::NeedsApproval => {
                "Some accounts wait for an approval. Everything else is in step."
            }
            Self::Refused => {
                "A plan was refused. Nothing is changed until it is approved or no longer needed."
            }
            Self::Failed => "The last run failed. The next one tries again.",
            Self::Locked => "Another run holds the lock.",
            Self::Stale => "No full run has succeeded for three intervals.",
        }
    }
}

impl From<NotReady> for WatchState {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::FirstRun => Self::FirstRun,
            NotReady::Refused => Self::Refused,
            NotReady::Failed => Self::Failed,
            NotReady::Locked => Self::Locked,
            NotReady::Stale => Self::Stale,
        }
    }
}

/// The document at `/status.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: u32,
    pub server_name: ServerText,
    pub state: WatchState,
    /// The same as `/readyz`.
    pub ready: bool,
    /// When this state began.
    pub since: Timestamp,
    /// When this was written.
    pub time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// When the next full run starts; missing while one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Timestamp>,
    /// Of the last complete reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadCounts>,
    /// What waits for an administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<PendingDecision>,
    /// Why the last run failed; only on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<StatusFailure>,
    /// The last changes, newest first.
    pub changes: Vec<ChangeCounts>,
}

/// Why an answer is not the status of the `watch` that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("the answer is no status")]
    NoStatus(#[source] serde_json::Error),
    #[error("its status has version {0}, and this program reads version {STATUS_VERSION}")]
    Version(u32),
    #[error("it is the watch of {theirs}, and server_name is {ours}")]
    OtherServer { theirs: ServerText, ours: ServerName },
}

impl StatusError {
    /// Returns what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoStatus(_) => {
                "Set `watch.listen` to an address that only `watch` uses, and restart `watch` after an update."
            }
            Self::Version(_) => "Use one version of this program for both, and restart `watch`.",
            Self::OtherServer { .. } => {
                "Give each `watch` an address of its own in `watch.listen`, and name its configuration with `--config`."
            }
        }
    }
}

impl Status {
    /// Parses the answer of the `watch` of this homeserver.
    pub fn parse(text: &str, server_name: &ServerName) -> Result<Self, StatusError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(StatusError::NoStatus)?;
        if head.version != STATUS_VERSION {
            return Err(StatusError::Version(head.version));
        }
        let status: Self = serde_json::from_str(text).map_err(StatusError::NoStatus)?;
        if status.server_name.to_string() != server_name.as_str() {
            let (theirs, ours) = (status.server_name, server_name.clone());
            return Err(StatusError::OtherServer { theirs, ours });
        }
        Ok(status)
    }
}

/// A full run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    pub ended: Timestamp,
    pub result: RunResult,
    pub duration_ms: u64,
}

/// What a complete reading has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCounts {
    pub at: Timestamp,
    pub members: usize,
    pub accounts: usize,
}

/// A plan that an administrator has to decide about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDecision {
    /// How many actions wait; 0 if the plan was refused before its actions were checked.
    pub actions: usize,
    pub digest: String,
    /// The command line that approves it where `watch` runs, or shows it if there is advice.
    pub command: ServerText,
    /// What to do first, if no approval is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<ServerText>,
    /// The limits that refuse it, in one word each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<RefusalKind>,
    /// Why it waits. The reasons name users, so they are here only on loopback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ServerText>,
}

impl PendingDecision {
    /// Returns what waits: `2 actions wait for a decision`.
    #[must_use]
    pub fn title(&self) -> String {
        match self.actions {
            0 => "The plan waits for a decision".to_owned(),
            count => format!("{} for a decision", counted(count, "action waits", "actions wait")),
        }
    }

    /// Returns why it waits, as far as this document may say it: the reasons, or else the limits.
    #[must_use]
    pub fn why(&self) -> Vec<String> {
        if self.reasons.is_empty() {
            self.refused_by.iter().map(|kind| kind.cause()).collect()
        } else {
            self.reasons.iter().map(ToString::to_string).collect()
        }
    }
}

/// An error as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFailure {
    pub error: ServerText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<ServerText>,
}

/// The changes of one run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    pub time: Timestamp,
    pub activated: u32,
    pub disabled: u32,
    pub created: u32,
    pub deactivated: u32,
    pub admin_changes: u32,
    pub not_done: u32,
}

impl ChangeCounts {
    /// Returns the changes of a recorded run, or `None` if it tried none.
    #[must_use]
    pub fn from_run(run: &RunRow) -> Option<Self> {
        let counts = Self {
            time: run.ended.unwrap_or(run.started),
            activated: run.activated,
            disabled: run.disabled,
            created: run.created,
            deactivated: run.deactivated,
            admin_changes: run.admin_changes,
            not_done: run.not_done,
        };
        Some(counts).filter(|_| run.result != Some(RunResult::Refused))
    }
}
