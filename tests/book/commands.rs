//! The command line reference, generated from the command line itself.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::exit::Exit;

use crate::generated;

const BEFORE: &str = "\
# Command line

<!-- Made from src/cli.rs: UPDATE_DOCS=1 cargo test --test book -->

Data goes to stdout, logs and progress to stderr. Everything is readable without colour, and progress bars are only shown on
a terminal.

";

const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::InStep, "in step, or brought in step"),
    (Exit::Error, "an error before the first change; a server did not answer as it should"),
    (Exit::Changes, "`plan --detailed-exitcode`: there are changes"),
    (Exit::Refused, "refused by a limit; nothing was changed"),
    (
        Exit::Incomplete,
        "incomplete: some actions failed, were skipped or not confirmed in time, a directory was unverified, or a signal \
         or an error came after the first change",
    ),
    (Exit::Locked, "another run holds the lock"),
    (Exit::Usage, "wrong command line"),
    (Exit::Config, "wrong configuration"),
];

/// More than the help has room for.
const MORE: &[(&str, &str)] = &[
    (
        "plan",
        "Reads both sides, rechecks every account that would change, and prints what would change and why. It has no writer. \
         If a `sync` of the plan would be refused, it says so, and still ends with 0.",
    ),
    (
        "sync",
        "Makes a plan and carries it out if it is within the limits. If the plan is refused, the output has its digest and \
         the command that applies exactly this plan: `--approve` lifts every limit for one run, and is invalid once the \
         plan changes.",
    ),
    (
        "apply",
        "For plans that an administrator has read first. A saved plan is no approval: the limits apply. Accounts that have \
         changed since then are skipped and reported, which is not an error.",
    ),
    ("watch", "See [Staying in step](watch.md)."),
    ("explain", "Every fact about one user with its server, and the rule that decides."),
    (
        "report",
        "An access review that always agrees with `plan`. See [Who has access](access-review.md).",
    ),
    (
        "doctor",
        "For each problem: what to change, and where. Run it first, and whenever something is wrong.",
    ),
    (
        "config",
        "`init` asks for addresses, credentials and the group on a terminal, and tries each answer out. Secrets go to files of their own next to \
         the configuration, all with mode 0600, and nothing is overwritten. `show` prints TOML with the origin of each value as a comment: the file, a variable, or the default. `check` ends with \
         78 if something is wrong, as every command does, and with 0 if not.",
    ),
    (
        "healthcheck",
        "For the health check of a container: it asks `/healthz` at `watch.listen`, and ends with 1 if `watch` does not answer \
         or is stuck.",
    ),
    (
        "history",
        "The runs in the state file with their counts, or every action of one run. A run that was refused says why.",
    ),
    (
        "undo",
        "A plan like any other, shown first and within the limits. On a terminal it asks before it disables current members, and \
         before it changes anything. Rooms and e-mail addresses lost by a deactivation \
         do not come back.",
    ),
    (
        "demo",
        "It needs nothing else. With `--serve` the stand-ins stay up, and it prints a configuration to try commands with.",
    ),
    (
        "completions",
        "For example `matrix-keycloak-sync completions bash > /etc/bash_completion.d/matrix-keycloak-sync`.",
    ),
    ("man", "For example `matrix-keycloak-sync man | man -l -`."),
];

#[test]
fn the_command_line_reference_is_what_the_code_says() {
    let mut whole = Cli::command().term_width(100);
    whole.build();
    let mut page = BEFORE.to_owned();
    let _ = writeln!(page, "```text\n{}\n```", plain(&whole.render_long_help().to_string()));
    page += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
    for (exit, meaning) in EXIT_CODES {
        let _ = writeln!(page, "| {} | {meaning} |", *exit as u8);
    }
    for command in whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let name = command.get_name();
        let _ = write!(page, "\n## `{name}`\n\n");
        if let Some((_, more)) = MORE.iter().find(|(of, _)| *of == name) {
            let _ = write!(page, "{more}\n\n");
        }
        let _ = writeln!(page, "```text\n{}\n```", own_help(command));
    }
    generated::check("commands.md", &page);
}

/// The help of a command without the options that every command takes.
fn own_help(command: &Command) -> String {
    let globals: Vec<_> =
        command.get_arguments().filter(|arg| arg.is_global_set()).map(clap::Arg::get_id).collect();
    let mut own = command.clone();
    for id in globals {
        own = own.mut_arg(id, |arg| arg.hide(true));
    }
    plain(&own.render_long_help().to_string())
}

/// Without blanks at the ends of lines.
fn plain(help: &str) -> String {
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}
