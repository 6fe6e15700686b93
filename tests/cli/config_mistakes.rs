//! Every mistake in a configuration has a message with file, line and a caret.

use std::fmt::Write as _;

use crate::harness::{bare, started, the_table, write};
use crate::snapshots::assert_snapshot;

const GOOD: &str = r#"server_name = "example.org"
[keycloak]
url = "https://sso.example.org"
realm = "corp"
groups = ["matrix-users"]
client_id = "matrix-sync"
client_secret = "s3cr3t-c4nary"   # not s3cr3t-c4nary-2
[synapse]
url = "https://matrix.example.org"
admin_token = "s3cr3t-c4nary"
[writer]
type = "mas-cli"
[policy]
disable = "lock"
[limits]
max_disable = 25
"#;

/// Each with a line of the good file, and what stands there instead.
const MISTAKES: [[&str; 3]; 52] = [
    [
        "a server name with an @",
        "server_name = \"example.org\"",
        "server_name = \"@a:example.org\"",
    ],
    ["a server name with an escape", "\"example.org\"", "\"exa\\u001b[31mm\\u202ele\""],
    ["a server name with an empty label", "\"example.org\"", "\"example..org\""],
    ["a realm that is a path", "realm = \"corp\"", "realm = \"..\""],
    ["a list without its end", "groups = [\"matrix-users\"]", "groups = [\"matrix-users\""],
    ["two texts without quotes", "\"example.org\"", "example.org\nstate_file = /var/x"],
    ["a port with a sign", "\"example.org\"", "\"example.org:+80\""],
    ["no server name", "server_name = \"example.org\"\n", ""],
    ["an address without a scheme", "\"https://sso.example.org\"", "\"sso.example.org\""],
    ["the address of a realm", "sso.example.org\"", "sso.example.org/realms/corp\""],
    ["an old address of a realm", "sso.example.org\"", "sso.example.org/auth/realms/corp/\""],
    [
        "the administration console",
        "sso.example.org\"",
        "sso.example.org/admin/master/console/#/corp\"",
    ],
    ["the Admin API of Keycloak", "sso.example.org\"", "sso.example.org/admin/realms/corp\""],
    [
        "the Admin API of Synapse",
        "https://matrix.example.org",
        "https://matrix.example.org/_synapse/admin",
    ],
    ["an address with a password", "https://sso", "https://me:s3cr3t-c4nary@sso"],
    ["an address with a query", "sso.example.org\"", "sso.example.org?x=s3cr3t-c4nary\""],
    ["a realm that is a number", "realm = \"corp\"", "realm = 3"],
    ["an empty realm", "realm = \"corp\"", "realm = \"\""],
    ["a group that is no list", "groups = [\"matrix-users\"]", "groups = \"matrix-users\""],
    ["several wrong groups", "[\"matrix-users\"]", "[3, \"a\",\n  \"\",  # s3cr3t-c4nary\n  true]"],
    ["no group", "groups = [\"matrix-users\"]", "groups = []"],
    ["neither groups nor roles", "groups = [\"matrix-users\"]\n", ""],
    ["the default role", "groups = ", "roles = [\"a\", \"default-roles-corp\"]\ngroups = "],
    ["a misspelt key", "realm =", "raelm ="],
    ["a misspelt secret", "client_secret =", "client_sceret ="],
    ["an unknown section", "[limits]", "[limit]"],
    ["a value in place of a section", "[limits]\nmax_disable = 25", "[[limits]]\nmax_disable = 25"],
    ["a key of another section", "[limits]", "[limits]\nrealm = \"x\""],
    ["no client secret", "client_secret = \"s3cr3t-c4nary\"", ""],
    ["a secret that is a number", "client_secret = \"s3cr3t-c4nary\"", "client_secret = 4711"],
    [
        "a secret of two lines",
        "client_secret = \"s3cr3t-c4nary\"",
        "client_secret = \"\"\"\ns3cr3t-c4nary\nx\"\"\"",
    ],
    [
        "a secret in a list",
        "client_secret = \"s3cr3t-c4nary\"",
        "client_secret = [\"s3cr3t-c4nary\"]",
    ],
    [
        "a secret given twice",
        "client_secret = ",
        "client_secret_file = \"/proc/version\"\nclient_secret = ",
    ],
    ["a secret as its own file", "client_secret = ", "client_secret_file = "],
    [
        "a missing file of a secret",
        "client_secret = \"s3cr3t-c4nary\"",
        "client_secret_file = \"/proc/secrets\"",
    ],
    [
        "an empty file of a secret",
        "client_secret = \"s3cr3t-c4nary\"",
        "client_secret_file = \"/dev/null\"",
    ],
    ["a file of certificates that is none", "[synapse]", "ca_file = \"/dev/null\"\n[synapse]"],
    ["a realm of users without a user", "[synapse]", "auth_realm = \"master\"\n[synapse]"],
    [
        "a template that MAS cannot render",
        "[synapse]",
        "localpart = \"{{ user.email | nope }}\"\n[synapse]",
    ],
    ["an unknown word", "disable = \"lock\"", "disable = \"erase\""],
    ["a text in place of a switch", "disable = \"lock\"", "protect_admins = \"yes\""],
    ["a time that is none", "disable = \"lock\"", "grace = \"soon\""],
    ["a second stage without the first", "disable = \"lock\"", "deactivate_after = \"30d\""],
    ["two wrong entries", "disable = \"lock\"", "protect = [\"admin\", \"@a:b.c\", \"/(/\"]"],
    ["a negative limit", "max_disable = 25", "max_disable = -1"],
    ["a percentage above 100", "max_disable = 25", "max_disable_percent = 101"],
    ["a writer without its section", "type = \"mas-cli\"", "type = \"mas-api\""],
    [
        "a plain address beyond this machine",
        "[limits]",
        "[writer.mas_api]\nurl = \"http://mas\"\naccess_token = \"s3cr3t-c4nary\"\n[limits]",
    ],
    [
        "the path of the Admin API of MAS",
        "[limits]",
        "[writer.mas_api]\nurl = \"https://mas/api/admin/v1\"\nissuer = \"https://sso.example.org/realms/corp\"\nclient_id = \"x\"\nclient_secret = \"s3cr3t-c4nary\"\n[limits]",
    ],
    ["a text without quotes", "realm = \"corp\"", "realm = corp"],
    [
        "a secret without quotes",
        "client_secret = \"s3cr3t-c4nary\"",
        "client_secret = s3cr3t-c4nary",
    ],
    ["a key twice, and an open section", "[limits]", "[limits\nmax_disable = 2"],
];

#[tokio::test]
async fn every_mistake_is_shown_with_its_line_and_no_secret() {
    let world = started(the_table()).await;
    let mut shown = String::new();
    for [what, from, to] in MISTAKES {
        assert!(GOOD.contains(from), "{from}");
        let path = write(&world, "config.toml", &GOOD.replacen(from, to, 1));
        let run = bare()
            .hiding("s3cr3t-c4nary")
            .run(&format!("config check --config {}", path.display()))
            .exits(78);
        let message = run.stderr.split("hint:").next().unwrap_or_default().trim_end();
        let _ = writeln!(shown, "# {what}\n{message}\n");
    }
    assert_snapshot("config_mistakes", &shown);
}

#[tokio::test]
async fn wrong_variable_is_named() {
    let world = started(the_table()).await;
    let path = write(&world, "config.toml", GOOD).display().to_string();
    let run = bare()
        .env("MATRIX_KEYCLOAK_SYNC_CONFIG", &path)
        .env("KC_URL", "https://sso.example.org/realms/corp")
        .env("MATRIX_ADMIN_TOKEN_FILE", "/proc/nothing/token")
        .env("KC_CLIENT_SECRET_FILE", "/proc/nothing")
        .run("config check")
        .exits(78);
    assert_snapshot("config_mistakes_in_variables", &run.stderr);
}
