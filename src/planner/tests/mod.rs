//! The rule, row by row and as laws. One-line builders make the facts; whole plans are compared.

mod limits;
mod links;
mod memory;
mod remembering;
mod whose;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    AccountDetail, AccountState, Answer, Evidence, InMas, KeycloakId, KeycloakPerson, KeycloakUser, Localpart, Member,
    Question, Sign, SignSeen, Signs, TokenOwners,
};
use crate::plan::{ActionKind, Approval, DisableMode, KeptReason, Plan, Reason, WriterKind};

/// A world in which the second look confirms what the lists say, unless told otherwise.
#[derive(Debug, Clone)]
struct Scene {
    facts: Facts,
    policy: Policy,
    people: BTreeMap<String, KeycloakPerson>,
    details: BTreeMap<String, AccountDetail>,
    errors: BTreeMap<String, String>,
    /// The users that an account's weak signs point to.
    signs: BTreeMap<String, Vec<SignSeen>>,
    members_after: Option<MemberList>,
}

fn scene() -> Scene {
    let facts = Facts {
        token_owners: TokenOwners {
            synapse: Some(Localpart::from("sync-bot").on(&"example.org".into())),
            ..TokenOwners::default()
        },
        ..Facts::empty("example.org".into())
    };
    let policy = Policy { protect_admins: true, ..Policy::default() };
    Scene {
        facts,
        policy,
        people: BTreeMap::new(),
        details: BTreeMap::new(),
        errors: BTreeMap::new(),
        signs: BTreeMap::new(),
        members_after: None,
    }
}

const NO_LOOKS: Rechecks = Rechecks::TooMany { aside: BTreeMap::new() };
const ACTIVE: AccountState = AccountState { deactivated: false, locked: false, erased: false };
const LOCKED: AccountState = AccountState { deactivated: false, locked: true, erased: false };
const DEACTIVATED: AccountState = AccountState { deactivated: true, locked: false, erased: false };
const DISABLED: AccountState = AccountState { deactivated: true, locked: true, erased: false };
const ERASED: AccountState = AccountState { deactivated: true, locked: true, erased: true };

fn known(enabled: bool, in_group: bool, link: Option<&str>) -> KeycloakPerson {
    let groups = if in_group { vec!["/matrix-users".into()] } else { Vec::new() };
    KeycloakPerson::Known {
        user: user("some-id"),
        created: None,
        enabled,
        locked_out: false,
        in_group,
        groups,
        remembered: Vec::new(),
        federation_link: link.map(Into::into),
    }
}

fn user(id: &str) -> KeycloakUser {
    KeycloakUser { id: id.into(), username: id.into(), name: None, email: None }
}

/// The same answer about the user of this ID.
fn with_id(person: &KeycloakPerson, new_id: &KeycloakId) -> KeycloakPerson {
    let mut person = person.clone();
    if let KeycloakPerson::Known { user, .. } = &mut person {
        user.id = new_id.clone();
    }
    person
}

impl Scene {
    fn listed(self, name: &str, enabled: bool, link: Option<&str>) -> Self {
        let id = format!("id-{}-{name}", self.facts.members.len());
        self.listed_as(&id, name, enabled, link)
    }

    fn listed_as(mut self, id: &str, name: &str, enabled: bool, link: Option<&str>) -> Self {
        self.facts.members.insert(Member {
            id: id.into(),
            localpart: Some(name.into()),
            enabled,
            federation_link: link.map(Into::into),
            signs: Signs::default(),
        });
        self.people.entry(name.to_lowercase()).or_insert_with(|| known(enabled, true, link));
        self
    }

    fn member(self, name: &str) -> Self {
        self.listed(name, true, None)
    }

    fn disabled_member(self, name: &str) -> Self {
        self.listed(name, false, None)
    }

    /// Known to Keycloak, not listed.
    fn user(self, name: &str) -> Self {
        self.seen(name, known(true, false, None))
    }

    fn seen(mut self, name: &str, person: KeycloakPerson) -> Self {
        self.people.insert(name.to_lowercase(), person);
        self
    }

    fn account(self, name: &str, state: AccountState) -> Self {
        self.account_with(name, state, |_| ())
    }

    fn account_with(mut self, name: &str, state: AccountState, change: impl FnOnce(&mut Account)) -> Self {
        let user_id = if name.contains(':') {
            UserId::try_from(Box::from(name)).expect("a user ID")
        } else {
            Localpart::from(name).on(&self.facts.server_name)
        };
        let mut account = Account { state, ..Account::active(user_id) };
        change(&mut account);
        self.facts.accounts.push(account);
        self
    }

    fn detail(mut self, name: &str, change: impl FnOnce(&mut AccountDetail)) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let account = self.facts.accounts.iter().find(|account| account.user_id == user_id).expect("an account");
        let mut detail = detail_of(account);
        change(&mut detail);
        self.details.insert(name.to_owned(), detail);
        self
    }

    fn fails(mut self, name: &str) -> Self {
        self.errors.insert(name.to_owned(), "Keycloak: answered 400".to_owned());
        self
    }

    fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    fn recheck(&self, person: &ToRecheck) -> Recheck {
        let localpart = person.user_id.localpart();
        if let Some(error) = self.errors.get(localpart.as_str()) {
            return Err(error.clone());
        }
        let account = self.facts.accounts.iter().find(|account| account.user_id == person.user_id);
        let listed = account.map(detail_of).expect("an account of the list");
        let mut keycloak: Vec<_> =
            person.ids.iter().map(|id| Answer { asked: Question::Id(id.clone()), user: self.by_id(id) }).collect();
        let named = self.by_name(localpart);
        let is_asked = keycloak.iter().any(|answer| answer.user.user() == named.user());
        let is_unknown = keycloak.iter().all(|answer| answer.user.is_unknown());
        if is_unknown || (person.by_name == AskByName::Always && !named.is_unknown() && !is_asked) {
            keycloak.push(Answer { asked: Question::Name, user: named });
        }
        Ok(Evidence {
            keycloak,
            account: self.details.get(localpart.as_str()).cloned().unwrap_or(listed),
            signs: self.signs.get(localpart.as_str()).cloned().unwrap_or_default(),
        })
    }

    fn member_called(&self, name: &str) -> Option<&Member> {
        let is_called = |member: &&Member| member.localpart.as_ref().is_some_and(|localpart| localpart.key() == name);
        self.facts.members.iter().find(is_called)
    }

    fn by_name(&self, localpart: &Localpart) -> KeycloakPerson {
        let key = localpart.key();
        let id = self.member_called(&key).map_or_else(|| format!("id-of-{key}").into(), |member| member.id.clone());
        self.people.get(&*key).map_or(KeycloakPerson::Unknown, |person| with_id(person, &id))
    }

    /// Members are who the list says they are; others have to be made known.
    fn by_id(&self, id: &KeycloakId) -> KeycloakPerson {
        let listed = self.facts.members.get(id);
        let name = listed.and_then(|member| Some(member.localpart.as_ref()?.key().into_owned()));
        let by_name = name.and_then(|name| self.people.get(&name));
        let person = match (self.people.get(&*id.text()), by_name, listed) {
            (Some(person), ..) | (None, Some(person), _) => person.clone(),
            (None, None, Some(member)) => known(member.enabled, true, None),
            (None, None, None) => KeycloakPerson::Unknown,
        };
        with_id(&person, id)
    }

    /// The display name of this account is that of the member of this ID.
    fn shows_name_of(mut self, name: &str, id: &str) -> Self {
        self.signs.insert(name.to_owned(), vec![SignSeen { sign: Sign::DisplayName, user: user(id) }]);
        self
    }

    fn rechecks(&self, draft: &Draft<'_>) -> Rechecks {
        let answers = draft.to_recheck().map(|person| (person.user_id.clone(), self.recheck(&person))).collect();
        Rechecks::Taken { answers, members_after: self.members_after.clone() }
    }

    fn plan(&self) -> Plan {
        let draft = Draft::new(&self.facts, &self.policy);
        draft.decide(&self.rechecks(&draft))
    }
}

fn detail_of(account: &Account) -> AccountDetail {
    AccountDetail {
        deactivated_in_mas: account.deactivated_in_mas,
        admin: account.admin,
        bot: account.bot,
        state: account.state,
        ..AccountDetail::new(account.user_id.clone())
    }
}

/// `(action, localpart, reason)` of everything that would be tried.
fn actions(plan: &Plan) -> Vec<(ActionKind, String, Reason)> {
    plan.to_apply().map(|action| (action.kind, action.localpart().to_string(), action.reason)).collect()
}

fn kept(plan: &Plan) -> Vec<(String, KeptReason)> {
    plan.kept.iter().map(|kept| (kept.localpart.to_string(), kept.reason)).collect()
}

fn disable(name: &str, reason: Reason) -> Vec<(ActionKind, String, Reason)> {
    vec![(ActionKind::Disable, name.to_owned(), reason)]
}

fn activate(name: &str) -> Vec<(ActionKind, String, Reason)> {
    vec![(ActionKind::Activate, name.to_owned(), Reason::InGroup)]
}

fn kept_as(name: &str, reason: KeptReason) -> Vec<(String, KeptReason)> {
    vec![(name.to_owned(), reason)]
}

#[track_caller]
fn acts(scene: &Scene, expected: Vec<(ActionKind, String, Reason)>) {
    assert_eq!((actions(&scene.plan()), kept(&scene.plan())), (expected, vec![]));
}

#[track_caller]
fn keeps(scene: &Scene, expected: Vec<(String, KeptReason)>) {
    assert_eq!((actions(&scene.plan()), kept(&scene.plan())), (vec![], expected));
}

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
    acts(&scene().user("dave").account_with("dave", ACTIVE, half), disable("dave", Reason::NotInGroup));
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
    let both = vec![("Eve".to_owned(), KeptReason::Ambiguous), ("eve".to_owned(), KeptReason::Ambiguous)];
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
    let both_out = scene().disabled_member("sam").disabled_member("sam").seen("sam", known(false, true, None));
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
    acts(&admin.policy(|policy| policy.protect_admins = false), disable("root", Reason::NotInKeycloak));
    let bot = scene().account_with("helper", ACTIVE, |account| account.bot = true);
    keeps(&bot, kept_as("helper", KeptReason::Bot));
    let protect = Protection::new(&["/svc-.*/".to_owned()]).expect("valid");
    let protected = scene().account("svc-mail", ACTIVE).policy(|policy| policy.protect = protect);
    keeps(&protected, kept_as("svc-mail", KeptReason::Protected));
}

#[test]
fn protection_does_not_keep_a_member_from_being_activated() {
    let protect = Protection::new(&["bob".to_owned()]).expect("valid");
    let scene = scene().member("bob").account("bob", DISABLED).policy(|policy| policy.protect = protect);
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
    scene.facts.memory.bridges = [Localpart::from("telegram_42").on(&scene.facts.server_name)].into();
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
fn a_second_look_that_finds_them_in_the_group_keeps_them() {
    let scene = scene().account("alice", ACTIVE).seen("alice", known(true, true, None));
    keeps(&scene, kept_as("alice", KeptReason::InGroupAtSecondLook));
    assert_eq!(scene.plan().contradictions, 1);
}

#[test]
fn a_second_look_that_finds_a_disabled_member_enabled_keeps_them() {
    let scene = scene().disabled_member("frank").account("frank", ACTIVE).seen("frank", known(true, true, None));
    keeps(&scene, kept_as("frank", KeptReason::InGroupAtSecondLook));
}

#[test]
fn a_second_look_that_fails_keeps_them_and_leaves_the_run_incomplete() {
    let plan = scene().user("dave").account("dave", ACTIVE).fails("dave").plan();
    assert_eq!((actions(&plan), plan.is_in_doubt(), plan.summary().disable), (vec![], true, 1));
}

#[test]
fn who_was_disabled_meanwhile_is_not_disabled_again() {
    let scene = scene().user("dave").account("dave", ACTIVE).detail("dave", |detail| detail.state.deactivated = true);
    acts(&scene, vec![]);
}

#[test]
fn who_was_locked_meanwhile_keeps_their_rooms() {
    let scene = scene().user("dave").account("dave", ACTIVE).detail("dave", |detail| detail.state.locked = true);
    acts(&scene, vec![]);
}

#[test]
fn any_contradiction_between_list_and_user_keeps_the_account() {
    let disabled_but_in_group = scene().account("alice", ACTIVE).seen("alice", known(false, true, None));
    keeps(&disabled_but_in_group, kept_as("alice", KeptReason::InGroupAtSecondLook));
    let listed_but_in_no_group =
        scene().disabled_member("frank").account("frank", ACTIVE).seen("frank", known(false, false, None));
    keeps(&listed_but_in_no_group, kept_as("frank", KeptReason::InGroupAtSecondLook));
}

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
    scene.members_after =
        Some(after.facts.members.into_iter().map(|member| Member { enabled: true, ..member }).collect());
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
    let mut scene = scene().member("alice").account("l0007", ACTIVE).user("dave").account("dave", ACTIVE);
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
    let scene = scene().listed("l0001", false, Some("ldap")).account("l0001", DISABLED).account("mallory", ACTIVE);
    keeps(&scene, kept_as("mallory", KeptReason::FederationInDoubt));
    let with_local = scene.user("dave").account("dave", ACTIVE);
    assert_eq!(actions(&with_local.plan()), disable("dave", Reason::NotInGroup));
}

#[test]
fn with_too_many_accounts_to_recheck_none_is_changed() {
    let scene = scene().account("dave", ACTIVE).member("bob").account("bob", DISABLED);
    let plan = Draft::new(&scene.facts, &scene.policy).decide(&NO_LOOKS);
    assert_eq!((actions(&plan), plan.not_rechecked), (vec![], Some(2)));
    let refusals = Limits::default().refuse(&plan);
    assert_eq!(refusals, [Refusal::MaxLook { people: 2, max: 5000, prefix: None }]);
}

#[test]
fn the_digest_names_the_actions_and_nothing_else() {
    let scene = scene().user("dave").account("dave", ACTIVE);
    let digest = scene.plan().digest();
    assert_eq!(scene.clone().member("zoe").plan().digest(), digest);
    assert_ne!(scene.clone().policy(|policy| policy.disable = DisableMode::Lock).plan().digest(), digest);
    assert_ne!(scene.clone().policy(|policy| policy.writer = WriterKind::MasApi).plan().digest(), digest);
    assert_ne!(scene.seen("dave", KeycloakPerson::Unknown).plan().digest(), digest);
}

fn any_state() -> impl Strategy<Value = AccountState> {
    prop_oneof![Just(ACTIVE), Just(LOCKED), Just(DEACTIVATED), Just(DISABLED), Just(ERASED)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (any::<[bool; 6]>(), prop::sample::select(vec![vec![], vec!["u1".to_owned()], vec!["/u[2-4]/".to_owned()]]))
        .prop_map(|([lock, keep_disabled, activate_locked, keep_unknown, trust, protect_admins], protect)| Policy {
            disable: if lock { DisableMode::Lock } else { DisableMode::Deactivate },
            disabled_members: if keep_disabled { DisabledMembers::Keep } else { DisabledMembers::Disable },
            locked_members: if activate_locked { LockedMembers::Activate } else { LockedMembers::Keep },
            unknown_accounts: if keep_unknown { UnknownAccounts::Keep } else { UnknownAccounts::Disable },
            federation: if trust { Federation::Trust } else { Federation::Verify },
            protect: Protection::new(&protect).expect("valid"),
            protect_admins,
            ..Policy::default()
        })
}

/// Worlds of a few names, so that they collide: members, accounts in other cases, people seen otherwise, errors.
fn any_scene() -> impl Strategy<Value = Scene> {
    let link = || prop::option::of(prop::sample::select(vec!["ldap", "ad"]));
    let members = prop::collection::vec((0..8_u8, any::<bool>(), link()), 0..8);
    let accounts = prop::collection::btree_map((0..8_u8, any::<bool>()), (any_state(), 0..6_u8), 0..10);
    let seen = prop::collection::vec((0..8_u8, any::<bool>(), any::<bool>(), link()), 0..6);
    (members, accounts, seen, any_policy()).prop_map(|(members, accounts, seen, policy)| {
        let mut scene = scene().policy(|own| *own = policy);
        for (name, enabled, link) in members {
            scene = scene.listed(&format!("u{name}"), enabled, link);
        }
        for ((name, capital), (state, kind)) in accounts {
            let name = if capital { format!("U{name}") } else { format!("u{name}") };
            scene = scene.account_with(&name, state, |account| {
                account.admin = kind == 1;
                account.bot = kind == 2;
                account.deactivated_in_mas = kind == 5;
            });
            scene = match kind {
                3 => scene.detail(&name, |detail| detail.appservice = Some("bridge".into())),
                4 => scene.fails(&name),
                _ => scene,
            };
        }
        for (name, enabled, in_group, link) in seen {
            scene = scene.seen(&format!("u{name}"), known(enabled, in_group, link));
        }
        scene
    })
}

fn any_scene_and_its_shuffle() -> impl Strategy<Value = (Scene, Vec<Account>)> {
    any_scene().prop_flat_map(|scene| {
        let accounts = scene.facts.accounts.clone();
        (Just(scene), Just(accounts).prop_shuffle())
    })
}

/// What the writers leave behind.
fn applied(scene: &Scene, plan: &Plan) -> Scene {
    let mut after = scene.clone();
    for action in plan.to_apply() {
        let account = after.facts.accounts.iter_mut().find(|account| account.user_id == action.user_id);
        let account = account.expect("an action is about an account");
        account.deactivated_in_mas = false;
        account.state = match (action.kind, plan.disable) {
            (ActionKind::Activate, _) => ACTIVE,
            (ActionKind::Disable, DisableMode::Deactivate) => DISABLED,
            (ActionKind::Disable, DisableMode::Lock) => LOCKED,
        };
        after.details.remove(action.localpart().as_str());
    }
    after
}

proptest! {
    #[test]
    fn the_plan_of_the_applied_plan_is_empty(scene in any_scene()) {
        let again = applied(&scene, &scene.plan()).plan();
        prop_assert_eq!(actions(&again), vec![]);
    }

    #[test]
    fn no_kept_account_is_acted_on(scene in any_scene()) {
        let plan = scene.plan();
        let acted: Vec<_> = plan.actions.iter().map(crate::plan::Action::localpart).collect();
        prop_assert!(plan.kept.iter().all(|kept| !acted.contains(&&kept.localpart)));
    }

    #[test]
    fn the_counts_add_up(scene in any_scene()) {
        let plan = scene.plan();
        let summary = plan.summary();
        prop_assert_eq!(summary.activate + summary.disable + summary.unchanged + summary.kept, plan.read.accounts);
    }

    #[test]
    fn the_order_of_accounts_does_not_matter((scene, accounts) in any_scene_and_its_shuffle()) {
        let mut shuffled = scene.clone();
        shuffled.facts.accounts = accounts;
        prop_assert_eq!(shuffled.plan(), scene.plan());
    }

    #[test]
    fn no_enabled_member_is_ever_disabled(scene in any_scene()) {
        let plan = scene.plan();
        for action in plan.of_kind(ActionKind::Disable) {
            let key = action.localpart().key();
            let has_name = |member: &Member| member.localpart.as_ref().is_some_and(|localpart| localpart.key() == key);
            prop_assert!(!scene.facts.members.iter().any(|member| member.enabled && has_name(member)));
        }
    }
}
