//! Keeps accounts in step (`watch`): a full run at the start and every interval. In between, users
//! that Keycloak's events mention, and changes in the member list, take the same steps: reading,
//! second look, plan, limits, writer.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::after_run::{Cause, Effect, Ended, Failed, HookCall, INTERVALS_READY, in_words};
use super::course::{Course, Happened};
use super::known::Known;
use super::notifications::Reports;
use super::reached::Reached;
use super::shown::Shown;
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
use crate::session::{StateChange, Writing};
use crate::signals::{self, News, run_hook};
use crate::watch::Due;

/// The name of the command in the history.
pub(super) const COMMAND: RunCommand = RunCommand::Watch;
/// The time between two heartbeats, unless the service manager wants them more often.
const BEAT: Duration = Duration::from_secs(5);
/// The longest pause before events or the newest accounts are read again after a failure.
pub(super) const PAUSE: Duration = Duration::from_mins(1);
/// How long to wait for hooks and messages that are still under way at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Keeps accounts in step until a signal comes.
pub async fn stay_in_step(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let hangup = signal(SignalKind::hangup()).map_err(Failure::no_signals)?;
    let stop = Stop::on_signals(Hangup::Reloads).map_err(Failure::no_signals)?;
    let mut watcher = Watcher::new(Process { global, surroundings, hangup, stop })?;
    watcher.show_past();
    watcher.listen().await?;
    watcher.shown.manager.ready();
    let exit = watcher.stay().await;
    watcher.shown.manager.stopping();
    let _ = timeout(LAST_WORDS, watcher.finish_reports()).await;
    info!("stopped");
    Ok(exit)
}

/// Everything that `watch` has between two runs.
pub(super) struct Watcher<'g> {
    pub(super) process: Process<'g>,
    pub(super) shown: Shown,
    pub(super) writing: Writing,
    /// The files with secrets, as they were when they were last read.
    secret_files: SecretFiles,
    pub(super) course: Course,
    pub(super) known: Known,
    pub(super) reports: Reports,
}

/// How the program was started, and the signals that it gets.
pub(super) struct Process<'g> {
    pub(super) global: &'g Global,
    pub(super) surroundings: &'g Surroundings,
    hangup: Signal,
    pub(super) stop: Stop,
}

impl<'g> Watcher<'g> {
    fn new(process: Process<'g>) -> Result<Self, Failure> {
        let Process { global, surroundings, stop, .. } = &process;
        let writing = Writing::open_quietly(global, surroundings, stop.clone())?;
        let config = &writing.session.config;
        let shown = Shown::new(&config.server_name);
        shown.health.set_ready_for(config.watch.interval * INTERVALS_READY);
        Ok(Self {
            shown,
            secret_files: config.secret_files.clone(),
            course: Course::new(&config.watch),
            known: Known::default(),
            reports: Reports::new(writing.session.notices()),
            writing,
            process,
        })
    }

    async fn listen(&self) -> Result<(), Failure> {
        let Some(address) = self.writing.session.config.watch.listen else { return Ok(()) };
        let address =
            signals::serve(address, self.shown.board.clone()).await.map_err(|source| {
                Failure::Local { what: format!("listen on {address} (watch.listen)"), source }
            })?;
        info!("status, metrics and health at http://{address}");
        Ok(())
    }

    /// Does one thing after another until a signal comes. A run that is stopped between changes
    /// ends as incomplete.
    async fn stay(&mut self) -> Exit {
        loop {
            let (at, due) = self.course.next(&self.known.partial_readings());
            self.shown.board.set_next_run(self.course.full_run_in());
            let next_beat = Instant::now() + self.beat_every();
            tokio::select! {
                biased;
                () = self.process.stop.requested() => return Exit::InStep,
                _ = self.process.hangup.recv() => {
                    if self.process.stop.has_lost_terminal() {
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
                self.shown.board.run_begins();
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
        let (health, manager, every) =
            (self.shown.health.clone(), self.shown.manager, self.beat_every());
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
            Ok(None) => return self.process.stop.is_requested().then_some(Exit::InStep),
            Err(Failure::Stopped) => return Some(Exit::InStep),
            Err(failure) => failed(&failure),
        };
        let result = ended.result();
        if let Ended::Failed(Failed { cause: Cause::Other, line, hint }) = &ended {
            self.reports.news = Some(News::failed(line.clone(), hint.clone()));
        }
        metrics().run_ended(kind, result, begin.elapsed());
        self.shown.board.run_ended(kind, result, begin.elapsed());
        self.happened(Happened::RunEnded(kind, ended));
        if let Some(news) = self.reports.news.take() {
            self.report_news(&news);
        }
        let left = if result == RunResult::Incomplete { Exit::Incomplete } else { Exit::InStep };
        self.process.stop.is_requested().then_some(left)
    }

    /// Takes in what has happened, and does what follows.
    pub(super) fn happened(&mut self, happened: Happened) {
        for effect in self.course.after(happened) {
            self.show_effect(&effect);
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::ForgetReading => self.known.reading = None,
            Effect::ForgetEverything => self.known.forget_readings(),
            Effect::ReadyFor(time) => self.shown.health.set_ready_for(time),
            Effect::Ready => {
                self.shown.manager.status(Reached::InStep.text());
                self.shown.health.set_ready(Ok(()));
            }
            Effect::Incomplete(reached) => {
                self.shown.manager.status(reached.text());
                if !self.shown.health.is_ready() {
                    self.shown.health.set_ready(Ok(()));
                }
            }
            Effect::StillNotReady(..) if self.shown.health.is_ready() => {}
            Effect::NotReady(why, details) | Effect::StillNotReady(why, details) => {
                self.shown.manager.status(&details);
                self.shown.health.set_ready(Err(why));
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
            Effect::RunHook(call) => self.run_hook(call),
        }
    }

    /// Runs the administrator's command in the background, because it may take long.
    fn run_hook(&mut self, call: HookCall) {
        if let (signals::Event::Failed, Some(line)) = (call.event, &call.error) {
            let failed = News::failed(line.clone(), call.hint.clone());
            match &mut self.reports.news {
                Some(news) => news.add(failed),
                None => self.reports.news = Some(failed),
            }
        }
        let config = &self.writing.session.config;
        let Some(program) = config.watch.on_refused.clone() else { return };
        let HookCall { kind, event, refusals, waiting, plan, count, error, hint } = call;
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
        self.reports.telling.spawn(async move {
            run_hook(Receiver::OnRefused, &program, &input.to_json()).await;
            None
        });
    }

    /// Opens the state file again if it was removed or replaced. Returns whether it did.
    pub(super) fn reopen_state(&mut self) -> Result<bool, Failure> {
        match self.writing.session.reopen_state()? {
            StateChange::None => return Ok(false),
            StateChange::Another => warn_of_another_state_file(),
            // That was said.
            StateChange::Lost => {}
        }
        self.happened(Happened::StateReplaced);
        Ok(true)
    }

    /// Re-reads configuration and secrets. If they are wrong, that is reported, and the old ones
    /// stay.
    fn reload(&mut self, why: &str) {
        self.shown.manager.reloading();
        let before = self.writing.session.config.watch.listen;
        let Process { global, surroundings, stop, .. } = &self.process;
        let opened = Writing::open_quietly(global, surroundings, stop.clone());
        let opened = opened.and_then(|writing| {
            let is_another = writing.session.doubt_replaced_state(&self.writing.session)?;
            Ok((writing, is_another))
        });
        match opened {
            Ok((writing, is_another_state)) => {
                info!("{why}: configuration and secrets reloaded");
                if is_another_state {
                    warn_of_another_state_file();
                }
                let config = &writing.session.config;
                if config.watch.listen != before {
                    warn!("watch.listen has changed: restart to use it");
                }
                self.secret_files = config.secret_files.clone();
                self.shown.board.set_server_name(&config.server_name);
                let watch = config.watch.clone();
                self.writing = writing;
                self.happened(Happened::Reloaded(watch));
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
        self.shown.manager.ready();
    }

    fn beat(&self) {
        self.shown.health.beat();
        self.shown.manager.watchdog();
    }

    fn beat_every(&self) -> Duration {
        self.shown.manager.watchdog_interval().unwrap_or(BEAT).min(BEAT)
    }
}

fn warn_of_another_state_file() {
    warn!("the state file was removed or replaced: it was opened again");
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
