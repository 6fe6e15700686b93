//! Lists members in order of their IDs, so that a member is found without reading the whole list.

use std::ops::Deref;

use super::{KeycloakId, Member};

/// The distinct users in the groups, in order of their IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberList {
    in_order: Vec<Member>,
}

impl MemberList {
    /// Returns the member of this ID.
    #[must_use]
    pub fn get(&self, id: &KeycloakId) -> Option<&Member> {
        self.place(id).ok().map(|place| &self.in_order[place])
    }

    /// Adds a member; it replaces a member of the same ID.
    pub fn insert(&mut self, member: Member) {
        match self.place(&member.id) {
            Ok(place) => self.in_order[place] = member,
            Err(place) => self.in_order.insert(place, member),
        }
    }

    /// Removes the member of this ID, if there is one.
    pub fn remove(&mut self, id: &KeycloakId) {
        if let Ok(place) = self.place(id) {
            self.in_order.remove(place);
        }
    }

    fn place(&self, id: &KeycloakId) -> Result<usize, usize> {
        self.in_order.binary_search_by(|member| member.id.cmp(id))
    }
}

impl From<Vec<Member>> for MemberList {
    /// Sorts members, each of which has an ID of its own.
    fn from(mut members: Vec<Member>) -> Self {
        members.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Self { in_order: members }
    }
}

impl FromIterator<Member> for MemberList {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        Vec::from_iter(members).into()
    }
}

impl Deref for MemberList {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.in_order
    }
}

impl IntoIterator for MemberList {
    type Item = Member;
    type IntoIter = std::vec::IntoIter<Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.in_order.into_iter()
    }
}

impl<'m> IntoIterator for &'m MemberList {
    type Item = &'m Member;
    type IntoIter = std::slice::Iter<'m, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.in_order.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signs;

    fn member(id: &str, enabled: bool) -> Member {
        Member {
            id: id.into(),
            localpart: None,
            enabled,
            federation_link: None,
            signs: Signs::default(),
        }
    }

    #[test]
    fn a_member_is_found_in_any_order_of_what_was_read() {
        for ids in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
            let members: MemberList = ids.into_iter().map(|id| member(id, true)).collect();
            assert!(
                ids.into_iter()
                    .all(|id| members.get(&id.into()).is_some_and(|found| found.id == id.into()))
            );
            assert_eq!(members.get(&"d".into()), None);
        }
    }

    #[test]
    fn members_stay_in_order_when_they_are_added_replaced_and_removed() {
        let mut members = MemberList::from(vec![member("c", true), member("a", true)]);
        members.insert(member("b", true));
        members.insert(member("c", false));
        members.remove(&"a".into());
        members.remove(&"d".into());
        assert_eq!(members, MemberList::from(vec![member("b", true), member("c", false)]));
    }
}
