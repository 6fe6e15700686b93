//! Finds out what `--version` says of a release build: the commit, the day, and the target.
//!
//! A build for development says only its target: it would have to be built again after every commit.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The commit, for a build without the repository, such as that of an image.
const COMMIT: &str = "MATRIX_KEYCLOAK_SYNC_COMMIT";
/// The time that reproducible builds agree on, in seconds.
const TIME: &str = "SOURCE_DATE_EPOCH";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in [COMMIT, TIME] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let target = env::var("TARGET").unwrap_or_default();
    let build = if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=src");
        if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo::rerun-if-changed={head}");
        }
        let commit = commit().map(|commit| format!("commit {commit}, "));
        format!("{}built on {} for {target}", commit.unwrap_or_default(), day())
    } else {
        format!("a build for development, for {target}")
    };
    println!("cargo::rustc-env=MATRIX_KEYCLOAK_SYNC_BUILD={build}");
}

/// Returns the commit: as given, of this repository, or of the crate that cargo has packed.
fn commit() -> Option<String> {
    let given = env::var(COMMIT).ok().filter(|commit| !commit.is_empty());
    given.or_else(of_repository).or_else(of_crate)
}

fn of_repository() -> Option<String> {
    // A repository around the sources may be another one.
    let here = fs::canonicalize(".").ok()?;
    let top = fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()?;
    (here == top)
        .then(|| git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]))?
}

fn of_crate() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, after) = text.split_once("\"sha1\": \"")?;
    after.get(..12).map(str::to_owned)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// Returns the day of the build, in UTC.
fn day() -> String {
    let given = env::var(TIME).ok().and_then(|seconds| seconds.parse().ok());
    let time =
        given.map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    humantime::format_rfc3339_seconds(time)
        .to_string()
        .split('T')
        .next()
        .unwrap_or_default()
        .to_owned()
}
