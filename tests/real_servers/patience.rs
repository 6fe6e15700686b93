//! Waiting for jobs of MAS.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Outcome;

/// How long a job of MAS may take.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// Returns what was seen once it is what was wanted, or what it still is after the time limit.
pub(crate) async fn eventually<T, U: ?Sized>(
    wanted: &U,
    see: impl AsyncFn() -> Outcome<T>,
) -> Outcome<T>
where
    T: PartialEq<U>,
{
    let began = Instant::now();
    loop {
        let seen = see().await?;
        if seen == *wanted || began.elapsed() > SETTLES_WITHIN {
            return Ok(seen);
        }
        sleep(Duration::from_millis(50)).await;
    }
}
