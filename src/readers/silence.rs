//! Decides when a server that does not answer is given up during the second look.
//!
//! A proxy may hang for a single account, and that account alone is skipped. A server that hangs
//! altogether is recognised by several silences with no answer in between.

use super::ReadError;
use crate::http::{HttpError, HttpErrorKind};

/// The silences in a row after which a server is given up. As many requests as this wait at the
/// same time.
const MOST_IN_A_ROW: usize = 3;
/// The silences in all after which a server is given up: each takes one of eight places for a
/// minute.
const MOST_IN_ALL: usize = 24;

/// The silences so far.
#[derive(Debug, Default)]
pub(super) struct Silences {
    in_a_row: usize,
    in_all: usize,
}

impl Silences {
    /// Counts how a request ended. Every answer, an error too, ends the row. A request that was not
    /// sent because another got no token ended like that one.
    pub(super) fn note<T>(&mut self, answer: &Result<T, ReadError>) {
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

    /// Returns whether the server is given up.
    pub(super) fn are_too_many(&self) -> bool {
        self.in_a_row >= MOST_IN_A_ROW || self.in_all >= MOST_IN_ALL
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
        let refused = reqwest::Client::new()
            .get("http://127.0.0.1:9/")
            .send()
            .await
            .expect_err("no listener");
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
