//! Reads which composite roles contain which roles. Keycloak answers only the reverse question,
//! which roles a composite contains (trap 58), so every composite is asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::KeycloakReader;
use super::roles::{RoleContainer, RoleId, RolePlace, RoleRow};
use crate::config::MemberSource;
use crate::http::{Missing, none_if_missing};
use crate::readers::{ReadError, RoleToGrant};

/// Composites requested at the same time.
const AT_A_TIME: usize = 8;

/// The composite roles of some containers, by what they contain.
#[derive(Debug, Default)]
pub(super) struct Composites {
    places: HashMap<RoleId, RolePlace>,
    /// The composites that contain a role directly.
    above: HashMap<RoleId, Vec<RoleId>>,
    /// The role that every user of the realm has.
    default_role: Option<RoleId>,
}

impl Composites {
    /// Returns the composites that contain a role, at any depth.
    pub(super) fn containing(&self, of: &str) -> BTreeMap<&str, &RolePlace> {
        let (mut found, mut open) = (BTreeMap::new(), vec![of]);
        while let Some(id) = open.pop() {
            for above in self.above.get(id).into_iter().flatten() {
                // Composites can contain each other, and so themselves.
                if **above == *of {
                    continue;
                }
                if found.insert(&**above, &self.places[above]).is_none() {
                    open.push(above);
                }
            }
        }
        found
    }

    pub(super) fn default_role(&self) -> Option<&RoleId> {
        self.default_role.as_ref()
    }
}

/// The description of a realm, as far as it is about roles.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealmRow {
    default_role: Option<RoleRow>,
}

impl KeycloakReader {
    /// Reads the composites of the realm and of clients.
    ///
    /// Source: `GET …/roles`, `GET …/roles/{name}/composites`, the same below `…/clients/{id}`, and
    /// `GET /admin/realms/{realm}` for the default role.
    pub(super) async fn composites(
        &self,
        containers: &BTreeSet<RoleContainer>,
    ) -> Result<Composites, ReadError> {
        let mut composites = Composites::default();
        let named = MemberSource::default_role(&self.realm);
        for container in containers {
            let rows = self.roles_of(container).await?;
            if *container == RoleContainer::Realm {
                let named = rows.iter().find(|row| *row.name == *named);
                composites.default_role = match self.default_role().await? {
                    Some(id) => Some(id),
                    None => named.map(|row| row.id.clone()),
                };
            }
            let contents: Vec<_> = stream::iter(rows.into_iter().filter(|row| row.composite))
                .map(|row| self.contents_of(container, row))
                .buffered(AT_A_TIME)
                .try_collect()
                .await?;
            for (id, place, contents) in contents {
                for row in contents {
                    composites.above.entry(row.id).or_default().push(id.clone());
                }
                composites.places.insert(id, place);
            }
        }
        Ok(composites)
    }

    async fn default_role(&self) -> Result<Option<RoleId>, ReadError> {
        let realm: RealmRow = self
            .get(&[], &[])
            .await
            .map_err(|error| self.unless_forbidden(error, RoleToGrant::ViewRealm))?;
        Ok(realm.default_role.map(|role| role.id))
    }

    async fn roles_of(&self, container: &RoleContainer) -> Result<Vec<RoleRow>, ReadError> {
        let path = container.path();
        let rows = self.whole_rows(&path, "the list of roles", |row: &RoleRow| &*row.id).await;
        rows.map_err(|error| self.unless_hidden(error, container))
    }

    /// Returns what a composite contains; nothing if it was deleted meanwhile.
    async fn contents_of(
        &self,
        container: &RoleContainer,
        row: RoleRow,
    ) -> Result<(RoleId, RolePlace, Vec<RoleRow>), ReadError> {
        let place = RolePlace { container: container.clone(), name: row.name };
        let answer = self.get(&place.path(&["composites"]), &[]).await;
        let contents: Option<Vec<RoleRow>> = none_if_missing(Missing::Role, answer)
            .map_err(|error| self.unless_forbidden(error, container.to_grant()))?;
        Ok((row.id, place, contents.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composites(contents: &[(&str, &[&str])]) -> Composites {
        let mut composites = Composites::default();
        for (id, inside) in contents {
            let place = RolePlace { container: RoleContainer::Realm, name: (*id).into() };
            composites.places.insert((*id).into(), place);
            for role in *inside {
                composites.above.entry((*role).into()).or_default().push((*id).into());
            }
        }
        composites
    }

    fn containing(contents: &[(&str, &[&str])], id: &str) -> Vec<String> {
        composites(contents).containing(id).into_keys().map(str::to_owned).collect()
    }

    #[test]
    fn composites_are_found_at_all_depths_and_each_once() {
        let tree: [(&str, &[&str]); 4] =
            [("a", &["b", "c"]), ("b", &["role"]), ("c", &["role"]), ("other", &["x"])];
        assert_eq!(containing(&tree, "role"), ["a", "b", "c"]);
        assert_eq!(containing(&tree, "b"), ["a"]);
        assert!(containing(&tree, "a").is_empty());
    }

    #[test]
    fn composites_that_contain_each_other_are_no_endless_loop() {
        let circle: [(&str, &[&str]); 2] = [("a", &["b", "role"]), ("b", &["a"])];
        assert_eq!(containing(&circle, "role"), ["a", "b"]);
        assert_eq!(containing(&circle, "a"), ["b"]);
    }
}
