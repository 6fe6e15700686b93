//! Reads the members of the groups and the holders of the roles.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Deref;

use arcstr::ArcStr;
use serde::de::DeserializeOwned;

use super::moving_list::{MovingListError, read_all};
use super::person::joined_name;
use super::roles::RolePlace;
use super::{Group, KeycloakReader, Membership, Representation, Unread, UserRow, Witnesses};
use crate::error_chain::in_one_line;
use crate::http::HttpAnswer;
use crate::localpart::{Attributes, check_name};
use crate::model::{KeycloakId, Member, MemberList, ServerText, Signs, Unnamed, UserNames};
use crate::readers::json_rows::each_row;
use crate::readers::json_text::JsonText;
use crate::readers::page_size::PageSize;
use crate::readers::{Detail, ReadError, Tally};

/// Big pages cost far less per member. Without `max`, `members` returns 100 rows and no sign that
/// there are more.
const PAGE: usize = 5000;
/// Bigger pages gain nothing and take memory.
const BIGGEST_PAGE: usize = 10_000;
/// Pages requested at the same time: 3,400 members/s with one, 7,450/s with two.
const PAGES_AT_A_TIME: usize = 2;

/// The members of all groups, and the holders of all roles.
#[derive(Debug, Default)]
pub struct Members {
    /// The distinct users, including those disabled in Keycloak, in order of their IDs.
    pub people: MemberList,
    /// The members without a name that MAS accepts by the template, in order of their IDs.
    pub unnamed: Vec<Unnamed>,
    /// For each group, a few members of each directory that are listed in that very group.
    pub witnesses: Witnesses,
    /// What they are known by, if that is wanted.
    pub names: UserNames,
}

/// Converts rows to members, notes those without a name, and shares the names of storage providers.
#[derive(Default)]
struct Intake {
    unnamed: Vec<Unnamed>,
    providers: HashSet<ArcStr>,
    /// What the users of the rows are known by, if that is wanted.
    names: Option<UserNames>,
}

impl Intake {
    fn provider(&mut self, provider: &str) -> ArcStr {
        if let Some(shared) = self.providers.get(provider) {
            return shared.clone();
        }
        let shared: ArcStr = provider.into();
        self.providers.insert(shared.clone());
        shared
    }
}

impl KeycloakReader {
    /// Reads the members of the groups and the holders of the roles. The result does not depend on
    /// the order of Keycloak's lists.
    ///
    /// Source: `GET /admin/realms/{realm}/groups/{id}/members`, `GET …/roles/{name}/users`, `GET
    /// …/clients/{id}/roles/{name}/users`.
    pub async fn members(
        &self,
        membership: &Membership,
        tally: &Tally,
    ) -> Result<Members, ReadError> {
        self.members_in(membership, tally, Detail::Plan).await
    }

    /// Reads the same, with what the members are known by if a report needs it.
    pub async fn members_in(
        &self,
        membership: &Membership,
        tally: &Tally,
        detail: Detail,
    ) -> Result<Members, ReadError> {
        let names = (detail == Detail::Report).then(UserNames::default);
        let intake = RefCell::new(Intake { names, ..Intake::default() });
        let mut people: Vec<Member> = Vec::new();
        let mut witnesses = Witnesses::default();
        for group in membership.groups_to_read() {
            let members = self.members_of(group, tally, &intake).await?;
            witnesses.note(group, &members);
            join(&mut people, members);
        }
        for role in membership.roles_to_read() {
            join(&mut people, self.holders_of(role, tally, &intake).await?);
        }
        let Intake { mut unnamed, names, .. } = intake.into_inner();
        let mut names = names.unwrap_or_default();
        names.sort();
        let people = MemberList::from(people);
        // A user on a discarded page may have left since, or got a name.
        unnamed.sort_by(|one, other| one.id.cmp(&other.id));
        unnamed.dedup_by(|one, other| one.id == other.id);
        unnamed.retain(|one| people.get(&one.id).is_some());
        Ok(Members { people, unnamed, witnesses, names })
    }

    async fn members_of(
        &self,
        group: &Group,
        tally: &Tally,
        intake: &RefCell<Intake>,
    ) -> Result<Vec<Member>, ReadError> {
        let path = ["groups", group.id.as_str(), "members"];
        self.member_list(&path, &format!("the members of {}", group.path), tally, intake).await
    }

    /// Reads who has a role directly.
    async fn holders_of(
        &self,
        role: &RolePlace,
        tally: &Tally,
        intake: &RefCell<Intake>,
    ) -> Result<Vec<Member>, ReadError> {
        let list = format!("the users of the role {}", ServerText::from(&*role.name));
        let holders = self.member_list(&role.path(&["users"]), &list, tally, intake).await;
        holders.map_err(|error| self.unless_hidden(error, &role.container))
    }

    async fn member_list(
        &self,
        path: &[&str],
        what: &str,
        tally: &Tally,
        intake: &RefCell<Intake>,
    ) -> Result<Vec<Member>, ReadError> {
        if self.template.needs_attributes() {
            let member = |row: UserRow<JsonText<'_>, Attributes>| {
                self.member(&row, &mut intake.borrow_mut())
            };
            self.whole_list(path, what, tally, member, |member| &member.id).await
        } else {
            let member =
                |row: UserRow<JsonText<'_>, Unread>| self.member(&row, &mut intake.borrow_mut());
            self.whole_list(path, what, tally, member, |member| &member.id).await
        }
    }

    /// Reads every page of a short list, and keeps its rows.
    pub(super) async fn whole_rows<T: DeserializeOwned>(
        &self,
        path: &[&str],
        what: &str,
        id: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, ReadError> {
        let decode = |text: &str| serde_json::from_str::<Vec<T>>(text);
        self.whole_pages(path, what, &[("briefRepresentation", Unread::BRIEF)], decode, id).await
    }

    /// Reads every page of a list of users, and makes each row smaller as it comes.
    pub(super) async fn whole_list<A: Representation, T>(
        &self,
        path: &[&str],
        what: &str,
        tally: &Tally,
        make: impl Fn(UserRow<JsonText<'_>, A>) -> T,
        id: impl Fn(&T) -> &KeycloakId,
    ) -> Result<Vec<T>, ReadError> {
        let decode = |text: &str| each_row(text, &make).inspect(|page| tally.add(page.len()));
        self.whole_pages(path, what, &[("briefRepresentation", A::BRIEF)], decode, id).await
    }

    /// Reads every page of a list, until one more page proves its end.
    async fn whole_pages<T, K: Hash + Eq + ?Sized>(
        &self,
        path: &[&str],
        what: &str,
        query: &[(&str, &str)],
        decode: impl Fn(&str) -> Result<Vec<T>, serde_json::Error>,
        key: impl Fn(&T) -> &K,
    ) -> Result<Vec<T>, ReadError> {
        let full_path = self.path(path);
        let fetch = |first: usize, max: usize| {
            let full_path = &full_path;
            async move {
                let (first, max) = (first.to_string(), max.to_string());
                let query = [&[("first", &*first), ("max", &*max)], query].concat();
                Ok(self.api.get_whole(full_path, &query).await?)
            }
        };
        let decode = |answer: HttpAnswer| Ok(answer.decode(&decode)?);
        let size = PageSize::new(PAGE, BIGGEST_PAGE);
        read_all(size, PAGES_AT_A_TIME, fetch, decode, key).await.map_err(|error| match error {
            MovingListError::Page(error) => error,
            MovingListError::Unstable => self
                .api
                .inconsistent(&full_path, format!("the pages of {what} do not fit together"))
                .into(),
        })
    }

    fn member<A: Representation>(
        &self,
        row: &UserRow<JsonText<'_>, A>,
        intake: &mut Intake,
    ) -> Member {
        let federation_link = row.provider().map(|provider| intake.provider(provider));
        let (member, unnamed) = self.to_member(row, federation_link);
        intake.unnamed.extend(unnamed);
        if let Some(names) = &mut intake.names {
            let name = joined_name(row.first_name.as_deref(), row.last_name.as_deref());
            names.put(&member.id, &row.username, name.as_deref(), row.email.as_deref());
        }
        member
    }

    /// Returns the row as a member, and why MAS would refuse them an account, if it would.
    pub(super) fn to_member<T: Deref<Target = str>, A: Representation>(
        &self,
        row: &UserRow<T, A>,
        federation_link: Option<ArcStr>,
    ) -> (Member, Option<Unnamed>) {
        // An account from before MAS may have a name that MAS would now refuse.
        let (localpart, why) = match self.localpart(row) {
            Ok(localpart) => {
                let refused = check_name(localpart.as_str(), self.server_name.as_str()).err();
                (Some(localpart), refused.map(|why| why.to_string().into()))
            }
            Err(why) => (None, Some(ServerText::from(in_one_line(&why)))),
        };
        let signs = Signs::new(
            &row.username,
            row.email.as_deref(),
            row.first_name.as_deref(),
            row.last_name.as_deref(),
        );
        let id = KeycloakId::from(&*row.id);
        let unnamed =
            why.map(|why| Unnamed { id: id.clone(), username: (*row.username).into(), why });
        (Member { id, localpart, enabled: row.enabled, federation_link, signs }, unnamed)
    }
}

/// Adds the members that are not known yet.
fn join(people: &mut Vec<Member>, members: Vec<Member>) {
    if people.is_empty() {
        *people = members;
    } else {
        let known: HashSet<_> = people.iter().map(|member| member.id.clone()).collect();
        people.extend(members.into_iter().filter(|member| !known.contains(&member.id)));
    }
}
