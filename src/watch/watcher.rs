//! Keeps accounts in step (`watch`): a full run at the start and every interval. In between, users that
//! Keycloak's events mention, and changes in the member list, take the same steps: reading, second
//! look, plan, limits, writer.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::event_source::EventSource;
use super::new_accounts::NewAccounts;
use crate::apply::Stop;
use crate::cli::Global;
use crate::config::SecretFiles;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lock::LockError;
use crate::metrics::{RunKind, metrics};
use crate::model::Timestamp;
use crate::plan::{ActionKind, Digest, Plan};
use crate::readers::Reading;
use crate::session::{Writing, run_result};
use crate::signals::{self, Health, NotReady, ServiceManager};
use crate::watch::{Backoff, Due, Schedule, Window};

/// The name of the command in the history.
pub(super) const COMMAND: &str = "watch";
/// The time between two heartbeats, unless the service manager wants them more often.
const BEAT: Duration = Duration::from_secs(5);
/// Without a heartbeat for this long the process hangs: waiting for servers never blocks it.
const DEAD_AFTER: Duration = Duration::from_mins(2);
/// The longest pause before events or the newest accounts are read again after a failure.
pub(super) const PAUSE: Duration = Duration::from_mins(1);
/// The longest pause while another run holds the lock.
const LOCK_PAUSE: Duration = Duration::from_secs(30);
/// For how many intervals after a successful full run `/readyz` stays ready.
const INTERVALS_READY: u32 = 3;
/// How many intervals another run may hold the lock before that is a failure.
const INTERVALS_LOCKED: u32 = 2;
/// How long to wait for hooks that still run at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Keeps accounts in step until a signal comes.
pub async fn stay_in_step(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let no_signals = |source: io::Error| Failure::Local { what: "listen to signals".to_owned(), source };
    let hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    let stop = Stop::on_signals().map_err(no_signals)?;
    let mut watcher = Watcher::new(global, surroundings, hangup, stop)?;
    watcher.listen().await?;
    watcher.manager.ready();
    let exit = watcher.stay().await;
    watcher.manager.stopping();
    let _ = timeout(LAST_WORDS, watcher.hooks.join_all()).await;
    info!("stopped");
    Ok(exit)
}

/// The state that `watch` keeps between runs.
pub(super) struct Watcher<'g> {
    pub(super) global: &'g Global,
    pub(super) surroundings: &'g Surroundings,
    pub(super) hangup: Signal,
    pub(super) stop: Stop,
    pub(super) health: Health,
    pub(super) manager: ServiceManager,
    pub(super) writing: Writing,
    /// The files with secrets, as they were when they were last read.
    pub(super) secret_files: SecretFiles,
    pub(super) schedule: Schedule,
    /// Pauses after a failure.
    pub(super) backoff: Backoff,
    /// The last complete reading, with everything read since. `None` after a failure.
    pub(super) reading: Option<Reading>,
    pub(super) events: EventSource,
    pub(super) new_accounts: NewAccounts,
    pub(super) window: Window,
    /// When the earliest grace period ends.
    pub(super) grace_ends: Option<Timestamp>,
    /// The refused plan that waits for an approval.
    pub(super) refused: Option<Digest>,
    /// Refused plans for which the hook has not run.
    pub(super) untold: usize,
    /// When the hook last ran for one.
    pub(super) refusal_told: Option<Instant>,
    /// The actions that wait for an approval, as they were last reported.
    pub(super) waiting: Option<Digest>,
    /// Whether the last run failed: the hook runs only at the first failure.
    pub(super) failing: bool,
    /// Since when another run holds the lock.
    pub(super) locked_since: Option<Instant>,
    /// Hooks that are running.
    pub(super) hooks: JoinSet<()>,
}

impl<'g> Watcher<'g> {
    fn new(global: &'g Global, surroundings: &'g Surroundings, hangup: Signal, stop: Stop) -> Result<Self, Failure> {
        let writing = Writing::open_quietly(global, surroundings, stop.clone())?;
        let config = &writing.session.config;
        let health = Health::new(DEAD_AFTER);
        health.set_ready_for(config.watch.interval * INTERVALS_READY);
        Ok(Self {
            global,
            surroundings,
            hangup,
            stop,
            health,
            manager: ServiceManager::from_env(),
            secret_files: config.secret_files.clone(),
            schedule: Schedule::new(&config.watch),
            backoff: Backoff::default(),
            reading: None,
            events: EventSource::default(),
            new_accounts: NewAccounts::default(),
            window: Window::default(),
            grace_ends: None,
            refused: None,
            untold: 0,
            refusal_told: None,
            waiting: None,
            failing: false,
            locked_since: None,
            hooks: JoinSet::new(),
            writing,
        })
    }

    async fn listen(&self) -> Result<(), Failure> {
        let Some(address) = self.writing.session.config.watch.listen else { return Ok(()) };
        let address = signals::serve(address, self.health.clone())
            .await
            .map_err(|source| Failure::Local { what: format!("listen on {address} (watch.listen)"), source })?;
        info!("metrics and health at http://{address}");
        Ok(())
    }

    /// Does one thing after another until a signal comes. A run that is stopped between changes ends as
    /// incomplete.
    async fn stay(&mut self) -> Exit {
        loop {
            let can_look = self.reading.is_some();
            let (at, due) = self.schedule.next(can_look, self.events.may_come(), self.has_directory());
            let next_beat = Instant::now() + self.beat_every();
            tokio::select! {
                biased;
                () = self.stop.requested() => return Exit::InStep,
                _ = self.hangup.recv() => {
                    self.reload("SIGHUP");
                    continue;
                }
                () = sleep_until(at.min(next_beat)) => self.beat(),
            }
            if self.secret_files.have_changed() {
                self.reload("a file with a secret has changed");
                continue;
            }
            if Instant::now() < at {
                continue;
            }
            let (kind, begin) = (kind_of(due), Instant::now());
            let ended = self.alive(due).await;
            if let Some(exit) = self.note(kind, begin, ended) {
                return exit;
            }
        }
    }

    /// Does what is due and sends heartbeats meanwhile. Returns `None` if there was nothing to decide.
    async fn alive(&mut self, due: Due) -> Result<Option<Exit>, Failure> {
        let (health, manager, every) = (self.health.clone(), self.manager, self.beat_every());
        let mut round = Box::pin(self.round(due));
        loop {
            tokio::select! {
                ended = &mut round => return ended,
                () = tokio::time::sleep(every) => {
                    health.beat();
                    manager.watchdog();
                }
            }
        }
    }

    /// Schedules what follows from the end of a run. Returns an exit code if a signal has come meanwhile.
    fn note(&mut self, kind: RunKind, begin: Instant, ended: Result<Option<Exit>, Failure>) -> Option<Exit> {
        let ended = match ended {
            Ok(None) => {
                return self.stop.is_requested().then_some(Exit::InStep);
            }
            Ok(Some(exit)) => Ok(exit),
            Err(Failure::Stopped) => return Some(Exit::InStep),
            Err(failure) => Err(failure),
        };
        if !matches!(ended, Err(Failure::Lock(LockError::Held { .. }))) {
            self.locked_since = None;
        }
        let result = run_result(&ended);
        metrics().run_ended(kind, result, begin.elapsed());
        let interval = self.writing.session.config.watch.interval;
        match &ended {
            Ok(Exit::Refused) if kind != RunKind::Full => self.schedule.everything_soon(),
            Ok(Exit::Refused) => {
                self.failing = false;
                self.schedule.everything_is_done();
            }
            Ok(Exit::Incomplete) if kind == RunKind::Full => {
                let pause = self.backoff.pause(interval);
                self.schedule.everything_after(pause);
                self.is_up("incomplete; the rest is tried again");
            }
            Ok(Exit::Incomplete) => {
                let pause = self.backoff.pause(interval);
                self.schedule.everything_within(pause);
            }
            Ok(_) if kind == RunKind::Full => {
                self.backoff.reset();
                self.schedule.everything_is_done();
                self.is_up("in step");
            }
            Ok(_) => {}
            Err(failure) => self.note_failure(failure, kind, interval),
        }
        // A grace period in the past had its run just now; if that failed, its pause applies.
        self.grace_ends = self.grace_ends.filter(|until| *until > Timestamp::now());
        if let Some(until) = self.grace_ends {
            self.schedule.everything_within(Timestamp::now().until(until));
        }
        let left = if matches!(ended, Ok(Exit::Incomplete)) { Exit::Incomplete } else { Exit::InStep };
        self.stop.is_requested().then_some(left)
    }

    /// Schedules a new attempt after a failure. Waiting for another run's lock is normal at first; every
    /// other failure is reported.
    fn note_failure(&mut self, failure: &Failure, kind: RunKind, interval: Duration) {
        let is_locked = matches!(failure, Failure::Lock(LockError::Held { .. }));
        let pause = self.backoff.pause(if is_locked { interval.min(LOCK_PAUSE) } else { interval });
        self.reading = None;
        self.schedule.everything_after(pause);
        let again = humantime::format_duration(Duration::from_secs(pause.as_secs().max(1)));
        // A run that holds the lock for longer hangs.
        let mut locked_for = || self.locked_since.get_or_insert_with(Instant::now).elapsed();
        if is_locked && locked_for() <= interval * INTERVALS_LOCKED {
            info!("{failure}; next try in {again}");
            if !self.health.is_ready() {
                self.is_not_ready(NotReady::Locked, &failure.to_string());
            }
            return;
        }
        let (told, hint) = (failure.in_one_line(), failure.hint());
        error!(hint, "the run failed: {told}; next try in {again}");
        let why = if is_locked { NotReady::Locked } else { NotReady::Failed };
        self.is_not_ready(why, &format!("the last run failed: {told}"));
        if !std::mem::replace(&mut self.failing, true) {
            let reason = self.reason(signals::Event::Failed, kind, Vec::new());
            self.tell_hook(signals::Reason { error: Some(told), hint, ..reason });
        }
    }

    /// Reports that a full run succeeded.
    fn is_up(&mut self, status: &str) {
        (self.refused, self.failing) = (None, false);
        self.manager.status(status);
        self.health.set_ready(Ok(()));
    }

    /// Reports that it is not ready. The listener shows only the reason, because anyone may read it; the
    /// details go to the service manager.
    pub(super) fn is_not_ready(&self, why: NotReady, details: &str) {
        self.manager.status(details);
        self.health.set_ready(Err(why));
    }

    pub(super) fn reason(&self, event: signals::Event, kind: RunKind, reasons: Vec<String>) -> signals::Reason {
        let config = &self.writing.session.config;
        signals::Reason {
            event,
            time: Timestamp::now(),
            server_name: config.server_name.to_string(),
            realm: config.keycloak.realm.clone(),
            kind,
            reasons,
            digest: None,
            count: None,
            command: None,
            error: None,
            hint: None,
        }
    }

    /// Runs the administrator's command in the background, because it may take long.
    pub(super) fn tell_hook(&mut self, reason: signals::Reason) {
        while self.hooks.try_join_next().is_some() {}
        if let Some(command) = self.writing.session.config.watch.on_refused.clone() {
            self.hooks.spawn(async move { signals::tell(&command, &reason).await });
        }
    }

    /// Re-reads configuration and secrets. If they are wrong, that is reported, and the old ones stay.
    fn reload(&mut self, why: &str) {
        self.manager.reloading();
        let before = self.writing.session.config.watch.listen;
        match Writing::open_quietly(self.global, self.surroundings, self.stop.clone()) {
            Ok(writing) => {
                info!("{why}: configuration and secrets reloaded");
                let config = &writing.session.config;
                if config.watch.listen != before {
                    warn!("watch.listen has changed: restart to use it");
                }
                self.schedule = Schedule::new(&config.watch);
                self.health.set_ready_for(config.watch.interval * INTERVALS_READY);
                self.secret_files = config.secret_files.clone();
                (self.reading, self.events, self.refused) = (None, EventSource::default(), None);
                (self.new_accounts, self.waiting) = (NewAccounts::default(), None);
                self.backoff.reset();
                self.writing = writing;
            }
            Err(failure) => {
                error!(
                    hint = failure.hint(),
                    "{why}, but the new configuration cannot be used: {}; the old one stays in use",
                    failure.in_one_line()
                );
                self.secret_files = self.secret_files.again();
            }
        }
        self.manager.ready();
    }

    /// Returns whether federated users may have changed without an event.
    pub(super) fn has_directory(&self) -> bool {
        let Some(Reading { facts, .. }) = &self.reading else { return false };
        let listed = || facts.members.iter().any(|member| member.federation_link.is_some());
        facts.providers.as_ref().is_some_and(|providers| !providers.is_empty()) || listed()
    }

    fn beat(&self) {
        self.health.beat();
        self.manager.watchdog();
    }

    fn beat_every(&self) -> Duration {
        self.manager.watchdog_interval().unwrap_or(BEAT).min(BEAT)
    }
}

fn kind_of(due: Due) -> RunKind {
    match due {
        Due::Everything => RunKind::Full,
        Due::Events => RunKind::People,
        Due::Members => RunKind::Members,
        Due::Accounts => RunKind::Accounts,
    }
}

/// Returns how many accounts are to be disabled and activated, for the log.
pub(super) fn planned(plan: &Plan) -> (usize, usize) {
    (plan.count_to_apply(ActionKind::Disable), plan.count_to_apply(ActionKind::Activate))
}
