//! The second look: before someone is disabled, both servers are asked about this one person.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use futures_util::{StreamExt, stream};

use super::keycloak::GroupTree;
use super::{Group, ReadError, Readers, Reading, Tally};
use crate::model::{Evidence, KeycloakId, KeycloakPerson, Localpart, Look, Member, UserId};
use crate::planner::{Facts, LookAt, Looks};
use crate::report::in_one_line;

/// People looked at at the same time: 610 a second, against 330 one after the other.
const AT_A_TIME: usize = 8;

impl Readers {
    /// Looks at everyone. An error at one person is that person's, and keeps them; an error where nobody could be
    /// looked at is ours. A server that does not answer at all is not asked again and again.
    pub async fn look(&self, mut people: Vec<LookAt>, reading: &Reading, tally: &Tally) -> Result<Looks, ReadError> {
        let Reading { facts, groups, .. } = reading;
        let missing = self.name_owners(&mut people, facts).await?;
        let tree = GroupTree::new(groups);
        let (mut answers, mut first_error) = (BTreeMap::new(), None);
        let mut looking = stream::iter(people)
            .map(|person| async {
                let answer = self.look_at(&person, reading, &tree, missing.as_ref()).await;
                (person.user_id, answer)
            })
            .buffered(AT_A_TIME);
        let mut silent = false;
        while let Some((user_id, answer)) = looking.next().await {
            tally.add(1);
            let look: Look = answer.map_err(|error| {
                silent |= matches!(&error, ReadError::Http(error) if error.is_silence());
                let told = in_one_line(&error);
                first_error.get_or_insert(error);
                told
            });
            answers.insert(user_id, look);
            if silent {
                break;
            }
        }
        match first_error {
            Some(source) if answers.values().all(Result::is_err) => {
                Err(ReadError::NobodyLookedAt { count: answers.len(), source: Box::new(source) })
            }
            _ => {
                // A server that has stopped answering cannot show that a directory is still alive.
                let members_after =
                    if silent { Some(Vec::new()) } else { self.members_after(&answers, facts, groups).await? };
                Ok(Looks::Taken { answers, members_after })
            }
        }
    }

    /// Finds out who has the localparts of accounts that neither members nor links explain, if the
    /// template is more than the username. Returns a member who is missing from the list of users,
    /// if that shows that the list does not contain everyone.
    async fn name_owners(&self, people: &mut [LookAt], facts: &Facts) -> Result<Option<Localpart>, ReadError> {
        let unnamed = || people.iter().filter(|person| person.keycloak_ids.is_empty());
        if unnamed().next().is_none() {
            return Ok(None);
        }
        let wanted = unnamed().map(|person| person.user_id.localpart());
        let Some(owners) = self.keycloak.owners(wanted, &facts.members).await? else { return Ok(None) };
        for person in people.iter_mut().filter(|person| person.keycloak_ids.is_empty()) {
            person.keycloak_ids = owners.of(person.user_id.localpart()).to_vec();
        }
        Ok(owners.missing().cloned())
    }

    async fn look_at(
        &self,
        person: &LookAt,
        reading: &Reading,
        tree: &GroupTree<'_>,
        missing: Option<&Localpart>,
    ) -> Result<Evidence, ReadError> {
        let mas_id = person.mas_id.as_ref();
        let account = async {
            self.links_hold(&person.user_id, mas_id, &person.links, reading.links.as_ref()).await?;
            self.detail(&person.user_id, mas_id).await
        };
        let (keycloak, account) = try_join(self.in_keycloak(person, reading, tree, missing), account).await?;
        Ok(Evidence { keycloak, account })
    }

    /// Asks about every user whose account this may be: by ID if that is known, else by name. If
    /// Keycloak knows none of the linked users, the user of that name is asked about too: they may
    /// have been deleted and re-created.
    async fn in_keycloak(
        &self,
        person: &LookAt,
        reading: &Reading,
        tree: &GroupTree<'_>,
        missing: Option<&Localpart>,
    ) -> Result<Vec<KeycloakPerson>, ReadError> {
        let localpart = person.user_id.localpart();
        let by_name = async || self.person_in(tree, None, localpart, reading).await;
        if person.keycloak_ids.is_empty() {
            let user = by_name().await?;
            return match missing {
                Some(member) if user.is_unknown() => Err(ReadError::UserNotListed { localpart: member.clone() }),
                _ => Ok(vec![user]),
            };
        }
        let by_id = |id| self.person_in(tree, Some(id), localpart, reading);
        let mut people = try_join_all(person.keycloak_ids.iter().map(by_id)).await?;
        let is_unknown = people.iter().all(KeycloakPerson::is_unknown);
        if is_unknown && !person.links.is_empty() {
            people.push(by_name().await?);
        }
        Ok(people)
    }

    /// Asks Keycloak for one person, by ID where it is known. Where the member list does not name somebody of a directory
    /// whom Keycloak knows in the group, and names others of it, Keycloak may only remember them there.
    pub async fn person(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        reading: &Reading,
    ) -> Result<KeycloakPerson, ReadError> {
        self.person_in(&GroupTree::new(&reading.groups), id, localpart, reading).await
    }

    async fn person_in(
        &self,
        tree: &GroupTree<'_>,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        reading: &Reading,
    ) -> Result<KeycloakPerson, ReadError> {
        let Reading { facts, witnesses, .. } = reading;
        let is_listed = |id: &KeycloakId| facts.members.iter().any(|member| member.id == *id);
        self.keycloak.person_by_directory(id, localpart, tree, witnesses, is_listed).await
    }

    /// The members once more, where people of a directory are among them: their directory may have gone down
    /// since.
    async fn members_after(
        &self,
        answers: &BTreeMap<UserId, Look>,
        facts: &Facts,
        groups: &[Group],
    ) -> Result<Option<Vec<Member>>, ReadError> {
        let listed = facts.members.iter().any(|member| member.federation_link.is_some());
        if answers.is_empty() || !listed {
            return Ok(None);
        }
        let after = self.keycloak.members(groups, &Tally::default()).await?;
        Ok(Some(after.people))
    }
}
