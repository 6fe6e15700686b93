//! A plan that was confirmed late is carried out only if a newer one still does all of it.

use super::*;

fn leaver() -> Scene {
    scene().member("bob").account("bob", ACTIVE).user("dave").account("dave", ACTIVE)
}

/// What of the plan is different in a newer one.
fn change(plan: &Plan, newer: &Plan) -> Option<String> {
    plan.change_in(newer).map(|change| change.to_string())
}

#[test]
fn plan_holds_if_a_newer_one_does_the_same_or_more() {
    let plan = leaver().plan();
    assert_eq!(change(&plan, &plan), None);
    assert_eq!(change(&plan, &leaver().user("erin").account("erin", ACTIVE).plan()), None);
}

#[test]
fn plan_does_not_hold_if_an_action_is_gone_failed_or_has_another_reason() {
    let plan = leaver().plan();
    let alive = || scene().member("bob").account("bob", ACTIVE);
    let changes = [
        (alive().member("dave").account("dave", ACTIVE), "disable dave: no longer planned"),
        (alive().account("dave", ACTIVE), "disable dave: for another reason now"),
        (
            alive().listed("dave", false, None).account("dave", ACTIVE),
            "disable dave: for another reason now",
        ),
        (leaver().fails("dave"), "disable dave: Keycloak: answered 400"),
    ];
    for (newer, what) in changes {
        assert_eq!(change(&plan, &newer.plan()).as_deref(), Some(what));
    }
}

#[test]
fn plan_does_not_hold_if_an_account_to_disable_may_be_an_administrators_now() {
    let unknown = |plan: &Plan| Plan { admins_of_mas: AdminsOfMas::Unknown, ..plan.clone() };
    let plan = leaver().plan();
    let what = "the administrators of MAS are unknown now";
    assert_eq!(change(&plan, &unknown(&plan)).as_deref(), Some(what));
    assert_eq!(change(&unknown(&plan), &plan), None, "more is known");
    let activation = scene().member("bob").account("bob", DISABLED).plan();
    assert_eq!(change(&activation, &unknown(&activation)), None, "no account is disabled");
}
