//! Schedules the next reading. Full runs have jitter, so that many instances do not ask one
//! Keycloak at the same moment, and growing pauses after failures.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::config::WatchConfig;

/// The pause before a full run because of events: a script that moves groups would otherwise cause
/// one after another.
const BREATH: Duration = Duration::from_secs(10);
/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A full run.
    Everything,
    /// Keycloak's admin events.
    Events,
    /// The member list alone.
    Members,
    /// The accounts registered since the last reading.
    Accounts,
}

/// The times of the next readings.
#[derive(Debug, Clone)]
pub struct Schedule {
    config: WatchConfig,
    everything: Instant,
    /// When the last full run ended.
    last: Option<Instant>,
    events: Instant,
    members: Instant,
    accounts: Instant,
}

impl Schedule {
    /// Creates a schedule with a full run at once.
    #[must_use]
    pub fn new(config: &WatchConfig) -> Self {
        let now = Instant::now();
        Self {
            config: config.clone(),
            everything: now,
            last: None,
            events: now,
            members: now,
            accounts: now,
        }
    }

    /// Returns what comes next, and when: a full run, which replaces all others, or one of the
    /// partial readings that make sense now.
    #[must_use]
    pub fn next(&self, partial: &[Due]) -> (Instant, Due) {
        let mut first = (self.everything, Due::Everything);
        for due in [Due::Events, Due::Members, Due::Accounts] {
            if partial.contains(&due)
                && let Some(at) = self.partial_at(due)
                && at < first.0
            {
                first = (at, due);
            }
        }
        first
    }

    /// Returns how long it is until the next full run.
    #[must_use]
    pub fn full_run_in(&self) -> Duration {
        self.everything.saturating_duration_since(Instant::now())
    }

    /// Returns when a partial reading is due, unless the configuration has switched it off.
    fn partial_at(&self, due: Due) -> Option<Instant> {
        let (every, at) = match due {
            Due::Everything => return None,
            Due::Events => (self.config.events_every, self.events),
            Due::Members => (self.config.members_every, self.members),
            Due::Accounts => (self.config.accounts_every, self.accounts),
        };
        every.map(|_| at)
    }

    /// Schedules a full run as soon as possible.
    pub fn everything_soon(&mut self) {
        let now = Instant::now();
        self.everything =
            self.last.map_or(now, |last| now.max(last + BREATH)).min(self.everything.max(now));
    }

    /// Schedules a full run after this pause, unless one comes sooner anyway.
    pub fn everything_within(&mut self, pause: Duration) {
        self.everything = self.everything.min(Instant::now() + pause);
    }

    /// Schedules the next full run after a successful one.
    pub fn everything_is_done(&mut self) {
        self.everything_after(jittered(self.config.interval));
    }

    /// Schedules the next full run this long after one that just ended, which also replaces the
    /// other readings.
    pub fn everything_after(&mut self, pause: Duration) {
        let now = Instant::now();
        (self.everything, self.last) = (now + pause, Some(now));
        self.members_are_read();
        self.events_are_read();
        self.accounts_are_read();
    }

    /// Schedules the next reading of the events.
    pub fn events_are_read(&mut self) {
        self.events_after(self.config.events_every.unwrap_or_default());
    }

    /// Schedules the next reading of the events after a pause.
    pub fn events_after(&mut self, pause: Duration) {
        self.events = Instant::now() + pause;
    }

    /// Schedules the next reading of the members alone.
    pub fn members_are_read(&mut self) {
        self.members = Instant::now() + self.config.members_every.unwrap_or_default();
    }

    /// Schedules the next reading of the newest accounts.
    pub fn accounts_are_read(&mut self) {
        self.accounts_after(self.config.accounts_every.unwrap_or_default());
    }

    /// Schedules the next reading of the newest accounts after a pause.
    pub fn accounts_after(&mut self, pause: Duration) {
        self.accounts = Instant::now() + pause;
    }
}

/// Returns the interval, a tenth more or less.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Pauses that grow with each failure in a row.
#[derive(Debug, Default)]
pub struct Backoff(Option<ExponentialBackoff>);

impl Backoff {
    /// Returns the next pause, at most `most`.
    pub fn pause(&mut self, most: Duration) -> Duration {
        let builder = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_jitter()
            .without_max_times();
        let pauses =
            self.0.get_or_insert_with(|| builder.with_max_delay(most.max(FIRST_PAUSE)).build());
        pauses.next().unwrap_or(most).min(most)
    }

    /// Starts again with the shortest pause, after a success.
    pub fn reset(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTIAL: [Due; 3] = [Due::Events, Due::Members, Due::Accounts];

    fn schedule() -> Schedule {
        let mut schedule = Schedule::new(&WatchConfig::default());
        schedule.everything_is_done();
        schedule
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_thing_is_a_full_run() {
        let schedule = Schedule::new(&WatchConfig::default());
        assert_eq!(schedule.next(&PARTIAL), (Instant::now(), Due::Everything));
    }

    #[tokio::test(start_paused = true)]
    async fn between_full_runs_events_come_before_accounts_and_the_member_list() {
        let mut schedule = schedule();
        let seconds = |due: (Instant, Due)| (due.0.duration_since(Instant::now()).as_secs(), due.1);
        assert_eq!(seconds(schedule.next(&PARTIAL)), (5, Due::Events));
        assert_eq!(seconds(schedule.next(&PARTIAL[1..])), (10, Due::Accounts));
        schedule.accounts_after(Duration::from_mins(2));
        assert_eq!(seconds(schedule.next(&PARTIAL[1..])), (60, Due::Members));
        assert_eq!(seconds(schedule.next(&[Due::Accounts])), (120, Due::Accounts));
        assert_eq!(schedule.next(&[]).1, Due::Everything);
        let off = WatchConfig { accounts_every: None, ..WatchConfig::default() };
        assert_eq!(Schedule { config: off, ..schedule }.next(&[Due::Accounts]).1, Due::Everything);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_run_that_events_ask_for_comes_soon_and_not_at_once_after_another() {
        let mut schedule = schedule();
        let due_in = |schedule: &Schedule| schedule.next(&[]).0.duration_since(Instant::now());
        schedule.everything_soon();
        assert_eq!(due_in(&schedule), BREATH);
        tokio::time::advance(Duration::from_mins(1)).await;
        schedule.everything_soon();
        assert_eq!(due_in(&schedule), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_run_that_has_to_be_repeated_waits_its_time() {
        let mut schedule = Schedule::new(&WatchConfig::default());
        schedule.everything_after(Duration::from_secs(7));
        assert_eq!(schedule.next(&[]).0.duration_since(Instant::now()), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn full_runs_are_a_tenth_apart_from_their_interval_at_most() {
        for _ in 0..100 {
            let (at, _) = schedule().next(&[]);
            let pause = at.duration_since(Instant::now());
            assert!(
                (Duration::from_secs(810)..=Duration::from_secs(990)).contains(&pause),
                "{pause:?}"
            );
        }
    }

    #[test]
    fn pauses_grow_up_to_the_maximum_and_start_again_after_a_success() {
        let mut backoff = Backoff::default();
        let most = Duration::from_mins(1);
        let pauses: Vec<_> = (0..10).map(|_| backoff.pause(most)).collect();
        assert!(pauses[0] >= FIRST_PAUSE && pauses[0] <= 2 * FIRST_PAUSE, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= most) && pauses[9] == most, "{pauses:?}");
        backoff.reset();
        assert!(backoff.pause(most) <= 2 * FIRST_PAUSE);
    }
}
