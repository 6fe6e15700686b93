//! The members of the groups.

use std::collections::HashMap;

use super::moving_list::{MovingListError, read_all};
use super::{Group, KeycloakReader, UserRow};
use crate::model::Member;
use crate::readers::{Nameless, ReadError, Tally};

/// Big pages cost far less a member; `members` without `max` would give 100 rows and no sign that there are more.
const PAGE: usize = 5000;

impl KeycloakReader {
    /// The distinct people of the groups, those disabled in Keycloak too.
    ///
    /// Source: `GET /admin/realms/{realm}/groups/{id}/members`.
    pub async fn members(&self, groups: &[Group], tally: &Tally) -> Result<Vec<Member>, ReadError> {
        let mut people = HashMap::new();
        for group in groups {
            for row in self.members_of(group, tally).await? {
                people.entry(row.id.clone()).or_insert(row);
            }
        }
        let (members, nameless): (Vec<_>, Vec<_>) =
            people.into_values().map(|row| self.member(row)).partition(Result::is_ok);
        let mut nameless: Vec<_> = nameless.into_iter().filter_map(Result::err).collect();
        nameless.sort_by(|one, other| one.username.cmp(&other.username));
        if nameless.is_empty() {
            Ok(members.into_iter().filter_map(Result::ok).collect())
        } else {
            Err(ReadError::NoLocalpart(nameless))
        }
    }

    async fn members_of(&self, group: &Group, tally: &Tally) -> Result<Vec<UserRow>, ReadError> {
        let path = ["groups", group.id.as_str(), "members"];
        self.whole_list(&path, &format!("the members of {}", group.path), tally).await
    }

    /// A list of users, every page of it.
    pub(super) async fn whole_list(&self, path: &[&str], what: &str, tally: &Tally) -> Result<Vec<UserRow>, ReadError> {
        let fetch = async |first: usize, max: usize| {
            let (first, max) = (first.to_string(), max.to_string());
            let query = [("first", &*first), ("max", &*max), ("briefRepresentation", "true")];
            let page: Vec<UserRow> = self.get(path, &query).await?;
            tally.add(page.len());
            Ok(page)
        };
        read_all(PAGE, fetch, |row| row.id.clone()).await.map_err(|error| match error {
            MovingListError::Page(error) => error,
            MovingListError::Unstable => {
                self.api.inconsistent(&self.path(path), format!("the pages of {what} do not fit together")).into()
            }
        })
    }

    fn member(&self, row: UserRow) -> Result<Member, Nameless> {
        match self.localpart(&row) {
            Ok(localpart) => {
                let federation_link = row.provider();
                Ok(Member { id: row.id.into(), localpart, enabled: row.enabled, federation_link })
            }
            Err(why) => Err(Nameless { username: row.username.into(), id: row.id.into(), why }),
        }
    }
}
