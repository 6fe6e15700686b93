//! What a run takes from the world around it: environment variables and how long servers may take,
//! and what subprocesses see of them.

use std::time::Duration;

/// Looks up an environment variable.
pub type Environment = dyn Fn(&str) -> Option<String>;

/// What a run depends on, apart from its command line.
pub struct Surroundings {
    pub env: Box<Environment>,
    /// How long servers may take.
    pub timeouts: Timeouts,
}

impl Default for Surroundings {
    fn default() -> Self {
        // A value that is not UTF-8 is reported when it is used.
        let env = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        Self { env: Box::new(env), timeouts: Timeouts::default() }
    }
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub progress: Duration,
    /// For one whole answer, because a slow trickle always makes progress.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            progress: Duration::from_secs(30),
            answer: Duration::from_mins(5),
        }
    }
}

/// The variables that the program reads apart from those of the configuration's keys, each with its
/// meaning in Markdown: for the man page and the book.
pub const VARIABLES: &[(&str, &str)] = &[
    ("MATRIX_KEYCLOAK_SYNC_CONFIG", "The configuration file, if `--config` is not given."),
    (
        "MATRIX_KEYCLOAK_SYNC_COMMAND",
        "The command that starts this program here. Commands to paste begin with it, instead of \
         `matrix-keycloak-sync`. Packages and containers set it.",
    ),
    (
        "STATE_DIRECTORY",
        "The folder of the state file, if `state_file` is not set. systemd sets it.",
    ),
    (
        "XDG_STATE_HOME",
        "The state file is in its folder `matrix-keycloak-sync`, if neither `state_file` nor \
         `STATE_DIRECTORY` is set.",
    ),
    (
        "HOME",
        "The state file is in its folder `.local/state/matrix-keycloak-sync` otherwise, but not for root.",
    ),
    ("RUNTIME_DIRECTORY", "The folder of the lock if there is no state file. systemd sets it."),
    ("XDG_RUNTIME_DIR", "The same, if `RUNTIME_DIRECTORY` is not set."),
    ("TMPDIR", "A folder of this user in it has the lock otherwise; `/tmp` by default."),
    (
        "HTTPS_PROXY",
        "The proxy for requests by https. `HTTP_PROXY` is for http, `ALL_PROXY` for both.",
    ),
    ("NO_PROXY", "Hosts that are reached without the proxy, separated by commas."),
    (
        "MATRIX_KEYCLOAK_SYNC_PAGER",
        "The pager for text that does not fit on the terminal; `cat` or nothing for none.",
    ),
    ("PAGER", "The same, if `MATRIX_KEYCLOAK_SYNC_PAGER` is not set; `less` by default."),
    ("LESS", "Options of `less`; `FRX` if it is not set."),
    ("NO_COLOR", "If it is set, `--color auto` means `never`."),
    ("NOTIFY_SOCKET", "`watch` reports to systemd here. systemd sets it."),
    (
        "WATCHDOG_USEC",
        "How long `watch` may be silent before systemd restarts it. systemd sets it.",
    ),
    (
        "JOURNAL_STREAM",
        "If stderr leads to systemd's journal, log entries get fields. systemd sets it.",
    ),
];

/// The files that the program reads and writes, each with its meaning in Markdown.
pub const FILES: &[(&str, &str)] = &[
    (
        "/etc/matrix-keycloak-sync/config.toml",
        "The configuration, if it exists and no other file is named.",
    ),
    (
        "/var/lib/matrix-keycloak-sync/REALM@SERVER.db",
        "The state file, if root runs the program: who owns which account, and every past run. Key \
         `state_file`; other users have it below `~/.local/state`.",
    ),
    (
        "/etc/mas-cli/mas-cli.yaml",
        "The configuration of MAS, for `mas-cli`. Key `writer.mas_cli.config`.",
    ),
];

/// All of our environment that a subprocess sees: what programs need, and what a wrapper such as
/// `docker` needs.
const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "DOCKER_HOST", "KUBECONFIG"];

/// The variables for a subprocess; secrets are not among them.
#[must_use]
pub fn for_subprocess(env: &Environment) -> Vec<(&'static str, String)> {
    NAMES.iter().filter_map(|name| Some((*name, env(name)?))).collect()
}
