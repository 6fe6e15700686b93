//! Reads the servers. A reader returns a complete list or an error, never less.

mod account_state;
mod detail;
mod error;
mod json_rows;
mod json_text;
pub mod keycloak;
pub mod mas;
mod packed_ids;
mod page_size;
mod refresh;
mod registered;
mod second_look;
mod set_aside;
mod silence;
pub mod synapse;
mod token_owners;
mod unique_rows;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{try_join, try_join_all};
use tokio::task::JoinSet;

use crate::config::{AccountSource, Config, SynapseConfig};
use crate::environment::Timeouts;
use crate::http::{self, Trust};
use crate::mas_api::MasApi;
use crate::model::{Account, MemberList, ServerClocks, ServerName, Timestamp, TokenOwners};
use crate::planner::{Facts, Federation, Memory, Subjects};

pub use account_state::{CurrentState, ServerAnswers};
pub use detail::{Detail, Details, Outsiders};
pub use error::{ReadError, RoleToGrant, UpstreamProvider};
pub use keycloak::{
    About, Access, AdminEvent, AdminEvents, EventAccess, FoundUser, Group, KeycloakReader,
    MemberRole, Members, Membership, MembershipHint, Owners, Roles, Witnesses,
};
pub use mas::{
    DisabledTimes, FoundInMas, InMasRow, LinkList, LinkProvider, LinksOf, MasReader, MasUser,
    SynapseApi, UsersByName,
};
pub use refresh::Refresh;
pub use registered::{Judge, NEWEST, Registered};
pub use synapse::SynapseReader;

/// With fewer links, subjects that are not members mean nothing.
const FEWEST_LINKS: usize = 5;
/// How many subjects, spread over the list, are requested if none is a member.
const SAMPLE: usize = 20;

/// The readers of all servers.
#[derive(Debug)]
pub struct Readers {
    pub keycloak: KeycloakReader,
    /// The homeserver; optional if MAS lists the accounts.
    pub synapse: Option<SynapseReader>,
    /// MAS, if its Admin API is configured.
    pub mas: Option<MasReader>,
    /// The homeserver by the token of the bot that writes to `notify.room`, if there is one.
    notifier: Option<(SynapseReader, TokenKind)>,
    source: AccountSource,
    server_name: ServerName,
    synapse_token: TokenKind,
}

/// The kind of a token for Synapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    /// A personal access token of MAS, whose owner may be another user than the one it acts as.
    Personal,
    /// Any other token, which belongs to the user that it acts as.
    Other,
}

impl TokenKind {
    fn of(is_personal: bool) -> Self {
        if is_personal { Self::Personal } else { Self::Other }
    }
}

/// One complete reading.
#[derive(Debug)]
pub struct Reading {
    pub facts: Facts,
    /// The groups and roles whose users are the members.
    pub membership: Membership,
    /// The users that show for each group that its directory answers.
    pub witnesses: Witnesses,
    /// The upstream provider of the accounts' links.
    pub links: Option<LinkProvider>,
    /// The users of `[admins]`, if it is configured.
    pub admins: Option<AdminReading>,
    /// What only a report needs.
    pub details: Details,
}

/// The accounts, the upstream provider of their links, and since when they have been disabled.
type ListedAccounts = (Vec<Account>, Option<LinkProvider>, DisabledTimes);

/// The groups and roles of `[admins]`, and their users.
#[derive(Debug)]
pub struct AdminReading {
    pub users: MemberList,
    pub membership: Membership,
    pub witnesses: Witnesses,
}

impl Reading {
    /// Returns the same reading with the users of `[admins]` as members, if it is configured.
    #[must_use]
    pub fn of_admins(&self) -> Option<Self> {
        let AdminReading { users, membership, witnesses } = self.admins.as_ref()?;
        Some(Self {
            facts: Facts {
                members: users.clone(),
                unnamed: Vec::new(),
                provider: None,
                ..self.facts.clone()
            },
            membership: membership.clone(),
            witnesses: witnesses.clone(),
            links: self.links.clone(),
            admins: None,
            details: Details::default(),
        })
    }
}

/// The progress of a reading.
#[derive(Debug, Default)]
pub struct Tally {
    count: AtomicUsize,
    /// 0 if the server reports no total.
    expected: AtomicUsize,
}

impl Tally {
    /// Adds to the count.
    pub fn add(&self, count: usize) {
        self.count.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds the total that a server reports at the start of its list.
    pub fn expect(&self, more: usize) {
        self.expected.store(self.count() + more, Ordering::Relaxed);
    }

    /// Returns the count so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the total, if the server has reported one.
    #[must_use]
    pub fn expected(&self) -> Option<usize> {
        Some(self.expected.load(Ordering::Relaxed)).filter(|expected| *expected > 0)
    }
}

/// The tallies of a run.
#[derive(Debug, Default)]
pub struct Tallies {
    pub members: Tally,
    pub accounts: Tally,
    pub rechecks: Tally,
}

impl Readers {
    /// Creates the readers of the configured servers, without a request yet. `mas` is the Admin
    /// API, if it is configured.
    pub fn new(
        config: &Config,
        mas: Option<&MasApi>,
        timeouts: Timeouts,
    ) -> Result<Self, ReadError> {
        let (url, tls) = (&config.keycloak.url, &config.keycloak.tls);
        let keycloak = http::client(timeouts, url, tls).map_err(ReadError::Client)?;
        let synapse = |synapse: &SynapseConfig| {
            let trust = Trust::of(tls, &synapse.tls);
            let beside = (&keycloak, url);
            let http = http::client_beside(beside, trust, timeouts, &synapse.url, &synapse.tls);
            Ok::<_, ReadError>(SynapseReader::new(synapse, http.map_err(ReadError::Client)?))
        };
        let synapse = config.synapse.as_ref().map(synapse).transpose()?;
        let notifier = synapse.as_ref().zip(config.notify.room.as_ref()).map(|(synapse, room)| {
            let kind = TokenKind::of(room.has_personal_token());
            (synapse.opened_by(room.access_token.clone()), kind)
        });
        let is_personal = config.synapse.as_ref().is_some_and(SynapseConfig::has_personal_token);
        Ok(Self {
            keycloak: KeycloakReader::new(&config.keycloak, &config.server_name, keycloak.clone()),
            synapse,
            notifier,
            mas: mas.map(|mas| MasReader::new(config, mas.clone())),
            source: config.accounts.source,
            server_name: config.server_name.clone(),
            synapse_token: TokenKind::of(is_personal),
        })
    }

    /// Reads both sides at the same time.
    pub async fn read(
        &self,
        config: &Config,
        tallies: &Tallies,
        detail: Detail,
    ) -> Result<Reading, ReadError> {
        let members = async {
            let membership_and_members = async {
                let membership = self.keycloak.membership(&config.keycloak.members).await?;
                // First, so that no outage that both lists of members miss can be in this one.
                let admins = self.admins(config).await?;
                let members =
                    self.keycloak.members_in(&membership, &tallies.members, detail).await?;
                Ok::<_, ReadError>((membership, members, admins))
            };
            let providers = async {
                match config.policy.federation {
                    Federation::Verify => Ok(self.keycloak.providers().await?),
                    Federation::Trust => Ok(Some(Vec::new())),
                }
            };
            let ((membership, members, admins), providers) =
                try_join(membership_and_members, providers).await?;
            Ok((membership, members, admins, providers))
        };
        let ((membership, listed, admins, providers), (token_owners, listed_accounts)) =
            try_join(members, self.accounts(config, tallies, detail)).await?;
        let (accounts, links, disabled) = listed_accounts;
        let facts = Facts {
            server_name: config.server_name.clone(),
            members: listed.people,
            unnamed: listed.unnamed,
            subjects: Subjects::default(),
            provider: None,
            providers,
            doubtful: Vec::new(),
            accounts,
            token_owners,
            now: Timestamp::now(),
            clocks: self.clocks(),
            memory: Memory::default(),
        };
        let witnesses = listed.witnesses;
        let details = Details { names: listed.names, disabled };
        let mut reading = Reading { facts, membership, witnesses, links, admins, details };
        reading.facts.subjects = self.subjects(&reading.facts).await?;
        Ok(reading)
    }

    /// Reads the users of `[admins]`, if it is configured.
    async fn admins(&self, config: &Config) -> Result<Option<AdminReading>, ReadError> {
        let Some(source) = &config.admins else { return Ok(None) };
        let membership = self.keycloak.membership(source).await;
        let membership = membership.map_err(ReadError::of_admins)?;
        let listed = self.keycloak.members(&membership, &Tally::default()).await?;
        let Members { people: users, witnesses, .. } = listed;
        Ok(Some(AdminReading { users, membership, witnesses }))
    }

    /// Returns the time on the clocks of the servers, by their last answers.
    fn clocks(&self) -> ServerClocks {
        let synapse = self.synapse.as_ref().and_then(SynapseReader::clock);
        let mas = self.mas.as_ref().and_then(MasReader::clock);
        ServerClocks::default().and(self.keycloak.clock()).and(synapse).and(mas)
    }

    async fn accounts(
        &self,
        config: &Config,
        tallies: &Tallies,
        detail: Detail,
    ) -> Result<(TokenOwners, ListedAccounts), ReadError> {
        match self.source {
            AccountSource::Synapse => {
                let in_synapse = self.synapse().accounts(&config.server_name, &tallies.accounts);
                let in_mas = async {
                    let Some(mas) = &self.mas else { return Ok((None, Vec::new(), None)) };
                    let owners = mas.token_owners().await?;
                    let provider = mas.link_provider_in_use(&self.keycloak).await?;
                    let users = users_of(mas.clone(), provider.clone(), detail).await?;
                    Ok((Some(users), owners, provider))
                };
                let ((owner, mut accounts), (users, mas, links)) =
                    try_join(in_synapse, in_mas).await?;
                let mut disabled = DisabledTimes::default();
                if let Some((users, times)) = users {
                    users.attach_to(&mut accounts, &config.server_name);
                    disabled = times;
                }
                let owners = self.with_token_owners(Some(owner), mas).await?;
                Ok((owners, (accounts, links, disabled)))
            }
            AccountSource::Mas => {
                let owners = async {
                    let synapse = match &self.synapse {
                        Some(synapse) => Some(synapse.owner_on(&config.server_name).await?),
                        None => None,
                    };
                    let mas = self.mas().token_owners().await?;
                    Ok(self.with_token_owners(synapse, mas).await?)
                };
                let accounts = self.mas().accounts(&self.keycloak, &tallies.accounts, detail);
                try_join(owners, accounts).await
            }
        }
    }

    /// Returns the upstream provider of MAS that is the realm, or `None` without the Admin API.
    pub async fn link_provider(&self) -> Result<Option<LinkProvider>, ReadError> {
        match &self.mas {
            Some(mas) => mas.link_provider(&self.keycloak).await.map(Some),
            None => Ok(None),
        }
    }

    /// Checks whether the subjects of links are IDs of Keycloak users, if none is a member.
    async fn subjects(&self, facts: &Facts) -> Result<Subjects, ReadError> {
        let subjects = || facts.accounts.iter().filter_map(|account| account.links.newest());
        if subjects().any(|id| facts.members.get(id).is_some()) {
            return Ok(Subjects::Users);
        }
        let count = subjects().count();
        if count < FEWEST_LINKS {
            return Ok(Subjects::Users);
        }
        let sample: Vec<_> = subjects().step_by(count.div_ceil(SAMPLE)).collect();
        let found = try_join_all(sample.into_iter().map(|id| self.keycloak.has_user(id))).await?;
        Ok(if found.contains(&true) { Subjects::Users } else { Subjects::NoUsers })
    }

    fn synapse(&self) -> &SynapseReader {
        self.synapse.as_ref().expect("a configuration whose accounts are listed by Synapse has it")
    }

    fn mas(&self) -> &MasReader {
        self.mas.as_ref().expect("a configuration that reads or writes by MAS has its Admin API")
    }
}

/// Reads MAS's users in a task of its own, so that the other lists need not wait while pages are
/// decoded and sorted.
async fn users_of(
    mas: MasReader,
    provider: Option<LinkProvider>,
    detail: Detail,
) -> Result<(UsersByName, DisabledTimes), ReadError> {
    // Dropping the set ends the task.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let links = provider.as_ref().map_or(LinksOf::NoProvider, LinksOf::Provider);
        mas.ids(links, detail).await
    });
    match tasks.join_next().await.expect("there is one task") {
        Ok(users) => users,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
