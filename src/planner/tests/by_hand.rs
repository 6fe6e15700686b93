//! What administrators do by hand after a disable of ours is theirs.

use super::*;

#[test]
fn lock_by_hand_after_a_lock_of_ours_that_was_not_confirmed_is_not_ours() {
    let minutes = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
    let kept = |disabled_at, second_stage| {
        let dave = scene().member("dave").account("dave", LOCKED).reactivate(Reactivate::Own);
        let mut dave = dave.own("dave", DisableMode::Lock, Progress::Requested);
        dave.policy.disable = DisableMode::Lock;
        dave.facts.memory.own.values_mut().for_each(|own| own.second_stage = second_stage);
        let dave = dave.detail("dave", |detail| detail.last_disabled_at = Some(disabled_at));
        dave.plan().kept.first().map(|kept| kept.reason)
    };
    assert_eq!(kept(minutes(2), SecondStage::NotBegun), Some(KeptReason::NotOurs));
    assert_eq!(kept(minutes(1), SecondStage::NotBegun), None, "clocks may differ");
    assert_eq!(kept(minutes(2), SecondStage::Begun), None, "the deactivation may come later");
}

#[test]
fn what_was_disabled_after_our_disable_had_ended_is_not_ours() {
    let minutes = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
    let kept = |disabled_at, progress| {
        let dave = scene().member("dave").account("dave", DISABLED).reactivate(Reactivate::Own);
        let dave = dave.own("dave", DisableMode::Deactivate, progress);
        let dave = dave.detail("dave", |detail| detail.last_disabled_at = Some(disabled_at));
        dave.plan().kept.first().map(|kept| kept.reason)
    };
    assert_eq!(kept(minutes(2), Progress::Done), Some(KeptReason::NotOurs));
    assert_eq!(kept(minutes(1), Progress::Done), None, "clocks may differ");
    assert_eq!(kept(minutes(2), Progress::Requested), None, "MAS may have done it later");
}

#[test]
fn lock_that_is_left_of_a_deactivation_that_was_seen_is_by_hand() {
    let kept = |was_deactivated, scene: Scene| {
        let mut dave = scene.account("dave", LOCKED);
        dave = dave.own("dave", DisableMode::Deactivate, Progress::Begun);
        let own = dave.facts.memory.own.values_mut();
        own.for_each(|own| own.was_deactivated = was_deactivated);
        let plan = dave.plan();
        (plan.actions.len(), plan.kept.first().map(|kept| kept.reason))
    };
    assert_eq!(kept(false, scene().user("dave")), (1, None), "it is finished");
    assert_eq!(kept(true, scene().user("dave")), (0, None), "reactivated by hand, and locked");
    let by_lock = |scene: Scene| scene.policy(|policy| policy.disable = DisableMode::Lock);
    assert_eq!(kept(false, by_lock(scene().user("dave"))), (1, None), "the sessions may be open");
    assert_eq!(kept(true, by_lock(scene().user("dave"))), (0, None));
    let by_hand = (0, Some(KeptReason::LockedByHand));
    assert_eq!(kept(false, scene().member("dave")), (1, None));
    assert_eq!(kept(true, scene().member("dave")), by_hand);
}
