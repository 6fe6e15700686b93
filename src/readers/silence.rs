//! Decides when a server that does not answer is given up during the second look.
//!
//! A proxy may hang for a single account, and that account alone is skipped. A server that hangs
//! altogether is recognised by several silences with no answer in between, and one that has only errors
//! by how long that lasts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::ReadError;
use crate::http::{HttpError, HttpErrorKind};

/// The silences in a row after which a server is given up. As many requests as this wait at the
/// same time.
const MOST_IN_A_ROW: usize = 3;
/// The silences in all after which a server is given up: each takes one of eight places for a
/// minute.
const MOST_IN_ALL: usize = 24;
/// How long all requests may fail. Each is repeated, and the lock is held meanwhile.
const LONGEST_FAILURE: Duration = Duration::from_mins(5);

/// Whether the accounts that are left are not asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    No,
    /// A server does not answer.
    Silent,
    /// Every answer is an error. The other servers may be well.
    Failing,
}

impl GivenUp {
    /// Returns the same, unless everything was asked already.
    pub(super) fn unless_all(self, started: &AtomicUsize, count: usize) -> Self {
        if started.load(Ordering::Relaxed) < count { self } else { Self::No }
    }
}

/// The silences so far.
#[derive(Debug, Default)]
pub(super) struct Silences {
    in_a_row: usize,
    in_all: usize,
    /// All requests that failed.
    failed: usize,
    /// Since when no request has succeeded.
    failing_since: Option<Instant>,
}

impl Silences {
    /// Counts how a request ended. Every answer, an error too, ends the row. A request that was not
    /// sent because another got no token ended like that one.
    pub(super) fn note<T>(&mut self, answer: &Result<T, ReadError>) {
        if answer.is_ok() {
            self.failing_since = None;
        } else {
            self.failed += 1;
            self.failing_since.get_or_insert_with(Instant::now);
        }
        match answer {
            Err(error) if is_silence(error) => {
                self.in_a_row += 1;
                self.in_all += 1;
            }
            Err(error) if is_without_token(error) => {
                self.in_a_row += usize::from(self.in_a_row > 0);
            }
            _ => self.in_a_row = 0,
        }
    }

    /// Returns how many requests have failed.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// Returns whether the server is given up because it is silent.
    pub(super) fn are_too_many(&self) -> bool {
        self.in_a_row >= MOST_IN_A_ROW || self.in_all >= MOST_IN_ALL
    }

    /// Returns whether every request has failed for so long that the others would fail too.
    pub(super) fn last_too_long(&self) -> bool {
        self.failing_since.is_some_and(|since| since.elapsed() > LONGEST_FAILURE)
    }

    /// Returns whether no other request is worth its time, and why.
    pub(super) fn give_up(&self) -> GivenUp {
        if self.are_too_many() {
            GivenUp::Silent
        } else if self.last_too_long() {
            GivenUp::Failing
        } else {
            GivenUp::No
        }
    }
}

/// Returns whether a server said nothing at all.
pub(super) fn is_silence(error: &ReadError) -> bool {
    matches!(error, ReadError::Http(error) if error.is_silence())
}

fn is_without_token(error: &ReadError) -> bool {
    matches!(error, ReadError::Http(HttpError { kind: HttpErrorKind::NoTokenEither { .. }, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Purpose;
    use crate::model::Server;

    async fn silence() -> Result<(), ReadError> {
        // Port 9 of this machine has no listener.
        let client = reqwest::Client::builder().no_proxy().build().expect("no certificate");
        let request = client.get("http://127.0.0.1:9/").send();
        let refused = request.await.expect_err("no listener");
        failed(HttpErrorKind::Connect(refused.into()))
    }

    fn failed(kind: HttpErrorKind) -> Result<(), ReadError> {
        Err(HttpError::new(
            Server::Synapse,
            Purpose::Data,
            "GET",
            "https://matrix.example.org/x",
            kind,
        )
        .into())
    }

    /// Returns after how many requests the server is given up: `.` is an answer, `e` an error that
    /// the server sent, `-` a silence, `t` a request that was not sent because there was no token.
    async fn given_up_after(ends: &str) -> Option<usize> {
        let mut silences = Silences::default();
        for (at, end) in ends.chars().enumerate() {
            silences.note(&match end {
                '-' => silence().await,
                't' => failed(HttpErrorKind::NoTokenEither { why: String::new() }),
                'e' => Err(ReadError::AccountGone {
                    server: Server::Synapse,
                    user_id: crate::model::Localpart::from("dave").on(&"example.org".into()),
                }),
                _ => Ok(()),
            });
            if silences.are_too_many() {
                return Some(at + 1);
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn server_is_given_up_if_every_request_fails_for_five_minutes() {
        let mut silences = Silences::default();
        let mut note = |answer, later| {
            silences.note(&answer);
            (silences.give_up(), tokio::time::advance(Duration::from_secs(later)))
        };
        let error = || failed(HttpErrorKind::MissingPage);
        for (answer, later, expected) in [
            (error(), 299, GivenUp::No),
            (error(), 1, GivenUp::No),
            (Ok(()), 1, GivenUp::No),
            (error(), 301, GivenUp::No),
            (error(), 0, GivenUp::Failing),
        ] {
            let (given_up, pause) = note(answer, later);
            assert_eq!(given_up, expected);
            pause.await;
        }
    }

    #[tokio::test]
    async fn server_is_given_up_after_several_silences_in_a_row() {
        for (ends, expected) in [
            ("", None),
            ("-", None),
            ("--.--.--e--", None),
            ("---", Some(3)),
            ("tttt", None),
            ("-tt", Some(3)),
            ("-.tt", None),
            ("..-.---....", Some(7)),
        ] {
            assert_eq!(given_up_after(ends).await, expected, "{ends}");
        }
        assert_eq!(
            given_up_after(&"-.".repeat(100)).await,
            Some(2 * MOST_IN_ALL - 1),
            "each is waited for"
        );
    }
}
