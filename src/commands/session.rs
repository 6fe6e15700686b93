//! What the commands that talk to the servers have in common: configuration, readers, the way to a plan.

use std::io;

use futures_util::future::join;
use tracing::warn;

use super::state_file::{self, Purpose};
use crate::app::Surroundings;
use crate::cli::Global;
use crate::config::{self, Config, Loaded, MasApiConfig, Warning};
use crate::lock::RunLock;
use crate::mas_api::{Exposure, MasApi};
use crate::model::{Account, Moment};
use crate::output::{Progress, counted};
use crate::plan::{KeptReason, Plan, Reason, Skip};
use crate::planner::{Draft, Facts, Focus, LookAt, Looks, Verdicts};
use crate::readers::{Again, ReadError, Readers, Reading, Tallies};
use crate::report::Failure;
use crate::signals::metrics;
use crate::state::{Age, State};
use crate::writers::{Writer, WriterError};

/// A run that has read its configuration.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) readers: Readers,
    pub(super) progress: Progress,
    mas: Option<MasApi>,
    /// The past, if it is kept.
    pub(super) state: Option<State>,
}

impl Session {
    /// For commands that only read.
    pub(super) fn new(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::telling(global, surroundings, Purpose::Read)
    }

    /// For commands that may change something: the state file is created if it is missing.
    pub(super) fn for_writing(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::telling(global, surroundings, Purpose::Write)
    }

    fn telling(global: &Global, surroundings: &Surroundings, purpose: Purpose) -> Result<Self, Failure> {
        let (session, warnings) = Self::open(global, surroundings, purpose)?;
        for warning in &warnings {
            warn!("{warning}");
        }
        Ok(session)
    }

    /// For whoever tells the warnings about the configuration in a way of their own.
    pub(super) fn quietly(global: &Global, surroundings: &Surroundings) -> Result<(Self, Vec<Warning>), Failure> {
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
        Ok((Self { config, readers, progress: Progress::new(global.quiet), mas, state }, warnings))
    }

    /// The writer of the configuration.
    pub(super) fn writer(&self, surroundings: &Surroundings) -> Result<Writer, WriterError> {
        Writer::new(&self.config.writer, self.mas.as_ref(), &*surroundings.env)
    }

    /// Takes the lock of a run that may write, and counts the run in the state file.
    pub(super) fn lock(&self, surroundings: &Surroundings) -> Result<RunLock, Failure> {
        let state_file = self.state.as_ref().map(State::path);
        let mut lock = RunLock::take(&self.config, state_file, &*surroundings.env)?;
        if let Some(state) = &self.state {
            let (number, age) = state.count_run(lock.last_run(), Moment::now())?;
            lock.note_run(number)?;
            if age == Age::Older {
                warn!(
                    "the state file {} is older than the last run, or new: grace periods start again, and accounts \
                     disabled before count as disabled by hand",
                    state.path().display()
                );
            }
        }
        Ok(lock)
    }

    /// Reads both sides.
    pub(super) async fn read(&self) -> Result<Reading, Failure> {
        if let Some(warning) = state_file::warning_of(&self.config) {
            warn!("{warning}");
        }
        let tallies = Tallies::default();
        let reading = Box::pin(join(self.readers.read(&self.config, &tallies), self.exposure()));
        let (reading, exposure) = self.progress.reading(&tallies, reading).await;
        let mut reading = reading?;
        if let Some(state) = &self.state {
            reading.facts.memory = state.memory(reading.facts.now)?;
        }
        warn_of_exposure(&exposure, self.config.mas_api.as_ref());
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

    /// Reads a few people again; `None` where there are more than `most`.
    pub(super) async fn again(
        &self,
        reading: &mut Reading,
        again: &Again,
        most: usize,
    ) -> Result<Option<Focus>, Failure> {
        let focus = self.readers.again(reading, again, most).await?;
        if let Some(state) = &self.state {
            reading.facts.memory = state.memory(reading.facts.now)?;
        }
        Ok(focus)
    }

    /// Looks at people a second time; nobody where there are more than `limits.max_look`, unless that limit is lifted.
    pub(super) async fn look(&self, draft: &Draft<'_>, reading: &Reading, approved: bool) -> Result<Looks, Failure> {
        let people: Vec<LookAt> = draft.to_look_at().collect();
        if people.len() > self.config.limits.max_look && !approved {
            return Ok(Looks::TooMany);
        }
        self.look_at(people, reading).await
    }

    /// Looks at some people only, whatever the limits: nothing is changed because of it.
    pub(super) async fn look_at(&self, people: Vec<LookAt>, reading: &Reading) -> Result<Looks, Failure> {
        let (tallies, count) = (Tallies::default(), people.len());
        let looks = Box::pin(self.readers.look(people, reading, &tallies.looks));
        Ok(self.progress.looking(&tallies.looks, count, looks).await?)
    }

    /// Reads, looks and decides. A run that could write remembers who was in the group and who was not.
    pub(super) async fn plan(&self, approved: bool, remember: bool) -> Result<Plan, Failure> {
        let reading = self.read().await?;
        self.plan_of(&reading, None, approved, remember).await
    }

    /// Looks and decides about everybody, or about a few.
    pub(super) async fn plan_of(
        &self,
        reading: &Reading,
        focus: Option<&Focus>,
        approved: bool,
        remember: bool,
    ) -> Result<Plan, Failure> {
        metrics().facts(&reading.facts);
        let draft = Draft::about(&reading.facts, &self.config.policy, focus);
        let looks = self.look(&draft, reading, approved).await?;
        let verdicts = draft.verdicts(&looks);
        if remember {
            self.remember(&draft, &verdicts, reading)?;
        }
        let plan = draft.plan(verdicts, &looks);
        if focus.is_none() {
            metrics().plan(&plan);
        }
        warn_of_newcomers(&draft);
        warn_of_doubts(&plan);
        warn_of_unseen_directories(&reading.facts, &plan);
        Ok(plan)
    }

    /// Takes a complete reading into the state file.
    pub(super) fn remember(
        &self,
        draft: &Draft<'_>,
        verdicts: &Verdicts<'_>,
        reading: &Reading,
    ) -> Result<(), Failure> {
        if let Some(state) = &self.state {
            state.record(&draft.presence(verdicts), reading.facts.now)?;
        }
        Ok(())
    }

    /// Every limit that the plan is over, in words.
    pub(super) fn refusals(&self, plan: &Plan) -> Vec<String> {
        self.config.limits.refuse(plan).iter().map(ToString::to_string).collect()
    }
}

/// Doors that stand open although nobody needs them.
fn warn_of_exposure(exposure: &Exposure, mas: Option<&MasApiConfig>) {
    let address = mas.and_then(|mas| mas.issuer.as_ref());
    if let Some(address) = address.filter(|_| exposure.public == Some(true)) {
        warn!(
            "the Admin API also answers at MAS's public address, {address}: take the resource adminapi off that listener; \
             `doctor` shows the configuration to use"
        );
    }
    if let Some(needless) = exposure.client.as_ref().filter(|needless| !needless.is_empty()) {
        warn!(
            "writer.mas_api.client_id may do more than it needs ({}): give this program a client without redirect_uris",
            needless.join(", ")
        );
    }
}

/// How many names a warning gives before it only counts.
const NAMED: usize = 5;

/// People who were deleted in Keycloak and made anew have a new ID, and MAS does not know that they are the same.
pub(super) fn warn_of_newcomers(draft: &Draft<'_>) {
    let newcomers = draft.newcomers();
    if !newcomers.is_empty() {
        let names: Vec<_> = newcomers.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if newcomers.len() > NAMED { ", …" } else { "" };
        warn!(
            "{} the name of a member, but MAS has tied it to another user of Keycloak ({}{more}): left alone. If it is the \
             same person, made anew in Keycloak, replace the link in MAS (upstream-oauth-links)",
            counted(newcomers.len(), "account has", "accounts have"),
            names.join(", ")
        );
    }
}

/// What a person has to look at although the run goes on.
pub(super) fn warn_of_doubts(plan: &Plan) {
    let kept = plan.kept_by_reason();
    if let Some(count) = kept.get(&KeptReason::FederationInDoubt) {
        warn!(
            "a directory behind Keycloak (LDAP, Active Directory) shows no signs of life or contradicts itself: {} left \
             alone; check User federation in Keycloak, and that the directory answers. A directory none of whose people \
             is in the group shows none either: keycloak.federation = \"trust\" believes Keycloak as it is",
            counted(*count, "account is", "accounts are")
        );
    }
    if plan.contradictions > 0 {
        warn!(
            "Keycloak's member list and its answers about {} disagree; they are left alone. If this stays, look at the \
             group in Keycloak",
            counted(plan.contradictions, "person", "people")
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
            "{} left alone, because there was no second look at them; the first is {user_id}: {why}",
            counted(not_seen.len(), "person is", "people are")
        );
    }
}

/// A directory whose people are not imported is invisible while it is down, and so is who is missing because of it.
fn warn_of_unseen_directories(facts: &Facts, plan: &Plan) {
    let unknown = plan.actions.iter().filter(|action| action.reason == Reason::NotInKeycloak).count();
    if facts.providers.is_none() && unknown > 0 {
        warn!(
            "{} unknown to Keycloak; whether a directory behind Keycloak is down and hides them cannot be seen without \
             the role view-realm. Grant it if the realm has a user federation; keycloak.federation = \"trust\" ends this warning",
            counted(unknown, "account is", "accounts are")
        );
    }
}

/// Talks on stderr; where nobody listens, nothing is lost.
pub(super) fn tell(text: &str) {
    use io::Write as _;
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints data to stdout; a closed pipe (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    use io::Write as _;
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Local { what: "write to standard output".to_owned(), source })
        }
        _ => Ok(()),
    }
}
