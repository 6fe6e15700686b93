//! Laws that hold for any members and accounts.

use proptest::prelude::*;

use super::*;

fn any_state() -> impl Strategy<Value = AccountState> {
    prop_oneof![Just(ACTIVE), Just(LOCKED), Just(DEACTIVATED), Just(DISABLED), Just(ERASED)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (
        any::<[bool; 6]>(),
        prop::sample::select(vec![vec![], vec!["u1".to_owned()], vec!["/u[2-4]/".to_owned()]]),
    )
        .prop_map(
            |(
                [lock, keep_disabled, activate_locked, keep_unknown, trust, protect_admins],
                protect,
            )| Policy {
                disable: if lock { DisableMode::Lock } else { DisableMode::Deactivate },
                disabled_members: if keep_disabled {
                    DisabledMembers::Keep
                } else {
                    DisabledMembers::Disable
                },
                locked_members: if activate_locked {
                    LockedMembers::Activate
                } else {
                    LockedMembers::Keep
                },
                unknown_accounts: if keep_unknown {
                    UnknownAccounts::Keep
                } else {
                    UnknownAccounts::Disable
                },
                federation: if trust { Federation::Trust } else { Federation::Verify },
                protect: Protection::new(&protect).expect("valid"),
                protect_admins,
                ..Policy::default()
            },
        )
}

/// Worlds of a few names, so that they collide: members, accounts in other cases, people seen
/// otherwise, errors.
pub(super) fn any_scene() -> impl Strategy<Value = Scene> {
    let link = || prop::option::of(prop::sample::select(vec!["ldap", "ad"]));
    let members = prop::collection::vec((0..8_u8, any::<bool>(), link()), 0..8);
    let accounts =
        prop::collection::btree_map((0..8_u8, any::<bool>()), (any_state(), 0..6_u8), 0..10);
    let seen = prop::collection::vec((0..8_u8, any::<bool>(), any::<bool>(), link()), 0..6);
    (members, accounts, seen, any_policy()).prop_map(|(members, accounts, seen, policy)| {
        let mut scene = scene().policy(|own| *own = policy);
        for (name, enabled, link) in members {
            scene = scene.listed(&format!("u{name}"), enabled, link);
        }
        for ((name, capital), (state, kind)) in accounts {
            let name = if capital { format!("U{name}") } else { format!("u{name}") };
            scene = scene.account_with(&name, state, |account| {
                account.admin = kind == 1;
                account.bot = kind == 2;
                account.deactivated_in_mas = kind == 5;
            });
            scene = match kind {
                3 => scene.detail(&name, |detail| detail.appservice = Some("bridge".into())),
                4 => scene.fails(&name),
                _ => scene,
            };
        }
        for (name, enabled, in_group, link) in seen {
            scene = scene.seen(&format!("u{name}"), known(enabled, in_group, link));
        }
        scene
    })
}

fn any_scene_and_its_shuffle() -> impl Strategy<Value = (Scene, Vec<Account>)> {
    any_scene().prop_flat_map(|scene| {
        let accounts = scene.facts.accounts.clone();
        (Just(scene), Just(accounts).prop_shuffle())
    })
}

/// What the writers leave behind.
fn applied(scene: &Scene, plan: &Plan) -> Scene {
    let mut after = scene.clone();
    for action in plan.to_apply() {
        let account =
            after.facts.accounts.iter_mut().find(|account| account.user_id == action.user_id);
        let account = account.expect("an action is about an account");
        account.deactivated_in_mas = false;
        account.state = match (action.kind, plan.disable) {
            (ActionKind::GrantAdmin | ActionKind::RevokeAdmin, _) => account.state,
            (ActionKind::Activate | ActionKind::Create, _) => ACTIVE,
            (ActionKind::Disable, DisableMode::Deactivate) | (ActionKind::Deactivate, _) => {
                DISABLED
            }
            (ActionKind::Disable, DisableMode::Lock) => LOCKED,
        };
        after.details.remove(action.localpart().as_str());
    }
    after
}

proptest! {
    #[test]
    fn the_plan_of_the_applied_plan_is_empty(scene in any_scene()) {
        let again = applied(&scene, &scene.plan()).plan();
        prop_assert_eq!(actions(&again), vec![]);
    }

    #[test]
    fn no_kept_account_is_acted_on(scene in any_scene()) {
        let plan = scene.plan();
        let acted: Vec<_> = plan.actions.iter().map(crate::plan::Action::localpart).collect();
        prop_assert!(plan.kept.iter().all(|kept| !acted.contains(&&kept.localpart)));
    }

    #[test]
    fn the_counts_add_up(scene in any_scene()) {
        let plan = scene.plan();
        let summary = plan.summary();
        prop_assert_eq!(summary.activate + summary.disable + summary.unchanged + summary.kept, plan.read.accounts);
    }

    #[test]
    fn the_order_of_accounts_does_not_matter((scene, accounts) in any_scene_and_its_shuffle()) {
        let mut shuffled = scene.clone();
        shuffled.facts.accounts = accounts;
        prop_assert_eq!(shuffled.plan(), scene.plan());
    }

    #[test]
    fn no_enabled_member_is_ever_disabled(scene in any_scene()) {
        let plan = scene.plan();
        for action in plan.of_kind(ActionKind::Disable) {
            let key = action.localpart().key();
            let has_name = |member: &Member| member.localpart.as_ref().is_some_and(|localpart| localpart.key() == key);
            prop_assert!(!scene.facts.members.iter().any(|member| member.enabled && has_name(member)));
        }
    }
}
