//! Keeps accounts in step (`watch`): a full run at the start and every interval. In between, users
//! that Keycloak's events mention, and changes in the member list, take the same steps: reading,
//! second look, plan, limits, writer.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::after_run::{
    Cause, Effect, Ended, Failed, HookCall, INTERVALS_READY, Standing, When, in_words,
};
use super::event_source::EventSource;
use super::new_accounts::NewAccounts;
use super::reached::Reached;
use crate::apply::{Hangup, Stop};
use crate::cli::Global;
use crate::config::SecretFiles;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lock::LockError;
use crate::metrics::{Receiver, RunKind, metrics};
use crate::model::Timestamp;
use crate::phrases::counted;
use crate::plan::{Refusal, RunCommand, RunResult};
use crate::readers::Reading;
use crate::session::Writing;
use crate::signals::{self, Health, News, Notices, ServiceManager, StatusBoard, Unsent, run_hook};
use crate::state::State;
use crate::watch::{Due, Schedule, Window};

/// The name of the command in the history.
pub(super) const COMMAND: RunCommand = RunCommand::Watch;
/// The time between two heartbeats, unless the service manager wants them more often.
const BEAT: Duration = Duration::from_secs(5);
/// Without a heartbeat for this long the process hangs: waiting for servers never blocks it.
const DEAD_AFTER: Duration = Duration::from_mins(2);
/// The longest pause before events or the newest accounts are read again after a failure.
pub(super) const PAUSE: Duration = Duration::from_mins(1);
/// How long to wait for hooks and messages that are still under way at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Keeps accounts in step until a signal comes.
pub async fn stay_in_step(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let hangup = signal(SignalKind::hangup()).map_err(Failure::no_signals)?;
    let stop = Stop::on_signals(Hangup::Reloads).map_err(Failure::no_signals)?;
    let mut watcher = Watcher::new(global, surroundings, hangup, stop)?;
    watcher.show_past();
    watcher.listen().await?;
    watcher.manager.ready();
    let exit = watcher.stay().await;
    watcher.manager.stopping();
    let _ = timeout(LAST_WORDS, watcher.finish_reports()).await;
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
    pub(super) board: StatusBoard,
    pub(super) manager: ServiceManager,
    pub(super) writing: Writing,
    /// The files with secrets, as they were when they were last read.
    pub(super) secret_files: SecretFiles,
    pub(super) schedule: Schedule,
    /// The last complete reading, with everything read since. `None` after a failure.
    pub(super) reading: Option<Reading>,
    pub(super) events: EventSource,
    pub(super) new_accounts: NewAccounts,
    pub(super) window: Window,
    /// What earlier runs came to.
    pub(super) standing: Standing,
    /// What the room has heard of.
    pub(super) notices: Notices,
    /// What the run that ends has to report.
    pub(super) news: Option<News>,
    /// Hooks and messages that are under way; what the room did not get.
    pub(super) telling: JoinSet<Option<Unsent>>,
}

impl<'g> Watcher<'g> {
    fn new(
        global: &'g Global,
        surroundings: &'g Surroundings,
        hangup: Signal,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let writing = Writing::open_quietly(global, surroundings, stop.clone())?;
        let config = &writing.session.config;
        let health = Health::new(DEAD_AFTER);
        health.set_ready_for(config.watch.interval * INTERVALS_READY);
        let board = StatusBoard::new(health.clone(), &config.server_name);
        Ok(Self {
            global,
            surroundings,
            hangup,
            stop,
            health,
            board,
            manager: ServiceManager::from_env(),
            secret_files: config.secret_files.clone(),
            schedule: Schedule::new(&config.watch),
            reading: None,
            events: EventSource::default(),
            new_accounts: NewAccounts::default(),
            window: Window::default(),
            standing: Standing::new(config.watch.interval),
            notices: writing.session.notices(),
            news: None,
            telling: JoinSet::new(),
            writing,
        })
    }

    async fn listen(&self) -> Result<(), Failure> {
        let Some(address) = self.writing.session.config.watch.listen else { return Ok(()) };
        let address = signals::serve(address, self.board.clone()).await.map_err(|source| {
            Failure::Local { what: format!("listen on {address} (watch.listen)"), source }
        })?;
        info!("status, metrics and health at http://{address}");
        Ok(())
    }

    /// Does one thing after another until a signal comes. A run that is stopped between changes
    /// ends as incomplete.
    async fn stay(&mut self) -> Exit {
        loop {
            let (at, due) = self.schedule.next(&self.partial_readings());
            self.board.set_next_run(self.schedule.full_run_in());
            let next_beat = Instant::now() + self.beat_every();
            tokio::select! {
                biased;
                () = self.stop.requested() => return Exit::InStep,
                _ = self.hangup.recv() => {
                    if self.stop.has_lost_terminal() {
                        return Exit::InStep;
                    }
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
            if due == Due::Everything {
                self.board.run_begins();
            }
            let (kind, begin) = (kind_of(due), Instant::now());
            let ended = self.alive(due).await;
            if let Some(exit) = self.note(kind, begin, ended) {
                return exit;
            }
        }
    }

    /// Does what is due and sends heartbeats meanwhile. Returns `None` if there was nothing to
    /// decide.
    async fn alive(&mut self, due: Due) -> Result<Option<Ended>, Failure> {
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

    /// Takes in the end of a run. Returns an exit code if a signal has come meanwhile.
    fn note(
        &mut self,
        kind: RunKind,
        begin: Instant,
        ended: Result<Option<Ended>, Failure>,
    ) -> Option<Exit> {
        let ended = match ended {
            Ok(Some(ended)) => ended,
            Ok(None) => return self.stop.is_requested().then_some(Exit::InStep),
            Err(Failure::Stopped) => return Some(Exit::InStep),
            Err(failure) => failed(&failure),
        };
        let result = ended.result();
        if let Ended::Failed(Failed { cause: Cause::Other, line, hint }) = &ended {
            self.news = Some(News::failed(line.clone(), hint.clone()));
        }
        metrics().run_ended(kind, result, begin.elapsed());
        self.board.run_ended(kind, result, begin.elapsed());
        for effect in self.standing.ended(kind, ended) {
            self.show_effect(&effect);
            self.carry_out(effect, kind);
        }
        if let Some(news) = self.news.take() {
            self.report_news(&news);
        }
        let left = if result == RunResult::Incomplete { Exit::Incomplete } else { Exit::InStep };
        self.stop.is_requested().then_some(left)
    }

    fn carry_out(&mut self, effect: Effect, kind: RunKind) {
        match effect {
            Effect::FullRun(When::Soon) => self.schedule.everything_soon(),
            Effect::FullRun(When::Regular) => self.schedule.everything_is_done(),
            Effect::FullRun(When::After(pause)) => self.schedule.everything_after(pause),
            Effect::FullRun(When::Within(pause)) => self.schedule.everything_within(pause),
            Effect::ForgetReading => self.reading = None,
            Effect::Ready => {
                self.manager.status(Reached::InStep.text());
                self.health.set_ready(Ok(()));
            }
            Effect::Incomplete(reached) => {
                self.manager.status(reached.text());
                if !self.health.is_ready() {
                    self.health.set_ready(Ok(()));
                }
            }
            Effect::StillNotReady(..) if self.health.is_ready() => {}
            Effect::NotReady(why, details) | Effect::StillNotReady(why, details) => {
                self.manager.status(&details);
                self.health.set_ready(Err(why));
            }
            Effect::LogLocked { line, pause } => info!("{line}; next try in {}", in_seconds(pause)),
            Effect::LogFailure { line, hint, pause } => {
                error!(hint, "the run failed: {line}; next try in {}", in_seconds(pause));
            }
            Effect::LogRefusal { digest, refusals, to_do } => error!(
                %digest,
                "refused, nothing was changed: {}; {to_do} (SIGHUP then starts a full run at once)",
                in_words(&refusals)
            ),
            Effect::LogWaiting { digest, count, to_do } => warn!(
                %digest,
                "{} for an approval; {to_do}",
                counted(count, "account waits", "accounts wait")
            ),
            Effect::RunHook(call) => self.run_hook(call, kind),
        }
    }

    /// Runs the administrator's command in the background, because it may take long.
    fn run_hook(&mut self, call: HookCall, kind: RunKind) {
        if let (signals::Event::Failed, Some(line)) = (call.event, &call.error) {
            let failed = News::failed(line.clone(), call.hint.clone());
            match &mut self.news {
                Some(news) => news.add(failed),
                None => self.news = Some(failed),
            }
        }
        let config = &self.writing.session.config;
        let Some(program) = config.watch.on_refused.clone() else { return };
        let HookCall { event, refusals, waiting, plan, count, error, hint } = call;
        let (digest, command) = plan.map(|(digest, command)| (digest.to_string(), command)).unzip();
        let input = signals::HookInput {
            event,
            time: Timestamp::now(),
            server_name: config.server_name.to_string(),
            realm: config.keycloak.realm.clone(),
            kind,
            reasons: refusals.iter().map(ToString::to_string).chain(waiting).collect(),
            refused_by: refusals.iter().map(Refusal::kind).collect(),
            digest,
            count,
            command,
            error,
            hint,
        };
        self.telling.spawn(async move {
            run_hook(Receiver::OnRefused, &program, &input.to_json()).await;
            None
        });
    }

    /// Opens the state file again if it is no longer the one that was opened: what is written to
    /// that one is lost. Returns whether it did.
    pub(super) fn reopen_state(&mut self) -> Result<bool, Failure> {
        let state = self.writing.session.state.as_ref();
        if state.is_none_or(State::is_in_place) {
            return Ok(false);
        }
        self.writing.session.reopen_state()?;
        warn!("the state file was removed or replaced: it was opened again");
        self.schedule = Schedule::new(&self.writing.session.config.watch);
        self.read_again();
        Ok(true)
    }

    /// Forgets what was read, so that the next run is a full one.
    fn read_again(&mut self) {
        (self.reading, self.events) = (None, EventSource::default());
        self.new_accounts = NewAccounts::default();
    }

    /// Re-reads configuration and secrets. If they are wrong, that is reported, and the old ones
    /// stay.
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
                self.standing.reload(config.watch.interval);
                self.board.set_server_name(&config.server_name);
                self.writing = writing;
                self.read_again();
            }
            Err(failure) => {
                error!(
                    hint = failure.hint(),
                    "{why}, but the new configuration cannot be used: {}; the old one stays in use",
                    failure.without_excerpts()
                );
                self.secret_files = self.secret_files.again();
            }
        }
        self.manager.ready();
    }

    /// Returns which partial readings make sense now. All need a complete reading to compare with.
    fn partial_readings(&self) -> Vec<Due> {
        if self.reading.is_none() {
            return Vec::new();
        }
        let mut partial = vec![Due::Accounts];
        if self.events.may_come() {
            partial.push(Due::Events);
        }
        if self.has_directory() {
            partial.push(Due::Members);
        }
        partial
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

/// Returns a failure as it is reported.
fn failed(failure: &Failure) -> Ended {
    let is_locked = matches!(failure, Failure::Lock(LockError::Held { .. }));
    let cause = if is_locked { Cause::Locked } else { Cause::Other };
    Ended::Failed(Failed { cause, line: failure.in_one_line(), hint: failure.hint() })
}

fn in_seconds(pause: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(pause.as_secs().max(1)))
}
