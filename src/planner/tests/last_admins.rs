//! Enough administrators are left, by every change of a plan.

use super::admins::{admin_changes, both, changes};
use super::*;
use crate::model::MasAdmin;

#[test]
fn last_administrators_keep_the_right() {
    let last = |min_admins| changes(&both().rules(Revoke::Yes, min_admins));
    let bob = vec![("bob".to_owned(), KeptReason::LastAdmin)];
    assert_eq!(last(2), (vec!["+ada".to_owned()], bob.clone()));
    assert_eq!(last(1).0, ["+ada", "-bob"]);
    let plan = both().rules(Revoke::Yes, 2).plan();
    assert_eq!((plan.kept.len(), plan.summary().kept), (1, 0));
    // Who gets the right in this run does not count yet, and neither does a disabled account.
    let alone = scene().listed_as("a", "ada", true, None).in_mas("ada", ACTIVE, MasAdmin::No);
    let alone = alone.listed_as("b", "bob", true, None).in_mas("bob", ACTIVE, MasAdmin::Yes);
    let alone = alone.in_mas("gone", DISABLED, MasAdmin::Yes).user("gone");
    let alone = alone.admins(&[("a", "ada")]);
    assert_eq!(changes(&alone), (vec!["+ada".to_owned(), "-gone".to_owned()], bob));
}

#[test]
fn administrators_who_lose_the_account_or_the_right_meanwhile_are_not_left() {
    let boss_is_none = |scene: &mut Scene| scene.admins_now = Some(vec!["bob"]);
    let mut scene = both();
    boss_is_none(&mut scene);
    assert_eq!(changes(&scene), (vec!["+ada".to_owned()], kept_as("bob", KeptReason::LastAdmin)));
    // Boss is in no group any more, and is disabled by the same plan.
    let mut scene = both().user("boss").seen("c", known(true, false, None));
    scene.facts.members.remove(&"c".into());
    scene.policy.protect_admins = false;
    let (actions, kept) = changes(&scene);
    assert_eq!(actions, ["+ada", "Disable boss"]);
    assert_eq!(kept, kept_as("bob", KeptReason::LastAdmin));
}

#[test]
fn last_administrators_are_not_disabled_either() {
    let leave = |scene: Scene, name: &str, id: &str| {
        let mut scene = scene.user(name).seen(id, known(true, false, None));
        scene.facts.members.remove(&id.into());
        scene.policy.protect_admins = false;
        scene
    };
    let scene = leave(leave(both(), "bob", "b"), "boss", "c");
    let (actions, kept) = changes(&scene);
    assert_eq!(actions, ["+ada", "Disable boss"]);
    assert_eq!(kept, kept_as("bob", KeptReason::LastAdmin));
    let summary = scene.plan().summary();
    assert_eq!((summary.disable, summary.unchanged, summary.kept), (1, 2, 0));
    let two = scene.clone().rules(Revoke::Yes, 2);
    assert_eq!(changes(&two).0, ["+ada"]);
    // Without changes of the right, too.
    let only = scene.admins(&[("c", "boss"), ("b", "bob")]);
    assert_eq!(
        changes(&only),
        (vec!["Disable boss".to_owned()], kept_as("bob", KeptReason::LastAdmin))
    );
}

#[test]
fn administrator_who_is_locked_meanwhile_is_not_left() {
    let mut scene = both();
    scene.shut_now = vec!["boss"];
    assert_eq!(changes(&scene), (vec!["+ada".to_owned()], kept_as("bob", KeptReason::LastAdmin)));
}

#[test]
fn disable_that_waits_for_an_approval_does_not_keep_the_right() {
    let gone = KeycloakPerson::Unknown;
    let scene = both().seen("bob", gone.clone()).seen("b", gone.clone());
    let mut scene = scene.seen_as("bob", gone.clone()).seen_as("b", gone);
    scene.facts.members.remove(&"b".into());
    assert_eq!(admin_changes(&scene), ["+ada", "-bob"]);
    scene.policy.protect_admins = false;
    assert_eq!(changes(&scene).0, ["+ada", "-bob"]);
    let summary = scene.plan().summary();
    assert_eq!((summary.disable, summary.unchanged), (0, 3));
}

#[test]
fn disable_whose_look_fails_is_not_hidden_by_taking_the_right() {
    let mut scene = both().fails("bob");
    scene.facts.members.remove(&"b".into());
    scene.policy.protect_admins = false;
    assert!(scene.plan().is_in_doubt());
}

#[test]
fn administrator_kept_as_one_of_the_last_does_not_lose_the_right_in_the_same_plan() {
    let mut scene = both().listed_as("z", "zed", true, None);
    scene = scene.in_mas("zed", ACTIVE, MasAdmin::Yes);
    for (id, name) in [("b", "bob"), ("z", "zed")] {
        // Keycloak knows neither any more, so their disables wait for an approval.
        for key in [id, name] {
            scene = scene.seen(key, KeycloakPerson::Unknown).seen_as(key, KeycloakPerson::Unknown);
        }
        scene.facts.members.remove(&id.into());
    }
    let mut scene = scene.user("boss").seen("c", known(true, false, None));
    scene.facts.members.remove(&"c".into());
    scene.policy.protect_admins = false;
    let expected = ["+ada", "-bob", "Disable boss"].map(str::to_owned).to_vec();
    assert_eq!(changes(&scene), (expected, kept_as("zed", KeptReason::LastAdmin)));
}
