//! Accounts before the first login: who gets one, and never a name of another user.

use std::collections::BTreeSet;

use super::*;
use crate::model::{Existence, Owner, Tie};

impl Scene {
    fn provisions(mut self) -> Self {
        self.facts.provider = Some("01H8PKNWKKRPCBW4YGH1RWV279".into());
        self.policy(|policy| policy.provision = Provision::Members)
    }

    /// The name belonged to the account of another user, which is gone.
    fn had_account(mut self, name: &str, id: &str) -> Self {
        self.facts.memory.former_owners.insert(name.into(), id.into());
        self
    }

    /// An earlier run has begun to create the account.
    fn begun(mut self, name: &str, id: &str) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let begun = BegunCreation { user: id.into(), attempts: vec![], emails: BTreeSet::new() };
        self.facts.memory.creations.insert(user_id, begun);
        self.account_with(name, ACTIVE, |account| account.mas = InMas::Known("01ABC".into()))
    }
}

fn create(names: &[&str]) -> Vec<(ActionKind, String, Reason)> {
    let create = |name: &&str| (ActionKind::Create, (*name).to_owned(), Reason::InGroup);
    names.iter().map(create).collect()
}

/// Zoe is a member without an account.
fn zoe() -> Scene {
    scene().provisions().listed_as("z", "zoe", true, None)
}

#[test]
fn enabled_members_without_account_get_one() {
    let scene = zoe().listed_as("y", "yan", true, None).member("alice").account("alice", ACTIVE);
    acts(&scene, create(&["yan", "zoe"]));
    let plan = scene.plan();
    let new = plan.actions[1].new.as_ref().expect("a new account");
    assert_eq!((&new.user.id, new.provider.raw()), (&"z".into(), "01H8PKNWKKRPCBW4YGH1RWV279"));
    let summary = plan.summary();
    assert_eq!((summary.create, summary.unchanged, summary.not_registered), (2, 1, 2));
}

#[test]
fn no_account_is_created_unless_configured_and_with_a_provider() {
    acts(&zoe().policy(|policy| policy.provision = Provision::None), vec![]);
    let mut without = zoe();
    without.facts.provider = None;
    acts(&without, vec![]);
}

#[test]
fn members_disabled_in_keycloak_or_without_a_valid_name_get_no_account() {
    acts(&scene().provisions().disabled_member("frank"), vec![]);
    let mut unnamed = zoe();
    let one = Unnamed { id: "z".into(), username: "zoe".into(), why: "no name".into() };
    unnamed.facts.unnamed.push(one);
    acts(&unnamed, vec![]);
    let keeps_disabled = |policy: &mut Policy| policy.disabled_members = DisabledMembers::Keep;
    acts(&scene().provisions().disabled_member("frank").policy(keeps_disabled), vec![]);
}

#[test]
fn name_that_an_account_has_in_any_case_is_not_created() {
    acts(&zoe().account("ZOE", ACTIVE), vec![]);
    let linked_to_another = zoe().user("other");
    let scene = linked_to_another.account_with("Zoe", DISABLED, |account| {
        account.links = ["id-of-another".into()].into_iter().collect();
    });
    assert_eq!(actions(&scene.plan()), vec![]);
}

#[test]
fn user_of_any_link_gets_no_second_account() {
    let linked_to = |links: &[&str]| {
        let links = links.iter().map(|id| (*id).into()).collect();
        zoe()
            .member_with_id("otto", "o")
            .account_with("otto", ACTIVE, |account| account.links = links)
    };
    acts(&linked_to(&["o"]), create(&["zoe"]));
    acts(&linked_to(&["o", "z"]), vec![]);
    let by_names = |policy: &mut Policy| policy.matching = Matching::Localpart;
    acts(&linked_to(&["z"]).policy(by_names), vec![]);
}

#[test]
fn name_of_two_users_is_not_created() {
    acts(&zoe().listed_as("y", "Zoe", true, None), vec![]);
    acts(&zoe().listed_as("y", "zoe", false, None), vec![]);
}

#[test]
fn name_that_another_user_had_before_is_not_created() {
    acts(&zoe().had_account("zoe", "another"), vec![]);
    acts(&zoe().had_account("zoe", "z"), create(&["zoe"]));
}

#[test]
fn no_member_gets_an_account_while_a_directory_is_in_doubt() {
    let mut scene = zoe().user("dave").account("dave", ACTIVE);
    acts(
        &scene,
        [create(&["zoe"]), disable("dave", Reason::NotInGroup)]
            .concat()
            .into_iter()
            .rev()
            .collect(),
    );
    scene.facts.providers = Some(vec!["ldap".into()]);
    let scene = scene.seen("dave", known(true, false, Some("ldap")));
    assert_eq!(actions(&scene.plan()), vec![]);
}

#[test]
fn member_that_the_second_look_does_not_confirm_gets_no_account() {
    for person in [known(true, false, None), known(false, true, None), KeycloakPerson::Unknown] {
        let scene = zoe().seen("zoe", person);
        assert_eq!((actions(&scene.plan()), scene.plan().contradictions), (vec![], 1));
    }
}

/// The plan if the second look at accounts to create finds this.
fn plan_with(scene: &Scene, existence: &Existence) -> Plan {
    let draft = Draft::new(&scene.facts, &scene.policy);
    let mut rechecks = scene.rechecks(&draft);
    if let Rechecks::Taken { answers, .. } = &mut rechecks {
        for evidence in answers.values_mut().flatten() {
            evidence.account.existence = existence.clone();
        }
    }
    draft.decide(&rechecks)
}

#[test]
fn account_that_appears_before_the_second_look_is_not_created() {
    for existence in [Existence::Exists, Existence::WithoutLink("01ABC".into())] {
        let plan = plan_with(&zoe(), &existence);
        assert_eq!((actions(&plan), plan.contradictions), (vec![], 1));
    }
}

#[test]
fn half_made_account_that_only_mas_knows_is_finished_for_the_same_user_only() {
    let begun_for = |id: &str| {
        let mut scene = zoe();
        let user_id = Localpart::from("zoe").on(&scene.facts.server_name);
        let begun = BegunCreation { user: id.into(), attempts: vec![], emails: BTreeSet::new() };
        scene.facts.memory.creations.insert(user_id, begun);
        plan_with(&scene, &Existence::WithoutLink("01ABC".into()))
    };
    let plan = begun_for("z");
    assert_eq!(actions(&plan), create(&["zoe"]));
    assert_eq!(plan.actions[0].mas_id, Some("01ABC".into()));
    assert_eq!(actions(&begun_for("other")), vec![]);
}

#[test]
fn member_whose_second_look_fails_is_skipped() {
    let plan = zoe().fails("zoe").plan();
    assert_eq!((plan.actions.len(), actions(&plan)), (1, vec![]));
    assert!(plan.is_in_doubt());
}

#[test]
fn half_made_account_is_finished_for_the_same_user_only() {
    let begun = zoe().begun("zoe", "z");
    acts(&begun, create(&["zoe"]));
    assert_eq!(begun.plan().actions[0].mas_id, Some("01ABC".into()));
    assert_eq!(begun.plan().summary().unchanged, 1);
    acts(&zoe().begun("zoe", "another"), vec![]);
    let mut linked = zoe().begun("zoe", "z");
    linked.facts.accounts[0].links = ["z".into()].into_iter().collect();
    acts(&linked, vec![]);
    acts(&zoe().begun("zoe", "z").detail("zoe", |seen| seen.state = LOCKED), vec![]);
}

#[test]
fn half_made_account_is_finished_although_a_reading_has_remembered_its_owner() {
    let mut begun = zoe().begun("zoe", "z");
    let owner = Owner { id: "z".into(), tie: Tie::Name };
    begun.facts.accounts[0].remember(owner);
    acts(&begun, create(&["zoe"]));
}

#[test]
fn member_whose_account_the_second_look_finds_gets_no_second_one() {
    let old = || zoe().account("zoe.old", ACTIVE);
    let by_external_id = old().seen("z", known(true, true, None));
    let draft = Draft::new(&by_external_id.facts, &by_external_id.policy);
    let mut rechecks = by_external_id.rechecks(&draft);
    let user_id = Localpart::from("zoe.old").on(&"example.org".into());
    if let Rechecks::Taken { answers, .. } = &mut rechecks {
        let id: KeycloakId = "z".into();
        let evidence = answers.get_mut(&user_id).expect("asked").as_mut().expect("seen");
        let user = scene::with_id(&known(true, true, None), &id);
        evidence.keycloak = vec![Answer { asked: Question::ExternalId(id), user }];
        evidence.account.external_ids = vec!["z".into()];
    }
    assert_eq!(actions(&draft.decide(&rechecks)), vec![]);
    let by_sign = old().shows_name_of("zoe.old", "z");
    assert_eq!(actions(&by_sign.plan()), vec![]);
}

#[test]
fn no_account_is_created_if_the_subjects_of_links_are_no_users() {
    let mut pairwise = zoe().policy(|policy| policy.matching = Matching::Localpart);
    pairwise.facts.subjects = Subjects::NoUsers;
    acts(&pairwise, vec![]);
}

#[test]
fn number_of_new_accounts_has_a_limit() {
    let plan = zoe().listed_as("y", "yan", true, None).plan();
    let limits = |max_create| Limits { max_create, ..OPEN };
    assert_eq!(limits(2).refuse(&plan), []);
    let refused = |before| Refusal::MaxCreate { planned: 2, before, max: 2 };
    assert_eq!(limits(1).refuse(&plan), [Refusal::MaxCreate { planned: 2, before: 0, max: 1 }]);
    let past = Past { created: 1, ..Past::default() };
    assert_eq!(limits(2).refuse_after(&plan, past), [refused(1)]);
}
