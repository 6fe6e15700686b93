//! The rule as examples and as laws. One-line builders make the facts; whole plans are compared.

mod admins;
mod by_hand;
mod creations;
mod directories;
mod evidence;
mod last_admins;
mod laws;
mod limits;
mod links;
mod mapping;
mod memory;
mod newer_plan;
mod own_account;
mod remembering;
mod review;
mod scene;
mod second_look;
mod stages;
mod table;
mod undo;
mod whose;

use super::*;
use crate::model::{
    AccountDetail, AccountState, Answer, InMas, KeycloakId, KeycloakPerson, KeycloakUser, Member,
    Question, Sign, SignSeen, Signs,
};
use crate::plan::{
    ActionKind, AdminsOfMas, Approval, DisableMode, KeptReason, Mark, Plan, Reason, Refusal,
    WriterKind,
};
use scene::{
    ACTIVE, DEACTIVATED, DISABLED, ERASED, LOCKED, NO_LOOKS, OPEN, Scene, actions, activate, acts,
    disable, keeps, kept, kept_as, known, scene,
};
