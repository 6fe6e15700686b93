//! The second look: before someone is disabled, both servers are asked about this one person.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use futures_util::{StreamExt, stream};

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
        let mut answers = self.name_owners(&mut people, facts).await?;
        let mut first_error = None;
        let mut looking = stream::iter(people)
            .map(|person| async move {
                let answer = self.look_at(&person, reading).await;
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

    /// Where the username does not tell whose an account is, the owner's ID does. Someone whose localpart several users
    /// have is an answer already: nobody can tell whom to ask about.
    async fn name_owners(&self, people: &mut Vec<LookAt>, facts: &Facts) -> Result<BTreeMap<UserId, Look>, ReadError> {
        let mut answers = BTreeMap::new();
        if people.iter().all(|person| !person.keycloak_ids.is_empty()) {
            return Ok(answers);
        }
        let Some(owners) = self.keycloak.owners().await? else { return Ok(answers) };
        if let Some(missing) = facts.members.iter().find(|member| !owners.know(&member.id)) {
            return Err(ReadError::UserNotListed { localpart: missing.localpart.clone() });
        }
        people.retain_mut(|person| {
            let owners = owners.of(person.user_id.localpart());
            match (person.keycloak_ids.as_slice(), owners) {
                ([], [_, _, ..]) => {
                    let why = format!("{} users of the realm have this localpart", owners.len());
                    answers.insert(person.user_id.clone(), Err(why));
                    false
                }
                ([], owners) => {
                    person.keycloak_ids = owners.to_vec();
                    true
                }
                _ => true,
            }
        });
        Ok(answers)
    }

    async fn look_at(&self, person: &LookAt, reading: &Reading) -> Result<Evidence, ReadError> {
        let mas_id = person.mas_id.as_ref();
        let account = async {
            self.links_hold(&person.user_id, mas_id, &person.links, reading.links.as_ref()).await?;
            self.detail(&person.user_id, mas_id).await
        };
        let (keycloak, account) = try_join(self.in_keycloak(person, reading), account).await?;
        Ok(Evidence { keycloak, account })
    }

    /// Everyone in Keycloak whose account this may be: by ID where that is known, else by name. Where Keycloak knows none
    /// of the IDs, whoever has the name is asked about too: the person may have been made anew.
    async fn in_keycloak(&self, person: &LookAt, reading: &Reading) -> Result<Vec<KeycloakPerson>, ReadError> {
        let localpart = person.user_id.localpart();
        let by_name = async || self.person(None, localpart, reading).await;
        if person.keycloak_ids.is_empty() {
            return Ok(vec![by_name().await?]);
        }
        let asked = person.keycloak_ids.iter().map(|id| self.person(Some(id), localpart, reading));
        let mut people = try_join_all(asked).await?;
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
        let Reading { facts, groups, witnesses, .. } = reading;
        let is_listed = |id: &KeycloakId| facts.members.iter().any(|member| member.id == *id);
        Ok(self.keycloak.person_by_directory(id, localpart, groups, witnesses, is_listed).await?)
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
