//! Collects what `watch` is doing, and returns as much of it as a reader may see.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    ChangeCounts, LastRun, PendingDecision, ReadCounts, STATUS_VERSION, Status, StatusFailure,
    WatchState,
};
use crate::metrics::RunKind;
use crate::model::{ServerName, ServerText, Timestamp};
use crate::plan::RunResult;
use crate::signals::Health;

/// The number of changes that are shown.
pub(super) const MOST_CHANGES: usize = 20;
/// The number of readings in the chart: with the default interval, those of five days.
const MOST_READINGS: usize = 500;

/// Who reads a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Someone on this machine, who may see names.
    Local,
    Anyone,
}

impl Reader {
    /// Returns who may be behind a request. Names are shown only if the listener is on loopback,
    /// and is asked by such an address: a web page that leads its own name to this machine could
    /// read the answer otherwise.
    #[must_use]
    pub fn of(listener: SocketAddr, host: Option<&str>) -> Self {
        let host = host.unwrap_or_default();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_local = name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        if listener.ip().is_loopback() && is_local { Self::Local } else { Self::Anyone }
    }
}

/// What `watch` is doing. Clones share it.
#[derive(Debug, Clone)]
pub struct StatusBoard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    health: Health,
    state: Mutex<BoardState>,
}

#[derive(Debug)]
struct BoardState {
    server_name: ServerText,
    /// As it was last set; readiness may have ended since.
    state: WatchState,
    since: Timestamp,
    last_run: Option<LastRun>,
    next_run: Option<Timestamp>,
    decision: Option<PendingDecision>,
    failure: Option<StatusFailure>,
    /// Newest first.
    changes: Vec<ChangeCounts>,
    /// Oldest first.
    readings: Vec<ReadCounts>,
}

impl StatusBoard {
    /// Creates the board of a program that starts now.
    #[must_use]
    pub fn new(health: Health, server_name: &ServerName) -> Self {
        let state = BoardState {
            server_name: server_name.to_string().into(),
            state: WatchState::FirstRun,
            since: Timestamp::now(),
            last_run: None,
            next_run: None,
            decision: None,
            failure: None,
            changes: Vec::new(),
            readings: Vec::new(),
        };
        Self(Arc::new(Shared { health, state: Mutex::new(state) }))
    }

    /// Returns the health that the same program reports.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Sets the name of the homeserver.
    pub fn set_server_name(&self, server_name: &ServerName) {
        self.lock().server_name = server_name.to_string().into();
    }

    /// Sets the state; it begins now, unless it is the same.
    pub fn set_state(&self, state: WatchState) {
        let mut board = self.lock();
        if state != board.state {
            (board.state, board.since) = (state, Timestamp::now());
        }
        if !matches!(state, WatchState::Failed | WatchState::Locked | WatchState::Stale) {
            board.failure = None;
        }
    }

    /// Sets why the last run failed.
    pub fn set_failure(&self, error: &str, hint: Option<&str>) {
        let failure = StatusFailure { error: error.into(), hint: hint.map(ServerText::from) };
        self.lock().failure = Some(failure);
    }

    /// Notes that a full run is under way.
    pub fn run_begins(&self) {
        self.lock().next_run = None;
    }

    /// Sets when the next full run starts.
    pub fn set_next_run(&self, after: Duration) {
        self.lock().next_run = Some(Timestamp::now().after(after));
    }

    /// Notes the end of a run.
    pub fn run_ended(&self, kind: RunKind, result: RunResult, took: Duration) {
        if kind == RunKind::Full {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.lock().last_run = Some(LastRun { ended: Timestamp::now(), result, duration_ms });
        }
    }

    /// Sets what waits for an administrator.
    pub fn set_decision(&self, decision: Option<PendingDecision>) {
        self.lock().decision = decision;
    }

    /// Adds what a complete reading has found.
    pub fn note_reading(&self, reading: ReadCounts) {
        let readings = &mut self.lock().readings;
        readings.push(reading);
        let excess = readings.len().saturating_sub(MOST_READINGS);
        readings.drain(..excess);
    }

    /// Sets the last changes, the newest first.
    pub fn set_changes(&self, changes: Vec<ChangeCounts>) {
        let board = &mut self.lock().changes;
        *board = changes;
        board.truncate(MOST_CHANGES);
    }

    /// Adds the changes of a run that no state file records.
    pub fn note_changes(&self, changes: ChangeCounts) {
        let board = &mut self.lock().changes;
        board.insert(0, changes);
        board.truncate(MOST_CHANGES);
    }

    /// Returns the status as this reader may see it.
    #[must_use]
    pub fn status(&self, reader: Reader) -> Status {
        let why_not = self.0.health.why_not_ready();
        let stale_for = self.0.health.stale_for();
        let board = self.lock();
        let time = Timestamp::now();
        let (state, since) = match stale_for {
            Some(stale_for) => (WatchState::Stale, time.before(stale_for)),
            None if board.state == WatchState::InStep && board.decision.is_some() => {
                (WatchState::NeedsApproval, board.since)
            }
            None => (board.state, board.since),
        };
        let is_local = reader == Reader::Local;
        let mut decision = board.decision.clone();
        if let Some(decision) = decision.as_mut().filter(|_| !is_local) {
            decision.reasons.clear();
        }
        Status {
            version: STATUS_VERSION,
            server_name: board.server_name.clone(),
            state,
            ready: why_not.is_none(),
            since,
            time,
            last_run: board.last_run,
            next_run: board.next_run,
            read: board.readings.last().copied(),
            decision,
            failure: board.failure.clone().filter(|_| is_local),
            changes: board.changes.clone(),
        }
    }

    /// Returns the readings, oldest first.
    #[must_use]
    pub fn readings(&self) -> Vec<ReadCounts> {
        self.lock().readings.clone()
    }

    /// Locks the board. It is never half changed, so it is valid even after a panic.
    fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::NotReady;

    const LOOPBACK: &str = "127.0.0.1:9464";

    fn board() -> StatusBoard {
        StatusBoard::new(Health::new(Duration::from_mins(1)), &"example.org".into())
    }

    fn pending() -> PendingDecision {
        PendingDecision {
            actions: 1,
            digest: "sha256:00".to_owned(),
            command: "matrix-keycloak-sync sync --approve 00".into(),
            advice: None,
            refused_by: Vec::new(),
            reasons: vec!["dave: no Keycloak user was ever seen to own it".into()],
        }
    }

    #[test]
    fn names_are_for_readers_on_a_loopback_listener_that_is_asked_as_such() {
        for (listener, host, reader) in [
            (LOOPBACK, Some("127.0.0.1:9464"), Reader::Local),
            (LOOPBACK, Some("localhost:8080"), Reader::Local),
            (LOOPBACK, Some("localhost"), Reader::Local),
            ("[::1]:9464", Some("[::1]:9464"), Reader::Local),
            ("[::1]:9464", Some("[::1]"), Reader::Local),
            (LOOPBACK, Some("rebound.example:9464"), Reader::Anyone),
            (LOOPBACK, Some("127.0.0.1.example"), Reader::Anyone),
            (LOOPBACK, None, Reader::Anyone),
            ("0.0.0.0:9464", Some("127.0.0.1:9464"), Reader::Anyone),
            ("10.0.0.1:9464", Some("localhost"), Reader::Anyone),
        ] {
            let listener = listener.parse().expect("an address");
            assert_eq!(Reader::of(listener, host), reader, "{listener} {host:?}");
        }
    }

    #[test]
    fn names_and_errors_are_only_in_the_local_status() {
        let board = board();
        board.set_decision(Some(pending()));
        board.set_state(WatchState::Failed);
        board.set_failure("Keycloak: there is no group /dave", Some("Check it."));
        let local = serde_json::to_string(&board.status(Reader::Local)).expect("JSON");
        let public = serde_json::to_string(&board.status(Reader::Anyone)).expect("JSON");
        assert!(local.contains("dave: no") && local.contains("/dave"), "{local}");
        assert!(!public.contains("dave") && public.contains("--approve 00"), "{public}");
    }

    #[test]
    fn state_keeps_its_beginning_until_it_changes() {
        let board = board();
        board.lock().since = Timestamp::from_millis(1000);
        board.set_state(WatchState::FirstRun);
        assert_eq!(board.status(Reader::Local).since, Timestamp::from_millis(1000));
        board.set_state(WatchState::Refused);
        assert!(board.status(Reader::Local).since > Timestamp::from_millis(1000));
    }

    #[test]
    fn state_in_step_ages_and_gives_way_to_what_waits() {
        let board = board();
        board.health().set_ready(Ok(()));
        board.set_state(WatchState::InStep);
        assert_eq!(board.status(Reader::Local).state, WatchState::InStep);
        board.set_decision(Some(pending()));
        let status = board.status(Reader::Local);
        assert_eq!((status.state, status.ready), (WatchState::NeedsApproval, true));
        board.health().set_ready_for(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        let status = board.status(Reader::Local);
        assert_eq!((status.state, status.ready), (WatchState::Stale, false));
        assert_eq!(WatchState::from(NotReady::Stale), WatchState::Stale);
    }

    #[test]
    fn only_the_newest_readings_and_changes_are_kept() {
        let board = board();
        let at = |number: usize| Timestamp::from_millis(i64::try_from(number).expect("few"));
        for number in 0..MOST_READINGS + 5 {
            board.note_reading(ReadCounts { at: at(number), members: number, accounts: 1 });
            let changes = ChangeCounts {
                time: at(number),
                activated: 0,
                disabled: 1,
                created: 0,
                deactivated: 0,
                admin_changes: 0,
                not_done: 0,
            };
            board.note_changes(changes);
        }
        let status = board.status(Reader::Anyone);
        assert_eq!((board.readings().len(), board.readings()[0].members), (MOST_READINGS, 5));
        assert_eq!((status.changes.len(), status.changes[0].time), (20, at(MOST_READINGS + 4)));
    }
}
