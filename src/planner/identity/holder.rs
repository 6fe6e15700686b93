//! What the lists show about the owner of an account.

use crate::model::{KeycloakId, Member, Tie};

/// What ties an account to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::planner) enum TiedBy {
    /// An upstream link of MAS.
    Link,
    /// The state file.
    Memory(Tie),
    Name,
}

/// The owner of an account by the lists.
#[derive(Debug)]
pub(in crate::planner) enum Holder<'f> {
    /// Links or memory tie it to this user.
    Tied {
        /// The user; the newest link's, if there are several.
        id: &'f KeycloakId,
        /// Their row, if they are a member.
        member: Option<&'f Member>,
        by: TiedBy,
    },
    /// It has the name of these members, and nothing stronger contradicts.
    Named(Namesakes<'f>),
    /// Memory ties it by name to a user who is not a member, and now these members have its name.
    /// It is theirs if that user is gone.
    Contested {
        /// The user that memory names.
        remembered: &'f KeycloakId,
        named: Namesakes<'f>,
    },
    /// The lists show no owner.
    Unclaimed,
}

/// The members whose account has one name; nearly always none or one.
#[derive(Debug, Clone, Default)]
pub(in crate::planner) struct Namesakes<'f> {
    first: Option<Listed<'f>>,
    pub(super) others: Vec<Listed<'f>>,
}

/// A member, with the number of their row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'f> {
    pub(super) row: u32,
    pub(super) member: &'f Member,
}

impl Holder<'_> {
    /// Returns whether the account is a member's.
    pub(in crate::planner) fn is_members(&self) -> bool {
        matches!(self, Self::Tied { member: Some(_), .. } | Self::Named(_))
    }
}

impl<'f> Namesakes<'f> {
    pub(super) fn push(&mut self, listed: Listed<'f>) {
        if self.first.is_none() {
            self.first = Some(listed);
        } else {
            self.others.push(listed);
        }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Listed<'f>> + use<'_, 'f> {
        self.first.into_iter().chain(self.others.iter().copied())
    }

    pub(in crate::planner) fn iter(&self) -> impl Iterator<Item = &'f Member> + use<'_, 'f> {
        self.listed().map(|listed| listed.member)
    }

    pub(in crate::planner) fn is_only(&self, id: &KeycloakId) -> bool {
        self.others.is_empty() && self.contains(id)
    }

    pub(in crate::planner) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn contains(&self, id: &KeycloakId) -> bool {
        self.iter().any(|member| member.id == *id)
    }

    pub(super) fn sort(&mut self) {
        if !self.others.is_empty() {
            let mut all: Vec<_> = self.listed().collect();
            all.sort_by(|one, other| one.member.id.cmp(&other.member.id));
            self.first = all.first().copied();
            self.others = all.split_off(1);
        }
    }
}
