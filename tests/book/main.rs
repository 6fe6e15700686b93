//! The book (`docs/`, built by mdBook) and the code say the same.
//!
//! - `docs/configuration.md` and `docs/commands.md` are generated from the code; `UPDATE_DOCS=1
//!   cargo test --test book` updates them.
//! - `docs/troubleshooting.md` is written by hand, and has every message of the code and no other.
//! - Every code block of the pages is parsed, and run if it can, against the servers of the demo.
//! - Links between Markdown files have a target, on a forge and in the book.

mod blocks;
mod code_blocks;
mod command_lines;
mod commands;
mod configuration;
mod demo;
#[path = "../code/files.rs"]
mod files;
mod generated;
mod links;
mod messages;
mod pictures;
mod requests;
mod runs;
mod troubleshooting;
