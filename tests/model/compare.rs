//! The planner and the model have to agree on every world.

use std::collections::BTreeMap;

use matrix_keycloak_sync::model::Localpart;
use matrix_keycloak_sync::plan::{ActionKind, Plan, Skip};

use crate::model::fates;
use crate::runner::{holds, seeds};
use crate::servers::plan;
use crate::shrink::{shown, shrunk};
use crate::world::{Fate, World};

/// The outcome for each account, by localpart.
pub(crate) type Fates = BTreeMap<&'static str, Fate>;

/// Returns the outcome of every account in a plan.
pub(crate) fn planned(world: &World, plan: &Plan) -> Fates {
    let all = world.accounts.iter().map(|account| (account.localpart, Fate::Unchanged));
    let mut fates: Fates = all.collect();
    for kept in &plan.kept {
        set(&mut fates, &kept.localpart, Fate::Kept(kept.reason));
    }
    for action in &plan.actions {
        let fate = match (action.kind, &action.skipped, action.approval) {
            (kind, Some(Skip::NotSeen(_)), _) => Fate::Skipped(kind),
            (ActionKind::Activate, ..) => Fate::Activate,
            (ActionKind::Deactivate, ..) => Fate::Deactivate,
            (ActionKind::Create | ActionKind::GrantAdmin | ActionKind::RevokeAdmin, ..) => {
                unreachable!("no world creates accounts or administrators")
            }
            (ActionKind::Disable, _, Some(approval)) => Fate::NeedsApproval(approval),
            (ActionKind::Disable, _, None) => Fate::Disable(action.reason),
        };
        set(&mut fates, action.localpart(), fate);
    }
    fates
}

fn set(fates: &mut Fates, localpart: &Localpart, fate: Fate) {
    *fates.get_mut(localpart.as_str()).expect("an account of the world") = fate;
}

/// Reports which accounts differ.
pub(crate) fn same(one: (&str, &Fates), other: (&str, &Fates)) -> Result<(), String> {
    let differs = |(name, fate): &(&&str, &Fate)| other.1.get(**name) != Some(*fate);
    match one.1.iter().find(differs) {
        None => Ok(()),
        Some((name, fate)) => {
            let second = other.1.get(name);
            Err(format!("{name}: {} {fate:?}, {} {second:?}", one.0, other.0))
        }
    }
}

fn agree(world: &World) -> Result<(), String> {
    same(("planner", &planned(world, &plan(world))), ("model", &fates(world)))
}

#[test]
fn planner_and_model_agree_on_every_world() {
    holds(agree, 1);
}

/// The seeds of rare worlds in which planner and model once differed.
const ONCE_DIFFERED: [u64; 2] = [20_296_917, 21_022_061];

#[test]
fn worlds_that_once_differed_agree() {
    for seed in ONCE_DIFFERED {
        assert_eq!(agree(&World::from_seed(seed)), Ok(()), "seed {seed}");
    }
}

/// Prints the smallest world for each kind of disagreement.
#[test]
#[ignore = "for those who want to see all disagreements at once"]
fn survey() {
    let mut found: BTreeMap<(Fate, Fate), (usize, u64, &str)> = BTreeMap::new();
    for seed in seeds() {
        let world = World::from_seed(seed);
        let model = fates(&world);
        for (name, planner) in planned(&world, &plan(&world)) {
            if planner != model[name] {
                found.entry((planner, model[name])).or_insert((0, seed, name)).0 += 1;
            }
        }
    }
    for ((planner, model), (count, seed, name)) in found {
        println!("--- {count} times, seed {seed}, {name}: planner {planner:?}, model {model:?}");
        let is_same = |world: &World| {
            planned(world, &plan(world)).get(name) == Some(&planner)
                && fates(world).get(name) == Some(&model)
        };
        println!("{}", shown(&shrunk(&World::from_seed(seed), &is_same)));
    }
}
