//! Reading a list by offsets while it moves.
//!
//! `members` pages by offset over a live list: when someone leaves an earlier page, the next page is shifted and
//! someone is never seen. Each page is therefore asked for with an overlap. The list is in a fixed order, so a page
//! that holds a row that is already known misses nobody between that row and its own end, whatever moved before it.
//! The end is what one more page shows to be the end, never a page that is merely short.

use std::collections::HashSet;
use std::hash::Hash;

/// Rows that two pages share. More than this many may leave between two requests before a page has to be asked again.
const OVERLAP: usize = 50;
/// How often a page may not fit to what is known before the list is given up.
const PATIENCE: usize = 10;

/// How a list could not be read.
#[derive(Debug)]
pub(super) enum MovingListError<E> {
    /// A page could not be read.
    Page(E),
    /// The pages never fitted together.
    Unstable,
}

/// Every row that was in the list throughout, each once. `fetch(first, max)` gives the page at an offset.
pub(super) async fn read_all<T, K, E>(
    page_size: usize,
    mut fetch: impl AsyncFnMut(usize, usize) -> Result<Vec<T>, E>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, MovingListError<E>>
where
    K: Hash + Eq,
{
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    let (mut first, mut overlap) = (0, 0);
    let mut misfits = 0;
    loop {
        let page = fetch(first, page_size).await.map_err(MovingListError::Page)?;
        let length = page.len();
        let fits = rows.is_empty() || page.iter().any(|row| seen.contains(&key(row)));
        let known = rows.len();
        if fits {
            rows.extend(page.into_iter().filter(|row| seen.insert(key(row))));
        }
        let grew = rows.len() > known;
        // A server that caps its pages, or repeats the first one, would have filled this page.
        let ends_here = fits && !grew && length < 2 * overlap;
        let has_shrunk = rows.len() > first + length + OVERLAP;
        if rows.is_empty() || (ends_here && !has_shrunk) {
            return Ok(rows);
        }
        if !grew {
            misfits += 1;
            if misfits > PATIENCE {
                return Err(MovingListError::Unstable);
            }
        }
        if ends_here {
            // So many are gone that this is another list: begin again, and believe what it shows twice.
            rows.clear();
            seen.clear();
            (first, overlap) = (0, 0);
            continue;
        }
        let end = if fits { first + length } else { first.saturating_sub(page_size / 2) };
        overlap = OVERLAP.min(length / 2).max(1);
        first = end.saturating_sub(overlap);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use super::*;

    /// Reads `list` in pages; `between` changes it after each request.
    async fn read(list: Vec<u32>, page: usize, between: impl Fn(&mut Vec<u32>, usize)) -> Option<Vec<u32>> {
        let list = RefCell::new(list);
        let requests = RefCell::new(0);
        let fetch = async |first: usize, max: usize| {
            let rows = list.borrow().iter().copied().skip(first).take(max).collect();
            *requests.borrow_mut() += 1;
            between(&mut list.borrow_mut(), *requests.borrow());
            Ok::<_, Infallible>(rows)
        };
        read_all(page, fetch, |row| *row).await.ok()
    }

    #[tokio::test]
    async fn a_quiet_list_is_read_once() {
        for length in [0, 1, 2, 3, 99, 100, 101, 150, 1000] {
            let list: Vec<u32> = (0..length).collect();
            assert_eq!(read(list.clone(), 100, |_, _| ()).await, Some(list));
        }
    }

    #[tokio::test]
    async fn a_row_that_leaves_an_earlier_page_hides_nobody() {
        let read = read((0..1000).collect(), 100, |list, _| {
            list.remove(0);
        })
        .await
        .expect("read");
        assert!((900..1000).all(|row| read.contains(&row)));
    }

    #[tokio::test]
    async fn many_rows_that_leave_at_once_hide_nobody() {
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
            let fetch = async |first: usize, max: usize| {
                Ok::<Vec<u32>, Infallible>(list.iter().copied().skip(first).take(max.min(cap)).collect())
            };
            assert_eq!(read_all(100, fetch, |row| *row).await.ok(), Some(list.clone()), "cap {cap}");
        }
    }

    #[tokio::test]
    async fn a_server_that_repeats_its_first_page_is_an_error() {
        for length in [2_u32, 3, 40, 99, 100, 100_000] {
            let fetch = async |_: usize, max: usize| Ok::<Vec<u32>, Infallible>((0..length).take(max).collect());
            assert!(matches!(read_all(100, fetch, |row| *row).await, Err(MovingListError::Unstable)));
        }
    }
}
