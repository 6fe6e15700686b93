//! Runs the real binary against a world of stand-ins and gives everything it left behind.

use std::path::Path;
use std::process::{Command, Stdio};

use matrix_keycloak_sync::standins::{Auth, RunningWorld};
use serde_json::Value;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-keycloak-sync");

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code.
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Logs and errors.
    pub(crate) stderr: String,
}

impl Run {
    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self:?}"))
    }

    /// The run, once its exit code is the expected one.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A run that is being put together: the nine variables, mas-cli on the PATH, and nothing of our own environment.
pub(crate) struct Program {
    command: Command,
}

/// The program with a complete configuration for this world.
pub(crate) fn program(world: &RunningWorld) -> Program {
    let bin = world.install_mas_cli(Path::new(PROGRAM)).expect("a wrapper script");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    bare().envs(world.env(Auth::Password)).env("PATH", &path)
}

/// The program with no configuration at all.
pub(crate) fn bare() -> Program {
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::null());
    Program { command }
}

impl Program {
    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    fn envs(mut self, variables: Vec<(String, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    /// Configures by a file that holds this TOML; the variables stay and win.
    pub(crate) fn file(self, world: &RunningWorld, toml: &str) -> Self {
        let path = world.directory().join("config.toml");
        std::fs::write(&path, toml).expect("a writable directory");
        self.env("MATRIX_KEYCLOAK_SYNC_CONFIG", &path.display().to_string())
    }

    /// Runs it with these arguments, separated by blanks.
    pub(crate) fn run(mut self, arguments: &str) -> Run {
        let output = self.command.args(arguments.split_whitespace()).output().expect("the binary is there");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Run { code: output.status.code().expect("no signal"), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
