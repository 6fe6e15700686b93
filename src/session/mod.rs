//! Provides what all commands that talk to servers need: configuration, readers, and the way to a
//! plan.

mod approval;
mod open_sessions;
mod print;
mod run_result;
pub(crate) mod state_file;
mod unseen_locks;
mod writing;

use futures_util::future::join;
use tracing::warn;

use self::state_file::Purpose;
use crate::causes::in_one_line;
use crate::cli::Global;
use crate::config::{self, Config, Loaded, MasApiConfig, StateFile, Warning, WriterKindConfig};
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::lock::RunLock;
use crate::mas_api::{Exposure, MasApi};
use crate::metrics::metrics;
use crate::model::{Account, Moment};
use crate::output::Progress;
use crate::phrases::{counted, joined};
use crate::plan::{ActionKind, KeptReason, Plan, Reason, Skip};
use crate::planner::{Draft, Facts, Focus, LookAt, Looks, Reach, Recall, Verdicts};
use crate::readers::{Again, ReadError, Readers, Reading, Tallies};
use crate::state::{Age, State};
use crate::writers::{MasCli, Writer, WriterError};

pub(crate) use self::approval::{approve, command_to_go_on, shell_word};
pub(crate) use self::print::{print, tell, tell_the_end};
pub(crate) use self::run_result::run_result;
pub(crate) use self::writing::Writing;

/// A run with its configuration, readers and state file.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) readers: Readers,
    pub(crate) progress: Progress,
    mas: Option<MasApi>,
    /// mas-cli, if it is the writer.
    pub(crate) mas_cli: Option<MasCli>,
    /// Whether the command may change something.
    pub(crate) purpose: Purpose,
    /// The state file, if one is in use.
    pub(crate) state: Option<State>,
}

impl Session {
    /// Opens a session for a command that only reads.
    pub(crate) fn new(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::telling(global, surroundings, Purpose::Read)
    }

    /// Opens a session for a command that may change something. A missing state file is created.
    pub(crate) fn for_writing(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::telling(global, surroundings, Purpose::Write)
    }

    fn telling(global: &Global, surroundings: &Surroundings, purpose: Purpose) -> Result<Self, Failure> {
        let (session, warnings) = Self::open(global, surroundings, purpose)?;
        for warning in &warnings {
            warn!("{warning}");
        }
        Ok(session)
    }

    /// Opens a session and returns the warnings about the configuration, for commands that report them
    /// themselves.
    pub(crate) fn quietly(global: &Global, surroundings: &Surroundings) -> Result<(Self, Vec<Warning>), Failure> {
        let (session, mut warnings) = Self::open(global, surroundings, Purpose::Read)?;
        warnings.extend(state_file::warning_of(&session.config));
        Ok((session, warnings))
    }

    fn open(global: &Global, surroundings: &Surroundings, purpose: Purpose) -> Result<(Self, Vec<Warning>), Failure> {
        let Loaded { config, mut warnings } = config::load(global.config.as_deref(), &*surroundings.env)?;
        let mas = config.mas_api.as_ref().map(|mas| MasApi::new(mas, surroundings.timeouts));
        let mas = mas.transpose().map_err(ReadError::Client)?;
        let readers = Readers::new(&config, mas.as_ref(), surroundings.timeouts)?;
        let (state, warning) = state_file::open(&config, purpose)?;
        warnings.extend(warning);
        let mas_cli = match &config.writer.kind {
            WriterKindConfig::MasCli(settings) => Some(MasCli::new(settings.clone(), &*surroundings.env)),
            WriterKindConfig::MasApi => None,
        };
        Ok((Self { mas_cli, purpose, config, readers, progress: Progress::new(global.quiet), mas, state }, warnings))
    }

    /// Returns the configured writer.
    pub(crate) fn writer(&self, surroundings: &Surroundings) -> Result<Writer, WriterError> {
        Writer::new(&self.config.writer, &self.config.server_name, self.mas.as_ref(), &*surroundings.env)
    }

    /// Takes the lock of a run that may write, and counts the run in the state file.
    pub(crate) fn lock(&self, surroundings: &Surroundings) -> Result<RunLock, Failure> {
        let state_file = self.state.as_ref().map(State::path);
        let mut lock = RunLock::take(&self.config, state_file, &*surroundings.env)?;
        if let Some(state) = &self.state {
            let (number, age) = state.count_run(lock.last_run(), Moment::now())?;
            lock.note_run(number)?;
            if age == Age::Older {
                warn!(
                    "the state file {} is older than the last run, or new: grace periods start again, accounts disabled \
                     before count as disabled by hand, and remembered owners only protect accounts",
                    state.path().display()
                );
            }
        }
        Ok(lock)
    }

    /// Reads both sides.
    pub(crate) async fn read(&self) -> Result<Reading, Failure> {
        if let Some(warning) = state_file::warning_of(&self.config) {
            warn!("{warning}");
        }
        self.refuse_unseen_locks().await?;
        let tallies = Tallies::default();
        let reading = Box::pin(join(self.readers.read(&self.config, &tallies), self.exposure()));
        let (reading, exposure) = self.progress.reading(&tallies, reading).await;
        let mut reading = reading?;
        if let Some(state) = &self.state {
            state.recall(&mut reading.facts)?;
        }
        if self.config.state_file == StateFile::Off {
            reading.facts.memory.recall = Recall::Off;
        }
        warn_of_exposure(&exposure, self.config.mas_api.as_ref());
        let has_personal_token = self.mas.as_ref().is_some_and(|mas| mas.personal_token().is_some());
        if has_personal_token && reading.facts.token_owners.mas.is_empty() {
            warn!(
                "MAS does not say which account writer.mas_api.access_token acts as: add it to policy.protect, \
                 or it is disabled like any other"
            );
        }
        let localparts = reading.facts.accounts.iter().map(Account::localpart);
        for entry in self.config.policy.protect.idle_entries(localparts) {
            warn!("policy.protect: {entry:?} matches no account");
        }
        Ok(reading)
    }

    async fn exposure(&self) -> Exposure {
        match &self.mas {
            Some(mas) => mas.exposure().await,
            None => Exposure::default(),
        }
    }

    /// Re-reads a few users. Returns `None` if there are more than `most`.
    pub(crate) async fn again(
        &self,
        reading: &mut Reading,
        again: &Again,
        most: usize,
    ) -> Result<Option<Focus>, Failure> {
        let ids: Vec<_> = again.people.keys().cloned().collect();
        let theirs = match &self.state {
            Some(state) => state.owners_of(&[], &ids)?.into_iter().map(|(localpart, _)| localpart).collect(),
            None => Vec::new(),
        };
        let focus = self.readers.again(reading, again, theirs, most).await?;
        if let (Some(state), Some(focus)) = (&self.state, &focus) {
            reading.facts.memory = state.memory(reading.facts.now)?;
            let localparts: Vec<_> = focus.iter().map(|account| account.localpart().clone()).collect();
            reading.facts.recall(&localparts, &state.owners_of(&localparts, &[])?);
        }
        Ok(focus)
    }

    /// Rechecks accounts; none of them if there are more than `limits.max_look`, unless that limit is lifted.
    pub(crate) async fn look(
        &self,
        people: impl Iterator<Item = LookAt>,
        reading: &Reading,
        approved: bool,
    ) -> Result<Looks, Failure> {
        let most = if approved { usize::MAX } else { self.config.limits.max_look };
        self.look_at_most(people.collect(), most, reading).await
    }

    /// Rechecks some accounts regardless of the limits, because nothing is changed because of it.
    pub(crate) async fn look_at(&self, people: Vec<LookAt>, reading: &Reading) -> Result<Looks, Failure> {
        self.look_at_most(people, usize::MAX, reading).await
    }

    async fn look_at_most(&self, people: Vec<LookAt>, most: usize, reading: &Reading) -> Result<Looks, Failure> {
        let (tallies, count) = (Tallies::default(), people.len());
        let disables = people.iter().any(|account| account.kind == ActionKind::Disable);
        let looks = Box::pin(self.readers.look(people, most, reading, &tallies.looks));
        let mut looks = self.progress.looking(&tallies.looks, count, looks).await?;
        if disables && matches!(looks, Looks::Taken { .. }) {
            self.mark_admins_of_mas(&mut looks).await;
        }
        Ok(looks)
    }

    /// Marks the administrators made in MAS, which Synapse does not know (trap 48). The Admin API marks
    /// them in every row.
    async fn mark_admins_of_mas(&self, looks: &mut Looks) {
        let (Some(mas_cli), true) = (&self.mas_cli, self.config.policy.protect_admins) else { return };
        // A writing run has already checked the files.
        if let Ok(Some(config)) = mas_cli.read_config(&self.config.server_name) {
            looks.mark_admins(&config.admin_users);
        }
        if self.mas.is_some() {
            return;
        }
        match mas_cli.admins().await {
            Ok(Some(admins)) => looks.mark_admins(&admins),
            Ok(None) => warn!(
                "administrators made in MAS are unknown, because this mas-cli does not list them: add them to policy.protect"
            ),
            Err(error) => warn!(
                "administrators made in MAS are unknown: {}; add them to policy.protect, or configure [writer.mas_api]",
                in_one_line(&error)
            ),
        }
    }

    /// Reads both sides, rechecks and decides. With `remember`, the state file records the members and
    /// the absent users.
    pub(crate) async fn plan(&self, approved: bool, remember: bool) -> Result<Plan, Failure> {
        let reading = self.read().await?;
        self.plan_of(&reading, None, approved, remember).await
    }

    /// Rechecks and decides about all accounts, or about a few.
    pub(crate) async fn plan_of(
        &self,
        reading: &Reading,
        focus: Option<&Focus>,
        approved: bool,
        remember: bool,
    ) -> Result<Plan, Failure> {
        metrics().facts(reading.facts.members.len(), &reading.facts.accounts);
        let draft = Draft::about(&reading.facts, &self.config.policy, focus);
        let looks = self.look(draft.to_look_at(), reading, approved).await?;
        let verdicts = draft.verdicts(&looks);
        if remember {
            self.remember(&draft, &verdicts, &looks, reading)?;
        }
        let plan = draft.plan(verdicts, &looks);
        if focus.is_none() {
            metrics().plan(&plan);
        }
        warn_of_doubts(&plan);
        warn_of_unseen_directories(&reading.facts, &plan);
        Ok(plan)
    }

    /// Records a complete reading in the state file.
    pub(crate) fn remember<'f>(
        &self,
        draft: &Draft<'f>,
        verdicts: &Verdicts<'f>,
        looks: &Looks,
        reading: &Reading,
    ) -> Result<(), Failure> {
        if let Some(state) = &self.state {
            let presence = draft.presence(verdicts, looks);
            state.record(&presence, reading.facts.now)?;
            // Old runs are few: what `watch` reads for an event need not delete them.
            if let Some(keep) = self.config.history_keep.filter(|_| presence.reach == Reach::Everything) {
                state.forget_runs(reading.facts.now.before(keep))?;
            }
        }
        Ok(())
    }

    /// Returns every limit that the plan exceeds, in words.
    pub(crate) fn refusals(&self, plan: &Plan) -> Vec<String> {
        self.config.limits.refuse(plan).iter().map(ToString::to_string).collect()
    }
}

/// Warns about access that no one needs.
fn warn_of_exposure(exposure: &Exposure, mas: Option<&MasApiConfig>) {
    let address = mas.and_then(|mas| mas.issuer.as_ref());
    if let Some(address) = address.filter(|_| exposure.public == Some(true)) {
        warn!(
            "the Admin API also answers at MAS's public address, {address}: remove the resource adminapi from that listener; \
             `doctor` shows the configuration to use"
        );
    }
    if let Some(needless) = exposure.client.as_ref().filter(|needless| !needless.is_empty()) {
        warn!(
            "writer.mas_api.client_id may do more than it needs ({}): give this program a client without redirect_uris",
            joined(needless, ", ")
        );
    }
}

/// Warns about what an administrator should check although the run goes on.
pub(crate) fn warn_of_doubts(plan: &Plan) {
    let kept = plan.kept_by_reason();
    if let Some(count) = kept.get(&KeptReason::FederationInDoubt) {
        warn!(
            "a directory behind Keycloak (LDAP, Active Directory) is unverified, because it may be down or contradicts \
             itself: {} kept. Check User federation in Keycloak, and that the directory answers. If none of its users is \
             meant to be in the group, set keycloak.federation = \"trust\"",
            counted(*count, "account is", "accounts are")
        );
    }
    if plan.contradictions > 0 {
        warn!(
            "Keycloak's member list and its answers about {} disagree: nothing is changed for them. If this persists, \
             check the group in Keycloak",
            counted(plan.contradictions, "user", "users")
        );
    }
    let not_seen: Vec<_> = plan
        .actions
        .iter()
        .filter_map(|action| match &action.skipped {
            Some(Skip::NotSeen(why)) if plan.not_looked.is_none() => Some((&action.user_id, why)),
            _ => None,
        })
        .collect();
    if let Some((user_id, why)) = not_seen.first() {
        warn!(
            "skipped {}, because the second look failed; the first is {user_id}: {why}",
            counted(not_seen.len(), "account", "accounts")
        );
    }
}

/// Warns about directories that may be down unnoticed: if users are not imported, Keycloak then shows
/// neither the directory nor its users.
fn warn_of_unseen_directories(facts: &Facts, plan: &Plan) {
    let unknown = plan.actions.iter().filter(|action| action.reason == Reason::NotInKeycloak).count();
    if facts.providers.is_none() && unknown > 0 {
        warn!(
            "{} unknown to Keycloak, and without the role view-realm it is unknown whether a directory behind Keycloak is \
             down and hides them. If the realm has a user federation, grant the role; else set keycloak.federation = \"trust\"",
            counted(unknown, "account is", "accounts are")
        );
    }
}
