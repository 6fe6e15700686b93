//! The picture at the head of the README is what `demo` prints.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The picture has to fit on a first screen.
const MOST_LINES: usize = 30;
const MARK: &str =
    "<!-- From `matrix-keycloak-sync demo`: UPDATE_DOCS=1 cargo test --test book -->";

#[test]
fn the_picture_in_the_readme_is_the_plan_of_the_demo() {
    let demo = Command::new(env!("CARGO_BIN_EXE_matrix-keycloak-sync"))
        .args(["--color", "never", "demo"])
        .output()
        .expect("the program");
    let printed = String::from_utf8(demo.stdout).expect("UTF-8");
    let begin = printed.find("$ matrix-keycloak-sync plan").expect("a plan");
    let end = printed[begin..].find("\n# ").expect("the next step");
    let picture = printed[begin..begin + end].trim_end();
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
