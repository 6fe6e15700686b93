//! Finds groups that Keycloak only remembers for a federated user.
//!
//! Keycloak caches the groups of a federated user as long as the user, by default forever, and so
//! contradicts every list that the user has left. Two answers never come from this cache: the count
//! of a user's groups, and the search by name, which no longer finds a deleted user. Either counts
//! only if, right before and right after, the same request finds a witness: a user that the list
//! shows in that very group. A directory that is down has no members in any group, and some
//! releases may not count the groups of a directory.

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use reqwest::StatusCode;
use serde::Deserialize;

use super::group_tree::GroupPlace;
use super::person::{UserWithGroups, as_told, to_user};
use super::{Group, GroupTree, KeycloakReader};
use crate::http::HttpError;
use crate::model::{KeycloakId, KeycloakPerson, KeycloakUser, Localpart, Member};
use crate::readers::ReadError;

/// Witnesses per group and directory: one may leave the group or the directory during the run.
const WITNESSES: usize = 3;

/// For each group, enabled users of each directory that are listed in that very group. They have
/// the lowest IDs, so that the same lists give the same witnesses.
#[derive(Debug, Clone, Default)]
pub struct Witnesses(BTreeMap<Box<str>, BTreeMap<ArcStr, BTreeSet<KeycloakId>>>);

impl Witnesses {
    /// Adds the members of one group.
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

    /// Returns the witnesses of a group and a storage provider, in order of their IDs.
    fn in_group(&self, group: &GroupPlace, provider: &str) -> impl Iterator<Item = &KeycloakId> {
        self.0.get(&group.id).and_then(|of_group| of_group.get(provider)).into_iter().flatten()
    }
}

/// What the count shows about a group that Keycloak lists for a user.
enum GroupStanding {
    /// The user is in it, or nothing shows the opposite.
    In,
    Left,
    /// The count fails, as for a user that was deleted in the directory.
    Uncountable,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: usize,
}

impl KeycloakReader {
    /// Reads one user like [`Self::person`]. For a federated user that no list has (`is_listed`),
    /// it also finds the groups that Keycloak only remembers. Without proof, Keycloak's answer
    /// stays as it is.
    ///
    /// Source: `GET …/users/{id}/groups/count?search=NAME`, the number of groups whose name
    /// contains NAME; if that fails, `GET …/users?username=…&exact=true`. Neither is ever answered
    /// from memory.
    pub async fn person_without_stale_groups(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        tree: &GroupTree<'_>,
        witnesses: &Witnesses,
        is_listed: impl Fn(&KeycloakId) -> bool,
    ) -> Result<KeycloakPerson, ReadError> {
        let Some(found) = self.find_user(id, localpart, tree).await? else {
            return Ok(KeycloakPerson::Unknown);
        };
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
                GroupStanding::In => is_in = true,
                GroupStanding::Left => remembered.push(of.path.clone()),
                GroupStanding::Uncountable => {
                    let name = if id.is_some() { None } else { Some(localpart) };
                    let forgotten = self.as_found_by_name(&found, tree, witnesses, name).await?;
                    return Ok(forgotten.unwrap_or_else(|| as_told(&found)));
                }
            }
        }
        // Keycloak answers about roles from memory too, and nothing proves the opposite.
        *in_group = is_in || found.has_role();
        Ok(told)
    }

    async fn standing(
        &self,
        id: &KeycloakId,
        of: &GroupPlace,
        witnesses: &Witnesses,
        provider: &str,
    ) -> Result<GroupStanding, HttpError> {
        let Some(witness) = self.witness(of, witnesses, provider).await? else {
            return Ok(GroupStanding::In);
        };
        match self.count(id, of).await {
            Ok(0) if self.is_counted_in(witness, of).await? => Ok(GroupStanding::Left),
            Ok(_) => Ok(GroupStanding::In),
            Err(error) => match error.status() {
                Some(StatusCode::INTERNAL_SERVER_ERROR) => Ok(GroupStanding::Uncountable),
                // This release does not count groups.
                Some(StatusCode::NOT_FOUND) => Ok(GroupStanding::In),
                _ => Err(error),
            },
        }
    }

    /// Reads a user that may have been deleted in the directory by name: Keycloak then finds no
    /// user, or another one. Returns `None` without proof. `wanted` is the localpart if the user
    /// was requested by name.
    async fn as_found_by_name(
        &self,
        found: &UserWithGroups,
        tree: &GroupTree<'_>,
        witnesses: &Witnesses,
        wanted: Option<&Localpart>,
    ) -> Result<Option<KeycloakPerson>, ReadError> {
        let Some(provider) = found.user.provider() else { return Ok(None) };
        let mut before = Vec::new();
        for of in found.groups_that_count() {
            let Some(witness) = self.witness(of, witnesses, provider).await? else {
                return Ok(None);
            };
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

    /// Returns a listed member that Keycloak counts in the group at this moment.
    async fn witness<'w>(
        &self,
        of: &GroupPlace,
        witnesses: &'w Witnesses,
        provider: &str,
    ) -> Result<Option<&'w KeycloakId>, HttpError> {
        for witness in witnesses.in_group(of, provider) {
            if self.is_counted_in(witness, of).await? {
                return Ok(Some(witness));
            }
        }
        Ok(None)
    }

    /// Returns whether a witness is counted in this very group. The count includes groups with
    /// longer names. So this group has to be listed, and the count has to equal the number of all
    /// listed groups that it can include. If the list comes from memory, all of it has to be still
    /// true.
    async fn is_counted_in(
        &self,
        witness: &KeycloakId,
        of: &GroupPlace,
    ) -> Result<bool, HttpError> {
        let is_counted = async {
            let path = ["users", &witness.text(), "groups"];
            let listed: Vec<GroupPlace> = self
                .get(&path, &[("search", of.name.raw()), ("briefRepresentation", "true")])
                .await?;
            let name = of.name.raw().to_lowercase();
            let matching = listed
                .iter()
                .filter(|listed| listed.name.raw().to_lowercase().contains(&name))
                .count();
            let is_listed = listed.iter().any(|listed| listed.id == of.id);
            Ok::<_, HttpError>(is_listed && self.count(witness, of).await? == matching)
        };
        match is_counted.await {
            // A user that was just deleted is not a witness; the next one is tried.
            Err(error)
                if matches!(
                    error.status(),
                    Some(StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR)
                ) =>
            {
                Ok(false)
            }
            other => other,
        }
    }

    async fn count(&self, id: &KeycloakId, of: &GroupPlace) -> Result<usize, HttpError> {
        let Count { count } = self
            .get(&["users", &id.text(), "groups", "count"], &[("search", of.name.raw())])
            .await?;
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
    fn the_same_members_give_the_same_witnesses_in_any_order() {
        let provider: ArcStr = "ldap-1".into();
        let group = Group { id: "g".into(), path: "/g".into() };
        let of =
            GroupPlace { id: "g".into(), name: "g".into(), path: "/g".into(), parent_id: None };
        let mut members: Vec<_> =
            ["5", "1", "0", "4", "2", "3"].map(|id| member(id, &provider)).into();
        for _ in 0..members.len() {
            members.rotate_left(1);
            let mut witnesses = Witnesses::default();
            witnesses.note(&group, &members);
            let ids: Vec<_> = witnesses.in_group(&of, &provider).map(KeycloakId::text).collect();
            assert_eq!(ids, ["1", "2", "3"], "those with the lowest IDs who are enabled");
        }
    }

    #[test]
    fn a_member_of_one_group_or_directory_is_no_witness_of_another() {
        let mut witnesses = Witnesses::default();
        let provider: ArcStr = "ldap-1".into();
        witnesses.note(&Group { id: "g".into(), path: "/g".into() }, &[member("1", &provider)]);
        let of = |id: &str| GroupPlace {
            id: id.into(),
            name: "g".into(),
            path: "/g".into(),
            parent_id: None,
        };
        assert_eq!(witnesses.in_group(&of("h"), "ldap-1").count(), 0);
        assert_eq!(witnesses.in_group(&of("g"), "ldap-2").count(), 0);
        assert_eq!(witnesses.in_group(&of("g"), "ldap-1").count(), 1);
    }
}
