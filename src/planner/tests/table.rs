//! The decision table, row by row.

use super::*;

#[test]
fn a_member_who_is_active_stays() {
    acts(&scene().member("alice").account("alice", ACTIVE), vec![]);
}

#[test]
fn a_member_who_is_disabled_is_activated() {
    for state in [DISABLED, DEACTIVATED] {
        acts(&scene().member("bob").account("bob", state), activate("bob"));
    }
}

#[test]
fn a_member_that_only_mas_still_has_deactivated_is_activated() {
    let half = |account: &mut Account| account.deactivated_in_mas = true;
    acts(&scene().member("bob").account_with("bob", ACTIVE, half), activate("bob"));
    acts(
        &scene().user("dave").account_with("dave", ACTIVE, half),
        disable("dave", Reason::NotInGroup),
    );
}

#[test]
fn a_member_without_an_account_is_only_reported() {
    let plan = scene().member("zoe").disabled_member("yan").plan();
    assert_eq!((actions(&plan), plan.not_registered), (vec![], vec!["zoe".into()]));
}

#[test]
fn who_is_not_in_the_group_is_disabled() {
    acts(&scene().user("dave").account("dave", ACTIVE), disable("dave", Reason::NotInGroup));
}

#[test]
fn who_is_not_in_the_group_and_disabled_stays_disabled() {
    for state in [DISABLED, DEACTIVATED, ERASED] {
        acts(&scene().user("erin").account("erin", state), vec![]);
    }
}

#[test]
fn who_is_not_in_keycloak_is_disabled_unless_unknown_accounts_are_kept() {
    let scene = scene().account("mallory", ACTIVE);
    acts(&scene, disable("mallory", Reason::NotInKeycloak));
    let scene = scene.policy(|policy| policy.unknown_accounts = UnknownAccounts::Keep);
    keeps(&scene, kept_as("mallory", KeptReason::UnknownAccount));
}

#[test]
fn a_member_disabled_in_keycloak_counts_as_out_by_default() {
    let scene = scene().disabled_member("frank").account("frank", ACTIVE);
    acts(&scene, disable("frank", Reason::DisabledInKeycloak));
    acts(&scene.policy(|policy| policy.disabled_members = DisabledMembers::Keep), vec![]);
}

#[test]
fn names_are_compared_without_regard_to_case() {
    acts(&scene().member("alice").account("Alice", ACTIVE), vec![]);
    acts(&scene().member("Bob").account("bob", DISABLED), activate("bob"));
}

#[test]
fn accounts_that_differ_only_in_case_are_disabled_with_their_user() {
    let both = vec![
        (ActionKind::Disable, "Eve".to_owned(), Reason::NotInGroup),
        (ActionKind::Disable, "eve".to_owned(), Reason::NotInGroup),
    ];
    acts(&scene().user("eve").account("eve", ACTIVE).account("Eve", ACTIVE), both);
}

#[test]
fn accounts_that_differ_only_in_case_are_ambiguous_but_for_the_one_spelled_as_the_member() {
    for state in [ACTIVE, DISABLED] {
        let scene = scene().member("eve").account("eve", ACTIVE).account("Eve", state);
        keeps(&scene, kept_as("Eve", KeptReason::Ambiguous));
    }
    let none_is_exact = scene().member("EVE").account("eve", ACTIVE).account("Eve", ACTIVE);
    let both =
        vec![("Eve".to_owned(), KeptReason::Ambiguous), ("eve".to_owned(), KeptReason::Ambiguous)];
    keeps(&none_is_exact, both);
}

#[test]
fn two_members_with_one_localpart_are_ambiguous_if_the_table_treats_them_differently() {
    let twins = scene().member("sam").member("sam");
    acts(&twins.clone().account("sam", DISABLED), activate("sam"));
    acts(&twins.account("sam", ACTIVE), vec![]);
    for state in [ACTIVE, DISABLED] {
        let mixed = scene().member("sam").disabled_member("sam").account("sam", state);
        keeps(&mixed, kept_as("sam", KeptReason::Ambiguous));
    }
    let both_out =
        scene().disabled_member("sam").disabled_member("sam").seen("sam", known(false, true, None));
    acts(&both_out.account("sam", ACTIVE), disable("sam", Reason::DisabledInKeycloak));
}

#[test]
fn the_owner_of_the_token_is_never_disabled() {
    keeps(&scene().account("sync-bot", ACTIVE), kept_as("sync-bot", KeptReason::TokenOwner));
}

#[test]
fn an_account_of_another_server_is_kept() {
    let scene = scene().member("alice").account("@alice:elsewhere.org", ACTIVE);
    keeps(&scene, kept_as("alice", KeptReason::OtherServer));
}

#[test]
fn administrators_bots_and_the_protected_are_kept() {
    let admin = scene().account_with("root", ACTIVE, |account| account.admin = true);
    keeps(&admin, kept_as("root", KeptReason::Admin));
    acts(
        &admin.policy(|policy| policy.protect_admins = false),
        disable("root", Reason::NotInKeycloak),
    );
    let bot = scene().account_with("helper", ACTIVE, |account| account.bot = true);
    keeps(&bot, kept_as("helper", KeptReason::Bot));
    let protect = Protection::new(&["/svc-.*/".to_owned()]).expect("valid");
    let protected = scene().account("svc-mail", ACTIVE).policy(|policy| policy.protect = protect);
    keeps(&protected, kept_as("svc-mail", KeptReason::Protected));
}

#[test]
fn protection_does_not_keep_a_member_from_being_activated() {
    let protect = Protection::new(&["bob".to_owned()]).expect("valid");
    let scene =
        scene().member("bob").account("bob", DISABLED).policy(|policy| policy.protect = protect);
    acts(&scene, activate("bob"));
}

#[test]
fn an_account_of_an_application_service_is_kept() {
    let scene = scene()
        .account("telegram_42", ACTIVE)
        .detail("telegram_42", |detail| detail.appservice = Some("telegram".into()));
    keeps(&scene, kept_as("telegram_42", KeptReason::Appservice));
}

#[test]
fn account_that_was_a_bridges_is_kept_without_a_second_look() {
    let mut scene = scene().account("telegram_42", ACTIVE);
    scene.facts.memory.bridges =
        [Localpart::from("telegram_42").on(&scene.facts.server_name)].into();
    let draft = Draft::new(&scene.facts, &scene.policy);
    assert_eq!(draft.to_recheck().count(), 0);
    keeps(&scene, kept_as("telegram_42", KeptReason::Appservice));
}

#[test]
fn only_an_account_that_may_be_a_bridges_is_asked_for_in_synapse_first() {
    let first = |scene: &Scene| {
        let draft = Draft::new(&scene.facts, &scene.policy);
        draft.to_recheck().map(|account| account.ask).collect::<Vec<_>>()
    };
    let of = |mas: InMas| scene().account_with("dave", ACTIVE, |account| account.mas = mas);
    assert_eq!(first(&of(InMas::NotAsked)), [AskFirst::Synapse]);
    assert_eq!(first(&of(InMas::Unknown)), [AskFirst::SynapseAlone]);
    assert_eq!(first(&of(InMas::Known("01J44QC8BCY7FCFM7WGHQGKMTJ".into()))), [AskFirst::Both]);
}

#[test]
fn an_erased_member_is_not_brought_back() {
    keeps(&scene().member("lena").account("lena", ERASED), kept_as("lena", KeptReason::Erased));
}

#[test]
fn a_member_locked_by_hand_stays_locked_by_default() {
    let scene = scene().member("judy").account("judy", LOCKED);
    keeps(&scene, kept_as("judy", KeptReason::LockedByHand));
    acts(&scene.policy(|policy| policy.locked_members = LockedMembers::Activate), activate("judy"));
}

#[test]
fn who_is_out_and_only_locked_is_left_as_they_are() {
    acts(&scene().user("judy").account("judy", LOCKED), vec![]);
}

#[test]
fn with_lock_a_lock_is_what_disabled_means() {
    let lock = |scene: Scene| scene.policy(|policy| policy.disable = DisableMode::Lock);
    acts(&lock(scene().member("judy").account("judy", LOCKED)), activate("judy"));
    acts(&lock(scene().user("judy").account("judy", LOCKED)), vec![]);
    acts(&lock(scene().user("dave").account("dave", ACTIVE)), disable("dave", Reason::NotInGroup));
}

#[test]
fn the_digest_names_the_actions_and_nothing_else() {
    let scene = scene().user("dave").account("dave", ACTIVE);
    let digest = scene.plan().digest();
    assert_eq!(scene.clone().member("zoe").plan().digest(), digest);
    assert_ne!(
        scene.clone().policy(|policy| policy.disable = DisableMode::Lock).plan().digest(),
        digest
    );
    assert_ne!(
        scene.clone().policy(|policy| policy.writer = WriterKind::MasApi).plan().digest(),
        digest
    );
    assert_ne!(scene.seen("dave", KeycloakPerson::Unknown).plan().digest(), digest);
}

#[test]
fn account_out_of_the_group_is_unverified_if_mas_was_not_asked_about_it() {
    let is_unverified = |mas| {
        let scene = scene().user("dave").account_with("dave", DISABLED, |account| {
            account.mas = mas;
        });
        scene.plan().unverified.accounts == [("dave".into(), DISABLED)]
    };
    assert!(is_unverified(InMas::NotAsked));
    assert!(!is_unverified(InMas::Known("1".into())));
}
