//! Every decoder of outside data and of the configuration, with input that no correct server, file
//! or program produces: real recordings that were truncated, flipped, nested and inflated, and
//! arbitrary bytes.
//!
//! The law: no panic, no hang, and either an error or a value. A reader returns everything that was
//! served, or an error.
//!
//! - `corpus/DECODER/` has inputs that were interesting once; every one of them is tried first,
//!   each time.
//! - `*.regressions` next to the modules are proptest's: seeds that once failed.
//! - `DECODER_CASES=20000 cargo test --test decoders` tries more; the default takes well under a
//!   minute.
//! - `DECODER_KEEP=1` keeps an input as a file of the corpus if no other input there has the same
//!   outcome. A failing input is shown; add it to the corpus with its fix.

mod configuration;
mod corpus;
mod doctor;
mod keycloak;
mod keycloak_roles;
mod mas;
mod mas_cli;
mod mutations;
mod names;
mod recordings;
mod saved_plans;
mod stage;
mod state_file;
mod synapse;
mod tokens;
