//! Decides who is an administrator in MAS (`[admins]`): the enabled users of these groups and
//! roles, and no other.

use std::collections::HashMap;

use super::draft::Draft;
use super::identity::Holder;
use super::policy::{AdminRules, Policy, Revoke};
use super::{AskByName, AskFirst, Facts, Rechecks, ToRecheck};
use crate::model::{
    Account, Evidence, KeycloakId, KeycloakPerson, Links, MasAdmin, Member, MemberList, UserId,
};
use crate::plan::{Action, ActionKind, Kept, KeptReason, NotRechecked, Plan, Reason, Skip};

/// An account whose right would change.
#[derive(Debug, Clone)]
pub(super) struct AdminChange<'f> {
    account: &'f Account,
    kind: ActionKind,
    /// The user it belongs to, as far as known.
    user: Option<KeycloakId>,
}

/// The users who are to be administrators.
#[derive(Debug)]
pub(super) struct Admins<'f> {
    rules: AdminRules,
    users: &'f MemberList,
    by_name: HashMap<Box<str>, Vec<&'f Member>>,
}

impl<'f> Admins<'f> {
    /// Returns them, if the configuration has any.
    pub(super) fn new(facts: &'f Facts, policy: &Policy) -> Option<Self> {
        let (rules, users) = (policy.admins?, facts.admins.as_ref()?);
        let mut by_name: HashMap<Box<str>, Vec<&Member>> = HashMap::new();
        for user in users {
            if let Some(name) = &user.localpart {
                by_name.entry(name.key().into()).or_default().push(user);
            }
        }
        Some(Self { rules, users, by_name })
    }

    /// Returns the user that an account belongs to and whether they are to be an administrator, or
    /// `None` if that is not clear.
    fn owner(&self, account: &Account, holder: &Holder<'f>) -> Option<(Option<KeycloakId>, bool)> {
        let is_wanted = |id: &KeycloakId| self.users.get(id).is_some_and(|user| user.enabled);
        match holder {
            Holder::Tied { id, .. } => Some((Some((*id).clone()), is_wanted(id))),
            Holder::Contested { .. } => None,
            Holder::Named(_) | Holder::Unclaimed => {
                let named = match holder {
                    Holder::Named(named) => named.iter().map(|member| &member.id).collect(),
                    _ => Vec::new(),
                };
                let key = account.localpart().key();
                let admins = self.by_name.get(&*key).into_iter().flatten().map(|user| &user.id);
                let mut all: Vec<_> = named.into_iter().chain(admins).collect();
                all.sort();
                all.dedup();
                match all.as_slice() {
                    [] => Some((None, false)),
                    [id] => Some((Some((*id).clone()), is_wanted(id))),
                    _ => None,
                }
            }
        }
    }
}

impl<'f> Draft<'f> {
    /// Notes an account that nothing else changes, if its right is not as it should be.
    pub(super) fn note_admin(&mut self, account: &'f Account, is_members: IsMembers) {
        let Some(admins) = &self.admins else { return };
        let holder = self.identity.holder(account);
        let Some((user, is_wanted)) = admins.owner(account, &holder) else { return };
        let is_on = account.is_on(&self.table.facts.server_name);
        let kind = match (account.mas_admin, is_wanted) {
            (MasAdmin::No, true) if is_members == IsMembers::Active => ActionKind::GrantAdmin,
            (MasAdmin::Yes, false) if admins.rules.revoke == Revoke::Yes => ActionKind::RevokeAdmin,
            _ => return,
        };
        let is_kept = kind == ActionKind::RevokeAdmin
            && (self.table.facts.token_owners.include(account)
                || self.table.policy.protect.covers(account.localpart()));
        if is_on && !is_kept {
            self.admin_changes.push(AdminChange { account, kind, user });
        }
    }

    /// Returns the accounts whose right would change, to recheck them and their users.
    pub fn admins_to_recheck(&self) -> impl Iterator<Item = ToRecheck> {
        self.admin_changes.iter().map(|change| ToRecheck {
            kind: change.kind,
            user_id: change.account.user_id.clone(),
            mas_id: change.account.mas.id().cloned(),
            links: Links::default(),
            is_tied: true,
            ids: change.user.iter().cloned().collect(),
            by_name: AskByName::IfUnknown,
            ask: AskFirst::Both,
        })
    }

    /// Adds the changes of administrators to a plan. Those who would leave fewer than
    /// `admins.min_admins` keep the right; those who get it now do not count yet.
    pub(super) fn add_admins(&self, plan: &mut Plan, rechecks: &Rechecks) {
        let Some(admins) = &self.admins else { return };
        let is_one =
            |account: &&Account| account.mas_admin == MasAdmin::Yes && account.can_log_in();
        let mut left = self.table.facts.accounts.iter().filter(is_one).count();
        for change in &self.admin_changes {
            let seen = rechecks.recheck(&change.account.user_id);
            let skipped = match seen {
                Some(Ok(seen)) if !change.is_confirmed(seen, plan) => {
                    plan.contradictions += 1;
                    continue;
                }
                Some(Ok(_)) => None,
                Some(Err(error)) => Some(Skip::NotSeen(NotRechecked::Failed(error.clone()))),
                None => Some(Skip::NotSeen(NotRechecked::ServerGivenUp)),
            };
            if change.kind == ActionKind::RevokeAdmin && is_one(&change.account) {
                if left <= admins.rules.min_admins {
                    let localpart = change.account.localpart().clone();
                    plan.kept.push(Kept::new(localpart, KeptReason::LastAdmin));
                    continue;
                }
                left -= 1;
            }
            plan.actions.push(change.action(rechecks.evidence(&change.account.user_id), skipped));
        }
        plan.actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
        plan.kept.sort_by(|one, other| one.localpart.cmp(&other.localpart));
    }
}

/// Whether an account is a member's and in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsMembers {
    Active,
    No,
}

impl<'f> AdminChange<'f> {
    pub(super) fn user_id(&self) -> &'f UserId {
        &self.account.user_id
    }

    /// Returns whether the second look shows the same: the user's groups and roles, and the right.
    fn is_confirmed(&self, seen: &Evidence, plan: &Plan) -> bool {
        let is_admin = |person: &KeycloakPerson| {
            matches!(person, KeycloakPerson::Known { enabled: true, in_group: true, .. })
        };
        let mut people = seen.keycloak.iter().map(|answer| &answer.user);
        if self.kind == ActionKind::GrantAdmin {
            let is_theirs =
                |person: &KeycloakPerson| person.user().map(|user| &user.id) == self.user.as_ref();
            return seen.account.mas_admin == MasAdmin::No
                && seen.account.seen().is_active()
                && people.any(|person| is_admin(person) && is_theirs(person));
        }
        // A directory that is down shows its users in no group.
        let is_missing = self.user.is_some()
            && people.clone().all(KeycloakPerson::is_unknown)
            && !plan.doubtful.is_empty();
        seen.account.mas_admin == MasAdmin::Yes && !is_missing && !people.any(is_admin)
    }

    fn action(&self, evidence: Option<&Evidence>, skipped: Option<Skip>) -> Action {
        Action {
            kind: self.kind,
            user_id: self.account.user_id.clone(),
            mas_id: self.account.mas.id().cloned(),
            reason: match self.kind {
                ActionKind::GrantAdmin => Reason::InAdminGroup,
                _ => Reason::NotInAdminGroup,
            },
            since: None,
            new: None,
            before: self.account.state,
            evidence: evidence.cloned(),
            approval: None,
            mark: None,
            skipped,
        }
    }
}
