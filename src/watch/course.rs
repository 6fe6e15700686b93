//! Decides what comes next, and when: everything that happens to `watch` goes in, and what to do
//! about it comes out. Nothing is done here, and nothing is read but the clock.

use std::time::Duration;

use tokio::time::Instant;

use super::after_run::{Effect, Ended, INTERVALS_READY, Standing, Step, When};
use crate::config::WatchConfig;
use crate::metrics::RunKind;
use crate::watch::{Due, Schedule};

/// While a plan waits for an approval, events lead to full runs, at most this often.
const WHILE_REFUSED: Duration = Duration::from_mins(1);

/// Something that has happened.
#[derive(Debug)]
pub(super) enum Happened {
    /// A run ended.
    RunEnded(RunKind, Ended),
    /// A partial reading begins, so it is due again after its interval.
    Begun(Due),
    /// What a partial reading needs cannot be read now.
    Unreadable { due: Due, pause: Duration },
    /// Changes were missed, or there are too many to read one by one.
    TooMuchChanged,
    /// Some users have changed while a refused plan waits for an approval.
    ChangedWhileRefused,
    /// The configuration was read again.
    Reloaded(WatchConfig),
    /// Another state file was opened: what was read since the last run says too little.
    StateReplaced,
}

/// When to read what, and what earlier runs came to.
#[derive(Debug)]
pub(super) struct Course {
    config: WatchConfig,
    schedule: Schedule,
    standing: Standing,
}

impl Course {
    /// Begins with a full run at once.
    pub(super) fn new(config: &WatchConfig) -> Self {
        Self {
            config: config.clone(),
            schedule: Schedule::new(config),
            standing: Standing::new(config.interval),
        }
    }

    /// Returns what comes next, and when: a full run, or one of the partial readings that make sense
    /// now.
    pub(super) fn next(&self, partial: &[Due]) -> (Instant, Due) {
        self.schedule.next(partial)
    }

    /// Returns how long it is until the next full run.
    pub(super) fn full_run_in(&self) -> Duration {
        self.schedule.full_run_in()
    }

    /// Returns whether a refused plan waits for an approval. It must not be carried out piece by
    /// piece.
    pub(super) fn is_refused(&self) -> bool {
        self.standing.is_refused()
    }

    /// Takes in what has happened, and returns what to do about it.
    pub(super) fn after(&mut self, happened: Happened) -> Vec<Effect> {
        match happened {
            Happened::RunEnded(kind, ended) => return self.after_run(kind, ended),
            Happened::Begun(Due::Everything) => {}
            Happened::Begun(Due::Events) => self.schedule.events_are_read(),
            Happened::Begun(Due::Members) => self.schedule.members_are_read(),
            Happened::Begun(Due::Accounts) => self.schedule.accounts_are_read(),
            Happened::Unreadable { due, pause } => match due {
                Due::Events => self.schedule.events_after(pause),
                Due::Accounts => self.schedule.accounts_after(pause),
                // A failure to read the lists is the end of a run.
                Due::Everything | Due::Members => {}
            },
            Happened::TooMuchChanged => self.schedule.everything_soon(),
            Happened::ChangedWhileRefused => self.schedule.everything_within(WHILE_REFUSED),
            Happened::Reloaded(config) => {
                self.standing.reload(config.interval);
                self.schedule = Schedule::new(&config);
                self.config = config;
                let ready_for = self.config.interval * INTERVALS_READY;
                return vec![Effect::ReadyFor(ready_for), Effect::ForgetEverything];
            }
            Happened::StateReplaced => {
                self.schedule = Schedule::new(&self.config);
                return vec![Effect::ForgetEverything];
            }
        }
        Vec::new()
    }

    fn after_run(&mut self, kind: RunKind, ended: Ended) -> Vec<Effect> {
        let mut effects = Vec::new();
        for step in self.standing.ended(kind, ended) {
            match step {
                Step::FullRun(When::Soon) => self.schedule.everything_soon(),
                Step::FullRun(When::Regular) => self.schedule.everything_is_done(),
                Step::FullRun(When::After(pause)) => self.schedule.everything_after(pause),
                Step::FullRun(When::Within(pause)) => self.schedule.everything_within(pause),
                Step::Effect(effect) => effects.push(effect),
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests;
