//! Every decoder of outside data and of the configuration, fed with what no well-behaved server, file or program would
//! say: real recordings that were cut, flipped, nested and blown up, and arbitrary bytes.
//!
//! The law: no panic, no hang, and either an error or a value; a reader gives everything that was served or an error.
//!
//! - `corpus/DECODER/` holds inputs that once were interesting; every one of them is tried first, each time.
//! - `*.regressions` beside the modules are proptest's own: seeds that once failed.
//! - `DECODER_CASES=20000 cargo test --test decoders` looks longer; the default takes well under a minute.
//! - `DECODER_KEEP=1` keeps an input with an outcome that no input of the corpus has, as a file of it. An input that
//!   fails is shown, and belongs into the corpus with its fix.

mod configuration;
mod corpus;
mod doctor;
mod keycloak;
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
