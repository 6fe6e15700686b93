//! Laws of creations and of changes of administrators, over the same worlds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fastrand::Rng;
use matrix_keycloak_sync::model::{
    Account as ListedAccount, AccountDetail, Answer, Evidence, Existence, Localpart, MasAdmin,
    MemberList, Question,
};
use matrix_keycloak_sync::plan::{Action, ActionKind, KeptReason, Plan};
use matrix_keycloak_sync::planner::{
    AdminDraft, AdminNames, AdminRules, AdminsSeen, Draft, Facts, Matching, Policy, Provision,
    Rechecks, Revoke, Subjects, ToRecheck,
};

use crate::compare::{planned, same};
use crate::runner::holds;
use crate::servers::{answers, facts, id_of, place_of, plan, policy, user_id};
use crate::world::{Account, Fate, Mark, Mas, STRANGER, Server, Standing, World};

const PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV279";

/// A world in which members get accounts.
struct Creating<'w> {
    world: &'w World,
    /// Users who once had an account of this name, in lower case, which is gone.
    former: BTreeMap<String, usize>,
}

impl<'w> Creating<'w> {
    fn new(world: &'w World) -> Self {
        let mut rng = Rng::with_seed(world.users.len() as u64 * 31 + world.accounts.len() as u64);
        let names = world.users.iter().map(|user| user.localpart.to_lowercase());
        let former = names
            .filter_map(|name| {
                let user = if rng.bool() { STRANGER } else { rng.usize(..world.users.len()) };
                (rng.u8(..6) == 0).then_some((name, user))
            })
            .collect();
        Self { world, former }
    }

    fn plan(&self) -> Plan {
        let policy = Policy { provision: Provision::Members, ..policy(self.world) };
        let mut facts = facts(self.world);
        facts.provider = Some(PROVIDER.into());
        let former =
            self.former.iter().map(|(name, user)| (name.to_lowercase().into(), id_of(*user)));
        facts.memory.former_owners = former.collect();
        let draft = Draft::about(&facts, &policy, None);
        let (new, known): (Vec<_>, Vec<_>) =
            draft.to_recheck().partition(|one| one.kind == ActionKind::Create);
        let mut rechecks = answers(self.world, &facts, known);
        if let Rechecks::Taken { answers, .. } = &mut rechecks {
            answers.extend(new.iter().map(|one| (one.user_id.clone(), Ok(self.look(one)))));
        }
        draft.decide(&rechecks)
    }

    /// The look at an account that is not there: its user, and everybody of this name.
    fn look(&self, to_recheck: &ToRecheck) -> Evidence {
        let by_id = |user: usize| crate::servers::shown_person(self.world, user);
        let ids = to_recheck.ids.iter();
        let mut keycloak: Vec<_> = ids
            .map(|id| Answer {
                asked: Question::Id(id.clone()),
                user: by_id(place_of(id).expect("a user")),
            })
            .collect();
        let localpart = to_recheck.user_id.localpart().as_str();
        let named = self.world.named(localpart, |user| user.now != Standing::Gone);
        keycloak.extend(
            named.into_iter().map(|user| Answer { asked: Question::Name, user: by_id(user) }),
        );
        let account = AccountDetail {
            existence: Existence::Missing,
            ..AccountDetail::new(to_recheck.user_id.clone())
        };
        Evidence { keycloak, account, signs: Vec::new() }
    }

    /// Returns whether evidence that decides ties a user to an account, or any link. External IDs of
    /// accounts that stay as they are, are not read.
    fn has_account(&self, user: usize) -> bool {
        let is_auto = self.world.rules.matching == Matching::Auto;
        let remembers = |account: &Account| {
            let owner = account.remembered().filter(|_| is_auto && account.links.is_empty());
            owner.is_some_and(|owner| owner.0 == user && !self.world.is_replaced(account, owner))
        };
        self.ours().any(|account| account.links.contains(&user) || remembers(account))
    }

    fn has_external_id(&self, user: usize) -> bool {
        self.ours().any(|account| self.world.external(account).contains(&user))
    }

    fn ours(&self) -> impl Iterator<Item = &'w Account> {
        self.world.accounts.iter().filter(|account| account.server == Server::Ours)
    }

    /// Returns whether a name is free: no account and no other user has it, and none had it.
    fn is_free(&self, name: &str, user: usize) -> bool {
        let is_same = |other: &str| other.eq_ignore_ascii_case(name);
        let others =
            self.world.named(name, |other| other.listed.is_member() || other.now != Standing::Gone);
        let former = self.former.get(&name.to_lowercase());
        !self.ours().any(|account| is_same(account.localpart))
            && others.iter().all(|other| *other == user)
            && former.is_none_or(|owner| *owner == user)
    }
}

/// An account is made only for a member without one, under a name that belongs to no other.
fn no_account_is_made_for_the_wrong_user(world: &World) -> Result<(), String> {
    let creating = Creating::new(world);
    let plan = creating.plan();
    let mut made = HashSet::new();
    for action in plan.to_apply().filter(|action| action.kind == ActionKind::Create) {
        let (name, new) = (action.localpart(), action.new.as_ref());
        let user = new.and_then(|new| place_of(&new.user.id)).ok_or("an account of no user")?;
        let one = &world.users[user];
        let fault = match () {
            () if one.listed != Standing::In || one.now != Standing::In => "is no member",
            () if one.localpart != name.as_str() => "has another name",
            () if creating.has_account(user) => "has an account",
            () if !creating.is_free(name.as_str(), user) => "shares the name",
            () if world.subjects == Subjects::NoUsers => "cannot be linked",
            () if !plan.doubtful.is_empty() => "may be one of several: a directory is down",
            () if !made.insert(user) => "gets two accounts",
            () => continue,
        };
        return Err(format!("{name}: the user {fault}"));
    }
    Ok(())
}

/// Who has nothing against it gets an account: without a tie, with a name that nothing else has.
fn member_without_account_gets_one(world: &World) -> Result<(), String> {
    let creating = Creating::new(world);
    let plan = creating.plan();
    let is_made = |user: usize| {
        let of_user =
            |action: &&Action| action.new.as_ref().is_some_and(|new| new.user.id == id_of(user));
        plan.actions.iter().find(of_user).is_some()
    };
    if world.subjects == Subjects::NoUsers || !plan.doubtful.is_empty() {
        return Ok(());
    }
    for (user, one) in world.users.iter().enumerate() {
        let is_member = one.listed == Standing::In && one.now == Standing::In && one.is_named();
        let is_found = plan.kept.iter().any(|kept| {
            kept.reason == KeptReason::MayBeMember
                && kept.signs.iter().any(|sign| sign.user.id == id_of(user))
        });
        let may = is_member
            && creating.is_free(one.localpart, user)
            && !creating.has_account(user)
            && !creating.has_external_id(user)
            && !is_found
            && plan.not_rechecked.is_none();
        if may && !is_made(user) {
            return Err(format!("{}: no account is made", one.username));
        }
    }
    Ok(())
}

/// Creations change nothing about the accounts that exist.
fn creations_change_nothing_else(world: &World) -> Result<(), String> {
    let mut with = Creating::new(world).plan();
    with.actions.retain(|action| action.kind != ActionKind::Create);
    same(("with creations", &planned(world, &with)), ("without", &planned(world, &plan(world))))
}

/// A world in which `[admins]` has users of its own: the same users, in or out of other groups.
struct Administered {
    /// The users are members if they are in `[admins]`.
    world: World,
    revoke: Revoke,
    min_admins: usize,
}

impl Administered {
    fn new(world: &World) -> Self {
        let mut rng = Rng::with_seed(world.users.len() as u64 * 17 + world.accounts.len() as u64);
        let mut world = world.clone();
        for user in &mut world.users {
            let of_admins = |standing, is_in| match (standing, is_in) {
                (Standing::In | Standing::Out, true) => Standing::In,
                (Standing::In | Standing::Out, false) => Standing::Out,
                (Standing::InDisabled | Standing::OutDisabled, true) => Standing::InDisabled,
                (Standing::InDisabled | Standing::OutDisabled, false) => Standing::OutDisabled,
                (gone, _) => gone,
            };
            let is_in = rng.bool();
            let changes = rng.u8(..8) == 0;
            user.listed = of_admins(user.listed, is_in);
            user.now = of_admins(user.now, is_in != changes);
            user.after = of_admins(user.after, is_in != changes);
        }
        let revoke = if rng.u8(..6) == 0 { Revoke::No } else { Revoke::Yes };
        Self { world, revoke, min_admins: rng.usize(..3) }
    }

    /// Returns the plan with the changes of administrators.
    fn plan(&self, of_members: &World) -> Plan {
        let marked = |mut facts: Facts| {
            for (account, one) in facts.accounts.iter_mut().zip(&self.world.accounts) {
                mark(account, one);
            }
            facts
        };
        let policy = policy(of_members);
        let (members, admins) = (marked(facts(of_members)), marked(facts(&self.world)));
        let draft = Draft::about(&members, &policy, None);
        let rules = AdminRules { revoke: self.revoke, min_admins: self.min_admins };
        let of_admins = policy.of_admins();
        let admin_draft = AdminDraft::new(&draft, &admins, &of_admins, rules);
        let rechecks = answers(&self.world, &admins, admin_draft.to_recheck().collect());
        let now = self.world.accounts.iter().filter(|one| is_admin(one));
        let all = now.map(|one| one.localpart.to_lowercase().into()).collect();
        let now = AdminNames { all, ..AdminNames::default() };
        let changes = admin_draft.decide(&Ok(AdminsSeen {
            rechecks,
            members_after: MemberList::default(),
            admins: now,
        }));
        let looks = answers(of_members, &members, draft.to_recheck().collect());
        let mut plan = draft.decide(&looks);
        changes.add_to(&mut plan);
        plan
    }

    /// Returns whether list and look show an enabled user of `[admins]`.
    fn is_wanted(&self, user: usize) -> bool {
        self.world
            .users
            .get(user)
            .is_some_and(|it| it.listed == Standing::In && it.now == Standing::In)
    }

    /// Returns whether list or look show an enabled user of `[admins]`.
    fn may_be_wanted(&self, user: usize) -> bool {
        let shown = |it: &crate::world::User| it.now == Standing::In;
        self.world.users.get(user).is_some_and(shown)
    }

    fn account(&self, action: &Action) -> &Account {
        let is_it = |account: &&Account| user_id(account) == action.user_id;
        self.world.accounts.iter().find(is_it).expect("an account of the world")
    }
}

/// The accounts whose owners are administrators in MAS.
fn is_admin(account: &Account) -> bool {
    account.server == Server::Ours
        && account.mas == Mas::Known
        && account.marks.contains(&Mark::Admin)
}

fn mark(listed: &mut ListedAccount, account: &Account) {
    listed.mas_admin = if is_admin(account) { MasAdmin::Yes } else { MasAdmin::No };
}

/// No user gets the right unless the account is theirs by the strongest evidence, and list and look
/// show them in `[admins]` and as a member.
fn right_is_given_to_its_users_alone(world: &World) -> Result<(), String> {
    let administered = Administered::new(world);
    let plan = administered.plan(world);
    for action in plan.to_apply().filter(|action| action.kind == ActionKind::GrantAdmin) {
        let account = administered.account(action);
        let ties = administered.world.ties(account, true);
        let named = administered.world.named(account.localpart, |user| user.now != Standing::Gone);
        let owners = if ties.is_empty() { named } else { ties };
        let fault = match () {
            () if owners.is_empty() || !owners.iter().all(|user| administered.is_wanted(*user)) => {
                "is not in [admins]"
            }
            () if !owners.iter().any(|user| world.is_listed(*user)) => "is no member",
            () if account.is_shut(account.listed) || account.is_shut(account.now) => {
                "cannot log in"
            }
            () => continue,
        };
        return Err(format!("{}: the owner {fault}", account.localpart));
    }
    Ok(())
}

/// The right is only taken if nothing shows a user of `[admins]`, and enough administrators are
/// left.
fn right_is_taken_from_no_user_of_the_groups(world: &World) -> Result<(), String> {
    let administered = Administered::new(world);
    let plan = administered.plan(world);
    let revoked = || plan.to_apply().filter(|action| action.kind == ActionKind::RevokeAdmin);
    for action in revoked() {
        let account = administered.account(action);
        let of_admins = &administered.world;
        let ties = of_admins.ties(account, true);
        let has_id = ties.is_empty() || of_admins.rules.matching == Matching::Localpart;
        let named = of_admins.named(account.localpart, |user| user.now != Standing::Gone);
        let mut owners: BTreeSet<_> = ties.into_iter().collect();
        owners.extend(named.into_iter().filter(|_| has_id));
        let fault = match () {
            () if administered.revoke == Revoke::No => "loses the right by a rule that is off",
            () if owners.iter().any(|user| administered.may_be_wanted(*user)) => "is in [admins]",
            () if account.marks.contains(&Mark::TokenOwner) => "owns a token",
            () if of_admins.is_protected(account) => "is protected",
            () => continue,
        };
        return Err(format!("{}: the owner {fault}", account.localpart));
    }
    let leaves = |account: &&Account| {
        plan.to_apply().any(|action| {
            action.user_id == user_id(account)
                && matches!(action.kind, ActionKind::RevokeAdmin | ActionKind::Disable)
        })
    };
    let office = || {
        let active = |account: &&Account| is_admin(account) && !account.is_shut(account.listed);
        administered.world.accounts.iter().filter(active)
    };
    let left = office().filter(|account| !leaves(account)).count();
    let taken = office().filter(leaves).count();
    if taken > 0 && left < administered.min_admins {
        return Err(format!("{left} of {} administrators are left", left + taken));
    }
    Ok(())
}

/// Changes of administrators change nothing about accounts, except that the last ones are kept, and
/// that disables that have to wait make room for taking the right.
fn administrators_change_nothing_else(world: &World) -> Result<(), String> {
    let mut with = Administered::new(world).plan(world);
    let last: BTreeSet<_> = with
        .kept
        .iter()
        .filter(|kept| kept.reason == KeptReason::LastAdmin)
        .map(|kept| kept.localpart.clone())
        .collect();
    let revoked = with.actions.iter().filter(|action| action.kind == ActionKind::RevokeAdmin);
    let revoked: BTreeSet<_> = revoked.map(|action| action.localpart().clone()).collect();
    if let Some(name) = last.intersection(&revoked).next() {
        return Err(format!("{name} is one of the last administrators and loses the right"));
    }
    with.actions.retain(|action| !action.kind.is_about_admins());
    with.kept.retain(|kept| kept.reason != KeptReason::LastAdmin);
    let mut with = planned(world, &with);
    let mut without = planned(world, &plan(world));
    let waits =
        |name: &&Localpart| matches!(without.get(name.as_str()), Some(Fate::NeedsApproval(_)));
    let replaced: Vec<_> = revoked.iter().filter(waits).cloned().collect();
    for name in last.iter().chain(&replaced) {
        with.remove(name.as_str());
        without.remove(name.as_str());
    }
    same(("with [admins]", &with), ("without", &without))
}

const SHARE: u64 = 4;

#[test]
fn every_new_account_is_a_members_and_no_other_users() {
    holds(no_account_is_made_for_the_wrong_user, SHARE);
}

#[test]
fn every_member_with_a_free_name_gets_an_account() {
    holds(member_without_account_gets_one, SHARE);
}

#[test]
fn creations_leave_every_account_as_it_is() {
    holds(creations_change_nothing_else, SHARE);
}

#[test]
fn every_new_administrator_is_in_the_groups() {
    holds(right_is_given_to_its_users_alone, SHARE);
}

#[test]
fn no_administrator_of_the_groups_and_not_the_last_one_loses_the_right() {
    holds(right_is_taken_from_no_user_of_the_groups, SHARE);
}

#[test]
fn changes_of_administrators_leave_every_account_as_it_is() {
    holds(administrators_change_nothing_else, SHARE);
}
