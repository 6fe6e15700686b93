//! Laws of every plan, over the same worlds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fastrand::Rng;
use matrix_keycloak_sync::model::{AccountState, Tie, UserId};
use matrix_keycloak_sync::plan::{Action, ActionKind, DisableMode, Plan, Reason};
use matrix_keycloak_sync::planner::{
    Draft, Federation, Matching, PlanScope, Progress, Recall, Subjects,
};

use crate::compare::{planned, same};
use crate::runner::holds;
use crate::servers::{facts, looks, place_of, plan, plan_about, policy, user_id};
use crate::shrink::shown;
use crate::world::{
    Account, Answering, Mark, Mas, NOW, Own, PROVIDERS, SHARED_LOCALPARTS, Server, Standing,
    Template, USERNAMES, World,
};

/// Each law is tried on one world in this number.
const SHARE: u64 = 10;

fn account<'w>(world: &'w World, action: &Action) -> &'w Account {
    let localpart = action.localpart().as_str();
    let found = world.accounts.iter().find(|account| account.localpart == localpart);
    found.expect("an account of the world")
}

/// Returns whether list and look show a member who may use Matrix.
fn is_member(world: &World, user: usize) -> bool {
    world.is_listed(user) && world.counts(world.users[user].now)
}

/// Returns whether a user has another account, by a link, by memory, or by the name of one in use.
fn has_another(world: &World, account: &Account, user: usize) -> bool {
    let mut named = world.others(account).filter(|other| !other.is_shut(other.listed));
    world.has_tied(account, user) || named.any(|other| world.members(other).contains(&user))
}

/// Returns the remembered user, unless a link or a member of the name may replace them.
fn memory_in_force(world: &World, account: &Account) -> Option<usize> {
    let (user, tie) = account.memory.filter(|_| account.links.is_empty())?;
    (tie != Tie::Restored && !world.is_replaced(account, (user, tie))).then_some(user)
}

/// Disables without an approval spare every account that a link, an external ID or memory ties to
/// an enabled member, or that nothing ties and a name or a weak sign does.
fn members_keep_their_accounts(world: &World) -> Result<(), String> {
    let plan = plan(world);
    let disables = plan.to_apply().filter(|action| action.kind.shuts_out());
    for action in disables.filter(|action| action.approval.is_none()) {
        let account = account(world, action);
        let external = world.external(account);
        let memory = memory_in_force(world, account).filter(|_| external.is_empty());
        let mut ties = account.links.iter().chain(&memory).chain(&external);
        if ties.clone().any(|user| is_member(world, *user)) {
            return Err(format!("{}: tied to a member", account.localpart));
        }
        let is_remembered = account.memory.is_some_and(|(user, _)| world.is_listed(user));
        let asks = world.rules.recall == Recall::On;
        if asks && action.reason == Reason::NotInKeycloak && is_remembered {
            return Err(format!("{}: remembered as a member's", account.localpart));
        }
        let named = world.named(account.localpart, |user| world.counts(user.listed));
        let has_name = named.iter().any(|user| is_member(world, *user));
        let is_nobodys =
            world.named(account.localpart, |user| user.now != Standing::Gone).is_empty();
        let has_sign = is_nobodys && world.has_sign(account);
        if ties.next().is_none() && (has_name || has_sign) {
            return Err(format!("{}: of a member", account.localpart));
        }
    }
    Ok(())
}

/// No account is activated by a name against a link or the memory.
fn names_open_nothing_against_ties(world: &World) -> Result<(), String> {
    let plan = plan(world);
    for action in plan.to_apply().filter(|action| action.kind == ActionKind::Activate) {
        let account = account(world, action);
        let ties = world.ties(account, true);
        if !ties.is_empty() && !ties.iter().any(|user| is_member(world, *user)) {
            return Err(format!("{}: tied to {ties:?}", account.localpart));
        }
        let named = world.named(account.localpart, |user| world.counts(user.listed));
        let is_free = |user: &usize| !world.has_tied(account, *user);
        if ties.is_empty() && !named.iter().any(is_free) {
            return Err(format!("{}: its members have other accounts", account.localpart));
        }
    }
    Ok(())
}

/// The plan about a part is the part of the plan about everything.
fn a_part_is_planned_like_the_whole(world: &World) -> Result<(), String> {
    let mut facts = facts(world);
    let whole = plan(world);
    facts.doubtful.clone_from(&whole.doubtful);
    let whole = planned(world, &whole);
    let mut rng = Rng::with_seed(whole.len() as u64);
    let keys: BTreeSet<_> =
        world.accounts.iter().map(|account| account.localpart.to_lowercase()).collect();
    let keys: BTreeSet<_> = keys.into_iter().filter(|_| rng.bool()).collect();
    let chosen = world.accounts.iter().map(|account| account.localpart);
    let chosen: BTreeSet<_> =
        chosen.filter(|localpart| keys.contains(&localpart.to_lowercase())).collect();
    let mut scope = PlanScope::default();
    let inside = world.accounts.iter().filter(|account| chosen.contains(account.localpart));
    scope.extend(inside.map(user_id));
    let part = plan_about(world, &facts, Some(&scope));
    let acted = part.actions.iter().map(Action::localpart);
    let mut named = acted.chain(part.kept.iter().map(|kept| &kept.localpart));
    if let Some(other) = named.find(|localpart| !chosen.contains(localpart.as_str())) {
        return Err(format!("{other}: not asked for"));
    }
    let mut part = planned(world, &part);
    part.retain(|localpart, _| chosen.contains(localpart));
    same(("part", &part), ("whole", &whole))
}

/// The plan of an applied plan is empty, with and without approvals.
fn an_applied_plan_leaves_nothing_to_do(world: &World) -> Result<(), String> {
    // External IDs are seen only in the second look, and decide more once they are remembered.
    let mut world = in_step(world);
    run(&mut world, Does::Nothing);
    for does in [Does::All, Does::WhatNeedsNoApproval] {
        let mut world = world.clone();
        run(&mut world, does);
        let mut next = plan(&world);
        if does == Does::WhatNeedsNoApproval {
            next.hold_back();
        }
        if let Some(action) = next.to_apply().next() {
            let localpart = action.localpart();
            return Err(format!("{localpart}: {:?} ({:?}) again", action.kind, action.reason));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    All,
    WhatNeedsNoApproval,
    Nothing,
}

/// Returns a world in which nothing happens between list and look, and nothing is half done: if the
/// look finds that such an account is a member's, the next run activates it.
fn in_step(world: &World) -> World {
    let mut world = world.clone();
    if world.rules.recall == Recall::Off {
        // Directories that were seen in a look are forgotten.
        world.rules.federation = Federation::Trust;
    }
    // A realm has the directories of its users.
    let of_users: Vec<_> = world.users.iter().filter_map(|user| user.provider).collect();
    world.providers.iter_mut().for_each(|providers| providers.extend(&of_users));
    for user in &mut world.users {
        if user.now != Standing::OnlyRemembered {
            user.now = user.listed;
        }
        user.after = user.listed;
    }
    for account in &mut world.accounts {
        account.now = account.listed;
        account.look = Answering::Answers;
        account.deactivated_in_mas = account.listed.deactivated;
        account.own = account.own.map(|own| Own { progress: Progress::Done, ..own });
    }
    world
}

/// Does what the plan says, or some of it, and remembers what the reading has shown, as a run does.
fn run(world: &mut World, does: Does) {
    let (facts, policy) = (facts(world), policy(world));
    let draft = Draft::new(&facts, &policy);
    let looks = looks(world, &facts, &draft);
    let verdicts = draft.verdicts(&looks);
    let presence = draft.presence(&verdicts, &looks);
    let seen = presence.directories.iter().chain(&presence.directories_seen);
    let seen: Vec<_> =
        PROVIDERS.into_iter().filter(|name| seen.clone().any(|seen| seen == name)).collect();
    let remembers = facts.memory.recall == Recall::On;
    let is_in = |accounts: &[&UserId], localpart: &str| {
        accounts.iter().any(|user_id| user_id.localpart().as_str() == localpart)
    };
    let (locked, not_locked) = (presence.locked, presence.not_locked);
    let owners = presence.owners;
    let mut plan = draft.plan(verdicts, &looks);
    match does {
        Does::All => {}
        Does::WhatNeedsNoApproval => plan.hold_back(),
        Does::Nothing => plan.actions.clear(),
    }
    for account in &mut world.accounts {
        let localpart = account.localpart;
        let action = plan.to_apply().find(|action| action.localpart().as_str() == localpart);
        if let Some(action) = action {
            change(account, &plan, action.kind);
        }
        if is_in(&not_locked, localpart) {
            account.locked_since = None;
        } else if remembers && is_in(&locked, localpart) {
            account.locked_since = account.locked_since.or(Some(NOW));
        }
        let mut owners = owners.iter().filter(|_| remembers);
        let owner = owners.find(|(user_id, _)| user_id.localpart().as_str() == localpart);
        if let Some((_, owner)) = owner {
            account.memory = place_of(&owner.id).map(|user| (user, owner.tie));
        }
    }
    if remembers {
        world.remembered_providers.extend(seen);
    }
}

fn change(account: &mut Account, plan: &Plan, kind: ActionKind) {
    let Some(AccountState { deactivated, locked, .. }) = kind.leaves(plan.disable) else { return };
    account.listed = AccountState { deactivated, locked, ..account.listed };
    account.now = account.listed;
    account.deactivated_in_mas = deactivated;
    account.disabled_at = (kind.shuts_out() && account.mas == Mas::Known).then_some(NOW);
    account.own = kind.shuts_out().then_some(Own {
        mode: if kind == ActionKind::Deactivate { DisableMode::Deactivate } else { plan.disable },
        progress: Progress::Done,
        at: NOW,
    });
}

/// Renames some users, to names that are free or were another's, and lets some leave, join and be
/// deleted.
fn change_users(world: &mut World, rng: &mut Rng) {
    for place in 0..world.users.len() {
        let is_deleted = !world.users[place].now.is_known();
        if !is_deleted && rng.u8(..3) == 0 {
            let standings =
                [Standing::In, Standing::In, Standing::In, Standing::Out, Standing::Gone];
            let standing = standings[rng.usize(..standings.len())];
            let user = &mut world.users[place];
            (user.listed, user.now, user.after) = (standing, standing, standing);
        }
        let is_taken = |name: &&str| {
            world.users.iter().any(|user| user.now.is_known() && user.username == *name)
        };
        let free: Vec<_> = USERNAMES.into_iter().filter(|name| !is_taken(name)).collect();
        if !is_deleted && rng.u8(..3) == 0 && !free.is_empty() {
            let username = free[rng.usize(..free.len())];
            let shared = SHARED_LOCALPARTS[rng.usize(..SHARED_LOCALPARTS.len())];
            let user = &mut world.users[place];
            user.username = username;
            user.localpart = if world.template == Template::Username { username } else { shared };
        }
    }
}

/// Over several runs an account stays its owner's: it is not disabled while the owner is a member,
/// and not opened for another user. A user who is deleted or has another account may lose what is
/// only remembered.
fn accounts_stay_their_owners(world: &World) -> Result<(), String> {
    let mut world = in_step(world);
    world.subjects = Subjects::default();
    let mut hasher = DefaultHasher::new();
    format!("{world:?}").hash(&mut hasher);
    let mut rng = Rng::with_seed(hasher.finish());
    run(&mut world, Does::WhatNeedsNoApproval);
    let owner =
        |account: &Account| account.links.first().copied().or(account.memory.map(|(user, _)| user));
    let kept = world.accounts.iter().filter(|account| world.external(account).is_empty());
    let kept = kept.filter_map(|account| Some((account.localpart, owner(account)?)));
    let mut kept: BTreeMap<_, _> = kept.filter(|(_, user)| is_member(&world, *user)).collect();
    for _ in 0..3 {
        change_users(&mut world, &mut rng);
        let stays = |account: &Account, user: usize| {
            world.is_known(user) && !has_another(&world, account, user)
        };
        let lost = world.accounts.iter().filter(|account| account.links.is_empty());
        let lost = lost.filter(|account| {
            kept.get(account.localpart).is_some_and(|user| !stays(account, *user))
        });
        let lost: BTreeSet<_> = lost.map(|account| account.localpart).collect();
        kept.retain(|localpart, _| !lost.contains(localpart));
        changes_of_others(&world, &kept)?;
        run(&mut world, Does::WhatNeedsNoApproval);
    }
    Ok(())
}

/// Shows links to a run or, if the Admin API is not configured, nothing of MAS, and takes a value
/// of `accounts.match`.
fn configure(world: &mut World, seen: &World, rng: &mut Rng) {
    let is_api = rng.bool();
    let choices = [Matching::Auto, Matching::Localpart, Matching::UpstreamLink];
    world.rules.matching = choices[rng.usize(..if is_api { 3 } else { 2 })];
    for (account, seen) in world.accounts.iter_mut().zip(&seen.accounts) {
        (account.links, account.mas) =
            if is_api { (seen.links.clone(), seen.mas) } else { (Vec::new(), Mas::NotAsked) };
        account.deactivated_in_mas &= is_api;
        account.disabled_at = account.disabled_at.filter(|_| is_api);
    }
}

/// What a run has seen of links counts in later runs of any configuration.
fn links_count_in_every_configuration(world: &World) -> Result<(), String> {
    let mut world = in_step(world);
    world.subjects = Subjects::default();
    world.rules.recall = Recall::On;
    let seen = world.clone();
    let mut hasher = DefaultHasher::new();
    format!("{world:?}").hash(&mut hasher);
    let mut rng = Rng::with_seed(hasher.finish());
    run(&mut world, Does::WhatNeedsNoApproval);
    let linked = seen
        .accounts
        .iter()
        .filter(|account| account.server == Server::Ours && account.external_ids.is_empty());
    let linked = linked.filter_map(|account| Some((account.localpart, *account.links.first()?)));
    let mut kept: BTreeMap<_, _> = linked.filter(|(_, user)| is_member(&world, *user)).collect();
    for _ in 0..3 {
        change_users(&mut world, &mut rng);
        configure(&mut world, &seen, &mut rng);
        kept.retain(|_, user| world.is_known(*user));
        changes_of_others(&world, &kept)?;
        run(&mut world, Does::WhatNeedsNoApproval);
    }
    Ok(())
}

/// Says which account is disabled although its owner is a member, or opened although they are not.
fn changes_of_others(world: &World, owners: &BTreeMap<&str, usize>) -> Result<(), String> {
    for action in plan(world).to_apply() {
        let localpart = action.localpart().as_str();
        let is_in = owners.get(localpart).map(|user| is_member(world, *user));
        let is_disabled = action.kind.shuts_out() && action.approval.is_none();
        let is_opened = action.kind == ActionKind::Activate;
        if (is_in == Some(true) && is_disabled) || (is_in == Some(false) && is_opened) {
            return Err(format!(
                "{localpart} of user {}: {:?}, {}",
                owners[localpart],
                action.kind,
                shown(world)
            ));
        }
    }
    Ok(())
}

/// Every account is counted once, and no kept account is acted on.
fn counts_add_up(world: &World) -> Result<(), String> {
    let plan = plan(world);
    let summary = plan.summary();
    let sum = summary.activate + summary.disable + summary.unchanged + summary.kept;
    let acted: BTreeSet<_> = plan.actions.iter().map(Action::localpart).collect();
    let both = plan.kept.iter().find(|kept| acted.contains(&kept.localpart));
    let bound = acted.into_iter().find(|localpart| {
        let same = world.accounts.iter();
        let mut same = same.filter(|account| account.localpart == localpart.as_str());
        let is_spared = |mark: &Mark| matches!(mark, Mark::TokenOwner | Mark::Protected);
        let disables = plan
            .actions
            .iter()
            .any(|action| action.kind.shuts_out() && action.localpart() == *localpart);
        disables && same.any(|account| account.marks.iter().any(is_spared))
    });
    match (sum == plan.read.accounts, both, bound) {
        (true, None, None) => Ok(()),
        _ => Err(format!("{summary:?} of {:?}, kept {both:?}, {bound:?}", plan.read)),
    }
}

/// The order of what was read does not matter.
fn order_does_not_matter(world: &World) -> Result<(), String> {
    let mut facts = facts(world);
    let first = plan_about(world, &facts, None);
    let mut rng = Rng::with_seed(7);
    rng.shuffle(&mut facts.accounts);
    if plan_about(world, &facts, None) == first { Ok(()) } else { Err(format!("{first:?}")) }
}

#[test]
fn disables_spare_the_accounts_of_members() {
    holds(members_keep_their_accounts, SHARE);
}

#[test]
fn no_name_activates_against_a_link_or_memory() {
    holds(names_open_nothing_against_ties, SHARE);
}

#[test]
fn plan_for_some_accounts_is_part_of_the_complete_plan() {
    holds(a_part_is_planned_like_the_whole, SHARE);
}

#[test]
fn plan_of_an_applied_plan_is_empty() {
    holds(an_applied_plan_leaves_nothing_to_do, SHARE);
}

#[test]
fn accounts_stay_their_owners_over_several_runs() {
    holds(accounts_stay_their_owners, SHARE);
}

#[test]
fn links_count_in_later_runs_if_the_configuration_has_changed() {
    holds(links_count_in_every_configuration, SHARE);
}

#[test]
fn every_account_is_counted_once_and_none_is_kept_and_changed() {
    holds(counts_add_up, SHARE);
}

#[test]
fn plan_does_not_depend_on_the_order_of_the_lists() {
    holds(order_does_not_matter, SHARE);
}
