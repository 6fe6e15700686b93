//! Tries a law on many random worlds, and prints the seed and a small world if it fails.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::shrink::{shown, shrunk};
use crate::world::World;

/// The seed of the first world unless `MODEL_SEED` has another.
const SEED: u64 = 20_261_128;

/// Reports the faults in a world.
pub(crate) type Law = fn(&World) -> Result<(), String>;

/// Returns the seeds of the worlds to try: as many as `MODEL_WORLDS` says, else few enough for
/// some seconds.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    let first = number("MODEL_SEED").unwrap_or(SEED);
    first..first + number("MODEL_WORLDS").unwrap_or(10_000)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// Checks a law on one of `share` worlds, on all cores.
pub(crate) fn holds(law: Law, share: u64) {
    let seeds = seeds();
    let last = seeds.start + (seeds.end - seeds.start).div_ceil(share);
    let next = AtomicU64::new(seeds.start);
    let broken: Mutex<Option<u64>> = Mutex::new(None);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= last {
                break;
            }
            if law(&World::from_seed(seed)).is_err() {
                next.store(last, Ordering::Relaxed);
                let mut broken = broken.lock().expect("no thread has panicked");
                *broken = Some(broken.map_or(seed, |other| other.min(seed)));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let broken = broken.into_inner().expect("no thread has panicked");
    if let Some(seed) = broken {
        let world = shrunk(&World::from_seed(seed), &|world| law(world).is_err());
        let why = law(&world).expect_err("it was shrunk as long as it breaks the law");
        let repeat = format!("MODEL_SEED={seed} MODEL_WORLDS=1 repeats it");
        assert!(broken.is_none(), "seed {seed} ({repeat}): {why}\n{}", shown(&world));
    }
}
