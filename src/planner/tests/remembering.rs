//! Whose account is whose, from one run to the next: what a run remembers, and what that does to
//! the run after it.

use super::whose::outcome;
use super::*;
use crate::model::{Member, Owner, Tie};

impl Scene {
    /// The account is remembered as this user's.
    pub(super) fn remembered(mut self, name: &str, id: &str, tie: Tie) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let account = self.facts.accounts.iter_mut().find(|account| account.user_id == user_id);
        account.expect("an account").remember(Owner { id: id.into(), tie });
        self
    }

    pub(super) fn linked(self, name: &str, id: &str, state: AccountState) -> Self {
        self.account_with(name, state, |account| {
            account.links = [KeycloakId::from(id)].into_iter().collect();
        })
    }

    /// Links that name no user of the realm, by which MAS knows an account for each of these names.
    fn subjects_that_are_no_ids(mut self) -> Self {
        self.facts.subjects = Subjects::NoUsers;
        self
    }

    /// The next reading of the same accounts, after Keycloak has become as in `next`: what this run
    /// found is remembered.
    pub(super) fn then(&self, next: Self) -> Self {
        let draft = Draft::new(&self.facts, &self.policy);
        let rechecks = self.rechecks(&draft);
        let verdicts = draft.verdicts(&rechecks);
        let presence = draft.presence(&verdicts, &rechecks);
        let mut next = Self { policy: self.policy.clone(), ..next };
        next.facts.accounts.clone_from(&self.facts.accounts);
        for (user_id, owner) in presence.owners {
            let account =
                next.facts.accounts.iter_mut().find(|account| account.user_id == *user_id);
            account.expect("an account").remember(owner);
        }
        next
    }

    /// Who is remembered as the owner of an account.
    pub(super) fn owner(&self, name: &str) -> (String, Tie) {
        let account =
            self.facts.accounts.iter().find(|account| account.localpart().as_str() == name);
        let (id, tie) = account.expect("an account").remembered_owner().expect("an owner");
        (id.to_string(), tie)
    }
}

pub(super) fn by_name(id: &str) -> (String, Tie) {
    (id.to_owned(), Tie::Name)
}

/// Runs the same world twice, so that what the first run remembers acts on the second.
fn run(world: &Scene) -> Scene {
    world.then(world.clone())
}

#[test]
fn pair_of_a_complete_reading_is_remembered() {
    let world = run(&scene()
        .member_with_id("alice", "a")
        .account("alice", ACTIVE)
        .user("dave")
        .account("dave", ACTIVE));
    assert_eq!((world.owner("alice"), world.owner("dave")), (by_name("a"), by_name("id-of-dave")));
}

#[test]
fn name_does_not_replace_a_remembered_user_without_a_second_look() {
    let world = scene().member_with_id("rita", "r").member_with_id("alice", "m");
    let world = world.account("rita", ACTIVE).account("alice", ACTIVE);
    let world = world.remembered("alice", "r", Tie::Name);
    assert_eq!(world.rechecks(&Draft::new(&world.facts, &world.policy)).all_evidence().count(), 0);
    assert_eq!(run(&world).owner("alice"), by_name("r"));
}

#[test]
fn names_are_remembered_beside_subjects_that_are_no_ids() {
    let by_name_alone = |scene: Scene| {
        let scene = scene.policy(|policy| policy.matching = Matching::Localpart);
        scene.subjects_that_are_no_ids()
    };
    let before =
        by_name_alone(scene().member_with_id("alice", "a").linked("alice", "pw-1", ACTIVE));
    let world = before.then(by_name_alone(scene().member_with_id("alicia", "a")));
    assert_eq!(
        (world.owner("alice"), outcome(&world, "alice").as_str()),
        (by_name("a"), "kept may_be_member")
    );
    let as_linked =
        by_name_alone(scene().member_with_id("alice", "a").linked("alice", "pw-1", ACTIVE));
    let as_linked = as_linked.remembered("alice", "pw-1", Tie::Link);
    assert_eq!(run(&as_linked).owner("alice"), by_name("a"), "such a subject gives way");
}

#[test]
fn name_alone_opens_no_account_of_a_deleted_user() {
    let world = scene().member_with_id("alice", "new").linked("alice", "deleted", DISABLED);
    let world = world.policy(|policy| policy.matching = Matching::Localpart);
    assert_eq!(outcome(&world, "alice"), "kept another_person");
    assert_eq!(outcome(&world.subjects_that_are_no_ids(), "alice"), "activate in_group");
}

#[test]
fn account_that_differs_in_case_from_a_remembered_one_is_ambiguous() {
    for state in [ACTIVE, DISABLED] {
        let world = scene().member_with_id("kim", "k").account("kim", ACTIVE).account("KIM", state);
        let world = run(&world);
        assert_eq!(world.owner("kim"), by_name("k"));
        assert_eq!(
            ["kim", "KIM"].map(|name| outcome(&world, name)),
            ["unchanged", "kept ambiguous"]
        );
    }
}

#[test]
fn restored_pair_disables_and_opens_no_account() {
    let world = |tie| {
        let scene =
            scene().member_with_id("alice", "m").account("alice", ACTIVE).account("left", ACTIVE);
        let scene = scene
            .member_with_id("amy", "renamed")
            .account("old-amy", ACTIVE)
            .member_with_id("eve", "e");
        let out = known(true, false, None);
        let scene = scene.account("old-eve", DISABLED).seen("a1", out.clone()).seen("a2", out);
        let scene = scene.remembered("alice", "a1", tie).remembered("left", "a2", tie);
        scene.remembered("old-amy", "renamed", tie).remembered("old-eve", "e", tie)
    };
    let outcomes =
        |tie| ["alice", "left", "old-amy", "old-eve"].map(|name| outcome(&world(tie), name));
    assert_eq!(
        outcomes(Tie::Name),
        ["disable not_in_group", "disable not_in_group", "unchanged", "activate in_group"]
    );
    let restored = outcomes(Tie::Restored);
    assert_eq!(
        restored,
        ["unchanged", "approve not_in_keycloak", "kept may_be_member", "unchanged"]
    );
    let next = run(&world(Tie::Restored));
    assert_eq!(next.owner("alice"), by_name("m"), "what is seen now replaces it");
    assert_eq!(next.owner("old-amy"), ("renamed".to_owned(), Tie::Restored));
}

#[test]
fn restored_pair_of_a_member_is_not_forgotten_for_a_namesake() {
    let world =
        scene().member_with_id("amy", "a").member_with_id("alice", "m").account("alice", ACTIVE);
    let world = run(&world.remembered("alice", "a", Tie::Restored));
    assert_eq!(world.owner("alice"), ("a".to_owned(), Tie::Restored));
    let m_has_left = world.then(scene().member_with_id("amy", "a"));
    assert_eq!(outcome(&m_has_left, "alice"), "kept may_be_member");
}

#[test]
fn link_to_a_member_is_remembered_although_it_only_protects() {
    let world = scene()
        .policy(|policy| policy.matching = Matching::Localpart)
        .member_with_id("robert", "b");
    let world = world
        .linked("bob", "b", ACTIVE)
        .remembered("bob", "x", Tie::Name)
        .seen("x", known(true, false, None));
    assert_eq!(outcome(&world, "bob"), "kept may_be_member");
    assert_eq!(run(&world).owner("bob"), ("b".to_owned(), Tie::Link));
}

#[test]
fn missing_user_is_not_forgotten_while_a_directory_is_in_doubt() {
    let world = |providers: &[&str]| {
        let mut scene = scene().member_with_id("alice", "m").account("alice", ACTIVE);
        scene.facts.providers =
            Some(providers.iter().map(|provider| Box::from(*provider)).collect());
        run(&scene.remembered("alice", "r", Tie::Name)).owner("alice")
    };
    assert_eq!((world(&[]), world(&["ldap"])), (by_name("m"), by_name("r")));
}

#[test]
fn link_replaces_a_missing_user_even_while_a_directory_is_in_doubt() {
    let mut world = scene().member_with_id("alice", "m").linked("alice", "m", ACTIVE);
    world.facts.providers = Some(vec!["ldap".into()]);
    let world = world.remembered("alice", "r", Tie::Name);
    assert_eq!(world.plan().doubtful, [Box::from("ldap")]);
    assert_eq!(run(&world).owner("alice"), ("m".to_owned(), Tie::Link));
}

#[test]
fn reading_of_a_part_is_not_remembered_as_one_of_everything() {
    let world = scene();
    let reach = |scope: Option<&PlanScope>| {
        let draft = Draft::about(&world.facts, &world.policy, scope);
        let rechecks = world.rechecks(&draft);
        draft.presence(&draft.verdicts(&rechecks), &rechecks).reach
    };
    assert_eq!((reach(None), reach(Some(&PlanScope::default()))), (Reach::Everything, Reach::Some));
}

#[test]
fn names_are_not_remembered_by_a_run_without_a_second_look() {
    let world = scene().member_with_id("alice", "a").account("alice", ACTIVE);
    let draft = Draft::new(&world.facts, &world.policy);
    let owners =
        |rechecks: &Rechecks| draft.presence(&draft.verdicts(rechecks), rechecks).owners.len();
    assert_eq!((owners(&world.rechecks(&draft)), owners(&NO_LOOKS)), (1, 0));
}

#[test]
fn directory_in_doubt_stays_in_doubt_for_a_plan_about_a_part() {
    let x = known(true, true, Some("ldap"));
    let y = known(true, false, Some("ldap"));
    let world = scene()
        .listed("usual", true, Some("ldap"))
        .account("usual", ACTIVE)
        .seen("x", x)
        .seen("y", y);
    let mut world = world.account("x", ACTIVE).account("y", ACTIVE);
    let whole = world.plan();
    assert_eq!(whole.doubtful, [Box::from("ldap")]);
    let mut scope = PlanScope::default();
    scope.extend([Localpart::from("y").on(&world.facts.server_name)]);
    let part = |world: &Scene| {
        let draft = Draft::about(&world.facts, &world.policy, Some(&scope));
        let plan = draft.decide(&world.rechecks(&draft));
        (actions(&plan), kept(&plan))
    };
    assert_eq!(
        part(&world).0,
        disable("y", Reason::NotInGroup),
        "the part alone sees a directory that is alive"
    );
    world.facts.doubtful.clone_from(&whole.doubtful);
    assert_eq!(part(&world), (vec![], kept_as("y", KeptReason::FederationInDoubt)));
}

#[test]
fn name_of_two_users_ties_an_account_to_neither() {
    let world =
        scene().member_with_id("kim", "k").account("someone", ACTIVE).shows_name_of("someone", "k");
    let two = world.clone().disabled_member("someone").disabled_member("someone");
    assert_eq!(outcome(&two, "someone"), "kept may_be_member");
    let one = world.disabled_member("someone");
    assert_eq!(outcome(&one, "someone"), "disable disabled_in_keycloak");
}

#[test]
fn weak_sign_of_a_disabled_member_protects_if_disabled_members_count() {
    let world = |disabled| {
        let mut scene = scene()
            .member_with_id("kim", "k")
            .account("someone", ACTIVE)
            .shows_name_of("someone", "k");
        let one = Member { enabled: false, ..scene.facts.members[0].clone() };
        scene.facts.members.insert(one);
        outcome(&scene.policy(|policy| policy.disabled_members = disabled), "someone")
    };
    assert_eq!(world(DisabledMembers::Disable), "approve not_in_keycloak");
    assert_eq!(world(DisabledMembers::Keep), "kept may_be_member");
}

#[test]
fn mapping_in_doubt_is_refused_even_if_nothing_would_be_changed() {
    let mut world = scene();
    for number in 0..6 {
        let id = format!("id-{number}");
        world = world
            .member_with_id(&format!("o'{number}"), &id)
            .account(&format!("o=27{number}"), ACTIVE);
        world = world.shows_name_of(&format!("o=27{number}"), &id);
    }
    let plan = world.plan();
    assert_eq!((plan.has_changes(), plan.kept.len()), (false, 6));
    let refused = OPEN.refuse(&plan);
    assert!(matches!(refused[..], [Refusal::MappingInDoubt(_)]), "{refused:?}");
}

#[test]
fn account_of_two_members_is_activated_only_if_both_are_in() {
    let world = scene().member("sam").member("sam").account("sam", DISABLED);
    assert_eq!(outcome(&world, "sam"), "activate in_group");
    for id in ["id-0-sam", "id-1-sam"] {
        let one_is_out = world.clone().seen(id, known(true, false, None));
        assert_eq!(outcome(&one_is_out, "sam"), "kept ambiguous", "{id}");
    }
}

#[test]
fn account_that_mas_may_take_for_a_members_is_not_changed() {
    let world = |mas: [InMas; 2]| {
        let [member, other] = mas;
        let scene = scene()
            .member_with_id("bob", "b")
            .account_with("bob", ACTIVE, |account| account.mas = member);
        let scene = scene.account_with("Bob", ACTIVE, |account| account.mas = other);
        let out = known(true, false, None);
        scene.seen("r", out).remembered("bob", "b", Tie::Name).remembered(
            "Bob",
            "r",
            Tie::ExternalId,
        )
    };
    let by_name = world([InMas::NotAsked, InMas::NotAsked]);
    assert_eq!(["bob", "Bob"].map(|name| outcome(&by_name, name)), ["unchanged", "kept ambiguous"]);
    let by_id = world(["1", "2"].map(|id| InMas::Known(id.into())));
    assert_eq!(outcome(&by_id, "Bob"), "disable not_in_group");
}

#[test]
fn account_of_a_user_with_another_one_is_not_remembered_by_name() {
    let world =
        scene().member_with_id("cat", "c").linked("cool", "c", ACTIVE).account("cat", ACTIVE);
    let next = run(&world);
    let cat = next.facts.accounts.iter().find(|account| account.localpart().as_str() == "cat");
    assert_eq!(cat.and_then(Account::remembered_owner), None);
}

#[test]
fn disabled_member_who_is_now_listed_is_kept_if_disabled_members_count() {
    let listed = scene().listed("dave", false, None).facts.members;
    let mut world = scene().user("dave").account("dave", ACTIVE);
    world = world.policy(|policy| policy.disabled_members = DisabledMembers::Keep);
    assert_eq!(outcome(&world, "dave"), "disable not_in_group");
    world.members_after = Some(listed);
    assert_eq!(outcome(&world, "dave"), "kept in_group_at_second_look");
}

#[test]
fn each_account_gets_its_own_owner_of_the_state_file() {
    let mut world = scene().account("alice", ACTIVE).account("bob", ACTIVE).account("eve", ACTIVE);
    world = world.remembered("alice", "old", Tie::Name).remembered("eve", "e", Tie::Name);
    let owner = |name: &str, id: &str| (name.into(), Owner { id: id.into(), tie: Tie::Name });
    let owners = [owner("bob", "b"), owner("alice", "a")];
    world.facts.recall(&["alice".into(), "bob".into()], &owners);
    assert_eq!(
        ["alice", "bob", "eve"].map(|name| world.owner(name)),
        [by_name("a"), by_name("b"), by_name("e")]
    );
}
