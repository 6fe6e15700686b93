//! Takes the second look at administrators (`[admins]`): whether their users are in these groups
//! and roles now, and whether MAS makes them administrators.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use futures_util::{StreamExt, stream};

use super::keycloak::GroupTree;
use super::second_look::AT_A_TIME;
use super::silence::Silences;
use super::{AdminReading, ReadError, Readers, Reading};
use crate::error_chain::in_one_line;
use crate::model::{
    Answer, Evidence, KeycloakId, KeycloakPerson, Localpart, Question, Recheck, UserId,
};
use crate::planner::ToRecheck;

impl Readers {
    /// Rechecks the accounts whose right would change. A server that stops answering is asked no
    /// more; the accounts that are left have no answer.
    pub async fn recheck_admins(
        &self,
        accounts: Vec<ToRecheck>,
        reading: &Reading,
    ) -> BTreeMap<UserId, Recheck> {
        let Some(admins) = &reading.admins else { return BTreeMap::new() };
        let tree = GroupTree::new(&admins.membership);
        let mut asking = stream::iter(accounts)
            .map(|account| {
                let tree = &tree;
                async move {
                    let seen = self.recheck_admin(&account, tree, admins, reading).await;
                    (account.user_id, seen)
                }
            })
            .buffered(AT_A_TIME);
        let (mut rechecks, mut silences) = (BTreeMap::new(), Silences::default());
        while let Some((user_id, seen)) = asking.next().await {
            silences.note(&seen);
            rechecks.insert(user_id, seen.map_err(|error| in_one_line(&error)));
            if silences.are_too_many() {
                break;
            }
        }
        rechecks
    }

    async fn recheck_admin(
        &self,
        account: &ToRecheck,
        tree: &GroupTree<'_>,
        admins: &AdminReading,
        reading: &Reading,
    ) -> Result<Evidence, ReadError> {
        let ask = async |id: Option<&KeycloakId>| {
            // The subject of a link can be anything, too.
            if id.is_some_and(|id| !id.can_be_asked_for()) {
                return Ok(KeycloakPerson::Unknown);
            }
            let is_listed = |id: &KeycloakId| {
                reading.facts.admins.as_ref().is_some_and(|users| users.get(id).is_some())
            };
            let name = account.user_id.localpart();
            let name = if id.is_some() { &Localpart::from("") } else { name };
            let witnesses = &admins.witnesses;
            self.keycloak.person_without_stale_groups(id, name, tree, witnesses, is_listed).await
        };
        let by_id = try_join_all(account.ids.iter().map(async |id| {
            let user = ask(Some(id)).await?;
            Ok::<_, ReadError>(Answer { asked: Question::Id(id.clone()), user })
        }));
        let detail = self.detail(&account.user_id, account.mas_id.as_ref());
        let (mut keycloak, detail) = try_join(by_id, detail).await?;
        if keycloak.iter().all(|answer| answer.user.is_unknown()) {
            keycloak.push(Answer { asked: Question::Name, user: ask(None).await? });
        }
        Ok(Evidence { keycloak, account: detail, signs: Vec::new() })
    }
}
