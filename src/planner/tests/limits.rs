//! What one run may do, at the sizes where rounding shows: at a limit it may, one further it may
//! not.

use super::*;
use crate::model::MasAdmin;

/// One account, two, just under and at the first whole tenth, and a share that is the larger
/// number.
const SIZES: [usize; 6] = [1, 2, 9, 10, 100, 10_000];

/// `of` active accounts, of which `out` are out of the group.
fn losing(out: usize, of: usize) -> Plan {
    let out_then_in = |scene: Scene, number: usize| {
        let name = format!("u{number}");
        let scene = scene.account(&name, ACTIVE);
        if number < out { scene.user(&name) } else { scene.member(&name) }
    };
    (0..of).fold(scene(), out_then_in).plan()
}

/// The share at each size: `may_go` pass, and one more is refused with the numbers.
#[track_caller]
fn share_allows(percent: usize, allowed: [usize; 6]) {
    let limits = Limits { max_disable_percent: percent, ..OPEN };
    for (of, may_go) in SIZES.into_iter().zip(allowed) {
        assert_eq!(limits.refuse(&losing(may_go, of)), [], "{may_go} of {of}, {percent} %");
        if may_go < of {
            let refused = Refusal::MaxDisablePercent {
                planned: may_go + 1,
                before: 0,
                active: of,
                percent,
                max: may_go,
            };
            assert_eq!(
                limits.refuse(&losing(may_go + 1, of)),
                [refused],
                "one too many of {of}, {percent} %"
            );
        }
    }
}

#[test]
fn the_share_is_rounded_down_and_one_may_always_go() {
    share_allows(10, [1, 1, 1, 1, 10, 1000]);
    share_allows(33, [1, 1, 2, 3, 33, 3300]);
}

#[test]
fn a_share_of_nothing_lets_one_go_and_a_share_of_all_everyone() {
    share_allows(0, [1; 6]);
    share_allows(100, SIZES);
}

#[test]
fn the_share_grows_at_each_whole_tenth_and_not_before() {
    let limits = Limits { max_disable_percent: 10, ..OPEN };
    for (of, may_go) in [(19, 1), (20, 2), (99, 9), (9_999, 999)] {
        assert_eq!(limits.refuse(&losing(may_go, of)), []);
        let refused = Refusal::MaxDisablePercent {
            planned: may_go + 1,
            before: 0,
            active: of,
            percent: 10,
            max: may_go,
        };
        assert_eq!(limits.refuse(&losing(may_go + 1, of)), [refused], "{of} accounts");
    }
}

#[test]
fn the_number_of_disables_has_a_limit_at_every_size() {
    for size in SIZES {
        let plan = losing(size, size);
        assert_eq!(Limits { max_disable: size, ..OPEN }.refuse(&plan), [], "{size} accounts");
        let refused = Refusal::MaxDisable { planned: size, before: 0, max: size - 1 };
        assert_eq!(Limits { max_disable: size - 1, ..OPEN }.refuse(&plan), [refused]);
    }
}

#[test]
fn the_floor_holds_at_every_size() {
    for size in SIZES {
        let plan = losing(0, size);
        assert_eq!(Limits { min_members: size, ..OPEN }.refuse(&plan), [], "{size} members");
        let refused = Refusal::MinMembers { members: size, min: size + 1 };
        assert_eq!(Limits { min_members: size + 1, ..OPEN }.refuse(&plan), [refused]);
    }
}

#[test]
fn a_group_that_is_empty_or_short_is_refused() {
    let plan = scene().plan();
    let limits = Limits { min_members: 1, ..OPEN };
    assert_eq!(limits.refuse(&plan), [Refusal::MinMembers { members: 0, min: 1 }]);
    let limits = Limits { min_members: 3, ..OPEN };
    let plan = scene().member("alice").disabled_member("bob").plan();
    assert_eq!(limits.refuse(&plan), [Refusal::MinMembers { members: 2, min: 3 }]);
}

#[test]
fn the_limits_are_asked_one_by_one_and_all_of_them() {
    for size in SIZES {
        let limits =
            Limits { max_disable: 0, max_disable_percent: 0, min_members: size + 1, ..OPEN };
        let members = Refusal::MinMembers { members: 0, min: size + 1 };
        let number = Refusal::MaxDisable { planned: size, before: 0, max: 0 };
        let share = Refusal::MaxDisablePercent {
            planned: size,
            before: 0,
            active: size,
            percent: 0,
            max: 1,
        };
        let refused = limits.refuse(&losing(size, size));
        if size == 1 {
            assert_eq!(refused, [members, number]);
        } else {
            assert_eq!(refused, [members, number, share]);
        }
    }
}

#[test]
fn what_was_done_before_counts_so_that_small_steps_are_no_way_around_a_limit() {
    let limits = Limits { max_disable: 10, ..OPEN };
    let after =
        |disabled| limits.refuse_after(&losing(1, 100), Past { disabled, ..Past::default() });
    assert_eq!(after(9), []);
    assert_eq!(after(10), [Refusal::MaxDisable { planned: 1, before: 10, max: 10 }]);
}

#[test]
fn what_was_activated_and_granted_before_counts_too() {
    let open = scene().member("bob").account("bob", DISABLED).plan();
    let limits = Limits { max_activate: 10, ..OPEN };
    let after = |activated| limits.refuse_after(&open, Past { activated, ..Past::default() });
    assert_eq!(after(9), []);
    assert_eq!(after(10), [Refusal::MaxActivate { planned: 1, before: 10, max: 10 }]);

    let grant = scene().member_with_id("ada", "a").admins(&[("a", "ada")]);
    let grant = grant.in_mas("ada", ACTIVE, MasAdmin::No).plan();
    let limits = Limits { max_admin_changes: 10, ..OPEN };
    let after = |admins| limits.refuse_after(&grant, Past { admins, ..Past::default() });
    assert_eq!(after(9), []);
    assert_eq!(after(10), [Refusal::MaxAdminChanges { planned: 1, before: 10, max: 10 }]);
}

#[test]
fn the_share_is_of_those_who_were_active_before_the_first_step() {
    let limits = Limits { max_disable_percent: 10, ..OPEN };
    let after = |disabled, inactive| {
        limits.refuse_after(
            &losing(1, 100 - inactive),
            Past { disabled, inactive, ..Past::default() },
        )
    };
    assert_eq!(after(9, 9), []);
    let refused =
        Refusal::MaxDisablePercent { planned: 1, before: 10, active: 100, percent: 10, max: 10 };
    assert_eq!(after(10, 10), std::slice::from_ref(&refused));
    assert_eq!(after(10, 4), [refused], "who is active again is counted once");
}

#[test]
fn a_plan_that_changes_nothing_exceeds_no_limit() {
    let limits = Limits { max_disable: 0, max_activate: 0, ..OPEN };
    assert_eq!(
        limits.refuse_after(
            &losing(0, 10),
            Past { disabled: 5, inactive: 5, activated: 5, created: 5, admins: 5, deactivated: 5 }
        ),
        []
    );
}

#[test]
fn accounts_without_a_second_look_make_no_room_in_a_plan_about_a_part() {
    let world = (0..500).fold(scene(), |scene, number| {
        let name = format!("u{number}");
        let scene = scene.account_with(&name, ACTIVE, |account| account.mas = InMas::Unknown);
        if number < 30 { scene.member(&name) } else { scene }
    });
    let world = world.user("left").account("left", ACTIVE);
    let mut scope = PlanScope::default();
    scope.extend([Localpart::from("left").on(&world.facts.server_name)]);
    let active = |scope: Option<&PlanScope>| {
        let draft = Draft::about(&world.facts, &world.policy, scope);
        draft.decide(&world.rechecks(&draft)).active
    };
    assert_eq!((active(None), active(Some(&scope))), (31, 31));
}
