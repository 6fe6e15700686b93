//! Re-reads a few users after a complete reading: users that an admin event mentions, or that a
//! newer member list shows differently. It updates the reading in place, and returns the accounts
//! to recheck.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::keycloak::{GroupTree, MemberNow};
use super::{FoundInMas, Judge, LinkProvider, MembershipHint, ReadError, Readers, Reading, Tally};
use crate::config::AccountSource;
use crate::model::{Account, KeycloakId, Localpart, Member, MemberList, Timestamp, UserId};
use crate::planner::{Facts, PlanScope};

/// Users requested at the same time, as many as at the second look.
pub(super) const AT_A_TIME: usize = 8;

/// What to read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refresh {
    /// Users by their IDs, and what the event says about each.
    pub people: BTreeMap<KeycloakId, MembershipHint>,
    /// The whole member list; if there are registered accounts, only if they show something new.
    pub list: bool,
    /// Accounts that were just registered, and when to judge them.
    pub accounts: BTreeMap<UserId, Judge>,
}

impl Readers {
    /// Re-reads the users, with the accounts that are `theirs` in the state file. Returns the
    /// accounts that may have changed, or `None` if there are more than `most`: then only a
    /// complete reading helps.
    pub async fn refresh(
        &self,
        reading: &mut Reading,
        refresh: &Refresh,
        theirs: Vec<Localpart>,
        most: usize,
    ) -> Result<Option<PlanScope>, ReadError> {
        if refresh.people.len().max(refresh.accounts.len()) > most {
            return Ok(None);
        }
        let mut touched = Touched { localparts: theirs, ..Touched::default() };
        let now = self.members_now(&refresh.people, reading).await?;
        // An answer that no event explains is not enough against the list, and one that contradicts
        // the event may be older than it. A directory that is down may hide its users as if they
        // were deleted.
        let doubtful = |(id, now): &(KeycloakId, MemberNow)| {
            let member = reading.facts.members.get(id);
            match (now, refresh.people[id]) {
                (MemberNow::Inside(..), hint) => hint == MembershipHint::Left,
                (MemberNow::Outside(_) | MemberNow::Gone, MembershipHint::Left) => {
                    member.is_some_and(|member| member.federation_link.is_some())
                }
                (MemberNow::Federated(_), _)
                | (MemberNow::Outside(_) | MemberNow::Gone, MembershipHint::Joined) => true,
                (MemberNow::Outside(_) | MemberNow::Gone, MembershipHint::Nothing) => {
                    member.is_some()
                }
            }
        };
        let registered = self.news_of(&refresh.accounts, reading).await?;
        let is_listed = refresh.list && (refresh.accounts.is_empty() || !registered.is_empty());
        let list = is_listed || now.iter().any(doubtful);
        touched.note_people(&now, &reading.facts.members);
        if list {
            let listed = self.keycloak.members(&reading.membership, &Tally::default()).await?;
            touched.note_differences(&reading.facts.members, &listed.people);
            reading.facts.members = listed.people;
            reading.facts.unnamed = listed.unnamed;
            reading.witnesses = listed.witnesses;
        } else {
            bring_up_to_date(&mut reading.facts, now);
        }
        if touched.localparts.len() > most {
            return Ok(None);
        }
        let scope = self.refresh_accounts(reading, touched, registered).await?;
        (reading.facts.now, reading.facts.clocks) = (Timestamp::now(), self.clocks());
        Ok(Some(scope))
    }

    async fn members_now(
        &self,
        people: &BTreeMap<KeycloakId, MembershipHint>,
        reading: &Reading,
    ) -> Result<Vec<(KeycloakId, MemberNow)>, ReadError> {
        let tree = GroupTree::new(&reading.membership);
        stream::iter(people.keys())
            .map(|id| async { Ok((id.clone(), self.keycloak.member_now(id, &tree).await?)) })
            .buffered(AT_A_TIME)
            .try_collect()
            .await
    }

    /// Reads the accounts of these users as they are now, including accounts newer than the
    /// reading. Returns them and the registered ones.
    async fn refresh_accounts(
        &self,
        reading: &mut Reading,
        touched: Touched,
        registered: Vec<Account>,
    ) -> Result<PlanScope, ReadError> {
        let provider = reading.links.as_ref();
        let now: HashMap<UserId, Option<Account>> = stream::iter(touched.accounts(&reading.facts))
            .map(|user_id| async move {
                let account = self.account_now(&user_id, provider).await?;
                Ok::<_, ReadError>((user_id, account))
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await?;
        let gone: HashSet<_> = now.keys().cloned().collect();
        // MAS ignores case, so it may return one account for two names.
        let found = registered.into_iter().chain(now.into_values().flatten());
        let found: HashMap<_, _> =
            found.map(|account| (account.user_id.clone(), account)).collect();
        let mut scope = PlanScope::default();
        scope.extend(found.keys().cloned());
        let is_old = |user_id: &UserId| gone.contains(user_id) || found.contains_key(user_id);
        reading.facts.accounts.retain(|account| !is_old(&account.user_id));
        reading.facts.accounts.extend(found.into_values());
        Ok(scope)
    }

    /// Reads one account, as its list would show it.
    pub(super) async fn account_now(
        &self,
        user_id: &UserId,
        provider: Option<&LinkProvider>,
    ) -> Result<Option<Account>, ReadError> {
        match self.source {
            AccountSource::Synapse => {
                let Some(mut account) = self.synapse().account(user_id).await? else {
                    return Ok(None);
                };
                if let Some(mas) = &self.mas {
                    let found = mas.found_by_name(user_id.localpart(), provider).await?;
                    self.unless_anothers(found, user_id).await?.attach_to(&mut account);
                }
                Ok(Some(account))
            }
            AccountSource::Mas => Ok(self.mas().account(user_id.localpart(), provider).await?),
        }
    }
}

impl Readers {
    /// Returns the user unless MAS spells the name differently and another account is spelled that
    /// way: then the user belongs to that account.
    async fn unless_anothers(
        &self,
        found: FoundInMas,
        user_id: &UserId,
    ) -> Result<FoundInMas, ReadError> {
        let Some(user) = found.user().filter(|user| user.name != *user_id.localpart()) else {
            return Ok(found);
        };
        let exact = user.name.clone().on(user_id.server_name());
        Ok(match self.synapse().account(&exact).await? {
            Some(_) => FoundInMas::Nothing,
            None => found,
        })
    }
}

/// The users that may have changed, by ID, and by their old and new names.
#[derive(Debug, Default)]
struct Touched {
    ids: HashSet<KeycloakId>,
    localparts: Vec<Localpart>,
}

impl Touched {
    /// Returns the accounts that may be theirs, including accounts that the reading does not have.
    fn accounts(&self, facts: &Facts) -> BTreeSet<UserId> {
        if self.ids.is_empty() && self.localparts.is_empty() {
            return BTreeSet::new();
        }
        let names: HashSet<_> = self.localparts.iter().map(|localpart| localpart.key()).collect();
        let is_touched = |account: &&Account| {
            account.is_on(&facts.server_name)
                && (names.contains(&account.localpart().key())
                    || account.links.iter().any(|id| self.ids.contains(id))
                    || account.remembered_owner().is_some_and(|(id, _)| self.ids.contains(id)))
        };
        let known: Vec<_> = facts.accounts.iter().filter(is_touched).collect();
        let known_names: HashSet<_> =
            known.iter().map(|account| account.localpart().key()).collect();
        let strangers = names.iter().filter(|name| !known_names.contains(*name));
        let strangers = strangers.map(|name| Localpart::from(&**name).on(&facts.server_name));
        known.iter().map(|account| account.user_id.clone()).chain(strangers).collect()
    }

    fn note(&mut self, member: &Member) {
        self.ids.insert(member.id.clone());
        self.localparts.extend(member.localpart.clone());
    }

    fn note_people(&mut self, now: &[(KeycloakId, MemberNow)], before: &MemberList) {
        for (id, now) in now {
            self.ids.insert(id.clone());
            self.localparts.extend(before.get(id).and_then(|member| member.localpart.clone()));
            match now {
                MemberNow::Inside(member, _) => self.note(member),
                MemberNow::Outside(localpart) | MemberNow::Federated(localpart) => {
                    self.localparts.extend(localpart.clone());
                }
                MemberNow::Gone => {}
            }
        }
    }

    /// Notes the users that differ in two lists.
    fn note_differences(&mut self, before: &MemberList, after: &MemberList) {
        let is_same = |list: &MemberList, member: &Member| list.get(&member.id) == Some(member);
        for member in before.iter().filter(|member| !is_same(after, member)) {
            self.note(member);
        }
        for member in after.iter().filter(|member| !is_same(before, member)) {
            self.note(member);
        }
    }
}

/// Updates every user in the facts.
fn bring_up_to_date(facts: &mut Facts, now: Vec<(KeycloakId, MemberNow)>) {
    let Facts { members, unnamed, .. } = facts;
    for (id, now) in now {
        if !matches!(now, MemberNow::Federated(_)) {
            unnamed.retain(|one| one.id != id);
        }
        match now {
            MemberNow::Inside(member, why) => {
                members.insert(member);
                unnamed.extend(why);
            }
            MemberNow::Outside(_) | MemberNow::Gone => members.remove(&id),
            MemberNow::Federated(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signs;

    fn member(id: &str, enabled: bool) -> Member {
        let localpart = Some(format!("name-of-{id}").as_str().into());
        Member { id: id.into(), localpart, enabled, federation_link: None, signs: Signs::default() }
    }

    #[test]
    fn users_are_put_where_they_are_now() {
        let mut facts = Facts {
            members: vec![member("a", true), member("c", true), member("e", true)].into(),
            ..Facts::empty("example.org".into())
        };
        let inside = |member| MemberNow::Inside(member, None);
        let now = [
            ("a", MemberNow::Gone),
            ("b", inside(member("b", true))),
            ("c", inside(member("c", false))),
            ("d", MemberNow::Outside(None)),
            ("e", MemberNow::Outside(None)),
        ];
        bring_up_to_date(&mut facts, now.into_iter().map(|(id, now)| (id.into(), now)).collect());
        assert_eq!(*facts.members, [member("b", true), member("c", false)]);
    }

    #[test]
    fn a_user_in_only_one_list_or_changed_is_touched() {
        let before =
            MemberList::from(vec![member("a", true), member("b", true), member("c", true)]);
        let after =
            MemberList::from(vec![member("b", true), member("c", false), member("d", true)]);
        let mut touched = Touched::default();
        touched.note_differences(&before, &after);
        assert_eq!(touched.ids, ["a", "c", "d"].into_iter().map(Into::into).collect());
    }
}
