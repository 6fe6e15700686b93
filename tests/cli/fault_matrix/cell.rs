//! Which cases exist (a server, a fault, a moment), by which ways each is tried, and which make no
//! sense.

use std::fmt;

use crate::harness::{BY_BOTH, BY_MAS, Way};

/// The server or machine with the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    Keycloak,
    Synapse,
    MasApi,
    MasCli,
    /// The machine that the program runs on.
    Machine,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Refused,
    Hang,
    /// A byte now and then.
    Trickle,
    /// Forever.
    Unauthorized,
    /// A token that expires; the next one is good.
    TokenEnded,
    Forbidden,
    TooMany,
    InternalError,
    Unavailable,
    /// Pages of a proxy, which say nothing about the server.
    UnauthorizedPage,
    ForbiddenPage,
    UnavailablePage,
    CutBody,
    Html,
    EmptyList,
    ShortList,
    RepeatedPage,
    ListThatChanges,
    Reset,
    WrongCertificate,
    /// Another run has the lock.
    LockHeld,
    /// Nothing more can be written to any file.
    FullDisk,
    /// The state file can be read and not written.
    ReadOnlyState,
}

/// When the fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// From the first request on; for lists, from the first page on; for mas-cli, at the check
    /// before the first change.
    Start,
    /// From the second page of the long list on.
    Reading,
    /// At the second look at one of the accounts to disable.
    Look,
    /// At the second look at the account to activate.
    LookAtMember,
    /// As soon as the first account is locked.
    Applying,
    /// From the beginning of `undo` on, which reverses a run of before.
    Undo,
    /// From the registration of an account of a user outside the group on, while `watch` runs.
    NewAccount,
    /// As soon as the first account exists that the run creates.
    Create,
    /// As soon as the first locked account is deactivated.
    Deactivate,
    /// As soon as the first user is an administrator.
    Grant,
    /// As soon as the first user is no administrator any more.
    Revoke,
}

pub(super) const SERVERS: [Server; 5] =
    [Server::Keycloak, Server::Synapse, Server::MasApi, Server::MasCli, Server::Machine];
pub(super) const MOMENTS: [Moment; 7] = [
    Moment::Start,
    Moment::Reading,
    Moment::Look,
    Moment::LookAtMember,
    Moment::Applying,
    Moment::Undo,
    Moment::NewAccount,
];
/// The moments of a run that also creates, deactivates and changes administrators.
pub(super) const LIFECYCLE: [Moment; 4] =
    [Moment::Create, Moment::Deactivate, Moment::Grant, Moment::Revoke];
const OF_SERVERS: [Trouble; 20] = [
    Trouble::Refused,
    Trouble::Hang,
    Trouble::Trickle,
    Trouble::Unauthorized,
    Trouble::TokenEnded,
    Trouble::Forbidden,
    Trouble::TooMany,
    Trouble::InternalError,
    Trouble::Unavailable,
    Trouble::UnauthorizedPage,
    Trouble::ForbiddenPage,
    Trouble::UnavailablePage,
    Trouble::CutBody,
    Trouble::Html,
    Trouble::EmptyList,
    Trouble::ShortList,
    Trouble::RepeatedPage,
    Trouble::ListThatChanges,
    Trouble::Reset,
    Trouble::WrongCertificate,
];

const CLI_BY_SYNAPSE: Way = Way { writer: "mas-cli", source: "synapse" };
const CLI_BY_MAS: Way = Way { writer: "mas-cli", source: "mas" };

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) server: Server,
    pub(super) trouble: Trouble,
    pub(super) moment: Moment,
}

impl Cell {
    /// Returns the ways that are tried. One is enough if the run ends while reading. Once accounts
    /// are rechecked and changed, it matters who lists them and who writes.
    pub(super) fn ways(self) -> &'static [Way] {
        match (self.server, self.moment) {
            (Server::MasCli, moment) if moment.is_of_lifecycle() => &[CLI_BY_MAS],
            (_, moment) if moment.is_of_lifecycle() => &[BY_BOTH],
            (Server::Keycloak | Server::MasApi, Moment::Start | Moment::Undo)
            | (Server::MasApi, Moment::NewAccount) => &[BY_MAS],
            (Server::Keycloak | Server::Synapse, Moment::Reading)
            | (Server::MasCli, Moment::Start)
            | (Server::Synapse | Server::MasCli, Moment::Undo)
            | (_, Moment::NewAccount)
            | (Server::Machine, _) => &[CLI_BY_SYNAPSE],
            (Server::Keycloak, _) => &[CLI_BY_SYNAPSE, BY_MAS],
            (Server::Synapse, Moment::Start) => &[BY_BOTH],
            (Server::Synapse, _) => &[CLI_BY_SYNAPSE, BY_BOTH],
            (Server::MasApi, Moment::Reading) => &[CLI_BY_MAS],
            (Server::MasApi, Moment::Applying) => &[BY_BOTH, BY_MAS],
            (Server::MasApi, _) => &[CLI_BY_MAS, BY_MAS],
            (Server::MasCli, _) => &[CLI_BY_SYNAPSE, CLI_BY_MAS],
        }
    }

    /// Returns why the case cannot exist.
    pub(super) fn why_not(self) -> Option<&'static str> {
        let of_lists = matches!(
            self.trouble,
            Trouble::EmptyList
                | Trouble::ShortList
                | Trouble::RepeatedPage
                | Trouble::ListThatChanges
        );
        match (self.server, self.moment, self.trouble) {
            (Server::Keycloak, moment, _) if moment.is_of_lifecycle() => {
                Some("Keycloak is not asked any more once accounts are changed: see `applying`")
            }
            (_, moment, _) if moment.is_of_lifecycle() && of_lists => {
                Some("the only lists that are read then are those of sessions: see `applying`")
            }
            (_, Moment::NewAccount, Trouble::Refused | Trouble::WrongCertificate) => Some(
                "a running `watch` keeps using the failing address, which cannot be opened again",
            ),
            (_, Moment::NewAccount, Trouble::Trickle) => {
                Some("a running `watch` waits five minutes for a trickle")
            }
            (Server::Keycloak, Moment::NewAccount, _) if of_lists => {
                Some("for a new account, Keycloak is asked about one user")
            }
            (_, Moment::NewAccount, _) if of_lists && self.trouble != Trouble::EmptyList => {
                Some("the list of the newest accounts is one page with one account")
            }
            (Server::Machine, Moment::NewAccount, _) => Some("`watch` records the same as `sync`"),
            (Server::MasCli, Moment::Reading | Moment::Look | Moment::LookAtMember, _) => {
                Some("mas-cli only writes, and reads nothing")
            }
            (Server::MasCli, _, Trouble::TokenEnded | Trouble::WrongCertificate) => Some(
                "mas-cli opens MAS's database: it has no token that expires, and no certificate",
            ),
            (Server::MasCli, ..) if self.trouble.is_page() => {
                Some("mas-cli opens MAS's database: there is no proxy")
            }
            (Server::MasCli, ..) if of_lists => {
                Some("mas-cli lists nothing that the program reads")
            }
            (Server::MasApi, Moment::Applying, Trouble::ShortList) => {
                Some("a short list of the one session to end is an empty list")
            }
            (Server::Keycloak | Server::Synapse, Moment::Applying, _) if of_lists => {
                Some("no list of Keycloak or Synapse is read while accounts are changed")
            }
            (Server::Keycloak, Moment::Look, Trouble::ShortList | Trouble::RepeatedPage) => {
                Some("the second look requests one user of Keycloak: one row, or none")
            }
            (Server::Keycloak, Moment::LookAtMember, _)
                if of_lists && self.trouble != Trouble::ListThatChanges =>
            {
                Some("before an activation the member is requested by ID, which is no list")
            }
            (Server::Synapse | Server::MasApi, Moment::Look | Moment::LookAtMember, _)
                if of_lists =>
            {
                Some(
                    "the second look requests one account of Synapse and MAS by ID, which is no list",
                )
            }
            (Server::Machine, Moment::Start | Moment::Undo, _) => None,
            (Server::Machine, _, Trouble::LockHeld) => {
                Some("a run takes the lock when it starts and keeps it")
            }
            (Server::Machine, _, Trouble::ReadOnlyState) => {
                Some("a state file opened for writing stays open for writing")
            }
            (Server::Machine, Moment::LookAtMember, _) => {
                Some("the disk does not depend on the account of the second look")
            }
            _ => None,
        }
    }

    /// Returns whether the run mostly waits: for a server that hangs or trickles, or for one that
    /// stays busy in the middle of a change.
    pub(super) fn mostly_waits(self) -> bool {
        let is_busy = matches!(
            self.trouble,
            Trouble::TooMany | Trouble::Unavailable | Trouble::UnavailablePage
        );
        matches!(self.trouble, Trouble::Hang | Trouble::Trickle)
            || is_busy
                && self.server == Server::MasApi
                && (self.moment == Moment::Applying || self.moment.is_of_lifecycle())
    }
}

impl Server {
    /// Returns what can fail there.
    pub(super) fn troubles(self) -> &'static [Trouble] {
        match self {
            Self::Machine => &[Trouble::LockHeld, Trouble::FullDisk, Trouble::ReadOnlyState],
            _ => &OF_SERVERS,
        }
    }
}

impl Moment {
    /// Returns whether the run also creates, deactivates and changes administrators.
    pub(super) fn is_of_lifecycle(self) -> bool {
        LIFECYCLE.contains(&self)
    }

    /// Returns whether the program begins while the fault is there.
    pub(super) fn is_from_the_start(self) -> bool {
        matches!(self, Self::Start | Self::Undo | Self::NewAccount)
    }
}

impl Trouble {
    /// Returns whether a proxy answers with a page.
    pub(super) fn is_page(self) -> bool {
        matches!(self, Self::UnauthorizedPage | Self::ForbiddenPage | Self::UnavailablePage)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Keycloak => "Keycloak",
            Self::Synapse => "Synapse",
            Self::MasApi => "MAS API",
            Self::MasCli => "mas-cli",
            Self::Machine => "this machine",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::Hang => "hang",
            Self::Trickle => "trickle",
            Self::Unauthorized => "401",
            Self::TokenEnded => "401 once",
            Self::Forbidden => "403",
            Self::TooMany => "429",
            Self::InternalError => "500",
            Self::Unavailable => "503",
            Self::UnauthorizedPage => "401 page of a proxy",
            Self::ForbiddenPage => "403 page of a proxy",
            Self::UnavailablePage => "503 page of a proxy",
            Self::CutBody => "cut body",
            Self::Html => "HTML",
            Self::EmptyList => "empty list",
            Self::ShortList => "short list",
            Self::RepeatedPage => "repeated page",
            Self::ListThatChanges => "list that changes",
            Self::Reset => "reset in the middle",
            Self::WrongCertificate => "wrong certificate",
            Self::LockHeld => "lock held",
            Self::FullDisk => "full disk",
            Self::ReadOnlyState => "read-only state",
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Reading => "reading",
            Self::Look => "look",
            Self::LookAtMember => "activation",
            Self::Applying => "applying",
            Self::Undo => "undo",
            Self::NewAccount => "new account",
            Self::Create => "create",
            Self::Deactivate => "deactivate",
            Self::Grant => "grant_admin",
            Self::Revoke => "revoke_admin",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.server, self.trouble, self.moment)
    }
}
