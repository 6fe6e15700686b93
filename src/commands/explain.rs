//! `explain USER`: one person, every fact read, from which server, and the rule that decides.

use std::collections::BTreeMap;

use super::session::{Reading, Session, print};
use crate::app::Surroundings;
use crate::cli::{ExplainArgs, Global};
use crate::exit::Exit;
use crate::model::{KeycloakId, KeycloakPerson, Localpart, UserId};
use crate::output::explain as text;
use crate::planner::{Draft, Looks, Verdict};
use crate::readers::{Group, ReadError};
use crate::report::Failure;

/// Tells everything about one person. The reading, the second look and the rule are those of a plan.
pub async fn explain(global: &Global, args: &ExplainArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let session = Session::new(global, surroundings)?;
    let wanted = user_id(&args.user, &session)?;
    let key = wanted.localpart().key();
    let reading = session.read().await?;
    let draft = Draft::new(&reading.facts, &session.config.policy);
    let is_wanted =
        |user_id: &UserId| user_id.localpart().key() == key && user_id.server_name() == wanted.server_name();
    let looks = match session.look(&draft, &reading, false).await? {
        // Too many to look at for a plan; this one person can be.
        Looks::TooMany => {
            let people = draft.to_look_at().filter(|person| is_wanted(&person.user_id)).collect();
            session.look_at(people, &reading).await?
        }
        looks @ Looks::Taken { .. } => looks,
    };
    let Reading { facts, groups } = &reading;

    // The group's members have accounts on our homeserver, and on no other.
    let is_ours = wanted.server_name() == session.config.server_name;
    let members: Vec<_> = facts.members.iter().filter(|member| is_ours && member.localpart.key() == key).collect();
    let verdicts = draft.verdicts(&looks).of_accounts;
    let accounts: Vec<_> = verdicts.into_iter().filter(|(account, _)| is_wanted(&account.user_id)).collect();

    let person = ask_keycloak(&session, &wanted, members.first().map(|member| member.id.clone()), groups).await?;
    let in_keycloak = is_ours && (person != KeycloakPerson::Unknown || !members.is_empty());
    if !in_keycloak && accounts.is_empty() {
        return Err(Failure::UnknownUser(wanted));
    }
    let mut details = BTreeMap::new();
    for (account, _) in &accounts {
        let detail = session.readers.synapse.detail(&account.user_id).await.map_err(ReadError::from)?;
        details.insert(&account.user_id, detail);
    }
    let accounts_are_skipped = accounts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Skipped(..)));
    print(&text::person(&text::Known {
        wanted: &wanted,
        config: &session.config,
        groups,
        facts,
        members,
        person,
        accounts,
        details,
    }))?;
    Ok(if accounts_are_skipped { Exit::Incomplete } else { Exit::InStep })
}

/// Keycloak's own answer about the person, by ID where the member list or the template tells it.
async fn ask_keycloak(
    session: &Session,
    wanted: &UserId,
    id: Option<KeycloakId>,
    groups: &[Group],
) -> Result<KeycloakPerson, ReadError> {
    let keycloak = &session.readers.keycloak;
    let localpart = wanted.localpart();
    let id = match id {
        Some(id) => Some(id),
        None => keycloak.owners().await?.and_then(|owners| owners.of(&localpart).first().cloned()),
    };
    Ok(keycloak.person(id.as_ref(), &localpart, groups).await?)
}

/// A Matrix user ID as it is, a localpart on the configured homeserver.
fn user_id(text: &str, session: &Session) -> Result<UserId, Failure> {
    if text.starts_with('@') {
        UserId::try_from(Box::from(text)).map_err(|_| Failure::NotAUser(text.to_owned()))
    } else if text.is_empty() || text.contains(':') {
        Err(Failure::NotAUser(text.to_owned()))
    } else {
        Ok(Localpart::from(text).on(&session.config.server_name))
    }
}
