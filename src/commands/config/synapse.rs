//! Asks about Synapse, and tries each answer out.

use super::answers::Answers;
use super::init::{ask_address, readers, written_as};
use super::terminal::{Next, Terminal};
use crate::config::AddressOf;
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::model::UserId;
use crate::phrases::counted;
use crate::readers::{ReadError, Readers};

/// Asks for the address and the token, whose owner shows the name of the homeserver.
pub(super) async fn ask(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
) -> Result<(), Failure> {
    terminal.say("\nSynapse");
    let mut url = None;
    loop {
        let question = "Address, such as https://matrix.example.org";
        let address = ask_address(terminal, question, AddressOf::Synapse, url.as_deref())?;
        url = Some(written_as(&address));
        answers.synapse.url = written_as(&address);
        let question = "Access token of an administrator";
        let token = terminal.ask_secret(question, answers.synapse.admin_token.as_ref())?;
        answers.synapse.admin_token = Some(token);
        match access(&readers(answers, surroundings)?).await {
            Ok((owner, accounts)) => {
                let accounts = counted(accounts, "account", "accounts");
                terminal.good(&format!("the token of {owner} lists {accounts}"));
                answers.server_name = owner.server_name().to_string();
                return Ok(());
            }
            Err(error) => {
                if terminal.failed(&error, &error.hint())? == Next::KeepAnswers {
                    break;
                }
            }
        }
    }
    loop {
        let question = "Name of the homeserver in user IDs, such as example.org";
        answers.server_name = terminal.ask(question, None)?;
        match answers.config() {
            Ok(_) => return Ok(()),
            Err(_) => terminal.say("  this is not the name of a homeserver"),
        }
    }
}

/// Returns the owner of the token, and how many accounts it lists.
async fn access(readers: &Readers) -> Result<(UserId, usize), ReadError> {
    let synapse = readers.synapse.as_ref().expect("[synapse] is always written");
    let owner = synapse.account_of_token().await?;
    Ok((owner, synapse.count().await?))
}
