//! A running `watch`, and what a test can ask it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Program, Run, write};
use crate::secrets::Secrets;

/// Longer than anything takes on any machine, two tries at a server that hangs included.
const PATIENCE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(20);

/// Shorter intervals than in production; [`start`] replaces port 0.
pub(crate) const QUICK: &str = "[watch]\ninterval = \"1h\"\nevents_every = \"1s\"\nmembers_every = \"off\"\n\
    accounts_every = \"off\"\nlisten = \"127.0.0.1:0\"\n";

/// Labels of runs by their result.
pub(crate) const IN_STEP: &str = "result=\"in_step\"";
pub(crate) const INCOMPLETE: &str = "result=\"incomplete\"";
pub(crate) const FAILED: &str = "result=\"failed\"";

/// A `watch` in a process of its own; dropping it kills it.
pub(crate) struct Watching {
    child: Child,
    log: PathBuf,
    secrets: Secrets,
    address: String,
}

/// Starts it; `program` has its configuration, which is given a free port instead of port 0.
pub(crate) fn start(world: &RunningWorld, program: Program) -> Watching {
    start_with(world, program, "watch --color never")
}

/// Does the same with these arguments.
pub(crate) fn start_with(world: &RunningWorld, program: Program, arguments: &str) -> Watching {
    let log = world.directory().join("watch.log");
    let address = format!("{}:{}", Ipv4Addr::LOCALHOST, free_port());
    let config =
        std::fs::read_to_string(world.directory().join("config.toml")).expect("a configuration");
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    let config = config.replace("\"127.0.0.1:0\"", &format!("{address:?}"));
    write(world, "config.toml", &config.replace("\"0.0.0.0:0\"", &format!("{everywhere:?}")));
    let (child, secrets) = program.start_logging(arguments, &log);
    Watching { child, log, secrets, address }
}

/// Returns a free port that no other test gets, and that the system gives to no connection.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Below the ports for connections, and at another place for each process.
    let (first, ports) = (16_384, 16_384);
    loop {
        let number =
            process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(first + number % ports).expect("less than 32,768");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Waits until the condition is true, or says what never came.
pub(crate) async fn until_so(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE, "it never came that {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

impl Watching {
    /// Returns everything it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Returns how often it has logged this.
    pub(crate) fn times(&self, part: &str) -> usize {
        self.log().matches(part).count()
    }

    /// Checks that it has logged this.
    #[track_caller]
    pub(crate) fn has_logged(&self, part: &str) {
        assert!(self.times(part) > 0, "no {part:?} in\n{}", self.log());
    }

    /// Returns how many runs with this label have ended: `kind="full"`, `result="failed"`, or both.
    pub(crate) async fn runs(&self, label: &str) -> usize {
        let (_, text) = self.ask("/metrics").await.unwrap_or_default();
        let runs = text.lines().filter_map(|line| {
            let (labels, count) =
                line.strip_prefix("matrix_keycloak_sync_runs_total{")?.split_once('}')?;
            labels.contains(label).then(|| count.trim().parse::<usize>().expect("a count"))
        });
        runs.sum()
    }

    /// Waits until this many runs with this label have ended.
    pub(crate) async fn has_run(&self, label: &str, times: usize) {
        let begin = Instant::now();
        while self.runs(label).await < times {
            assert!(begin.elapsed() < PATIENCE, "no {times} runs with {label}:\n{}", self.log());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the address of its listener: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the answer of its listener, or nothing while there is none.
    pub(crate) async fn ask(&self, path: &str) -> Option<(u16, String)> {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Checks that log, page and status give this advice instead of a command that approves.
    pub(crate) async fn offers_no_approval(&self, advice: &str) {
        let (_, page) = self.ask("/").await.expect("a page");
        let (_, json) = self.ask("/status.json").await.expect("a status");
        for text in [&self.log(), &page, &json] {
            assert!(text.contains(advice), "{text}");
            for approving in ["--approve", "if it is right:", "If it is right, run"] {
                assert!(!text.contains(approving), "{text}");
            }
        }
    }

    /// Waits until it is ready.
    pub(crate) async fn is_ready(&self) {
        let begin = Instant::now();
        while self.ask("/readyz").await.is_none_or(|(status, _)| status != 200) {
            assert!(begin.elapsed() < PATIENCE, "never ready:\n{}", self.log());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until it is not ready, and returns the reason.
    pub(crate) async fn is_not_ready(&self) -> String {
        let begin = Instant::now();
        loop {
            match self.ask("/readyz").await {
                Some((503, why)) if !why.contains("first run") => return why,
                _ => assert!(begin.elapsed() < PATIENCE, "ready all the time:\n{}", self.log()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns a sample of its metrics.
    pub(crate) async fn metric(&self, sample: &str) -> Option<f64> {
        let (_, text) = self.ask("/metrics").await?;
        let value = |line: &str| {
            line.strip_prefix("matrix_keycloak_sync_")?.strip_prefix(sample)?.trim().parse().ok()
        };
        text.lines().find_map(value)
    }

    /// Waits until this many actions are done and confirmed.
    pub(crate) async fn has_done(&self, actions: f64) {
        let begin = Instant::now();
        loop {
            let mut done = 0.0;
            for action in ["activate", "disable"] {
                let sample = format!("actions_total{{action={action:?},outcome=\"done\"}}");
                done += self.metric(&sample).await.unwrap_or_default();
            }
            if done >= actions {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{done} of {actions} done:\n{}", self.log());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Ends it with SIGTERM and returns the exit code, if no secret is in its log.
    pub(crate) fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> i32 {
        let code = self.child.wait().expect("it ends").code().expect("no signal");
        let run = Run { code, stdout: String::new(), stderr: self.log() };
        self.secrets.assert_absent("watch", &run);
        code
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
