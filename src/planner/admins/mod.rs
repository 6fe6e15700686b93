//! Decides who is an administrator in MAS (`[admins]`): the enabled users of these groups and
//! roles, and no other. Whose account it is follows from the same evidence as everywhere, with
//! these users in the place of the members.

mod changes;

use std::collections::{BTreeSet, HashSet};

use super::decision_table::{DecisionTable, Opinion};
use super::draft::{Draft, why_not};
use super::identity::{Holder, Identity};
use super::policy::{AdminRules, Federation, Policy, Revoke};
use super::second_look::{Right, SecondLook};
use super::{AskFirst, Facts, Rechecks, ToRecheck, Verdict};
use crate::model::{Account, Answer, KeycloakPerson, MasAdmin, Member, MemberList, UserId};
use crate::plan::{Action, ActionKind, NotRechecked, Reason, Skip};
pub use changes::{AdminChanges, RightAfter};

/// The changes of administrators before the second look.
#[derive(Debug)]
pub struct AdminDraft<'f> {
    rules: AdminRules,
    /// The reading with the users of `[admins]` as members.
    table: DecisionTable<'f>,
    identity: Identity<'f>,
    /// The lists of members, which say who may use Matrix.
    members: DecisionTable<'f>,
    /// Sorted by localpart, then by the whole ID.
    changes: Vec<AdminChange<'f>>,
    /// Accounts whose right would change, and for which MAS may take another one.
    mixed_up: Vec<&'f Account>,
}

/// An account whose owner would get or lose the right.
#[derive(Debug)]
struct AdminChange<'f> {
    account: &'f Account,
    holder: Holder<'f>,
    kind: ActionKind,
}

/// What the second look at administrators found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminsSeen {
    /// About the users of `[admins]`, as [`Rechecks`] are about the members.
    pub rechecks: Rechecks,
    /// The members after that, if [`AdminDraft::needs_directories`]. An empty list shows no
    /// directory as up.
    pub members_after: MemberList,
    /// The administrators of MAS after that.
    pub admins: AdminNames,
}

/// The administrators that MAS has, by the key of the localpart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminNames {
    pub all: HashSet<Box<str>>,
    /// Those who are known to be locked or deactivated.
    pub shut: HashSet<Box<str>>,
    pub locks: LocksOfAdmins,
}

/// Whether it is known which administrators MAS has locked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocksOfAdmins {
    #[default]
    Known,
    /// Synapse does not show them (traps 56 and 67), and MAS was not asked.
    Unknown,
}

impl AdminNames {
    fn include(&self, account: &Account) -> bool {
        self.all.contains(&*account.localpart().key())
    }

    fn include_active(&self, account: &Account) -> bool {
        self.include(account) && !self.shut.contains(&*account.localpart().key())
    }
}

impl<'f> AdminDraft<'f> {
    /// Compares the users of `[admins]` with the administrators of MAS. `facts` are those of
    /// `members` with these users as members; only whose account is a member's and active gets the
    /// right.
    #[must_use]
    pub fn new(
        members: &Draft<'f>,
        facts: &'f Facts,
        policy: &'f Policy,
        rules: AdminRules,
    ) -> Self {
        let (table, identity) = (DecisionTable { facts, policy }, Identity::new(facts, policy));
        let of_members = DecisionTable { facts: members.table.facts, policy: members.table.policy };
        let (changes, mixed_up) = (Vec::new(), Vec::new());
        let mut draft = Self { rules, table, identity, members: of_members, changes, mixed_up };
        let of_members = &members.table.facts.accounts;
        for (account, of_member) in facts.accounts.iter().zip(of_members) {
            let is_active_members =
                || matches!(members.opinion(of_member), Opinion::Settled(Verdict::MemberActive));
            let holder = draft.identity.holder(account);
            let kind = match (account.mas_admin, draft.is_wanted(&holder)) {
                (MasAdmin::No, true) if is_active_members() => ActionKind::GrantAdmin,
                (mas_admin, false)
                    if (mas_admin == MasAdmin::Yes || draft.is_half_revoked(account))
                        && draft.may_be_revoked(account) =>
                {
                    ActionKind::RevokeAdmin
                }
                _ => continue,
            };
            let is_unknown = draft.table.is_not_in_mas(account);
            if !account.is_on(&facts.server_name) || is_unknown {
                continue;
            }
            // MAS may mean the other one.
            if draft.identity.same_name(account).is_empty() {
                draft.changes.push(AdminChange { account, holder, kind });
            } else {
                draft.mixed_up.push(account);
            }
        }
        draft.changes.sort_by_key(|change| &change.account.user_id);
        draft
    }

    fn is_wanted(&self, holder: &Holder<'f>) -> bool {
        match holder {
            Holder::Tied { member, .. } => member.is_some_and(|member| self.table.may_use(member)),
            Holder::Named(named) => named.iter().any(|member| self.table.may_use(member)),
            Holder::Contested { .. } | Holder::Unclaimed => false,
        }
    }

    /// Returns whether this program has begun to take the right, and sessions that use it may be open.
    fn is_half_revoked(&self, account: &Account) -> bool {
        self.table.facts.memory.revocations.contains(&account.user_id)
    }

    fn may_be_revoked(&self, account: &Account) -> bool {
        self.rules.revoke == Revoke::Yes
            && !self.table.facts.token_owners.include(account)
            && !self.table.policy.protect.covers(account.localpart())
    }

    /// Returns the accounts that only Synapse marks as administrators (trap 48), and whose owners are
    /// not in `[admins]`. No writer can take this mark. Owners of tokens need it.
    pub fn marked_by_synapse(&self) -> impl Iterator<Item = &'f UserId> {
        let accounts = self.table.facts.accounts.iter().filter(|account| {
            account.admin
                && account.mas_admin == MasAdmin::No
                && self.may_be_revoked(account)
                && !self.is_wanted(&self.identity.holder(account))
        });
        accounts.map(|account| &account.user_id)
    }

    /// Returns the accounts whose right would change, to recheck them and their users.
    pub fn to_recheck(&self) -> impl Iterator<Item = ToRecheck> {
        self.changes.iter().map(|AdminChange { account, holder, kind }| ToRecheck {
            kind: *kind,
            ..ToRecheck::with_holder(account, holder, AskFirst::Both)
        })
    }

    /// Returns whether a right may be taken from a user who may be in a directory.
    #[must_use]
    pub fn needs_directories(&self, rechecks: &Rechecks) -> bool {
        let Facts { providers, members, .. } = self.members.facts;
        let has_directories = providers.as_ref().is_none_or(|providers| !providers.is_empty())
            || members.iter().any(|member| member.federation_link.is_some());
        let may_be_in_one = |answer: &Answer| match &answer.user {
            KeycloakPerson::Known { federation_link, .. } => federation_link.is_some(),
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => true,
        };
        let mut revoked = self.changes.iter().filter(|it| it.kind == ActionKind::RevokeAdmin);
        self.table.policy.federation == Federation::Verify
            && has_directories
            && revoked.any(|change| {
                let seen = rechecks.evidence(&change.account.user_id);
                seen.is_some_and(|seen| seen.keycloak.iter().any(may_be_in_one))
            })
    }

    /// Returns no change, only the administrators, so that the last ones are kept: by the list of
    /// accounts, and by MAS's list of administrators afterwards, if it was read.
    #[must_use]
    pub fn no_changes(&self, admins: Option<&AdminNames>) -> AdminChanges {
        let may_be = self.may_be_in_office(admins);
        AdminChanges {
            actions: Vec::new(),
            contradictions: 0,
            unclear: self.mixed_up.iter().map(|account| account.user_id.clone()).collect(),
            doubtful: BTreeSet::new(),
            in_office: self.in_office(admins).collect(),
            may_be_in_office: may_be.map(|account| account.user_id.clone()).collect(),
            min_admins: self.rules.min_admins,
        }
    }

    /// Decides with the second look. If it failed as a whole, every change is skipped for this
    /// reason.
    #[must_use]
    pub fn decide(&self, seen: &Result<AdminsSeen, String>) -> AdminChanges {
        let admins = seen.as_ref().ok().map(|seen| &seen.admins);
        let mut decided = self.no_changes(admins);
        match seen {
            Ok(seen) => self.decide_each(seen, &mut decided),
            Err(why) => {
                let skipped = |change: &AdminChange<'_>| {
                    let skip = Skip::NotSeen(NotRechecked::Failed(why.clone()));
                    Action { skipped: Some(skip), ..change.action() }
                };
                decided.actions.extend(self.changes.iter().map(skipped));
            }
        }
        decided
    }

    fn decide_each(&self, seen: &AdminsSeen, decided: &mut AdminChanges) {
        let AdminsSeen { rechecks, members_after, admins } = seen;
        let second = SecondLook::new(&self.table, &self.identity, rechecks);
        let changes = self.changes.iter().map(|change| (change.account, &change.holder));
        // Few users are in [admins], so the members show, too, which directories are up.
        let members: [&[Member]; 2] = [&self.members.facts.members, members_after];
        let directories = second.directories(rechecks, members, changes);
        for change in &self.changes {
            let AdminChange { account, holder, kind } = change;
            let evidence = match rechecks.recheck(&account.user_id) {
                Some(Ok(evidence)) => evidence,
                failed => {
                    let skipped = Some(Skip::NotSeen(why_not(failed, rechecks)));
                    decided.actions.push(Action { skipped, ..change.action() });
                    continue;
                }
            };
            decided.contradictions += usize::from(second.contradicts(account, holder, evidence));
            let has_right = admins.include(account);
            let right = second.right(account, holder, evidence, &directories);
            if matches!(right, Right::Unclear | Right::InDoubt) {
                decided.unclear.push(account.user_id.clone());
            }
            if right == Right::InDoubt {
                decided.doubtful.extend(directories.in_doubt().map(Box::from));
            }
            let is_members = || {
                let mut owners = second.owners(account, holder, evidence).into_iter();
                owners.all(|id| {
                    let member = self.members.facts.members.get(&id);
                    member.is_some_and(|member| self.members.may_use(member))
                })
            };
            let is_confirmed = if *kind == ActionKind::GrantAdmin {
                right == Right::Wanted
                    && !has_right
                    && evidence.account.seen().is_active()
                    && is_members()
            } else {
                right == Right::NotWanted && (has_right || self.is_half_revoked(account))
            };
            if is_confirmed {
                let evidence = Some(evidence.clone());
                decided.actions.push(Action { evidence, ..change.action() });
            }
        }
    }

    /// Returns the administrators who can log in, except those of two names that differ only in case.
    fn in_office(&self, admins: Option<&AdminNames>) -> impl Iterator<Item = UserId> {
        let is_known = admins.is_none_or(|admins| admins.locks == LocksOfAdmins::Known);
        let admins = self.may_be_in_office(admins).filter(move |_| is_known);
        let alone = admins.filter(|account| self.identity.same_name(account).is_empty());
        alone.map(|account| account.user_id.clone())
    }

    /// Returns the administrators who can log in: by MAS's list of administrators, if it was read after
    /// the list of accounts, else by that one.
    fn may_be_in_office(&self, admins: Option<&AdminNames>) -> impl Iterator<Item = &'f Account> {
        self.table.facts.accounts.iter().filter(move |account| {
            account.is_on(&self.table.facts.server_name)
                && account.can_log_in()
                && match admins {
                    Some(admins) => admins.include_active(account),
                    None => account.mas_admin == MasAdmin::Yes,
                }
        })
    }
}

impl AdminChange<'_> {
    fn action(&self) -> Action {
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
            evidence: None,
            approval: None,
            mark: None,
            skipped: None,
        }
    }
}
