//! Holds the member list that is read after the second look.

use std::collections::HashSet;

use crate::model::{Account, KeycloakId, Member};
use crate::planner::Rechecks;
use crate::planner::decision_table::DecisionTable;

/// The members in the list after the look.
#[derive(Debug)]
pub(super) struct ListAfter<'l> {
    /// The list that was read after the look, if it was.
    pub(super) members: Option<&'l [Member]>,
    /// Its members who may use Matrix.
    may_use: Vec<&'l Member>,
    pub(super) ids: HashSet<&'l KeycloakId>,
}

impl<'l> ListAfter<'l> {
    pub(super) fn new(table: &DecisionTable<'_>, rechecks: &'l Rechecks) -> Self {
        let members = match rechecks {
            Rechecks::Taken { members_after, .. } => members_after.as_deref(),
            Rechecks::TooMany { .. } => None,
        };
        let may_use: Vec<_> =
            members.into_iter().flatten().filter(|member| table.may_use(member)).collect();
        Self { members, ids: may_use.iter().map(|member| &member.id).collect(), may_use }
    }

    pub(super) fn named(&self, account: &Account) -> impl Iterator<Item = &'l Member> {
        let key = account.localpart().key().into_owned();
        let may_use = self.may_use.iter().copied();
        may_use.filter(move |member| {
            member.localpart.as_ref().is_some_and(|localpart| localpart.key() == key)
        })
    }
}
