//! `undo` keeps every account that a run would keep, members' accounts included, and activates
//! nothing that was disabled later by others.

use std::time::Duration;

use super::*;
use crate::model::{Owner, Tie};
use crate::plan::{MappingSummary, Skip};

const ENDED: i64 = 1_000_000;

impl Scene {
    /// An action of the run that is undone.
    fn done(&self, name: &str, kind: ActionKind, mode: DisableMode) -> Undone {
        let account =
            self.facts.accounts.iter().find(|account| account.localpart().as_str() == name);
        let user_id = account.expect("an account").user_id.clone();
        Undone {
            kind,
            user_id,
            mode,
            ended: Some(Timestamp::from_millis(ENDED)),
            progress: Progress::Done,
            since: None,
        }
    }

    fn undo(&self, undone: &[Undone]) -> Plan {
        self.undo_with_admins(undone, &[])
    }

    /// Undoes with the administrators that mas-cli and MAS's configuration name.
    fn undo_with_admins(&self, undone: &[Undone], admins: &[Localpart]) -> Plan {
        let mut scope = PlanScope::default();
        scope.extend(undone.iter().map(|one| one.user_id.clone()));
        let undo = Undo::new(&self.facts, &self.policy, undone, &scope);
        let answers = undo
            .to_recheck()
            .map(|person| (person.user_id.clone(), self.recheck(&person)))
            .collect();
        let mut rechecks = Rechecks::Taken { answers, members_after: self.members_after.clone() };
        rechecks.mark_admins(admins);
        undo.decide(&rechecks)
    }

    fn match_by(self, matching: Matching) -> Self {
        self.policy(|policy| policy.matching = matching)
    }
}

/// Returns why an undone action is left out, or an empty text if it is done even without a yes.
fn left_out(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .map(|action| action.skipped.as_ref().map_or("", Skip::why).to_owned())
        .collect()
}

/// Bob is a member, and a run has activated his account.
fn bob_with(change: impl FnOnce(&mut Account)) -> Scene {
    scene().member_with_id("bob", "b").account_with("bob", ACTIVE, change)
}

fn bob() -> Scene {
    bob_with(|_| ())
}

fn linked_to(ids: &[&str]) -> impl FnOnce(&mut Account) {
    let links = ids.iter().map(|id| KeycloakId::from(*id)).collect();
    |account| account.links = links
}

fn protecting(scene: Scene, name: &str) -> Scene {
    let protect = Protection::new(&[name.to_owned()]).expect("valid");
    scene.policy(|policy| policy.protect = protect)
}

fn remembering(mut scene: Scene, change: impl FnOnce(&mut Memory, UserId)) -> Scene {
    let user_id = Localpart::from("bob").on(&scene.facts.server_name);
    change(&mut scene.facts.memory, user_id);
    scene
}

/// Every reason to keep the account of a current member; the marks that only the second look has
/// are apart.
fn kept_members() -> Vec<(KeptReason, Scene)> {
    let twin = scene().member("BOB").account("bob", ACTIVE).account("Bob", ACTIVE);
    let down = scene().listed("bob", true, Some("ldap")).account("bob", ACTIVE);
    let created_again = bob_with(linked_to(&["b"]));
    let after = created_again.clone().member_with_id("bob", "b2").facts.members;
    let of_another =
        bob_with(linked_to(&["z"])).member_with_id("zoe", "z").match_by(Matching::Localpart);
    vec![
        (KeptReason::OtherServer, scene().member("bob").account("@bob:elsewhere.org", ACTIVE)),
        (KeptReason::Ambiguous, bob().disabled_member("bob")),
        (KeptReason::Ambiguous, bob_with(|account| account.mas = InMas::Ambiguous)),
        (KeptReason::Ambiguous, twin),
        (KeptReason::TokenOwner, owner_of_the_token()),
        (KeptReason::Protected, protecting(bob(), "bob")),
        (KeptReason::Admin, bob_with(|account| account.admin = true)),
        (KeptReason::Admin, bob().detail("bob", |detail| detail.admin = true)),
        (KeptReason::Bot, bob_with(|account| account.bot = true)),
        (KeptReason::Bot, bob().detail("bob", |detail| detail.bot = true)),
        (
            KeptReason::Appservice,
            bob().detail("bob", |detail| detail.appservice = Some("irc".into())),
        ),
        (KeptReason::Appservice, remembering(bob(), |memory, bob| memory.bridges.extend([bob]))),
        (KeptReason::NotInMas, bob_with(|account| account.mas = InMas::Unknown)),
        (KeptReason::NotInMas, remembering(bob(), |memory, bob| memory.not_in_mas.extend([bob]))),
        (KeptReason::MayBeMember, of_another),
        (
            KeptReason::FederationInDoubt,
            Scene { members_after: Some(MemberList::default()), ..down },
        ),
        (KeptReason::InGroupAtSecondLook, Scene { members_after: Some(after), ..created_again }),
    ]
}

fn owner_of_the_token() -> Scene {
    let mut scene = bob();
    scene.facts.token_owners.synapse = Some(Localpart::from("bob").on(&scene.facts.server_name));
    scene
}

#[track_caller]
fn is_kept(reason: KeptReason, plan: &Plan) {
    let mut with_yes = plan.clone();
    with_yes.include_members();
    assert_eq!(actions(&with_yes), vec![], "{reason:?}");
    assert_eq!(left_out(plan), [format!("kept: {}", reason.text())]);
}

#[test]
fn undo_with_yes_keeps_a_current_members_account_for_every_reason_of_a_sync() {
    for (reason, scene) in kept_members() {
        is_kept(
            reason,
            &scene.undo(&[scene.done("bob", ActionKind::Activate, DisableMode::Deactivate)]),
        );
    }
}

#[test]
fn undo_with_yes_keeps_a_current_member_that_mas_cli_or_the_configuration_of_mas_names_as_administrator()
 {
    let undone = [bob().done("bob", ActionKind::Activate, DisableMode::Deactivate)];
    is_kept(KeptReason::Admin, &bob().undo_with_admins(&undone, &["Bob".into()]));
    let unprotected = bob().policy(|policy| policy.protect_admins = false);
    assert_eq!(left_out(&unprotected.undo_with_admins(&undone, &["bob".into()])), ["a member now"]);
}

#[test]
fn undo_keeps_former_members_for_reasons_about_their_absence_and_current_members_only_without_yes()
{
    let undone = [bob().done("bob", ActionKind::Activate, DisableMode::Deactivate)];
    let unknown = scene()
        .account("bob", ACTIVE)
        .policy(|policy| policy.unknown_accounts = UnknownAccounts::Keep);
    is_kept(KeptReason::UnknownAccount, &unknown.undo(&undone));
    let waiting = |scene: Scene| scene.policy(|policy| policy.grace = Duration::from_mins(1));
    is_kept(
        KeptReason::InGrace,
        &waiting(scene().user("bob").account("bob", ACTIVE)).undo(&undone),
    );
    let federated = scene().listed("bob", true, Some("ldap")).account("bob", ACTIVE);
    let own_link = bob_with(linked_to(&["b"])).match_by(Matching::Localpart);
    let keeps_unknown = bob().policy(|policy| policy.unknown_accounts = UnknownAccounts::Keep);
    for member in [bob(), waiting(bob()), waiting(federated), own_link, keeps_unknown] {
        let mut plan = member.undo(&undone);
        assert_eq!((actions(&plan), left_out(&plan)), (vec![], vec!["a member now".to_owned()]));
        plan.include_members();
        assert_eq!(plan.to_apply().count(), 1);
    }
}

#[test]
fn undo_with_yes_keeps_a_current_member_that_mas_cli_may_mix_up_with_another_account() {
    let tied = |id: &'static str| {
        move |account: &mut Account| {
            account.remember(Owner { id: id.into(), tie: Tie::Link });
        }
    };
    let both = scene().member_with_id("kim", "k").member_with_id("r", "r");
    let both = both.account_with("kim", ACTIVE, tied("k")).account_with("KIM", ACTIVE, tied("r"));
    is_kept(
        KeptReason::Ambiguous,
        &both.undo(&[both.done("kim", ActionKind::Activate, DisableMode::Lock)]),
    );
    // The other one would be disabled even without a yes.
    let one_out = scene().member_with_id("kim", "k").seen("r", known(true, false, None));
    let one_out =
        one_out.account_with("kim", ACTIVE, tied("k")).account_with("KIM", ACTIVE, tied("r"));
    let undone = ["kim", "KIM"]
        .map(|name| one_out.done(name, ActionKind::Activate, DisableMode::Deactivate));
    let kept = format!("kept: {}", KeptReason::Ambiguous.text());
    assert_eq!(left_out(&one_out.undo(&undone)), [kept.clone(), kept]);
}

#[test]
fn undo_activates_no_account_that_is_never_activated() {
    let erased = scene().account("bob", DISABLED).detail("bob", |detail| detail.state = ERASED);
    let not_in_mas = scene().account_with("bob", DISABLED, |account| account.mas = InMas::Unknown);
    for (reason, scene) in [
        (KeptReason::OtherServer, scene().account("@bob:elsewhere.org", DISABLED)),
        (
            KeptReason::Ambiguous,
            scene().account_with("bob", DISABLED, |account| account.mas = InMas::Ambiguous),
        ),
        (KeptReason::NotInMas, not_in_mas),
        (KeptReason::Erased, scene().account("bob", ERASED)),
        (
            KeptReason::Erased,
            scene().account("bob", ERASED).detail("bob", |detail| detail.state = DISABLED),
        ),
        (KeptReason::Erased, erased),
    ] {
        is_kept(
            reason,
            &scene.undo(&[scene.done("bob", ActionKind::Disable, DisableMode::Deactivate)]),
        );
    }
}

#[test]
fn undo_of_a_lock_keeps_an_account_that_only_mas_shows_as_deactivated_since() {
    let undone = |scene: &Scene| [scene.done("dave", ActionKind::Disable, DisableMode::Lock)];
    let dave = || scene().user("dave");
    let in_list = dave().account_with("dave", LOCKED, |account| account.deactivated_in_mas = true);
    let in_look =
        dave().account("dave", LOCKED).detail("dave", |detail| detail.deactivated_in_mas = true);
    for scene in [in_list, in_look, dave().account("dave", DISABLED)] {
        let plan = scene.undo(&undone(&scene));
        assert_eq!(actions(&plan), vec![]);
        assert!(left_out(&plan)[0].ends_with("deactivated since"), "{plan:?}");
    }
    let only_locked = dave().account("dave", LOCKED);
    assert_eq!(left_out(&only_locked.undo(&undone(&only_locked))), [""]);
}

#[test]
fn undo_keeps_an_account_that_was_locked_or_deactivated_between_list_and_look() {
    for (listed, now) in [(LOCKED, DISABLED), (DEACTIVATED, DISABLED)] {
        for mode in [DisableMode::Deactivate, DisableMode::Lock] {
            let scene = scene()
                .user("dave")
                .account("dave", listed)
                .detail("dave", |detail| detail.state = now);
            let plan = scene.undo(&[scene.done("dave", ActionKind::Disable, mode)]);
            assert_eq!(actions(&plan), vec![], "{listed:?} {now:?} {mode:?}");
        }
    }
    let both = [DISABLED, LOCKED, DEACTIVATED];
    for (listed, now) in both.into_iter().map(|now| (DISABLED, now)) {
        let scene = scene()
            .user("dave")
            .account("dave", listed)
            .detail("dave", |detail| detail.state = now);
        let plan = scene.undo(&[scene.done("dave", ActionKind::Disable, DisableMode::Deactivate)]);
        assert_eq!(left_out(&plan), [""], "{now:?}");
    }
}

#[test]
fn undo_compares_the_run_with_the_later_of_lock_and_deactivation() {
    let minute = 60_000;
    let dave = |earlier: i64, later: i64| {
        scene().user("dave").account("dave", DISABLED).detail("dave", |detail| {
            detail.disabled_at = Some(Timestamp::from_millis(earlier));
            detail.last_disabled_at = Some(Timestamp::from_millis(later));
        })
    };
    let undo = |scene: &Scene| {
        scene.undo(&[scene.done("dave", ActionKind::Disable, DisableMode::Deactivate)])
    };
    let again = undo(&dave(ENDED, ENDED + 2 * minute));
    assert_eq!(actions(&again), vec![]);
    assert!(left_out(&again)[0].contains("it was disabled again at"), "{again:?}");
    assert_eq!(left_out(&undo(&dave(ENDED - 5 * minute, ENDED + minute))), [""]);
}

#[test]
fn deactivation_that_mas_does_after_the_run_is_the_runs() {
    let minute = 60_000;
    let dave = scene().user("dave").account("dave", DISABLED).detail("dave", |detail| {
        detail.locked_at = Some(Timestamp::from_millis(ENDED));
        detail.disabled_at = Some(Timestamp::from_millis(ENDED));
        detail.last_disabled_at = Some(Timestamp::from_millis(ENDED + 10 * minute));
    });
    let undone = dave.done("dave", ActionKind::Disable, DisableMode::Deactivate);
    for progress in [Progress::Requested, Progress::Begun] {
        let undo = |scene: &Scene| scene.undo(&[Undone { progress, ..undone.clone() }]);
        assert_eq!(left_out(&undo(&dave)), [""], "{progress:?}");
        // Unlocked, and locked or only deactivated by hand.
        for locked in [Some(ENDED + 2 * minute), None] {
            let mut by_hand = dave.clone();
            let detail = by_hand.details.get_mut("dave").expect("seen");
            detail.locked_at = locked.map(Timestamp::from_millis);
            detail.disabled_at = Some(Timestamp::from_millis(ENDED + 2 * minute));
            let plan = undo(&by_hand);
            let told = &left_out(&plan)[0];
            assert!(told.contains("it was disabled again at"), "{progress:?}: {plan:?}");
        }
    }
}

#[test]
fn undo_of_a_disable_keeps_an_account_that_is_active_now_without_a_second_look() {
    let world = scene().user("dave").account("dave", ACTIVE);
    let undone = world.done("dave", ActionKind::Disable, DisableMode::Deactivate);
    for since in [None, Some(Since::SeenActive)] {
        let plan = world.undo(&[Undone { since, ..undone.clone() }]);
        assert_eq!((actions(&plan), left_out(&plan)), (vec![], vec!["active now".to_owned()]));
        assert_eq!(plan.actions[0].evidence, None, "{since:?}");
    }
}

#[test]
fn undo_says_nothing_about_members_that_it_is_not_about() {
    let world = scene().member("zoe").account("alice", DISABLED);
    let plan = world.undo(&[world.done("alice", ActionKind::Disable, DisableMode::Deactivate)]);
    assert_eq!(world.plan().not_registered, ["zoe".into()]);
    assert_eq!((plan.not_registered, plan.mapping), (vec![], MappingSummary::default()));
}

#[test]
fn accounts_that_are_not_undone_make_no_room_without_a_second_look() {
    let others = (0..50).fold(scene(), |scene, number| {
        let unknown = |account: &mut Account| account.mas = InMas::Unknown;
        scene.account_with(&format!("u{number}"), ACTIVE, unknown)
    });
    let world = others.member("bob").account("bob", ACTIVE).user("x").account("x", ACTIVE);
    let plan = world.undo(&[world.done("x", ActionKind::Activate, DisableMode::Deactivate)]);
    assert_eq!(plan.active, 2);
}
