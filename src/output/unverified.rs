//! Prints accounts outside the group that only Synapse is known to have shut out, and how to make
//! sure that MAS does too.

use std::fmt::Write as _;

use indicatif::HumanCount;

use super::{FAINT, HEADING, Page};
use crate::phrases::counted;
use crate::plan::Unverified;

/// The number of commands shown; few, because every run of a timer shows them again.
const COMMANDS: usize = 5;
/// The number of commands in Markdown, which has room for more.
const COMMANDS_IN_MARKDOWN: usize = 1000;

/// Adds them to the plan for a terminal.
pub(super) fn text(page: &mut Page, unverified: &Unverified) {
    let count = unverified.accounts.len();
    if count == 0 {
        return;
    }
    let accounts = counted(count, "account", "accounts");
    page.gap();
    page.line(format_args!(
        "{HEADING}Shut out by Synapse, perhaps not by MAS{HEADING:#}: {accounts} outside the group"
    ));
    page.line("  Only MAS keeps users out, and its state is unknown without [writer.mas_api].");
    page.line("  Each of these makes sure, and is harmless if MAS keeps the user out already:");
    for command in unverified.commands().take(COMMANDS) {
        page.verbatim(format_args!("    {command}"));
    }
    if count > COMMANDS {
        let more = HumanCount((count - COMMANDS) as u64);
        page.line(format_args!(
            "    {FAINT}and {more} more (unverified in `plan --format json`){FAINT:#}"
        ));
    }
}

/// Adds them to the plan as Markdown.
pub(super) fn markdown(text: &mut String, unverified: &Unverified) {
    let count = unverified.accounts.len();
    if count == 0 {
        return;
    }
    let _ = write!(
        text,
        "\n{} outside the group: shut out by Synapse, perhaps not by MAS. These commands make sure:\n\n```sh\n",
        counted(count, "account", "accounts")
    );
    for command in unverified.commands().take(COMMANDS_IN_MARKDOWN) {
        let _ = writeln!(text, "{command}");
    }
    text.push_str("```\n");
}
