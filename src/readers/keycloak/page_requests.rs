//! Requests the pages of a list by offset: the next one, and those that probably follow it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::stream::FuturesOrdered;
use futures_util::{StreamExt, poll};

/// Rows that two pages share. If more than this many users leave between two requests, a page has
/// to be requested again.
pub(super) const OVERLAP: usize = 50;

/// A page of the list: the first row, and the maximum number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRange {
    pub(super) first: usize,
    pub(super) max: usize,
}

impl PageRange {
    /// Returns the page that continues this one, if this one is full.
    fn following(self, max: usize) -> Self {
        Self { first: self.first + self.max - overlap_with(self.max), max }
    }
}

/// Returns how many rows the page after one of this length shares with it.
pub(super) fn overlap_with(length: usize) -> usize {
    OVERLAP.min(length / 2).max(1)
}

/// The server's answer to the request for a page.
pub(super) struct PageAnswer<A, E> {
    pub(super) range: PageRange,
    pub(super) page: Result<A, E>,
    pub(super) took: Duration,
}

type Request<'f, A, E> = Pin<Box<dyn Future<Output = PageAnswer<A, E>> + 'f>>;

/// The requests in progress, in the order of the list.
pub(super) struct PageRequests<'f, A, E, Fetch> {
    fetch: Fetch,
    at_a_time: usize,
    ranges: VecDeque<PageRange>,
    pages: FuturesOrdered<Request<'f, A, E>>,
    /// The answer to the first request, if it has already come.
    first: Option<PageAnswer<A, E>>,
}

impl<'f, A, E, Fetch, F> PageRequests<'f, A, E, Fetch>
where
    A: 'f,
    E: 'f,
    Fetch: Fn(usize, usize) -> F,
    F: Future<Output = Result<A, E>> + 'f,
{
    pub(super) fn new(fetch: Fetch, at_a_time: usize) -> Self {
        Self {
            fetch,
            at_a_time,
            ranges: VecDeque::new(),
            pages: FuturesOrdered::new(),
            first: None,
        }
    }

    /// Makes the page that begins at this row the first one in progress, and returns its range. If
    /// it was not guessed, all guesses are discarded.
    pub(super) fn require(&mut self, first: usize, max: usize) -> PageRange {
        if let Some(guess) = self.ranges.front().filter(|guess| guess.first == first) {
            return *guess;
        }
        self.discard();
        let range = PageRange { first, max };
        self.request(range);
        range
    }

    /// Requests the pages after this one, as if all of them came full.
    pub(super) fn guess_after(&mut self, page: PageRange, max: usize) {
        let mut last = self.ranges.back().copied().unwrap_or(page);
        while self.ranges.len() < self.at_a_time {
            last = last.following(max);
            self.request(last);
        }
    }

    fn request(&mut self, range: PageRange) {
        let page = (self.fetch)(range.first, range.max);
        self.ranges.push_back(range);
        self.pages.push_back(Box::pin(async move {
            let begin = Instant::now();
            let page = page.await;
            PageAnswer { range, page, took: begin.elapsed() }
        }));
    }

    fn discard(&mut self) {
        self.ranges.clear();
        self.pages = FuturesOrdered::new();
        self.first = None;
    }

    /// Sends every request, without waiting for an answer.
    pub(super) async fn start(&mut self) {
        if self.first.is_none()
            && let Poll::Ready(answer) = poll!(self.pages.next())
        {
            self.first = answer;
        }
    }

    /// Waits for the answer to the first request.
    pub(super) async fn first_answer(&mut self) -> Option<PageAnswer<A, E>> {
        self.ranges.pop_front()?;
        match self.first.take() {
            Some(answer) => Some(answer),
            None => self.pages.next().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;

    #[test]
    fn no_more_pages_are_requested_at_a_time_than_allowed() {
        let fetch = |first, max| -> Ready<Result<(usize, usize), ()>> { ready(Ok((first, max))) };
        let mut requests = PageRequests::new(fetch, 3);
        let page = requests.require(0, 1000);
        for _ in 0..2 {
            requests.guess_after(page, 1000);
            assert_eq!(requests.ranges.len(), 3);
        }
    }
}
