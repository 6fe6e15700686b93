//! Repeatable random numbers, and how often a test uses them.

/// The seed unless the variable `SEED` has another.
const SEED: u64 = 20_261_124;

/// A source of numbers that repeats itself for the same seed, and prints the seed if a test fails.
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Starts from the variable `SEED`, else from a fixed seed; each test has its own numbers.
    pub(crate) fn new(test: &str) -> Self {
        let seed = set("SEED").unwrap_or(SEED);
        let state = test
            .bytes()
            .fold(seed, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Self { seed, state }
    }

    /// A number below `end` (`SplitMix64`).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is below a usize")
    }

    /// One or the other.
    pub(crate) fn either(&mut self) -> bool {
        self.below(2) == 0
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {0}: SEED={0} repeats it", self.seed);
        }
    }
}

/// Returns the number in the variable if it is set, else a number that keeps the test quick.
pub(crate) fn rounds(variable: &str, quick: usize) -> usize {
    set(variable).map_or(quick, |rounds| usize::try_from(rounds).expect("a number of rounds"))
}

fn set(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a number"))
}
