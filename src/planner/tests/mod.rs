//! The rule as examples and as laws. One-line builders make the facts; whole plans are compared.

mod directories;
mod laws;
mod limits;
mod links;
mod memory;
mod remembering;
mod scene;
mod second_look;
mod table;
mod whose;

use super::*;
use crate::model::{
    AccountDetail, AccountState, Answer, InMas, KeycloakId, KeycloakPerson, KeycloakUser, Member, Question, Sign,
    SignSeen, Signs,
};
use crate::plan::{ActionKind, Approval, DisableMode, KeptReason, Plan, Reason, WriterKind};
use scene::{
    ACTIVE, DEACTIVATED, DISABLED, ERASED, LOCKED, NO_LOOKS, Scene, actions, activate, acts, disable, keeps, kept,
    kept_as, known, scene,
};
