//! The configuration as its users meet it: the example, the nine variables, secrets, and every kind
//! of mistake.

mod excerpts;
mod secrets;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use secrecy::ExposeSecret;

use super::*;

const EXAMPLE: &str = include_str!("../../config.example.toml");

const NINE: [(&str, &str); 9] = [
    ("KC_URL", "https://sso.example.org"),
    ("KC_REALM", "corp"),
    ("KC_GROUP_NAME", "matrix-users"),
    ("KC_CLIENT_ID", "admin-cli"),
    ("KC_ADMIN_USER", "admin"),
    ("KC_ADMIN_PASS", "hunter2"),
    ("MATRIX_URL", "https://matrix.example.org"),
    ("MATRIX_ADMIN_TOKEN", "mct_token"),
    ("MATRIX_SERVER_NAME", "example.org"),
];

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a writable file");
    file
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let file = file(text);
    load(Some(file.path()), &|name| variables.get(name).map(ToString::to_string))
        .map(|loaded| loaded.config)
}

/// Returns the problems of a configuration, one per line.
fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    match load_with(text, variables) {
        Err(ConfigError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
        Ok(_) => Vec::new(),
    }
}

/// The example with one line replaced.
fn example_with(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from:?} is not in the example");
    EXAMPLE.replacen(from, to, 1)
}

#[test]
fn the_example_loads() {
    assert_eq!(problems(EXAMPLE, &[]), [""; 0]);
}

#[test]
fn the_example_names_every_key_and_no_other() {
    let mut everything = String::new();
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_toml = bare.starts_with('[')
            || bare.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '`']));
        let _ = writeln!(everything, "{}", if is_toml { bare } else { line });
    }
    let table: toml::Table =
        toml::from_str(&everything).expect("the example with every comment taken in is TOML");
    let mut named = BTreeSet::new();
    let mut open = vec![(String::new(), table)];
    while let Some((prefix, table)) = open.pop() {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) => open.push((key, table)),
                _ => drop(named.insert(key)),
            }
        }
    }
    let known: BTreeSet<_> = ConfigKey::all().map(|key| key.name.to_owned()).collect();
    assert_eq!(named, known);
}

#[test]
fn the_example_shows_the_defaults() {
    let example = load_with(EXAMPLE, &[]).expect("the example loads");
    let defaults = load_with("", &NINE).expect("nine variables are enough");
    assert_eq!(example.limits, defaults.limits);
    assert_eq!(example.watch, defaults.watch);
    assert_eq!(example.max_consecutive_failures, defaults.max_consecutive_failures);
    assert_eq!(format!("{:?}", example.writer), format!("{:?}", defaults.writer));
    assert_eq!(example.policy.protect_admins, defaults.policy.protect_admins);
}

#[test]
fn nine_variables_are_a_complete_configuration() {
    let config = load_with("", &NINE).expect("complete");
    assert_eq!(config.keycloak.members.groups, ["matrix-users"]);
    let KeycloakAuth::Password { auth_realm, client_id, username, password, .. } =
        config.keycloak.auth
    else {
        unreachable!("with a username the password grant is used")
    };
    let told =
        (auth_realm.as_str(), client_id.as_str(), username.as_str(), password.expose_secret());
    assert_eq!(told, ("master", "admin-cli", "admin", "hunter2"));
}

#[test]
fn each_of_the_nine_is_missed_by_name() {
    for (missing, _) in NINE.iter().filter(|(name, _)| *name != "KC_CLIENT_ID") {
        let rest: Vec<_> = NINE.iter().copied().filter(|(name, _)| name != missing).collect();
        let told = problems("", &rest);
        assert!(
            told.len() == 1 && told[0].contains(missing) && told[0].contains("missing"),
            "{missing}: {told:?}"
        );
    }
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_variable_does_not() {
    let config = load_with(EXAMPLE, &[("KC_REALM", "other"), ("KC_URL", "")]).expect("loads");
    assert_eq!(
        (config.keycloak.realm.as_str(), config.keycloak.url.as_str()),
        ("other", "https://sso.example.org/")
    );
}

#[test]
fn all_problems_are_reported_at_once_with_key_value_and_what_is_expected() {
    let text = "server_name = \"@x\"\n[keycloak]\nurl = \"sso\"\nrealm = 3\ngroups = []\nurll = \"x\"\n[limits]\nmax_disable = -1\n\
                [writer]\nconfirm_timeout = \"soon\"\n[writer.mas_cli]\ntimeout = \"0s\"\n[watch]\ninterval = \"0s\"\nevents_every = \"never\"\n[policy]\ndisable = \"erase\"\n";
    let told = problems(text, &[]).join("\n");
    for expected in [
        "server_name (MATRIX_SERVER_NAME) = \"@x\": expected a name such as \"example.org\"",
        "keycloak.url (KC_URL) = \"sso\": expected an address such as \"https://sso.example.org\"",
        "keycloak.realm (KC_REALM) = 3: expected a text that is not empty",
        "keycloak.groups (KC_GROUP_NAME): expected at least one group",
        "keycloak.urll: there is no such key; did you mean keycloak.url?",
        "keycloak.client_secret (KC_CLIENT_SECRET): missing",
        "synapse.admin_token (MATRIX_ADMIN_TOKEN): missing",
        "limits.max_disable = -1: expected a whole number, 0 or more",
        "writer.confirm_timeout = \"soon\": expected a time such as \"30s\"",
        "writer.mas_cli.timeout = \"0s\": expected a second or more",
        "watch.interval = \"0s\": expected a second or more",
        "watch.events_every = \"never\": expected a time such as \"5s\", or \"off\"",
        "policy.disable = \"erase\": expected \"deactivate\" or \"lock\"",
    ] {
        assert!(told.contains(expected), "{expected}\nis not in\n{told}");
    }
}

#[test]
fn suggestion_is_never_the_section_that_a_key_is_in() {
    let told = problems(&example_with("[limits]\n", "[limits]\nk0 = 1\n"), &[]);
    assert_eq!(told, ["limits.k0: there is no such key"]);
}

#[test]
fn time_is_quoted_as_it_is_written() {
    let told = problems(&example_with("disable = \"lock\"", "disable = \"deactivate\""), &[]);
    assert!(told[0].starts_with("policy.deactivate_after = \"30d\": this needs"), "{told:?}");
    let off = example_with("grace = \"0s\"", "grace = \"7d\"");
    let told = problems(&format!("state_file = \"off\"\n{off}"), &[]);
    assert!(told.iter().any(|line| line.starts_with("policy.grace = \"7d\": ")), "{told:?}");
}

#[test]
fn a_template_that_mas_cannot_render_is_one_problem() {
    let line = "localpart = \"{{ user.preferred_username }}\"";
    for (template, says) in [
        ("{{ user.", "expected a template: syntax error: unexpected end of input"),
        (
            "{{ user.email | nope }}{{ now() }}",
            "expected a template: MAS's templates have no filter nope, no function now",
        ),
        ("{{ user.iss }}", "expected a template: user.iss is known at a login only"),
    ] {
        let told = problems(&example_with(line, &format!("localpart = \"{template}\"")), &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("keycloak.localpart") && told[0].contains(says), "{told:?}");
    }
    let custom = example_with(line, "localpart = \"{{ user.no_such_field }}\"");
    assert_eq!(problems(&custom, &[]), [""; 0]);
}

#[test]
fn what_watch_looks_at_can_be_switched_off() {
    let off = "[watch]\nevents_every = \"off\"\nmembers_every = \"off\"\naccounts_every = \"off\"\nlisten = \"off\"\n";
    let config = load_with(off, &NINE).expect("loads");
    let expected = WatchConfig {
        events_every: None,
        members_every: None,
        accounts_every: None,
        listen: None,
        ..WatchConfig::default()
    };
    assert_eq!(config.watch, expected);
}

#[test]
fn a_variable_that_is_not_utf_8_is_reported_by_name() {
    let told = problems("", &[&NINE[..], &[("KC_ADMIN_PASS", "p\u{fffd}ss")]].concat());
    assert!(
        told.len() == 1 && told[0].contains("KC_ADMIN_PASS") && told[0].contains("UTF-8"),
        "{told:?}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_reported_by_line_and_column() {
    assert!(problems("server_name = \"a\"\nrealm = = 3\n", &[])[0].contains(":2:9\n"));
}

#[test]
fn the_configuration_of_mas_is_passed_unless_the_command_brings_its_own() {
    let config_of = |command: &str, variables: &[(&str, &str)]| {
        let text = example_with("command = [\"mas-cli\"]", &format!("command = {command}"));
        let text = text.replacen("config = \"/etc/mas-cli/mas-cli.yaml\"", "", 1);
        let WriterKindConfig::MasCli(mas_cli) =
            load_with(&text, variables).expect("loads").writer.kind
        else {
            unreachable!("the example's writer is mas-cli")
        };
        let paths: Vec<_> = mas_cli.config.iter().map(|path| path.display().to_string()).collect();
        paths.join(" ")
    };
    let docker = "[\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]";
    assert_eq!(config_of("[\"mas-cli\"]", &[]), "/etc/mas-cli/mas-cli.yaml");
    assert_eq!(config_of(docker, &[]), "");
    assert_eq!(
        config_of(docker, &[("MAS_CONFIG", "/in/it.yaml:/and/this.yaml")]),
        "/in/it.yaml /and/this.yaml"
    );
    assert_eq!(
        config_of("[\"mas-cli\", \"--config\", \"/own.yaml\"]", &[("MAS_CONFIG", "/x.yaml")]),
        ""
    );
    assert_eq!(config_of("[\"mas-cli\"]\nconfig = \"\"", &[]), "");
    assert_eq!(
        config_of("[\"mas-cli\"]\nconfig = [\"/a:b.yaml\", \"/c.yaml\"]", &[]),
        "/a:b.yaml /c.yaml"
    );
}

#[test]
fn plain_http_beyond_loopback_is_a_warning() {
    let warnings = |url: &str| {
        let file = file(&example_with("https://sso.example.org", url));
        load(Some(file.path()), &|_| None).expect("loads").warnings.len()
    };
    assert_eq!(
        ["http://sso.example.org", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"]
            .map(warnings),
        [1, 0, 0, 0]
    );
}

/// The Keycloak part of a configuration, and nothing of the other servers.
const KEYCLOAK_ONLY: &str = "server_name = \"example.org\"\n[keycloak]\nurl = \"https://sso.example.org\"\nrealm = \"corp\"\n\
                             groups = [\"matrix-users\"]\nclient_id = \"matrix-sync\"\nclient_secret = \"x\"\n";
const MAS_API: &str = "[writer.mas_api]\nurl = \"https://mas-admin.internal:8443\"\nissuer = \"https://auth.example.org/\"\n\
                       client_id = \"01J44QC8BCY7FCFM7WGHQGKMTJ\"\nclient_secret = \"4711\"\n";

fn mas_api(change: impl FnOnce(String) -> String) -> String {
    change(format!(
        "{KEYCLOAK_ONLY}[accounts]\nsource = \"mas\"\n[writer]\ntype = \"mas-api\"\n{MAS_API}"
    ))
}

#[test]
fn without_synapse_mas_has_to_list_the_accounts() {
    let config = load_with(&mas_api(|text| text), &[]).expect("loads");
    assert!(config.synapse.is_none() && config.mas_api.is_some());
    let told = problems(&mas_api(|text| text.replace("source = \"mas\"", "")), &[]);
    assert!(told.len() == 2 && told.iter().all(|line| line.starts_with("synapse.")), "{told:?}");
    let told = problems(
        &mas_api(|text| format!("{text}[synapse]\nurl = \"https://matrix.example.org\"\n")),
        &[],
    );
    assert!(told.len() == 1 && told[0].starts_with("synapse.admin_token"), "{told:?}");
}

#[test]
fn reading_or_writing_by_the_admin_api_needs_its_section() {
    for [from, to] in
        [["source = \"synapse\"", "source = \"mas\""], ["type = \"mas-cli\"", "type = \"mas-api\""]]
    {
        let told = problems(&example_with(from, to), &[]);
        let keys: Vec<_> =
            told.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
        let needed = ["url", "client_id", "client_secret", "issuer"]
            .map(|key| format!("writer.mas_api.{key}"));
        assert_eq!(keys, needed, "{to}");
    }
}

#[test]
fn a_personal_access_token_needs_no_client_and_no_issuer() {
    let token = |text: String| {
        let text = text
            .replace("client_id = \"01J44QC8BCY7FCFM7WGHQGKMTJ\"\nclient_secret", "access_token");
        text.replace("issuer = \"https://auth.example.org/\"\n", "")
    };
    let config = load_with(&mas_api(token), &[]).expect("loads").mas_api.expect("[writer.mas_api]");
    assert!(matches!(config.auth, MasApiAuth::Token(_)) && config.issuer.is_none());
    let both = problems(&mas_api(|text| text + "access_token = \"4711\"\n"), &[]);
    assert!(
        both.len() == 1 && both[0].starts_with("writer.mas_api.access_token: given together with"),
        "{both:?}"
    );
}

#[test]
fn a_secret_for_mas_goes_over_plain_http_only_on_this_machine_or_where_it_is_allowed() {
    let with = |url: &str, more: &str| {
        problems(&mas_api(|text| text.replace("https://mas-admin.internal:8443", url) + more), &[])
    };
    assert_eq!(with("http://127.0.0.1:8081", ""), [""; 0]);
    assert_eq!(with("http://mas:8081", "allow_http = true\n"), [""; 0]);
    let told = with("http://mas:8081", "");
    assert!(told.len() == 1 && told[0].contains("writer.mas_api.allow_http = true"), "{told:?}");
    let told = problems(
        &mas_api(|text| text.replace("https://auth.example.org/", "http://auth.example.org/")),
        &[],
    );
    assert!(told.len() == 1 && told[0].starts_with("writer.mas_api.issuer"), "{told:?}");
}

#[test]
fn links_need_the_admin_api_and_a_provider_is_a_ulid() {
    let told = problems(&example_with("match = \"auto\"", "match = \"upstream-link\""), &[]);
    assert!(told.len() == 1 && told[0].contains("needs [writer.mas_api]"), "{told:?}");
    let provider = |id: &str| {
        problems(
            &mas_api(|text| {
                text.replace("source = \"mas\"", &format!("source = \"mas\"\nprovider = {id:?}"))
            }),
            &[],
        )
    };
    assert_eq!(provider("01H8PKNWKKRPCBW4YGH1RWV279"), [""; 0]);
    assert!(provider("keycloak")[0].starts_with("accounts.provider = \"keycloak\": expected"));
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_reported_by_key_without_its_content() {
    let key = file("-----BEGIN PRIVATE KEY-----\n4711\n-----END PRIVATE KEY-----\n");
    let path = key.path().display().to_string();
    let with = |line: &str| problems(&mas_api(|text| format!("{text}{line}\n")), &[]);
    for (line, starts) in [
        (format!("ca_file = {path:?}"), "writer.mas_api.ca_file = "),
        (
            "ca_file = \"/not/there.pem\"".to_owned(),
            "writer.mas_api.ca_file = \"/not/there.pem\": cannot read",
        ),
        (format!("client_cert_file = {path:?}"), "writer.mas_api.client_key_file: missing"),
        (format!("client_key_file = {path:?}"), "writer.mas_api.client_cert_file: missing"),
        (
            format!("client_cert_file = {path:?}\nclient_key_file = {path:?}"),
            "writer.mas_api.client_cert_file = ",
        ),
    ] {
        let told = with(&line);
        assert!(
            told.len() == 1 && told[0].starts_with(starts) && !told[0].contains("4711"),
            "{line}: {told:?}"
        );
    }
}
