//! Runs the real binary against a world of stand-ins and returns everything it leaves behind.
//!
//! The output of every run is searched for the secrets of its configuration: none may be printed.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use matrix_keycloak_sync::app;
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::environment::{Surroundings, Timeouts};
use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::world::{MasUserState, ServerStates, SynapseAccountState};
use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld, World};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};

use crate::secrets::Secrets;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-keycloak-sync");

/// For tests in which every account may be disabled at once.
pub(crate) const NO_LIMITS: &str =
    "[limits]\nmax_disable = 1000\nmax_disable_percent = 100\nmax_admin_changes = 100\n";

/// A homeserver and the group `/matrix-users`.
pub(crate) fn group() -> World {
    World::new("example.org").group("/matrix-users").without_self_deactivation()
}

/// One user or account for each row of the table.
pub(crate) fn the_table() -> World {
    group()
        .member("alice")
        .account("alice")
        .member("bob")
        .disabled_account("bob")
        .member("zoe.new")
        .user("dave")
        .account("dave")
        .user("erin")
        .disabled_account("erin")
}

/// The world, running.
pub(crate) async fn started(world: World) -> RunningWorld {
    world.start().await.expect("a world")
}

/// An account with the same state on both servers, and no sessions.
pub(crate) fn account(locked: bool, deactivated: bool) -> ServerStates {
    ServerStates {
        mas: Some(MasUserState { locked, deactivated, sessions: 0 }),
        synapse: Some(SynapseAccountState { deactivated, locked, erased: false }),
    }
}

/// Every account with its state on both servers.
pub(crate) fn everyone(world: &RunningWorld) -> Vec<(String, ServerStates)> {
    let localpart = |id: &str| id[1..].split(':').next().unwrap_or_default().to_owned();
    let localparts: Vec<String> =
        world.synapse.state().accounts().map(|(id, _)| localpart(id)).collect();
    localparts
        .into_iter()
        .map(|localpart| (localpart.clone(), world.state_of(&localpart)))
        .collect()
}

/// Changes an account by hand, as an administrator would, on both servers, in 2030.
pub(crate) fn by_hand(world: &RunningWorld, localpart: &str, locked: bool, deactivated: bool) {
    let now = || Some("2030-01-01T00:00:00Z".to_owned());
    let mut mas = world.mas.state();
    let user = mas.user_mut(localpart).expect("seeded");
    user.locked_at = now().filter(|_| locked);
    user.deactivated_at = now().filter(|_| deactivated);
    let mut synapse = world.synapse.state();
    let account = synapse.account_mut(localpart).expect("seeded");
    (account.locked, account.deactivated) = (locked, deactivated);
}

/// A mas-cli that runs this first; `$1` is `--config`, `$2` the file.
pub(crate) fn mas_cli(world: &RunningWorld, first: &str) -> String {
    let path =
        script(world, "my-mas-cli", &format!("{first}\nexec '{PROGRAM}' stand-in mas-cli \"$@\""));
    format!("[writer.mas_cli]\nconcurrency = 1\ncommand = [\"{}\"]\n", path.display())
}

/// A refusal in the format of this server.
pub(crate) fn own_error(server: Server, status: u16, text: &str) -> Fault {
    let body = match server {
        Server::Keycloak => {
            let status = reqwest::StatusCode::from_u16(status).expect("a status");
            json!({"error": format!("HTTP {status}"), "error_description": text})
        }
        Server::Synapse => json!({"errcode": "M_UNKNOWN", "error": text}),
        Server::Mas => json!({"errors": [{"title": text}]}),
    };
    Fault::Status(status, body.to_string())
}

/// A refusal in the format of a proxy or a load balancer.
pub(crate) fn proxy_page(status: u16) -> Fault {
    Fault::Status(
        status,
        format!("<html><head><title>{status}</title></head><body>nginx</body></html>"),
    )
}

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
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("no signal");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Returns the run if its exit code is the expected one.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Returns the run if stderr contains each of these.
    pub(crate) fn tells(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in stderr:\n{}", self.stderr);
        }
        self
    }

    /// Returns the run if stdout contains each of these.
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "no {part:?} in stdout:\n{}", self.stdout);
        }
        self
    }

    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }

    /// The actions in stdout, one a line: `disable dave not_in_group done`.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.lines("actions", &["action", "localpart", "reason", "outcome"])
    }

    /// Returns the kept accounts, one per line: `admin protected`. The token's owner is kept in
    /// every world, and is left out.
    pub(crate) fn kept(&self) -> Vec<String> {
        let mut kept = self.lines("kept", &["localpart", "reason"]);
        kept.retain(|line| line != "matrix-sync-bot token_owner");
        kept
    }

    fn lines(&self, list: &str, fields: &[&str]) -> Vec<String> {
        let line = |entry: &Value| {
            let words: Vec<_> = fields.iter().filter_map(|field| entry[field].as_str()).collect();
            words.join(" ")
        };
        self.json()[list].as_array().expect("a list").iter().map(line).collect()
    }
}

/// A run that is being prepared: the nine variables, mas-cli on the PATH, and nothing of our
/// environment.
pub(crate) struct Program {
    command: Command,
    secrets: Secrets,
    /// Where data goes instead of the terminal.
    data: Option<std::fs::File>,
}

/// The program with a complete configuration for this world: a user's password.
pub(crate) fn program(world: &RunningWorld) -> Program {
    program_with(world, Auth::Password)
}

/// The program with a complete configuration for this world.
pub(crate) fn program_with(world: &RunningWorld, auth: Auth) -> Program {
    let bin = world.install_mas_cli(Path::new(PROGRAM)).expect("a wrapper script");
    let own = Path::new(PROGRAM).parent().expect("a directory");
    let path = format!("{}:/usr/bin:/bin:{}", bin.display(), own.display());
    // Every world has the same names, and would share state file and lock with the others.
    let directory = world.directory().display().to_string();
    let own = bare()
        .env("PATH", &path)
        .env("RUNTIME_DIRECTORY", &directory)
        .env("XDG_STATE_HOME", &directory);
    world.env(auth).iter().fold(own, |program, (name, value)| program.env(name, value))
}

/// Which writer and which source of accounts: `writer.type` and `accounts.source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) writer: &'static str,
    pub(crate) source: &'static str,
}

/// Only the Admin API: no mas-cli and no Synapse.
pub(crate) const BY_MAS: Way = Way { writer: "mas-api", source: "mas" };
/// Accounts from Synapse, changed by the Admin API.
pub(crate) const BY_BOTH: Way = Way { writer: "mas-api", source: "synapse" };
/// All ways.
pub(crate) const EVERY_WAY: [Way; 4] = [
    Way { writer: "mas-cli", source: "synapse" },
    Way { writer: "mas-cli", source: "mas" },
    BY_BOTH,
    BY_MAS,
];

/// The configuration of a way, to which more sections can be added.
pub(crate) fn settings(world: &RunningWorld, way: Way) -> String {
    format!(
        "[accounts]\nsource = {:?}\n[writer]\ntype = {:?}\n[writer.mas_api]\nurl = {:?}\nissuer = {:?}\n\
         client_id = {:?}\nclient_secret = {:?}\n",
        way.source,
        way.writer,
        world.mas_admin_url(),
        world.mas_issuer(),
        world.mas_client_id(),
        world.mas_client_secret(),
    )
}

/// The program with a complete configuration for this world and this way; `more` is added to the
/// file. If MAS lists the accounts, nothing of Synapse is configured.
pub(crate) fn program_by(world: &RunningWorld, way: Way, more: &str) -> Program {
    let program = program_with(world, Auth::ClientCredentials)
        .file(world, &format!("{}{more}", settings(world, way)))
        .hiding(world.mas_client_secret());
    if way.source == "mas" {
        program.without("MATRIX_URL").without("MATRIX_ADMIN_TOKEN")
    } else {
        program
    }
}

/// The program for another homeserver, with a configuration of MAS for that homeserver.
pub(crate) fn program_for(world: &RunningWorld, server_name: &str) -> Program {
    let text = std::fs::read_to_string(world.mas_cli_config()).expect("seeded");
    let mas_config = write(world, "other-mas.yaml", &text.replace("example.org", server_name));
    program(world)
        .env("MATRIX_SERVER_NAME", server_name)
        .env("MAS_CONFIG", &mas_config.display().to_string())
}

/// The program with no configuration at all.
pub(crate) fn bare() -> Program {
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::null());
    Program { command, secrets: Secrets::default(), data: None }
}

impl Program {
    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.secrets.note(name, value);
        self.command.env(name, value);
        self
    }

    /// Runs it in this directory.
    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Removes a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Adds a secret that must not be printed.
    pub(crate) fn hiding(mut self, secret: &str) -> Self {
        self.secrets.add(secret);
        self
    }

    /// Writes a configuration file with this TOML; the variables stay and win.
    pub(crate) fn file(self, world: &RunningWorld, toml: &str) -> Self {
        let path = write(world, "config.toml", toml);
        // It can contain secrets.
        set_mode(&path, 0o600);
        self.env("MATRIX_KEYCLOAK_SYNC_CONFIG", &path.display().to_string())
    }

    /// Runs it with these arguments, separated by blanks.
    pub(crate) fn run(mut self, arguments: &str) -> Run {
        let output =
            self.command.args(arguments.split_whitespace()).output().expect("the binary is there");
        let run = Run::of(output);
        self.secrets.assert_absent(arguments, &run);
        run
    }

    /// Prints data to this file, although it runs on a terminal.
    pub(crate) fn data_to(mut self, file: std::fs::File) -> Self {
        self.data = Some(file);
        self
    }

    /// Runs it with these arguments on a terminal where `typed` is answered to every question.
    /// Everything is shown on stdout.
    pub(crate) fn on_terminal(self, arguments: &str, typed: &str) -> Run {
        self.on_terminal_of(USUAL_COLUMNS, arguments, typed)
    }

    /// Does the same on a terminal of this many columns; 0 if it does not know its width.
    pub(crate) fn on_terminal_of(self, columns: u16, arguments: &str, typed: &str) -> Run {
        self.on_terminal_after(columns, arguments, typed, || ())
    }

    /// Does the same, and something else between each question and its answer.
    pub(crate) fn on_terminal_after(
        self,
        columns: u16,
        arguments: &str,
        typed: &str,
        mut before: impl FnMut(),
    ) -> Run {
        let mut answered = 0;
        self.conversing(columns, arguments, |shown| {
            let asked = shown.matches("[y/N]").count();
            let is_new = asked > answered;
            answered = asked;
            is_new.then(|| {
                before();
                typed.to_owned()
            })
        })
    }

    /// Runs it with these arguments on a terminal, and types each line when its question is shown.
    /// Everything is shown on stdout.
    pub(crate) fn answering(self, arguments: &str, lines: &[&str]) -> Run {
        let (mut lines, mut seen) = (lines.iter(), 0);
        self.conversing(USUAL_COLUMNS, arguments, |shown| {
            let asks = shown.ends_with(": ") && shown.len() > seen;
            seen = shown.len();
            asks.then(|| lines.next().map_or_else(|| "\x04".to_owned(), |line| format!("{line}\n")))
        })
    }

    /// Runs it on a terminal. `answer` is asked what to type after everything that was shown.
    fn conversing(
        self,
        columns: u16,
        arguments: &str,
        mut answer: impl FnMut(&str) -> Option<String>,
    ) -> Run {
        let (mut child, mut terminal) = self.spawn_on_terminal(columns, arguments);
        let ended = kill_if_it_hangs(child.id());
        let mut shown = String::new();
        let mut some = [0; 4096];
        // The end of a terminal is an error.
        while let Ok(count) = terminal.read(&mut some) {
            shown += &String::from_utf8_lossy(&some[..count]);
            if let Some(typed) = answer(&shown) {
                terminal.write_all(typed.as_bytes()).expect("it is open");
            }
        }
        let status = child.wait().expect("a child of ours");
        drop(ended);
        let run = Run::of(Output { status, stdout: shown.into_bytes(), stderr: Vec::new() });
        self.secrets.assert_absent(arguments, &run);
        run
    }

    /// Runs it with these arguments and stdout on a terminal with this number of columns. Its lines
    /// end as in a file.
    pub(crate) fn on_columns(mut self, columns: u16, arguments: &str) -> Run {
        let (mut terminal, tty) = terminal(columns);
        let command = self.command.args(arguments.split_whitespace());
        command.stdout(Stdio::from(tty)).stderr(Stdio::piped()).env("TERM", "xterm");
        let child = command.spawn().expect("the binary is there");
        let ended = kill_if_it_hangs(child.id());
        // The terminal ends with the last process that has it open.
        command.stdout(Stdio::null());
        let shown = std::thread::spawn(move || {
            let (mut shown, mut some) = (Vec::new(), [0; 4096]);
            // The end of a terminal is an error.
            while let Ok(count) = terminal.read(&mut some) {
                shown.extend_from_slice(&some[..count]);
            }
            String::from_utf8_lossy(&shown).replace("\r\n", "\n").into_bytes()
        });
        let Output { status, stderr, .. } = child.wait_with_output().expect("a child of ours");
        drop(ended);
        let run = Run::of(Output { status, stdout: shown.join().expect("no panic"), stderr });
        self.secrets.assert_absent(arguments, &run);
        run
    }

    /// Runs it with these arguments. If it takes longer than `limit`, it is killed and there is no
    /// run. Its output goes to files in the directory, so that it never waits for a reader.
    pub(crate) fn run_within(
        mut self,
        directory: &Path,
        arguments: &str,
        limit: Duration,
    ) -> Option<Run> {
        let (stdout, stderr) = (directory.join("stdout"), directory.join("stderr"));
        let to =
            |path: &Path| Stdio::from(std::fs::File::create(path).expect("a writable directory"));
        let command =
            self.command.args(arguments.split_whitespace()).stdout(to(&stdout)).stderr(to(&stderr));
        let (mut child, begin) = (command.spawn().expect("the binary is there"), Instant::now());
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            if begin.elapsed() > limit {
                child.kill().expect("it runs");
                child.wait().expect("it was killed");
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let read = |path: &Path| std::fs::read(path).expect("just written");
        let run = Run::of(Output { status, stdout: read(&stdout), stderr: read(&stderr) });
        self.secrets.assert_absent(arguments, &run);
        Some(run)
    }

    /// Runs it in this process, where timeouts can be shorter; there is no run if it takes longer
    /// than `limit`.
    pub(crate) async fn run_here(
        self,
        arguments: &str,
        timeouts: Timeouts,
        limit: Duration,
    ) -> Option<Run> {
        let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
        let variables =
            self.command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?))));
        let variables: HashMap<_, _> = variables.collect();
        let surroundings =
            Surroundings { env: Box::new(move |name| variables.get(name).cloned()), timeouts };
        let words = std::iter::once("matrix-keycloak-sync").chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).expect("a command line");
        let ended =
            tokio::time::timeout(limit, Box::pin(app::run(cli, &surroundings))).await.ok()?;
        let (exit, stderr) = match ended {
            Ok(exit) => (exit, String::new()),
            Err(failure) => (failure.exit(), failure.render()),
        };
        let run = Run { code: i32::from(exit as u8), stdout: String::new(), stderr };
        self.secrets.assert_absent(arguments, &run);
        Some(run)
    }

    /// Runs it as a shell runs this line, which calls it by its name.
    pub(crate) fn shell(self, line: &str) -> Run {
        let mut shell = Command::new("/bin/sh");
        let mut path = Path::new(PROGRAM).parent().expect("a directory").as_os_str().to_owned();
        shell.env_clear();
        for (name, value) in
            self.command.get_envs().filter_map(|(name, value)| Some((name, value?)))
        {
            shell.env(name, value);
            if name == "PATH" {
                path.push(":");
                path.push(value);
            }
        }
        let run = Run::of(shell.env("PATH", path).args(["-c", line]).output().expect("a shell"));
        self.secrets.assert_absent(line, &run);
        run
    }

    /// Gives it a process group of its own, which can be killed as a whole.
    pub(crate) fn in_own_group(mut self) -> Self {
        use std::os::unix::process::CommandExt;
        self.command.process_group(0);
        self
    }

    /// Starts it with all output in this file, which must not contain its secrets.
    pub(crate) fn start_logging(mut self, arguments: &str, log: &Path) -> (Child, Secrets) {
        let to = || {
            Stdio::from(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(log)
                    .expect("a writable directory"),
            )
        };
        let command = self.command.args(arguments.split_whitespace()).stdout(to()).stderr(to());
        (command.spawn().expect("the binary is there"), self.secrets)
    }

    /// Starts it on a terminal of its own, as the only program there. The terminal is closed when
    /// what is returned is dropped.
    pub(crate) fn start_on_terminal(self, arguments: &str) -> (Child, std::fs::File) {
        self.spawn_on_terminal(USUAL_COLUMNS, arguments)
    }

    fn spawn_on_terminal(&self, columns: u16, arguments: &str) -> (Child, std::fs::File) {
        let (terminal, tty) = terminal(columns);
        let to = || Stdio::from(tty.try_clone().expect("a descriptor"));
        let mut command = Command::new("setsid");
        // No one is there to leave a pager.
        command
            .env_clear()
            .env("MATRIX_KEYCLOAK_SYNC_PAGER", "")
            .args(["--ctty", PROGRAM])
            .args(arguments.split_whitespace());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        let data = self.data.as_ref().map(|file| Stdio::from(file.try_clone().expect("a file")));
        command.stdin(to()).stdout(data.unwrap_or_else(to)).stderr(to()).env("TERM", "xterm");
        (command.spawn().expect("setsid"), terminal)
    }

    /// Starts it and does not wait.
    pub(crate) fn start(mut self, arguments: &str) -> Child {
        let command = self
            .command
            .args(arguments.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("the binary is there")
    }
}

/// The folder of the state file and its lock if the configuration does not set one.
pub(crate) fn state_folder(world: &RunningWorld) -> PathBuf {
    world.directory().join("matrix-keycloak-sync")
}

/// Returns the address of a listener that gives this answer to every request.
pub(crate) fn listening(answer: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let length = answer.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// Writes a file into the world's directory.
pub(crate) fn write(world: &RunningWorld, name: &str, text: &str) -> PathBuf {
    let path = world.directory().join(name);
    std::fs::write(&path, text).expect("a writable directory");
    path
}

/// Writes an executable shell script into the world's directory.
pub(crate) fn script(world: &RunningWorld, name: &str, body: &str) -> PathBuf {
    executable(world, name, &format!("#!/bin/sh\n{body}\n"))
}

/// Writes an executable into the world's directory.
pub(crate) fn executable(world: &RunningWorld, name: &str, text: &str) -> PathBuf {
    let path = write(world, name, text);
    set_mode(&path, 0o755);
    path
}

/// Sets who may read, write and execute a file.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a file of ours");
}

const USUAL_COLUMNS: u16 = 80;

/// A terminal with this number of columns: the side that shows it, and the side of the program.
fn terminal(columns: u16) -> (std::fs::File, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).expect("a terminal");
    grantpt(&terminal).expect("ours");
    unlockpt(&terminal).expect("ours");
    let name = ptsname(&terminal, Vec::new()).expect("ours").into_string().expect("UTF-8");
    let tty = std::fs::File::options().read(true).write(true).open(name).expect("unlocked");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&tty, size).expect("ours");
    (terminal.into(), tty)
}

/// Kills a process after five minutes, unless what is returned is dropped before.
pub(crate) fn kill_if_it_hangs(process: u32) -> std::sync::mpsc::Sender<()> {
    let (ended, has_ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let waited = has_ended.recv_timeout(Duration::from_mins(5));
        if waited == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
            let process = process.expect("a process");
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    });
    ended
}
