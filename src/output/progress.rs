//! Progress of long work, on stderr and only on a terminal, once the work has taken a second.

use std::io::IsTerminal;
use std::pin::pin;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::readers::{Tallies, Tally};
use crate::run::ApplyTallies;

/// Work that is done before this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at how far the work has come.
const TICK: Duration = Duration::from_millis(100);

/// Shows how far work has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shown on a terminal unless the user wants quiet.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { shown: !quiet && std::io::stderr().is_terminal() }
    }

    /// While both sides are read.
    pub async fn reading<T>(self, tallies: &Tallies, work: impl Future<Output = T>) -> T {
        let count = |tally: &Tally| HumanCount(tally.count() as u64);
        let told = || format!("reading: {} members, {} accounts", count(&tallies.members), count(&tallies.accounts));
        self.during(None, || 0, told, work).await
    }

    /// While people are looked at a second time.
    pub async fn looking<T>(self, tally: &Tally, of: usize, work: impl Future<Output = T>) -> T {
        self.during(Some(of), || tally.count(), || "looking at people".to_owned(), work).await
    }

    /// While a plan is applied and confirmed.
    pub async fn applying<T>(self, tallies: &ApplyTallies, of: usize, work: impl Future<Output = T>) -> T {
        let (tried, confirmed) = (&tallies.tried, &tallies.confirmed);
        let told =
            || if tried.count() < of { "applying".to_owned() } else { "waiting for Synapse to show it".to_owned() };
        let done = || if tried.count() < of { tried.count() } else { confirmed.count() };
        self.during(Some(of), done, told, work).await
    }

    async fn during<T>(
        self,
        of: Option<usize>,
        done: impl Fn() -> usize,
        told: impl Fn() -> String,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        if !self.shown {
            return work.await;
        }
        tokio::select! {
            result = &mut work => return result,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let bar = bar(of);
        let result = loop {
            bar.set_message(told());
            bar.set_position(done() as u64);
            tokio::select! {
                result = &mut work => break result,
                () = tokio::time::sleep(TICK) => bar.tick(),
            }
        };
        bar.finish_and_clear();
        result
    }
}

fn bar(of: Option<usize>) -> ProgressBar {
    let template = match of {
        None => "{spinner} {msg} ({elapsed})",
        Some(_) => "{spinner} {msg} {bar:24} {human_pos}/{human_len} ({per_sec}, {eta} left)",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = of.map_or_else(ProgressBar::new_spinner, |length| ProgressBar::new(length as u64));
    bar.with_style(style)
}
