//! Shows the progress of long work on stderr, only on a terminal and after the first second.

use std::fmt;
use std::io::IsTerminal;
use std::pin::pin;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::apply::ApplyTallies;
use crate::readers::{Tallies, Tally};

/// Shorter work shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time between two updates.
const TICK: Duration = Duration::from_millis(100);

/// Shows progress.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows progress if stderr is a terminal.
    #[must_use]
    pub fn on_terminal() -> Self {
        Self { shown: std::io::stderr().is_terminal() }
    }

    /// Shows nothing.
    #[must_use]
    pub fn hidden() -> Self {
        Self { shown: false }
    }

    /// Shows progress while both sides are read.
    pub async fn reading<T>(self, tallies: &Tallies, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let told = || {
            let took = begun.elapsed();
            format!(
                "reading: {}, {}",
                pace(&tallies.members, "members", took),
                pace(&tallies.accounts, "accounts", took)
            )
        };
        self.during(None, || 0, told, work).await
    }

    /// Shows progress during the second look.
    pub async fn rechecking<T>(self, tally: &Tally, of: usize, work: impl Future<Output = T>) -> T {
        self.during(Some(of), || tally.count(), || "rechecking accounts".to_owned(), work).await
    }

    /// Shows progress while a plan is applied and confirmed.
    pub async fn applying<T>(
        self,
        tallies: &ApplyTallies,
        of: usize,
        work: impl Future<Output = T>,
    ) -> T {
        let (tried, confirmed) = (&tallies.tried, &tallies.confirmed);
        let told = || {
            if tried.count() < of {
                "applying".to_owned()
            } else {
                "waiting for Synapse".to_owned()
            }
        };
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

/// Returns how many were read, and how fast. If the server reports a total, which Keycloak does for
/// no group, it adds the time left.
#[expect(clippy::cast_precision_loss, reason = "three digits are enough to read")]
fn pace(tally: &Tally, what: &str, took: Duration) -> String {
    let count = tally.count();
    let rate = (count as f64 / took.as_secs_f64().max(0.001)).max(1.0);
    let a_second = whole(rate);
    let so_far = HumanCount(count as u64);
    match tally.expected().and_then(|expected| Some((expected, expected.checked_sub(count)?))) {
        Some((expected, left)) => {
            let left = HumanDuration(Duration::from_secs_f64((left as f64 / rate).ceil()));
            format!("{so_far}/{} {what} ({a_second}/s, {left:#} left)", HumanCount(expected as u64))
        }
        None => format!("{so_far} {what} ({a_second}/s)"),
    }
}

/// Returns a rate as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive, and a whole number is enough to read"
)]
fn whole(rate: f64) -> HumanCount {
    HumanCount(rate as u64)
}

fn bar(of: Option<usize>) -> ProgressBar {
    // Even a million accounts fit 80 columns.
    let template = match of {
        None => "{spinner} {msg}",
        Some(_) => "{spinner} {msg} {bar:10} {human_pos}/{human_len} ({rate}, {eta} left)",
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
        let _ = write!(text, "{}/s", whole(state.per_sec()));
    });
    let bar = of.map_or_else(ProgressBar::new_spinner, |length| ProgressBar::new(length as u64));
    bar.with_style(style)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal that keeps what is drawn.
    #[derive(Debug, Clone, Default)]
    struct Drawn(Arc<Mutex<String>>);

    impl TermLike for Drawn {
        fn width(&self) -> u16 {
            200
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("no panic").push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("\n")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn progress_of_a_million_accounts_fits_80_columns_and_has_whole_numbers() {
        for message in ["rechecking accounts", "applying", "waiting for Synapse"] {
            let drawn = Drawn::default();
            let bar = bar(Some(1_000_000));
            bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(drawn.clone())));
            bar.set_message(message);
            bar.set_position(900_000);
            bar.tick();
            let text = drawn.0.lock().expect("no panic").clone();
            assert!(text.contains("900,000/1,000,000 (") && text.contains("/s, "), "{text}");
            assert!(!text.contains('.'), "{text}");
            assert!(text.lines().all(|line| line.trim_end().chars().count() < 80), "{text}");
        }
    }

    #[test]
    fn reading_tells_its_rate_and_the_time_left_where_the_server_tells_how_many_there_are() {
        let (tally, took) = (Tally::default(), Duration::from_secs(2));
        tally.add(6800);
        assert_eq!(pace(&tally, "members", took), "6,800 members (3,400/s)");
        let tally = Tally::default();
        tally.expect(100_000);
        tally.add(24_000);
        assert_eq!(pace(&tally, "accounts", took), "24,000/100,000 accounts (12,000/s, 7s left)");
    }

    #[test]
    fn a_list_that_is_read_again_or_grows_takes_nothing_from_the_rest() {
        let tally = Tally::default();
        tally.expect(10);
        tally.add(10);
        tally.expect(20);
        assert_eq!((tally.count(), tally.expected()), (10, Some(30)));
        tally.add(21);
        assert_eq!(pace(&tally, "accounts", Duration::from_secs(1)), "31 accounts (31/s)");
    }
}
