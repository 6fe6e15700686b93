//! Names the commands that carry out plans, and how their runs end.

use strum::{IntoStaticStr, VariantArray};

use crate::model::serde_with_words;

/// A command that carries out plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RunCommand {
    Sync,
    Apply,
    Undo,
    Watch,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RunResult {
    /// In step, or brought in step.
    InStep,
    /// Something is not done.
    Incomplete,
    /// Refused by a limit.
    Refused,
    /// An error before anything was changed.
    Failed,
    /// Another run held the lock.
    Locked,
}

impl RunResult {
    /// Returns the result in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::InStep => "in step",
            other => other.into(),
        }
    }
}

serde_with_words!(RunCommand, RunResult);
