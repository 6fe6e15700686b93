//! Runs the shell's blocks of the book against the servers of `demo --serve`: those of a page in
//! their order, in one shell. A block that needs more, such as Docker, is marked `no_run`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use toml::Table;

use crate::blocks::{Use, blocks};

const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-keycloak-sync");

/// The program as pages call it. Commands that keep running end after a moment, and exit codes that
/// a page explains are no failures.
const CALL: &str = r#"
case " $* " in
    *" watch "*) exec timeout --preserve-status --signal=TERM 3 "$PROGRAM" "$@" ;;
    *" --serve "*) exec timeout --preserve-status --signal=INT 3 "$PROGRAM" "$@" ;;
    *" config init "*) exit 0 ;;           # asks at a terminal
    " healthcheck " | " status ")
        timeout 30 "$PROGRAM" watch & watch=$!
        for tries in 1 2 3 4 5 6 7 8 9; do "$PROGRAM" "$1" && break; sleep 0.5; done
        kill "$watch"
        wait "$watch" || true
        exit "$((tries == 9))" ;;
esac
"$PROGRAM" "$@" || code=$?
case "${code:-0} $*" in
    "1 doctor --strict") ;;                # the demo's MAS gives a reason for a warning
    2*--detailed-exitcode*) ;;             # there are changes
    "4 undo "*) ;;                         # the run had activated someone who is a member now
    *) exit "${code:-0}" ;;
esac
"#;

/// The program's place on other machines, and programs that this machine may not have.
const PROGRAMS: &[(&str, &str)] = &[
    ("matrix-keycloak-sync", CALL),
    (
        "matrix-keycloak-sync-run",
        r#"case "$1" in @*) shift ;; esac; exec matrix-keycloak-sync "$@""#,
    ),
    ("sudo", r#"[ "$1" != -u ] || shift 2; exec "$@""#),
    ("man", "exec cat"),
    (
        "mas-cli",
        r#"[ "$1" = --config ] || set -- --config "$DEMO_MAS_CONFIG" "$@"; exec "$PROGRAM" stand-in mas-cli "$@""#,
    ),
];

/// Pages whose commands find their configuration: the script's variables, or `--config`.
const OWN_CONFIGURATION: [&str; 2] = ["docs/from-the-shell-script.md", "docs/merge-requests.md"];

/// What a page expects from another page: the shell in which a token was requested.
const OTHER_PAGES: &[(&str, &str)] =
    &[("docs/mas-api-secrets.md", "docs/mas-api.md"), ("docs/links.md", "docs/mas-api-secrets.md")];

/// What a reader of the page fills in.
const FILLED_IN: &str = r#"
PROVIDER_ID=01H8PKNWKKRPCBW4YGH1RWV279 KEYCLOAK_USER_ID=7a6e0f3f-6d8e-4a76-9a4e-1d1c1b9a2f10
LINK_ID=$(api -g "$ADMIN/api/admin/v1/upstream-oauth-links" | jq -r '.data[0].id')
"#;

#[test]
fn every_block_of_a_page_that_can_run_works_against_the_servers_of_the_demo() {
    let mut pages = BTreeMap::<String, String>::new();
    for block in blocks().into_iter().filter(|block| block.use_of == Use::Run) {
        let script = pages.entry(block.page.clone()).or_default();
        let _ = write!(script, "echo '# {}'\n{}", block.place(), block.text);
    }
    for (page, other) in OTHER_PAGES {
        let mut before = pages[*other].clone();
        if *page == "docs/links.md" {
            before += FILLED_IN;
        }
        let script = pages.get_mut(*page).expect("a page with blocks that run");
        *script = before + script;
    }
    // There has been a run before an alert fires.
    let script = pages.get_mut("docs/alerts.md").expect("a page with blocks that run");
    script.insert_str(0, "matrix-keycloak-sync sync\n");
    assert!(pages.len() > 15, "{:?}", pages.keys());
    let wrong: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> =
            pages.iter().map(|(page, script)| scope.spawn(move || run(page, script))).collect();
        runs.into_iter().filter_map(|run| run.join().expect("no panic").err()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    println!("code blocks: the pages {:?} run", pages.keys());
}

/// Runs the script of a page; an error is the end of what it has printed.
fn run(page: &str, script: &str) -> Result<(), String> {
    let demo = Demo::start();
    let here = demo.folder.path();
    let output = here.join("output");
    let file = File::create(&output).expect("a file");
    let mut bash = Command::new("bash");
    bash.args(["-e", "-u", "-o", "pipefail", "-c", &demo.with_its_addresses(script)])
        .current_dir(here)
        .env("PATH", format!("{}:{}", here.join("bin").display(), env!("PATH")))
        .env("HOME", here)
        .env("PROGRAM", PROGRAM)
        .stdin(Stdio::null())
        .stderr(file.try_clone().expect("a file"))
        .stdout(file);
    if !OWN_CONFIGURATION.contains(&page) {
        bash.env("MATRIX_KEYCLOAK_SYNC_CONFIG", here.join("config.toml"));
    }
    let status = bash.status().expect("bash");
    let printed = fs::read_to_string(output).unwrap_or_default();
    let lines: Vec<_> = printed.lines().collect();
    let end = lines[lines.len().saturating_sub(25)..].join("\n");
    if status.success() { Ok(()) } else { Err(format!("{page}: {status}\n{end}")) }
}

/// The servers of `demo --serve`, and a folder for the commands.
pub(crate) struct Demo {
    pub(crate) folder: TempDir,
    config: Table,
    process: Child,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let here = folder.path();
        let output = here.join("demo");
        let process = Command::new(PROGRAM)
            .args(["demo", "--serve"])
            .stdout(File::create(&output).expect("a file"))
            .spawn()
            .expect("the program");
        let begin = Instant::now();
        let path = loop {
            let text = fs::read_to_string(&output).expect("a readable file");
            // The end of the first command to try.
            if let Some((before, _)) = text.split_once(" doctor\n") {
                let (_, path) = before.rsplit_once(' ').expect("a command");
                break path.trim_matches('\'').to_owned();
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "the demo does not start: {text}");
            thread::sleep(Duration::from_millis(20));
        };
        let text = fs::read_to_string(path).expect("the configuration");
        let config: Table = text.parse().expect("TOML");
        let demo = Self { folder, config, process };
        demo.prepare();
        demo
    }

    /// Writes what a reader has in the current folder and on the PATH.
    fn prepare(&self) {
        let here = self.folder.path();
        for folder in ["bin", ".zfunc", ".config/fish/completions"] {
            fs::create_dir_all(here.join(folder)).expect("a folder");
        }
        for (name, script) in PROGRAMS {
            let path = here.join("bin").join(name);
            // mas-cli gets no variables of ours.
            let script = script
                .replace("$PROGRAM", PROGRAM)
                .replace("$DEMO_MAS_CONFIG", &self.value(&["writer", "mas_cli", "config"]));
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a writable file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("an own file");
        }
        let mut config = self.config.clone();
        let listen = format!("127.0.0.1:{}", free_port());
        let watch = config.entry("watch").or_insert_with(|| Table::new().into());
        watch.as_table_mut().expect("a section").insert("listen".to_owned(), listen.into());
        write_private(&here.join("config.toml"), &config.to_string());
        write_private(
            &here.join("mas-secret"),
            &self.value(&["writer", "mas_api", "client_secret"]),
        );
        let variables = [
            ("KC_URL", self.value(&["keycloak", "url"])),
            ("KC_REALM", self.value(&["keycloak", "realm"])),
            ("KC_GROUP_NAME", "matrix-users".to_owned()),
            ("KC_CLIENT_ID", self.value(&["keycloak", "client_id"])),
            ("KC_CLIENT_SECRET", self.value(&["keycloak", "client_secret"])),
            ("MATRIX_URL", self.value(&["synapse", "url"])),
            ("MATRIX_ADMIN_TOKEN", self.value(&["synapse", "admin_token"])),
            ("MATRIX_SERVER_NAME", self.value(&["server_name"])),
        ];
        let lines = variables.map(|(name, value)| format!("{name}='{value}'\n"));
        write_private(&here.join("keycloak_matrix_sync.conf"), &lines.concat());
    }

    fn value(&self, path: &[&str]) -> String {
        let (last, tables) = path.split_last().expect("a path");
        let table = tables
            .iter()
            .fold(&self.config, |table, name| table[*name].as_table().expect("a table"));
        table[*last].as_str().expect("a text").to_owned()
    }

    /// Returns a script with the demo's servers and files in place of the page's.
    fn with_its_addresses(&self, script: &str) -> String {
        let issuer = self.value(&["writer", "mas_api", "issuer"]);
        let secret = self.folder.path().join("mas-secret").display().to_string();
        let here = format!("{}/", self.folder.path().display());
        let digest = "$(\"$PROGRAM\" plan --format json | jq --raw-output .digest)";
        [
            ("https://auth.example.org", issuer.trim_end_matches('/')),
            ("https://mas-admin.internal:8443", &self.value(&["writer", "mas_api", "url"])),
            ("01KB6XW3N8R5T7QZ2M4VJ9CDHF", &self.value(&["writer", "mas_api", "client_id"])),
            ("/etc/matrix-keycloak-sync/mas-secret", &secret),
            ("/etc/mas/config.yaml", &self.value(&["writer", "mas_cli", "config"])),
            ("/var/lib/prometheus/node-exporter/", &here),
            ("1a2b3c4d", digest),
            ("history 12", "history 1"),
            ("undo 12", "undo 1"),
        ]
        .into_iter()
        .fold(script.to_owned(), |script, (there, here)| script.replace(there, here))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a port for a `watch` of its own: pages run at the same time. It is below those that the
/// system gives to servers such as the demo's.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(10_000).find(is_free).expect("a free port")
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("a writable file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("an own file");
}
