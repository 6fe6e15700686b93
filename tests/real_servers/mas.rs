//! mas-cli: the only way to create accounts and tokens that works with both a real MAS and its
//! stand-in.

use std::time::{Duration, Instant};

use regex::Regex;
use tokio::process::Command;
use tokio::time::sleep;

use crate::Outcome;

/// A token can only be issued once a job has created the account in Synapse.
const PROVISIONED_WITHIN: Duration = Duration::from_secs(30);

/// How to call mas-cli.
#[derive(Clone, Debug)]
pub(crate) struct Mas {
    pub(crate) command: Vec<String>,
    pub(crate) config: Option<String>,
}

impl Mas {
    pub(crate) fn new(command: &str, config: Option<String>) -> Self {
        Self { command: command.split_whitespace().map(ToOwned::to_owned).collect(), config }
    }

    pub(crate) async fn register(&self, username: &str) -> Outcome {
        self.manage(&["register-user", "--yes", username]).await.map(drop)
    }

    pub(crate) async fn lock(&self, username: &str) -> Outcome {
        self.manage(&["lock-user", username]).await.map(drop)
    }

    pub(crate) async fn deactivate(&self, username: &str) -> Outcome {
        self.manage(&["lock-user", "--deactivate", username]).await.map(drop)
    }

    pub(crate) async fn unlock(&self, username: &str) -> Outcome {
        self.manage(&["unlock-user", username]).await.map(drop)
    }

    /// Issues a token like that of a client after a login.
    pub(crate) async fn token(&self, username: &str) -> Outcome<String> {
        self.issue(&["issue-compatibility-token", username]).await
    }

    /// Issues a token for Synapse's admin API.
    pub(crate) async fn admin_token(&self, username: &str) -> Outcome<String> {
        self.issue(&[
            "issue-compatibility-token",
            username,
            "--yes-i-want-to-grant-synapse-admin-privileges",
        ])
        .await
    }

    async fn issue(&self, arguments: &[&str]) -> Outcome<String> {
        let began = Instant::now();
        loop {
            let issued = self.manage(arguments).await.and_then(|log| find_token(&log));
            if issued.is_ok() || began.elapsed() > PROVISIONED_WITHIN {
                return issued;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns its log; mas-cli prints its results there.
    async fn manage(&self, arguments: &[&str]) -> Outcome<String> {
        let (program, wrapped) = self.command.split_first().ok_or("E2E_MAS_CLI is empty")?;
        let config = self.config.iter().flat_map(|file| ["--config", file]);
        let output = Command::new(program)
            .args(wrapped)
            .args(config)
            .arg("manage")
            .args(arguments)
            .output()
            .await?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(format!(
                "mas-cli manage {}: {}: {log}",
                arguments.join(" "),
                output.status
            )
            .into());
        }
        Ok(log + &String::from_utf8_lossy(&output.stdout))
    }
}

fn find_token(log: &str) -> Outcome<String> {
    let found = Regex::new("mct_[A-Za-z0-9_]+")?.find(log).map(|token| token.as_str().to_owned());
    Ok(found.ok_or_else(|| format!("mas-cli printed no token: {log}"))?)
}
