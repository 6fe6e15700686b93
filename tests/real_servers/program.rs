//! Runs the program as its user would, and turns its output into lines that a test compares as a
//! whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Outcome;

/// Longer than the program may take by its own limits.
const PATIENCE: Duration = Duration::from_mins(3);
/// The environment that the program and a wrapper around mas-cli may need. Nothing else is passed
/// on, so that variables of the tests' user cannot configure the program.
const PASSED_ON: [&str; 7] =
    ["PATH", "HOME", "DOCKER_HOST", "KUBECONFIG", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"];

/// A configuration file: values by section and key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, BTreeMap<String, Value>>);

impl Settings {
    /// Sets `section.key`.
    pub(crate) fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        self.0.entry(section.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }

    /// JSON's strings, numbers, booleans and lists are valid TOML.
    fn to_toml(&self) -> String {
        let mut text = String::new();
        for (section, values) in &self.0 {
            if !section.is_empty() {
                let _ = writeln!(text, "[{section}]");
            }
            for (key, value) in values {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }
}

/// How the program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: Option<i32>,
    stdout: String,
    pub(crate) stderr: String,
}

/// The program with this configuration and these variables, in a directory of its own.
fn program(
    directory: &Path,
    settings: &Settings,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Outcome<Command> {
    let config = directory.join("config.toml");
    std::fs::write(&config, settings.to_toml())?;
    let passed_on = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_matrix-keycloak-sync"));
    command
        .arg("--config")
        .arg(&config)
        .args(arguments)
        .env_clear()
        .envs(passed_on)
        .env("RUNTIME_DIRECTORY", directory)
        .env("XDG_STATE_HOME", directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// Runs the program to its end.
pub(crate) async fn run(
    directory: &Path,
    settings: &Settings,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Outcome<Run> {
    let child = program(directory, settings, variables, arguments)?.output();
    let output = timeout(PATIENCE, child)
        .await
        .map_err(|_| format!("{arguments:?} takes more than {PATIENCE:?}"))??;
    Ok(Run {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Starts the program and does not wait; it logs to `watch.log` in the directory.
pub(crate) fn start(directory: &Path, settings: &Settings, arguments: &[&str]) -> Outcome<Child> {
    let log = std::fs::File::create(directory.join("watch.log"))?;
    Ok(program(directory, settings, &[], arguments)?.stdout(Stdio::null()).stderr(log).spawn()?)
}

impl Run {
    pub(crate) fn json(&self) -> Outcome<Value> {
        serde_json::from_str(&self.stdout)
            .map_err(|error| format!("no JSON ({error}): {self:?}").into())
    }

    /// Returns the output in lines: the exit code, each action with its account and reason, members
    /// without an account, and kept accounts with their reason. Names are without `prefix`.
    /// Accounts that neither have it nor are in `also` belong to other tests and are left out.
    pub(crate) fn lines(&self, prefix: &str, also: &[String]) -> Outcome<Vec<String>> {
        let plan = self.json()?;
        check_the_sum(&plan)?;
        let short = |entry: &Value| {
            let name = entry.as_str().unwrap_or_default();
            name.strip_prefix(prefix)
                .or(also.iter().any(|one| one == name).then_some(name))
                .map(ToOwned::to_owned)
        };
        let mut lines =
            vec![format!("exit {}, {} members", self.exit.unwrap_or(-1), plan["read"]["members"])];
        for entry in list(&plan["actions"]) {
            let Some(name) = short(&entry["localpart"]) else { continue };
            let outcome =
                entry["outcome"].as_str().map(|outcome| format!(": {outcome}")).unwrap_or_default();
            let error =
                entry["error"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
            lines.push(format!(
                "{} {name}, {}{outcome}{error}",
                word(&entry["action"]),
                word(&entry["reason"])
            ));
        }
        let unregistered = list(&plan["not_registered"]).iter().filter_map(short);
        lines.extend(unregistered.map(|name| format!("no account {name}")));
        let kept = list(&plan["kept"]).iter();
        lines.extend(kept.filter_map(|entry| {
            Some(format!("keep {}, {}", short(&entry["localpart"])?, word(&entry["reason"])))
        }));
        Ok(lines)
    }
}

/// Checks that every account that was read is counted, also those of other tests.
fn check_the_sum(plan: &Value) -> Outcome {
    let count = |key: &str| plan["summary"][key].as_u64().unwrap_or_default();
    let sum = ["activate", "disable", "unchanged", "kept"].map(count).iter().sum::<u64>();
    if plan["read"]["accounts"] == sum {
        Ok(())
    } else {
        Err(format!("the counts do not add up: {plan}").into())
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
