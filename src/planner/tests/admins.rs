//! Administrators by group and role: who gets the right, who loses it, and that one is left.

use std::collections::HashSet;

use super::*;
use crate::model::{MasAdmin, Owner, Tie};

impl Scene {
    /// `[admins]` is configured, and has these users.
    pub(super) fn admins(mut self, users: &[(&str, &str)]) -> Self {
        let user = |(id, name): &(&str, &str)| Member {
            id: (*id).into(),
            localpart: Some((*name).into()),
            enabled: true,
            federation_link: None,
            signs: Signs::default(),
        };
        self.admins = Some(users.iter().map(user).collect::<Vec<_>>().into());
        self.policy(|policy| {
            policy.admins = Some(AdminRules { revoke: Revoke::Yes, min_admins: 1 });
        })
    }

    pub(super) fn in_mas(self, name: &str, state: AccountState, mas_admin: MasAdmin) -> Self {
        self.account_with(name, state, |account| {
            account.mas_admin = mas_admin;
            account.admin = mas_admin == MasAdmin::Yes;
            account.mas = InMas::Known("01ABC".into());
        })
    }

    /// Keycloak's answer about a user, with the groups of `[admins]`.
    pub(super) fn seen_as(mut self, key: &str, person: KeycloakPerson) -> Self {
        self.admin_people.insert(key.to_owned(), person);
        self
    }

    /// Returns the changes of administrators. Users who are in none of `[admins]` are known as such.
    pub(super) fn admin_changes(&self, draft: &Draft<'_>) -> Option<AdminChanges> {
        let mut view = self.clone();
        let members = std::mem::replace(&mut view.facts.members, self.admins.clone()?);
        for member in &members {
            if view.facts.members.get(&member.id).is_none() {
                let name = member.localpart.as_ref().expect("a name").key().into_owned();
                view.people.insert(name, known(true, false, None));
                view.people.insert(member.id.text().into_owned(), known(true, false, None));
            }
        }
        view.people.extend(self.admin_people.clone());
        let policy = self.policy.of_admins();
        let rules = self.policy.admins?;
        let admin_draft = AdminDraft::new(draft, &view.facts, &policy, rules);
        let recheck = |account: &ToRecheck| {
            let mut evidence = view.recheck(account)?;
            let ids = evidence.account.external_ids.iter();
            let ids: Vec<KeycloakId> = ids.map(|id| id.raw().into()).collect();
            let answers = ids.into_iter().map(|id| {
                let user = view.by_id(&id);
                Answer { asked: Question::ExternalId(id), user }
            });
            evidence.keycloak.extend(answers.filter(|answer| !answer.user.is_unknown()));
            Ok(evidence)
        };
        let answers = admin_draft.to_recheck().map(|it| (it.user_id.clone(), recheck(&it)));
        let rechecks = Rechecks::Taken { answers: answers.collect(), members_after: None };
        let listed = || {
            let admins = view.facts.accounts.iter().filter(|it| it.mas_admin == MasAdmin::Yes);
            admins.map(|account| account.localpart().key().into()).collect()
        };
        let now = self.admins_now.as_ref();
        let admins: HashSet<Box<str>> =
            now.map_or_else(listed, |now| now.iter().map(|name| (*name).into()).collect());
        let shut = self.shut_now.iter().map(|name| (*name).into()).collect();
        let admins = AdminNames { all: admins, shut, ..AdminNames::default() };
        let members_after = self.admin_members_after.as_ref().unwrap_or(&self.facts.members);
        let is_needed = admin_draft.needs_directories(&rechecks);
        let members_after = if is_needed { members_after.clone() } else { MemberList::default() };
        Some(admin_draft.decide(&Ok(AdminsSeen { rechecks, members_after, admins })))
    }

    pub(super) fn rules(self, revoke: Revoke, min_admins: usize) -> Self {
        self.policy(|policy| policy.admins = Some(AdminRules { revoke, min_admins }))
    }
}

/// Ada and Bob are members. Ada is in a group of administrators, and Bob is one in MAS.
pub(super) fn both() -> Scene {
    let scene = scene().listed_as("a", "ada", true, None).listed_as("b", "bob", true, None);
    let scene = scene.in_mas("ada", ACTIVE, MasAdmin::No).in_mas("bob", ACTIVE, MasAdmin::Yes);
    // Boss stays one, so that Bob is not the last.
    let scene = scene.listed_as("c", "boss", true, None).in_mas("boss", ACTIVE, MasAdmin::Yes);
    scene.admins(&[("a", "ada"), ("c", "boss")])
}

pub(super) fn changes(scene: &Scene) -> (Vec<String>, Vec<(String, KeptReason)>) {
    let plan = scene.plan();
    let change = |(kind, name, reason): (ActionKind, String, Reason)| match (kind, reason) {
        (ActionKind::GrantAdmin, Reason::InAdminGroup) => format!("+{name}"),
        (ActionKind::RevokeAdmin, Reason::NotInAdminGroup) => format!("-{name}"),
        (kind, _) => format!("{kind:?} {name}"),
    };
    (actions(&plan).into_iter().map(change).collect(), kept(&plan))
}

pub(super) fn admin_changes(scene: &Scene) -> Vec<String> {
    let (changes, _) = changes(scene);
    changes.into_iter().filter(|change| change.starts_with(['+', '-'])).collect()
}

fn nothing() -> (Vec<String>, Vec<(String, KeptReason)>) {
    (vec![], vec![])
}

#[test]
fn users_of_the_groups_get_the_right_and_others_lose_it() {
    assert_eq!(changes(&both()), (vec!["+ada".to_owned(), "-bob".to_owned()], vec![]));
    let summary = both().plan().summary();
    assert_eq!((summary.grant_admin, summary.revoke_admin, summary.unchanged), (1, 1, 3));
}

#[test]
fn without_the_section_no_administrator_changes() {
    assert_eq!(changes(&both().policy(|policy| policy.admins = None)), nothing());
}

#[test]
fn right_is_only_taken_if_configured() {
    assert_eq!(changes(&both().rules(Revoke::No, 1)).0, ["+ada"]);
}

#[test]
fn owner_of_a_token_and_protected_accounts_keep_the_right() {
    let protect = |policy: &mut Policy| {
        policy.protect = Protection::new(&["bob".to_owned()]).expect("valid");
    };
    assert_eq!(changes(&both().policy(protect)).0, ["+ada"]);
    let mut owner = both();
    owner.facts.token_owners.synapse = Some(Localpart::from("bob").on(&"example.org".into()));
    assert_eq!(changes(&owner).0, ["+ada"]);
}

#[test]
fn right_changes_only_if_the_second_look_agrees() {
    let still_in = both().seen_as("bob", known(true, true, None));
    assert_eq!(
        (changes(&still_in).0, still_in.plan().contradictions),
        (vec!["+ada".to_owned()], 1)
    );
    let left = both().seen_as("a", known(true, false, None));
    assert_eq!(changes(&left).0, ["-bob"]);
    let disabled = both().seen_as("a", known(false, true, None));
    assert_eq!(changes(&disabled).0, ["-bob"]);
    let now = |admins: &[&'static str]| {
        let mut scene = both();
        scene.admins_now = Some(admins.to_vec());
        changes(&scene).0
    };
    assert_eq!(now(&["ada", "bob", "boss"]), ["-bob"]);
    assert_eq!(now(&["boss"]), ["+ada"]);
    let locked = both().detail("ada", |seen| seen.state = LOCKED);
    assert_eq!(changes(&locked).0, ["-bob"]);
}

#[test]
fn account_that_is_not_a_members_gets_no_right() {
    let scene = scene().admins(&[("a", "ada")]).user("ada").in_mas("ada", ACTIVE, MasAdmin::No);
    assert!(changes(&scene).0.iter().all(|change| !change.starts_with('+')));
    let mut disabled = scene.clone().listed_as("a", "ada", true, None);
    disabled.facts.accounts[0].state = DISABLED;
    assert!(changes(&disabled).0.iter().all(|change| !change.starts_with('+')));
}

#[test]
fn administrator_out_of_the_groups_keeps_the_right_while_in_those_of_administrators() {
    let scene = scene().admins(&[("a", "ada")]).user("ada").in_mas("ada", ACTIVE, MasAdmin::Yes);
    let scene = scene.rules(Revoke::Yes, 0);
    assert_eq!(changes(&scene), (vec![], kept_as("ada", KeptReason::Admin)));
}

#[test]
fn name_that_another_user_has_too_gives_no_right() {
    let mut stranger = both();
    stranger.policy.matching = Matching::Localpart;
    // The account was once linked to another user.
    stranger.facts.accounts[0].remember(Owner { id: "z".into(), tie: Tie::Link });
    assert_eq!(changes(&stranger).0, ["-bob"]);
    let disabled_namesake = both().admins(&[("a", "ada"), ("a2", "Ada"), ("c", "boss")]);
    let disabled_namesake = disabled_namesake.seen_as("a2", known(false, true, None));
    assert_eq!(changes(&disabled_namesake).0, ["-bob"]);
}

#[test]
fn name_of_an_administrator_keeps_the_right_whoever_has_it_too() {
    let scene = both().admins(&[("b2", "bob"), ("c", "boss")]);
    assert_eq!(changes(&scene).0, [""; 0]);
}

#[test]
fn accounts_whose_names_differ_only_in_case_keep_what_they_have() {
    let scene = both().in_mas("Bob", ACTIVE, MasAdmin::Yes).in_mas("Ada", ACTIVE, MasAdmin::No);
    assert_eq!(admin_changes(&scene), [""; 0]);
}

#[test]
fn external_id_of_another_user_gives_no_right() {
    let scene = both().detail("ada", |seen| {
        seen.external_ids = vec!["z".into()];
    });
    assert_eq!(changes(&scene).0, ["+ada", "-bob"], "not a user of the realm");
    let mut other = scene.seen_as("z", known(true, false, None));
    assert_eq!(changes(&other).0, ["-bob"]);
    other.policy.matching = Matching::Localpart;
    assert_eq!(changes(&other).0, ["-bob"]);
}

#[test]
fn administrator_whose_directory_may_be_down_keeps_the_right() {
    let mut scene = both().seen_as("bob", known(false, false, Some("ldap")));
    scene.facts.providers = Some(vec!["ldap".into()]);
    assert_eq!(changes(&scene).0, ["+ada"]);
    // A user that Keycloak does not know may be in the directory, too.
    let unknown = scene.clone().seen_as("bob", KeycloakPerson::Unknown);
    assert_eq!(changes(&unknown).0, ["+ada"]);
    let mut without = unknown;
    without.facts.providers = Some(Vec::new());
    assert_eq!(changes(&without).0, ["+ada", "-bob"]);
}

#[test]
fn account_that_the_plan_disables_loses_the_right_in_the_next_run() {
    let mut scene = both().user("bob").seen("b", known(true, false, None));
    scene.facts.members.remove(&"b".into());
    assert_eq!(
        changes(&scene),
        (vec!["+ada".into(), "-bob".into()], kept_as("bob", KeptReason::Admin))
    );
    scene.policy.protect_admins = false;
    assert_eq!(changes(&scene).0, ["+ada", "Disable bob"]);
}

#[test]
fn link_decides_whose_right_it_is() {
    let linked = |id: &str| {
        let mut scene = both();
        scene.facts.accounts[1].links = [id.into()].into_iter().collect();
        changes(&scene).0
    };
    assert_eq!(linked("c"), ["+ada"]);
    assert_eq!(linked("b"), ["+ada", "-bob"]);
}

#[test]
fn right_whose_sessions_may_be_open_is_taken_again() {
    let taken = || {
        let scene = both().listed_as("z", "zoe", true, None);
        let mut scene = scene.in_mas("zoe", ACTIVE, MasAdmin::No);
        let zoe = Localpart::from("zoe").on(&scene.facts.server_name);
        scene.facts.memory.revocations.insert(zoe);
        scene
    };
    assert!(admin_changes(&taken()).contains(&"-zoe".to_owned()));
    assert!(!admin_changes(&taken().rules(Revoke::No, 1)).contains(&"-zoe".to_owned()));
    let back = taken().admins(&[("a", "ada"), ("c", "boss"), ("z", "zoe")]);
    assert!(admin_changes(&back).contains(&"+zoe".to_owned()));
}

#[test]
fn right_is_taken_before_a_disable_waits_for_an_approval() {
    // Bob has no user in Keycloak, and nothing ever tied his account to one.
    let mut scene = both().seen("bob", KeycloakPerson::Unknown);
    scene.facts.members.remove(&"b".into());
    scene.policy.protect_admins = false;
    assert_eq!(changes(&scene).0, ["+ada", "-bob"]);
    // The last run began to take it, and it is not known how far it came.
    let bob = Localpart::from("bob").on(&scene.facts.server_name);
    scene.facts.memory.revocations.insert(bob);
    assert_eq!(changes(&scene).0, ["+ada", "-bob"]);
    scene.facts.accounts[1].mas_admin = MasAdmin::No;
    scene.facts.accounts[1].admin = false;
    assert_eq!(changes(&scene).0, ["+ada", "-bob"]);
}

#[test]
fn user_who_was_disabled_after_the_list_gets_no_right() {
    let scene = both().seen_as("ada", known(false, true, None));
    assert_eq!(changes(&scene).0, ["-bob"]);
}

#[test]
fn changes_of_administrators_have_a_limit() {
    let limits = |max_admin_changes| Limits { max_admin_changes, ..OPEN };
    let plan = both().plan();
    assert_eq!(limits(2).refuse(&plan), []);
    let refused = Refusal::MaxAdminChanges { planned: 2, before: 0, max: 1 };
    assert_eq!(limits(1).refuse(&plan), [refused]);
}

#[test]
fn failed_second_look_is_skipped() {
    let plan = both().fails("bob").plan();
    assert_eq!(plan.to_apply().count(), 1);
    assert!(plan.is_in_doubt());
}

/// Bob comes from LDAP, and so do five members.
fn with_ldap(bob: &KeycloakPerson) -> Scene {
    let scene = (0..5).fold(both(), |scene, number| {
        let name = format!("ldap{number}");
        scene.listed_as(&name, &name, true, Some("ldap"))
    });
    let mut scene = scene.seen_as("bob", bob.clone()).seen_as("b", bob.clone());
    scene.facts.providers = Some(vec!["ldap".into()]);
    scene
}

#[test]
fn members_show_that_a_directory_is_up_too() {
    assert_eq!(changes(&with_ldap(&known(true, false, Some("ldap")))).0, ["+ada", "-bob"]);
    let mut gone = with_ldap(&KeycloakPerson::Unknown);
    gone.facts.members.remove(&"b".into());
    assert_eq!(admin_changes(&gone), ["+ada", "-bob"]);
}

#[test]
fn directory_that_goes_down_after_the_members_were_listed_keeps_the_right() {
    let mut down = with_ldap(&known(false, false, Some("ldap")));
    down.admin_members_after = Some(MemberList::from(Vec::new()));
    assert_eq!((changes(&down).0, down.plan().doubtful.len()), (vec!["+ada".to_owned()], 1));
}

#[test]
fn directory_that_comes_back_after_the_look_keeps_the_right() {
    let mut down = with_ldap(&known(false, false, Some("ldap")));
    let alive = std::mem::take(&mut down.facts.members);
    let gone = alive.iter().filter(|member| member.federation_link.is_none()).cloned();
    down.facts.members = gone.collect::<Vec<_>>().into();
    down.admin_members_after = Some(alive);
    assert_eq!((admin_changes(&down), down.plan().doubtful.len()), (vec!["+ada".to_owned()], 1));
}

#[test]
fn members_are_only_read_again_for_users_who_may_be_in_a_directory() {
    let needs = |scene: &Scene| {
        let draft = Draft::new(&scene.facts, &scene.policy);
        let (mut view, policy) = (scene.clone(), scene.policy.of_admins());
        view.facts.members = scene.admins.clone().expect("configured");
        view.people.extend(scene.admin_people.clone());
        let rules = scene.policy.admins.expect("configured");
        let admins = AdminDraft::new(&draft, &view.facts, &policy, rules);
        let answers = admins.to_recheck().map(|it| (it.user_id.clone(), view.recheck(&it)));
        admins
            .needs_directories(&Rechecks::Taken { answers: answers.collect(), members_after: None })
    };
    let of_ldap = with_ldap(&known(true, false, Some("ldap")));
    assert!(needs(&of_ldap) && needs(&with_ldap(&KeycloakPerson::Unknown)));
    assert!(!needs(&with_ldap(&known(true, false, None))));
    let trusted = of_ldap.policy(|policy| policy.federation = Federation::Trust);
    assert!(!needs(&trusted));
}

#[test]
fn right_that_stays_because_of_a_directory_is_reported() {
    let mut scene = both().seen_as("bob", known(false, false, Some("ldap")));
    scene.facts.providers = Some(vec!["ldap".into()]);
    assert_eq!(scene.plan().doubtful, [Box::from("ldap")]);
}

#[test]
fn names_that_differ_only_in_case_are_reported() {
    let scene = both().in_mas("BOB", ACTIVE, MasAdmin::No);
    let draft = Draft::new(&scene.facts, &scene.policy);
    let decided = scene.admin_changes(&draft).expect("configured");
    let unclear: Vec<_> = decided.unclear().iter().map(ToString::to_string).collect();
    assert_eq!(unclear, ["@bob:example.org"]);
}

#[test]
fn account_that_mas_did_not_find_lately_is_left_alone() {
    let mut scene = both();
    let ada = Localpart::from("ada").on(&scene.facts.server_name);
    scene.facts.memory.not_in_mas.insert(ada);
    scene.facts.accounts[0].mas = InMas::NotAsked;
    assert_eq!(changes(&scene).0, ["-bob"]);
}
