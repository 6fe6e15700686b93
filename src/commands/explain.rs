//! Explains one user or account (`explain USER`): every fact with its server, who owns the account
//! and why, and the rule that decides.

mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::{ExplainArgs, Global};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{Account, KeycloakId, Localpart, Member, UserId};
use crate::output::Terminal;
use crate::output::explain as text;
use crate::output::explain::{AskedFor, Explained, InKeycloak};
use crate::plan::{AdminsOfMas, KeptReason, Plan};
use crate::planner::{Facts, Rechecks, RightAfter, Verdict};
use crate::readers::{ReadError, Reading, ServerAnswers};
use crate::session::{Aim, Decision, Session, command_to_go_on, page};
use crate::state::{ActionRow, RunId};
use wanted::{Subject, Wanted};

/// Shows everything about one user or account. Reading, second look and rule are those of a plan.
pub async fn explain(
    global: &Global,
    args: &ExplainArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let session = Session::new(global, surroundings)?;
    let wanted = Wanted::find(&args.user, &session).await?;
    let reading = session.read().await?;
    let facts = &reading.facts;
    let subject = wanted.subject(facts);
    let (decision, reach) = decide(&session, &reading, &subject).await?;
    let mut accounts = explained(&decision, facts, &subject);

    let mut ids: BTreeSet<KeycloakId> = subject.ids().collect();
    for one in &accounts {
        ids.extend(one.evidence.lines.iter().map(|line| line.user.clone()));
    }
    let is_shown = |id: &KeycloakId| ids.contains(id);
    let members: Vec<_> = facts.members.iter().filter(|member| is_shown(&member.id)).collect();
    let people = ask_keycloak(&session, wanted.localpart(facts), ids.clone(), &reading).await?;
    let in_keycloak = people.iter().any(|answer| !answer.person.is_unknown());
    if !in_keycloak && accounts.is_empty() && members.is_empty() {
        return Err(Failure::UnknownUser(wanted.name()));
    }
    let is_complete = reach == RecheckedAccounts::Plan && decision.admins == AdminsOfMas::Known;
    let unclear = decision.unclear_rights().to_vec();
    let plan = session.whole_plan(decision);
    for one in &mut accounts {
        follow(one, &plan, &unclear);
    }
    let waits =
        |one: &Explained<'_>| plan.to_approve().any(|action| action.user_id == one.account.user_id);
    let needs_approval = accounts.iter().any(waits);
    let approve =
        (needs_approval && is_complete).then(|| command_to_go_on(global, "sync", &plan.digest()));
    let exit = exit(&accounts);
    let is_wanted = |member: &&Member| subject.is_member(member);
    let known = text::KnownFacts {
        wanted: wanted.name(),
        config: &session.config,
        membership: &reading.membership,
        facts,
        wanted_members: members.iter().copied().filter(is_wanted).collect(),
        members,
        people,
        asked: ask_servers(&session, &accounts).await?,
        past: past(&session, &accounts)?,
        approve,
        accounts,
    };
    page(&text::person(&known, Terminal::of_stdout()))?;
    Ok(exit)
}

/// Which accounts were rechecked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RecheckedAccounts {
    /// All that a plan would change.
    Plan,
    /// Only those that are explained, because there are more than `limits.max_look`.
    Explained,
}

async fn decide<'f>(
    session: &'f Session,
    reading: &'f Reading,
    subject: &Subject<'_>,
) -> Result<(Decision<'f>, RecheckedAccounts), Failure> {
    let decision = session.decide(reading, None, Aim::Show).await?;
    if matches!(decision.rechecks, Rechecks::Taken { .. }) {
        return Ok((decision, RecheckedAccounts::Plan));
    }
    let facts = &reading.facts;
    let accounts =
        facts.accounts.iter().filter(|account| subject.covers(account, facts, &decision.rechecks));
    let wanted: BTreeSet<&UserId> = accounts.map(|account| &account.user_id).collect();
    let few = decision.draft.to_recheck().filter(|one| wanted.contains(&one.user_id)).collect();
    Ok((session.decide_closer(decision, few, reading).await?, RecheckedAccounts::Explained))
}

/// Returns the accounts to explain, in order of localpart.
fn explained<'f>(
    decision: &Decision<'f>,
    facts: &'f Facts,
    subject: &Subject<'_>,
) -> Vec<Explained<'f>> {
    let Decision { draft, rechecks, verdicts, .. } = decision;
    let accounts = facts.accounts.iter().filter(|account| subject.covers(account, facts, rechecks));
    let explain = |account: &'f Account| {
        let verdict = draft.verdict(account, verdicts);
        let mark = draft.mark(account, &verdict, rechecks.evidence(&account.user_id));
        let next_stage = draft.next_stage_of(account);
        let evidence = draft.evidence(account, rechecks);
        Explained {
            account,
            verdict,
            mark,
            next_stage,
            is_before_its_time: draft.is_before_its_time(account),
            outside: draft.reason_by_list(account),
            right: None,
            waits_for_room: false,
            evidence,
        }
    };
    let mut explained: Vec<_> = accounts.map(explain).collect();
    explained.sort_by_key(|one| &one.account.user_id);
    explained
}

/// Adds what the whole plan decides: an administrator who is one of the last keeps right and account, and
/// a second stage waits for room.
fn follow(one: &mut Explained<'_>, plan: &Plan, unclear: &[UserId]) {
    let user_id = &one.account.user_id;
    let is_unclear = || unclear.contains(user_id).then_some(RightAfter::Unclear);
    one.right = RightAfter::by(plan, user_id).or_else(is_unclear);
    let would_lose_it = matches!(
        one.verdict,
        Verdict::Disable(_) | Verdict::NeedsApproval(..) | Verdict::Deactivate(_)
    );
    let loses_it = || plan.actions.iter().any(|it| it.user_id == *user_id && it.kind.shuts_out());
    if one.right == Some(RightAfter::Last) && would_lose_it && !loses_it() {
        one.verdict = Verdict::Kept(KeptReason::LastAdmin);
    }
    one.waits_for_room = matches!(one.verdict, Verdict::Deactivate(_)) && !loses_it();
}

/// Asks Keycloak about users by ID, and by name if no ID is known or Keycloak knows none of them,
/// as the second look does.
async fn ask_keycloak(
    session: &Session,
    localpart: Option<&Localpart>,
    mut ids: BTreeSet<KeycloakId>,
    reading: &Reading,
) -> Result<Vec<InKeycloak>, ReadError> {
    let readers = &session.readers;
    if let Some(localpart) = localpart.filter(|_| ids.is_empty())
        && let Some(owners) = readers.keycloak.owners([localpart], &[]).await?
    {
        ids.extend(owners.named(localpart).iter().cloned());
    }
    let mut people = Vec::new();
    for id in ids {
        // By ID, the name does not matter.
        let person = readers.person(Some(&id), &Localpart::from(""), reading).await?;
        people.push(InKeycloak { asked_for: AskedFor::Id(id), person });
    }
    if let Some(localpart) = localpart
        && people.iter().all(|answer| answer.person.is_unknown())
    {
        let person = readers.person(None, localpart, reading).await?;
        people.push(InKeycloak { asked_for: AskedFor::Name(localpart.clone()), person });
    }
    Ok(people)
}

/// Asks every server about the accounts.
async fn ask_servers<'f>(
    session: &Session,
    accounts: &[Explained<'f>],
) -> Result<BTreeMap<&'f UserId, ServerAnswers>, ReadError> {
    let mut asked = BTreeMap::new();
    for Explained { account, .. } in accounts {
        asked.insert(&account.user_id, session.readers.ask_about(account).await?);
    }
    Ok(asked)
}

/// Returns what this program has done to the accounts.
fn past(session: &Session, accounts: &[Explained<'_>]) -> Result<Vec<(RunId, ActionRow)>, Failure> {
    let mut past = Vec::new();
    if let Some(state) = &session.state {
        for Explained { account, .. } in accounts {
            let actions = state.actions_of(&account.user_id)?.into_iter();
            let of_account =
                |action: &ActionRow| action.user_id == account.user_id && action.begun.is_some();
            past.extend(actions.filter(|(_, action)| of_account(action)));
        }
    }
    Ok(past)
}

fn exit(accounts: &[Explained<'_>]) -> Exit {
    let is_skipped = |one: &Explained<'_>| {
        matches!(
            one.verdict,
            Verdict::DisableSkipped(..)
                | Verdict::ActivateSkipped(..)
                | Verdict::DeactivateSkipped(..)
        )
    };
    if accounts.iter().any(is_skipped) { Exit::Incomplete } else { Exit::InStep }
}
