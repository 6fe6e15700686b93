//! SIGKILL at any moment of a run: the next run completes the changes, and the history of both is
//! true.
//!
//! A run of 200 actions (150 disables, 50 activations) is killed at a random moment: while it
//! reads, between actions, during some, or while it waits for confirmation. Then `sync` runs again.
//! The servers' request logs show what each run did. A record is
//!
//! - **lost** if a run requested a change of an account and its history has no begun action for
//!   this account; or if a run has only some of the actions of its plan in its history;
//! - **doubled** if a run has two actions for one account; if the history says that an action has
//!   ended and the run did not request exactly its two changes, each once; or if the next run
//!   records or requests what the servers already showed when it began.
//!
//! Half of the runs die with all their child processes, and the next run begins once the servers
//! are idle: it is certain what was left to do. The other half die alone, while mas-cli goes on for
//! a moment, and the next run begins at once, as under a service manager. Each run may then request
//! a change that is under way.

mod lifecycle;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use matrix_keycloak_sync::standins::world::{MasUserState, ServerStates};
use matrix_keycloak_sync::standins::{RunningWorld, StandInServer};
use serde_json::Value;

use crate::harness::{
    NO_LIMITS, Program, Way, account, executable, group, program_by, settings, started,
};
use crate::random::{Random, rounds};
use crate::sections::state_file;

/// How many accounts are disabled, are activated, and stay.
const OUTSIDERS: usize = 150;
const RETURNERS: usize = 50;
const STAYERS: usize = 10;
/// Kills for each writer, unless the variable `KILLS` has another number.
const KILLS: usize = 2;
/// With this many kills, some come while accounts are changed.
const ENOUGH_FOR_EVERY_PHASE: usize = 15;

/// Does what mas-cli does to its database, in a shell that starts within a millisecond, because a
/// run calls it 400 times. The query says in the stand-in's log which run called.
const LIGHT_MAS_CLI: &str = r#"#!/bin/bash
run=$1
case "$*" in *--version*) echo "mas-cli v1.22.0"; exit 0 ;; esac
for name; do :; done
command=$5 option=false
case $6 in --deactivate|--reactivate) call=$5$6 option=true ;; *) call=$5 ;; esac
case $5 in
    lock-user) more="\"deactivate\": $option" ;;
    unlock-user) more="\"reactivate\": $option" ;;
    kill-sessions) more="\"dry_run\": false" ;;
    register-user)
        while [ $# -gt 1 ]; do
            case $1 in
                -d) displayname=$2 ;;
                -e) email=$2 ;;
                -m) link="{\"provider\": \"${2%%:*}\", \"subject\": \"${2#*:}\"}" ;;
            esac
            shift
        done
        more="\"displayname\": \"$displayname\", \"emails\": [\"$email\"], \"links\": [$link], \"admin\": false" ;;
    *) more="\"option\": false" ;;
esac
body="{\"command\": \"$command\", \"username\": \"$name\", $more}"
exec 3<>/dev/tcp/HOST/PORT
printf 'POST /stand-in/manage?%s&%s&%s HTTP/1.1\r\nHost: mas\r\nConnection: close\r\n' "$run" "$name" "$call" >&3
printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >&3
while read -r line <&3; do :; done
case $line in *'"error":null'*) exit 0 ;; esac
echo "Error: ${line#*\"error\":}" >&2
exit 1
"#;

/// A change requested from MAS: by which run, for which account, and which change.
type Call = (usize, String, String);

/// A world with 200 actions to do, and the writer that does them.
struct Scene {
    world: RunningWorld,
    way: Way,
    mas_cli: String,
}

impl Scene {
    async fn new(writer: &'static str) -> Self {
        let people = group().members(STAYERS, "m").accounts(STAYERS, "m").leavers(OUTSIDERS, "x");
        let returners = (0..RETURNERS).map(|number| format!("r{number:05}"));
        let world =
            returners.fold(people, |world, name| world.member(&name).disabled_account(&name));
        let world = started(world).await;
        for name in names(STAYERS, 'm').chain(names(OUTSIDERS, 'x')) {
            world.login(&name).expect("an active account");
        }
        Self::of(world, writer)
    }

    fn of(world: RunningWorld, writer: &'static str) -> Self {
        // The shell sends no password.
        world.mas.state().settings.database_password = None;
        let address = world.mas.server().address();
        let text =
            LIGHT_MAS_CLI.replace("HOST", "127.0.0.1").replace("PORT", &address.port().to_string());
        let mas_cli = executable(&world, "light-mas-cli", &text).display().to_string();
        Self { world, way: Way { writer, source: "synapse" }, mas_cli }
    }

    /// The program as the `run`th run.
    fn program(&self, run: usize) -> Program {
        let toml = format!(
            "{}{}[writer.mas_cli]\ncommand = [{:?}, \"{run}\"]\nconcurrency = 4\n{NO_LIMITS}",
            state_file(&self.world),
            settings(&self.world, self.way),
            self.mas_cli,
        );
        program_by(&self.world, self.way, "").file(&self.world, &toml)
    }

    fn by_mas_cli(&self) -> bool {
        self.way.writer == "mas-cli"
    }

    /// The listener that the writer talks to.
    fn server(&self) -> &StandInServer {
        if self.by_mas_cli() { self.world.mas.server() } else { self.world.mas.admin() }
    }

    /// Waits until all requests of a killed process are handled.
    async fn hung_up(&self) {
        // Connections are handled in order: if this one is answered, no earlier one is waiting.
        let mut own = TcpStream::connect(self.server().address()).expect("it listens");
        own.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a connection");
        own.read_to_end(&mut Vec::new()).expect("an answer");
        drop(own);
        while self.server().open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns all requested changes. From index `second` on, requests to the Admin API are the
    /// second run's.
    fn calls(&self, second: usize) -> Vec<Call> {
        let seen = self.server().requests().all().into_iter().enumerate();
        seen.filter_map(|(place, seen)| {
            if self.by_mas_cli() {
                let mut words = seen.query.split('&').map(str::to_owned);
                let run = words.next()?.parse().ok()?;
                return (seen.path == "/stand-in/manage").then_some((
                    run,
                    words.next()?,
                    words.next()?,
                ));
            }
            let (id, what) = seen.path.strip_prefix("/api/admin/v1/users/")?.split_once('/')?;
            let name = self.world.mas.state().user_by_id(id)?.username.clone();
            (seen.method == "POST")
                .then(|| (if place < second { 1 } else { 2 }, name, what.to_owned()))
        })
        .collect()
    }

    /// Returns the two changes of an action for this account.
    fn changes(&self, name: &str) -> [&'static str; 2] {
        match (self.by_mas_cli(), is_outsider(name)) {
            (true, true) => ["lock-user--deactivate", "kill-sessions"],
            (true, false) => ["unlock-user", "unlock-user--reactivate"],
            (false, true) => ["lock", "deactivate"],
            (false, false) => ["unlock", "reactivate"],
        }
    }

    /// Returns the accounts to change that are in the state they should be in.
    fn there(&self) -> BTreeSet<String> {
        to_change().filter(|name| self.world.state_of(name) == wanted(name)).collect()
    }

    /// Returns the numbers of the runs, and whether each has ended.
    fn runs(&self) -> BTreeMap<u64, bool> {
        let history = self.program(0).run("history --format json").exits(0).json();
        let runs = history["runs"].as_array().expect("a list").iter();
        runs.map(|run| (run["run"].as_u64().expect("a number"), run["ended"].is_string())).collect()
    }

    /// Returns the actions of a run by account; no account has two.
    fn records(&self, run: u64) -> BTreeMap<String, Value> {
        let history = self.program(0).run(&format!("history {run} --format json")).exits(0).json();
        let actions = history["actions"].as_array().expect("a list");
        let name = |action: &Value| {
            let user_id = action["user_id"].as_str().expect("a text");
            user_id[1..].split(':').next().expect("a localpart").to_owned()
        };
        let records: BTreeMap<_, _> =
            actions.iter().map(|action| (name(action), action.clone())).collect();
        assert_eq!(records.len(), actions.len(), "run {run} has two records of one account");
        records
    }

    /// Compares the history of one run with its requests: no record is lost or doubled.
    fn check(&self, records: &BTreeMap<String, Value>, calls: &[Call], run: usize) {
        let mut asked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (_, name, what) in calls.iter().filter(|(of, ..)| *of == run) {
            asked.entry(name).or_default().push(what);
        }
        for (name, asked) in &asked {
            let begun = records.get(*name).is_some_and(|record| record["begun"].is_string());
            assert!(begun, "run {run} asked for {asked:?} of {name}, and has no record of it");
        }
        for (name, record) in records {
            let asked = asked.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let changes = self.changes(name);
            match (
                record["begun"].is_string(),
                record["ended"].is_string(),
                record["outcome"].as_str(),
            ) {
                (false, _, Some("skipped")) => assert_eq!(asked, [""; 0], "run {run}: {record}"),
                (true, false, Some("interrupted")) => {
                    assert!(changes.starts_with(asked), "run {run}: {record}, {asked:?}");
                }
                (true, true, Some("scheduled" | "done")) => {
                    assert_eq!(asked, changes, "run {run}: {record}");
                }
                _ => unreachable!("run {run}: {record}"),
            }
        }
    }
}

fn names(count: usize, prefix: char) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{prefix}{number:05}"))
}

fn to_change() -> impl Iterator<Item = String> {
    names(OUTSIDERS, 'x').chain(names(RETURNERS, 'r'))
}

fn is_outsider(name: &str) -> bool {
    name.starts_with('x')
}

/// The state of an account in the end.
fn wanted(name: &str) -> ServerStates {
    let outside = is_outsider(name);
    account(outside, outside)
}

/// What a run was doing when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Reading,
    Acting,
    Confirming,
}

/// The totals of all kills, printed at the end.
#[derive(Default)]
struct Figures {
    phases: BTreeMap<Phase, usize>,
    half_done: usize,
    interrupted: usize,
    left_to_the_next: usize,
}

/// Kills it, with all its child processes if `with_all`. Returns whether it was still running.
fn kill(child: &mut Child, with_all: bool) -> bool {
    let mut targets = vec![child.id().to_string()];
    if with_all {
        // A stopped run starts no others.
        send("STOP", &targets);
        for process in children(child.id()) {
            // It leads a group of its own, unless it has only just begun.
            targets.extend([format!("-{process}"), process]);
        }
    }
    send("KILL", &targets);
    child.wait().expect("a child of ours").signal() == Some(9)
}

fn send(signal: &str, targets: &[String]) {
    // If a process has ended by itself, there may be nothing left to signal; its exit status shows
    // that.
    let _ = Command::new("kill")
        .args(["-s", signal, "--"])
        .args(targets)
        .stderr(Stdio::null())
        .status()
        .expect("kill");
}

/// Returns the child processes of all threads of a process.
fn children(process: u32) -> Vec<String> {
    let threads =
        std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of_thread =
        |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
    let children = threads.filter_map(|thread| of_thread(thread).ok());
    children
        .flat_map(|children| children.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Kills one run after `moment`, and does the next one. `None` if it had ended before.
async fn killed_once(
    writer: &'static str,
    moment: Duration,
    at_rest: bool,
    figures: &mut Figures,
) -> Option<()> {
    let scene = Scene::new(writer).await;
    let mut child = scene.program(1).start("sync");
    tokio::time::sleep(moment).await;
    if !kill(&mut child, at_rest) {
        return None;
    }
    if at_rest || !scene.by_mas_cli() {
        scene.hung_up().await;
    }
    if at_rest {
        assert!(scene.world.settle().await);
    }
    let (second, there) = (scene.server().requests().all().len(), scene.there());
    let untouched = |name: &String| scene.world.state_of(name) == before(name);
    let half_done = to_change().filter(|name| !there.contains(name) && !untouched(name)).count();
    let runs = scene.runs();
    let first: BTreeMap<_, _> = runs.keys().flat_map(|run| scene.records(*run)).collect();

    scene.program(2).run("sync --format json").exits(0);
    assert!(scene.world.settle().await);
    let now = scene.there();
    let left: Vec<_> = to_change().filter(|name| !now.contains(name)).collect();
    assert_eq!(
        left,
        [""; 0],
        "left by the next run: {:?}",
        left.first().map(|name| scene.world.state_of(name))
    );
    scene.program(0).run("plan --detailed-exitcode").exits(0);
    let stays = ServerStates {
        mas: Some(MasUserState { sessions: 1, locked: false, deactivated: false }),
        ..account(false, false)
    };
    assert!(names(STAYERS, 'm').all(|name| scene.world.state_of(&name) == stays));

    let calls = scene.calls(second);
    assert!(
        runs.len() <= 1 && (first.is_empty() || first.len() == OUTSIDERS + RETURNERS),
        "{} records",
        first.len()
    );
    scene.check(&first, &calls, 1);
    let new: Vec<u64> = scene.runs().into_keys().filter(|run| !runs.contains_key(run)).collect();
    let records: BTreeMap<_, _> = new.iter().flat_map(|run| scene.records(*run)).collect();
    scene.check(&records, &calls, 2);
    assert!(
        new.len() <= 1 && records.values().all(|record| record["outcome"] == "done"),
        "{records:?}"
    );
    for (name, record) in &first {
        assert!(
            record["outcome"] != "done" || there.contains(name),
            "recorded as done, and it was not: {record}"
        );
    }
    if at_rest {
        let left: BTreeSet<String> = to_change().filter(|name| !there.contains(name)).collect();
        assert_eq!(
            records.into_keys().collect::<BTreeSet<_>>(),
            left,
            "what was left is what the next run records"
        );
    }
    if runs.values().any(|ended| !ended) {
        scene.program(0).run("history").exits(0).prints(&["interrupted"]);
    }

    let is_over = |record: &Value| record["ended"].is_string();
    let phase = match first.values().filter(|record| is_over(record)).count() {
        0 if first.is_empty() => Phase::Reading,
        over if over == first.len() => Phase::Confirming,
        _ => Phase::Acting,
    };
    *figures.phases.entry(phase).or_default() += 1;
    figures.half_done += half_done;
    figures.interrupted +=
        first.values().filter(|record| record["outcome"] == "interrupted").count();
    figures.left_to_the_next += OUTSIDERS + RETURNERS - there.len();
    Some(())
}

/// The state of an account before any run.
fn before(name: &str) -> ServerStates {
    if is_outsider(name) {
        ServerStates {
            mas: Some(MasUserState { sessions: 1, locked: false, deactivated: false }),
            ..account(false, false)
        }
    } else {
        account(true, true)
    }
}

/// Kills at moments spread over the whole run, each at random within its part.
async fn killed_at_any_moment(writer: &'static str) {
    let (start, mut random, mut figures) =
        (Instant::now(), Random::new(writer), Figures::default());
    let scene = Scene::new(writer).await;
    let calm = Instant::now();
    scene.program(1).run("sync").exits(0);
    let whole = calm.elapsed();
    let kills = rounds("KILLS", KILLS);
    for number in 0..kills {
        let part = u32::try_from(number * 1000 + random.below(1000)).expect("few kills");
        let mut moment = whole * part / u32::try_from(kills * 1000).expect("few kills");
        let at_rest = random.either();
        // Runs end sooner if the machine is less busy than before.
        while killed_once(writer, moment, at_rest, &mut figures).await.is_none() {
            moment = moment * 9 / 10;
        }
    }
    let Figures { phases, half_done, interrupted, left_to_the_next } = figures;
    println!(
        "kill -9, {writer}: {kills} runs of {} actions ({whole:.1?} each) killed {phases:?}; {half_done} accounts half done, \
         {interrupted} records interrupted, {left_to_the_next} actions left to the next run; none lost, none doubled; {:.0?}",
        OUTSIDERS + RETURNERS,
        start.elapsed()
    );
    // A few kills may all come before or after the actions, if the machine was busier at first.
    assert!(kills < ENOUGH_FOR_EVERY_PHASE || phases.contains_key(&Phase::Acting), "{phases:?}");
}

#[tokio::test]
async fn a_run_by_mas_cli_that_is_killed_at_any_moment_is_finished_by_the_next() {
    killed_at_any_moment("mas-cli").await;
}

#[tokio::test]
async fn a_run_by_the_admin_api_that_is_killed_at_any_moment_is_finished_by_the_next() {
    killed_at_any_moment("mas-api").await;
}
