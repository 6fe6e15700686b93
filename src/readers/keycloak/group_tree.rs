//! Decides whether a group is one of the configured groups, or below one of them.
//!
//! The path does not show it: a group *named* `staff/extern` has the path of a group `extern` below
//! `staff`. The ID of the parent does.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use reqwest::StatusCode;
use serde::Deserialize;

use super::{Group, KeycloakReader, MemberRole, Membership};
use crate::model::ServerText;
use crate::readers::ReadError;

/// The configured groups with their subgroups, and what is known about newer or other groups. It is
/// valid for one run, because a group may be moved later.
#[derive(Debug)]
pub struct GroupTree<'g> {
    membership: &'g Membership,
    ours: HashSet<&'g str>,
    others: Mutex<HashMap<Box<str>, UnlistedPlace>>,
}

/// The place of a group that the reading does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnlistedPlace {
    Below,
    Elsewhere,
}

/// A group and its parent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupPlace {
    pub(super) id: Box<str>,
    pub(super) name: ServerText,
    pub(super) path: ServerText,
    /// Missing for groups without a parent, and for all groups of Keycloak 22.
    #[serde(default)]
    pub(super) parent_id: Option<Box<str>>,
}

impl GroupPlace {
    /// Returns whether the group has no parent, even if its name contains slashes.
    fn is_top(&self) -> bool {
        self.parent_id.is_none() && self.path.raw().strip_prefix('/') == Some(self.name.raw())
    }
}

impl<'g> GroupTree<'g> {
    /// Creates the tree from a reading of the groups and roles.
    #[must_use]
    pub fn new(membership: &'g Membership) -> Self {
        let ours = membership.groups.iter().map(|group| group.id.as_str()).collect();
        Self { membership, ours, others: Mutex::default() }
    }

    /// Returns the roles that make a user a member, in no group of the tree.
    pub(super) fn roles(&self) -> &'g [MemberRole] {
        &self.membership.roles
    }

    /// Returns whether a group has the name of a configured one at the top, where names are unique:
    /// that one was deleted since.
    fn is_replaced_by(&self, group: &GroupPlace) -> bool {
        let is_named_so = |one: &Group| {
            one.path == group.path && !one.path.raw().trim_start_matches('/').contains('/')
        };
        group.is_top()
            && !self.ours.contains(&*group.id)
            && self.membership.groups.iter().any(is_named_so)
    }

    fn place_of(&self, id: &str) -> Option<UnlistedPlace> {
        if self.ours.contains(id) {
            return Some(UnlistedPlace::Below);
        }
        self.others.lock().expect("no panic while it is held").get(id).copied()
    }

    fn remember(&self, ids: Vec<Box<str>>, place: UnlistedPlace) {
        let mut others = self.others.lock().expect("no panic while it is held");
        others.extend(ids.into_iter().map(|id| (id, place)));
    }
}

impl KeycloakReader {
    /// Returns whether members of this group count as members of a configured group.
    pub(super) async fn counts(
        &self,
        group: &GroupPlace,
        tree: &GroupTree<'_>,
    ) -> Result<bool, ReadError> {
        if tree.is_replaced_by(group) {
            return Err(ReadError::GroupReplaced { path: group.path.clone() });
        }
        if !tree.membership.source.include_subgroups {
            return Ok(tree.ours.contains(&*group.id));
        }
        Ok(self.place(group, tree).await? == UnlistedPlace::Below)
    }

    /// Follows the parents up to a group whose place is known, or to the top.
    ///
    /// Source: `GET …/groups/{id}`.
    async fn place(
        &self,
        group: &GroupPlace,
        tree: &GroupTree<'_>,
    ) -> Result<UnlistedPlace, ReadError> {
        let mut passed: Vec<Box<str>> = Vec::new();
        let mut at = group.clone();
        let place = loop {
            if let Some(place) = tree.place_of(&at.id) {
                break place;
            }
            passed.push(at.id.clone());
            if at.is_top() {
                break UnlistedPlace::Elsewhere;
            }
            let Some(parent) = at.parent_id.take() else {
                break self.listed_place(&at, tree).await?;
            };
            if let Some(place) = tree.place_of(&parent) {
                break place;
            }
            if passed.contains(&parent) {
                let path = ["groups", &*parent];
                let what = format!("the group {} is among the groups above itself", at.path);
                return Err(self.api.inconsistent(&self.path(&path), what).into());
            }
            match self.group_at(&parent).await {
                Ok(above) => at = above,
                Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => {
                    break self.listed_place(&at, tree).await?;
                }
                Err(error) => return Err(error.into()),
            }
        };
        tree.remember(passed, place);
        Ok(place)
    }

    /// Re-reads the configured groups and searches below them, for Keycloak 22, which does not show
    /// parents, and for parents that this client may not see.
    async fn listed_place(
        &self,
        group: &GroupPlace,
        tree: &GroupTree<'_>,
    ) -> Result<UnlistedPlace, ReadError> {
        let groups = self.groups(&tree.membership.source).await?;
        let is_listed = groups.iter().any(|listed| listed.id.as_str() == &*group.id);
        Ok(if is_listed { UnlistedPlace::Below } else { UnlistedPlace::Elsewhere })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_at_the_top_may_have_slashes_in_its_name() {
        let is_top = |name: &str, path: &str, parent: Option<&str>| {
            let (name, path) = (name.into(), path.into());
            GroupPlace { id: "g".into(), name, path, parent_id: parent.map(Into::into) }.is_top()
        };
        assert!(is_top("staff", "/staff", None));
        assert!(is_top("staff/extern", "/staff/extern", None));
        assert!(!is_top("extern", "/staff/extern", None));
        assert!(!is_top("staff", "/staff", Some("parent")));
    }
}
