//! Retries requests, as long as that is harmless and may help.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tracing::info;

use super::error::HttpError;

/// How long to retry with a busy server. A hang is never waited for twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A reading can also start again later.
    Reading,
    /// A change that was started should be completed.
    Writing,
    /// No one waits for it for long.
    Notifying,
}

impl Patience {
    /// Returns the number of retries: about a second in all for reading, more than half a minute
    /// for writing.
    fn more_tries(self) -> usize {
        match self {
            Self::Notifying => 1,
            Self::Reading => 2,
            Self::Writing => 7,
        }
    }

    /// Returns the longest wait that a server may ask for.
    fn longest_wait(self) -> Duration {
        match self {
            Self::Notifying => Duration::from_secs(5),
            Self::Reading | Self::Writing => Duration::from_secs(30),
        }
    }
}

/// Retries if that is harmless and may help: a few times with a busy server, after the wait it asks
/// for, and once after no connection or no progress. So a hang ends within 90 s, and a trickle
/// within 11 minutes.
pub(super) async fn persistently<T, F, Fut>(patience: Patience, request: F) -> Result<T, HttpError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, HttpError>>,
{
    let mut silent = 0;
    let in_doubt = AtomicBool::new(false);
    let answer = request
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(300))
                .with_max_delay(Duration::from_secs(10))
                .with_max_times(patience.more_tries())
                .with_jitter(),
        )
        .when(|error| {
            in_doubt.fetch_or(error.may_be_carried_out(), Ordering::Relaxed);
            silent += u32::from(error.kind.any_status().is_none());
            error.may_pass() && silent < 2
        })
        .adjust(|error, pause| match error.kind.retry_after() {
            Some(wait) if wait > patience.longest_wait() => None,
            Some(wait) => pause.map(|pause| pause.max(wait)),
            None => pause,
        })
        .notify(|error, pause| {
            info!("{error}; trying again in {} ms", pause.as_millis());
        })
        .await;
    answer.map_err(|error| HttpError { tried_in_doubt: in_doubt.load(Ordering::Relaxed), ..error })
}
