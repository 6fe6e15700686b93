//! Members and accounts that meet by the Keycloak user ID that MAS keeps, and accounts that MAS
//! does not know.

use super::*;
use crate::model::Tie;

/// `match = "upstream-link"`.
fn linked() -> Scene {
    scene().policy(|policy| policy.matching = Matching::UpstreamLink)
}

impl Scene {
    /// A member with this ID.
    pub(super) fn member_with_id(self, name: &str, id: &str) -> Self {
        self.listed_as(id, name, true, None)
    }

    /// An account that MAS has tied to these users of Keycloak.
    fn account_of(self, name: &str, ids: &[&str], state: AccountState) -> Self {
        self.account_with(name, state, |account| {
            account.links = ids.iter().map(|id| KeycloakId::from(*id)).collect();
        })
    }
}

#[test]
fn a_member_renamed_in_keycloak_keeps_their_account() {
    acts(&linked().member_with_id("alicia", "a").account_of("alice", &["a"], ACTIVE), vec![]);
    acts(
        &linked().member_with_id("alicia", "a").account_of("alice", &["a"], DISABLED),
        activate("alice"),
    );
    let by_name = scene().policy(|policy| policy.matching = Matching::Localpart);
    let by_name = by_name.member_with_id("alicia", "a").account_of("alice", &["a"], ACTIVE);
    keeps(&by_name, kept_as("alice", KeptReason::MayBeMember));
}

#[test]
fn a_renamed_member_has_an_account() {
    let plan = linked().member_with_id("alicia", "a").account_of("alice", &["a"], ACTIVE).plan();
    assert_eq!(plan.not_registered, vec![]);
}

#[test]
fn an_account_tied_to_a_user_out_of_the_group_is_rechecked_by_id_and_disabled() {
    let scene = linked().account_of("dave", &["d"], ACTIVE);
    acts(&scene.clone().seen("d", known(true, false, None)), disable("dave", Reason::NotInGroup));
    acts(&scene.clone(), disable("dave", Reason::NotInKeycloak));
    keeps(
        &scene.seen("d", known(true, true, None)),
        kept_as("dave", KeptReason::InGroupAtSecondLook),
    );
}

#[test]
fn the_same_name_with_a_new_id_needs_an_approval_and_is_never_let_in() {
    let account_of_old =
        |state| linked().member_with_id("alice", "new").account_of("alice", &["old"], state);
    let plan = account_of_old(ACTIVE).plan();
    assert_eq!(actions(&plan), disable("alice", Reason::NotInKeycloak));
    assert_eq!(plan.actions[0].approval, Some(Approval::NameOfMember));
    keeps(&account_of_old(DISABLED), kept_as("alice", KeptReason::AnotherPerson));
}

#[test]
fn account_that_memory_ties_to_a_member_needs_an_approval_if_its_link_leads_to_a_deleted_user() {
    let scene = linked().member_with_id("alice.new", "a").account_of("alice", &["deleted"], ACTIVE);
    let plan = scene.clone().remembered("alice", "a", Tie::Name).plan();
    assert_eq!(plan.actions[0].approval, Some(Approval::MemoryOfMember));
    let known =
        scene.clone().remembered("alice", "a", Tie::Name).seen("deleted", known(true, false, None));
    acts(&known, disable("alice", Reason::NotInGroup));
    let out = linked().user("alice.new").account_of("alice", &["deleted"], ACTIVE).remembered(
        "alice",
        "a",
        Tie::Name,
    );
    assert_eq!(out.plan().actions[0].approval, None);
}

#[test]
fn a_user_of_the_same_name_with_an_account_of_their_own_protects_nothing() {
    let scene = linked().member_with_id("alice", "new").account_of("alice", &["old"], ACTIVE);
    let mut scene =
        scene.account_of("alicia", &["new"], ACTIVE).seen("old", known(true, false, None));
    acts(&scene, disable("alice", Reason::NotInGroup));
    scene.members_after = Some(scene.facts.members.clone());
    acts(&scene, disable("alice", Reason::NotInGroup));
}

#[test]
fn who_comes_into_the_group_under_the_name_while_it_is_read_keeps_the_account() {
    let mut scene =
        linked().account_of("alice", &["old"], ACTIVE).seen("old", known(true, false, None));
    scene.members_after = Some(linked().member_with_id("alice", "new").facts.members);
    keeps(&scene, kept_as("alice", KeptReason::InGroupAtSecondLook));
}

#[test]
fn linked_user_who_comes_into_the_group_while_it_is_read_keeps_the_account() {
    let mut scene = linked().account_of("dave", &["d"], ACTIVE).seen("d", known(true, false, None));
    acts(&scene, disable("dave", Reason::NotInGroup));
    scene.members_after = Some(linked().member_with_id("david", "d").facts.members);
    keeps(&scene, kept_as("dave", KeptReason::InGroupAtSecondLook));
}

#[test]
fn a_member_whose_name_is_another_users_account_is_not_registered() {
    let scene = linked().member_with_id("alice", "new").account_of("alice", &["old"], DISABLED);
    assert_eq!(scene.plan().not_registered, ["alice".into()]);
}

#[test]
fn without_a_link_the_name_decides_but_opens_no_account_if_its_member_has_another() {
    acts(&linked().member_with_id("alice", "a").account_of("alice", &[], ACTIVE), vec![]);
    acts(
        &linked().member_with_id("alice", "a").account_of("alice", &[], DISABLED),
        activate("alice"),
    );
    let with_another = |state| {
        let scene = linked().member_with_id("alice", "a").account_of("alice", &[], state);
        scene.account_of("old-name", &["a"], ACTIVE)
    };
    acts(&with_another(ACTIVE), vec![]);
    keeps(&with_another(DISABLED), kept_as("alice", KeptReason::AnotherPerson));
}

#[test]
fn account_of_another_user_does_not_count_as_a_members_by_name() {
    let world = linked()
        .member_with_id("bob", "b")
        .account_of("bob.old", &["b"], ACTIVE)
        .account("bob", DISABLED);
    keeps(&world, kept_as("bob", KeptReason::AnotherPerson));
    let mapping = world.plan().mapping;
    assert_eq!((mapping.by_link, mapping.by_name, mapping.without_account), (1, 0, 0));
    assert_eq!(mapping.examples, [vec!["bob.old".into()], vec![], vec![]]);
}

#[test]
fn without_a_link_and_a_member_the_user_is_requested_by_name() {
    acts(
        &linked().user("dave").account_of("dave", &[], ACTIVE),
        disable("dave", Reason::NotInGroup),
    );
}

#[test]
fn an_account_tied_to_several_users_is_kept_if_one_of_them_is_a_member() {
    let scene = linked().account_of("alice", &["new", "old"], ACTIVE);
    acts(&scene.clone().member_with_id("alice", "new"), vec![]);
    acts(
        &scene.clone().seen("new", known(true, false, None)),
        disable("alice", Reason::NotInGroup),
    );
    keeps(
        &scene.seen("new", known(true, true, None)),
        kept_as("alice", KeptReason::InGroupAtSecondLook),
    );
}

#[test]
fn an_account_is_kept_if_one_of_several_users_may_be_in_a_directory_that_is_down() {
    let mut scene = linked()
        .account_of("alice", &["gone", "local"], ACTIVE)
        .seen("local", known(true, false, None));
    scene.facts.providers = Some(vec!["ldap".into()]);
    keeps(&scene, kept_as("alice", KeptReason::FederationInDoubt));
}

#[test]
fn an_account_that_mas_does_not_know_is_kept_unless_a_bridge_owns_it() {
    let stranger =
        |name, state| scene().account_with(name, state, |account| account.mas = InMas::Unknown);
    keeps(&stranger("dave", ACTIVE).user("dave"), kept_as("dave", KeptReason::NotInMas));
    keeps(&stranger("bob", DISABLED).member("bob"), kept_as("bob", KeptReason::NotInMas));
    acts(&stranger("erin", DISABLED), vec![]);
    let ghost = stranger("ghost", ACTIVE)
        .detail("ghost", |detail| detail.appservice = Some("telegram".into()));
    keeps(&ghost, kept_as("ghost", KeptReason::Appservice));
}

#[test]
fn an_action_carries_the_id_that_mas_has_for_the_account() {
    let known =
        |account: &mut Account| account.mas = InMas::Known("01J44QC8BCY7FCFM7WGHQGKMTJ".into());
    let plan = scene().user("dave").account_with("dave", ACTIVE, known).plan();
    assert_eq!(plan.actions[0].mas_id, Some("01J44QC8BCY7FCFM7WGHQGKMTJ".into()));
}

#[test]
fn a_namesake_out_of_the_group_does_not_make_a_deleted_user_known() {
    let scene = linked().account_of("dave", &["gone"], ACTIVE).user("dave");
    acts(&scene, disable("dave", Reason::NotInKeycloak));
    assert_eq!(
        scene.plan().actions[0].approval,
        None,
        "the account was tied to a user who is gone"
    );
}
