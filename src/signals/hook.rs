//! Runs a command of the administrator's when something was changed or needs attention: for a mail,
//! a chat, a pager.

use std::time::Duration;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};
use tokio::process::Command;
use tracing::{debug, warn};

use crate::environment;
use crate::environment::Surroundings;
use crate::metrics::{Delivery, Receiver, RunKind, metrics};
use crate::model::{ServerText, Timestamp, printable, serde_with_words};
use crate::plan::RefusalKind;
use crate::subprocess;
use crate::subprocess::{Ended, NotEnded};

/// How long the command may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of its output goes to the log.
const OUTPUT_LIMIT: usize = 4000;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// A plan was refused by a limit.
    Refused,
    Failed,
    /// Actions wait for an approval; the rest of the plan was carried out.
    NeedsApproval,
}

serde_with_words!(Event);

/// The JSON that the command gets on its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookInput {
    pub event: Event,
    pub time: Timestamp,
    pub server_name: String,
    pub realm: String,
    /// What the run looked at.
    pub kind: RunKind,
    /// Why the plan is refused or waits, in words.
    pub reasons: Vec<String>,
    /// Why the plan is refused, in one word each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<RefusalKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many plans were refused since the command last ran for one, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// The command line that approves it, or shows it as long as no approval is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl HookInput {
    /// Returns it as the command gets it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }
}

/// Runs the command with this input and waits for it. Its failure is only a warning.
pub async fn run_hook(receiver: Receiver, command: &[String], json: &str) {
    run_within(receiver, command, json, LIMIT).await;
}

async fn run_within(receiver: Receiver, command: &[String], json: &str, limit: Duration) {
    let Some((program, arguments)) = command.split_first() else { return };
    // Its arguments may contain a secret, such as the address of a chat.
    let shown = printable(program).into_owned();
    debug!(command = %shown, "running the hook");
    let mut run = Command::new(program);
    run.args(arguments)
        .env_clear()
        .envs(environment::for_subprocess(&*Surroundings::default().env));
    let ended = subprocess::run(run, json.as_bytes(), limit).await;
    let is_good = ended.as_ref().is_ok_and(|ended| ended.status.success());
    metrics().notification(receiver, if is_good { Delivery::Sent } else { Delivery::Failed });
    match ended {
        Ok(ended) => {
            let said = printed(&ended);
            if is_good {
                debug!(command = %shown, %said, "the hook succeeded");
            } else {
                warn!("the hook {shown} failed ({}): {said}", ended.status);
            }
        }
        Err(NotEnded::CannotRun(error)) => warn!("the hook {shown} cannot be run: {error}"),
        Err(NotEnded::TooSlow) => {
            warn!(
                "the hook {shown} was stopped, because it took longer than {}",
                humantime::format_duration(limit)
            );
        }
    }
}

/// Returns what the command printed, for the log.
fn printed(ended: &Ended) -> String {
    let texts = [&ended.stderr, &ended.stdout].map(|text| text.trim());
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    ServerText::beginning(&texts.join("\n"), OUTPUT_LIMIT).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;

    fn input() -> HookInput {
        HookInput {
            event: Event::Refused,
            time: Timestamp::from_millis(1_795_000_000_000),
            server_name: "example.org".to_owned(),
            realm: "corp".to_owned(),
            kind: RunKind::Full,
            reasons: vec!["26 accounts to disable, limits.max_disable is 25".to_owned()],
            refused_by: vec![RefusalKind::MaxDisable],
            digest: Some("sha256:00".to_owned()),
            count: Some(1),
            command: Some("matrix-keycloak-sync sync --approve sha256:00".to_owned()),
            error: None,
            hint: None,
        }
    }

    /// Runs a shell with this line in a directory that it knows as `$1`.
    async fn hook(directory: &Path, line: &str, limit: Duration) {
        let command =
            ["/bin/sh", "-c", line, "hook", &directory.display().to_string()].map(str::to_owned);
        run_within(Receiver::OnRefused, &command, &input().to_json(), limit).await;
    }

    fn read(directory: &Path, name: &str) -> String {
        std::fs::read_to_string(directory.join(name)).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_hook_gets_its_input_as_json() {
        let directory = tempfile::tempdir().expect("a directory");
        hook(directory.path(), "cat > \"$1/told\"", LIMIT).await;
        let told: Value = serde_json::from_str(&read(directory.path(), "told")).expect("JSON");
        assert_eq!(
            told,
            json!({
                "event": "refused", "time": "2026-11-18T11:06:40Z", "server_name": "example.org", "realm": "corp",
                "kind": "full", "reasons": ["26 accounts to disable, limits.max_disable is 25"],
                "refused_by": ["max_disable"], "digest": "sha256:00", "count": 1, "command": "matrix-keycloak-sync sync --approve sha256:00"
            })
        );
    }

    #[tokio::test]
    async fn the_hook_is_given_nothing_but_what_it_needs() {
        let directory = tempfile::tempdir().expect("a directory");
        hook(directory.path(), "tr '\\0' '\\n' < /proc/$$/environ > \"$1/seen\"", LIMIT).await;
        let seen = read(directory.path(), "seen");
        assert!(seen.contains("PATH="), "{seen}");
        // Cargo gives its tests many.
        assert!(!seen.contains("CARGO"), "{seen}");
    }

    #[tokio::test]
    async fn a_hook_that_hangs_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let begin = Instant::now();
        hook(
            directory.path(),
            "(sleep 1; touch \"$1/late\") & echo begun; wait",
            Duration::from_millis(300),
        )
        .await;
        assert!(begin.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(!directory.path().join("late").exists());
    }

    #[tokio::test]
    async fn a_hook_that_does_not_listen_or_talks_too_much_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        hook(
            directory.path(),
            "exec <&-; head -c 1000000 /dev/zero; touch \"$1/done\"; exit 3",
            LIMIT,
        )
        .await;
        assert!(directory.path().join("done").exists());
    }

    #[tokio::test]
    async fn a_missing_hook_stops_nothing() {
        run_hook(Receiver::OnDone, &[], "{}").await;
        run_hook(Receiver::OnDone, &["/nowhere/hook".to_owned()], "{}").await;
    }
}
