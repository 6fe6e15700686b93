//! Finds the users of MAS by the names of another server's accounts.
//!
//! MAS looks names up without regard to case. If the names of several users differ only in case, it
//! takes only the one with exactly the requested name.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::LinkList;
use crate::mas_api::{Resource, UserAttributes};
use crate::model::{Account, AccountState, InMas, Links, Localpart, MasUserId, ServerName};
use crate::readers::packed_ids::{IdTexts, PackedId};

/// What MAS has for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundInMas {
    Nothing,
    /// The user that MAS takes for this name.
    User(InMasRow),
    /// Several users whose names differ only in case, none of them exactly this one.
    Ambiguous,
}

/// A user of MAS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InMasRow {
    /// The user's name, in MAS's spelling.
    pub name: Localpart,
    pub id: MasUserId,
    /// Deactivated or locked in MAS.
    pub state: AccountState,
    /// Whether the user may request administrator rights.
    pub admin: bool,
    /// The user's links, if they were read.
    pub links: Links,
}

impl FoundInMas {
    /// Adds what MAS has to another server's account of this name.
    pub fn attach_to(self, account: &mut Account) {
        match self {
            Self::Nothing => account.mas = InMas::Unknown,
            Self::Ambiguous => account.mas = InMas::Ambiguous,
            Self::User(user) => {
                account.mas = InMas::Known(user.id);
                account.state = user.state.in_mas_and(account.state);
                account.deactivated_in_mas = user.state.deactivated;
                account.admin |= user.admin;
                account.mas_admin = user.admin.into();
                account.links = user.links;
            }
        }
    }

    /// Returns the user, if there is exactly one.
    #[must_use]
    pub fn user(&self) -> Option<&InMasRow> {
        match self {
            Self::User(user) => Some(user),
            Self::Nothing | Self::Ambiguous => None,
        }
    }
}

impl InMasRow {
    pub(super) fn new(user: Resource<UserAttributes>, links: Links) -> Self {
        let (id, state, admin) = (user.user_id(), user.attributes.state(), user.attributes.admin);
        Self { name: user.attributes.username.into(), id, state, admin, links }
    }
}

/// A user as kept in [`UsersByName`].
#[derive(Debug)]
pub(super) struct NamedUser {
    name: Localpart,
    /// Whether the name is its own key, cached because each comparison needs it.
    is_key: bool,
    id: PackedId,
    state: AccountState,
    admin: bool,
}

impl NamedUser {
    pub(super) fn new(user: Resource<UserAttributes>, texts: &mut IdTexts) -> Self {
        let (id, state, admin) =
            (texts.pack(user.user_id()), user.attributes.state(), user.attributes.admin);
        let name = Localpart::from(user.attributes.username);
        Self { is_key: name.is_key(), name, id, state, admin }
    }

    fn key(&self) -> Cow<'_, str> {
        if self.is_key { self.name.as_str().into() } else { self.name.key() }
    }
}

/// Every user of MAS. A sorted list takes half the memory of a map, and Synapse lists its accounts
/// in order of name, so each user is found right after the last.
#[derive(Debug)]
pub struct UsersByName {
    /// In order of name without regard to case.
    users: Vec<NamedUser>,
    texts: IdTexts,
    links: LinkList,
}

impl UsersByName {
    pub(super) fn new(mut users: Vec<NamedUser>, texts: IdTexts, links: LinkList) -> Self {
        users.sort_unstable_by(|one, other| one.key().cmp(&other.key()));
        Self { users, texts, links }
    }

    /// Finds the user of an account's name.
    #[must_use]
    pub fn find(&self, localpart: &Localpart) -> FoundInMas {
        self.found_among(localpart, self.places_of(localpart, 0))
    }

    fn found_among(&self, localpart: &Localpart, places: Range<usize>) -> FoundInMas {
        let exact = || self.users[places.clone()].iter().find(|user| user.name == *localpart);
        match &self.users[places.clone()] {
            [] => FoundInMas::Nothing,
            [only] => self.found(only),
            _ => exact().map_or(FoundInMas::Ambiguous, |user| self.found(user)),
        }
    }

    /// Returns the places of the users of a name without regard to case. It is fastest if they are
    /// at `near`.
    fn places_of(&self, localpart: &Localpart, near: usize) -> Range<usize> {
        let key = localpart.key();
        let is_before = |user: &NamedUser| user.key() < key;
        let begins_at = |at: usize| {
            self.users.get(at).is_some_and(|user| !is_before(user))
                && self.users[..at].last().is_none_or(is_before)
        };
        let begin = if begins_at(near) { near } else { self.users.partition_point(is_before) };
        let count = self.users[begin..].iter().take_while(|user| user.key() == key).count();
        begin..begin + count
    }

    /// Adds what MAS has to the accounts of a homeserver.
    pub fn attach_to(&self, accounts: &mut [Account], server_name: &ServerName) {
        let mut in_another_case: HashMap<Localpart, Vec<(usize, FoundInMas)>> = HashMap::new();
        let mut near = 0;
        for (row, account) in
            accounts.iter_mut().enumerate().filter(|(_, account)| account.is_on(server_name))
        {
            let places = self.places_of(account.localpart(), near);
            near = places.end;
            let found = self.found_among(account.localpart(), places);
            match found.user().filter(|user| user.name != *account.localpart()) {
                Some(user) => {
                    in_another_case.entry(user.name.clone()).or_default().push((row, found));
                }
                None => found.attach_to(account),
            }
        }
        if in_another_case.is_empty() {
            return;
        }
        // A user of MAS has one account at most: the one with exactly this name, if there is one.
        let ours = accounts.iter().filter(|account| account.is_on(server_name));
        let exact = ours
            .map(Account::localpart)
            .filter(|localpart| in_another_case.contains_key(*localpart));
        let exact: HashSet<Localpart> = exact.cloned().collect();
        for (name, rows) in in_another_case {
            let is_only = rows.len() == 1;
            for (row, found) in rows {
                let found = match exact.contains(&name) {
                    true => FoundInMas::Nothing,
                    false if is_only => found,
                    false => FoundInMas::Ambiguous,
                };
                found.attach_to(&mut accounts[row]);
            }
        }
    }

    fn found(&self, user: &NamedUser) -> FoundInMas {
        let NamedUser { name, id, state, admin, .. } = user;
        let id = self.texts.unpack(*id);
        let links = self.links.links_of_user(&id);
        FoundInMas::User(InMasRow { name: name.clone(), id, state: *state, admin: *admin, links })
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn users(names: &[&str]) -> UsersByName {
        let mut texts = IdTexts::default();
        let user = |name: &&str| NamedUser {
            name: (*name).into(),
            is_key: Localpart::from(*name).is_key(),
            id: texts.pack(MasUserId::from(format!("id of {name}"))),
            state: AccountState::default(),
            admin: false,
        };
        UsersByName::new(names.iter().map(user).collect(), texts, LinkList::default())
    }

    fn found(names: &[&str], wanted: &str) -> FoundInMas {
        users(names).find(&wanted.into())
    }

    fn id(names: &[&str], wanted: &str) -> Option<String> {
        found(names, wanted).user().map(|user| user.id.text().into_owned())
    }

    #[test]
    fn one_user_is_found_in_any_case() {
        for wanted in ["bob", "Bob", "BOB"] {
            assert_eq!(id(&["carol", "Bob", "alice"], wanted), Some("id of Bob".to_owned()));
        }
        assert_eq!(found(&["carol", "alice"], "bob"), FoundInMas::Nothing);
        assert_eq!(found(&[], "bob"), FoundInMas::Nothing);
    }

    #[test]
    fn of_several_users_the_one_with_the_exact_name_is_found() {
        for names in [["bob", "Bob", "BOB"], ["BOB", "bob", "Bob"], ["Bob", "BOB", "bob"]] {
            for wanted in names {
                assert_eq!(id(&names, wanted), Some(format!("id of {wanted}")));
            }
            assert_eq!(found(&names, "bOb"), FoundInMas::Ambiguous);
        }
    }

    #[test]
    fn names_are_found_from_any_place() {
        let names = ["a", "b", "B", "c", "e"];
        let users = users(&names);
        for (wanted, places) in
            [("a", 0..1), ("b", 1..3), ("c", 3..4), ("d", 4..4), ("e", 4..5), ("f", 5..5)]
        {
            for near in 0..=names.len() + 1 {
                assert_eq!(users.places_of(&wanted.into(), near), places, "{wanted} from {near}");
            }
        }
    }

    #[test]
    fn user_of_mas_is_one_account_at_most() {
        let attached = |in_mas: &[&str], listed: &[&str]| {
            let server_name = ServerName::from("example.org");
            let mut accounts: Vec<_> = listed
                .iter()
                .map(|name| Account::active(Localpart::from(*name).on(&server_name)))
                .collect();
            users(in_mas).attach_to(&mut accounts, &server_name);
            accounts.into_iter().map(|account| account.mas).collect::<Vec<_>>()
        };
        let known = InMas::Known("id of bob".into());
        assert_eq!(attached(&["bob"], &["Bob"]), slice::from_ref(&known));
        assert_eq!(attached(&["bob"], &["Bob", "bob"]), [InMas::Unknown, known.clone()]);
        assert_eq!(
            attached(&["bob"], &["bob", "BOB", "Bob"]),
            [known, InMas::Unknown, InMas::Unknown]
        );
        assert_eq!(attached(&["bob"], &["BOB", "Bob"]), [InMas::Ambiguous, InMas::Ambiguous]);
    }

    #[test]
    fn users_by_the_million_are_small() {
        assert!(size_of::<NamedUser>() <= 48);
    }
}
