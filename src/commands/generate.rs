//! Generates `completions` from the command line, so that they cannot disagree with it.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// Stands for the program's name in the bash script. `clap_complete` 4.6 replaces hyphens of the name
/// in two different ways, and then the script does not know its own subcommands.
const WITHOUT_HYPHENS: &str = "matrix_keycloak_sync";

/// Prints the completion script of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let name = if shell == Shell::Bash { WITHOUT_HYPHENS } else { PROGRAM };
    let mut command = users_command_line();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let mut script = String::from_utf8_lossy(&script).replace(WITHOUT_HYPHENS, PROGRAM);
    if shell == Shell::Fish {
        script += &words_for_fish(&command);
    }
    print(&script)?;
    Ok(Exit::InStep)
}

/// Returns the completions of arguments with a fixed list of words, which `clap_complete` leaves out
/// for fish.
fn words_for_fish(program: &Command) -> String {
    let mut lines = String::new();
    for command in program.get_subcommands() {
        let values = command.get_positionals().flat_map(Arg::get_possible_values);
        let words: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
        if !words.is_empty() {
            let _ = writeln!(
                lines,
                "complete -c {PROGRAM} -n \"__fish_{PROGRAM}_using_subcommand {}\" -f -a \"{}\"",
                command.get_name(),
                words.join(" ")
            );
        }
    }
    lines
}

/// Returns the command line for users: `clap_complete` completes hidden commands too, and nothing
/// after `help` in fish.
fn users_command_line() -> Command {
    let all = Cli::command();
    Command::new(PROGRAM)
        .disable_help_subcommand(true)
        .about(all.get_about().cloned().unwrap_or_default())
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments())
        .subcommands(all.get_subcommands().filter(|command| !command.is_hide_set()))
}
