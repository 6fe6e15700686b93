//! What a plan costs in addition to the servers' own time: this program, and a bare client that
//! fetches the same pages with the same concurrency and drops them, in turns, against the same
//! servers.
//!
//! `cargo bench --bench scale` measures stand-ins with 10,000 and 100,000 members and accounts: ten
//! times as fast as real servers with 0, 5 and 50 ms of latency, and at full speed. `-- 1000000`
//! measures other sizes, and `-- real` the servers in the environment. `-- serve 1000000` only
//! starts the stand-ins at full speed, `-- serve 1000000 50` ten times as fast as real servers with
//! 50 ms of latency. `-- report 1000000` compares `report` with `plan`. With `--into FILE` first, the figures are also appended to that file, one row
//! of tab-separated values each. `benches/run.sh` runs everything and updates the page.

mod bare;
mod child;
mod report;
mod servers;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::bare::Lane;
use crate::child::Measured;
use crate::report::{Report, Row};
use crate::servers::{Lists, Servers, Speed};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SIZES: [usize; 2] = [10_000, 100_000];
const LATENCIES: [u64; 3] = [0, 5, 50];
const ROUNDS: usize = 5;
/// Rounds at this size take so long that there are fewer of them.
const LONG: usize = 1_000_000;
const LONG_ROUNDS: usize = 3;
/// Memory of a program that reads almost nothing.
const IDLE: usize = 10;

fn main() -> Outcome<ExitCode> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (into, arguments) = match arguments.as_slice() {
        ["--into", file, rest @ ..] => (Some(Path::new(*file)), rest),
        rest => (None, rest),
    };
    match arguments {
        [bare::NAME, lanes] => runtime.block_on(bare::fetch(Path::new(lanes))),
        ["serve", size] => runtime.block_on(serve(size.parse()?, None)),
        ["serve", size, late] => runtime.block_on(serve(size.parse()?, Some(late.parse()?))),
        ["report", size] => runtime.block_on(report(size.parse()?)),
        ["real"] => runtime.block_on(real(into)),
        [] => runtime.block_on(measure(&SIZES, into)),
        sizes => {
            let sizes = sizes.iter().map(|size| size.parse()).collect::<Result<Vec<_>, _>>()?;
            runtime.block_on(measure(&sizes, into))
        }
    }
}

/// Starts only the stand-ins, for a profiler: prints the variables that point at them, and waits
/// for the end of stdin.
async fn serve(size: usize, late: Option<u64>) -> Outcome<ExitCode> {
    let servers = Servers::stand_ins(size).await?;
    if let Some(late) = late {
        servers.set(Duration::from_millis(late), Speed::TenTimesReal);
    }
    for (name, value) in servers.variables() {
        writeln!(std::io::stdout(), "export {name}='{value}'")?;
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the access review with a plan, at full speed: time and memory.
async fn report(size: usize) -> Outcome<ExitCode> {
    let servers = Servers::stand_ins(size).await?;
    servers.set(Duration::ZERO, Speed::FlatOut);
    for lists in [Lists::Accounts, Lists::Links] {
        servers.plan(lists, &[])?;
        print(lists, "plan", servers.plan(lists, &[])?.0)?;
        for format in ["text", "csv", "json", "html"] {
            print(lists, format, servers.report(lists, format)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(lists: Lists, what: &str, Measured { took, peak }: Measured) -> std::io::Result<()> {
    let (lists, mib) = (lists.as_str(), peak / (1024 * 1024));
    let seconds = took.as_secs_f64();
    writeln!(std::io::stdout(), "{lists:>9}  {what:>6}  {seconds:>8.3} s  {mib:>5} MiB")
}

async fn idle() -> Outcome<u64> {
    Ok(Servers::stand_ins(IDLE).await?.plan(Lists::Accounts, &[])?.0.peak)
}

async fn measure(sizes: &[usize], into: Option<&Path>) -> Outcome<ExitCode> {
    let mut report = Report::new(idle().await?, into)?;
    for size in sizes {
        let begun = Instant::now();
        let servers = Servers::stand_ins(*size).await?;
        writeln!(
            std::io::stderr(),
            "stand-ins of {size} after {:.1} s",
            begun.elapsed().as_secs_f64()
        )?;
        let paced = LATENCIES.map(|millis| (Duration::from_millis(millis), Speed::TenTimesReal));
        for lists in [Lists::Accounts, Lists::Links, Lists::Roles] {
            for (latency, speed) in paced.into_iter().chain([(Duration::ZERO, Speed::FlatOut)]) {
                servers.set(latency, speed);
                report.take(Row {
                    latency,
                    speed: speed.as_str(),
                    ..compare(&servers, lists, *size)?
                })?;
            }
        }
    }
    report.verdict()
}

async fn real(into: Option<&Path>) -> Outcome<ExitCode> {
    let mut report = Report::new(idle().await?, into)?;
    let servers = Servers::real()?;
    servers.plan(Lists::Accounts, &[])?;
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(servers.directory().join("plan.json"))?)?;
    let size =
        plan["read"]["members"].as_u64().ok_or("a plan tells how many members it has read")?;
    report.take(compare(&servers, Lists::Accounts, usize::try_from(size)?)?)?;
    report.verdict()
}

/// Runs both in turns; the first round of each is a warm-up.
fn compare(servers: &Servers, lists: Lists, size: usize) -> Outcome<Row> {
    let (_, log) = servers.plan(lists, &["-vv", "--log-format", "json"])?;
    let asked = bare::asked(&log);
    let lanes = bare::lanes(servers, lists, &asked);
    let file = servers.directory().join("lanes.json");
    std::fs::write(&file, serde_json::to_vec(&lanes)?)?;
    bare(&file)?;
    let mut rounds = Vec::new();
    for _ in 0..if size < LONG { ROUNDS } else { LONG_ROUNDS } {
        rounds.push((bare(&file)?, servers.plan(lists, &[])?.0));
    }
    let asked_by_bare = lanes.iter().map(Lane::requests).sum();
    Ok(Row {
        size,
        lists,
        latency: Duration::ZERO,
        speed: "real",
        rounds,
        asked: asked.len(),
        asked_by_bare,
    })
}

fn bare(lanes: &Path) -> Outcome<Measured> {
    Ok(child::run(Command::new(std::env::current_exe()?).arg(bare::NAME).arg(lanes))?.0)
}
