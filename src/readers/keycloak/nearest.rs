//! Finds the groups and roles that were probably meant by a name that does not exist.
//!
//! Everything here only improves an error, so a list that cannot be read is left out.

use std::collections::BTreeSet;

use strsim::normalized_damerau_levenshtein;

use super::KeycloakReader;
use super::groups::GroupRow;
use super::roles::{RoleContainer, RoleRow};
use crate::model::ServerText;

/// How many names are listed, and how many requests find the subgroups.
const MOST_NAMES: &str = "1000";
const MOST_REQUESTS: usize = 20;
/// How many names are shown.
const SHOWN: usize = 3;
/// Below this, two names have nothing in common: 1 is the same name.
const ALIKE: f64 = 0.5;

impl KeycloakReader {
    /// Returns the paths of the groups whose path or name is like this one, the nearest first.
    ///
    /// Source: `GET …/groups`, `GET …/groups/{id}/children`.
    pub(super) async fn groups_like(&self, wanted: &str) -> Vec<ServerText> {
        let query = [("first", "0"), ("max", MOST_NAMES), ("briefRepresentation", "true")];
        let mut open: Vec<GroupRow> = self.get(&["groups"], &query).await.unwrap_or_default();
        let (mut names, mut requests) = (BTreeSet::new(), 0);
        while let Some(mut row) = open.pop() {
            if row.has_unlisted_subgroups() && requests < MOST_REQUESTS {
                requests += 1;
                open.extend(self.subgroups(&row).await.unwrap_or_default());
            }
            open.append(&mut row.sub_groups);
            let name = if wanted.starts_with('/') { row.path.clone() } else { row.name };
            names.insert((name, row.path));
        }
        nearest(wanted, names)
    }

    /// Returns the names of the roles of this container that are like this one, as they are
    /// configured.
    ///
    /// Source: `GET …/roles`, `GET …/clients/{id}/roles`.
    pub(super) async fn roles_like(
        &self,
        wanted: &str,
        container: &RoleContainer,
    ) -> Vec<ServerText> {
        let query = [("first", "0"), ("max", MOST_NAMES), ("briefRepresentation", "true")];
        let rows: Vec<RoleRow> = self.get(&container.path(), &query).await.unwrap_or_default();
        let client = match container {
            RoleContainer::Realm => None,
            RoleContainer::Client(_) => wanted.split_once(':').map(|(client, _)| client),
        };
        let role = |name: &str| match client {
            Some(client) => format!("{client}:{name}").into(),
            None => ServerText::from(name),
        };
        nearest(wanted, rows.iter().map(|row| (role(&row.name), role(&row.name))))
    }
}

/// Returns what stands for the names that are like this one, the nearest first. A name that
/// contains the other one is near, too.
fn nearest(
    wanted: &str,
    names: impl IntoIterator<Item = (ServerText, ServerText)>,
) -> Vec<ServerText> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<_> = names
        .into_iter()
        .filter_map(|(name, shown)| {
            let name = name.raw().to_lowercase();
            let contains = name.contains(&wanted) || name.len() > 3 && wanted.contains(&name);
            let alike = normalized_damerau_levenshtein(&name, &wanted);
            let alike = if contains { alike.max(ALIKE) } else { alike };
            (alike >= ALIKE).then_some((alike, shown))
        })
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    near.into_iter().map(|(_, shown)| shown).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(wanted: &str, names: &[&str]) -> Vec<String> {
        let names = names.iter().map(|name| ((*name).into(), format!("/{name}").into()));
        nearest(wanted, names).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nearest_name_comes_first_and_others_are_left_out() {
        let groups = ["staff", "Matrix-Users", "matrix-admins", "users", "vpn", "matrix-usres"];
        assert_eq!(near("matrix-user", &groups)[..2], ["/Matrix-Users", "/matrix-usres"]);
        assert_eq!(near("STAFF", &groups), ["/staff"]);
        assert_eq!(near("matrix", &groups)[0], "/Matrix-Users");
        assert_eq!(near("finance", &groups), [""; 0]);
    }
}
