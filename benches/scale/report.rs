//! What is printed, and whether it is good enough.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::child::Measured;

/// How much longer than the bare client a plan may take.
const AT_MOST: f64 = 1.15;
/// How many requests more.
const REQUESTS_MORE: usize = 10;
const MIB: f64 = 1024.0 * 1024.0;

/// One size at one latency.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) size: usize,
    pub(crate) latency: Duration,
    /// The bare client and the program, in turns.
    pub(crate) rounds: Vec<(Measured, Measured)>,
    pub(crate) asked: usize,
    pub(crate) asked_by_bare: usize,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn mib(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody reads more than four digits of it")]
    let bytes = bytes as f64;
    bytes / MIB
}

impl Row {
    fn bare(&self) -> f64 {
        median(self.rounds.iter().map(|(bare, _)| bare.took.as_secs_f64()).collect())
    }

    fn ours(&self) -> f64 {
        median(self.rounds.iter().map(|(_, ours)| ours.took.as_secs_f64()).collect())
    }

    /// Of each round by itself, because a machine is not the same all the time.
    fn ratio(&self) -> f64 {
        median(self.rounds.iter().map(|(bare, ours)| ours.took.as_secs_f64() / bare.took.as_secs_f64()).collect())
    }

    fn peaks(&self) -> (u64, u64) {
        let most = |peaks: Vec<u64>| peaks.into_iter().max().unwrap_or_default();
        (
            most(self.rounds.iter().map(|(bare, _)| bare.peak).collect()),
            most(self.rounds.iter().map(|(_, ours)| ours.peak).collect()),
        )
    }

    /// The most memory above the idle process, in MiB, where a bound is promised.
    fn memory_bound(&self) -> Option<f64> {
        match self.size {
            100_000 => Some(40.0),
            1_000_000 => Some(256.0),
            _ => None,
        }
    }

    pub(crate) fn print(&self, idle: u64) -> io::Result<()> {
        let (bare_peak, peak) = self.peaks();
        writeln!(
            io::stdout(),
            "{:>9}  {:>5}  {:>8.3}  {:>8.3}  {:>5.2}  {:>5}  {:>5}  {:>9.1}  {:>9.1}  {:>10.1}",
            self.size,
            format!("{} ms", self.latency.as_millis()),
            self.bare(),
            self.ours(),
            self.ratio(),
            self.asked_by_bare,
            self.asked,
            mib(bare_peak),
            mib(peak),
            mib(peak.saturating_sub(idle)),
        )
    }
}

pub(crate) fn head(idle: u64) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "members and accounts each; seconds and peak MiB of whole processes; the idle one has {:.1} MiB\n",
        mib(idle)
    )?;
    writeln!(
        out,
        "{:>9}  {:>5}  {:>8}  {:>8}  {:>5}  {:>12}  {:>20}  {:>10}",
        "", "", "bare", "plan", "", "requests of", "memory of", "above idle"
    )?;
    writeln!(
        out,
        "{:>9}  {:>5}  {:>8}  {:>8}  {:>5}  {:>5}  {:>5}  {:>9}  {:>9}  {:>10}",
        "size", "late", "client", "", "ratio", "bare", "plan", "bare", "plan", "plan"
    )
}

/// Whether everything that is promised holds.
pub(crate) fn verdict(rows: &[Row], idle: u64) -> Result<ExitCode, Box<dyn Error>> {
    let mut broken = Vec::new();
    for row in rows {
        let at = format!("{} at {} ms", row.size, row.latency.as_millis());
        if row.size >= 100_000 && row.ratio() > AT_MOST {
            broken.push(format!("{at}: {:.2} times the bare client, {AT_MOST} is promised", row.ratio()));
        }
        if row.asked > row.asked_by_bare + REQUESTS_MORE {
            broken.push(format!("{at}: {} requests more than the bare client", row.asked - row.asked_by_bare));
        }
        let above = mib(row.peaks().1.saturating_sub(idle));
        if let Some(bound) = row.memory_bound().filter(|bound| above > *bound) {
            broken.push(format!("{at}: {above:.1} MiB above the idle process, {bound} MiB is promised"));
        }
    }
    let mut out = io::stdout();
    if broken.is_empty() {
        writeln!(out, "\neverything within what is promised")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "\nNOT within what is promised:")?;
    for line in broken {
        writeln!(out, "  {line}")?;
    }
    Ok(ExitCode::FAILURE)
}
