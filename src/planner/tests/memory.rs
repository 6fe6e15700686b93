//! What the past changes: the grace of those who left, whose activation it is, and what was left
//! half done.

use std::time::Duration;

use super::whose::outcome;
use super::*;
use crate::model::{Owner, ServerClocks, Tie};

const EVERY_PROGRESS: [Progress; 3] = [Progress::Begun, Progress::Requested, Progress::Done];

impl Scene {
    fn at(mut self, millis: i64) -> Self {
        self.facts.now = Timestamp::from_millis(millis);
        self
    }

    fn absent_since(mut self, name: &str, millis: i64) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        self.facts.memory.absent_since.insert(user_id, Timestamp::from_millis(millis));
        self
    }

    /// Disabled by this program, or begun to be.
    pub(super) fn own(mut self, name: &str, mode: DisableMode, progress: Progress) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let own = OwnDisable {
            mode,
            progress,
            at: Timestamp::default(),
            until: Timestamp::default(),
            second_stage: SecondStage::default(),
            was_deactivated: false,
        };
        self.facts.memory.own.insert(user_id, own);
        self
    }

    fn grace(self, millis: u64) -> Self {
        self.policy(|policy| policy.grace = Duration::from_millis(millis))
    }

    pub(super) fn reactivate(self, reactivate: Reactivate) -> Self {
        self.policy(|policy| policy.reactivate = reactivate)
    }
}

fn leaver() -> Scene {
    scene().user("dave").account("dave", ACTIVE).grace(1000)
}

#[test]
fn who_has_left_has_the_grace_from_the_first_absence_on() {
    let in_grace = |scene: &Scene| {
        scene.plan().kept.first().and_then(|kept| kept.until).map(Timestamp::as_millis)
    };
    assert_eq!(in_grace(&leaver().at(5000)), Some(6000));
    assert_eq!(in_grace(&leaver().at(5000).absent_since("dave", 4500)), Some(5500));
    acts(&leaver().at(5000).absent_since("dave", 4000), disable("dave", Reason::NotInGroup));
}

#[test]
fn a_clock_that_went_back_disables_no_account_early() {
    keeps(&leaver().at(5000).absent_since("dave", 9000), kept_as("dave", KeptReason::InGrace));
}

#[test]
fn clock_of_this_host_that_jumped_ends_no_grace() {
    let servers_say = |millis| {
        let mut scene = leaver().at(90_000).absent_since("dave", 4500);
        scene.facts.clocks = ServerClocks::default().and(Some(Timestamp::from_millis(millis)));
        scene
    };
    let still = servers_say(4000);
    keeps(&still, kept_as("dave", KeptReason::InGrace));
    let until = still.plan().kept[0].until.map(Timestamp::as_millis);
    assert_eq!(until, Some(90_000 + 501), "as long as is left by the server's clock");
    acts(&servers_say(5000), disable("dave", Reason::NotInGroup));
}

#[test]
fn who_is_disabled_in_keycloak_does_not_wait() {
    let scene = scene().disabled_member("frank").account("frank", ACTIVE).grace(1000).at(5000);
    acts(&scene, disable("frank", Reason::DisabledInKeycloak));
}

#[test]
fn every_other_reason_to_keep_someone_comes_before_the_grace() {
    let scene = leaver().at(5000).seen("dave", known(true, true, None));
    keeps(&scene, kept_as("dave", KeptReason::InGroupAtSecondLook));
}

#[test]
fn own_activates_members_that_this_program_disabled_or_started_to() {
    let bob = || scene().member("bob").account("bob", DISABLED).reactivate(Reactivate::Own);
    keeps(&bob(), kept_as("bob", KeptReason::NotOurs));
    for progress in EVERY_PROGRESS {
        acts(&bob().own("bob", DisableMode::Deactivate, progress), activate("bob"));
    }
}

#[test]
fn none_activates_no_member() {
    let bob = scene().member("bob").account("bob", DISABLED).reactivate(Reactivate::None);
    keeps(
        &bob.own("bob", DisableMode::Deactivate, Progress::Done),
        kept_as("bob", KeptReason::NotOurs),
    );
}

#[test]
fn a_lock_that_was_half_of_our_deactivation_is_finished() {
    let dave = || scene().user("dave").account("dave", LOCKED);
    acts(&dave(), vec![]);
    acts(&dave().own("dave", DisableMode::Deactivate, Progress::Done), vec![]);
    acts(
        &dave().own("dave", DisableMode::Deactivate, Progress::Begun),
        disable("dave", Reason::NotInGroup),
    );
    acts(
        &dave().own("dave", DisableMode::Deactivate, Progress::Begun).grace(1000),
        disable("dave", Reason::NotInGroup),
    );
    acts(&dave().own("dave", DisableMode::Lock, Progress::Begun), vec![]);
}

#[test]
fn disable_of_ours_that_broke_off_is_repeated_in_lock_mode() {
    let lock = |scene: Scene| scene.policy(|policy| policy.disable = DisableMode::Lock);
    let dave = || lock(scene().user("dave").account("dave", LOCKED));
    acts(&dave(), vec![]);
    for mode in [DisableMode::Lock, DisableMode::Deactivate] {
        acts(&dave().own("dave", mode, Progress::Begun), disable("dave", Reason::NotInGroup));
        acts(
            &dave().own("dave", mode, Progress::Begun).grace(1000),
            disable("dave", Reason::NotInGroup),
        );
        acts(&dave().own("dave", mode, Progress::Requested), vec![]);
        acts(&dave().own("dave", mode, Progress::Done), vec![]);
    }
    let deactivated = lock(scene().user("dave").account("dave", DISABLED));
    acts(&deactivated.own("dave", DisableMode::Lock, Progress::Begun), vec![]);
    let member = lock(scene().member("dave").account("dave", LOCKED));
    acts(&member.own("dave", DisableMode::Lock, Progress::Begun), activate("dave"));
}

#[test]
fn account_that_mas_cli_did_not_find_is_kept() {
    let not_found = |mut scene: Scene, name: &str| {
        scene.facts.memory.not_in_mas.insert(Localpart::from(name).on(&scene.facts.server_name));
        scene
    };
    let dave = not_found(scene().user("dave").account("dave", ACTIVE), "dave");
    keeps(&dave, kept_as("dave", KeptReason::NotInMas));
    let bob = not_found(scene().member("bob").account("bob", DISABLED), "bob");
    keeps(&bob, kept_as("bob", KeptReason::NotInMas));
}

#[test]
fn a_member_with_a_lock_of_ours_is_let_in_again() {
    let dave = || scene().member("dave").account("dave", LOCKED);
    keeps(&dave(), kept_as("dave", KeptReason::LockedByHand));
    for progress in [Progress::Begun, Progress::Requested] {
        acts(&dave().own("dave", DisableMode::Deactivate, progress), activate("dave"));
    }
    acts(&dave().own("dave", DisableMode::Lock, Progress::Done), activate("dave"));
}

#[test]
fn disable_of_ours_excuses_only_what_it_can_have_left() {
    use DisableMode::{Deactivate, Lock};
    let kept = |state, mode, progress| {
        let dave = scene().member("dave").account("dave", state).reactivate(Reactivate::Own);
        dave.own("dave", mode, progress).plan().kept.first().map(|kept| kept.reason)
    };
    let table = [
        (DISABLED, Deactivate, Progress::Done, None),
        (DEACTIVATED, Deactivate, Progress::Done, None),
        // It was given back, and locked by hand.
        (LOCKED, Deactivate, Progress::Done, Some(KeptReason::LockedByHand)),
        (LOCKED, Deactivate, Progress::Begun, None),
        (LOCKED, Lock, Progress::Done, None),
        // It was deactivated by hand.
        (DISABLED, Lock, Progress::Done, Some(KeptReason::NotOurs)),
        (DEACTIVATED, Lock, Progress::Begun, Some(KeptReason::NotOurs)),
    ];
    for (state, mode, progress, expected) in table {
        assert_eq!(kept(state, mode, progress), expected, "{state:?} {mode:?} {progress:?}");
    }
}

#[test]
fn what_is_remembered_is_who_is_out_and_who_is_in() {
    let mut scene = scene()
        .member("alice")
        .account("alice", ACTIVE)
        .member("bob")
        .account("bob", ACTIVE)
        .user("dave")
        .account("dave", ACTIVE)
        .user("erin")
        .account("erin", DISABLED)
        .account("l0001", ACTIVE)
        .fails("l0001");
    // Of those who were never out there is nothing to take back.
    let alice = Localpart::from("alice").on(&scene.facts.server_name);
    scene.facts.memory.absent_since.insert(alice, Timestamp::default());
    let draft = Draft::new(&scene.facts, &scene.policy);
    let rechecks = scene.rechecks(&draft);
    let verdicts = draft.verdicts(&rechecks);
    let presence = draft.presence(&verdicts, &rechecks);
    let names =
        |ids: &[&UserId]| ids.iter().map(|id| id.localpart().to_string()).collect::<Vec<_>>();
    assert_eq!(
        (names(&presence.absent), names(&presence.present)),
        (vec!["dave".to_owned()], vec!["alice".to_owned()])
    );
}

/// Returns the accounts that a reading shows to be a member's.
fn present(scene: &Scene) -> Vec<String> {
    let draft = Draft::new(&scene.facts, &scene.policy);
    let rechecks = scene.rechecks(&draft);
    let presence = draft.presence(&draft.verdicts(&rechecks), &rechecks);
    presence.present.iter().map(|id| id.localpart().to_string()).collect()
}

#[test]
fn grace_starts_again_if_the_account_may_have_been_a_members_meanwhile() {
    let by_sign =
        scene().member_with_id("alice", "a").account("l0001", ACTIVE).shows_name_of("l0001", "a");
    keeps(&by_sign, kept_as("l0001", KeptReason::MayBeMember));
    assert_eq!(present(&by_sign), ["l0001"]);
    let by_name = scene().member("sam").disabled_member("sam").account("sam", ACTIVE);
    keeps(&by_name, kept_as("sam", KeptReason::Ambiguous));
    assert_eq!(present(&by_name), ["sam"]);
    let by_older_link = scene().member_with_id("new", "b").seen("old", known(true, false, None));
    let by_older_link = by_older_link.account_with("bob", ACTIVE, |account| {
        account.links = ["old", "b"].into_iter().map(KeycloakId::from).collect();
    });
    keeps(&by_older_link, kept_as("bob", KeptReason::Ambiguous));
    assert_eq!(present(&by_older_link), ["bob"]);
}

#[test]
fn grace_starts_again_after_every_other_sign_of_a_member() {
    let looked_at = scene().account("dave", ACTIVE).seen("dave", known(true, true, None));
    let returned = || scene().member("bob").account("bob", DISABLED);
    let table = [
        (looked_at, "kept in_group_at_second_look"),
        (returned(), "activate in_group"),
        (returned().reactivate(Reactivate::None), "kept not_ours"),
        (scene().member("bob").account("bob", LOCKED), "kept locked_by_hand"),
        (scene().member("bob").account("bob", ERASED), "kept erased"),
    ];
    for (scene, expected) in table {
        let name = scene.facts.accounts[0].localpart().to_string();
        assert_eq!((outcome(&scene, &name), present(&scene)), (expected.to_owned(), vec![name]));
    }
}

#[test]
fn every_directory_that_a_reading_shows_is_remembered() {
    let seen = |scene: &Scene| {
        let draft = Draft::new(&scene.facts, &scene.policy);
        let rechecks = scene.rechecks(&draft);
        let presence = draft.presence(&draft.verdicts(&rechecks), &rechecks);
        let texts = |names: &[&str]| names.join(" ");
        (texts(&presence.directories_seen), texts(&presence.directories))
    };
    let out = known(false, false, Some("ldap"));
    let mut visible = scene().member("alice").account("alice", ACTIVE);
    visible.facts.providers = Some(vec!["ldap".into()]);
    let table = [
        ("its provider is visible", visible, ("ldap", "")),
        ("a disabled member", scene().listed("l1", false, Some("ldap")), ("ldap", "")),
        ("a second look", scene().account("l1", ACTIVE).seen("l1", out), ("ldap", "")),
        ("an enabled member", scene().listed("l1", true, Some("ldap")), ("", "ldap")),
    ];
    for (sign, scene, (in_doubt, alive)) in table {
        assert_eq!(seen(&scene), (in_doubt.to_owned(), alive.to_owned()), "{sign}");
    }
}

#[test]
fn grace_goes_on_if_mas_cli_may_only_mix_up_two_accounts() {
    let scene = scene()
        .member_with_id("kim", "k")
        .account("kim", ACTIVE)
        .seen("r", known(true, false, None));
    let scene = scene.account_with("KIM", ACTIVE, |account| {
        account.remember(Owner { id: "r".into(), tie: Tie::Link });
    });
    keeps(&scene, kept_as("KIM", KeptReason::Ambiguous));
    assert_eq!(present(&scene), [""; 0]);
}

#[test]
fn a_directory_that_was_ever_up_has_to_be_up_if_directories_are_not_visible() {
    let mut scene = scene().member("alice").account("l0007", ACTIVE);
    scene.facts.memory.directories.insert("ldap".into());
    keeps(&scene, kept_as("l0007", KeptReason::FederationInDoubt));
    scene.facts.providers = Some(Vec::new());
    acts(&scene, disable("l0007", Reason::NotInKeycloak));
}

#[test]
fn an_account_that_is_active_again_is_remembered_as_settled() {
    let scene = scene().user("dave").account("dave", ACTIVE).own(
        "dave",
        DisableMode::Deactivate,
        Progress::Begun,
    );
    let draft = Draft::new(&scene.facts, &scene.policy);
    let names =
        |ids: &[&UserId]| ids.iter().map(|id| id.localpart().to_string()).collect::<Vec<_>>();
    let settled =
        |draft: &Draft<'_>| names(&draft.presence(&draft.verdicts(&NO_LOOKS), &NO_LOOKS).settled);
    assert_eq!(settled(&draft), ["dave"]);
    let locked = super::scene().user("dave").account("dave", LOCKED).own(
        "dave",
        DisableMode::Deactivate,
        Progress::Begun,
    );
    assert_eq!(settled(&Draft::new(&locked.facts, &locked.policy)), [""; 0]);
}

#[test]
fn disable_that_was_not_confirmed_counts_as_shown_once_the_account_has_that_state() {
    use DisableMode::{Deactivate, Lock};
    use Progress::{Begun, Done, Requested};
    let shown = |state, mode, progress, second_stage| {
        let mut scene = scene().user("dave").account("dave", state).own("dave", mode, progress);
        scene.facts.memory.own.values_mut().for_each(|own| own.second_stage = second_stage);
        let draft = Draft::new(&scene.facts, &scene.policy);
        !draft.presence(&draft.verdicts(&NO_LOOKS), &NO_LOOKS).shown.is_empty()
    };
    let table = [
        (LOCKED, Lock, Requested, SecondStage::NotBegun, true),
        (ACTIVE, Lock, Requested, SecondStage::NotBegun, false),
        (DISABLED, Lock, Requested, SecondStage::NotBegun, false),
        (LOCKED, Lock, Done, SecondStage::NotBegun, false),
        (LOCKED, Lock, Done, SecondStage::Begun, false),
        (DISABLED, Lock, Done, SecondStage::Begun, true),
        (LOCKED, Deactivate, Requested, SecondStage::NotBegun, false),
        (DISABLED, Deactivate, Requested, SecondStage::NotBegun, true),
        (DISABLED, Deactivate, Begun, SecondStage::NotBegun, true),
        (LOCKED, Deactivate, Begun, SecondStage::NotBegun, false),
        (LOCKED, Lock, Begun, SecondStage::NotBegun, false),
        (DISABLED, Deactivate, Done, SecondStage::NotBegun, false),
    ];
    for (state, mode, progress, stage, expected) in table {
        let case = format!("{state:?} {mode:?} {progress:?} {stage:?}");
        assert_eq!(shown(state, mode, progress, stage), expected, "{case}");
    }
}
