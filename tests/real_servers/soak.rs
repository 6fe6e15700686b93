//! `watch` for a long time, while users come and go, administrators change accounts by hand, users
//! outside the group register, a directory is down now and then, and every server is restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::try_join3;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Outcome;
use crate::directory::federation::{Federation, Mode};
use crate::directory::slapd::Slapd;
use crate::program::Settings;
use crate::scene::{GROUP, Scene};
use crate::watch::{Watching, numbered, with_events};

/// How much larger `watch` may be at its end, in KiB: it keeps no more data, but an allocator may
/// keep a little more.
const GROWTH: u64 = 8 << 10;
/// How soon an account of a user outside the group has to be closed at the median.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);
/// A short soak restarts every server while it registers a few accounts, which says nothing about a
/// median.
const ENOUGH_FOR_A_MEDIAN: usize = 20;
/// How long the test waits for an account to be closed.
const LONGEST: Duration = Duration::from_mins(2);
/// Users are imported into Keycloak, and their groups read from the directory.
const MODE: Mode = Mode { name: "soak", import: true, groups: "READ_ONLY" };

/// The users of the soak, grouped by what happens to them.
struct Cast {
    /// Members who leave and join.
    restless: Vec<String>,
    /// Members who are renamed, and stay.
    renamed: Vec<String>,
    /// Members whose accounts are locked by hand, and stay locked.
    locked: Vec<String>,
    /// Members whose accounts are deactivated by hand, and are activated again.
    deactivated: Vec<String>,
    /// Federated members, who stay.
    of_directory: Vec<String>,
    /// Users outside the group whose accounts are locked by hand, and stay locked.
    outsiders: Vec<String>,
}

impl Cast {
    fn new() -> Self {
        let [restless, renamed, locked, deactivated, of_directory, outsiders] =
            [('r', 6), ('s', 4), ('l', 3), ('h', 2), ('d', 3), ('o', 2)]
                .map(|(letter, count)| numbered(letter, count));
        Self { restless, renamed, locked, deactivated, of_directory, outsiders }
    }

    /// The first half of the restless members is outside at the end.
    fn out(&self) -> &[String] {
        &self.restless[..self.restless.len() / 2]
    }

    /// Every account that exists at the start, with its state at the end.
    fn expected(&self) -> Vec<(String, String)> {
        let is_in = self.restless.iter().filter(|name| !self.out().contains(name));
        let active = is_in.chain(&self.renamed).chain(&self.deactivated).chain(&self.of_directory);
        let active = active.map(|name| (name.clone(), "active"));
        let locked = self.locked.iter().chain(&self.outsiders).map(|name| (name.clone(), "locked"));
        let out = self.out().iter().map(|name| (name.clone(), "deactivated, locked"));
        active.chain(locked).chain(out).map(|(name, state)| (name, state.to_owned())).collect()
    }
}

#[tokio::test]
#[ignore = "needs servers that are restarted meanwhile: tests/real-servers.sh --soak restarts them"]
async fn soak_ends_in_step_without_wrong_disables_or_activations() -> Outcome {
    let seconds = std::env::var("E2E_SOAK_SECONDS")?.parse()?;
    let lasting = Duration::from_secs(seconds);
    let cast = Cast::new();
    let members = [&cast.restless, &cast.renamed, &cast.locked, &cast.deactivated]
        .map(|names| names.join(" "))
        .join(" ");
    let members: Vec<_> = members.split(' ').map(ToOwned::to_owned).collect();
    let plot =
        with_events("soak", &members).realm("editUsernameAllowed", true).reader_may("view-realm");
    let plot = plot.outsiders(&cast.outsiders.join(" ")).locked(&cast.outsiders.join(" "));
    let mut scene = plot.accounts(&cast.of_directory.join(" ")).open().await?;
    let newcomers = format!("/{}x[0-9]+/", scene.full(""));
    scene.and(&newcomers);
    let mut slapd = Slapd::start().await?;
    let in_directory: Vec<_> = cast.of_directory.iter().map(|name| scene.full(name)).collect();
    slapd.add_people(&in_directory).await?;
    slapd.add_group(GROUP, &in_directory).await?;
    let federation = Federation::with(&slapd, &scene.servers.keycloak, scene.realm(), MODE).await?;
    for name in &in_directory {
        federation.remember(name).await?;
    }

    let settings = scene
        .settings()
        .set("state_file", scene.directory.path().join("state.db").to_string_lossy())
        .set("watch.events_every", "1s")
        .set("watch.interval", "20s")
        .set("writer.confirm_timeout", "10s")
        .set("limits.max_disable_percent", 100);
    let watching = Watching::start(&scene, &settings).await?;
    std::fs::write(directory()?.join("soak-begun"), "")?;
    println!("soak: begun");
    let ((moves, early), by_hand, closed) = try_join3(
        come_and_go(&scene, &watching, &cast.restless, lasting),
        change_by_hand(&scene, &cast, &mut slapd, lasting),
        register_outsiders(&scene, lasting),
    )
    .await?;
    let late = watching.memory()?;
    every_server_is_up(&scene).await?;
    come_to_rest(&scene, &cast).await?;

    let expected = cast.expected();
    let settled = in_step(&scene, &expected).await?;
    let log = watching.log();
    assert_eq!(settled, expected, "{log}");
    let failures = log.matches("the run failed").count();
    let exit = watching.stop().await?;
    let past = Past::of(&scene, &settings).await?;
    let (wrong_disables, wrong_activations) =
        (past.wrong("disable", "rx"), past.wrong("activate", "rh"));
    let median = median(&closed);
    println!(
        "soak: {seconds} s, {moves} joins and leaves, {by_hand} changes by hand, {} accounts registered by outsiders and \
         closed after {:.1} s at the median, {failures} runs failed, {} runs changed something, memory {early} KiB after \
         the first quarter and {late} KiB at the end, wrong disables {}, wrong activations {}",
        closed.len(),
        median.as_secs_f64(),
        past.runs,
        wrong_disables.len(),
        wrong_activations.len(),
    );
    assert_eq!((wrong_disables, wrong_activations), (BTreeSet::new(), BTreeSet::new()), "{log}");
    assert!(
        closed.len() < ENOUGH_FOR_A_MEDIAN || median <= CLOSED_WITHIN,
        "closed after {closed:?}"
    );
    assert!(late <= early + GROWTH, "it grew from {early} to {late} KiB");
    // 4 if the signal came while a run was under way.
    assert!(matches!(exit, Some(0 | 4)), "{exit:?}: {log}");
    Ok(())
}

/// Lets the restless members leave and join, even if a server does not answer. Returns how often
/// that worked, and the memory after a quarter of the time.
async fn come_and_go(
    scene: &Scene,
    watching: &Watching,
    restless: &[String],
    lasting: Duration,
) -> Outcome<(usize, u64)> {
    let (began, mut changes, mut early) = (Instant::now(), 0, None);
    for (round, name) in restless.iter().cycle().enumerate() {
        if began.elapsed() >= lasting {
            break;
        }
        if began.elapsed() * 4 >= lasting && early.is_none() {
            early = Some(watching.memory()?);
        }
        let leaves = (round / restless.len()).is_multiple_of(2);
        let moved = if leaves { scene.leave(name).await } else { scene.join(name).await };
        changes += usize::from(moved.is_ok());
        sleep(Duration::from_millis(700)).await;
    }
    Ok((changes, early.ok_or("it was over too soon")?))
}

/// Renames, locks, deactivates, and stops the directory for a while, at random. Returns how often
/// that worked.
async fn change_by_hand(
    scene: &Scene,
    cast: &Cast,
    slapd: &mut Slapd,
    lasting: Duration,
) -> Outcome<usize> {
    let (began, mas) = (Instant::now(), &scene.servers.mas);
    let mut names: BTreeMap<&String, String> =
        cast.renamed.iter().map(|name| (name, name.clone())).collect();
    let mut changes = 0;
    while began.elapsed() < lasting {
        let done = match fastrand::u8(..4) {
            0 => {
                let name = &cast.renamed[fastrand::usize(..cast.renamed.len())];
                let new = format!("{name}n{changes}");
                let renamed = scene.rename(&names[name], &new).await;
                if renamed.is_ok() {
                    names.insert(name, new);
                }
                renamed
            }
            1 => mas.lock(&scene.full(&cast.locked[fastrand::usize(..cast.locked.len())])).await,
            2 => {
                mas.deactivate(
                    &scene.full(&cast.deactivated[fastrand::usize(..cast.deactivated.len())]),
                )
                .await
            }
            _ => {
                slapd.stop().await?;
                sleep(Duration::from_secs(fastrand::u64(1..8))).await;
                slapd.restart().await
            }
        };
        changes += usize::from(done.is_ok());
        sleep(Duration::from_millis(fastrand::u64(500..4000))).await;
    }
    Ok(changes)
}

/// Registers accounts for users outside the group, one after the other. Returns how long each was
/// open.
async fn register_outsiders(scene: &Scene, lasting: Duration) -> Outcome<Vec<Duration>> {
    let (began, mut closed) = (Instant::now(), Vec::new());
    for number in 0.. {
        if began.elapsed() >= lasting {
            break;
        }
        let name = format!("x{number}");
        let user = json!({"username": scene.full(&name), "enabled": true});
        let path = format!("/{}/users", scene.realm());
        let is_user = scene.servers.keycloak.ask(Method::POST, &path, Some(&user)).await.is_ok();
        if !is_user || scene.servers.mas.register(&scene.full(&name)).await.is_err() {
            sleep(Duration::from_secs(1)).await;
            continue;
        }
        let registered = Instant::now();
        while !is_closed(scene, &name).await {
            if registered.elapsed() > LONGEST {
                return Err(
                    format!("the account of {name}, a user outside the group, stays open").into()
                );
            }
            sleep(Duration::from_millis(200)).await;
        }
        closed.push(registered.elapsed());
        sleep(Duration::from_millis(fastrand::u64(500..5000))).await;
    }
    Ok(closed)
}

/// Returns whether it is closed. A server that is being restarted counts as no.
async fn is_closed(scene: &Scene, name: &str) -> bool {
    scene.states(name).await.is_ok_and(|states| states[0].ends_with("locked"))
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Returns the directory in which the test and the restarting script leave signs for each other.
fn directory() -> Outcome<PathBuf> {
    Ok(std::env::var("E2E_SOAK_DIRECTORY")?.into())
}

/// Signals that enough was restarted, and waits until all servers are up.
async fn every_server_is_up(scene: &Scene) -> Outcome {
    let directory = directory()?;
    std::fs::write(directory.join("soak-enough"), "")?;
    while !directory.join("soak-all-up").exists() {
        sleep(Duration::from_millis(200)).await;
    }
    scene
        .servers
        .keycloak
        .ask(Method::GET, &format!("/{}/group-by-path/{GROUP}", scene.realm()), None)
        .await
        .map(drop)
}

/// Puts every user into the state that is expected at the end.
async fn come_to_rest(scene: &Scene, cast: &Cast) -> Outcome {
    for name in &cast.restless {
        if cast.out().contains(name) { scene.leave(name).await? } else { scene.join(name).await? }
    }
    for name in &cast.locked {
        scene.servers.mas.lock(&scene.full(name)).await?;
    }
    Ok(())
}

/// Returns the states once they are as expected, or their values two minutes later.
async fn in_step(scene: &Scene, expected: &[(String, String)]) -> Outcome<Vec<(String, String)>> {
    let names: Vec<_> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let began = Instant::now();
    loop {
        let states = scene.states(&names.join(" ")).await?;
        let states = states.iter().filter_map(|line| line.split_once(": "));
        let states: Vec<_> =
            states.map(|(name, state)| (name.to_owned(), state.to_owned())).collect();
        if states == expected || began.elapsed() > Duration::from_mins(2) {
            return Ok(states);
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// What the program did, from its history.
struct Past {
    runs: usize,
    /// Each action that was tried, with the account.
    tried: BTreeSet<(String, String)>,
}

impl Past {
    async fn of(scene: &Scene, settings: &Settings) -> Outcome<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let runs =
            list(&scene.run(settings, &["history", "--format", "json"]).await?.json()?["runs"]);
        let mut tried = BTreeSet::new();
        for run in &runs {
            let run = scene
                .run(settings, &["history", &run["run"].to_string(), "--format", "json"])
                .await?
                .json()?;
            for action in list(&run["actions"]).iter().filter(|action| !action["begun"].is_null()) {
                let name = action["user_id"].as_str().unwrap_or_default();
                let name = name.trim_start_matches('@').split(':').next().unwrap_or_default();
                let name = name.strip_prefix(&scene.full("")).unwrap_or(name).to_owned();
                tried.insert((action["action"].as_str().unwrap_or_default().to_owned(), name));
            }
        }
        Ok(Self { runs: runs.len(), tried })
    }

    /// Returns the accounts for which an action was tried, without those whose letter is in `of`.
    fn wrong(&self, action: &str, of: &str) -> BTreeSet<String> {
        let tried = self
            .tried
            .iter()
            .filter(|(kind, name)| kind == action && !name.starts_with(|c| of.contains(c)));
        tried.map(|(_, name)| name.clone()).collect()
    }
}
