//! Defines what the second look found before an account is changed.

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use super::{
    AccountState, KeycloakId, MasUserId, SeenState, ServerText, Timestamp, UserId, serde_with_words,
};

/// The answers of the servers about one account and the users it may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Keycloak's answers, in the order of the questions.
    pub keycloak: Vec<Answer>,
    /// What the account's server says about it.
    pub account: AccountDetail,
    /// Members that a weak sign points to; searched only if nothing else ties the account to a
    /// user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<SignSeen>,
}

impl Evidence {
    /// Returns the evidence about an account without any question to Keycloak.
    #[must_use]
    pub fn new(account: AccountDetail) -> Self {
        Self { keycloak: Vec::new(), account, signs: Vec::new() }
    }

    /// Returns whether Keycloak was asked. It is not if Synapse alone shows that the account stays
    /// as it is.
    #[must_use]
    pub fn has_asked_keycloak(&self) -> bool {
        !self.keycloak.is_empty()
    }

    /// Returns Keycloak's answers about the users whose localpart is the account's.
    pub fn by_name(&self) -> impl Iterator<Item = &KeycloakPerson> {
        let named = self.keycloak.iter().filter(|answer| answer.asked == Question::Name);
        named.map(|answer| &answer.user)
    }

    /// Returns whether Keycloak knows exactly one user whose localpart is the account's.
    #[must_use]
    pub fn has_one_namesake(&self) -> bool {
        let mut ids: Vec<_> =
            self.by_name().filter_map(|person| person.user().map(|user| &user.id)).collect();
        ids.sort();
        ids.dedup();
        ids.len() == 1
    }

    /// Returns whether neither an external ID nor the name of exactly one user ties the account. A
    /// user requested by ID may share the name.
    #[must_use]
    pub fn may_be_unclaimed(&self) -> bool {
        let is_id =
            |answer: &Answer| matches!(answer.asked, Question::Id(_)) && !answer.user.is_unknown();
        let by_one_name = self.has_one_namesake() && !self.keycloak.iter().any(is_id);
        self.by_external_id().next().is_none() && !by_one_name
    }

    /// Returns the users of the realm that Synapse's external IDs name, each with the ID.
    pub fn by_external_id(&self) -> impl Iterator<Item = (&KeycloakId, &KeycloakPerson)> {
        self.keycloak.iter().filter_map(|answer| match &answer.asked {
            Question::ExternalId(id) if !answer.user.is_unknown() => Some((id, &answer.user)),
            _ => None,
        })
    }
}

/// The evidence, or the error that prevented it.
pub type Recheck = Result<Evidence, String>;

/// One answer of Keycloak, and what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub asked: Question,
    pub user: KeycloakPerson,
}

/// What Keycloak was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    Id(KeycloakId),
    /// The user of this ID, which Synapse has as an external ID of the account.
    ExternalId(KeycloakId),
    /// The users whose localpart is the account's.
    Name,
}

/// A Keycloak user, as people know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeycloakUser {
    /// The ID, which stays when the user is renamed.
    pub id: KeycloakId,
    pub username: ServerText,
    /// First and last name, as far as they are set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ServerText>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<ServerText>,
}

/// A Keycloak user requested by ID or name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeycloakPerson {
    /// Keycloak has no such user.
    Unknown,
    /// Keycloak knows the ID from memory only, and the user's directory no longer has the name: the
    /// same as unknown.
    OnlyRemembered {
        user: KeycloakUser,
        /// The paths of the groups that Keycloak remembers.
        groups: Vec<ServerText>,
        /// The storage provider the user came from.
        federation_link: ServerText,
    },
    Known {
        user: KeycloakUser,
        /// When the user was created in Keycloak, if it says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        created: Option<Timestamp>,
        enabled: bool,
        /// Whether Keycloak disabled the user itself, after failed logins (`disabledReason`).
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        locked_out: bool,
        /// Whether one of their groups, other than those only remembered, is one of the configured
        /// groups, or they have one of the configured roles.
        in_group: bool,
        /// The paths of their groups, as Keycloak lists them.
        groups: Vec<ServerText>,
        /// The groups that Keycloak only remembers: the directory does not count the user there,
        /// but counts others.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        remembered: Vec<ServerText>,
        /// The configured roles that they have, directly, by a group or by a composite.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        roles: Vec<ServerText>,
        /// The storage provider of a federated user.
        federation_link: Option<ServerText>,
    },
}

impl KeycloakPerson {
    /// Returns whether Keycloak has no such user now.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::OnlyRemembered { .. })
    }

    /// Returns the user, even if Keycloak only remembers them.
    #[must_use]
    pub fn user(&self) -> Option<&KeycloakUser> {
        match self {
            Self::Unknown => None,
            Self::OnlyRemembered { user, .. } | Self::Known { user, .. } => Some(user),
        }
    }
}

/// Whether there is an account of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Existence {
    #[default]
    Exists,
    /// No server has one: it may be created.
    Missing,
    /// MAS has this active user without a link: a creation that broke off may have left it.
    WithoutLink(MasUserId),
}

/// One account, with what a list does not show or what may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountDetail {
    pub user_id: UserId,
    /// Whether there is such an account already.
    #[serde(skip)]
    pub existence: Existence,
    /// The application service (such as a bridge) that the account belongs to.
    pub appservice: Option<ServerText>,
    pub admin: bool,
    /// Whether `user_type` is `bot` or `support`.
    pub bot: bool,
    pub state: AccountState,
    /// Whether MAS has it deactivated, even if Synapse does not show it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deactivated_in_mas: bool,
    /// When MAS locked it.
    #[serde(skip)]
    pub locked_at: Option<Timestamp>,
    /// When MAS locked or deactivated it, the earlier of both; `None` if neither, or if MAS was not
    /// asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// When MAS last locked or deactivated it, the later of both.
    #[serde(skip)]
    pub last_disabled_at: Option<Timestamp>,
    /// The display name in Synapse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<ServerText>,
    /// The e-mail addresses in Synapse and MAS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<ServerText>,
    /// The external IDs in Synapse, without those of MAS itself (`oauth-delegated`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ServerText>,
}

impl AccountDetail {
    /// Returns the state that the look shows.
    #[must_use]
    pub fn seen(&self) -> SeenState {
        SeenState { state: self.state, deactivated_in_mas: self.deactivated_in_mas }
    }

    /// Returns since when MAS has had it deactivated, or else locked.
    #[must_use]
    pub fn in_this_state_since(&self) -> Option<Timestamp> {
        if self.seen().is_deactivated() && self.locked_at == self.disabled_at {
            self.last_disabled_at
        } else {
            self.disabled_at
        }
    }

    /// Returns an active account without any details.
    #[must_use]
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            existence: Existence::Exists,
            appservice: None,
            admin: false,
            bot: false,
            state: AccountState::default(),
            deactivated_in_mas: false,
            locked_at: None,
            disabled_at: None,
            last_disabled_at: None,
            display_name: None,
            emails: Vec::new(),
            external_ids: Vec::new(),
        }
    }
}

/// A sign that an account may be a member's. It never ties, and only protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Sign {
    /// A link that `accounts.match` does not act on.
    Link,
    /// A remembered pair that `accounts.match` does not act on.
    Memory,
    /// Synapse's escaped form of the member's name.
    EscapedName,
    /// The member's e-mail address.
    Email,
    /// The member's first and last name as display name.
    DisplayName,
}

serde_with_words!(Sign);

impl Sign {
    /// Returns what points to the member, in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Link => "the link in MAS",
            Self::Memory => "remembered as the account",
            Self::EscapedName => "the escaped name",
            Self::Email => "the e-mail address",
            Self::DisplayName => "the full name",
        }
    }
}

/// A weak sign and the member it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignSeen {
    pub sign: Sign,
    pub user: KeycloakUser,
}
