//! `watch` on real servers: how long a session lasts after its user has left the group.

use std::time::{Duration, Instant};

use tokio::process::Child;
use tokio::time::sleep;

use crate::Outcome;
use crate::program::{Settings, start};
use crate::scene::{Plot, Scene, plot};

/// Users who leave, one after the other.
const LEAVERS: usize = 10;
/// How soon a session has to be refused at the median.
const WITHIN: Duration = Duration::from_secs(5);
/// The time between two full runs if there are no events.
const INTERVAL: Duration = Duration::from_secs(4);
/// A full run may just have begun, starts up to a tenth late by jitter, and takes a moment.
const SLACK: Duration = Duration::from_secs(3);

pub(crate) fn numbered(letter: char, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{letter}{number:02}")).collect()
}

/// All users are members with accounts, and the realm saves its admin events.
pub(crate) fn with_events(topic: &str, names: &[String]) -> Plot {
    let names = names.join(" ");
    plot(topic)
        .realm("adminEventsEnabled", true)
        .reader_may("view-events")
        .members(&names)
        .accounts(&names)
}

/// A `watch` that has made its first run.
pub(crate) struct Watching {
    child: Child,
    log: std::path::PathBuf,
}

impl Watching {
    pub(crate) async fn start(scene: &Scene, settings: &Settings) -> Outcome<Self> {
        let settings = settings.clone().set("watch.listen", "off").set("limits.max_activate", 1000);
        let child = start(scene.directory.path(), &settings, &["watch", "--color", "never"])?;
        let watching = Self { child, log: scene.directory.path().join("watch.log") };
        let began = Instant::now();
        while !watching.log().contains("in step") {
            if began.elapsed() > Duration::from_mins(1) {
                return Err(format!("no first run:\n{}", watching.log()).into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(watching)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its resident memory in KiB.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!(
            "/proc/{}/status",
            self.child.id().ok_or("it has ended")?
        ))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Ends it as a service manager would.
    pub(crate) async fn stop(mut self) -> Outcome<Option<i32>> {
        let id = self.child.id().ok_or("it has ended")?.to_string();
        tokio::process::Command::new("kill").args(["-TERM", &id]).status().await?;
        Ok(self.child.wait().await?.code())
    }
}

/// Returns how long the session of a user lasts after the user has left the group.
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
    println!(
        "watch: sessions refused after {} s, median {:.1} s",
        printed(&times),
        median.as_secs_f64()
    );
    assert!(median <= WITHIN, "{}", watching.log());
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
    let settings =
        scene.settings().set("watch.events_every", "off").set("watch.interval", interval);
    let watching = Watching::start(&scene, &settings).await?;
    let mut times = Vec::new();
    for name in &names {
        times.push(shut_out_after(&scene, name).await?);
    }
    println!(
        "watch: without events, every {INTERVAL:?}: sessions refused after {} s",
        printed(&times)
    );
    assert!(times.iter().all(|time| *time <= INTERVAL.mul_f64(1.1) + SLACK), "{}", watching.log());
    assert_eq!(scene.states("stays").await?, ["stays: active"]);
    Ok(())
}
