//! Which cases there are: a server, a fault and a moment; by which ways each is tried; and which of them make no sense.

use std::fmt;

use crate::harness::{BY_BOTH, BY_MAS, Way};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    Keycloak,
    Synapse,
    MasApi,
    MasCli,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Refused,
    Hang,
    /// A byte now and then.
    Trickle,
    /// For good.
    Unauthorized,
    /// A token that ends: the next one is good.
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
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// From the first request on; for lists, from the first page on; for mas-cli, at the check before the first change.
    Start,
    /// From the second page of the long list on.
    Reading,
    /// At the second look at one of the people.
    Look,
    /// As soon as the first account is locked.
    Applying,
}

pub(super) const SERVERS: [Server; 4] = [Server::Keycloak, Server::Synapse, Server::MasApi, Server::MasCli];
pub(super) const MOMENTS: [Moment; 4] = [Moment::Start, Moment::Reading, Moment::Look, Moment::Applying];
pub(super) const FAULTS: [Trouble; 20] = [
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
    /// The ways that are tried. Where the reading ends the run, one way tells as much as all; once people are looked at
    /// and changed, it matters who lists them and who writes.
    pub(super) fn ways(self) -> &'static [Way] {
        match (self.server, self.moment) {
            (Server::Keycloak | Server::MasApi, Moment::Start) => &[BY_MAS],
            (Server::Keycloak | Server::Synapse, Moment::Reading) | (Server::MasCli, Moment::Start) => {
                &[CLI_BY_SYNAPSE]
            }
            (Server::Keycloak, _) => &[CLI_BY_SYNAPSE, BY_MAS],
            (Server::Synapse, Moment::Start) => &[BY_BOTH],
            (Server::Synapse, _) => &[CLI_BY_SYNAPSE, BY_BOTH],
            (Server::MasApi, Moment::Reading) => &[CLI_BY_MAS],
            (Server::MasApi, Moment::Applying) => &[BY_BOTH, BY_MAS],
            (Server::MasApi, _) => &[CLI_BY_MAS, BY_MAS],
            (Server::MasCli, _) => &[CLI_BY_SYNAPSE, CLI_BY_MAS],
        }
    }

    /// Why there is nothing to try.
    pub(super) fn why_not(self) -> Option<&'static str> {
        let of_lists = matches!(
            self.trouble,
            Trouble::EmptyList | Trouble::ShortList | Trouble::RepeatedPage | Trouble::ListThatChanges
        );
        match (self.server, self.moment, self.trouble) {
            (Server::MasCli, Moment::Reading | Moment::Look, _) => Some("mas-cli only writes: nothing is read by it"),
            (Server::MasCli, _, Trouble::TokenEnded | Trouble::WrongCertificate) => {
                Some("mas-cli opens MAS's database: it has no token that ends, and shows no certificate")
            }
            (Server::MasCli, ..) if self.trouble.is_page() => {
                Some("mas-cli opens MAS's database: no proxy answers with a page in its place")
            }
            (Server::MasCli, ..) if of_lists => Some("mas-cli lists nothing that the program reads"),
            (Server::MasApi, Moment::Applying, Trouble::ShortList) => {
                Some("of the sessions to end, a list that is short is one that is empty")
            }
            (Server::Keycloak | Server::Synapse, Moment::Applying, _) if of_lists => {
                Some("while accounts are changed, no list of Keycloak or Synapse is read")
            }
            (Server::Keycloak, Moment::Look, Trouble::ShortList | Trouble::RepeatedPage) => {
                Some("the second look asks Keycloak for one person: there is one row, or none")
            }
            (Server::Synapse | Server::MasApi, Moment::Look, _) if of_lists => {
                Some("the second look asks Synapse and MAS for one account by its ID: that is no list")
            }
            _ => None,
        }
    }

    /// Whether the run waits for most of its time: for a server that hangs or trickles, or for one that stays busy in the
    /// middle of a change.
    pub(super) fn mostly_waits(self) -> bool {
        let is_busy = matches!(self.trouble, Trouble::TooMany | Trouble::Unavailable | Trouble::UnavailablePage);
        matches!(self.trouble, Trouble::Hang | Trouble::Trickle)
            || is_busy && self.server == Server::MasApi && self.moment == Moment::Applying
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
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "at the start",
            Self::Reading => "while reading",
            Self::Look => "second look",
            Self::Applying => "while applying",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.server, self.trouble, self.moment)
    }
}
