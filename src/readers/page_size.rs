//! Chooses the size of pages: big ones cost a server far less per row, but each should come soon.

use std::time::Duration;

/// A full page that comes sooner doubles the size of the next one.
const SOON: Duration = Duration::from_millis(500);
/// A page that takes longer halves the size of the next one.
const LATE: Duration = Duration::from_secs(5);
/// The smallest size: such a page costs little more than its request.
const LEAST: usize = 250;

/// The size of the next page, learnt from the answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize {
    rows: usize,
    most: usize,
}

impl PageSize {
    /// Starts with a measured size, and never exceeds `most`.
    pub(super) fn new(rows: usize, most: usize) -> Self {
        Self { rows, most }
    }

    pub(super) fn rows(self) -> usize {
        self.rows
    }

    /// Learns from the time of a page. One with fewer rows than requested says nothing about bigger
    /// ones.
    pub(super) fn learn(&mut self, asked: usize, came: usize, took: Duration) {
        if took > LATE {
            self.rows = self.rows.min((asked / 2).max(LEAST));
        } else if took < SOON && came == asked {
            self.rows = self.rows.max((asked * 2).min(self.most));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(answers: &[(usize, u64)]) -> usize {
        let mut size = PageSize::new(5000, 10_000);
        for (came, millis) in answers {
            size.learn(size.rows(), *came, Duration::from_millis(*millis));
        }
        size.rows()
    }

    #[test]
    fn quick_pages_grow_up_to_the_most() {
        assert_eq!(learnt(&[(5000, 100)]), 10_000);
        assert_eq!(learnt(&[(5000, 100), (10_000, 100)]), 10_000);
    }

    #[test]
    fn slow_pages_shrink_and_stay_worth_their_request() {
        assert_eq!(learnt(&[(5000, 6000)]), 2500);
        assert_eq!(learnt(&[(5000, 6000); 20]), LEAST);
    }

    #[test]
    fn neither_quick_nor_slow_stays() {
        assert_eq!(learnt(&[(5000, 1500)]), 5000);
    }

    #[test]
    fn a_short_page_does_not_grow() {
        assert_eq!(learnt(&[(100, 1)]), 5000);
    }
}
