//! Federated users, and directories that are down.

use super::*;

#[test]
fn federated_users_are_kept_if_their_directory_is_unverified() {
    let gone = scene().account("l0007", ACTIVE).seen("l0007", known(false, false, Some("ldap")));
    keeps(&gone, kept_as("l0007", KeptReason::FederationInDoubt));
    assert!(gone.plan().is_in_doubt());
    let all_disabled = scene().listed("l0007", false, Some("ldap")).account("l0007", ACTIVE);
    keeps(&all_disabled, kept_as("l0007", KeptReason::FederationInDoubt));
    let trusted = gone.policy(|policy| policy.federation = Federation::Trust);
    acts(&trusted, disable("l0007", Reason::NotInGroup));
}

#[test]
fn a_directory_that_goes_down_while_it_is_read_is_in_doubt() {
    let mut scene = scene()
        .listed("l0001", true, Some("ldap"))
        .account("l0007", ACTIVE)
        .seen("l0007", known(false, false, Some("ldap")));
    scene.members_after = Some(MemberList::default());
    keeps(&scene, kept_as("l0007", KeptReason::FederationInDoubt));
}

#[test]
fn an_account_is_kept_if_its_user_is_now_listed_and_enabled() {
    let mut scene = scene()
        .listed("l0001", true, Some("ldap"))
        .listed("l0002", false, Some("ldap"))
        .account("l0002", ACTIVE)
        .seen("l0002", known(false, true, Some("ldap")))
        .account("l0003", ACTIVE)
        .seen("l0003", known(false, false, Some("ldap")));
    let after = scene.clone().listed("l0003", true, Some("ldap"));
    scene.members_after = Some(
        after.facts.members.into_iter().map(|member| Member { enabled: true, ..member }).collect(),
    );
    let both = ["l0002", "l0003"].map(|name| (name.to_owned(), KeptReason::FederationInDoubt));
    keeps(&scene, both.to_vec());
    let mut local = scene.account("alice", ACTIVE);
    local.members_after.get_or_insert_default().insert(Member {
        id: "id-alice".into(),
        localpart: Some("alice".into()),
        enabled: true,
        federation_link: None,
        signs: Signs::default(),
    });
    assert!(!actions(&local.plan()).iter().any(|(_, name, _)| name == "alice"));
}

#[test]
fn a_directory_without_listed_users_is_unverified() {
    let mut scene =
        scene().member("alice").account("l0007", ACTIVE).user("dave").account("dave", ACTIVE);
    scene.facts.providers = Some(vec!["ldap".into()]);
    let plan = scene.plan();
    assert_eq!(kept(&plan), kept_as("l0007", KeptReason::FederationInDoubt));
    assert_eq!(actions(&plan), disable("dave", Reason::NotInGroup));
}

#[test]
fn federated_users_are_disabled_like_others_if_their_directory_is_up() {
    let scene = scene()
        .listed("l0001", true, Some("ldap"))
        .account("l0007", ACTIVE)
        .seen("l0007", known(true, false, Some("ldap")));
    acts(&scene, disable("l0007", Reason::NotInGroup));
}

#[test]
fn a_contradiction_puts_the_whole_directory_in_doubt() {
    let scene = scene()
        .listed("l0001", true, Some("ldap"))
        .account("l0007", ACTIVE)
        .seen("l0007", known(true, true, Some("ldap")))
        .account("l0008", ACTIVE)
        .seen("l0008", known(true, false, Some("ldap")));
    let both = ["l0007", "l0008"].map(|name| (name.to_owned(), KeptReason::FederationInDoubt));
    keeps(&scene, both.to_vec());
}

#[test]
fn no_account_is_disabled_as_unknown_if_any_directory_is_unverified() {
    let scene = scene()
        .listed("l0001", false, Some("ldap"))
        .account("l0001", DISABLED)
        .account("mallory", ACTIVE);
    keeps(&scene, kept_as("mallory", KeptReason::FederationInDoubt));
    let with_local = scene.user("dave").account("dave", ACTIVE);
    assert_eq!(actions(&with_local.plan()), disable("dave", Reason::NotInGroup));
}
