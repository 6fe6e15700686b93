//! When the user that the state file remembers for an account has another account of their own, so that
//! a member of the name gets the first one.

use super::remembering::by_name;
use super::whose::outcome;
use super::*;
use crate::model::Tie;

#[test]
fn disabled_account_of_the_new_name_is_no_account_of_ones_own() {
    let before =
        scene().member_with_id("alice", "r").account("alice", ACTIVE).account("rita", DISABLED);
    let renamed = || scene().member_with_id("rita", "r").member_with_id("alice", "m");
    let mut world = before.then(renamed());
    for run in 1..=3 {
        let outcomes = (outcome(&world, "alice"), outcome(&world, "rita"), world.owner("alice"));
        let expected = ("unchanged".to_owned(), "kept another_person".to_owned(), by_name("r"));
        assert_eq!(outcomes, expected, "run {run}");
        world = world.then(renamed());
    }
    let without_m =
        world.then(scene().member_with_id("rita", "r").seen("m", known(true, false, None)));
    assert_eq!(outcome(&without_m, "alice"), "unchanged", "the newcomer has left");
}

#[test]
fn active_account_of_the_new_name_is_an_account_of_ones_own() {
    let without_account = |rita| {
        let scene = scene()
            .member_with_id("rita", "r")
            .member_with_id("alice", "m")
            .account("alice", ACTIVE);
        scene.account("rita", rita).remembered("alice", "r", Tie::Name).plan().not_registered
    };
    assert_eq!(
        (without_account(ACTIVE), without_account(DISABLED)),
        (vec![], vec!["alice".into()])
    );
}

#[test]
fn member_keeps_the_account_whose_former_user_has_another_one_and_is_disabled() {
    let left = || scene().listed_as("r", "rita", false, None).member_with_id("alice", "m");
    let world = left().account("alice", ACTIVE).account("rita", ACTIVE);
    let world = world.remembered("alice", "r", Tie::Name);
    acts(&world, disable("rita", Reason::DisabledInKeycloak));
    // The next run, which finds the account of their own disabled by this program.
    let next = left().account("alice", ACTIVE).remembered("alice", "r", Tie::Name);
    let next = next.account("rita", DISABLED).own("rita", DisableMode::Deactivate, Progress::Done);
    acts(&next, vec![]);
    assert_eq!(next.plan().not_registered, []);
    // An account that this program has not disabled says nothing.
    let old = left().account("alice", ACTIVE).account("rita", DISABLED);
    acts(&old.remembered("alice", "r", Tie::Name), disable("alice", Reason::DisabledInKeycloak));
}

#[test]
fn account_of_the_new_name_that_is_linked_to_another_user_is_no_account_of_ones_own() {
    let world = |owner: &str| {
        let scene = scene().member_with_id("rita", "r").member_with_id("alice", "m");
        let scene = scene.member_with_id("otto", "o").account("alice", ACTIVE);
        let scene = scene.linked("rita", owner, ACTIVE).remembered("alice", "r", Tie::Name);
        scene.plan().not_registered
    };
    assert_eq!(world("r"), ["otto".into()]);
    assert_eq!(world("o"), ["alice".into()]);
}
