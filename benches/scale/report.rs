//! Prints the figures, and whether they are within the promised bounds.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::child::Measured;
use crate::servers::{Lists, Speed};

/// How much longer than the bare client a plan may take.
const AT_MOST: f64 = 1.15;
/// The same with the links, and with a role.
const AT_MOST_WITH_LINKS: f64 = 1.10;
/// The most memory of the whole process with a million of each, in MiB.
const MEMORY_WITH_LINKS: f64 = 320.0;
/// How many more requests.
const REQUESTS_MORE: usize = 10;
const MIB: f64 = 1024.0 * 1024.0;

/// One size with one latency.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) size: usize,
    pub(crate) lists: Lists,
    pub(crate) latency: Duration,
    /// How fast the servers are.
    pub(crate) speed: &'static str,
    /// The bare client and the program, in turns.
    pub(crate) rounds: Vec<(Measured, Measured)>,
    pub(crate) asked: usize,
    pub(crate) asked_by_bare: usize,
}

/// The fastest of all rounds, because other work on a machine only makes rounds slower.
fn fastest(rounds: impl Iterator<Item = Measured>) -> f64 {
    rounds.map(|round| round.took.as_secs_f64()).fold(f64::INFINITY, f64::min)
}

fn mib(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "four digits are enough")]
    let bytes = bytes as f64;
    bytes / MIB
}

impl Row {
    fn bare(&self) -> f64 {
        fastest(self.rounds.iter().map(|(bare, _)| *bare))
    }

    fn ours(&self) -> f64 {
        fastest(self.rounds.iter().map(|(_, ours)| *ours))
    }

    fn ratio(&self) -> f64 {
        self.ours() / self.bare()
    }

    fn peaks(&self) -> (u64, u64) {
        let most = |peaks: Vec<u64>| peaks.into_iter().max().unwrap_or_default();
        (
            most(self.rounds.iter().map(|(bare, _)| bare.peak).collect()),
            most(self.rounds.iter().map(|(_, ours)| ours.peak).collect()),
        )
    }

    fn ratio_bound(&self) -> f64 {
        match self.lists {
            Lists::Accounts => AT_MOST,
            Lists::Links | Lists::Roles => AT_MOST_WITH_LINKS,
        }
    }

    /// The most memory above the idle process, in MiB, if a bound is promised.
    fn memory_bound(&self, idle: u64) -> Option<f64> {
        match (self.lists, self.size) {
            (Lists::Accounts, 100_000) => Some(40.0),
            (Lists::Accounts, 1_000_000) => Some(256.0),
            (Lists::Links, 1_000_000) => Some(MEMORY_WITH_LINKS - mib(idle)),
            _ => None,
        }
    }

    /// The figures in the order of the columns.
    fn figures(&self, idle: u64) -> [String; 12] {
        let (bare_peak, peak) = self.peaks();
        [
            self.size.to_string(),
            self.lists.as_str().to_owned(),
            self.speed.to_owned(),
            self.latency.as_millis().to_string(),
            format!("{:.3}", self.bare()),
            format!("{:.3}", self.ours()),
            format!("{:.2}", self.ratio()),
            self.asked_by_bare.to_string(),
            self.asked.to_string(),
            format!("{:.1}", mib(bare_peak)),
            format!("{:.1}", mib(peak)),
            format!("{:.1}", mib(peak.saturating_sub(idle))),
        ]
    }
}

/// The figures of all sizes, printed as they arrive.
pub(crate) struct Report {
    /// The peak of a program that reads nothing.
    idle: u64,
    rows: Vec<Row>,
    /// The file that the figures are appended to.
    into: Option<File>,
}

impl Report {
    pub(crate) fn new(idle: u64, into: Option<&Path>) -> io::Result<Self> {
        let into =
            into.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        head(idle)?;
        Ok(Self { idle, rows: Vec::new(), into })
    }

    pub(crate) fn take(&mut self, row: Row) -> io::Result<()> {
        let figures = row.figures(self.idle);
        let widths = [9, 9, 8, 5, 8, 8, 5, 5, 5, 9, 9, 10];
        let line: Vec<_> =
            figures.iter().zip(widths).map(|(figure, width)| format!("{figure:>width$}")).collect();
        writeln!(io::stdout(), "{}", line.join("  "))?;
        if let Some(file) = &mut self.into {
            writeln!(file, "{}", figures.join("\t"))?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// Prints whether every promise holds.
    pub(crate) fn verdict(self) -> Result<ExitCode, Box<dyn Error>> {
        verdict(&self.rows, self.idle)
    }
}

fn head(idle: u64) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "members and accounts each; seconds and peak MiB of whole processes; the idle one has {:.1} MiB\n",
        mib(idle)
    )?;
    writeln!(
        out,
        "{:>9}  {:>9}  {:>8}  {:>5}  {:>8}  {:>8}  {:>5}  {:>12}  {:>20}  {:>10}",
        "", "", "", "", "bare", "plan", "", "requests of", "memory of", "above idle"
    )?;
    writeln!(
        out,
        "{:>9}  {:>9}  {:>8}  {:>5}  {:>8}  {:>8}  {:>5}  {:>5}  {:>5}  {:>9}  {:>9}  {:>10}",
        "size",
        "read",
        "servers",
        "ms",
        "client",
        "",
        "ratio",
        "bare",
        "plan",
        "bare",
        "plan",
        "plan"
    )
}

fn verdict(rows: &[Row], idle: u64) -> Result<ExitCode, Box<dyn Error>> {
    let mut broken = Vec::new();
    for row in rows {
        let at = format!(
            "{} {} {} at {} ms",
            row.size,
            row.lists.as_str(),
            row.speed,
            row.latency.as_millis()
        );
        let bound = row.ratio_bound();
        if row.size >= 100_000 && row.speed != Speed::FlatOut.as_str() && row.ratio() > bound {
            broken.push(format!(
                "{at}: {:.2} times the bare client, {bound:.2} is promised",
                row.ratio()
            ));
        }
        if row.asked > row.asked_by_bare + REQUESTS_MORE {
            broken.push(format!(
                "{at}: {} requests more than the bare client",
                row.asked - row.asked_by_bare
            ));
        }
        let above = mib(row.peaks().1.saturating_sub(idle));
        if let Some(bound) = row.memory_bound(idle).filter(|bound| above > *bound) {
            broken.push(format!(
                "{at}: {above:.1} MiB above the idle process, {bound:.0} MiB is promised"
            ));
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
