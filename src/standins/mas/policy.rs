//! Stores policy data: each `POST` replaces all of it, and there is no way to compare and set
//! (trap 64).

use serde::Serialize;
use serde_json::Value;

use super::state::MasState;
use crate::standins::{ids, time};

/// One version of the policy data. What is serialized are the attributes that the Admin API shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyData {
    /// The ULID.
    #[serde(skip)]
    pub id: String,
    pub created_at: String,
    pub data: Value,
}

impl MasState {
    /// Replaces the policy data, and returns the new version.
    pub fn set_policy_data(&mut self, data: Value) -> PolicyData {
        let new = PolicyData { id: ids::ulid(), created_at: time::now_rfc3339(), data };
        self.policy.push(new.clone());
        new
    }

    /// Returns the policy data in force, if any was ever set.
    #[must_use]
    pub fn policy_data(&self) -> Option<&PolicyData> {
        self.policy.last()
    }
}
