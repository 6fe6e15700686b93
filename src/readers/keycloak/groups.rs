//! Finds the configured groups by ID, path or name, with their subgroups if wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::KeycloakReader;
use super::group_tree::GroupPlace;
use crate::config::MemberSource;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::model::{GroupId, ServerText};
use crate::readers::ReadError;

/// Subgroups per request; Keycloak's own default is 10.
const SUBGROUPS: usize = 1000;

/// A group whose members are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    /// Its path, `/parent/name`.
    pub path: ServerText,
}

impl From<(ServerText, Box<str>)> for Group {
    fn from((path, id): (ServerText, Box<str>)) -> Self {
        Self { id: id.into(), path }
    }
}

/// Whether members of subgroups count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subgroups {
    Count,
    DoNotCount,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupRow {
    id: Box<str>,
    pub(super) name: ServerText,
    pub(super) path: ServerText,
    #[serde(default)]
    pub(super) sub_groups: Vec<GroupRow>,
    /// Missing in Keycloak 22, which nests the subgroups instead.
    sub_group_count: Option<usize>,
    #[serde(default)]
    access: GroupRights,
}

impl GroupRow {
    /// Returns whether it has subgroups that are not nested in it.
    pub(super) fn has_unlisted_subgroups(&self) -> bool {
        self.sub_groups.is_empty() && self.sub_group_count.is_some_and(|count| count > 0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRights {
    view_members: Option<bool>,
}

impl KeycloakReader {
    /// Returns a group with its parent, by ID.
    pub(super) async fn group_at(&self, id: &str) -> Result<GroupPlace, HttpError> {
        let path = ["groups", id];
        let group: GroupPlace = self.get(&path, &[]).await?;
        self.check_group(&path, id, &group.id)?;
        Ok(group)
    }

    fn check_group(&self, path: &[&str], asked: &str, answered: &str) -> Result<(), HttpError> {
        if answered.eq_ignore_ascii_case(asked) {
            return Ok(());
        }
        let what = format!("the answer is about another group, {:?}", ServerText::from(answered));
        Err(self.api.inconsistent(&self.path(path), what))
    }

    /// Returns the configured groups, each once, or an error if one is missing, ambiguous or not
    /// visible.
    pub async fn groups(&self, source: &MemberSource) -> Result<Vec<Group>, ReadError> {
        let subgroups =
            if source.include_subgroups { Subgroups::Count } else { Subgroups::DoNotCount };
        let mut found = BTreeSet::new();
        for wanted in &source.groups {
            let row = self.find(wanted).await?;
            self.add_with_subgroups(row, subgroups, &mut found).await?;
        }
        Ok(found.into_iter().map(Group::from).collect())
    }

    /// Adds a group, and the groups below it if they count. A name may contain a slash, so two
    /// groups can have the same path.
    pub(super) async fn add_with_subgroups(
        &self,
        row: GroupRow,
        subgroups: Subgroups,
        found: &mut BTreeSet<(ServerText, Box<str>)>,
    ) -> Result<(), ReadError> {
        let mut open = vec![row];
        while let Some(row) = open.pop() {
            // A group that is listed below itself would be an endless loop.
            if found.contains(&(row.path.clone(), row.id.clone())) {
                continue;
            }
            if row.access.view_members == Some(false) {
                return Err(ReadError::GroupForbidden {
                    realm: self.realm.clone(),
                    path: row.path,
                });
            }
            if subgroups == Subgroups::Count {
                open.extend(self.subgroups(&row).await?);
            }
            found.insert((row.path, row.id));
        }
        Ok(())
    }

    /// Returns a group by ID, with what a list of subgroups needs.
    pub(super) async fn group_row(&self, id: &str) -> Result<Option<GroupRow>, HttpError> {
        let path = ["groups", id];
        let group: Option<GroupRow> = none_if_missing(Missing::Group, self.get(&path, &[]).await)?;
        if let Some(group) = &group {
            self.check_group(&path, id, &group.id)?;
        }
        Ok(group)
    }

    async fn find(&self, wanted: &str) -> Result<GroupRow, ReadError> {
        let found = if let Some(path) = wanted.strip_prefix('/') {
            let path = [&["group-by-path"], &*path.split('/').collect::<Vec<_>>()].concat();
            none_if_missing(Missing::Group, self.get(&path, &[]).await)?
        } else if looks_like_an_id(wanted) {
            match self.group_row(wanted).await? {
                Some(group) => Some(group),
                None => self.find_by_name(wanted).await?,
            }
        } else {
            self.find_by_name(wanted).await?
        };
        match found {
            Some(group) => Ok(group),
            None => Err(ReadError::GroupNotFound {
                realm: self.realm.clone(),
                group: wanted.to_owned(),
                nearest: self.groups_like(wanted).await,
            }),
        }
    }

    /// Finds a group by name, which may not be unique: the search covers every depth, and nests
    /// hits in their parents (always in Keycloak 22, later only without `populateHierarchy=false`).
    async fn find_by_name(&self, name: &str) -> Result<Option<GroupRow>, ReadError> {
        let query = [("search", name), ("exact", "true"), ("populateHierarchy", "false")];
        let mut open: Vec<GroupRow> = self.get(&["groups"], &query).await?;
        let mut hits = BTreeMap::new();
        while let Some(mut row) = open.pop() {
            if row.name.raw() == name {
                open.append(&mut row.sub_groups);
                hits.insert((row.path.clone(), row.id.clone()), row);
            } else {
                open.append(&mut row.sub_groups);
            }
        }
        if hits.len() > 1 {
            let paths = hits.into_keys().map(|(path, _)| path).collect();
            return Err(ReadError::GroupAmbiguous {
                realm: self.realm.clone(),
                group: name.to_owned(),
                paths,
            });
        }
        Ok(hits.into_values().next())
    }

    /// Returns the direct subgroups of a group.
    pub(super) async fn subgroups(&self, group: &GroupRow) -> Result<Vec<GroupRow>, ReadError> {
        let Some(count) = group.sub_group_count else {
            let path = ["groups", &*group.id];
            let whole: GroupRow = self.get(&path, &[]).await?;
            self.check_group(&path, &group.id, &whole.id)?;
            return Ok(whole.sub_groups);
        };
        let mut found: BTreeMap<Box<str>, GroupRow> = BTreeMap::new();
        while found.len() < count {
            let path = ["groups", &*group.id, "children"];
            let first = found.len().to_string();
            let page: Vec<GroupRow> =
                self.get(&path, &[("first", &first), ("max", &SUBGROUPS.to_string())]).await?;
            let known = found.len();
            found.extend(page.into_iter().map(|row| (row.id.clone(), row)));
            if found.len() == known {
                let what =
                    format!("{} has {count} subgroups, and only {known} are listed", group.path);
                return Err(self.api.inconsistent(&self.path(&path), what).into());
            }
        }
        Ok(found.into_values().collect())
    }
}

/// Returns whether a text may be an ID: Keycloak's group IDs are UUIDs.
fn looks_like_an_id(text: &str) -> bool {
    text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_looks_like_an_id() {
        assert!(looks_like_an_id("0b6f1d2c-7c5e-4a55-9d57-3f1f8b0e9a11"));
        for name in [
            "staff",
            "everyone-who-works-here-or-ever-did-",
            "0b6f1d2c7c5e4a559d573f1f8b0e9a11",
            "0b6f1d2c-7c5e-4a55-9d57-3f1f8b0e9axy",
        ] {
            assert!(!looks_like_an_id(name), "{name}");
        }
    }
}
