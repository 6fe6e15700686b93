//! `watch` on real servers: how long a door stays open after its owner has left the group, and whether anything can keep
//! it from being in step in the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::time::sleep;

use crate::Outcome;
use crate::program::{Settings, start};
use crate::scene::{GROUP, Plot, Scene, plot};

/// Who leaves, one after the other.
const LEAVERS: usize = 10;
/// How soon a session has to be refused at the median.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two full runs where there are no events.
const INTERVAL: Duration = Duration::from_secs(4);
/// A full run may just have begun, is a tenth late by jitter, and takes a moment.
const SLACK: Duration = Duration::from_secs(3);

fn numbered(letter: char, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{letter}{number:02}")).collect()
}

/// Everybody is a member with an account and a session, and the realm saves its admin events.
fn with_events(topic: &str, names: &[String]) -> Plot {
    let names = names.join(" ");
    plot(topic).realm("adminEventsEnabled", true).reader_may("view-events").members(&names).accounts(&names)
}

/// A `watch` that has made its first run.
struct Watching {
    child: Child,
    log: std::path::PathBuf,
}

impl Watching {
    async fn start(scene: &Scene, settings: &Settings) -> Outcome<Self> {
        let settings = settings.clone().set("watch.listen", "off").set("limits.max_activate", 1000);
        let child = start(scene.directory.path(), &settings, &["watch", "--color", "never"])?;
        let watching = Self { child, log: scene.directory.path().join("watch.log") };
        let began = Instant::now();
        while !watching.told().contains("in step") {
            if began.elapsed() > Duration::from_mins(1) {
                return Err(format!("no first run:\n{}", watching.told()).into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(watching)
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its resident memory in KiB.
    fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().ok_or("it has ended")?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Ends it as a service manager does.
    async fn stop(mut self) -> Outcome<Option<i32>> {
        let id = self.child.id().ok_or("it has ended")?.to_string();
        tokio::process::Command::new("kill").args(["-TERM", &id]).status().await?;
        Ok(self.child.wait().await?.code())
    }
}

/// How long the session of somebody goes on after they have left the group.
async fn shut_out_after(scene: &Scene, name: &str) -> Outcome<Duration> {
    let session = scene.log_in(name).await?;
    assert_eq!(scene.whoami(&session).await?, 200);
    scene.leave(name).await?;
    let left = Instant::now();
    while scene.whoami(&session).await? != 401 {
        if left.elapsed() > Duration::from_mins(1) {
            return Err(format!("{name}'s session goes on").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(left.elapsed())
}

fn printed(times: &[Duration]) -> String {
    times.iter().map(|time| format!("{:.1}", time.as_secs_f64())).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_session_is_refused_within_seconds_of_leaving_the_group() -> Outcome {
    let (names, stays) = (numbered('p', LEAVERS), "stays".to_owned());
    let scene = with_events("door", &[names.clone(), vec![stays]].concat()).open().await?;
    let settings = scene.settings().set("watch.events_every", "1s").set("watch.interval", "1h");
    let watching = Watching::start(&scene, &settings).await?;
    let mut times = Vec::new();
    for name in &names {
        times.push(shut_out_after(&scene, name).await?);
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("watch: sessions refused after {} s, median {:.1} s", printed(&times), median.as_secs_f64());
    assert!(median <= WITHIN, "{}", watching.told());
    assert_eq!(scene.states("stays").await?, ["stays: active"]);
    scene.settles(&names[LEAVERS - 1], "deactivated, locked").await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn without_events_a_session_is_refused_within_the_interval() -> Outcome {
    let names = numbered('p', 3);
    let scene = plot("silent").members(&format!("{} stays", names.join(" ")));
    let scene = scene.accounts(&format!("{} stays", names.join(" "))).open().await?;
    let interval = humantime::format_duration(INTERVAL).to_string();
    let settings = scene.settings().set("watch.events_every", "off").set("watch.interval", interval);
    let watching = Watching::start(&scene, &settings).await?;
    let mut times = Vec::new();
    for name in &names {
        times.push(shut_out_after(&scene, name).await?);
    }
    println!("watch: without events, every {INTERVAL:?}: sessions refused after {} s", printed(&times));
    assert!(times.iter().all(|time| *time <= INTERVAL.mul_f64(1.1) + SLACK), "{}", watching.told());
    assert_eq!(scene.states("stays").await?, ["stays: active"]);
    Ok(())
}

/// Who comes and goes, and who stays, while the servers are restarted.
const RESTLESS: usize = 6;
const STAYERS: usize = 6;
/// What `watch` may have grown by at its end, in KiB: what it keeps does not grow, what an allocator keeps may a little.
const GROWTH: u64 = 8 << 10;

#[tokio::test]
#[ignore = "needs servers that are restarted meanwhile: tests/real-servers.sh --soak restarts them"]
async fn soak_whatever_is_restarted_it_is_in_step_in_the_end_and_nobody_wrong_was_disabled() -> Outcome {
    let seconds = std::env::var("E2E_SOAK_SECONDS")?.parse()?;
    let (restless, stayers) = (numbered('r', RESTLESS), numbered('s', STAYERS));
    let scene = with_events("soak", &[restless.clone(), stayers.clone()].concat()).open().await?;
    let state = scene.directory.path().join("state.db");
    let settings = scene
        .settings()
        .set("state_file", state.to_string_lossy())
        .set("watch.events_every", "1s")
        .set("watch.interval", "20s")
        .set("writer.confirm_timeout", "10s")
        .set("limits.max_disable_percent", 100);
    let watching = Watching::start(&scene, &settings).await?;
    println!("soak: begun");
    let (moves, early) = come_and_go(&scene, &watching, &restless, Duration::from_secs(seconds)).await?;
    let late = watching.memory()?;
    every_server_is_up(&scene).await?;
    for name in &restless[..RESTLESS / 2] {
        scene.leave(name).await?;
    }
    for name in &restless[RESTLESS / 2..] {
        scene.join(name).await?;
    }
    let names = [restless.clone(), stayers].concat().join(" ");
    let expected = names.split(' ').map(|name| {
        let is_out = restless[..RESTLESS / 2].iter().any(|out| out == name);
        format!("{name}: {}", if is_out { "deactivated, locked" } else { "active" })
    });
    let expected: Vec<_> = expected.collect();
    let settled = in_step(&scene, &names, &expected).await?;
    let told = watching.told();
    assert_eq!(settled, expected, "{told}");
    let failures = told.matches("the run failed").count();
    let exit = watching.stop().await?;
    let (runs, disabled) = history(&scene, &settings).await?;
    println!(
        "soak: {seconds} s, {moves} joins and leaves, {failures} runs failed, {runs} runs changed something, memory {early} \
         KiB after the first quarter and {late} KiB at the end, wrong disables {}",
        disabled.iter().filter(|name| name.starts_with('s')).count()
    );
    assert!(disabled.iter().all(|name| name.starts_with('r')), "{disabled:?}");
    assert!(late <= early + GROWTH, "it grew from {early} to {late} KiB");
    assert_eq!(exit, Some(0), "{told}");
    Ok(())
}

/// Has the restless leave and join, whoever answers; gives how often that went well, and the memory after a quarter.
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

/// Says that enough was restarted, and waits until all are up.
async fn every_server_is_up(scene: &Scene) -> Outcome {
    let directory = std::env::var("E2E_SOAK_DIRECTORY")?;
    let directory = Path::new(&directory);
    std::fs::write(directory.join("soak-enough"), "")?;
    while !directory.join("soak-all-up").exists() {
        sleep(Duration::from_millis(200)).await;
    }
    scene.servers.keycloak.ask(Method::GET, &format!("/{}/group-by-path/{GROUP}", scene.realm()), None).await.map(drop)
}

/// The states once they are what is expected, or what they are two minutes later.
async fn in_step(scene: &Scene, names: &str, expected: &[String]) -> Outcome<Vec<String>> {
    let began = Instant::now();
    loop {
        let states = scene.states(names).await?;
        if states == expected || began.elapsed() > Duration::from_mins(2) {
            return Ok(states);
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// How many runs there were, and whom they disabled.
async fn history(scene: &Scene, settings: &Settings) -> Outcome<(usize, BTreeSet<String>)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let runs = list(&scene.run(settings, &["history", "--format", "json"]).await?.json()?["runs"]);
    let mut disabled = BTreeSet::new();
    for run in &runs {
        let run = scene.run(settings, &["history", &run["run"].to_string(), "--format", "json"]).await?.json()?;
        for action in list(&run["actions"]) {
            let name = action["user_id"].as_str().unwrap_or_default();
            let name = name.trim_start_matches('@').split(':').next().unwrap_or_default();
            if action["action"] == json!("disable") && !action["begun"].is_null() {
                disabled.insert(name.strip_prefix(&scene.full("")).unwrap_or(name).to_owned());
            }
        }
    }
    Ok((runs.len(), disabled))
}
