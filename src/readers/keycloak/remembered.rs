//! What Keycloak only remembers of the people of a directory.
//!
//! It remembers which groups somebody of a directory is in for as long as it remembers the person, by default for ever,
//! and so contradicts every list that they have left. It counts a person's groups anew each time, and finds nobody by
//! name who was deleted. Either is believed only where, right before and right after, the same way of asking finds
//! somebody whom the list has in that very group: a directory that is down has nobody in any group, and not every
//! release has to count what is in a directory.

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use reqwest::StatusCode;
use serde::Deserialize;

use super::group_tree::GroupPlace;
use super::person::{Found, as_told, to_user};
use super::{Group, GroupTree, KeycloakReader};
use crate::http::HttpError;
use crate::model::{KeycloakId, KeycloakPerson, KeycloakUser, Localpart, Member};
use crate::readers::ReadError;

/// Witnesses of a group and a directory: one may leave the group, or the directory, while others are asked about.
const WITNESSES: usize = 3;

/// For each group, enabled people of each directory who are listed in that very group: those with the lowest IDs, so
/// that the same lists give the same witnesses.
#[derive(Debug, Default)]
pub struct Witnesses(BTreeMap<Box<str>, BTreeMap<ArcStr, BTreeSet<KeycloakId>>>);

impl Witnesses {
    /// Takes in the members of one group.
    pub(super) fn note(&mut self, group: &Group, members: &[Member]) {
        let of_group = self.0.entry(group.id.as_str().into()).or_default();
        for member in members.iter().filter(|member| member.enabled) {
            let Some(provider) = &member.federation_link else { continue };
            let of_provider = match of_group.get_mut(provider) {
                Some(known) => known,
                None => of_group.entry(provider.clone()).or_default(),
            };
            let is_full = of_provider.len() == WITNESSES;
            if !is_full || of_provider.last().is_some_and(|last| member.id < *last) {
                of_provider.insert(member.id.clone());
                if of_provider.len() > WITNESSES {
                    of_provider.pop_last();
                }
            }
        }
    }

    /// Those of a group and a storage provider, in order of their IDs.
    fn of(&self, group: &GroupPlace, provider: &str) -> impl Iterator<Item = &KeycloakId> {
        self.0.get(&group.id).and_then(|of_group| of_group.get(provider)).into_iter().flatten()
    }
}

/// What counting shows of a group that Keycloak gives for somebody.
enum Standing {
    /// They are in it, or nothing shows that they are not.
    In,
    /// They have left it.
    Left,
    /// They cannot be counted, as somebody who was deleted in the directory cannot.
    Uncountable,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: usize,
}

impl KeycloakReader {
    /// As [`Self::person`], and for somebody of a directory whom no list has (`is_listed`), which of the groups Keycloak
    /// only remembers. Whenever that does not show beyond doubt, what Keycloak tells stands.
    ///
    /// Source: `GET …/users/{id}/groups/count?search=NAME`, the number of their groups whose name contains NAME; where
    /// that fails, `GET …/users?username=…&exact=true`. Neither is ever answered from memory.
    pub async fn person_by_directory(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        tree: &GroupTree<'_>,
        witnesses: &Witnesses,
        is_listed: impl Fn(&KeycloakId) -> bool,
    ) -> Result<KeycloakPerson, ReadError> {
        let Some(found) = self.find_user(id, localpart, tree).await? else { return Ok(KeycloakPerson::Unknown) };
        let mut told = as_told(&found);
        let KeycloakPerson::Known {
            user: KeycloakUser { id: user_id, .. },
            in_group,
            remembered,
            federation_link: Some(provider),
            ..
        } = &mut told
        else {
            return Ok(told);
        };
        if !*in_group || is_listed(user_id) {
            return Ok(told);
        }
        let mut is_in = false;
        for of in found.groups_that_count() {
            match self.standing(user_id, of, witnesses, provider.raw()).await? {
                Standing::In => is_in = true,
                Standing::Left => remembered.push(of.path.clone()),
                Standing::Uncountable => {
                    let name = if id.is_some() { None } else { Some(localpart) };
                    let forgotten = self.as_found_by_name(&found, tree, witnesses, name).await?;
                    return Ok(forgotten.unwrap_or_else(|| as_told(&found)));
                }
            }
        }
        *in_group = is_in;
        Ok(told)
    }

    async fn standing(
        &self,
        id: &KeycloakId,
        of: &GroupPlace,
        witnesses: &Witnesses,
        provider: &str,
    ) -> Result<Standing, HttpError> {
        let Some(witness) = self.witness(of, witnesses, provider).await? else { return Ok(Standing::In) };
        match self.count(id, of).await {
            Ok(0) if self.is_counted_in(witness, of).await? => Ok(Standing::Left),
            Ok(_) => Ok(Standing::In),
            Err(error) => match error.status() {
                Some(StatusCode::INTERNAL_SERVER_ERROR) => Ok(Standing::Uncountable),
                // A release that does not count.
                Some(StatusCode::NOT_FOUND) => Ok(Standing::In),
                _ => Err(error),
            },
        }
    }

    /// Somebody who was deleted in the directory: by name Keycloak does not find them any more, or finds somebody else.
    /// `None` where that does not show beyond doubt. `wanted` is the localpart if the user was asked for by name.
    async fn as_found_by_name(
        &self,
        found: &Found,
        tree: &GroupTree<'_>,
        witnesses: &Witnesses,
        wanted: Option<&Localpart>,
    ) -> Result<Option<KeycloakPerson>, ReadError> {
        let Some(provider) = found.user.provider() else { return Ok(None) };
        let mut before = Vec::new();
        for of in found.groups_that_count() {
            let Some(witness) = self.witness(of, witnesses, provider).await? else { return Ok(None) };
            before.push((of, witness));
        }
        let by_name = self.user_called(&found.user.username).await?;
        if by_name.as_ref().is_some_and(|user| user.id == found.user.id) {
            return Ok(None);
        }
        for (of, witness) in before {
            if !self.is_counted_in(witness, of).await? {
                return Ok(None);
            }
        }
        let namesake = by_name.filter(|user| wanted.is_some_and(|name| self.names(user, name)));
        match namesake {
            Some(namesake) => Ok(Some(as_told(&self.with_groups(namesake, tree).await?))),
            None => Ok(Some(KeycloakPerson::OnlyRemembered {
                user: to_user(&found.user),
                groups: found.groups.iter().map(|of| of.path.clone()).collect(),
                federation_link: provider.into(),
            })),
        }
    }

    /// A listed member of the group whom Keycloak counts in it at this moment.
    async fn witness<'w>(
        &self,
        of: &GroupPlace,
        witnesses: &'w Witnesses,
        provider: &str,
    ) -> Result<Option<&'w KeycloakId>, HttpError> {
        for witness in witnesses.of(of, provider) {
            if self.is_counted_in(witness, of).await? {
                return Ok(Some(witness));
            }
        }
        Ok(None)
    }

    /// Whether a witness is counted in the group, and for that reason: a count finds groups of longer names too, so that
    /// it has to be the number of all their groups that it can find, and this one be among these. Their groups may come
    /// from memory: then all that is remembered has to be there still.
    async fn is_counted_in(&self, witness: &KeycloakId, of: &GroupPlace) -> Result<bool, HttpError> {
        let is_counted = async {
            let path = ["users", &witness.text(), "groups"];
            let listed: Vec<GroupPlace> =
                self.get(&path, &[("search", of.name.raw()), ("briefRepresentation", "true")]).await?;
            let name = of.name.raw().to_lowercase();
            let matching = listed.iter().filter(|listed| listed.name.raw().to_lowercase().contains(&name)).count();
            let is_listed = listed.iter().any(|listed| listed.id == of.id);
            Ok::<_, HttpError>(is_listed && self.count(witness, of).await? == matching)
        };
        match is_counted.await {
            // Whoever has just been deleted is no witness, and the next one is asked about.
            Err(error) if matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR)) => {
                Ok(false)
            }
            other => other,
        }
    }

    async fn count(&self, id: &KeycloakId, of: &GroupPlace) -> Result<usize, HttpError> {
        let Count { count } = self.get(&["users", &id.text(), "groups", "count"], &[("search", of.name.raw())]).await?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signs;

    fn member(id: &str, provider: &ArcStr) -> Member {
        Member {
            id: id.into(),
            localpart: Some(id.into()),
            enabled: id != "0",
            federation_link: Some(provider.clone()),
            signs: Signs::default(),
        }
    }

    #[test]
    fn the_same_members_give_the_same_witnesses_in_whatever_order_they_are_listed() {
        let provider: ArcStr = "ldap-1".into();
        let group = Group { id: "g".into(), path: "/g".into() };
        let of = GroupPlace { id: "g".into(), name: "g".into(), path: "/g".into(), parent_id: None };
        let mut members: Vec<_> = ["5", "1", "0", "4", "2", "3"].map(|id| member(id, &provider)).into();
        for _ in 0..members.len() {
            members.rotate_left(1);
            let mut witnesses = Witnesses::default();
            witnesses.note(&group, &members);
            let ids: Vec<_> = witnesses.of(&of, &provider).map(KeycloakId::text).collect();
            assert_eq!(ids, ["1", "2", "3"], "those with the lowest IDs who are enabled");
        }
    }

    #[test]
    fn a_member_of_one_group_or_directory_is_no_witness_of_another() {
        let mut witnesses = Witnesses::default();
        let provider: ArcStr = "ldap-1".into();
        witnesses.note(&Group { id: "g".into(), path: "/g".into() }, &[member("1", &provider)]);
        let of = |id: &str| GroupPlace { id: id.into(), name: "g".into(), path: "/g".into(), parent_id: None };
        assert_eq!(witnesses.of(&of("h"), "ldap-1").count(), 0);
        assert_eq!(witnesses.of(&of("g"), "ldap-2").count(), 0);
        assert_eq!(witnesses.of(&of("g"), "ldap-1").count(), 1);
    }
}
