//! Asks how accounts are changed, and checks that it works, without changing anything.

use std::path::Path;

use super::answers::{Answers, WriterAnswers};
use super::init::{ask_address, mas_api, written_as};
use super::terminal::{GivenSecret, Next, Terminal};
use crate::config::AddressOf;
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::writers::{Write as _, Writer};

/// The question, and its two answers.
const WRITER: &str = "Change accounts by mas-cli (or a wrapper), or mas-api (Admin API)";
const MAS_CLI: &str = "mas-cli";
const MAS_API: &str = "mas-api";
/// The answer that there is no file.
const NONE: &str = "-";
/// The place of MAS's configuration for a command that is exactly mas-cli.
const DEFAULT_CONFIG: &str = "/etc/mas-cli/mas-cli.yaml";

/// Asks for the writer and its settings.
pub(super) async fn ask(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
) -> Result<(), Failure> {
    terminal.say("\nMAS");
    let path = (surroundings.env)("PATH").unwrap_or_default();
    let is_here =
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(MAS_CLI).is_file());
    let mut kind = if is_here { MAS_CLI } else { MAS_API };
    loop {
        kind = match terminal.ask(WRITER, Some(kind))?.as_str() {
            MAS_CLI => MAS_CLI,
            MAS_API => MAS_API,
            _ => {
                terminal.say("  problem: this is neither mas-cli nor mas-api; type one of the two");
                continue;
            }
        };
        if kind == MAS_CLI {
            mas_cli(terminal, answers)?;
        } else {
            admin_api(terminal, answers)?;
        }
        let config = match answers.config() {
            Ok(config) => config,
            Err(failure) => {
                terminal.say(failure.render().trim_end());
                continue;
            }
        };
        let mas = mas_api(&config, surroundings)?;
        let writer =
            Writer::new(&config.writer, &config.server_name, mas.as_ref(), &*surroundings.env);
        let checked = match &writer {
            Ok(writer) => writer.check().await,
            Err(_) => writer.map(drop),
        };
        match checked {
            Ok(()) => {
                terminal.good(&format!("{kind} works; nothing was changed"));
                return Ok(());
            }
            Err(error) => {
                if terminal.failed(&error, &error.hint())? == Next::KeepAnswers {
                    return Ok(());
                }
            }
        }
    }
}

fn mas_cli(terminal: &Terminal, answers: &mut Answers) -> Result<(), Failure> {
    let (before, file) = match &answers.writer {
        WriterAnswers::MasCli { command, config } => (command.join(" "), config.clone()),
        WriterAnswers::MasApi { .. } => (MAS_CLI.to_owned(), None),
    };
    let command = terminal.ask("Command that runs mas-cli", Some(&before))?;
    let command: Vec<String> = command.split_whitespace().map(ToOwned::to_owned).collect();
    let usual = if command == [MAS_CLI] { DEFAULT_CONFIG } else { NONE };
    let file = file.unwrap_or_else(|| usual.to_owned());
    let question = "MAS's file as this command sees it, or - for none";
    let file = terminal.ask(question, Some(&file))?;
    let config = Some(file).filter(|file| file != NONE);
    answers.writer = WriterAnswers::MasCli { command, config };
    Ok(())
}

fn admin_api(terminal: &Terminal, answers: &mut Answers) -> Result<(), Failure> {
    let (mut before, mut secret): ([Option<String>; 3], Option<GivenSecret>) = Default::default();
    if let WriterAnswers::MasApi { url, issuer, client_id, client_secret } = &answers.writer {
        before = [url, issuer, client_id].map(|text| Some(text.clone()));
        secret.clone_from(client_secret);
    }
    let [url, issuer, client_id] = &before;
    let question = "Address of the listener with the Admin API, such as http://127.0.0.1:8082";
    let url = ask_address(terminal, question, AddressOf::MasAdminApi, url.as_deref())?;
    let question = "Address of MAS, such as https://auth.example.org";
    let issuer = ask_address(terminal, question, AddressOf::MasIssuer, issuer.as_deref())?;
    let question = "Client in MAS's policy.data.admin_clients";
    let client_id = terminal.ask(question, client_id.as_deref())?;
    let client_secret = terminal.ask_secret("Secret of the client", secret.as_ref())?;
    answers.writer = WriterAnswers::MasApi {
        url: written_as(&url),
        issuer: written_as(&issuer),
        client_id,
        client_secret: Some(client_secret),
    };
    Ok(())
}
