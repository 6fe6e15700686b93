//! Generates the man pages (`man`) from the command line and from the tables of the code, so that
//! they cannot disagree with it.

mod topics;

use std::io;

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use strum::VariantArray as _;

use crate::cli::Cli;
use crate::config::ConfigKey;
use crate::environment::{FILES, VARIABLES};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;

const PROGRAM: &str = env!("CARGO_PKG_NAME");

pub use topics::{EXAMPLES, Example, TOPICS, Topic};

/// Prints the man page of the program, or of one command.
pub fn man(name: Option<&str>) -> Result<Exit, Failure> {
    let mut program = Cli::command();
    program.build();
    let command = name.and_then(|name| program.find_subcommand(name));
    let mut page = Vec::new();
    match command {
        None => page_of_the_program(&program, &mut page),
        Some(command) => page_of_a_command(command, &mut page),
    }
    .map_err(|source| Failure::Local { what: "make the man page".to_owned(), source })?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::InStep)
}

fn page_of_the_program(program: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = program.get_name();
    let man = manual(program.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    roff.text(inlines(topics::DESCRIPTION));
    roff.control("SH", ["COMMANDS"]);
    for command in commands(program) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        entry(&mut roff, vec![bold(command.get_name())], &about);
    }
    roff.control("PP", []);
    roff.text(inlines(&format!("Every command has a page of its own, such as `{name}-plan`(1).")));
    roff.to_writer(page)?;
    man.render_options_section(page)?;
    let mut roff = Roff::new();
    exit_status(&mut roff);
    environment(&mut roff);
    roff.control("SH", ["FILES"]);
    for (path, meaning) in FILES {
        entry(&mut roff, vec![bold(*path)], meaning);
    }
    examples(&mut roff, EXAMPLES);
    see_also(&mut roff, commands(program).map(|command| format!("{name}-{}", command.get_name())));
    roff.to_writer(page)
}

fn page_of_a_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_name();
    let man = manual(without_global_options(command));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    let topic = TOPICS.iter().find(|topic| topic.command == name);
    roff.text(inlines(topic.map_or("", |topic| topic.description)));
    roff.to_writer(page)?;
    for part in commands(command) {
        page_part(name, part, page)?;
    }
    if commands(command).next().is_none() {
        man.render_options_section(page)?;
    }
    let mut roff = Roff::new();
    roff.control("PP", []);
    roff.text(inlines(&format!("Options that every command takes are in `{PROGRAM}`(1).")));
    roff.control("SH", ["EXIT STATUS"]);
    roff.text(inlines(&format!("Those of all commands: see `{PROGRAM}`(1).")));
    examples(&mut roff, topic.map_or(&[], |topic| topic.examples));
    see_also(&mut roff, [PROGRAM.to_owned()]);
    roff.to_writer(page)
}

/// Adds the section of a command's own command, such as `config show`.
fn page_part(parent: &str, part: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let about = part.get_about().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    roff.control("SH", [&*format!("{parent} {}", part.get_name()).to_uppercase()]);
    roff.text(inlines(&format!("{about}.")));
    roff.to_writer(page)?;
    let part = without_global_options(part);
    if part.get_arguments().any(|argument| !argument.is_hide_set()) {
        manual(part).render_options_section(page)?;
    }
    Ok(())
}

/// Returns a page with a title and a footer as other man pages have them, and a synopsis as in the
/// help.
fn manual(mut command: Command) -> Man {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let title = command.get_display_name().unwrap_or(command.get_name()).to_uppercase();
    Man::new(command.override_usage(usage))
        .title(title)
        // An empty one would be left out, and the next argument be taken for it.
        .date(" ")
        .source(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
}

/// Returns a command with only its own options.
fn without_global_options(command: &Command) -> Command {
    let hides = |argument: &Arg| argument.is_global_set() || argument.get_id() == "help";
    command.clone().mut_args(|argument| {
        let is_hidden = hides(&argument);
        argument.hide(is_hidden)
    })
}

/// Returns the commands that users see.
fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::VARIANTS {
        entry(roff, vec![bold((*exit as u8).to_string())], exit.meaning());
    }
}

fn environment(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text(inlines(
        "Variables of the configuration win over the file. Each one of a secret also has a form with `_FILE`, \
         which names a file with the secret.",
    ));
    for key in ConfigKey::all() {
        if let Some(variable) = key.variable {
            entry(roff, vec![bold(variable)], &format!("The key `{}`.", key.name));
        }
    }
    for (name, meaning) in VARIABLES {
        entry(roff, vec![bold(*name)], meaning);
    }
}

fn examples(roff: &mut Roff, examples: &[Example]) {
    roff.control("SH", ["EXAMPLES"]);
    for example in examples {
        roff.control("PP", []);
        roff.text(inlines(&format!("{}:", example.what)));
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        roff.text([bold(example.line)]);
        roff.control("fi", []);
        roff.control("RE", []);
    }
}

fn see_also(roff: &mut Roff, pages: impl IntoIterator<Item = String>) {
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for page in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(page), roman("(1)")]);
    }
    roff.text(line);
}

/// Adds a paragraph with a term.
fn entry(roff: &mut Roff, term: Vec<Inline>, meaning: &str) {
    roff.control("TP", []);
    roff.text(term);
    roff.text(inlines(meaning));
}

/// Returns Markdown's inline code as bold words, and the rest as it is.
fn inlines(markdown: &str) -> Vec<Inline> {
    let parts = markdown.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) }).collect()
}
