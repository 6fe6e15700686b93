//! A review is the plan, seen from the accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::laws::any_scene;
use super::*;
use crate::model::{MasAdmin, Word as _};

const DAY: i64 = 24 * 60 * 60 * 1000;

impl Scene {
    fn review(&self) -> Review<'_> {
        let draft = Draft::new(&self.facts, &self.policy);
        let rechecks = self.rechecks(&draft);
        let verdicts = draft.verdicts(&rechecks);
        let changes = self.admin_changes(&draft);
        Review::new(draft, verdicts, rechecks, changes)
    }

    fn reviewed<'r>(&'r self, review: &'r Review<'r>, name: &str) -> Reviewed<'r> {
        let mut accounts = self.facts.accounts.iter();
        let account = accounts.find(|account| account.localpart().as_str() == name);
        review.of(account.expect("an account"))
    }
}

/// Worlds with administrators, accounts locked by this program, and limits of the second stage.
fn any_world() -> impl Strategy<Value = (Scene, Limits)> {
    let locked = prop::collection::vec((10..16_u8, 0..60_i64), 0..5);
    let admins = prop::option::of(prop::collection::vec(0..8_u8, 0..4));
    let in_mas = prop::collection::vec(any::<bool>(), 10);
    let room = prop_oneof![Just(0), Just(1), Just(usize::MAX)];
    (any_scene(), locked, admins, in_mas, 0..3_usize, room).prop_map(
        |(mut scene, locked, admins, in_mas, min_admins, max_disable)| {
            for (account, is_admin) in scene.facts.accounts.iter_mut().zip(in_mas) {
                account.mas_admin = is_admin.into();
                account.admin |= is_admin;
            }
            scene = scene.on(Timestamp::from_millis(1000 * DAY));
            scene.policy.deactivate_after = Some(Duration::from_hours(30 * 24));
            for (name, days) in locked {
                let (name, since) =
                    (format!("l{name}"), Timestamp::from_millis((1000 - days) * DAY));
                let is_new = |account: &Account| account.localpart().as_str() != name;
                if scene.facts.accounts.iter().all(is_new) {
                    scene = scene.locked_by_us(&name, since);
                }
            }
            if let Some(admins) = admins {
                let names: BTreeSet<_> = admins.into_iter().map(|it| format!("u{it}")).collect();
                let users: Vec<_> = names.iter().map(|name| (&**name, &**name)).collect();
                scene = scene.admins(&users).rules(Revoke::Yes, min_admins);
            }
            (scene, Limits { max_disable, ..OPEN })
        },
    )
}

/// Returns the accounts of these rows, with the words of their reasons.
fn rows<'r>(
    rows: &'r [Reviewed<'_>],
    is_wanted: impl Fn(&Reviewed<'_>) -> bool,
) -> BTreeSet<(&'r Localpart, &'static str)> {
    let wanted = rows.iter().filter(|row| is_wanted(row));
    wanted.map(|row| (row.account.localpart(), row.grounds.word())).collect()
}

proptest! {
    #[test]
    fn review_and_plan_agree_about_every_account((scene, limits) in any_world()) {
        let mut plan = scene.plan();
        limits.defer_stages(&mut plan, Past::default());
        let mut review = scene.review();
        limits.defer_stages(review.plan_mut(), Past::default());
        prop_assert_eq!(review.plan(), &plan);

        let of_rows: Vec<_> = scene.facts.accounts.iter().map(|account| review.of(account)).collect();
        for (standing, kind) in [
            (Standing::Activate, ActionKind::Activate),
            (Standing::Disable, ActionKind::Disable),
            (Standing::Deactivate, ActionKind::Deactivate),
        ] {
            let planned = plan.of_kind(kind).map(|it| (it.localpart(), it.reason.word()));
            prop_assert_eq!(rows(&of_rows, |row| row.standing == standing), planned.collect());
        }
        let is_last = |row: &Reviewed<'_>| row.right == Some(RightNext::LastAdmin);
        let last = of_rows.iter().filter(|row| is_last(row));
        let last = last.map(|row| (row.account.localpart(), KeptReason::LastAdmin.word()));
        let mut kept = rows(&of_rows, |row| row.standing == Standing::Kept);
        kept.extend(last);
        let in_plan: BTreeSet<_> =
            plan.kept.iter().map(|kept| (&kept.localpart, kept.reason.word())).collect();
        prop_assert_eq!(kept, in_plan);
        for (right, kind) in [
            (RightNext::GrantAdmin, ActionKind::GrantAdmin),
            (RightNext::RevokeAdmin, ActionKind::RevokeAdmin),
        ] {
            let changed = of_rows.iter().filter(|row| row.right == Some(right));
            let changed: BTreeSet<_> = changed.map(|row| row.account.localpart()).collect();
            prop_assert_eq!(changed, plan.of_kind(kind).map(crate::plan::Action::localpart).collect());
        }
        let unchanged = |row: &&Reviewed<'_>| {
            let is_still = matches!(row.standing, Standing::Member | Standing::Outside | Standing::Deactivate);
            is_still || row.grounds == Grounds::Kept(KeptReason::LastAdmin)
        };
        prop_assert_eq!(of_rows.iter().filter(unchanged).count(), plan.unchanged);
        let staged = of_rows.iter().filter_map(|row| row.next_stage);
        let (late, soon): (Vec<_>, Vec<_>) = staged.partition(|at| *at <= scene.facts.now);
        prop_assert_eq!((soon.len(), late.len()), (plan.next_stage.accounts, plan.next_stage.waiting));
        prop_assert_eq!(soon.into_iter().min(), plan.next_stage.first);
    }
}

#[test]
fn account_that_waits_for_a_limit_says_so() {
    let thousand_days = Timestamp::from_millis(1000 * DAY);
    let scene = scene().user("dave").on(thousand_days).policy(|policy| {
        policy.disable = DisableMode::Lock;
        policy.deactivate_after = Some(Duration::from_hours(24));
    });
    let scene = scene.locked_by_us("dave", Timestamp::from_millis(990 * DAY));
    let mut review = scene.review();
    assert_eq!(scene.reviewed(&review, "dave").standing, Standing::Deactivate);
    Limits { max_disable: 0, ..OPEN }.defer_stages(review.plan_mut(), Past::default());
    let dave = scene.reviewed(&review, "dave");
    assert_eq!((dave.standing, dave.grounds.word()), (Standing::Outside, "not_in_group"));
    assert_eq!(dave.next_stage, Some(Timestamp::from_millis(991 * DAY)));
    assert_eq!(dave.remarks, [Remark::Waits]);
}

#[test]
fn owner_is_the_user_of_the_newest_link_or_of_the_name() {
    let scene = scene()
        .listed_as("id-a", "alice", true, None)
        .account("alice", ACTIVE)
        .account_with("old.bob", ACTIVE, |account| {
            account.links = [KeycloakId::from("id-b"), "id-x".into()].into_iter().collect();
        })
        .account_with("carol", ACTIVE, |account| account.mas_admin = MasAdmin::Yes)
        .account("mallory", DISABLED);
    let review = scene.review();
    let owners = |name| scene.reviewed(&review, name).owners;
    assert_eq!(owners("alice"), ["id-a".into()]);
    assert_eq!(owners("old.bob"), ["id-b".into()]);
    assert_eq!(owners("mallory"), [] as [KeycloakId; 0]);
}
