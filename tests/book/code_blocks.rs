//! Every code block of the book is parsed by what will read it: TOML by this program, lines of a
//! shell by bash, calls of this program by its own command line, units by systemd, Nix by Nix.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use matrix_keycloak_sync::cli::Cli;
use pulldown_cmark::{Event, Options, Parser};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::blocks::{Block, blocks, pages};
use crate::command_lines::command_lines;

/// What a part of a configuration on a page leaves out.
const THE_REST: &str = r#"
server_name = "example.org"
state_file = "/var/lib/matrix-keycloak-sync/state.db"
[keycloak]
url = "https://sso.example.org"
realm = "corp"
groups = ["matrix-users"]
client_id = "matrix-sync"
client_secret = "secret"
[synapse]
url = "https://matrix.example.org"
admin_token = "secret"
[writer.mas_api]
url = "https://mas-admin.internal:8443"
issuer = "https://auth.example.org/"
client_id = "01J44QC8BCY7FCFM7WGHQGKMTJ"
client_secret = "secret"
"#;

/// Configurations in files of their own.
const SAMPLES: [&str; 5] = [
    "config.example.toml",
    "packaging/compose/config.toml",
    "packaging/debian/config.toml",
    "packaging/kubernetes/config.toml",
    "packaging/opendesk/config.toml",
];

/// Returns the configurations on pages and the samples, each with its place.
fn configurations() -> impl Iterator<Item = (String, String)> {
    let read = |path: &str| (path.to_owned(), std::fs::read_to_string(path).expect("a sample"));
    let on_pages = of_language("toml").map(|block| (block.place(), block.text));
    SAMPLES.into_iter().map(read).chain(on_pages)
}

fn of_language(language: &str) -> impl Iterator<Item = Block> {
    blocks().into_iter().filter(move |block| block.language == language)
}

#[test]
fn every_code_block_names_a_language_that_is_checked() {
    let known = ["sh", "toml", "yaml", "json", "ini", "text", "nginx", "nix"];
    let unknown: Vec<_> = blocks()
        .iter()
        .filter(|block| !known.contains(&block.language.as_str()))
        .map(|block| format!("{}: {:?}", block.place(), block.language))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn every_configuration_on_a_page_or_in_a_sample_is_valid() {
    let folder = TempDir::new().expect("a folder");
    let files = Files::new(folder.path());
    let mut wrong = Vec::new();
    for (place, text) in configurations() {
        let given: Table = text.parse().unwrap_or_else(|error| panic_at(&place, &error));
        let mut whole = if given.contains_key("server_name") { Table::new() } else { rest(&given) };
        merge(&mut whole, given);
        files.replace_in(&mut whole);
        let path = folder.path().join("config.toml");
        std::fs::write(&path, whole.to_string()).expect("a writable file");
        let run = Command::new(env!("CARGO_BIN_EXE_matrix-keycloak-sync"))
            .env_clear()
            .args(["config", "check", "--config"])
            .arg(&path)
            .output()
            .expect("the program");
        if !run.status.success() {
            wrong.push(format!("{place}:\n{}", String::from_utf8_lossy(&run.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sample_configuration_locks_first_and_deactivates_after_30_days() {
    let mut found = 0;
    for (place, text) in configurations() {
        let sample: Table = text.parse().expect("TOML");
        if sample.contains_key("server_name") {
            let value =
                |key: &str| sample.get("policy").and_then(|policy| policy.get(key)?.as_str());
            let both = (value("disable"), value("deactivate_after"));
            assert_eq!(both, (Some("lock"), Some("30d")), "{place}");
            found += 1;
        }
    }
    assert!(found >= 10, "{found}");
}

#[test]
fn every_yaml_and_json_block_is_valid() {
    for block in of_language("yaml") {
        let parsed: Result<serde_json::Value, _> = serde_saphyr::from_str(&block.text);
        assert!(parsed.is_ok(), "{}: {parsed:?}", block.place());
    }
    for block in of_language("json") {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
        assert!(parsed.is_ok(), "{}: {parsed:?}", block.place());
    }
}

/// This program refuses a file for mas-cli that does not say which homeserver it is for.
#[test]
fn every_file_for_mas_cli_names_the_homeserver() {
    let mut found = 0;
    for block in of_language("yaml") {
        let file: serde_json::Value = serde_saphyr::from_str(&block.text).expect("YAML");
        if file["database"].is_object() {
            assert!(file["matrix"]["homeserver"].is_string(), "{}", block.place());
            found += 1;
        }
    }
    assert_eq!(found, 1, "a page that shows one");
}

#[test]
fn every_block_for_a_shell_has_its_syntax() {
    for block in of_language("sh") {
        let mut bash = Command::new("bash")
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut stdin = bash.stdin.take().expect("a pipe");
        stdin.write_all(block.text.as_bytes()).expect("a pipe that is read");
        drop(stdin);
        let run = bash.wait_with_output().expect("bash");
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{}: {error}", block.place());
    }
}

#[test]
fn every_call_of_the_program_on_a_page_is_a_valid_command_line() {
    let in_blocks = blocks().into_iter().filter(|block| block.language != "text");
    let in_blocks = in_blocks.map(|block| (block.place(), without_yaml_and_ini(&block.text)));
    let (mut wrong, mut calls) = (Vec::new(), 0);
    for (place, text) in in_blocks.chain(inline_code()) {
        for words in command_lines(&text) {
            calls += 1;
            if let Err(error) = Cli::command().try_get_matches_from(&words)
                && error.use_stderr()
            {
                wrong.push(format!("{place}: {}: {error}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls > 100, "{calls}");
}

/// Returns the text without what stands before a command line in YAML and in a unit.
fn without_yaml_and_ini(text: &str) -> String {
    let command = |line: &str| {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
        line.trim_start_matches("ExecStart=").to_owned() + "\n"
    };
    text.lines().map(command).collect()
}

/// Returns command lines in sentences: code that begins with the program and goes on.
fn inline_code() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in pages() {
        let markdown = std::fs::read_to_string(&page).expect("a readable page");
        for event in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
            if let Event::Code(code) = event
                && (code.starts_with("matrix-keycloak-sync ")
                    || code.starts_with("matrix-keycloak-sync-run "))
            {
                let code = code.replace("DIGEST", "sha256:…").replace("RUN", "12");
                found.push((page.display().to_string(), code));
            }
        }
    }
    found
}

#[test]
fn every_unit_on_a_page_is_valid() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("not checked: there is no systemd-analyze here");
        return;
    }
    let folder = TempDir::new().expect("a folder");
    for block in of_language("ini") {
        let program = env!("CARGO_BIN_EXE_matrix-keycloak-sync");
        let unit = block.text.replace("/usr/local/bin/matrix-keycloak-sync", program);
        let path = folder.path().join("matrix-keycloak-sync.service");
        std::fs::write(&path, unit).expect("a writable file");
        let run =
            Command::new("systemd-analyze").arg("verify").arg(&path).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        let ours = said.lines().filter(|line| line.contains("matrix-keycloak-sync.service"));
        let ours: Vec<_> = ours.filter(|line| !line.contains("docker.service")).collect();
        assert!(ours.is_empty(), "{}: {ours:#?}", block.place());
    }
}

/// `packaging/nixos/check.sh` installs Nix and evaluates them as well.
#[test]
fn every_nix_block_has_its_syntax() {
    if Command::new("nix-instantiate").arg("--version").output().is_err() {
        println!("not checked: there is no nix-instantiate here");
        return;
    }
    let folder = TempDir::new().expect("a folder");
    for block in of_language("nix") {
        let path = folder.path().join("block.nix");
        std::fs::write(&path, &block.text).expect("a writable file");
        let run = Command::new("nix-instantiate")
            .arg("--parse")
            .arg(&path)
            .envs(["NIX_STATE_DIR", "NIX_LOG_DIR"].map(|name| (name, folder.path())))
            .output()
            .expect("it runs");
        let error = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{}: {error}", block.place());
    }
}

#[test]
fn every_alert_has_a_section_that_its_rule_names() {
    let rules = std::fs::read_to_string("packaging/monitoring/alerts.yml").expect("the rules");
    let page = std::fs::read_to_string("docs/alerts.md").expect("the page");
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(alerts.clone().collect::<Vec<_>>(), headings);
    for alert in alerts {
        let link = format!("docs/alerts.md#{}\"", alert.to_lowercase());
        assert!(rules.contains(&link), "{link}");
    }
}

fn panic_at<T>(place: &str, error: &dyn std::fmt::Display) -> T {
    #[expect(clippy::panic, reason = "a failing test")]
    {
        panic!("{place}: {error}")
    }
}

/// Returns what a part of a configuration leaves out.
fn rest(given: &Table) -> Table {
    let mut rest: Table = THE_REST.parse().expect("TOML");
    let api = |table: &Table, key: &str| {
        table.get("writer").and_then(|writer| writer.get("mas_api")?.get(key)).is_some()
    };
    if api(given, "access_token_file")
        && let Some(api) = rest["writer"]["mas_api"].as_table_mut()
    {
        api.retain(|key, _| !key.starts_with("client_"));
    }
    rest
}

/// Puts the values of a table into another one. A secret's file replaces the secret.
fn merge(whole: &mut Table, given: Table) {
    for (key, value) in given {
        if let Some(secret) = key.strip_suffix("_file") {
            whole.remove(secret);
        }
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(there)), Value::Table(more)) => merge(there, more),
            (_, value) => drop(whole.insert(key, value)),
        }
    }
}

/// Files in place of those on another machine.
struct Files {
    secret: String,
    certificate: String,
    key: String,
}

impl Files {
    fn new(folder: &Path) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["mas-admin.internal".to_owned()]).expect("a certificate");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a writable file");
            path.display().to_string()
        };
        Self {
            secret: write("secret", "a secret\n"),
            certificate: write("certificate.pem", &cert.pem()),
            key: write("key.pem", &signing_key.serialize_pem()),
        }
    }

    fn replace_in(&self, table: &mut Table) {
        for (key, value) in table.iter_mut() {
            match (key.as_str(), value) {
                (_, Value::Table(inner)) => self.replace_in(inner),
                ("ca_file" | "client_cert_file", value) => *value = self.certificate.clone().into(),
                ("client_key_file", value) => *value = self.key.clone().into(),
                ("state_file", _) => {}
                (key, value) if key.ends_with("_file") => *value = self.secret.clone().into(),
                _ => {}
            }
        }
    }
}
