//! Generates `completions` and `man` from the command line, so that they cannot disagree with it.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;

/// Prints the completion script of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "matrix-keycloak-sync", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::InStep)
}

/// Prints the man page: the program, then each command.
pub fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    render(&mut page)
        .map_err(|source| Failure::Local { what: "make the man page".to_owned(), source })?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::InStep)
}

fn render(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for sub in
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let man = clap_mangen::Man::new(sub.clone());
        page.extend(format!(".SH \"COMMAND {}\"\n", sub.get_name().to_uppercase()).bytes());
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}
