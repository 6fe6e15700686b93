//! Reads a list by offsets while it changes.
//!
//! `members` pages by offset over a live list: if a user leaves an earlier page, the next page is
//! shifted, and another user is never seen. So each page overlaps the last one. The list is in a fixed
//! order: a page that contains a known row misses no one between that row and its own end, no matter
//! what changed before it. Only an additional page proves the end, never a page that is merely short.
//!
//! While pages are full, the next ones are requested ahead, before a page is decoded, so that the
//! server need not wait for that. A wrong guess is discarded.

use std::collections::VecDeque;
use std::hash::Hash;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::stream::FuturesOrdered;
use futures_util::{StreamExt, poll};

use crate::readers::page_size::PageSize;
use crate::readers::unique_rows::UniqueRows;

/// Rows that two pages share. If more than this many users leave between two requests, a page has to be
/// requested again.
const OVERLAP: usize = 50;
/// How often a page may fail to overlap before the reading gives up.
const PATIENCE: usize = 10;

/// Why a list could not be read.
#[derive(Debug)]
pub(super) enum MovingListError<E> {
    /// A page could not be read.
    Page(E),
    /// The pages never overlapped.
    Unstable,
}

/// A page of the list: the first row, and the maximum number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PageRange {
    first: usize,
    max: usize,
}

/// An answer, and how long it took.
type Came<A, E> = (Result<A, E>, Duration);
type Asked<'f, A, E> = Pin<Box<dyn Future<Output = Came<A, E>> + 'f>>;

/// The pages that are in progress, in the order of the list.
struct Ahead<'f, A, E> {
    places: VecDeque<PageRange>,
    pages: FuturesOrdered<Asked<'f, A, E>>,
    /// The first page, if it has already come.
    first: Option<Came<A, E>>,
}

impl<'f, A, E> Ahead<'f, A, E> {
    fn new() -> Self {
        Self { places: VecDeque::new(), pages: FuturesOrdered::new(), first: None }
    }

    fn push(&mut self, place: PageRange, page: impl Future<Output = Result<A, E>> + 'f) {
        self.places.push_back(place);
        self.pages.push_back(Box::pin(async move {
            let asked = Instant::now();
            (page.await, asked.elapsed())
        }));
    }

    fn give_up(&mut self) {
        *self = Self::new();
    }

    /// Starts the request of every page, without waiting for any.
    async fn set_out(&mut self) {
        if self.first.is_none()
            && let Poll::Ready(page) = poll!(self.pages.next())
        {
            self.first = page;
        }
    }

    /// Returns the first page in progress, and how long it took.
    async fn next(&mut self) -> Option<(PageRange, Result<A, E>, Duration)> {
        let place = self.places.pop_front()?;
        let (page, took) = match self.first.take() {
            Some(first) => first,
            None => self.pages.next().await?,
        };
        Some((place, page, took))
    }
}

/// Reads every row that stays in the list throughout, each once. `fetch(first, max)` returns the page
/// at an offset, `decode` its rows; up to `at_a_time` pages are requested at the same time.
pub(super) async fn read_all<'f, A: 'f, T, K, E: 'f, F>(
    mut size: PageSize,
    at_a_time: usize,
    fetch: impl Fn(usize, usize) -> F,
    decode: impl Fn(A) -> Result<Vec<T>, E>,
    key: impl Fn(&T) -> &K,
) -> Result<Vec<T>, MovingListError<E>>
where
    K: Hash + Eq + ?Sized,
    F: Future<Output = Result<A, E>> + 'f,
{
    let ask_ahead = |ahead: &mut Ahead<'f, A, E>, before: PageRange, rows: usize| {
        while ahead.places.len() < at_a_time {
            let last = ahead.places.back().copied().unwrap_or(before);
            let guess = PageRange { first: last.first + last.max - OVERLAP.min(last.max / 2).max(1), max: rows };
            ahead.push(guess, fetch(guess.first, guess.max));
        }
    };
    let mut known = UniqueRows::new(key);
    let mut ahead = Ahead::new();
    let mut next = PageRange { first: 0, max: size.rows() };
    let (mut overlap, mut misfits) = (0, 0);
    // This costs a list of one page one needless request, and makes all others faster.
    let mut comes_full = true;
    loop {
        if ahead.places.front() != Some(&next) {
            ahead.give_up();
            ahead.push(next, fetch(next.first, next.max));
        }
        if comes_full {
            ask_ahead(&mut ahead, next, size.rows());
        }
        let Some((PageRange { first, max }, page, took)) = ahead.next().await else { continue };
        // Only the first page shows whether there are more.
        if comes_full && !known.is_empty() {
            ask_ahead(&mut ahead, next, size.rows());
            ahead.set_out().await;
        }
        let page = page.and_then(&decode).map_err(MovingListError::Page)?;
        let length = page.len();
        size.learn(max, length, took);
        let fits = known.is_empty() || page.iter().any(|row| known.knows_row(row));
        let before = known.len();
        if fits {
            for row in page {
                known.put(row);
            }
        }
        let grew = known.len() > before;
        // A server that caps its pages, or repeats the first one, would have filled this page.
        let ends_here = fits && !grew && length < 2 * overlap;
        let has_shrunk = known.len() > first + length + OVERLAP;
        if known.is_empty() || (ends_here && !has_shrunk) {
            return Ok(known.into_vec());
        }
        if !grew {
            misfits += 1;
            if misfits > PATIENCE {
                return Err(MovingListError::Unstable);
            }
        }
        if ends_here {
            // With this many rows gone it is another list: start again, and trust what it shows twice.
            known.clear();
            (next, overlap, comes_full) = (PageRange { first: 0, max: size.rows() }, 0, false);
            continue;
        }
        let end = if fits { first + length } else { first.saturating_sub(max / 2) };
        overlap = OVERLAP.min(length / 2).max(1);
        let wanted = end.saturating_sub(overlap);
        next = match ahead.places.front() {
            Some(guess) if guess.first == wanted => *guess,
            _ => PageRange { first: wanted, max: size.rows() },
        };
        comes_full = fits && length == max;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Reads `list` in pages; `between` changes it after each request.
    async fn read(list: Vec<u32>, page: usize, between: impl Fn(&mut Vec<u32>, usize)) -> Option<Vec<u32>> {
        let list = RefCell::new(list);
        let requests = RefCell::new(0);
        let fetch = |first: usize, max: usize| {
            let (list, requests, between) = (&list, &requests, &between);
            async move {
                let rows = list.borrow().iter().copied().skip(first).take(max).collect();
                *requests.borrow_mut() += 1;
                between(&mut list.borrow_mut(), *requests.borrow());
                Ok::<_, Infallible>(rows)
            }
        };
        read_all(PageSize::new(page, page), 2, fetch, Ok, |row| row).await.ok()
    }

    #[tokio::test]
    async fn a_quiet_list_is_read_once() {
        for length in [0, 1, 2, 3, 99, 100, 101, 150, 1000] {
            let list: Vec<u32> = (0..length).collect();
            assert_eq!(read(list.clone(), 100, |_, _| ()).await, Some(list));
        }
    }

    #[tokio::test]
    async fn a_row_that_leaves_an_earlier_page_hides_no_one() {
        let read = read((0..1000).collect(), 100, |list, _| {
            list.remove(0);
        })
        .await
        .expect("read");
        assert!((900..1000).all(|row| read.contains(&row)));
    }

    #[tokio::test]
    async fn many_rows_that_leave_at_once_hide_no_one() {
        let leave = |list: &mut Vec<u32>, request| {
            if request == 3 {
                list.drain(..150);
            }
        };
        let read = read((0..1000).collect(), 100, leave).await.expect("read");
        assert!((150..1000).all(|row| read.contains(&row)));
    }

    #[tokio::test]
    async fn a_list_that_shrinks_under_the_reader_is_read_again() {
        let shrink = |list: &mut Vec<u32>, request| {
            if request == 3 {
                list.truncate(60);
            }
        };
        assert_eq!(read((0..1000).collect(), 100, shrink).await, Some((0..60).collect()));
    }

    #[tokio::test]
    async fn rows_that_come_in_front_do_not_hide_the_end() {
        let join = |list: &mut Vec<u32>, request: usize| {
            let newcomer = 5000 - u32::try_from(request).expect("few requests");
            list.insert(0, newcomer);
        };
        let read = read((0..1000).collect(), 100, join).await.expect("read");
        assert!((0..1000).all(|row| read.contains(&row)));
    }

    #[tokio::test]
    async fn a_short_page_is_not_the_end() {
        let list: Vec<u32> = (0..1000).collect();
        for cap in [2, 3, 40, 70, 100] {
            let fetch = |first: usize, max: usize| {
                let page: Vec<u32> = list.iter().copied().skip(first).take(max.min(cap)).collect();
                async move { Ok::<_, Infallible>(page) }
            };
            let read = read_all(PageSize::new(100, 100), 2, fetch, Ok, |row| row).await;
            assert_eq!(read.ok(), Some(list.clone()), "cap {cap}");
        }
    }

    #[tokio::test]
    async fn a_server_that_repeats_its_first_page_is_an_error() {
        for length in [2_u32, 3, 40, 99, 100, 100_000] {
            let fetch =
                |_: usize, max: usize| async move { Ok::<Vec<u32>, Infallible>((0..length).take(max).collect()) };
            let read = read_all(PageSize::new(100, 100), 2, fetch, Ok, |row| row).await;
            assert!(matches!(read, Err(MovingListError::Unstable)));
        }
    }

    /// A change of the list between two requests.
    #[derive(Debug, Clone)]
    enum Change {
        /// This many rows leave from this position on.
        Leave { position: usize, rows: usize },
        /// Rows with these keys join in the order of the list.
        Join(Vec<u32>),
    }

    impl Change {
        fn apply(&self, list: &mut Vec<u32>) {
            match self {
                Self::Leave { position, rows } => {
                    let position = *position.min(&list.len());
                    list.drain(position..(position + rows).min(list.len()));
                }
                Self::Join(keys) => {
                    list.extend(keys);
                    list.sort_unstable();
                    list.dedup();
                }
            }
        }
    }

    fn change() -> impl Strategy<Value = Change> {
        let leave = (0..600_usize, 1..200_usize).prop_map(|(position, rows)| Change::Leave { position, rows });
        prop_oneof![leave, prop::collection::vec(0..6000_u32, 1..60).prop_map(Change::Join)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn row_that_stays_is_read_exactly_once_whatever_joins_and_leaves(
            rows in 0..600_u32,
            page in 2..150_usize,
            changes in prop::collection::btree_map(1..20_usize, change(), 0..8),
        ) {
            let list: Vec<u32> = (0..rows).map(|row| row * 10).collect();
            let stay = RefCell::new(list.clone());
            let ever = RefCell::new(list.clone());
            let between = |list: &mut Vec<u32>, request: usize| {
                if let Some(change) = changes.get(&request) {
                    change.apply(list);
                    stay.borrow_mut().retain(|row| list.contains(row));
                    ever.borrow_mut().extend(list.iter());
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            if let Some(read) = runtime.block_on(self::read(list, page, between)) {
                let mut once = read.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert_eq!(once.len(), read.len());
                prop_assert!(stay.borrow().iter().all(|row| once.binary_search(row).is_ok()));
                prop_assert!(once.iter().all(|row| ever.borrow().contains(row)));
            }
        }
    }
}
