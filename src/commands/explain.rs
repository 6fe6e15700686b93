//! `explain USER`: one person, every fact read, from which server, and the rule that decides.

use std::collections::{BTreeMap, BTreeSet};

use super::session::{Session, print};
use crate::app::Surroundings;
use crate::cli::{ExplainArgs, Global};
use crate::exit::Exit;
use crate::model::{Account, KeycloakId, Localpart, Member, UserId};
use crate::output::explain as text;
use crate::output::explain::{AskedFor, InKeycloak};
use crate::planner::{Draft, Looks, Verdict};
use crate::readers::{ReadError, Reading};
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
    let Reading { facts, groups, .. } = &reading;
    let verdicts = draft.verdicts(&looks);

    // The group's members have accounts on our homeserver, and on no other.
    let is_ours = *wanted.server_name() == session.config.server_name;
    let has_name = |member: &Member| member.localpart.as_ref().is_some_and(|localpart| localpart.key() == key);
    let named: Vec<_> = facts.members.iter().filter(|member| is_ours && has_name(member)).collect();
    let tied_to = |account: &Account, member: &Member| account.links.contains(&member.id);
    let is_theirs = |account: &Account| named.iter().any(|member| tied_to(account, member));
    let accounts: Vec<&Account> =
        facts.accounts.iter().filter(|account| is_wanted(&account.user_id) || is_theirs(account)).collect();
    let mut accounts: Vec<_> =
        accounts.into_iter().map(|account| (account, draft.verdict(account, &verdicts))).collect();
    accounts.sort_by_key(|(account, _)| &account.user_id);
    let is_tied = |member: &&Member| accounts.iter().any(|(account, _)| tied_to(account, member));
    let members: Vec<_> =
        facts.members.iter().filter(|member| is_ours && (has_name(member) || is_tied(member))).collect();

    let ids: BTreeSet<_> = members
        .iter()
        .map(|member| &member.id)
        .chain(accounts.iter().flat_map(|(account, _)| &account.links))
        .cloned()
        .collect();
    let people = ask_keycloak(&session, &wanted, ids, &reading).await?;
    let in_keycloak = is_ours && people.iter().any(|answer| !answer.person.is_unknown());
    if !in_keycloak && accounts.is_empty() && members.is_empty() {
        return Err(Failure::UnknownUser(wanted));
    }
    let mut asked = BTreeMap::new();
    for (account, _) in &accounts {
        asked.insert(&account.user_id, session.readers.ask_about(account).await.map_err(ReadError::from)?);
    }
    let mut past = Vec::new();
    if let Some(state) = &session.state {
        for (account, _) in &accounts {
            past.extend(state.actions_of(&account.user_id)?);
        }
    }
    let accounts_are_skipped = accounts.iter().any(|(_, verdict)| matches!(verdict, Verdict::DisableSkipped(..) | Verdict::ActivateSkipped(..)));
    print(&text::person(&text::Known {
        wanted: &wanted,
        config: &session.config,
        groups,
        facts,
        members,
        people,
        accounts,
        asked,
        past,
    }))?;
    Ok(if accounts_are_skipped { Exit::Incomplete } else { Exit::InStep })
}

/// Keycloak's own answers about the person, by ID where member list, links or template tell it, and by name where they
/// do not or lead to nobody: as the second look asks.
async fn ask_keycloak(
    session: &Session,
    wanted: &UserId,
    mut ids: BTreeSet<KeycloakId>,
    reading: &Reading,
) -> Result<Vec<InKeycloak>, ReadError> {
    let readers = &session.readers;
    let localpart = wanted.localpart();
    if ids.is_empty()
        && let Some(owners) = readers.keycloak.owners([localpart], &[]).await?
    {
        ids.extend(owners.of(localpart).first().cloned());
    }
    let mut people = Vec::new();
    for id in ids {
        let person = readers.person(Some(&id), localpart, reading).await?;
        people.push(InKeycloak { asked_for: AskedFor::Id(id), person });
    }
    if people.iter().all(|answer| answer.person.is_unknown()) {
        let person = readers.person(None, localpart, reading).await?;
        people.push(InKeycloak { asked_for: AskedFor::Name(localpart.clone()), person });
    }
    Ok(people)
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
