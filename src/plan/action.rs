//! Defines an action: what is done to one account, and why not if it is skipped.

use std::collections::BTreeSet;

use strum::{IntoStaticStr, VariantArray};

use super::{Approval, Mark, Reason};
use crate::model::{
    AccountState, Evidence, KeycloakUser, Localpart, MasAdmin, MasUserId, ServerText, Timestamp,
    UserId, serde_with_words,
};

/// What an action does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ActionKind {
    /// Unlock and reactivate.
    Activate,
    /// Deactivate or lock, as the policy says, and end the sessions.
    Disable,
    /// Deactivate an account that was locked for long enough, and end the sessions.
    Deactivate,
    /// Create the account of a member before the first login, with the link to its user.
    Create,
    /// Make the owner an administrator in MAS.
    GrantAdmin,
    /// Take that right away, and end the sessions that use it.
    RevokeAdmin,
}

impl ActionKind {
    /// The order in which a plan is shown and carried out: accounts that are given back come before
    /// those that are taken.
    pub const IN_ORDER: [Self; 6] = [
        Self::Activate,
        Self::Create,
        Self::Disable,
        Self::Deactivate,
        Self::GrantAdmin,
        Self::RevokeAdmin,
    ];

    /// Returns the state of an account after the action, or `None` if it stays as it is.
    #[must_use]
    pub fn leaves(self, mode: DisableMode) -> Option<AccountState> {
        let locked = |deactivated| AccountState { deactivated, locked: true, erased: false };
        match self {
            Self::Activate | Self::Create => Some(AccountState::default()),
            Self::Disable => Some(locked(mode == DisableMode::Deactivate)),
            Self::Deactivate => Some(locked(true)),
            Self::GrantAdmin | Self::RevokeAdmin => None,
        }
    }

    /// Returns whether it changes what an administrator may do, and not the account.
    #[must_use]
    pub fn is_about_admins(self) -> bool {
        self.right().is_some()
    }

    /// Returns whether the owner is an administrator after the action, if it changes that.
    #[must_use]
    pub fn right(self) -> Option<MasAdmin> {
        match self {
            Self::GrantAdmin => Some(MasAdmin::Yes),
            Self::RevokeAdmin => Some(MasAdmin::No),
            Self::Activate | Self::Create | Self::Disable | Self::Deactivate => None,
        }
    }

    /// Returns whether it takes the account from its owner.
    #[must_use]
    pub fn shuts_out(self) -> bool {
        match self {
            Self::Activate | Self::Create | Self::GrantAdmin | Self::RevokeAdmin => false,
            Self::Disable | Self::Deactivate => true,
        }
    }
}

/// What disabling means (`policy.disable`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DisableMode {
    /// Lock, deactivate, end the sessions. Rooms and e-mail addresses are lost.
    #[default]
    Deactivate,
    /// Lock. Rooms and e-mail addresses are kept.
    Lock,
}

/// What a lock does with open sessions (`policy.lock_sessions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LockSessions {
    /// They are ended. This deletes their devices and the devices' keys (trap 55).
    #[default]
    End,
    /// They stay, and are refused within two minutes (trap 54).
    Keep,
}

/// Which writer a plan is for (`writer.type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum WriterKind {
    /// `mas-cli` as a subprocess.
    #[default]
    MasCli,
    /// MAS's Admin API.
    MasApi,
}

serde_with_words!(ActionKind, DisableMode, LockSessions, WriterKind);

/// One account to change, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub kind: ActionKind,
    pub user_id: UserId,
    /// The account's ID in MAS, if it is known: a name may belong to another account when it is
    /// written.
    pub mas_id: Option<MasUserId>,
    pub reason: Reason,
    /// Since when the account has been locked, if that is the reason.
    pub since: Option<Timestamp>,
    /// What a new account gets, if one is created.
    pub new: Option<NewAccount>,
    /// The account as it was read.
    pub before: AccountState,
    /// What the second look found.
    pub evidence: Option<Evidence>,
    /// Why an administrator has to approve it, if one has to.
    pub approval: Option<Approval>,
    /// A note for the administrator; the action is done anyway.
    pub mark: Option<Mark>,
    /// Why it will be skipped, if it will.
    pub skipped: Option<Skip>,
}

/// What a new account gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The user it belongs to: display name, e-mail address, and the subject of the link.
    pub user: KeycloakUser,
    /// The upstream provider of MAS that is the realm, a ULID.
    pub provider: ServerText,
    /// When earlier runs have tried to create it, from the beginning to the end of each attempt: an
    /// account that is there already is theirs only if it was made then.
    pub attempts: Vec<(Timestamp, Timestamp)>,
    /// The e-mail addresses that the user had at these attempts.
    pub emails: BTreeSet<Box<str>>,
}

/// Why an account was not rechecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRechecked {
    /// A server did not answer as it should, with the error.
    Failed(String),
    /// A server was given up before, because of other accounts perhaps.
    ServerGivenUp,
    /// More accounts than `limits.max_look` would have to be.
    TooMany,
}

impl NotRechecked {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Failed(error) => error,
            Self::ServerGivenUp => "not rechecked, because a server was given up",
            Self::TooMany => "more accounts than limits.max_look",
        }
    }
}

/// Why an action of a plan is not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The second look failed: the account is kept, and the run is incomplete.
    NotSeen(NotRechecked),
    /// The facts have changed since the plan was saved.
    MovedOn(String),
    NeedsApproval,
    /// It would disable a current member, and there was no yes.
    Member,
}

impl Skip {
    /// Returns the reason in words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::NotSeen(why) => why.text(),
            Self::MovedOn(why) => why,
            Self::NeedsApproval => "needs approval",
            Self::Member => "a member now",
        }
    }
}

impl Action {
    /// Returns the Keycloak user the account belongs to, if Keycloak still has one.
    #[must_use]
    pub fn owner(&self) -> Option<&KeycloakUser> {
        let evidence = self.evidence.as_ref().filter(|_| self.reason != Reason::NotInKeycloak)?;
        let mut known = evidence.keycloak.iter().filter(|answer| !answer.user.is_unknown());
        known.find_map(|answer| answer.user.user())
    }

    /// Returns the Keycloak user, also of an account to be created.
    #[must_use]
    pub fn owner_or_new(&self) -> Option<&KeycloakUser> {
        self.new.as_ref().map(|new| &new.user).or_else(|| self.owner())
    }

    /// Returns the localpart of the account.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }

    /// Returns why it is left out of a plan that was made for it, in words, if it is.
    #[must_use]
    pub fn left_out(&self) -> Option<&str> {
        let skip = self.skipped.as_ref();
        skip.filter(|skip| matches!(skip, Skip::MovedOn(_) | Skip::Member)).map(Skip::why)
    }

    /// Returns why it waits for an approval, in words; nothing if it does not.
    #[must_use]
    pub fn waits_because(&self) -> &'static str {
        self.approval.map(Approval::text).unwrap_or_default()
    }

    /// Returns whether an approval of the plan covers this action.
    pub(super) fn is_in_digest(&self) -> bool {
        matches!(self.skipped, None | Some(Skip::NeedsApproval | Skip::Member))
    }
}
