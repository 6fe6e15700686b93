//! The way back: what a run did, turned round, as a plan like any other. What has moved on since is left out and told.

use std::collections::HashMap;

use super::table::Rule;
use super::{Facts, Policy};
use crate::model::{Account, InMas, UserId};
use crate::plan::{Action, ActionKind, MappingSummary, Plan, ReadCounts, Reason, Skip};

/// The plan that puts back what was done. Who is protected from being disabled is protected here too.
#[must_use]
pub fn undo(facts: &Facts, policy: &Policy, done: &[(ActionKind, UserId)]) -> Plan {
    let accounts: HashMap<_, _> = facts.accounts.iter().map(|account| (&account.user_id, account)).collect();
    let rule = Rule { facts, policy };
    let mut actions: Vec<_> = done
        .iter()
        .map(|(kind, user_id)| {
            let account = accounts.get(user_id).copied();
            let kind = match kind {
                ActionKind::Activate => ActionKind::Disable,
                ActionKind::Disable => ActionKind::Activate,
            };
            Action {
                kind,
                user_id: user_id.clone(),
                mas_id: account.and_then(|account| account.mas.id().cloned()),
                reason: Reason::Undone,
                before: account.map(|account| account.state).unwrap_or_default(),
                evidence: None,
                approval: None,
                skipped: left_out(kind, account, &rule).map(Skip::MovedOn),
            }
        })
        .collect();
    actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    let is_active = |account: &&Account| !account.state.deactivated && !account.state.locked;
    Plan {
        server_name: facts.server_name.clone(),
        writer: policy.writer,
        disable: policy.disable,
        read: ReadCounts { members: facts.members.len(), accounts: facts.accounts.len() },
        unchanged: facts
            .accounts
            .len()
            .saturating_sub(actions.iter().filter(|action| action.skipped.is_none()).count()),
        active: facts.accounts.iter().filter(is_active).count(),
        actions,
        not_registered: Vec::new(),
        unnamed: Vec::new(),
        kept: Vec::new(),
        contradictions: 0,
        doubtful: Vec::new(),
        not_looked: None,
        mapping: MappingSummary::default(),
    }
}

fn left_out(kind: ActionKind, account: Option<&Account>, rule: &Rule<'_>) -> Option<String> {
    let Some(account) = account else { return Some("the account is gone".to_owned()) };
    let state = account.state;
    if account.mas == InMas::Unknown {
        return Some("MAS does not know the account any more".to_owned());
    }
    match kind {
        ActionKind::Activate if state.erased => Some("erased now".to_owned()),
        ActionKind::Activate if !state.deactivated && !state.locked => Some("active now".to_owned()),
        ActionKind::Disable if state.deactivated || state.locked => Some("disabled or locked now".to_owned()),
        ActionKind::Disable => rule.protects(account).map(|reason| format!("left alone: {}", reason.text())),
        ActionKind::Activate => None,
    }
}
