//! What the second look changes.

use super::*;

#[test]
fn a_second_look_that_finds_them_in_the_group_keeps_them() {
    let scene = scene().account("alice", ACTIVE).seen("alice", known(true, true, None));
    keeps(&scene, kept_as("alice", KeptReason::InGroupAtSecondLook));
    assert_eq!(scene.plan().contradictions, 1);
}

#[test]
fn a_second_look_that_finds_a_disabled_member_enabled_keeps_them() {
    let scene = scene()
        .disabled_member("frank")
        .account("frank", ACTIVE)
        .seen("frank", known(true, true, None));
    keeps(&scene, kept_as("frank", KeptReason::InGroupAtSecondLook));
}

#[test]
fn a_second_look_that_fails_keeps_them_and_leaves_the_run_incomplete() {
    let plan = scene().user("dave").account("dave", ACTIVE).fails("dave").plan();
    assert_eq!((actions(&plan), plan.is_in_doubt(), plan.summary().disable), (vec![], true, 1));
}

#[test]
fn who_was_disabled_meanwhile_is_not_disabled_again() {
    let scene = scene()
        .user("dave")
        .account("dave", ACTIVE)
        .detail("dave", |detail| detail.state.deactivated = true);
    acts(&scene, vec![]);
}

#[test]
fn who_was_locked_meanwhile_keeps_their_rooms() {
    let scene = scene()
        .user("dave")
        .account("dave", ACTIVE)
        .detail("dave", |detail| detail.state.locked = true);
    acts(&scene, vec![]);
}

#[test]
fn any_contradiction_between_list_and_user_keeps_the_account() {
    let disabled_but_in_group =
        scene().account("alice", ACTIVE).seen("alice", known(false, true, None));
    keeps(&disabled_but_in_group, kept_as("alice", KeptReason::InGroupAtSecondLook));
    let listed_but_in_no_group = scene()
        .disabled_member("frank")
        .account("frank", ACTIVE)
        .seen("frank", known(false, false, None));
    keeps(&listed_but_in_no_group, kept_as("frank", KeptReason::InGroupAtSecondLook));
}

#[test]
fn with_too_many_accounts_to_recheck_none_is_changed() {
    let scene = scene().account("dave", ACTIVE).member("bob").account("bob", DISABLED);
    let plan = Draft::new(&scene.facts, &scene.policy).decide(&NO_LOOKS);
    assert_eq!((actions(&plan), plan.not_rechecked), (vec![], Some(2)));
    let refusals = Limits { max_look: 1, ..OPEN }.refuse(&plan);
    assert_eq!(refusals, [Refusal::MaxLook { people: 2, max: 1, prefix: None }]);
}

#[test]
fn rechecks_are_of_no_use_once_every_account_has_failed() {
    let world = scene().user("dave").account("dave", ACTIVE).user("erin").account("erin", ACTIVE);
    let mut rechecks = world.rechecks(&Draft::new(&world.facts, &world.policy));
    let [dave, erin] = ["dave", "erin"].map(|name| Localpart::from(name).on(&"example.org".into()));
    assert!(rechecks.fail(std::slice::from_ref(&dave), "first"));
    assert!(!rechecks.fail(&[dave.clone(), erin.clone()], "second"));
    let failed = |why: &str| Some(Err(why.to_owned()));
    assert_eq!(
        [rechecks.recheck(&dave).cloned(), rechecks.recheck(&erin).cloned()],
        [failed("first"), failed("second")]
    );
}

#[test]
fn erased_account_is_kept_as_erased_even_if_its_name_is_another_users_now() {
    let world = |now| {
        let mut newcomer = known(true, true, None);
        if let KeycloakPerson::Known { created, .. } = &mut newcomer {
            *created = Some(Timestamp::from_millis(2));
        }
        let scene = scene().member("alice").seen("alice", newcomer).account("alice", DISABLED);
        scene.detail("alice", |detail| {
            detail.state = now;
            detail.disabled_at = Some(Timestamp::from_millis(1));
        })
    };
    keeps(&world(DISABLED), kept_as("alice", KeptReason::AnotherPerson));
    keeps(&world(ERASED), kept_as("alice", KeptReason::Erased));
}
