//! Asks about Keycloak, and tries each answer out.

use super::answers::Answers;
use super::init::{ask_address, readers, written_as};
use super::terminal::{Next, Terminal};
use crate::config::{AddressOf, MemberSource};
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::phrases::{counted, joined};
use crate::readers::{Members, ReadError, Readers, Roles, Tally};

/// Whether the answers can be tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Answers,
    /// An answer before was kept although the server did not confirm it.
    Unknown,
}

/// Asks about the realm, the client and the group.
pub(super) async fn ask(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
) -> Result<(), Failure> {
    terminal.say("Keycloak");
    let mut server = realm(terminal, answers, surroundings).await?;
    client(terminal, answers, surroundings, &mut server).await?;
    group(terminal, answers, surroundings, server).await
}

async fn realm(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
) -> Result<Server, Failure> {
    let (mut url, mut realm) = (None, None);
    loop {
        let question = "Address, such as https://sso.example.org";
        let address = ask_address(terminal, question, AddressOf::Keycloak, url.as_deref())?;
        let default = address.realm.clone().or(realm);
        let answer = terminal.ask("Realm", default.as_deref())?;
        answers.keycloak.url = written_as(&address);
        answers.keycloak.realm.clone_from(&answer);
        url = Some(written_as(&address));
        realm = Some(answer);
        match readers(answers, surroundings)?.keycloak.issuer().await {
            Ok(issuer) => {
                terminal.good(&format!("the realm answers as {issuer}"));
                return Ok(Server::Answers);
            }
            Err(error) => {
                if terminal.failed(&error, &error.hint())? == Next::KeepAnswers {
                    return Ok(Server::Unknown);
                }
            }
        }
    }
}

async fn client(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
    server: &mut Server,
) -> Result<(), Failure> {
    let mut client_id = "matrix-sync".to_owned();
    loop {
        client_id = terminal.ask("Client of the realm", Some(&client_id))?;
        let secret =
            terminal.ask_secret("Secret of the client", answers.keycloak.client_secret.as_ref())?;
        answers.keycloak.client_id.clone_from(&client_id);
        answers.keycloak.client_secret = Some(secret);
        if *server == Server::Unknown {
            return Ok(());
        }
        let access = match readers(answers, surroundings)?.keycloak.access().await {
            Ok(access) => access,
            Err(error) => match terminal.failed(&error, &error.hint())? {
                Next::AskAgain => continue,
                Next::KeepAnswers => {
                    *server = Server::Unknown;
                    return Ok(());
                }
            },
        };
        let sees_users = access.roles.as_ref().is_none_or(Roles::see_users);
        if sees_users {
            terminal.good("the client has a token, and may view users");
            return Ok(());
        }
        let management = access.management;
        let next = terminal.report(
            &format!("the role view-users of the client {management} is missing"),
            "Assign it on the tab Service accounts roles of the client, and answer again.",
        )?;
        if next == Next::KeepAnswers {
            return Ok(());
        }
    }
}

async fn group(
    terminal: &Terminal,
    answers: &mut Answers,
    surroundings: &Surroundings,
    server: Server,
) -> Result<(), Failure> {
    let mut group = None;
    loop {
        let question = "Group whose members may use Matrix, by name or /path";
        let answer = terminal.ask(question, group.as_deref())?;
        answers.keycloak.group.clone_from(&answer);
        group = Some(answer);
        if server == Server::Unknown {
            return Ok(());
        }
        match members(&readers(answers, surroundings)?, answers).await {
            Ok(found) => {
                terminal.good(&found);
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

/// Reads the group, and returns its path with the number of members.
async fn members(readers: &Readers, answers: &Answers) -> Result<String, ReadError> {
    let source =
        MemberSource { groups: vec![answers.keycloak.group.clone()], ..MemberSource::default() };
    let membership = readers.keycloak.membership(&source).await?;
    let Members { people, unnamed, .. } =
        readers.keycloak.members(&membership, &Tally::default()).await?;
    let paths = joined(&membership.names(), ", ");
    let count = counted(people.len() + unnamed.len(), "member", "members");
    Ok(format!("the group {paths} has {count}"))
}
