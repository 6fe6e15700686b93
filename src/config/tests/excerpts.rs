//! Tests that every problem shows its line, and that no line shows a secret.

use super::*;

/// What must not be shown.
const SECRET: &str = "s3cr3t-c4nary";

/// Returns the whole error of a wrong configuration.
fn error(text: &str) -> String {
    load_with(text, &[]).expect_err("a mistake").to_string()
}

/// Returns the lines of a problem, without those of the path.
fn lines_about(key: &str, error: &str) -> Vec<String> {
    let lines = error.lines().skip_while(|line| !line.trim_start().starts_with(key));
    let is_excerpt = |line: &&str| line.contains(" | ");
    lines.skip(1).skip_while(|line| !is_excerpt(line)).take(2).map(ToOwned::to_owned).collect()
}

#[test]
fn every_wrong_entry_of_a_list_has_a_caret_of_its_own() {
    let text = example_with(
        "protect = [\"admin\", \"/bot-.*/\"]",
        "protect = [\"admin\", \"@x:y.z\",\n  \"/(/\",  # why\n  3, \"\"]",
    );
    let error = error(&text);
    let shown: Vec<_> = error
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("policy.protect"))
        .collect();
    assert_eq!(
        shown,
        [
            "policy.protect: \"@x:y.z\" is neither a localpart (admin, not @admin:example.org) nor a /regular expression/",
            "policy.protect: \"/(/\" is not a regular expression: unclosed group",
            "policy.protect = 3: expected a list of localparts and /regular expressions/; entry 4 is not a text",
            "policy.protect = \"\": expected a list of localparts and /regular expressions/; entry 5 is empty",
        ]
    );
    let text = text.replace("3, \"\"", "\"a b\"");
    let error = self::error(&text);
    assert!(error.contains("has 3 problems"), "{error}");
    for (entry, caret) in
        [("\"@x:y.z\",", "^^^^^^^^"), ("  \"/(/\",", "^^^^^"), ("  \"a b\"]", "^^^^^")]
    {
        let mut lines = error.lines().skip_while(|line| !line.ends_with(entry));
        assert!(lines.next().is_some(), "{entry}\n{error}");
        assert!(lines.next().is_some_and(|line| line.ends_with(caret)), "{entry}\n{error}");
    }
}

#[test]
fn default_role_is_reported_together_with_entries_that_are_no_role() {
    for key in ["keycloak.roles", "admins.roles"] {
        let roles = "roles = [\"\", 7, \"default-roles-corp\"]\n";
        let (keycloak, admins) = if key == "keycloak.roles" { (roles, "") } else { ("", roles) };
        let text = KEYCLOAK_ONLY.replace("[keycloak]\n", &format!("[keycloak]\n{keycloak}"));
        // A mistake elsewhere hides none of them.
        let text = format!("{}\n[admins]\n{admins}", text.replace("https://sso", "sso"));
        let error = error(&text);
        for (value, why) in [
            ("\"\"", "entry 1 is empty"),
            ("7", "entry 2 is not a text"),
            ("\"default-roles-corp\"", "this is the default role"),
        ] {
            let is_shown =
                |line: &str| line.contains(&format!("{key} = {value}: ")) && line.contains(why);
            assert!(error.lines().any(is_shown), "{error}");
        }
        assert!(!error.contains("at least one group or role"), "{error}");
    }
}

#[test]
fn missing_key_belongs_below_the_header_of_its_section() {
    let error = error(&KEYCLOAK_ONLY.replace("realm = \"corp\"\n", ""));
    let shown = lines_about("keycloak.realm", &error);
    assert!(shown[0].ends_with("2 | [keycloak]") && shown[1].ends_with("^^^^^^^^^^"), "{error}");
    assert!(error.contains(": there is no [synapse]"), "{error}");
}

#[test]
fn value_of_a_variable_is_reported_with_its_name_even_if_the_file_has_one() {
    let error = load_with(EXAMPLE, &[("KC_URL", "sso")]).expect_err("a mistake").to_string();
    assert!(error.ends_with("--> the variable KC_URL"), "{error}");
}

#[test]
fn path_of_a_secret_s_file_is_named_and_its_content_is_not() {
    let secret = file(&format!("{SECRET}\n{SECRET}\n"));
    let path = secret.path().display().to_string();
    let line = format!("admin_token_file = {path:?}");
    let error = error(&example_with("admin_token = \"change me\"", &line));
    assert!(error.contains("this file has more than one line"), "{error}");
    assert_eq!(error.matches(&path).count(), 2, "{error}");
    assert!(!error.contains(SECRET), "{error}");
}

/// Lines in which the secret stands next to a mistake, or is one.
const LINES: [&str; 24] = [
    "keycloak = { client_secret = \"SECRET\", realm = 3 }",
    "keycloak = { realm = 3, client_secret = \"SECRET\" }",
    "keycloak = { realm = 3, client_secret = \"\"\"\nSECRET\n\"\"\", urll = 1 }",
    "keycloak = { client_secret = '''\nSECRET''', realm = 3, urll = 1 }",
    "keycloak = { client_secret = { realm = \"SECRET\" }, realm = 3 }",
    "keycloak = { client_secret = [\"SECRET\"], realm = 3 }",
    "keycloak = [ { client_secret = \"SECRET\" } ]",
    "keycloak = { realm = 3, passwort = \"SECRET\" }",
    "keycloak = { \"cl\\u0069ent_secret\" = \"SECRET\", realm = 3 }",
    "keycloak.realm = { client_secret = \"SECRET\" }",
    "keycloak.client_secret = \"\"\"\nSECRET\"\"\"",
    "keycloak.client_secret_file = \"SECRET\"",
    "keycloak.url = \"https://x:SECRET@sso.test\"",
    "keycloak.url = \"https://sso.test/realms/corp?token=SECRET\"",
    "keycloak.realm = 3 # SECRET",
    "keycloak.groups = [3, # SECRET\n\"a\"]",
    "keycloak.groups = [[\"SECRET\"], 3]",
    "\"keycloak#x\".client_secret = \"SECRET\"",
    "keycloak.passwords = [\"SECRET\"]",
    "writer.mas_cli.command = [\"env\", \"SECRET\", 3]",
    "writer.mas_cli.command = \"env SECRET\"",
    "watch.on_refused = [3, \"SECRET\"]",
    "admin_token = \"SECRET\"",
    "[synapse]\nadmin_token = \"SECRET\"\nadmin_token_file = \"/x\"",
];

/// Files that are not TOML.
const BROKEN: [&str; 14] = [
    "keycloak.client_secret = SECRET",
    "keycloak.client_secret = \"SECRET",
    "keycloak.client_secret = \"\"\"\nSECRET",
    "keycloak.client_secret = \"\"\"\nSECRET\"\nrealm = SECRET\n",
    "keycloak.client_secret = '''\nurl = SECRET\n",
    "keycloak.client_secret = \"\\qSECRET\"",
    "keycloak = { client_secret = \"SECRET\" realm = 3 }",
    "keycloak = { realm = 3 client_secret = \"SECRET\" }",
    "keycloak = { realm = 3, client_secret = \"SECRET\"\n[x]",
    "realm = 3 client_secret = \"SECRET\"",
    "realm 3 # SECRET",
    "SECRET",
    "[SECRET",
    "writer.mas_cli.command = [\"env\" \"SECRET\"]",
];

#[test]
fn no_line_that_is_shown_contains_a_secret() {
    for line in LINES.iter().chain(&BROKEN) {
        for more in ["", "x = 1 # SECRET\n", "\n\n# SECRET"] {
            let error = error(&format!("{line}\n{more}").replace("SECRET", SECRET));
            assert!(!error.contains(SECRET), "{line}\n{error}");
            assert!(error.contains("config") || error.contains("-->"), "{error}");
        }
    }
}

#[test]
fn what_is_not_secret_is_shown_next_to_what_is() {
    let error = error("keycloak = { client_secret = \"s3cr3t\", realm = 3, url = \"sso\" }");
    let shown = lines_about("keycloak.realm", &error);
    let line = "1 | keycloak = { client_secret = \"…\", realm = 3, url = \"sso\" }";
    assert!(shown[0].ends_with(line), "{error}");
    let column = shown[0].chars().take_while(|c| *c != '3').count();
    assert_eq!(shown[1].chars().count(), column + 1, "{error}");
}
