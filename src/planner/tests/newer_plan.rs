//! A plan that was confirmed late is carried out only if a newer one still does all of it.

use super::*;

fn leaver() -> Scene {
    scene().member("bob").account("bob", ACTIVE).user("dave").account("dave", ACTIVE)
}

#[test]
fn plan_holds_if_a_newer_one_does_the_same_or_more() {
    let plan = leaver().plan();
    assert!(plan.still_holds_in(&plan));
    assert!(plan.still_holds_in(&leaver().user("erin").account("erin", ACTIVE).plan()));
}

#[test]
fn plan_does_not_hold_if_an_action_is_gone_failed_or_has_another_reason() {
    let plan = leaver().plan();
    let alive = || scene().member("bob").account("bob", ACTIVE);
    let changes = [
        ("back", alive().member("dave").account("dave", ACTIVE)),
        ("deleted", alive().account("dave", ACTIVE)),
        ("disabled", alive().listed("dave", false, None).account("dave", ACTIVE)),
        ("no answer", leaver().fails("dave")),
    ];
    for (what, newer) in changes {
        assert!(!plan.still_holds_in(&newer.plan()), "{what}");
    }
    let unknown = Plan { admins_of_mas: AdminsOfMas::Unknown, ..plan.clone() };
    assert!(!plan.still_holds_in(&unknown));
}
