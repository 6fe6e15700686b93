//! The servers for both clients: stand-ins with any size and latency, or real servers.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;
use std::time::Duration;

use matrix_keycloak_sync::standins::mas::ClientAuth;
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

/// The role that every member has too.
const ROLE: &str = "matrix-user";

/// How fast real servers list rows, as measured (see `docs/performance.md`).
struct Rows {
    path: &'static str,
    a_second: u64,
    /// Time for one row in a stand-in.
    bytes: u64,
    /// Concurrent pages, which share the server.
    at_a_time: u64,
}

/// The members of a group, and the holders of a role, which are taken to be as slow.
const MEMBERS: [Rows; 2] = [
    Rows { path: "/members?", a_second: 7_450, bytes: 220, at_a_time: 2 },
    Rows { path: "/roles/matrix-user/users?", a_second: 7_450, bytes: 240, at_a_time: 2 },
];
const ACCOUNTS: Rows = Rows { path: "/v3/users?", a_second: 48_000, bytes: 250, at_a_time: 3 };
/// MAS's users and their links, each list one page after the other.
const MAS_ROWS: [Rows; 2] = [
    Rows { path: "/v1/users?", a_second: 128_000, bytes: 440, at_a_time: 1 },
    Rows { path: "/upstream-oauth-links?", a_second: 128_000, bytes: 400, at_a_time: 1 },
];

/// How long stand-ins take for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// A tenth of a real server's time.
    TenTimesReal,
    /// Almost no time, so that only the clients' own work counts.
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

/// Which lists a plan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Keycloak's members and Synapse's accounts.
    Accounts,
    /// MAS's users and their upstream links too, as if the Admin API is configured.
    Links,
    /// The holders of a role instead of the members of a group.
    Roles,
}

impl Lists {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Links => "links too",
            Self::Roles => "a role",
        }
    }
}

/// What a client of MAS's Admin API needs.
#[derive(Debug, Clone)]
pub(crate) struct MasClient {
    pub(crate) token_url: String,
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Servers, and the variables that point at them.
pub(crate) struct Servers {
    stand_ins: Option<RunningWorld>,
    variables: Vec<(String, String)>,
    directory: TempDir,
}

impl Servers {
    /// As many members as accounts, and nothing to change, as in nearly every run.
    pub(crate) async fn stand_ins(size: usize) -> Outcome<Self> {
        let world = World::new("example.org")
            .group("/matrix-users")
            .members(size, "person-")
            .accounts(size, "person-");
        let world =
            world.token_owner("person-00000").mas_api_client_auth(ClientAuth::Post).start().await?;
        world.keycloak.state().realm(world.realm()).silently(|realm| {
            realm.add_role(ROLE);
            (0..size).for_each(|number| realm.give_role(&format!("person-{number:05}"), ROLE));
        });
        let variables = world.env(Auth::ClientCredentials);
        let directory = tempfile::tempdir()?;
        std::fs::write(configuration(directory.path(), Lists::Accounts), "")?;
        std::fs::write(
            configuration(directory.path(), Lists::Roles),
            format!("[keycloak]\nroles = [{ROLE:?}]\n"),
        )?;
        std::fs::write(
            configuration(directory.path(), Lists::Links),
            format!(
                "[writer.mas_api]\nurl = {:?}\nissuer = {:?}\nclient_id = {:?}\nclient_secret = {:?}\n",
                world.mas_admin_url(),
                world.mas_issuer(),
                world.mas_client_id(),
                world.mas_client_secret(),
            ),
        )?;
        Ok(Self { stand_ins: Some(world), variables, directory })
    }

    pub(crate) fn real() -> Outcome<Self> {
        let set = |name: &str| {
            let value = std::env::var(name)
                .map_err(|_| format!("{name} is not set; benches/run.sh --real sets it"))?;
            Ok::<_, String>((name.to_owned(), value))
        };
        let variables = VARIABLES.into_iter().map(set).collect::<Result<_, _>>()?;
        let directory = tempfile::tempdir()?;
        std::fs::write(configuration(directory.path(), Lists::Accounts), "")?;
        Ok(Self { stand_ins: None, variables, directory })
    }

    /// Sets latency and speed of the stand-ins; real servers stay as they are.
    pub(crate) fn set(&self, latency: Duration, speed: Speed) {
        let Some(world) = &self.stand_ins else { return };
        let keycloak = (world.keycloak.faults(), &MEMBERS[..]);
        let synapse = (world.synapse.faults(), slice::from_ref(&ACCOUNTS));
        let mas = (world.mas.admin().faults(), &MAS_ROWS[..]);
        for (faults, lists) in [keycloak, synapse, mas] {
            faults.clear();
            faults.on("").late(latency);
            for rows in lists.iter().filter(|_| speed == Speed::TenTimesReal) {
                faults.on(rows.path).paced(10 * rows.a_second * rows.bytes / rows.at_a_time);
            }
        }
    }

    /// The client that reads MAS's lists; real servers have none.
    pub(crate) fn mas_client(&self) -> Option<MasClient> {
        let world = self.stand_ins.as_ref()?;
        Some(MasClient {
            token_url: format!("{}oauth2/token", world.mas_issuer()),
            id: world.mas_client_id().to_owned(),
            secret: world.mas_client_secret().to_owned(),
        })
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
    pub(crate) fn plan(&self, lists: Lists, arguments: &[&str]) -> Outcome<(Measured, String)> {
        let mut command = self.program(lists);
        command
            .args(arguments)
            .args(["plan", "--format", "json", "--out"])
            .arg(self.directory().join("plan.json"));
        child::run(&mut command)
    }

    /// One access review in this format.
    pub(crate) fn report(&self, lists: Lists, format: &str) -> Outcome<Measured> {
        Ok(child::run(self.program(lists).args(["report", "--format", format]))?.0)
    }

    /// The program with a complete configuration, without a command.
    fn program(&self, lists: Lists) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(configuration(self.directory(), lists));
        command.env_clear();
        command.env("RUNTIME_DIRECTORY", self.directory()).env("XDG_STATE_HOME", self.directory());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if lists == Lists::Roles {
            command.env_remove("KC_GROUP_NAME");
        }
        command
    }
}

/// The file with the settings that have no variable.
fn configuration(directory: &Path, lists: Lists) -> PathBuf {
    directory.join(match lists {
        Lists::Accounts => "accounts.toml",
        Lists::Links => "links.toml",
        Lists::Roles => "roles.toml",
    })
}
