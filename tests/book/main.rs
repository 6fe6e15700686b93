//! The book (`docs/`, built by mdBook) and the code say the same.
//!
//! - `docs/configuration.md` and `docs/commands.md` are made from the code; `UPDATE_DOCS=1 cargo test --test book` makes them
//!   anew.
//! - `docs/troubleshooting.md` is written by hand and has every message that the code can give, and no other.
//! - Links between Markdown files lead somewhere, on a forge as in the book.

mod commands;
mod configuration;
mod generated;
mod links;
mod messages;
mod troubleshooting;
