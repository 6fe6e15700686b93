//! The laws of `undo`, over the same worlds: it keeps what a sync keeps, and activates nothing that
//! is erased or that others have disabled later.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fastrand::Rng;
use matrix_keycloak_sync::model::{AccountState, Timestamp};
use matrix_keycloak_sync::plan::{ActionKind, DisableMode, KeptReason, Plan};
use matrix_keycloak_sync::planner::{Matching, PlanScope, Progress, Undo, Undone};

use crate::runner::holds;
use crate::servers::{answers, facts, plan, policy, user_id};
use crate::world::{Account, Mas, Standing, World};

/// Each law is tried on one world in this number.
const SHARE: u64 = 10;

/// Later than every time in a world, and so much earlier that the clocks cannot be the reason.
const ENDED: [i64; 2] = [10_000, -1_000_000];

/// Returns a run that did the same to every account.
fn run(world: &World, kind: ActionKind) -> Vec<Undone> {
    let mut hasher = DefaultHasher::new();
    format!("{world:?}").hash(&mut hasher);
    let mut rng = Rng::with_seed(hasher.finish());
    let mut undone = |account: &Account| Undone {
        kind,
        user_id: user_id(account),
        mode: if rng.bool() { DisableMode::Lock } else { DisableMode::Deactivate },
        ended: Some(Timestamp::from_millis(ENDED[rng.usize(..2)])),
        progress: Progress::Done,
        since: None,
    };
    world.accounts.iter().map(&mut undone).collect()
}

/// Returns the plan that undoes a run, without a yes.
fn undo_without_yes(world: &World, undone: &[Undone]) -> Plan {
    let (facts, policy) = (facts(world), policy(world));
    let mut scope = PlanScope::default();
    scope.extend(undone.iter().map(|one| one.user_id.clone()));
    let undo = Undo::new(&facts, &policy, undone, &scope);
    undo.decide(&answers(world, &facts, undo.to_recheck().collect()))
}

/// Returns the plan that undoes a run, with a yes.
fn undo(world: &World, undone: &[Undone]) -> Plan {
    let mut plan = undo_without_yes(world, undone);
    plan.include_members();
    plan
}

fn acted(plan: &Plan) -> BTreeSet<&str> {
    plan.to_apply().map(|action| action.localpart().as_str()).collect()
}

/// Returns the world without a member: what a sync keeps there, it keeps because of the account.
fn deserted(world: &World) -> World {
    let mut world = world.clone();
    for user in &mut world.users {
        (user.listed, user.now, user.after, user.provider) =
            (Standing::Out, Standing::Out, Standing::Out, None);
    }
    (world.providers, world.rules.grace) = (None, 0);
    world.remembered_providers.clear();
    world
}

/// Returns whether a reason to keep an account keeps it from any disable, not only in this plan.
fn is_about_disables(world: &World, localpart: &str, reason: KeptReason) -> bool {
    let mut same_name =
        world.accounts.iter().filter(|other| other.localpart.eq_ignore_ascii_case(localpart));
    match reason {
        // If one of two accounts is to be activated, the other one is kept only for that.
        KeptReason::Ambiguous => same_name.all(|other| !other.is_shut(other.listed)),
        reason => reason <= KeptReason::InGrace,
    }
}

/// `undo` keeps what a sync keeps, or would keep if every member had left.
fn undo_keeps_what_a_sync_keeps(world: &World) -> Result<(), String> {
    let disables = undo(world, &run(world, ActionKind::Activate));
    let activates = undo(world, &run(world, ActionKind::Disable));
    let deserted = deserted(world);
    // Whether Keycloak knows the owner is not about the account.
    let of_deserted = plan(&deserted).kept.into_iter();
    let of_deserted = of_deserted.filter(|kept| kept.reason != KeptReason::UnknownAccount);
    for kept in plan(world).kept.into_iter().chain(of_deserted) {
        let localpart = kept.localpart.as_str();
        let is_disabled = acted(&disables).contains(localpart)
            && is_about_disables(world, localpart, kept.reason);
        let never = matches!(
            kept.reason,
            KeptReason::OtherServer | KeptReason::NotInMas | KeptReason::Erased
        );
        if is_disabled || (never && acted(&activates).contains(localpart)) {
            return Err(format!("{localpart}: a sync keeps it, because {:?}", kept.reason));
        }
    }
    Ok(())
}

/// Without a yes `undo` disables no account of a member by list and look.
fn members_need_a_yes(world: &World) -> Result<(), String> {
    let plan = undo_without_yes(world, &run(world, ActionKind::Activate));
    for account in &world.accounts {
        let ties = world.ties(account, true);
        let named = world.named(account.localpart, |user| user.listed.is_member());
        let owners = if ties.is_empty() { &named } else { &ties };
        let is_members = !owners.is_empty() && owners.iter().all(|user| world.stays(*user));
        if is_members
            && world.rules.matching == Matching::Auto
            && acted(&plan).contains(account.localpart)
        {
            return Err(format!("{}: of {owners:?}", account.localpart));
        }
    }
    Ok(())
}

/// Nothing is activated that is erased, or that was disabled after the run.
fn later_disables_stay(world: &World) -> Result<(), String> {
    let undone = run(world, ActionKind::Disable);
    let plan = undo(world, &undone);
    for (account, undone) in world.accounts.iter().zip(&undone) {
        let deactivated = |state: AccountState| state.deactivated || account.deactivated_in_mas;
        let is_more = (deactivated(account.now) && !deactivated(account.listed))
            || (account.now.locked && !account.listed.locked)
            || (undone.mode == DisableMode::Lock
                && (deactivated(account.now) || deactivated(account.listed)));
        let is_later =
            account.mas == Mas::Known && undone.ended == Some(Timestamp::from_millis(ENDED[1]));
        let is_later = is_later && account.disabled_at.is_some();
        if (account.now.erased || is_more || is_later) && acted(&plan).contains(account.localpart) {
            return Err(format!("{}: activated by {undone:?}", account.localpart));
        }
    }
    Ok(())
}

#[test]
fn undo_keeps_every_account_that_a_sync_keeps() {
    holds(undo_keeps_what_a_sync_keeps, SHARE);
}

#[test]
fn undo_disables_members_only_with_a_yes() {
    holds(members_need_a_yes, SHARE);
}

#[test]
fn undo_activates_no_account_that_is_erased_or_was_disabled_later() {
    holds(later_disables_stay, SHARE);
}
