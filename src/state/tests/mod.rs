//! Tests that recorded data is read back, no matter what happens in between, and that a file that
//! is older, damaged or of another program does no harm.

mod absences;
mod actions;
mod file;
mod fixture;
mod memory;
mod notices;
mod owners;
mod shown;
mod words;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::model::{
    AccountState, KeycloakId, Localpart, Owner, Room, Tie, Timestamp, UserId, Word as _,
};
use crate::plan::{
    ActionKind, FailureKind, Left, NotRechecked, Outcome, Plan, RunCommand, RunResult, Skip,
};
use crate::planner::{Memory, Presence, Progress, Reach, SecondStage};
use fixture::{
    Fixture, acted, begin, fixture, hours, memory, namespace, outcomes, owner, owners, plan,
    record, record_owner, user,
};
