//! When to look next. Full runs come with jitter, so that many of us do not ask one Keycloak at the same moment, and again
//! later and later while something is wrong.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::config::WatchConfig;

/// The first pause after something has gone wrong.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A full run.
    Everything,
    /// A look at Keycloak's admin events.
    Events,
    /// The member list alone.
    Members,
}

/// The times of what comes next.
#[derive(Debug, Clone)]
pub struct Schedule {
    config: WatchConfig,
    everything: Instant,
    events: Instant,
    members: Instant,
}

impl Schedule {
    /// A full run at once, the rest after it.
    #[must_use]
    pub fn new(config: &WatchConfig) -> Self {
        let now = Instant::now();
        Self { config: config.clone(), everything: now, events: now, members: now }
    }

    /// What comes next, and when. A full run shows whatever the others would. Looks come only once there is something to
    /// compare with.
    #[must_use]
    pub fn next(&self, can_look: bool, events: bool, members: bool) -> (Instant, Due) {
        let events = (can_look && events && self.config.events_every.is_some()).then_some((self.events, Due::Events));
        let members =
            (can_look && members && self.config.members_every.is_some()).then_some((self.members, Due::Members));
        let looks = [events, members].into_iter().flatten();
        looks.fold((self.everything, Due::Everything), |first, look| if look.0 < first.0 { look } else { first })
    }

    /// A full run as soon as possible.
    pub fn everything_now(&mut self) {
        self.everything = Instant::now();
    }

    /// A full run after this pause, unless one comes sooner anyway.
    pub fn everything_within(&mut self, pause: Duration) {
        self.everything = self.everything.min(Instant::now() + pause);
    }

    /// The next full run after one that went well.
    pub fn everything_is_done(&mut self) {
        self.everything_after(jittered(self.config.interval));
        self.members_are_read();
        self.events_are_read();
    }

    /// The next full run after a pause.
    pub fn everything_after(&mut self, pause: Duration) {
        self.everything = Instant::now() + pause;
    }

    /// The next look at the events.
    pub fn events_are_read(&mut self) {
        self.events_after(self.config.events_every.unwrap_or_default());
    }

    /// The next look at the events after a pause.
    pub fn events_after(&mut self, pause: Duration) {
        self.events = Instant::now() + pause;
    }

    /// The next reading of the members alone.
    pub fn members_are_read(&mut self) {
        self.members = Instant::now() + self.config.members_every.unwrap_or_default();
    }
}

/// A tenth more or less.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Pauses that grow while something stays wrong.
#[derive(Debug, Default)]
pub struct Backoff(Option<ExponentialBackoff>);

impl Backoff {
    /// The next pause; none is longer than `most`.
    pub fn pause(&mut self, most: Duration) -> Duration {
        let builder = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_jitter().without_max_times();
        let pauses = self.0.get_or_insert_with(|| builder.with_max_delay(most.max(FIRST_PAUSE)).build());
        pauses.next().unwrap_or(most).min(most)
    }

    /// Something has gone well: the next time begins with the shortest pause.
    pub fn reset(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        let mut schedule = Schedule::new(&WatchConfig::default());
        schedule.everything_is_done();
        schedule
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_thing_is_a_full_run() {
        let schedule = Schedule::new(&WatchConfig::default());
        assert_eq!(schedule.next(false, true, true), (Instant::now(), Due::Everything));
    }

    #[tokio::test(start_paused = true)]
    async fn between_full_runs_events_come_before_the_member_list() {
        let schedule = schedule();
        let seconds = |due: (Instant, Due)| (due.0.duration_since(Instant::now()).as_secs(), due.1);
        assert_eq!(seconds(schedule.next(true, true, true)), (5, Due::Events));
        assert_eq!(seconds(schedule.next(true, false, true)), (60, Due::Members));
        assert_eq!(schedule.next(true, false, false).1, Due::Everything);
        assert_eq!(schedule.next(false, true, true).1, Due::Everything);
    }

    #[tokio::test(start_paused = true)]
    async fn full_runs_are_a_tenth_apart_from_their_interval_at_most() {
        for _ in 0..100 {
            let (at, _) = schedule().next(false, false, false);
            let pause = at.duration_since(Instant::now());
            assert!((Duration::from_secs(810)..=Duration::from_secs(990)).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn pauses_grow_up_to_the_most_and_begin_anew_once_it_goes_well() {
        let mut backoff = Backoff::default();
        let most = Duration::from_mins(1);
        let pauses: Vec<_> = (0..10).map(|_| backoff.pause(most)).collect();
        assert!(pauses[0] >= FIRST_PAUSE && pauses[0] <= 2 * FIRST_PAUSE, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= most) && pauses[9] == most, "{pauses:?}");
        backoff.reset();
        assert!(backoff.pause(most) <= 2 * FIRST_PAUSE);
    }
}
