//! A second model of the decision, written from the interface; where that is silent, it follows the
//! planner's choice. It sees the whole world at once and knows nothing of drafts and indexes.

use std::collections::{BTreeMap, BTreeSet};

use matrix_keycloak_sync::model::AccountState;
use matrix_keycloak_sync::plan::{ActionKind, Approval, DisableMode, KeptReason as Why, Reason};
use matrix_keycloak_sync::planner::{LockedMembers, Reactivate, Recall, UnknownAccounts};

use crate::answers::{Answers, Seen, doubtful};
use crate::claims::{Owner, is_anothers, is_twin};
use crate::world::{Account, Answering, Fate, Mark, Mas, NOW, Own, Server, Standing, User, World};

/// Returns what becomes of every account.
pub(crate) fn fates(world: &World) -> BTreeMap<&'static str, Fate> {
    let cases = || world.accounts.iter().map(|account| Case::new(world, account));
    let asked = cases().filter(Case::is_asked_for).map(|case| case.answers());
    let doubtful = doubtful(world, asked);
    cases().map(|case| (case.account.localpart, case.fate(&doubtful))).collect()
}

struct Case<'w> {
    world: &'w World,
    account: &'w Account,
    owner: Owner,
    /// The likely owner, if the list shows them as a member who may use Matrix.
    member: Option<usize>,
    /// An enabled member has its name.
    has_namesake: bool,
}

fn first<T: Copy>(reasons: &[(bool, T)]) -> Option<T> {
    reasons.iter().find(|(holds, _)| *holds).map(|(_, reason)| *reason)
}

impl<'w> Case<'w> {
    fn new(world: &'w World, account: &'w Account) -> Self {
        let owner = Owner::by_lists(world, account);
        let member = owner.member(world);
        let namesakes = world.named(account.localpart, |user| world.counts(user.listed));
        let has_namesake = !namesakes.is_empty();
        Self { world, account, owner, member, has_namesake }
    }

    fn answers(&self) -> Answers<'w> {
        Answers::new(self.world, self.account, &self.owner)
    }

    fn is_asked_for(&self) -> bool {
        let answers = self.account.look == Answering::Answers;
        let is_outside = self.member.is_none() && self.kept_by_list().is_none();
        answers && is_outside && self.is_to_be_disabled(self.account.listed)
    }

    fn fate(&self, doubtful: &BTreeSet<&str>) -> Fate {
        let (world, account) = (self.world, self.account);
        let is_disabled = !account.listed.is_active() || account.deactivated_in_mas;
        let users = self.owner.users();
        let all_may_use = users.iter().all(|user| world.is_listed(*user));
        match self.member {
            Some(_) if !all_may_use || is_twin(world, account) => Fate::Kept(Why::Ambiguous),
            Some(member) if is_disabled => self.activate(member),
            None if self.is_to_be_disabled(account.listed) => self.disable(doubtful),
            None if self.owner.is_tied() && self.has_namesake => {
                Fate::Kept(self.not_activated(account.listed, true).unwrap_or(Why::AnotherPerson))
            }
            Some(_) | None => Fate::Unchanged,
        }
    }

    fn is_half_done(&self, state: AccountState) -> bool {
        let is_open = |own: &Own| !own.is_done && own.mode == DisableMode::Deactivate;
        self.account.own.as_ref().is_some_and(is_open) && state.locked && !state.deactivated
    }

    fn is_to_be_disabled(&self, state: AccountState) -> bool {
        let deactivates = self.world.rules.disable == DisableMode::Deactivate;
        let broke_off = self.account.deactivated_in_mas || self.is_half_done(state);
        state.is_active() || (deactivates && broke_off && !state.deactivated)
    }

    /// Returns the first reason not to activate the account in this state.
    fn not_activated(&self, state: AccountState, is_anothers: bool) -> Option<Why> {
        let (account, rules) = (self.account, &self.world.rules);
        let is_ours = account.own.is_some_and(|own| own.kind == ActionKind::Disable || !own.is_done);
        let only_locked = state.locked && !state.deactivated && !account.deactivated_in_mas;
        let keeps_locked = rules.disable == DisableMode::Deactivate && rules.locked_members == LockedMembers::Keep;
        let not_ours = match rules.reactivate {
            Reactivate::Any => false,
            Reactivate::Own => !is_ours,
            Reactivate::None => true,
        };
        first(&[
            (account.mas == Mas::Ambiguous, Why::Ambiguous),
            (account.mas == Mas::Unknown, Why::NotInMas),
            (state.erased, Why::Erased),
            (is_anothers, Why::AnotherPerson),
            (only_locked && keeps_locked && !is_ours, Why::LockedByHand),
            (not_ours, Why::NotOurs),
        ])
    }

    fn activate(&self, member: usize) -> Fate {
        let (world, account) = (self.world, self.account);
        let is_anothers = is_anothers(world, account, &self.owner);
        if let Some(reason) = self.not_activated(account.listed, is_anothers) {
            return Fate::Kept(reason);
        }
        let (answers, user) = (self.answers(), &world.users[member]);
        let is_by_name = !self.owner.is_tied();
        let is_theirs = answers.external.contains(&member);
        let others = !answers.external.is_empty() && !matches!(self.owner, Owner::Linked(_));
        let own = account.own.filter(|own| own.kind == ActionKind::Disable).map(|own| own.at);
        let disabled = account.disabled_at.or(own).filter(|_| user.provider.is_none() && is_by_name);
        let is_newer = user.created.zip(disabled).is_some_and(|(created, disabled)| created > disabled);
        let exists_outside = |user: &User| user.now != Standing::Gone && !world.counts(user.listed);
        let mut shares = world.named(account.localpart, exists_outside);
        shares.retain(|user| !(world.is_member(*user) && answers.external.contains(user)));
        let settled = self.not_activated(account.now, false).filter(|reason| *reason < Why::AnotherPerson);
        match settled {
            _ if account.look == Answering::Fails => Fate::Skipped(ActionKind::Activate),
            _ if account.now.is_active() && !account.deactivated_in_mas => Fate::Unchanged,
            Some(reason) => Fate::Kept(reason),
            None if !world.counts(user.now) => Fate::Unchanged,
            None if is_by_name && !shares.is_empty() => Fate::Kept(Why::Ambiguous),
            None => {
                let is_anothers = !is_theirs && (others || is_newer);
                self.not_activated(account.now, is_anothers).map_or(Fate::Activate, Fate::Kept)
            }
        }
    }

    fn has(&self, marks: &[Mark], mark: Mark) -> bool {
        marks.contains(&mark) && (mark != Mark::Admin || self.world.rules.protects_admins)
    }

    fn kept_by_list(&self) -> Option<Why> {
        let (account, marks) = (self.account, &self.account.marks);
        let is_same = |other: &&Account| other.localpart.eq_ignore_ascii_case(account.localpart);
        let mut same = self.world.accounts.iter().filter(is_same);
        first(&[
            (account.server == Server::Other, Why::OtherServer),
            (account.mas == Mas::Ambiguous, Why::Ambiguous),
            (marks.contains(&Mark::TokenOwner), Why::TokenOwner),
            (same.any(|other| other.marks.contains(&Mark::Protected)), Why::Protected),
            (self.has(marks, Mark::Admin), Why::Admin),
            (self.has(marks, Mark::Bot), Why::Bot),
        ])
    }

    fn disable(&self, doubtful: &BTreeSet<&str>) -> Fate {
        let (account, rules, answers) = (self.account, &self.world.rules, self.answers());
        let seen: Vec<Seen> = answers.owners.iter().map(|user| answers.seen(*user)).collect();
        let members = seen.iter().filter(|seen| **seen == Seen::Member).count();
        match self.kept_by_list() {
            Some(reason) => return Fate::Kept(reason),
            None if account.look == Answering::Fails => return Fate::Skipped(ActionKind::Disable),
            None if !self.is_to_be_disabled(account.now) => return Fate::Unchanged,
            None if members == 0 => {}
            None if members < seen.len() => return Fate::Kept(Why::Ambiguous),
            None => return Fate::Unchanged,
        }
        // A newer link replaces an older one.
        let newest = if matches!(self.owner, Owner::Linked(_)) { 1 } else { seen.len() };
        let reason = seen[..newest].iter().find_map(|seen| seen.reason());
        let mut owners = answers.owners[..newest].iter().filter_map(|user| answers.known(*user));
        let may_pass = owners.any(|user| user.provider.is_some() || (user.locked_out && !user.now.is_enabled()));
        let waits = reason != Some(Reason::DisabledInKeycloak) || may_pass;
        let since = account.absent_since.unwrap_or(NOW).min(NOW);
        let is_grace_over = since + i64::try_from(rules.grace).expect("it is short") <= NOW;
        let kept = first(&[
            (self.has(&account.marks_now, Mark::Admin), Why::Admin),
            (self.has(&account.marks_now, Mark::Bot), Why::Bot),
            (self.has(&account.marks_now, Mark::Appservice), Why::Appservice),
            (account.mas == Mas::Unknown, Why::NotInMas),
            (answers.point_to_member(account, &self.owner), Why::MayBeMember),
            (answers.doubted(doubtful), Why::FederationInDoubt),
            (answers.contradict, Why::InGroupAtSecondLook),
            (reason.is_none() && rules.unknown == UnknownAccounts::Keep, Why::UnknownAccount),
            (waits && !is_grace_over && !self.is_half_done(account.listed), Why::InGrace),
        ]);
        let approval = first(&[
            (rules.recall == Recall::Off, None),
            (!answers.ever_tied(account), Some(Approval::NeverTied)),
            (self.has_namesake, Some(Approval::NameOfMember)),
        ]);
        match (kept, reason, approval.flatten()) {
            (Some(reason), ..) => Fate::Kept(reason),
            (None, Some(reason), _) => Fate::Disable(reason),
            (None, None, Some(approval)) => Fate::NeedsApproval(approval),
            (None, None, None) => Fate::Disable(Reason::NotInKeycloak),
        }
    }
}
