//! Reads a list by offsets while it changes.
//!
//! `members` pages by offset over a live list: if a user leaves an earlier page, the next page is
//! shifted, and another user is never seen. So each page overlaps the last one. The list is in a
//! fixed order: a page that contains a known row misses no one between that row and its own end, no
//! matter what changed before it. Only an additional page proves the end, never a page that is
//! merely short.
//!
//! While pages are full, the next ones are requested ahead, before a page is decoded, so that the
//! server need not wait for that. A wrong guess is discarded.

use std::hash::Hash;
use std::time::Duration;

use super::page_requests::{OVERLAP, PageRange, PageRequests, overlap_with};
use crate::readers::page_size::PageSize;
use crate::readers::unique_rows::UniqueRows;

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

/// Reads every row that stays in the list throughout, each once. `fetch(first, max)` returns the
/// page at an offset, `decode` its rows; up to `at_a_time` pages are requested at the same time.
pub(super) async fn read_all<'f, A: 'f, T, K, E: 'f, F>(
    size: PageSize,
    at_a_time: usize,
    fetch: impl Fn(usize, usize) -> F,
    decode: impl Fn(A) -> Result<Vec<T>, E>,
    key: impl Fn(&T) -> &K,
) -> Result<Vec<T>, MovingListError<E>>
where
    K: Hash + Eq + ?Sized,
    F: Future<Output = Result<A, E>> + 'f,
{
    let mut requests = PageRequests::new(fetch, at_a_time);
    let mut reading = Reading::new(size, key);
    loop {
        let next = requests.require(reading.next, reading.size.rows());
        if reading.expects_full_page {
            requests.guess_after(next, reading.size.rows());
        }
        let Some(answer) = requests.first_answer().await else { continue };
        // Only the first page shows whether there are more.
        if reading.expects_full_page && !reading.known.is_empty() {
            requests.guess_after(next, reading.size.rows());
            requests.start().await;
        }
        let rows = answer.page.and_then(&decode).map_err(MovingListError::Page)?;
        match reading.step(answer.range, rows, answer.took) {
            Step::GoOn => {}
            Step::End => return Ok(reading.known.into_vec()),
            Step::GiveUp => return Err(MovingListError::Unstable),
        }
    }
}

/// What a page means for the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Another page is needed.
    GoOn,
    /// Every row is known.
    End,
    /// Too many pages have shown no new row.
    GiveUp,
}

/// What the pages so far have shown of the list.
struct Reading<T, Key> {
    known: UniqueRows<T, Key>,
    size: PageSize,
    /// The row at which the next page begins.
    next: usize,
    /// Rows that the next page shares with the last one; none before the first page.
    overlap: usize,
    /// Pages without a new row.
    misfits: usize,
    /// Whether to guess the pages after the next one. For the first page this costs a list of one
    /// page one needless request, and makes all others faster.
    expects_full_page: bool,
}

/// A page that was taken in.
#[derive(Debug, Clone, Copy)]
struct TakenPage {
    range: PageRange,
    length: usize,
    /// Whether no row is missing between it and the known ones.
    fits: bool,
    has_new_rows: bool,
}

impl<T, K: Hash + Eq + ?Sized, Key: Fn(&T) -> &K> Reading<T, Key> {
    fn new(size: PageSize, key: Key) -> Self {
        Self {
            known: UniqueRows::new(key),
            size,
            next: 0,
            overlap: 0,
            misfits: 0,
            expects_full_page: true,
        }
    }

    /// Takes in a page, and decides how the reading goes on.
    fn step(&mut self, range: PageRange, rows: Vec<T>, took: Duration) -> Step {
        self.size.learn(range.max, rows.len(), took);
        let page = self.take_in(range, rows);
        let is_end = self.is_end(page);
        if self.known.is_empty() || (is_end && !self.has_shrunk(page)) {
            return Step::End;
        }
        self.misfits += usize::from(!page.has_new_rows);
        if self.misfits > PATIENCE {
            return Step::GiveUp;
        }
        if is_end {
            self.start_again();
        } else {
            self.move_on(page);
        }
        Step::GoOn
    }

    /// Adds the rows of a page, unless a row may be missing before them.
    fn take_in(&mut self, range: PageRange, rows: Vec<T>) -> TakenPage {
        let (length, before) = (rows.len(), self.known.len());
        let fits = self.known.is_empty() || rows.iter().any(|row| self.known.knows_row(row));
        if fits {
            for row in rows {
                self.known.put(row);
            }
        }
        TakenPage { range, length, fits, has_new_rows: self.known.len() > before }
    }

    /// Returns whether the list ends with this page. A server that caps its pages, or repeats the
    /// first one, would have filled it.
    fn is_end(&self, page: TakenPage) -> bool {
        page.fits && !page.has_new_rows && page.length < 2 * self.overlap
    }

    /// Returns whether the list is so much shorter than what is known that rows may have been
    /// skipped.
    fn has_shrunk(&self, page: TakenPage) -> bool {
        self.known.len() > page.range.first + page.length + OVERLAP
    }

    /// Begins with the first page: with this many rows gone it is another list. What it shows twice
    /// counts.
    fn start_again(&mut self) {
        self.known.clear();
        self.next = 0;
        self.overlap = 0;
        self.expects_full_page = false;
    }

    /// Goes on after a page that fits, or before one that does not.
    fn move_on(&mut self, page: TakenPage) {
        let TakenPage { range: PageRange { first, max }, length, fits, .. } = page;
        let end = if fits { first + length } else { first.saturating_sub(max / 2) };
        self.overlap = overlap_with(length);
        self.next = end.saturating_sub(self.overlap);
        self.expects_full_page = fits && length == max;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Reads `list` in pages; `between` changes it after each request.
    async fn read(
        list: Vec<u32>,
        page: usize,
        between: impl Fn(&mut Vec<u32>, usize),
    ) -> Option<Vec<u32>> {
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
            let fetch = |_: usize, max: usize| async move {
                Ok::<Vec<u32>, Infallible>((0..length).take(max).collect())
            };
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
        let leave = (0..600_usize, 1..200_usize)
            .prop_map(|(position, rows)| Change::Leave { position, rows });
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
