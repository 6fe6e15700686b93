//! Waiting for what a job of MAS will bring.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Outcome;

/// How long a job of MAS may take to arrive.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// What is seen once it is what was wanted, or what it still is when that should long have been so.
pub(crate) async fn eventually<T, U: ?Sized>(wanted: &U, see: impl AsyncFn() -> Outcome<T>) -> Outcome<T>
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
