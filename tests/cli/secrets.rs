//! No secret is ever printed: by no command, in no format, at any log level and in no error.

use matrix_keycloak_sync::standins::keycloak::{Login, ManagementRoles, RealmClient};
use matrix_keycloak_sync::standins::{Auth, RunningWorld};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;

use crate::harness::{Program, Run, mas_cli, program, program_with, started, the_table, write};

const PASSWORD: &str = "c4n/ry+p@ss=w0rd&1";
const CLIENT_SECRET: &str = "c4n/ry+cl1ent=s3cret&2";
/// The beginning of every access token of the Keycloak stand-in.
const ACCESS_TOKEN: &str = "eyJhbGciOiJub25lIn0";

/// What must not be printed, in every encoding.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Notes the value of a variable, if it is a secret.
    pub(crate) fn note(&mut self, variable: &str, value: &str) {
        if ["KC_ADMIN_PASS", "KC_CLIENT_SECRET", "MATRIX_ADMIN_TOKEN"].contains(&variable)
            && !value.is_empty()
        {
            self.add(value);
        }
    }

    /// Notes a secret.
    pub(crate) fn add(&mut self, secret: &str) {
        self.0
            .extend([secret.to_owned(), utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string()]);
        self.0.push(byte_serialize(secret.as_bytes()).collect());
        self.0.extend((0..3).map(|shift| base64_inside(secret, shift)));
    }

    /// Searches a run's output for all of them.
    pub(crate) fn assert_absent(&self, what: &str, run: &Run) {
        for secret in self.0.iter().map(String::as_str).chain([ACCESS_TOKEN]) {
            assert!(!run.stdout.contains(secret), "{what}: {secret:?} in stdout:\n{}", run.stdout);
            assert!(!run.stderr.contains(secret), "{what}: {secret:?} in stderr:\n{}", run.stderr);
        }
    }
}

/// The base64 characters of a secret alone, after `shift` other bytes.
fn base64_inside(secret: &str, shift: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = [&[0; 3][..shift], secret.as_bytes()].concat();
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let first = (shift * 8).div_ceil(6);
    let letter = |six: &[u8]| {
        char::from(LETTERS[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))])
    };
    bits.chunks_exact(6).skip(first).map(letter).collect()
}

#[test]
fn the_search_finds_a_secret_inside_base64() {
    // The base64 of "user:secret", "xuser:secret" and "xxuser:secret".
    let whole = ["dXNlcjpzZWNyZXQ=", "eHVzZXI6c2VjcmV0", "eHh1c2VyOnNlY3JldA=="];
    let found = |text: &&str| (0..3).any(|shift| text.contains(&base64_inside("secret", shift)));
    assert!(whole.iter().all(found));
}

/// The table, with secrets that occur nowhere else.
async fn canaries() -> RunningWorld {
    let world = started(the_table()).await;
    let mut state = world.keycloak.state();
    let login = Login { password: PASSWORD.into(), roles: ManagementRoles::admin() };
    state.realm("master").logins.insert("syncadmin".to_owned(), login);
    let roles = ManagementRoles::from_names(&["view-users"]);
    let client = RealmClient {
        secret: Some(CLIENT_SECRET.into()),
        service_account: Some(roles),
        ..RealmClient::default()
    };
    state.realm("corp").clients.insert("matrix-sync".to_owned(), client);
    drop(state);
    world
}

/// With every secret that a configuration can have, and those of MAS's own configuration.
fn by_variables(world: &RunningWorld) -> Program {
    let mas = std::fs::read_to_string(world.mas_cli_config()).expect("seeded");
    let database = mas.split(['@', ':']).find(|part| part.len() == 20).expect("a password");
    program(world)
        .env("KC_ADMIN_PASS", PASSWORD)
        .env("KC_CLIENT_SECRET", CLIENT_SECRET)
        .hiding(database)
}

fn by_files(world: &RunningWorld) -> Program {
    let path =
        |name: &str, text: &str| write(world, name, &format!("{text}\n")).display().to_string();
    by_variables(world)
        .without("KC_ADMIN_PASS")
        .without("KC_CLIENT_SECRET")
        .without("MATRIX_ADMIN_TOKEN")
        .env("KC_ADMIN_PASS_FILE", &path("password", PASSWORD))
        .env("KC_CLIENT_SECRET_FILE", &path("client-secret", CLIENT_SECRET))
        .env("MATRIX_ADMIN_TOKEN_FILE", &path("token", world.admin_token()))
}

fn by_toml(world: &RunningWorld) -> Program {
    let toml = format!(
        "[keycloak]\npassword = \"{PASSWORD}\"\nclient_secret = \"{CLIENT_SECRET}\"\n[synapse]\nadmin_token = \"{}\"\n",
        world.admin_token()
    );
    by_files(world)
        .without("KC_ADMIN_PASS_FILE")
        .without("KC_CLIENT_SECRET_FILE")
        .without("MATRIX_ADMIN_TOKEN_FILE")
        .file(world, &toml)
}

#[tokio::test]
async fn no_command_prints_a_secret() {
    for configured in [by_variables, by_files, by_toml] {
        let world = canaries().await;
        let saved = world.directory().join("plan.json").display().to_string();
        let commands = [
            "plan".to_owned(),
            "plan --format json".to_owned(),
            format!("plan --format markdown --out {saved}"),
            "sync --dry-run".to_owned(),
            "explain dave".to_owned(),
            "report".to_owned(),
            "doctor".to_owned(),
            "doctor --format json".to_owned(),
            "apply ".to_owned() + &saved,
            "sync --format json".to_owned(),
            "completions bash".to_owned(),
            "man".to_owned(),
            "demo".to_owned(),
        ];
        for command in &commands {
            configured(&world).run(&format!("-vvv {command}")).exits(0);
            configured(&world).run(&format!("-vvv --log-format json {command}")).exits(0);
        }
        configured(&world).run("-vvv explain stranger").exits(1);
    }
}

#[tokio::test]
async fn credentials_of_a_client_are_not_printed_either() {
    let world = canaries().await;
    let run = program_with(&world, Auth::ClientCredentials)
        .env("KC_CLIENT_SECRET", CLIENT_SECRET)
        .run("-vvv sync");
    run.exits(0).tells(&["asking for a token"]);
}

#[tokio::test]
async fn error_about_a_wrong_file_shows_no_secret() {
    let world = canaries().await;
    let wrong = [
        format!("[keycloak]\npassword = \"{PASSWORD}\n"),
        format!("[keycloak]\npassword = {PASSWORD}\n"),
        format!("[keycloak]\npassword = [\"{PASSWORD}\"]\n"),
        format!("[keycloak]\npassword = {{ is = \"{PASSWORD}\" }}\n"),
        format!("[keycloak]\npassword = \"\"\"\n{PASSWORD}\n"),
        format!("[keycloak]\npassword = \"x\"\npassword = \"{PASSWORD}\"\n"),
        format!("[keycloak]\npasswort = \"{PASSWORD}\"\n"),
        format!("[keycloak]\npassword = \"{PASSWORD}\"\npassword_file = \"/nowhere\"\n"),
        format!("[keycloak.password]\nis = \"{PASSWORD}\"\n"),
        format!("[keycloak]\nclient_secret = '{PASSWORD}\n"),
        format!("[synapse]\nadmin_token = [1, \"{PASSWORD}\"]\n"),
        format!("[synapse]\nadmin_token = \"\\q{PASSWORD}\"\n"),
        format!(
            "[writer.mas_api]\nclient_secret = \"{PASSWORD}\"\naccess_token = \"{PASSWORD}\"\n"
        ),
    ];
    for toml in &wrong {
        let run = by_files(&world)
            .without("KC_ADMIN_PASS_FILE")
            .without("MATRIX_ADMIN_TOKEN_FILE")
            .hiding(PASSWORD);
        let run = run.file(&world, toml).run("-vvv --log-format json sync");
        assert_eq!(run.code, 78, "{toml}\n{run:?}");
    }
}

#[tokio::test]
async fn an_address_with_a_password_in_it_is_refused_and_not_shown() {
    let world = canaries().await;
    for name in ["KC_URL", "MATRIX_URL"] {
        for address in [
            "https://me:s3cr3tc4nary@sso.test",
            "https://s3cr3tc4nary@sso.test",
            "me:s3cr3tc4nary@sso.test",
            "https://me:s3cr3t/c4nary@sso.test/s3cr3tc4nary",
            "https://sso.test/?token=s3cr3tc4nary",
        ] {
            let run = by_variables(&world)
                .env(name, address)
                .hiding("s3cr3tc4nary")
                .run("sync")
                .exits(78);
            run.tells(&[name]);
        }
    }
}

#[tokio::test]
async fn a_secret_in_mas_clis_own_configuration_is_not_shown() {
    let world = canaries().await;
    for text in [
        format!("database:\n  uri: \"postgresql://mas:{PASSWORD}@db\n"),
        format!("- {PASSWORD}\n"),
        PASSWORD.to_owned(),
    ] {
        let path = write(&world, "broken.yaml", &text).display().to_string();
        by_variables(&world).env("MAS_CONFIG", &path).run("-vvv sync").exits(78);
    }
}

#[tokio::test]
async fn error_of_mas_cli_is_printed_without_secrets() {
    let world = canaries().await;
    for calls in ["*manage*", "*-user\\ *"] {
        let toml =
            mas_cli(&world, &format!("case \"$*\" in {calls}) echo Error: no >&2; exit 1;; esac"));
        by_variables(&world).file(&world, &toml).run("-vvv sync").exits(4);
    }
}
