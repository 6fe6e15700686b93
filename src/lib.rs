//! Keeps Matrix accounts in step with the members of a Keycloak group.
//!
//! Data flows in one line: configuration → (Keycloak members ‖ Synapse accounts) → a pure plan →
//! limits → print → writer → outcome. `docs/architecture.md` has the map.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod exit;
pub mod files;
pub mod http;
pub mod localpart;
pub mod lock;
pub mod mas_api;
pub mod model;
pub mod output;
pub mod plan;
pub mod planner;
pub mod readers;
pub mod report;
pub mod run;
pub mod signals;
pub mod standins;
pub mod state;
pub mod subprocess;
pub mod watch;
pub mod writers;
