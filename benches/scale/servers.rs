//! The servers that both are measured against: stand-ins as big and as far away as wanted, or real ones.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use matrix_keycloak_sync::standins::{Auth, RunningWorld, World};
use tempfile::TempDir;

use crate::child::{self, Measured};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-keycloak-sync");
/// The configuration of a program that reads real servers, as `benches/run.sh --real` sets it.
const VARIABLES: [&str; 9] = [
    "KC_URL",
    "KC_REALM",
    "KC_GROUP_NAME",
    "KC_CLIENT_ID",
    "KC_CLIENT_SECRET",
    "MATRIX_URL",
    "MATRIX_ADMIN_TOKEN",
    "MATRIX_SERVER_NAME",
    "MAS_CONFIG",
];

/// How fast real servers were measured to list (see `docs/performance.md`).
struct Rows {
    path: &'static str,
    a_second: u64,
    /// Of one row, as the stand-ins write it.
    bytes: u64,
    /// Pages under way, which share the server.
    at_a_time: u64,
}

const MEMBERS: Rows = Rows { path: "/members?", a_second: 7_450, bytes: 220, at_a_time: 2 };
const ACCOUNTS: Rows = Rows { path: "/v3/users?", a_second: 48_000, bytes: 250, at_a_time: 3 };

/// How long stand-ins take for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// A tenth of what real servers take.
    TenTimesReal,
    /// As good as nothing: everything there is to be seen is the clients' own work.
    FlatOut,
}

impl Speed {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TenTimesReal => "10x real",
            Self::FlatOut => "flat out",
        }
    }
}

/// Servers, and the variables that point at them.
pub(crate) struct Servers {
    stand_ins: Option<RunningWorld>,
    variables: Vec<(String, String)>,
    directory: TempDir,
}

impl Servers {
    /// As many members as accounts, all of them in step: what a run finds nearly every time.
    pub(crate) async fn stand_ins(size: usize) -> Outcome<Self> {
        let world = World::new("example.org").group("/matrix-users").members(size, "person-").accounts(size, "person-");
        let world = world.token_owner("person-00000").start().await?;
        let variables = world.env(Auth::ClientCredentials);
        Ok(Self { stand_ins: Some(world), variables, directory: tempfile::tempdir()? })
    }

    pub(crate) fn real() -> Outcome<Self> {
        let set = |name: &str| {
            let value = std::env::var(name).map_err(|_| format!("{name} is not set; benches/run.sh --real sets it"))?;
            Ok::<_, String>((name.to_owned(), value))
        };
        let variables = VARIABLES.into_iter().map(set).collect::<Result<_, _>>()?;
        Ok(Self { stand_ins: None, variables, directory: tempfile::tempdir()? })
    }

    /// Stand-ins are as far away and as fast as this; real servers are as they are.
    pub(crate) fn set(&self, latency: Duration, speed: Speed) {
        let Some(world) = &self.stand_ins else { return };
        for (faults, rows) in [(world.keycloak.faults(), &MEMBERS), (world.synapse.faults(), &ACCOUNTS)] {
            faults.clear();
            faults.on("").late(latency);
            if speed == Speed::TenTimesReal {
                faults.on(rows.path).paced(10 * rows.a_second * rows.bytes / rows.at_a_time);
            }
        }
    }

    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// One run of the program, with these arguments before its own.
    pub(crate) fn plan(&self, arguments: &[&str]) -> Outcome<(Measured, String)> {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["plan", "--format", "json", "--out"]).arg(self.directory().join("plan.json"));
        command.env_clear();
        command.env("RUNTIME_DIRECTORY", self.directory()).env("XDG_STATE_HOME", self.directory());
        child::run(command.envs(self.variables.iter().map(|(name, value)| (name, value))))
    }
}
