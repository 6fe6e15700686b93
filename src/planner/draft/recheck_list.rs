//! Lists the accounts to recheck before they are changed.

use super::Draft;
use crate::model::{Account, InMas, KeycloakId, Links, MasUserId, Member, UserId};
use crate::plan::ActionKind;
use crate::planner::decision_table::Opinion;
use crate::planner::identity::{Holder, Identity, TiedBy};

/// An account to recheck before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToRecheck {
    /// What would be done to it.
    pub kind: ActionKind,
    pub user_id: UserId,
    pub mas_id: Option<MasUserId>,
    /// The Keycloak users of its links.
    pub links: Links,
    /// Whether a link or the memory ties it to a user.
    pub is_tied: bool,
    /// The Keycloak users to request by ID, the likeliest owner first.
    pub ids: Vec<KeycloakId>,
    /// When to request the users whose localpart is the account's.
    pub by_name: AskByName,
    pub ask: AskFirst,
}

/// Which server is asked first about an account. A bridge may have more accounts than there are
/// members, and Keycloak knows none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskFirst {
    /// Both at the same time: the account does not belong to a bridge.
    Both,
    /// Synapse. If the account is a bridge's, Keycloak is not asked.
    Synapse,
    /// Only Synapse: MAS does not know the account, so it stays as it is.
    SynapseAlone,
}

/// When to request the users whose localpart is an account's from Keycloak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskByName {
    /// Always: the name ties the account, and several users may have it.
    Always,
    /// If Keycloak knows none of the IDs: the user may have been created again.
    IfUnknown,
}

impl<'f> Draft<'f> {
    /// Returns the accounts to recheck, in order of localpart: all that would be changed, then those
    /// to be created.
    pub fn to_recheck(&self) -> impl Iterator<Item = ToRecheck> {
        let facts = self.table.facts;
        let created = self.candidates.iter().map(|candidate| candidate.to_recheck(facts));
        self.to_change().chain(created)
    }

    fn to_change(&self) -> impl Iterator<Item = ToRecheck> {
        self.notable.iter().filter_map(|(account, opinion)| match opinion {
            Opinion::WouldDisable(holder) | Opinion::WouldClose(holder) => {
                Some(self.recheck_before_disable(account, holder))
            }
            Opinion::WouldDeactivate { holder, .. } => {
                let recheck = self.recheck_before_disable(account, holder);
                Some(ToRecheck { kind: ActionKind::Deactivate, ..recheck })
            }
            Opinion::WouldReopen(holder) => {
                let recheck = self.recheck_before_disable(account, holder);
                Some(ToRecheck { kind: ActionKind::Activate, ask: AskFirst::Both, ..recheck })
            }
            Opinion::WouldActivate { member, by } => {
                let members = self.identity.would_get(account, member, *by);
                Some(recheck_before_activate(account, &members, *by))
            }
            Opinion::Settled(_) => None,
        })
    }

    fn recheck_before_disable(&self, account: &'f Account, holder: &Holder<'f>) -> ToRecheck {
        ToRecheck::with_holder(account, holder, self.ask_first(account))
    }

    /// Returns which server is asked first before an account is disabled.
    fn ask_first(&self, account: &Account) -> AskFirst {
        if account.tied_to().is_some() {
            AskFirst::Both
        } else if self.table.is_not_in_mas(account) {
            AskFirst::SynapseAlone
        } else if account.mas == InMas::NotAsked {
            AskFirst::Synapse
        } else {
            AskFirst::Both
        }
    }
}

impl ToRecheck {
    /// Returns the recheck of an account that its holder would lose.
    pub(in crate::planner) fn with_holder<'f>(
        account: &'f Account,
        holder: &Holder<'f>,
        ask: AskFirst,
    ) -> Self {
        let mut ids: Vec<&KeycloakId> = match holder {
            Holder::Tied { id, .. } => vec![id],
            Holder::Contested { remembered, named } => {
                std::iter::once(*remembered).chain(named.iter().map(|member| &member.id)).collect()
            }
            Holder::Named(named) => named.iter().map(|member| &member.id).collect(),
            Holder::Unclaimed => Vec::new(),
        };
        for (id, _) in Identity::unused_ties(account, holder) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Self {
            kind: ActionKind::Disable,
            user_id: account.user_id.clone(),
            mas_id: account.mas.id().cloned(),
            links: account.links.clone(),
            is_tied: account.tied_to().is_some(),
            ids: ids.into_iter().cloned().collect(),
            by_name: match holder {
                Holder::Tied { .. } | Holder::Contested { .. } => AskByName::IfUnknown,
                Holder::Named(_) | Holder::Unclaimed => AskByName::Always,
            },
            ask,
        }
    }
}

fn recheck_before_activate(account: &Account, members: &[&Member], by: TiedBy) -> ToRecheck {
    ToRecheck {
        kind: ActionKind::Activate,
        user_id: account.user_id.clone(),
        mas_id: account.mas.id().cloned(),
        links: account.links.clone(),
        is_tied: account.tied_to().is_some(),
        ids: members.iter().map(|member| member.id.clone()).collect(),
        by_name: if by == TiedBy::Name { AskByName::Always } else { AskByName::IfUnknown },
        ask: AskFirst::Both,
    }
}
