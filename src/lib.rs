//! Keeps Matrix accounts in step with the members of a Keycloak group.
//!
//! Data flows in one line: configuration → (Keycloak members ‖ Synapse accounts) → a pure plan →
//! limits → print → writer → outcome. `docs/architecture.md` has the map.

pub mod app;
pub mod apply;
pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod environment;
pub mod error_chain;
pub mod exit;
pub mod failure;
pub mod files;
pub mod http;
pub mod localpart;
pub mod lock;
pub mod mas_api;
pub mod metrics;
pub mod model;
pub mod output;
pub mod phrases;
pub mod plan;
pub mod planner;
pub mod readers;
mod session;
pub mod shell;
pub mod signals;
#[cfg(feature = "demo")]
pub mod standins;
pub mod state;
pub mod subprocess;
pub mod watch;
pub mod writers;
