//! Finds the configured roles, the composites that contain them, and the groups that carry either
//! (recordings: `keycloak-roles.json`).
//!
//! Keycloak only lists who has a role directly (trap 58). Everyone else has it by a group, by the
//! parent of a group, or by a composite role that contains it at any depth.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde::Deserialize;

use super::composites::Composites;
use super::groups::Subgroups;
use super::{Group, KeycloakReader};
use crate::config::MemberSource;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::model::ServerText;
use crate::readers::{ReadError, RoleToGrant};

/// A configured role, and what gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRole {
    /// As it is configured: `role`, or `client:role`.
    pub name: ServerText,
    pub(super) id: RoleId,
    pub(super) place: RolePlace,
    /// The role itself, and every composite found that contains it.
    pub(super) given_by: Vec<RolePlace>,
    /// The IDs of these roles.
    pub(super) given_by_ids: BTreeSet<RoleId>,
    /// The groups that carry one of these roles, with all their subgroups, which inherit it.
    pub(super) groups: Vec<Group>,
}

impl MemberRole {
    /// Returns how many composites contain it.
    #[must_use]
    pub fn composites(&self) -> usize {
        self.given_by.len() - 1
    }

    /// Returns the groups whose members have it, subgroups included.
    #[must_use]
    pub fn carriers(&self) -> &[Group] {
        &self.groups
    }
}

pub(super) type RoleId = Box<str>;

/// What a role belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RoleContainer {
    Realm,
    /// The client with this ID, which is not its `clientId`.
    Client(Box<str>),
}

impl RoleContainer {
    /// Returns the path of its list of roles.
    pub(super) fn path(&self) -> Vec<&str> {
        match self {
            Self::Realm => vec!["roles"],
            Self::Client(id) => vec!["clients", id, "roles"],
        }
    }

    /// Returns the role that is needed to read it.
    pub(super) fn to_grant(&self) -> RoleToGrant {
        match self {
            Self::Realm => RoleToGrant::ViewRealm,
            Self::Client(_) => RoleToGrant::ViewClients,
        }
    }
}

/// The container and the name of a role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RolePlace {
    pub(super) container: RoleContainer,
    pub(super) name: Box<str>,
}

impl RolePlace {
    /// Returns the path of the role, or of something below it.
    pub(super) fn path<'p>(&'p self, below: &[&'p str]) -> Vec<&'p str> {
        [self.container.path(), vec![&*self.name], below.to_vec()].concat()
    }
}

/// A role as Keycloak lists it.
#[derive(Debug, Deserialize)]
pub(super) struct RoleRow {
    pub(super) id: RoleId,
    pub(super) name: Box<str>,
    #[serde(default)]
    pub(super) composite: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientRow {
    id: Box<str>,
    client_id: Box<str>,
}

#[derive(Debug, Deserialize)]
struct CarrierRow {
    id: Box<str>,
}

impl KeycloakReader {
    /// Finds the configured roles, or returns an error if one is missing, not visible, or one that
    /// every user has.
    ///
    /// Source: `GET …/clients?clientId=…`, `GET …/roles/{name}`, `GET …/roles/{name}/groups`, the
    /// same below `…/clients/{id}`, and what `Composites` are read from.
    pub async fn member_roles(&self, source: &MemberSource) -> Result<Vec<MemberRole>, ReadError> {
        if source.roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = Vec::with_capacity(source.roles.len());
        for name in &source.roles {
            let place = self.place_of_role(name).await?;
            let row = self.role_at(name, &place).await?;
            wanted.push((name, place, row));
        }
        let containers: BTreeSet<_> = wanted
            .iter()
            .map(|(_, place, _)| place.container.clone())
            .chain([RoleContainer::Realm])
            .collect();
        let composites = self.composites(&containers).await?;
        let mut roles = Vec::with_capacity(wanted.len());
        for (name, place, row) in wanted {
            let role = self.member_role(name, place, row.id, &composites).await?;
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        Ok(roles)
    }

    async fn member_role(
        &self,
        name: &str,
        place: RolePlace,
        id: RoleId,
        composites: &Composites,
    ) -> Result<MemberRole, ReadError> {
        let containing = composites.containing(&id);
        let mut given_by = vec![place.clone()];
        given_by.extend(containing.values().map(|other| (*other).clone()));
        let given_by_ids: BTreeSet<RoleId> =
            containing.keys().map(|id| (*id).into()).chain([id.clone()]).collect();
        if composites.default_role().is_some_and(|default| given_by_ids.contains(default)) {
            return Err(ReadError::RoleOfEveryone {
                realm: self.realm.clone(),
                role: name.to_owned(),
            });
        }
        let groups = self.carriers(&given_by).await?;
        Ok(MemberRole { name: name.into(), id, place, given_by, given_by_ids, groups })
    }

    /// Returns the place of a configured role: the first colon divides client and role, if there is
    /// a client of that name.
    async fn place_of_role(&self, name: &str) -> Result<RolePlace, ReadError> {
        if let Some((client_id, role)) = name.split_once(':')
            && !client_id.is_empty()
            && !role.is_empty()
            && let Some(id) = self.client_called(client_id).await?
        {
            return Ok(RolePlace { container: RoleContainer::Client(id), name: role.into() });
        }
        Ok(RolePlace { container: RoleContainer::Realm, name: name.into() })
    }

    /// Returns the ID of the client of this `clientId`.
    async fn client_called(&self, client_id: &str) -> Result<Option<Box<str>>, ReadError> {
        let (path, query) = (["clients"], [("clientId", client_id)]);
        let found: Vec<ClientRow> = self
            .get(&path, &query)
            .await
            .map_err(|error| self.unless_forbidden(error, RoleToGrant::ViewClients))?;
        if let Some(other) = found.iter().find(|client| &*client.client_id != client_id) {
            let what = format!(
                "the answer is about another client, {:?}",
                ServerText::from(&*other.client_id)
            );
            return Err(self.api.inconsistent(&self.path(&path), what).into());
        }
        Ok(found.into_iter().next().map(|client| client.id))
    }

    async fn role_at(&self, configured: &str, place: &RolePlace) -> Result<RoleRow, ReadError> {
        let path = place.path(&[]);
        let to_grant = place.container.to_grant();
        let found: Option<RoleRow> = none_if_missing(Missing::Role, self.get(&path, &[]).await)
            .map_err(|error| self.unless_forbidden(error, to_grant))?;
        let Some(row) = found else {
            return Err(ReadError::RoleNotFound {
                realm: self.realm.clone(),
                role: configured.to_owned(),
                nearest: self.roles_like(configured, &place.container).await,
            });
        };
        if row.name != place.name {
            let what =
                format!("the answer is about another role, {:?}", ServerText::from(&*row.name));
            return Err(self.api.inconsistent(&self.path(&path), what).into());
        }
        Ok(row)
    }

    /// Returns the groups that carry one of these roles, with all their subgroups.
    async fn carriers(&self, places: &[RolePlace]) -> Result<Vec<Group>, ReadError> {
        let mut found = BTreeSet::new();
        for place in places {
            let path = place.path(&["groups"]);
            let list = format!("the groups of the role {}", ServerText::from(&*place.name));
            let carriers = self
                .whole_rows(&path, &list, |row: &CarrierRow| &*row.id)
                .await
                .map_err(|error| self.unless_hidden(error, &place.container))?;
            for CarrierRow { id } in carriers {
                // A group may have been deleted since.
                if let Some(row) = self.group_row(&id).await? {
                    self.add_with_subgroups(row, Subgroups::Count, &mut found).await?;
                }
            }
        }
        Ok(found.into_iter().map(Group::from).collect())
    }

    /// Returns the error, which names the role to grant if Keycloak itself refuses the request.
    pub(super) fn unless_forbidden(&self, error: HttpError, to_grant: RoleToGrant) -> ReadError {
        if error.status() != Some(StatusCode::FORBIDDEN) {
            return error.into();
        }
        ReadError::RolesForbidden { realm: self.realm.clone(), to_grant, source: Box::new(error) }
    }

    /// Does the same for an error about roles of this container.
    pub(super) fn unless_hidden(&self, error: ReadError, container: &RoleContainer) -> ReadError {
        match error {
            ReadError::Http(error) => self.unless_forbidden(error, container.to_grant()),
            error => error,
        }
    }
}

/// Returns the roles of users or clients by container, to ask for each container once.
pub(super) fn by_container(roles: &[MemberRole]) -> BTreeMap<&RoleContainer, Vec<&MemberRole>> {
    let mut containers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for role in roles {
        containers.entry(&role.place.container).or_default().push(role);
    }
    containers
}
