//! Tests how members and accounts match as a whole, and when that stops a plan.

use super::scene::with_id;
use super::whose::outcome;
use super::*;
use crate::model::Tie;
use crate::plan::{MappingDoubt, MappingSummary};

/// How many of each there are.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    /// Members without an account.
    lost: usize,
    /// Active accounts that belong to no Keycloak user.
    of_nobody: usize,
    /// Active accounts of users outside the group.
    leaving: usize,
    /// Members with an account.
    fitting: usize,
    /// Disabled accounts that belong to no Keycloak user.
    shut: usize,
}

impl Crowd {
    fn scene(self) -> Scene {
        let mut scene = scene();
        for number in 0..self.lost {
            scene = scene.member(&format!("lost-{number}"));
        }
        for number in 0..self.of_nobody {
            scene = scene.account(&format!("stray-{number}"), ACTIVE);
        }
        for number in 0..self.leaving {
            let name = format!("leaver-{number}");
            scene = scene.user(&name).account(&name, ACTIVE);
        }
        for number in 0..self.fitting {
            let name = format!("member-{number}");
            scene = scene.member(&name).account(&name, ACTIVE);
        }
        for number in 0..self.shut {
            scene = scene.account(&format!("shut-{number}"), DISABLED);
        }
        scene
    }

    fn is_in_doubt(self) -> bool {
        self.scene().plan().mapping.doubt.is_some()
    }
}

#[test]
fn mapping_is_in_doubt_if_many_members_and_many_leavers_match_nothing_and_the_rest_do_not_fit() {
    let crowd =
        |lost, of_nobody, leaving, fitting, shut| Crowd { lost, of_nobody, leaving, fitting, shut };
    let table = [
        (crowd(5, 5, 0, 0, 0), true),
        (crowd(4, 5, 0, 0, 0), false),
        (crowd(5, 4, 0, 0, 0), false),
        // Half of the accounts to disable belong to no user, or fewer.
        (crowd(5, 5, 5, 0, 0), true),
        (crowd(5, 5, 6, 0, 0), false),
        // Half of the accounts that stay are members', or fewer.
        (crowd(5, 5, 0, 5, 5), false),
        (crowd(5, 5, 0, 5, 6), true),
        // Half of the members have no account, or fewer.
        (crowd(5, 5, 0, 6, 7), false),
        (crowd(6, 5, 0, 6, 7), true),
    ];
    for (crowd, expected) in table {
        assert_eq!(crowd.is_in_doubt(), expected, "{crowd:?}");
    }
}

#[test]
fn names_are_not_remembered_while_the_mapping_is_in_doubt() {
    let names = |crowd: Crowd| {
        let scene = crowd.scene();
        let draft = Draft::new(&scene.facts, &scene.policy);
        let rechecks = scene.rechecks(&draft);
        let owners = draft.presence(&draft.verdicts(&rechecks), &rechecks).owners;
        owners.into_iter().filter(|(_, owner)| owner.tie == Tie::Name).count()
    };
    let fits = Crowd { lost: 0, of_nobody: 0, leaving: 0, fitting: 2, shut: 0 };
    let doubtful = Crowd { lost: 5, of_nobody: 5, leaving: 0, fitting: 2, shut: 7 };
    assert_eq!((names(fits), names(doubtful)), (2, 0));
}

#[test]
fn summary_counts_by_evidence_and_shows_the_first_five_names() {
    let mut scene = scene().member("lost").account("stray", ACTIVE);
    for number in [3, 1, 5, 2, 6, 4] {
        let name = format!("named-{number}");
        scene = scene.member(&name).account(&name, ACTIVE);
    }
    scene =
        scene.listed_as("l", "linked.new", true, None).account_with("linked", ACTIVE, |account| {
            account.links = [KeycloakId::from("l")].into_iter().collect();
        });
    scene = scene.listed_as("r", "recalled.new", true, None).account("recalled", ACTIVE);
    let plan = scene.remembered("recalled", "r", Tie::Name).plan();
    let named = (1..=5).map(|number| format!("named-{number}").as_str().into()).collect();
    let expected = MappingSummary {
        members: 9,
        by_link: 1,
        by_external_id: 0,
        by_memory: 1,
        by_name: 6,
        without_account: 1,
        of_nobody: 1,
        examples: vec![vec!["linked".into()], vec!["recalled".into()], named],
        of_nobody_examples: vec!["stray".into()],
        doubt: None,
    };
    assert_eq!(plan.mapping, expected);
}

#[test]
fn account_that_an_external_id_ties_to_a_member_counts_as_theirs_by_external_id() {
    let world = scene().member_with_id("alicia", "a").account("alice", ACTIVE);
    let draft = Draft::new(&world.facts, &world.policy);
    let Rechecks::Taken { mut answers, members_after } = world.rechecks(&draft) else {
        unreachable!("every account is rechecked")
    };
    let alice = Localpart::from("alice").on(&world.facts.server_name);
    let Some(Ok(seen)) = answers.get_mut(&alice) else { unreachable!("no recheck fails") };
    let person = with_id(&known(true, true, None), &"a".into());
    seen.keycloak = vec![Answer { asked: Question::ExternalId("a".into()), user: person }];
    let plan = draft.decide(&Rechecks::Taken { answers, members_after });
    let expected = MappingSummary { members: 1, by_external_id: 1, ..MappingSummary::default() };
    assert_eq!(MappingSummary { examples: Vec::new(), ..plan.mapping }, expected);
}

#[test]
fn doubt_names_the_members_that_a_sign_points_to_first() {
    let crowd = Crowd { lost: 6, of_nobody: 6, leaving: 0, fitting: 0, shut: 0 };
    let plan = crowd.scene().shows_name_of("stray-4", "id-3-lost-3").plan();
    let pairs = match plan.mapping.doubt {
        Some(MappingDoubt::Names { pairs, .. }) => pairs,
        doubt => unreachable!("{doubt:?}"),
    };
    let pairs: Vec<_> =
        pairs.iter().map(|pair| (pair.member.as_str(), pair.account.as_str())).collect();
    let expected = [
        ("lost-3", "stray-4"),
        ("lost-0", "stray-0"),
        ("lost-1", "stray-1"),
        ("lost-2", "stray-2"),
        ("lost-4", "stray-3"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn account_is_changed_if_that_is_right_for_one_that_differs_in_case_too() {
    let out = scene().user("kim").account("kim", ACTIVE).account("KIM", DISABLED);
    assert_eq!(outcome(&out, "kim"), "disable not_in_group");
    let world =
        scene().listed_as("k", "kim", true, None).account("kim", DISABLED).account("KIM", DISABLED);
    let world = world.seen("r", known(true, false, None)).remembered("KIM", "r", Tie::Name);
    assert_eq!(outcome(&world, "kim"), "kept ambiguous", "mas-cli may open the other one");
}

#[test]
fn activation_is_marked_if_someone_else_deactivated_the_account() {
    let mark = |scene: &Scene| scene.plan().actions[0].mark;
    let world = |state| scene().member("alice").account("alice", state);
    assert_eq!(mark(&world(DEACTIVATED)), Some(Mark::DeactivatedByOthers));
    assert_eq!(mark(&world(DISABLED)), None, "this program always locks as well");
}
