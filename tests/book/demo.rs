//! The picture at the head of the README is what `demo` prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// The picture has to fit on a first screen.
const MOST_LINES: usize = 30;
const MARK: &str =
    "<!-- From `matrix-keycloak-sync demo`: UPDATE_DOCS=1 cargo test --test book -->";

#[test]
fn the_picture_in_the_readme_is_what_the_demo_prints() {
    let demo = Command::new(env!("CARGO_BIN_EXE_matrix-keycloak-sync"))
        .args(["--color", "never", "demo"])
        .output()
        .expect("the program");
    let printed = String::from_utf8(demo.stdout).expect("UTF-8");
    let begin = printed.find("$ matrix-keycloak-sync plan").expect("a plan");
    let end = printed[begin..].find("\nNext, try").expect("the end of the demo");
    let picture = without_what_differs(printed[begin..begin + end].trim_end());
    let lines = picture.lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("the README");
    let (head, rest) = readme.split_once(MARK).expect("the mark");
    let (_, tail) = rest.split_once("\n```\n").expect("a block");
    let new = format!("{head}{MARK}\n\n```text\n{picture}\n```\n{tail}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, new).expect("a writable file");
    } else {
        assert!(
            new == readme,
            "README.md is not what demo prints; UPDATE_DOCS=1 cargo test --test book updates it"
        );
    }
}

/// Returns a plan with the addresses and the time of an example.
fn without_what_differs(plan: &str) -> String {
    [
        (r"Keycloak http://127\.0\.0\.1:\d+/", "Keycloak https://sso.example.org/"),
        (r"Synapse http://127\.0\.0\.1:\d+/", "Synapse https://matrix.example.org/"),
        (r"\d{4}-\d\d-\d\dT[\d:]+Z", "2026-11-30T07:00:00Z"),
    ]
    .into_iter()
    .fold(plan.to_owned(), |plan, (differs, example)| {
        Regex::new(differs).expect("an expression").replace_all(&plan, example).into_owned()
    })
}
