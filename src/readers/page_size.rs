//! How many rows to ask for at a time: big pages cost a server far less a row, but nobody should wait long for one.

use std::time::Duration;

/// A page that is full and comes sooner makes the next one twice as big.
const SOON: Duration = Duration::from_millis(500);
/// A page that takes longer makes the next one half as big.
const LATE: Duration = Duration::from_secs(5);
/// Never fewer: a page of this many costs little more than its request.
const LEAST: usize = 250;

/// How many rows to ask for, learnt from the answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize {
    rows: usize,
    most: usize,
}

impl PageSize {
    /// Begins with what was measured to be good, and never asks for more than `most`.
    pub(super) fn new(rows: usize, most: usize) -> Self {
        Self { rows, most }
    }

    pub(super) fn rows(self) -> usize {
        self.rows
    }

    /// Takes in how long a page took. One that came with fewer rows than asked for says nothing of bigger ones.
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
