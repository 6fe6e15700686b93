//! Stops the changes if the writer fails again and again.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Stop;
use crate::plan::{FailureKind, Outcome};

/// Whether the writer has answered an action, even with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answering {
    Yes,
    /// It said nothing, or stayed busy for as long as a request is repeated.
    No,
}

/// The silences in a row, over all kinds of actions.
#[derive(Debug, Default)]
pub(super) struct Silences {
    in_a_row: AtomicUsize,
}

/// Lets no action of one kind begin once the writer has failed too often in a row. Failures of single
/// accounts show that it works.
pub(super) struct Breaker<'s> {
    limit: usize,
    failures_in_a_row: AtomicUsize,
    silences: &'s Silences,
}

impl<'s> Breaker<'s> {
    pub(super) fn new(limit: usize, silences: &'s Silences) -> Self {
        Self { limit, failures_in_a_row: AtomicUsize::new(0), silences }
    }

    pub(super) async fn guard(
        &self,
        stop: &Stop,
        attempt: impl AsyncFnOnce() -> (Outcome, Answering),
    ) -> Outcome {
        if stop.is_requested() {
            return Outcome::Skipped("not tried: the run was stopped".to_owned());
        }
        if self.failures_in_a_row.load(Ordering::Relaxed) >= self.limit {
            return Outcome::Skipped(format!(
                "not tried: the writer had failed {} times in a row",
                self.limit
            ));
        }
        // Each takes as long as a request may.
        if self.silences.in_a_row.load(Ordering::Relaxed) >= self.limit {
            return Outcome::Skipped(format!(
                "not tried: the writer had not answered, or stayed busy, {} times in a row",
                self.limit
            ));
        }
        let (outcome, answering) = attempt().await;
        count(&self.silences.in_a_row, answering == Answering::No);
        let is_of_writer = matches!(outcome, Outcome::Failed { kind: FailureKind::Writer, .. });
        count(&self.failures_in_a_row, is_of_writer);
        outcome
    }
}

/// Adds one more in a row, or ends the row.
fn count(in_a_row: &AtomicUsize, is_one_more: bool) {
    if is_one_more {
        in_a_row.fetch_add(1, Ordering::Relaxed);
    } else {
        in_a_row.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Left;

    /// What becomes of attempts that would end like this, one after the other, if the breaker opens
    /// after two failures: `.` done, `w` failed for the writer, `a` failed for the account, `-` not
    /// tried.
    async fn tried(ends: &str) -> String {
        let (silences, stop) = (Silences::default(), Stop::default());
        let breaker = Breaker::new(2, &silences);
        let mut tried = String::new();
        for end in ends.chars() {
            let failed = |kind| Outcome::Failed {
                why: String::new(),
                hint: String::new(),
                kind,
                left: Left::Untouched,
            };
            let outcome = match end {
                'w' => failed(FailureKind::Writer),
                'a' => failed(FailureKind::Account),
                _ => Outcome::Done,
            };
            let attempt = async || (outcome, Answering::Yes);
            let was_skipped = matches!(breaker.guard(&stop, attempt).await, Outcome::Skipped(_));
            tried.push(if was_skipped { '-' } else { end });
        }
        tried
    }

    #[tokio::test]
    async fn breaker_opens_for_good_after_failures_of_the_writer_in_a_row() {
        for (ends, expected) in [
            ("....", "...."),
            ("ww..a", "ww---"),
            ("w.w.w.", "w.w.w."),
            ("w.ww.", "w.ww-"),
            ("waw.", "waw."),
            ("aaaa.", "aaaa."),
            ("aawaww.", "aawaww-"),
        ] {
            assert_eq!(tried(ends).await, expected, "{ends}");
        }
    }

    #[tokio::test]
    async fn writer_that_does_not_answer_is_given_up_for_every_kind_of_action() {
        let (silences, stop) = (Silences::default(), Stop::default());
        let tried = async |answering| {
            let breaker = Breaker::new(3, &silences);
            let outcome = breaker.guard(&stop, async || (Outcome::Done, answering)).await;
            !matches!(outcome, Outcome::Skipped(_))
        };
        for answering in [Answering::No, Answering::No, Answering::Yes, Answering::No] {
            assert!(tried(answering).await);
        }
        assert!(tried(Answering::No).await && tried(Answering::No).await);
        assert!(!tried(Answering::Yes).await, "three silences in a row");
    }
}
