//! Takes the second look: before an account is changed, both servers are asked about it alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};

use super::keycloak::{GroupTree, Owners};
use super::set_aside::{SetAside, is_aside};
use super::silence::{GivenUp, Silences, is_silence};
use super::{ReadError, Readers, Reading, Tally};
use crate::error_chain::in_one_line;
use crate::model::{
    AccountDetail, Answer, Evidence, KeycloakId, KeycloakPerson, Localpart, MemberList, Question,
    Recheck, Sign, SignSeen, UserId,
};
use crate::plan::ActionKind;
use crate::planner::{AskByName, AskFirst, Rechecks, ToRecheck, members_with_signs};

/// Accounts rechecked at the same time: 610 users a second, against 330 one after the other.
pub(super) const AT_A_TIME: usize = 8;

/// The facts that every recheck is compared with.
struct Context<'l> {
    reading: &'l Reading,
    tree: GroupTree<'l>,
    owners: Option<Owners>,
    /// The accounts that links or memory tie to a user.
    tied: HashSet<UserId>,
}

impl Readers {
    /// Rechecks accounts in this order. An error skips only its account, a hang too; if no account
    /// could be rechecked, the first error is returned. A server that does not answer about several
    /// accounts in a row is given up. If more than `most` accounts are left after those that
    /// Synapse alone sets aside, none of them is rechecked.
    pub async fn recheck(
        &self,
        mut accounts: Vec<ToRecheck>,
        most: usize,
        reading: &Reading,
        tally: &Tally,
    ) -> Result<Rechecks, ReadError> {
        let Reading { facts, membership, .. } = reading;
        let mut aside = SetAside::default();
        if accounts.len() > most {
            aside = self.set_aside(&accounts, most, tally).await?;
            if aside.leaves_too_many {
                return Ok(Rechecks::TooMany { aside: aside.rechecks });
            }
            accounts.retain(|account| !aside.rechecks.contains_key(&account.user_id));
            if accounts.is_empty()
                && let Some(error) = aside.none_rechecked()
            {
                return Err(error);
            }
        }
        let by_name = accounts.iter().filter(|account| account.by_name == AskByName::Always);
        let wanted: Vec<_> = by_name.map(|account| account.user_id.localpart()).collect();
        let owners = if wanted.is_empty() {
            None
        } else {
            self.keycloak.owners(wanted, &facts.members).await?
        };
        let tied = accounts
            .iter()
            .filter(|account| account.is_tied)
            .map(|account| account.user_id.clone())
            .collect();
        let with = Context { reading, tree: GroupTree::new(membership), owners, tied };
        let (mut answers, given_up) = self.recheck_each(accounts, &with, tally).await?;
        let given_up = self.find_signs(&mut answers, &with, given_up).await;
        // A server that says nothing cannot show that a directory is still up.
        let members_after = match given_up {
            GivenUp::Silent => Some(MemberList::default()),
            GivenUp::No | GivenUp::Failing => match self.members_after(&answers, reading).await {
                Err(error) if is_silence(&error) => Some(MemberList::default()),
                members => members?,
            },
        };
        answers.extend(aside.rechecks);
        Ok(Rechecks::Taken { answers, members_after })
    }

    async fn recheck_each(
        &self,
        accounts: Vec<ToRecheck>,
        with: &Context<'_>,
        tally: &Tally,
    ) -> Result<(BTreeMap<UserId, Recheck>, GivenUp), ReadError> {
        let (count, started) = (accounts.len(), AtomicUsize::new(0));
        let (mut answers, mut first_error) = (BTreeMap::new(), None);
        let mut rechecking = stream::iter(accounts.into_iter().enumerate())
            .map(|(place, account)| {
                started.fetch_add(1, Ordering::Relaxed);
                async move {
                    let answer = self.recheck_one(&account, with).await;
                    (place, account.user_id, answer)
                }
            })
            .buffer_unordered(AT_A_TIME);
        let (mut silences, mut given_up) = (Silences::default(), GivenUp::No);
        while let Some((place, user_id, answer)) = rechecking.next().await {
            tally.add(1);
            silences.note(&answer);
            let recheck: Recheck = answer.map_err(|error| {
                let why = in_one_line(&error);
                // The first in the order of the accounts, so that the same errors give the same
                // message.
                if first_error.as_ref().is_none_or(|(first, _)| place < *first) {
                    first_error = Some((place, error));
                }
                why
            });
            answers.insert(user_id, recheck);
            given_up = silences.give_up().unless_all(&started, count);
            if given_up != GivenUp::No {
                break;
            }
        }
        drop(rechecking);
        let was_rechecked =
            |recheck: &Recheck| recheck.as_ref().is_ok_and(Evidence::has_asked_keycloak);
        match first_error.filter(|_| !answers.values().any(was_rechecked)) {
            Some((_, source)) => Err(ReadError::NoneRechecked {
                count: answers.values().filter(|recheck| recheck.is_err()).count(),
                source: Box::new(source),
            }),
            None => Ok((answers, given_up)),
        }
    }

    async fn recheck_one(
        &self,
        account: &ToRecheck,
        with: &Context<'_>,
    ) -> Result<Evidence, ReadError> {
        let mas_id = account.mas_id.as_ref();
        let links = with.reading.links.as_ref();
        if account.kind == ActionKind::Create && mas_id.is_none() {
            return self.recheck_new(account, with).await;
        }
        let mut first = None;
        if account.ask != AskFirst::Both {
            let detail = self.detail(&account.user_id, mas_id).await?;
            if is_aside(account, &detail) {
                return Ok(Evidence::new(detail));
            }
            first = Some(detail);
        }
        let detail = async {
            if let Some(detail) = first {
                return Ok(detail);
            }
            self.links_hold(&account.user_id, mas_id, &account.links, links).await?;
            self.detail(&account.user_id, mas_id).await
        };
        let by_id = try_join_all(
            account.ids.iter().map(|id| self.ask_by_id(id, Question::Id(id.clone()), with)),
        );
        let (mut keycloak, mut detail) = futures_util::future::try_join(by_id, detail).await?;
        if account.links.is_empty() {
            keycloak.extend(self.ask_by_external_ids(&detail, with).await?);
        }
        let is_unknown = keycloak.iter().all(|answer| answer.user.is_unknown());
        if is_unknown || account.by_name == AskByName::Always {
            keycloak.extend(self.ask_by_name(account, &keycloak, with).await?);
        }
        let is_anybodys = keycloak.iter().any(|answer| answer.user.user().is_some());
        if !is_anybodys
            && !account.is_tied
            && let Some(id) = mas_id
        {
            detail.emails.extend(self.mas().emails_of(id).await?);
        }
        Ok(Evidence { keycloak, account: detail, signs: Vec::new() })
    }

    /// Asks about the user of an account that is to be created, and whether the name is free.
    async fn recheck_new(
        &self,
        account: &ToRecheck,
        with: &Context<'_>,
    ) -> Result<Evidence, ReadError> {
        let by_id = try_join_all(
            account.ids.iter().map(|id| self.ask_by_id(id, Question::Id(id.clone()), with)),
        );
        let links = with.reading.links.as_ref();
        let detail = self.detail_of_new(&account.user_id, &account.ids, links);
        let (mut keycloak, account_now) = futures_util::future::try_join(by_id, detail).await?;
        keycloak.extend(self.ask_by_name(account, &keycloak, with).await?);
        Ok(Evidence { keycloak, account: account_now, signs: Vec::new() })
    }

    async fn ask_by_id(
        &self,
        id: &KeycloakId,
        asked: Question,
        with: &Context<'_>,
    ) -> Result<Answer, ReadError> {
        // The subject of a link can be anything, too.
        if !id.can_be_asked_for() {
            return Ok(Answer { asked, user: KeycloakPerson::Unknown });
        }
        // By ID, the name does not matter.
        let user = self.person_in(&with.tree, Some(id), &Localpart::from(""), with.reading).await?;
        Ok(Answer { asked, user })
    }

    /// Reads the users of external IDs. An ID that is not a user of the realm means nothing.
    async fn ask_by_external_ids(
        &self,
        detail: &AccountDetail,
        with: &Context<'_>,
    ) -> Result<Vec<Answer>, ReadError> {
        let ids = detail.external_ids.iter().map(|id| KeycloakId::from(id.raw()));
        let ids: Vec<_> = ids.filter(KeycloakId::can_be_asked_for).collect();
        let asked = ids.iter().map(|id| self.ask_by_id(id, Question::ExternalId(id.clone()), with));
        let mut answers = try_join_all(asked).await?;
        answers.retain(|answer| !answer.user.is_unknown());
        Ok(answers)
    }

    /// Reads the users whose localpart is the account's: by exact username, and by the list of
    /// users if the template is more than the username. Users known by an ID are not requested
    /// twice.
    async fn ask_by_name(
        &self,
        account: &ToRecheck,
        known: &[Answer],
        with: &Context<'_>,
    ) -> Result<Vec<Answer>, ReadError> {
        let localpart = account.user_id.localpart();
        let Some(owners) = with.owners.as_ref().filter(|_| account.by_name == AskByName::Always)
        else {
            // The template is the username, and usernames are unique.
            if let Some(answer) = known.iter().find(|answer| has_username(answer, localpart)) {
                return Ok(Vec::from_iter(by_name(answer, localpart, with)));
            }
            let user = self.person_in(&with.tree, None, localpart, with.reading).await?;
            return Ok(vec![Answer { asked: Question::Name, user }]);
        };
        let (mut answers, mut unknown) = (Vec::new(), Vec::new());
        for id in owners.named(localpart) {
            let is_it = |answer: &&Answer| answer.user.user().is_some_and(|user| user.id == *id);
            match known.iter().find(is_it) {
                Some(answer) => answers.extend(by_name(answer, localpart, with)),
                None => unknown.push(id),
            }
        }
        let asked = unknown.into_iter().map(|id| self.ask_by_id(id, Question::Name, with));
        answers.extend(try_join_all(asked).await?);
        let is_found = !owners.named(localpart).is_empty()
            || known.iter().any(|answer| !answer.user.is_unknown());
        if !is_found {
            let user = self.person_in(&with.tree, None, localpart, with.reading).await?;
            if let Some(missing) = owners.missing().filter(|_| user.is_unknown()) {
                return Err(ReadError::UserNotListed { id: missing.clone() });
            }
            answers.push(Answer { asked: Question::Name, user });
        }
        Ok(answers)
    }

    /// Finds members that weak signs of unclaimed accounts point to. An account whose signs are not
    /// known because a server did not answer counts as not rechecked. Returns whether a server was
    /// given up.
    async fn find_signs(
        &self,
        answers: &mut BTreeMap<UserId, Recheck>,
        with: &Context<'_>,
        given_up: GivenUp,
    ) -> GivenUp {
        let unclaimed = answers.iter().filter_map(|(user_id, recheck)| {
            let seen = recheck.as_ref().ok()?;
            let is_unclaimed = seen.has_asked_keycloak()
                && !with.tied.contains(user_id)
                && seen.may_be_unclaimed();
            is_unclaimed.then_some((user_id, &seen.account))
        });
        let mut found = members_with_signs(unclaimed, &with.reading.facts.members);
        let mut seen = Vec::new();
        let mut given_up = given_up;
        if given_up != GivenUp::Silent {
            let (count, started) = (found.len(), AtomicUsize::new(0));
            let mut rechecking = stream::iter(found.clone())
                .map(|(user_id, signs)| {
                    started.fetch_add(1, Ordering::Relaxed);
                    async move {
                        let asked = signs
                            .iter()
                            .map(|(_, id)| self.ask_by_id(id, Question::Id(id.clone()), with));
                        let users = try_join_all(asked).await;
                        (user_id, users.map(|users| signs_seen(&signs, &users)))
                    }
                })
                .buffer_unordered(AT_A_TIME);
            let mut silences = Silences::default();
            while let Some((user_id, signs)) = rechecking.next().await {
                silences.note(&signs);
                found.remove(&user_id);
                seen.push((user_id, signs.map_err(|error| in_one_line(&error))));
                given_up = silences.give_up().unless_all(&started, count);
                if given_up != GivenUp::No {
                    break;
                }
            }
        }
        // Their signs are not known.
        for user_id in found.keys() {
            answers.remove(user_id);
        }
        for (user_id, signs) in seen {
            match (signs, answers.get_mut(&user_id)) {
                (Ok(signs), Some(Ok(evidence))) => evidence.signs = signs,
                (Err(why), Some(recheck)) => *recheck = Err(why),
                _ => {}
            }
        }
        given_up
    }

    /// Reads one user of Keycloak, by ID if it is known. If Keycloak shows a federated user in the
    /// group, but the member list has only others of that directory, Keycloak may only remember
    /// them there.
    pub async fn person(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        reading: &Reading,
    ) -> Result<KeycloakPerson, ReadError> {
        self.person_in(&GroupTree::new(&reading.membership), id, localpart, reading).await
    }

    async fn person_in(
        &self,
        tree: &GroupTree<'_>,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        reading: &Reading,
    ) -> Result<KeycloakPerson, ReadError> {
        let Reading { facts, witnesses, .. } = reading;
        let is_listed = |id: &KeycloakId| facts.members.get(id).is_some();
        self.keycloak.person_without_stale_groups(id, localpart, tree, witnesses, is_listed).await
    }

    /// Re-reads the members if any of them is federated: their directory may have gone down since.
    async fn members_after(
        &self,
        answers: &BTreeMap<UserId, Recheck>,
        Reading { facts, membership, .. }: &Reading,
    ) -> Result<Option<MemberList>, ReadError> {
        let listed = facts.members.iter().any(|member| member.federation_link.is_some());
        let is_rechecked =
            |recheck: &Recheck| recheck.as_ref().map_or(true, Evidence::has_asked_keycloak);
        if !answers.values().any(is_rechecked) || !listed {
            return Ok(None);
        }
        let after = self.keycloak.members(membership, &Tally::default()).await?;
        Ok(Some(after.people))
    }
}

/// Returns the signs that lead to a user.
fn signs_seen(signs: &[(Sign, KeycloakId)], answers: &[Answer]) -> Vec<SignSeen> {
    let with_answer = signs.iter().zip(answers);
    let with_user = with_answer.filter_map(|((sign, _), answer)| {
        Some(SignSeen { sign: *sign, user: answer.user.user()?.clone() })
    });
    with_user.collect()
}

/// Returns whether the answer is about the user with this username.
fn has_username(answer: &Answer, localpart: &Localpart) -> bool {
    let user = answer.user.user().filter(|_| !answer.user.is_unknown());
    user.is_some_and(|user| user.username.raw().to_lowercase() == localpart.key())
}

/// Returns an answer by ID as the answer to the account's name, if the user has that name. For
/// members the list already says so.
fn by_name(answer: &Answer, localpart: &Localpart, with: &Context<'_>) -> Option<Answer> {
    let member = with.reading.facts.members.get(&answer.user.user()?.id);
    let name = member.and_then(|member| member.localpart.as_ref());
    let is_listed = name.is_some_and(|name| name.key() == localpart.key());
    (!is_listed).then(|| Answer { asked: Question::Name, user: answer.user.clone() })
}
