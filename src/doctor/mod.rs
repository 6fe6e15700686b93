//! `doctor`: what is right and what is wrong with settings, servers, credentials and permissions. A check is plain data;
//! nothing here changes anything, and a server that fails does not keep the others from being looked at.

mod clock;
mod keycloak;
mod mas;
mod mas_cli;
mod rights;
mod settings;
mod synapse;

use futures_util::future::join4;
use serde::Serialize;

use crate::config::{Config, WriterKindConfig};
use crate::http::Api;
use crate::mas_api::MasApi;
use crate::readers::{ReadError, Readers};
use crate::report::in_one_line;
use crate::writers::MasCli;

/// What is looked at, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The configuration.
    Settings,
    /// Keycloak.
    Keycloak,
    /// Synapse.
    Synapse,
    /// MAS's Admin API.
    Mas,
    /// `mas-cli`.
    MasCli,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and could be better.
    Warning,
    /// It does not work.
    Problem,
    /// It cannot be known, because something before it failed.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Where.
    pub server: Area,
    /// What, in a word that stays the same.
    pub check: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to change, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The checks of one area, in the making.
#[derive(Debug)]
struct Checks {
    area: Area,
    checks: Vec<Check>,
}

impl Checks {
    fn new(area: Area) -> Self {
        Self { area, checks: Vec::new() }
    }

    fn push(&mut self, check: &'static str, status: Status, found: impl Into<String>, fix: Option<String>) {
        self.checks.push(Check { server: self.area, check, status, found: found.into(), fix });
    }

    fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.push(check, Status::Ok, found, None);
    }

    fn warning(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.push(check, Status::Warning, found, Some(fix.into()));
    }

    fn problem(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.push(check, Status::Problem, found, Some(fix.into()));
    }

    fn skipped(&mut self, checks: &[&'static str], why: &str) {
        for check in checks {
            self.push(check, Status::Skipped, why, None);
        }
    }

    /// What a reading gave, if it gave anything; its error has become a problem.
    fn read<T>(&mut self, check: &'static str, result: Result<T, impl Into<ReadError>>) -> Option<T> {
        match result {
            Ok(found) => Some(found),
            Err(error) => {
                let error = error.into();
                self.problem(check, in_one_line(&error), error.hint());
                None
            }
        }
    }

    /// Whether a server answers at all, by which way, and what time it has.
    async fn reach(&mut self, api: &Api) -> bool {
        let Some(clock) = self.read("reachable", api.clock().await) else { return false };
        let url = api.base();
        match url.scheme() {
            "https" => self.ok("reachable", format!("{url} answers, and its certificate is trusted")),
            _ if crate::http::is_loopback(url) => self.ok("reachable", format!("{url} answers, on this machine")),
            _ => self.warning(
                "reachable",
                format!("{url} answers, on plain http: what is secret crosses the network unprotected"),
                "use https",
            ),
        }
        clock::judge(self, clock);
        true
    }
}

/// Everything that is examined.
pub struct Patient<'p> {
    /// The configuration.
    pub config: &'p Config,
    /// What was told about it when it was loaded.
    pub warnings: &'p [String],
    /// Who reads.
    pub readers: &'p Readers,
    /// The Admin API, where it is used.
    pub mas: Option<&'p MasApi>,
    /// The environment that mas-cli would see.
    pub env: &'p crate::app::Environment,
}

/// Looks at everything, the servers at the same time.
pub async fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mas_cli = async {
        match &patient.config.writer.kind {
            WriterKindConfig::MasCli(config) => mas_cli::examine(&MasCli::unchecked(config.clone(), patient.env)).await,
            WriterKindConfig::MasApi => Vec::new(),
        }
    };
    let (keycloak, synapse, mas, mas_cli) =
        join4(keycloak::examine(patient), synapse::examine(patient), mas::examine(patient), mas_cli).await;
    [settings::examine(patient), keycloak, synapse, mas, mas_cli].concat()
}
