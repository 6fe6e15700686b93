//! What a plan costs beyond the servers' own time: this program, and a bare client that fetches the same pages with the
//! same concurrency and throws them away, in turns, against the same stand-ins.
//!
//! `cargo bench --bench scale` measures 10,000 and 100,000 members and accounts at 0, 5 and 50 ms;
//! `cargo bench --bench scale -- 1000000` other sizes, `-- serve 1000000` only starts the stand-ins. `benches/run.sh` runs everything and writes the figures down.

mod bare;
mod child;
mod report;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use matrix_keycloak_sync::standins::{Auth, RunningWorld, World};

use crate::bare::Lane;
use crate::child::Measured;
use crate::report::Row;

type Outcomes<T = ()> = Result<T, Box<dyn Error>>;

const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-keycloak-sync");
const SIZES: [usize; 2] = [10_000, 100_000];
const LATENCIES: [u64; 3] = [0, 5, 50];
/// Odd, so that one of them is the median.
const ROUNDS: usize = 5;
/// From here on a round takes so long that one says enough.
const LONG: usize = 1_000_000;
/// Memory of a program that reads as good as nothing.
const IDLE: usize = 10;

fn main() -> Outcomes<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [bare::NAME, lanes] => return runtime.block_on(bare::fetch(Path::new(lanes))),
        ["serve", size] => return runtime.block_on(serve(size.parse()?)),
        _ => {}
    }
    let sizes = arguments.iter().map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    runtime.block_on(measure(&sizes))
}

/// The stand-ins alone, for a profiler: prints the variables that point at them, and waits for the end of its input.
async fn serve(size: usize) -> Outcomes<ExitCode> {
    let world = world(size).await?;
    for (name, value) in world.env(Auth::ClientCredentials) {
        writeln!(std::io::stdout(), "export {name}='{value}'")?;
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(sizes: &[usize]) -> Outcomes<ExitCode> {
    let idle = program(&world(IDLE).await?)?.peak;
    report::head(idle)?;
    let mut rows = Vec::new();
    for size in sizes {
        let world = world(*size).await?;
        for millis in LATENCIES {
            let latency = Duration::from_millis(millis);
            for faults in [world.keycloak.faults(), world.synapse.faults()] {
                faults.clear();
                faults.on("").late(latency);
            }
            let row = compare(&world, *size, latency)?;
            row.print(idle)?;
            rows.push(row);
        }
    }
    report::verdict(&rows, idle)
}

/// As many members as accounts, all of them in step: what a run finds nearly every time.
async fn world(size: usize) -> Outcomes<RunningWorld> {
    let world = World::new("example.org").group("/matrix-users").members(size, "person-").accounts(size, "person-");
    Ok(world.token_owner("person-00000").start().await?)
}

/// Both, in turns; the first of each warms up.
fn compare(world: &RunningWorld, size: usize, latency: Duration) -> Outcomes<Row> {
    for requests in [world.keycloak.requests(), world.synapse.requests()] {
        requests.clear();
    }
    program(world)?;
    let asked = world.keycloak.requests().all().len() + world.synapse.requests().all().len();
    let lanes = bare::lanes(world);
    let file = world.directory().join("lanes.json");
    std::fs::write(&file, serde_json::to_vec(&lanes)?)?;
    let mut rounds = Vec::new();
    for _ in 0..if size < LONG { ROUNDS } else { 1 } {
        rounds.push((bare(&file)?, program(world)?));
    }
    Ok(Row { size, latency, rounds, asked, asked_by_bare: lanes.iter().map(Lane::requests).sum() })
}

fn program(world: &RunningWorld) -> Outcomes<Measured> {
    let mut command = Command::new(PROGRAM);
    command.args(["plan", "--format", "json", "--out"]).arg(world.directory().join("plan.json"));
    let own = ("RUNTIME_DIRECTORY".to_owned(), world.directory().display().to_string());
    child::run(command.env_clear().envs(world.env(Auth::ClientCredentials).into_iter().chain([own])))
}

fn bare(lanes: &Path) -> Outcomes<Measured> {
    child::run(Command::new(std::env::current_exe()?).arg(bare::NAME).arg(lanes))
}
