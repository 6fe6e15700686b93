//! Builders of facts and of what the second look finds.

use super::*;
use crate::model::Existence;

/// A world in which the second look confirms what the lists say, unless told otherwise.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) facts: Facts,
    pub(super) policy: Policy,
    pub(super) people: BTreeMap<String, KeycloakPerson>,
    pub(super) details: BTreeMap<String, AccountDetail>,
    pub(super) errors: BTreeMap<String, String>,
    /// The users that an account's weak signs point to.
    pub(super) signs: BTreeMap<String, Vec<SignSeen>>,
    pub(super) members_after: Option<MemberList>,
    /// The users of `[admins]`, if it is configured.
    pub(super) admins: Option<MemberList>,
    /// Answers about users with the groups of `[admins]`, by ID or name.
    pub(super) admin_people: BTreeMap<String, KeycloakPerson>,
    /// The administrators of MAS at the second look, if they are others than listed.
    pub(super) admins_now: Option<Vec<&'static str>>,
    /// Those of them who cannot log in.
    pub(super) shut_now: Vec<&'static str>,
    /// The members after the look at administrators, if they differ.
    pub(super) admin_members_after: Option<MemberList>,
}

pub(super) fn scene() -> Scene {
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
        admins: None,
        admin_people: BTreeMap::new(),
        admins_now: None,
        shut_now: Vec::new(),
        admin_members_after: None,
    }
}

/// Lets everything pass; a test tightens the one limit that it is about.
pub(super) const OPEN: Limits = Limits {
    max_disable: usize::MAX,
    max_disable_percent: 100,
    max_activate: usize::MAX,
    max_create: usize::MAX,
    max_admin_changes: usize::MAX,
    min_members: 0,
    max_look: usize::MAX,
};

pub(super) const NO_LOOKS: Rechecks = Rechecks::TooMany { aside: BTreeMap::new() };
pub(super) const ACTIVE: AccountState =
    AccountState { deactivated: false, locked: false, erased: false };
pub(super) const LOCKED: AccountState =
    AccountState { deactivated: false, locked: true, erased: false };
pub(super) const DEACTIVATED: AccountState =
    AccountState { deactivated: true, locked: false, erased: false };
pub(super) const DISABLED: AccountState =
    AccountState { deactivated: true, locked: true, erased: false };
pub(super) const ERASED: AccountState =
    AccountState { deactivated: true, locked: true, erased: true };

pub(super) fn known(enabled: bool, in_group: bool, link: Option<&str>) -> KeycloakPerson {
    let groups = if in_group { vec!["/matrix-users".into()] } else { Vec::new() };
    KeycloakPerson::Known {
        user: user("some-id"),
        created: None,
        enabled,
        locked_out: false,
        in_group,
        groups,
        remembered: Vec::new(),
        roles: Vec::new(),
        federation_link: link.map(Into::into),
    }
}

fn user(id: &str) -> KeycloakUser {
    KeycloakUser { id: id.into(), username: id.into(), name: None, email: None }
}

/// The same answer about the user of this ID.
pub(super) fn with_id(person: &KeycloakPerson, new_id: &KeycloakId) -> KeycloakPerson {
    let mut person = person.clone();
    if let KeycloakPerson::Known { user, .. } = &mut person {
        user.id = new_id.clone();
    }
    person
}

impl Scene {
    pub(super) fn listed(self, name: &str, enabled: bool, link: Option<&str>) -> Self {
        let id = format!("id-{}-{name}", self.facts.members.len());
        self.listed_as(&id, name, enabled, link)
    }

    pub(super) fn listed_as(
        mut self,
        id: &str,
        name: &str,
        enabled: bool,
        link: Option<&str>,
    ) -> Self {
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

    pub(super) fn member(self, name: &str) -> Self {
        self.listed(name, true, None)
    }

    pub(super) fn disabled_member(self, name: &str) -> Self {
        self.listed(name, false, None)
    }

    /// Known to Keycloak, not listed.
    pub(super) fn user(self, name: &str) -> Self {
        self.seen(name, known(true, false, None))
    }

    pub(super) fn seen(mut self, name: &str, person: KeycloakPerson) -> Self {
        self.people.insert(name.to_lowercase(), person);
        self
    }

    pub(super) fn account(self, name: &str, state: AccountState) -> Self {
        self.account_with(name, state, |_| ())
    }

    pub(super) fn account_with(
        mut self,
        name: &str,
        state: AccountState,
        change: impl FnOnce(&mut Account),
    ) -> Self {
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

    pub(super) fn detail(mut self, name: &str, change: impl FnOnce(&mut AccountDetail)) -> Self {
        let user_id = Localpart::from(name).on(&self.facts.server_name);
        let account = self
            .facts
            .accounts
            .iter()
            .find(|account| account.user_id == user_id)
            .expect("an account");
        let mut detail = detail_of(account);
        change(&mut detail);
        self.details.insert(name.to_owned(), detail);
        self
    }

    pub(super) fn fails(mut self, name: &str) -> Self {
        self.errors.insert(name.to_owned(), "Keycloak: answered 400".to_owned());
        self
    }

    pub(super) fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(super) fn recheck(&self, person: &ToRecheck) -> Recheck {
        let localpart = person.user_id.localpart();
        if let Some(error) = self.errors.get(localpart.as_str()) {
            return Err(error.clone());
        }
        let account = self.facts.accounts.iter().find(|account| account.user_id == person.user_id);
        let listed = account.map_or_else(
            || AccountDetail {
                existence: Existence::Missing,
                ..AccountDetail::new(person.user_id.clone())
            },
            detail_of,
        );
        let mut keycloak: Vec<_> = person
            .ids
            .iter()
            .map(|id| Answer { asked: Question::Id(id.clone()), user: self.by_id(id) })
            .collect();
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
        let is_called = |member: &&Member| {
            member.localpart.as_ref().is_some_and(|localpart| localpart.key() == name)
        };
        self.facts.members.iter().find(is_called)
    }

    fn by_name(&self, localpart: &Localpart) -> KeycloakPerson {
        let key = localpart.key();
        let id = self
            .member_called(&key)
            .map_or_else(|| format!("id-of-{key}").into(), |member| member.id.clone());
        self.people.get(&*key).map_or(KeycloakPerson::Unknown, |person| with_id(person, &id))
    }

    /// Members are who the list says they are; others have to be made known.
    pub(super) fn by_id(&self, id: &KeycloakId) -> KeycloakPerson {
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
    pub(super) fn shows_name_of(mut self, name: &str, id: &str) -> Self {
        self.signs
            .insert(name.to_owned(), vec![SignSeen { sign: Sign::DisplayName, user: user(id) }]);
        self
    }

    pub(super) fn rechecks(&self, draft: &Draft<'_>) -> Rechecks {
        let answers = draft
            .to_recheck()
            .map(|person| (person.user_id.clone(), self.recheck(&person)))
            .collect();
        Rechecks::Taken { answers, members_after: self.members_after.clone() }
    }

    pub(super) fn plan(&self) -> Plan {
        let draft = Draft::new(&self.facts, &self.policy);
        let mut plan = draft.decide(&self.rechecks(&draft));
        if let Some(changes) = self.admin_changes(&draft) {
            changes.add_to(&mut plan);
        }
        plan
    }
}

pub(super) fn detail_of(account: &Account) -> AccountDetail {
    AccountDetail {
        deactivated_in_mas: account.deactivated_in_mas,
        admin: account.admin,
        bot: account.bot,
        state: account.state,
        ..AccountDetail::new(account.user_id.clone())
    }
}

/// `(action, localpart, reason)` of everything that would be tried.
pub(super) fn actions(plan: &Plan) -> Vec<(ActionKind, String, Reason)> {
    plan.to_apply()
        .map(|action| (action.kind, action.localpart().to_string(), action.reason))
        .collect()
}

pub(super) fn kept(plan: &Plan) -> Vec<(String, KeptReason)> {
    plan.kept.iter().map(|kept| (kept.localpart.to_string(), kept.reason)).collect()
}

pub(super) fn disable(name: &str, reason: Reason) -> Vec<(ActionKind, String, Reason)> {
    vec![(ActionKind::Disable, name.to_owned(), reason)]
}

pub(super) fn activate(name: &str) -> Vec<(ActionKind, String, Reason)> {
    vec![(ActionKind::Activate, name.to_owned(), Reason::InGroup)]
}

pub(super) fn kept_as(name: &str, reason: KeptReason) -> Vec<(String, KeptReason)> {
    vec![(name.to_owned(), reason)]
}

#[track_caller]
pub(super) fn acts(scene: &Scene, expected: Vec<(ActionKind, String, Reason)>) {
    assert_eq!((actions(&scene.plan()), kept(&scene.plan())), (expected, vec![]));
}

#[track_caller]
pub(super) fn keeps(scene: &Scene, expected: Vec<(String, KeptReason)>) {
    assert_eq!((actions(&scene.plan()), kept(&scene.plan())), (vec![], expected));
}
