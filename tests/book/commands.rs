//! The command line reference, generated from the command line itself.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::commands::manual::{EXAMPLES, Example, TOPICS};
use matrix_keycloak_sync::config::ConfigKey;
use matrix_keycloak_sync::environment::VARIABLES;
use matrix_keycloak_sync::exit::Exit;
use regex::Regex;
use strum::VariantArray as _;

use crate::command_lines::command_lines;
use crate::files::files;
use crate::generated;

const BEFORE: &str = "\
# Command line

<!-- Made from src/cli.rs and src/commands/manual/topics.rs: UPDATE_DOCS=1 cargo test --test book -->

Data goes to stdout, logs and progress to stderr. Everything is readable without colour, and progress bars are only shown on
a terminal.

";

#[test]
fn the_command_line_reference_is_what_the_code_says() {
    let mut whole = Cli::command().term_width(100);
    whole.build();
    let mut page = BEFORE.to_owned();
    let _ = writeln!(page, "```text\n{}\n```", plain(&whole.render_long_help().to_string()));
    page += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
    for exit in Exit::VARIANTS {
        let _ = writeln!(page, "| {} | {} |", *exit as u8, exit.meaning());
    }
    page += "\n## Environment variables\n\n\
             Those of the [configuration](configuration.md) stand with its keys. The program also reads these:\n\n\
             | variable | meaning |\n| --- | --- |\n";
    for (name, meaning) in VARIABLES {
        let _ = writeln!(page, "| `{name}` | {meaning} |");
    }
    for command in whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let name = command.get_name();
        let _ = write!(page, "\n## `{name}`\n\n");
        let topic = TOPICS.iter().find(|topic| topic.command == name);
        let topic = topic.expect("every command is a topic of the manual");
        let _ = write!(page, "{}\n\n", topic.description);
        let _ = writeln!(page, "```text\n{}\n```", own_help(command));
        page += &examples(topic.examples);
    }
    generated::check("commands.md", &page);
}

/// The examples of a command, each line with its purpose as a comment.
fn examples(examples: &[Example]) -> String {
    let lines = examples.iter().map(|example| format!("{}    # {}\n", example.line, example.what));
    format!("\n```sh\n{}```\n", lines.collect::<String>())
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

#[test]
fn every_example_of_the_manual_is_a_valid_command_line() {
    let all = TOPICS.iter().flat_map(|topic| topic.examples).chain(EXAMPLES);
    for Example { line, .. } in all {
        let commands = command_lines(line);
        assert_eq!(commands.len(), 1, "{line}");
        for words in commands {
            let parsed = Cli::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }
}

#[test]
fn every_variable_that_the_code_reads_is_in_the_manual() {
    let read = Regex::new(r#"(?:env|given|var_os)\)?\("([A-Z][A-Z_]+)"\)"#).expect("an expression");
    let is_stand_in = |path: &Path| path.ends_with("standins") || path.ends_with("tests.rs");
    let of_keys: Vec<_> = ConfigKey::all().filter_map(|key| key.variable).collect();
    let mut found = 0;
    for file in files(Path::new("src"), &is_stand_in) {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        for [name] in read.captures_iter(&text).map(|found| found.extract().1) {
            // What a subprocess needs is not for the program itself.
            let is_listed = VARIABLES.iter().any(|(variable, _)| *variable == name);
            assert!(is_listed || of_keys.contains(&name) || name == "PATH", "{name}: {file:?}");
            found += 1;
        }
    }
    assert!(found > 15, "{found}");
}
