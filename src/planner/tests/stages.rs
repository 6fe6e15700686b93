//! The second stage: what was locked by this program for long enough is deactivated, and nothing
//! else.

use std::time::Duration;

use super::*;
use crate::model::{Owner, Remembered, ServerClocks, Tie};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// When Dave was locked.
const THEN: Timestamp = Timestamp::from_millis(1000 * DAY);
const AFTER: Duration = Duration::from_hours(30 * 24);

fn days(days: i64) -> Timestamp {
    Timestamp::from_millis((1000 + days) * DAY)
}

impl Scene {
    /// Locked by this program, in every reading since.
    pub(super) fn locked_by_us(mut self, name: &str, since: Timestamp) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let (mode, progress) = (DisableMode::Lock, Progress::Done);
        let second_stage = SecondStage::NotBegun;
        let (until, was_deactivated) = (since, false);
        let own = OwnDisable { mode, progress, at: since, until, second_stage, was_deactivated };
        self.facts.memory.own.insert(user_id.clone(), own);
        self.facts.memory.locked_since.insert(user_id, since);
        self.account(name, LOCKED)
    }

    pub(super) fn on(mut self, now: Timestamp) -> Self {
        self.facts.now = now;
        self
    }

    fn forgets_locks(mut self) -> Self {
        self.facts.memory.locked_since.clear();
        self
    }

    fn forgets_all(mut self) -> Self {
        self.facts.memory = Memory::default();
        self
    }

    fn server_says(mut self, time: Timestamp) -> Self {
        self.facts.clocks = ServerClocks::default().and(Some(time));
        self
    }

    fn locks(self) -> Self {
        self.policy(|policy| {
            policy.disable = DisableMode::Lock;
            policy.deactivate_after = Some(AFTER);
        })
    }
}

/// Dave has left, was locked, and his time has come.
fn due() -> Scene {
    scene().locks().user("dave").locked_by_us("dave", THEN).on(days(30))
}

fn deactivate(name: &str) -> Vec<(ActionKind, String, Reason)> {
    vec![(ActionKind::Deactivate, name.to_owned(), Reason::LockedSince)]
}

fn nothing() -> Vec<(ActionKind, String, Reason)> {
    Vec::new()
}

#[test]
fn account_that_was_locked_for_long_enough_is_deactivated_and_counted_as_unchanged() {
    acts(&due(), deactivate("dave"));
    let plan = due().plan();
    assert_eq!(plan.actions[0].since, Some(THEN));
    let summary = plan.summary();
    assert_eq!((summary.deactivate, summary.disable, summary.unchanged), (1, 0, 1));
}

#[test]
fn account_is_deactivated_at_the_end_of_its_time_and_not_before() {
    let a_moment_before = Timestamp::from_millis(days(30).as_millis() - 1);
    let plan = due().on(a_moment_before).plan();
    assert_eq!(actions(&plan), nothing());
    assert_eq!((plan.next_stage.accounts, plan.next_stage.first), (1, Some(days(30))));
    acts(&due().on(days(400)), deactivate("dave"));
}

#[test]
fn without_the_key_locked_accounts_stay_locked() {
    acts(&due().policy(|policy| policy.deactivate_after = None), nothing());
}

#[test]
fn account_locked_by_hand_stays_locked() {
    acts(&scene().locks().user("dave").account("dave", LOCKED).on(days(400)), nothing());
}

#[test]
fn account_unlocked_and_locked_by_hand_stays_locked() {
    let locked_later = |at| due().detail("dave", |seen| seen.last_disabled_at = Some(at));
    acts(&locked_later(THEN), deactivate("dave"));
    acts(&locked_later(days(1)), nothing());
}

#[test]
fn lock_that_the_second_look_shows_to_be_by_hand_is_no_longer_ours() {
    let settled = |scene: &Scene| {
        let draft = Draft::new(&scene.facts, &scene.policy);
        let rechecks = scene.rechecks(&draft);
        draft.presence(&draft.verdicts(&rechecks), &rechecks).settled.len()
    };
    let locked = |at| due().detail("dave", |seen| seen.last_disabled_at = Some(at));
    assert_eq!((settled(&locked(days(1))), settled(&locked(THEN)), settled(&due())), (1, 0, 0));
}

#[test]
fn lost_or_interrupted_memory_starts_the_time_again() {
    acts(&due().forgets_locks(), nothing());
    acts(&due().forgets_all(), nothing());
}

#[test]
fn every_clock_has_to_show_that_the_time_has_come() {
    let a_second_before = Timestamp::from_millis(days(30).as_millis() - 1000);
    acts(&due().server_says(a_second_before), nothing());
    acts(&due().on(days(29)).server_says(days(400)), nothing());
    acts(&due().server_says(days(30)), deactivate("dave"));
}

#[test]
fn member_who_came_back_is_activated_and_not_deactivated() {
    let back = scene().locks().member("dave").locked_by_us("dave", THEN).on(days(400));
    acts(&back, activate("dave"));
}

#[test]
fn member_whom_only_the_second_look_shows_is_kept() {
    let scene = due().seen("dave", known(true, true, None));
    keeps(&scene, kept_as("dave", KeptReason::InGroupAtSecondLook));
    assert_eq!(scene.plan().contradictions, 1);
}

#[test]
fn account_that_is_no_longer_only_locked_is_left_as_it_is() {
    for state in [ACTIVE, DISABLED, ERASED] {
        acts(&due().detail("dave", |seen| seen.state = state), nothing());
    }
}

#[test]
fn protected_account_is_kept() {
    let protected = |policy: &mut Policy| {
        policy.protect = Protection::new(&["dave".to_owned()]).expect("valid");
    };
    keeps(&due().policy(protected), kept_as("dave", KeptReason::Protected));
    let admin = due().detail("dave", |seen| seen.admin = true);
    keeps(&admin, kept_as("dave", KeptReason::Admin));
}

#[test]
fn directory_in_doubt_keeps_the_account() {
    let federated = due().seen("dave", known(true, false, Some("ldap")));
    keeps(&federated, kept_as("dave", KeptReason::FederationInDoubt));
}

#[test]
fn account_whose_name_a_member_has_is_another_persons_and_stays_locked() {
    let scene = scene().locks().member("dave").on(days(400));
    let scene = scene.locked_by_us("dave", THEN).policy(|policy| policy.matching = Matching::Auto);
    let tied = |mut scene: Scene| {
        let owner = Owner { id: "id-of-another".into(), tie: Tie::Link };
        let account = scene.facts.accounts.last_mut().expect("an account");
        account.remembered = Remembered::owner(owner);
        scene
    };
    keeps(&tied(scene.clone()), kept_as("dave", KeptReason::AnotherPerson));
    // A protected account says the same before and after its time has come.
    let mut bot = tied(scene);
    bot.facts.accounts[0].bot = true;
    keeps(&bot.clone().on(days(3)), kept_as("dave", KeptReason::AnotherPerson));
    keeps(&bot, kept_as("dave", KeptReason::AnotherPerson));
}

#[test]
fn account_whose_second_look_fails_is_skipped() {
    let plan = due().fails("dave").plan();
    assert_eq!(actions(&plan), nothing());
    assert!(plan.is_in_doubt());
}

#[test]
fn member_whose_deactivation_was_interrupted_is_still_ours() {
    let begun = |second_stage| {
        let scene = scene().locks().member("dave").locked_by_us("dave", THEN).on(days(31));
        let mut scene = scene.policy(|policy| policy.reactivate = Reactivate::Own);
        scene.facts.accounts[0].state = DISABLED;
        for own in scene.facts.memory.own.values_mut() {
            own.second_stage = second_stage;
        }
        scene
    };
    acts(&begun(SecondStage::Begun), activate("dave"));
    keeps(&begun(SecondStage::NotBegun), kept_as("dave", KeptReason::NotOurs));
}

#[test]
fn unlocked_account_is_locked_again_at_once() {
    let mut scene = due();
    scene.facts.accounts[0].state = ACTIVE;
    acts(&scene, disable("dave", Reason::NotInGroup));
}

#[test]
fn grace_does_not_hold_a_deactivation() {
    let grace = |policy: &mut Policy| policy.grace = Duration::from_hours(100 * 24);
    acts(&due().policy(grace), deactivate("dave"));
}

/// Three accounts that are due, Zoe first, and one that is to be disabled.
fn several() -> Scene {
    let users = ["dave", "erin", "zoe", "leaver"];
    let scene = users.into_iter().fold(scene().locks(), Scene::user);
    let scene = scene.locked_by_us("dave", days(2)).locked_by_us("erin", days(3));
    scene.locked_by_us("zoe", days(1)).account("leaver", ACTIVE).on(days(400))
}

#[test]
fn those_locked_longest_go_first_and_the_rest_waits_for_room() {
    let left = |max_disable, past| {
        let mut plan = several().plan();
        let limits = Limits { max_disable, ..OPEN };
        let waiting = limits.defer_stages(&mut plan, past);
        assert_eq!(waiting.len(), plan.next_stage.waiting);
        assert_eq!(limits.refuse_after(&plan, past), []);
        let stages =
            actions(&plan).into_iter().filter(|(kind, ..)| *kind == ActionKind::Deactivate);
        stages.map(|(_, name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(left(9, Past::default()), ["dave", "erin", "zoe"]);
    assert_eq!(left(3, Past::default()), ["dave", "zoe"]);
    assert_eq!(left(2, Past::default()), ["zoe"]);
    assert_eq!(left(1, Past::default()), [""; 0]);
    assert_eq!(left(4, Past { deactivated: 1, ..Past::default() }), ["dave", "zoe"]);
    assert_eq!(left(4, Past { disabled: 2, inactive: 2, ..Past::default() }), ["zoe"]);
}

#[test]
fn second_stages_without_room_need_no_second_look() {
    let scene = several().policy(|policy| policy.most_stages = Some(1));
    let draft = Draft::new(&scene.facts, &scene.policy);
    let looked: Vec<_> = draft.to_recheck().map(|it| it.user_id.localpart().to_string()).collect();
    assert_eq!(looked, ["leaver", "zoe"]);
    let plan = scene.plan();
    assert_eq!((plan.next_stage.waiting, plan.summary().unchanged), (2, 3));
    assert_eq!(runs_and_ends(&scene).0.len(), 3);
}

#[test]
fn second_stage_whose_job_mas_has_lost_is_asked_for_again() {
    let lost = |second_stage| {
        let mut scene = due().on(days(31));
        scene.facts.accounts[0].deactivated_in_mas = true;
        for own in scene.facts.memory.own.values_mut() {
            own.second_stage = second_stage;
        }
        scene
    };
    acts(&lost(SecondStage::Begun), deactivate("dave"));
    acts(&lost(SecondStage::NotBegun), nothing());
    let healed = lost(SecondStage::Begun).detail("dave", |seen| seen.state = DISABLED);
    acts(&healed, nothing());
}

#[test]
fn account_that_was_never_tied_to_a_user_stays_locked() {
    let local = scene().locks().locked_by_us("local", THEN).on(days(400));
    acts(&local, nothing());
}

/// What a reading leaves in the state file: the accounts whose time runs, and those whose time ends.
fn runs_and_ends(scene: &Scene) -> (Vec<String>, Vec<String>) {
    let draft = Draft::new(&scene.facts, &scene.policy);
    let rechecks = scene.rechecks(&draft);
    let verdicts = draft.verdicts(&rechecks);
    let presence = draft.presence(&verdicts, &rechecks);
    let names = |accounts: &[&UserId]| {
        accounts.iter().map(|user_id| user_id.localpart().to_string()).collect()
    };
    (names(&presence.locked), names(&presence.not_locked))
}

#[test]
fn time_runs_while_the_account_is_locked_by_us_and_its_user_is_out() {
    let dave = || (vec!["dave".to_owned()], vec![]);
    let ended = || (vec![], vec!["dave".to_owned()]);
    assert_eq!(runs_and_ends(&due().forgets_locks()), dave());
    assert_eq!(runs_and_ends(&due().on(days(3))), dave());
    assert_eq!(runs_and_ends(&due()), dave());
    assert_eq!(runs_and_ends(&due().seen("dave", known(true, true, None))), ended());
    let mut unlocked = due();
    unlocked.facts.accounts[0].state = ACTIVE;
    assert_eq!(runs_and_ends(&unlocked), ended());
    let back = scene().locks().member("dave").locked_by_us("dave", THEN).on(days(3));
    assert_eq!(runs_and_ends(&back), ended());
    let by_hand = due().detail("dave", |seen| seen.last_disabled_at = Some(days(1)));
    assert_eq!(runs_and_ends(&by_hand.forgets_all()), (vec![], vec![]));
}

#[test]
fn time_of_an_account_that_was_never_tied_starts_again_after_its_second_look() {
    let local = |on| scene().locks().locked_by_us("local", THEN).on(on);
    assert_eq!(runs_and_ends(&local(days(3))), (vec!["local".to_owned()], vec![]));
    assert_eq!(runs_and_ends(&local(days(400))), (vec![], vec!["local".to_owned()]));
    let without_room = local(days(400)).policy(|policy| policy.most_stages = Some(0));
    assert_eq!(runs_and_ends(&without_room), (vec!["local".to_owned()], vec![]));
}

#[test]
fn accounts_that_stay_locked_leave_room_for_the_others() {
    // Nothing has ever tied `local` to a user.
    let scene = scene().locks().user("dave").locked_by_us("local", THEN);
    let scene = scene.locked_by_us("dave", days(1)).on(days(400));
    acts(&scene, deactivate("dave"));
    acts(&scene.policy(|policy| policy.most_stages = Some(1000)), deactivate("dave"));
}

#[test]
fn second_stages_leave_room_for_rechecking_the_other_changes() {
    let names = ["dave", "erin", "finn"];
    let scene = names.into_iter().fold(scene().locks().on(days(400)), |scene, name| {
        scene.user(name).locked_by_us(name, THEN)
    });
    let scene = scene.user("gus").account("gus", ACTIVE);
    let limited = |most| scene.clone().policy(move |policy| policy.most_rechecks = Some(most));
    let rechecks = |most| {
        let scene = limited(most);
        Draft::new(&scene.facts, &scene.policy).to_recheck().count()
    };
    assert_eq!((rechecks(9), rechecks(3), rechecks(1)), (4, 3, 1));
    // What Synapse alone sets aside takes no room.
    let unknown = |account: &mut Account| account.mas = InMas::Unknown;
    let scene = scene.user("hal").account_with("hal", ACTIVE, unknown);
    let scene = scene.policy(|policy| policy.most_rechecks = Some(3));
    assert_eq!(Draft::new(&scene.facts, &scene.policy).to_recheck().count(), 4);
}
