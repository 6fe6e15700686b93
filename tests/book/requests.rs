//! Runs the job of the page about plans in a merge request: in a repository, with another one as
//! the server, and with a `gh` that only writes down how it was called.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::blocks::blocks;
use crate::runs::Demo;

const PAGE: &str = "docs/merge-requests.md";
/// The demo's plan disables two accounts.
const REFUSED: &str = "max_disable = 1";
/// GitHub takes no longer text.
const LONGEST_TEXT: usize = 65_536;

/// A repository of the page with its server.
struct Repository {
    demo: Demo,
    here: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let demo = Demo::start();
        let folder = demo.folder.path().to_owned();
        let repository = Self { demo, here: folder.join("work") };
        let gh = folder.join("bin/gh");
        fs::write(&gh, "#!/bin/sh\necho \"$*\" >> \"$HOME/requests\"\n").expect("writable");
        fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).expect("ours");
        let config = fs::read_to_string(folder.join("config.toml")).expect("a configuration");
        let (before, limits) = config.split_once("[limits]\n").expect("limits");
        let config = format!("{before}[limits]\n{REFUSED}\n{limits}");
        let block = of_page("sh").pop().expect("a script");
        repository.succeeds(
            &folder,
            "git init --quiet --bare --initial-branch main server; git clone --quiet server work",
        );
        repository.write("config.toml", &config);
        repository.write("plan.sh", &block);
        repository.write("approved", "");
        repository.succeeds(
            &repository.here,
            "git switch --quiet --create main; git add .; \
             git -c user.name=a -c user.email=a@example.org commit --quiet --message begin; \
             git push --quiet origin main",
        );
        repository
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.here.join(name), text).expect("a writable folder");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.here.join(name)).expect("a file")
    }

    fn shell(&self, folder: &Path, script: &str) -> Output {
        let home = self.demo.folder.path();
        Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(folder)
            .env("PATH", format!("{}:{}", home.join("bin").display(), env!("PATH")))
            .env("HOME", home)
            .output()
            .expect("bash")
    }

    fn succeeds(&self, folder: &Path, script: &str) {
        let output = self.shell(folder, script);
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Runs the job on a fresh checkout of what was merged.
    fn job(&self) -> Output {
        self.succeeds(&self.here, "git switch --quiet --force main; git clean --quiet -fdx");
        self.shell(&self.here, &job("plan"))
    }

    /// Merges the open request, which deletes its branch.
    fn merge(&self) {
        self.succeeds(
            &self.here,
            "branch=$(git branch --show-current); git switch --quiet --force main; \
             git merge --quiet --ff-only \"$branch\"; git push --quiet origin main; \
             git push --quiet origin --delete \"$branch\"",
        );
    }

    /// Returns how often a request was opened.
    fn requests(&self) -> usize {
        let calls = fs::read_to_string(self.demo.folder.path().join("requests"));
        calls.unwrap_or_default().lines().filter(|call| call.starts_with("pr create ")).count()
    }
}

/// Returns the blocks of the page in this language.
fn of_page(language: &str) -> Vec<String> {
    let wanted = blocks().into_iter().filter(|block| block.page == PAGE);
    wanted.filter(|block| block.language == language).map(|block| block.text).collect()
}

/// Returns the lines that a job of the workflow for GitHub runs.
fn job(name: &str) -> String {
    let text = of_page("yaml").pop().expect("a workflow");
    let workflow: Value = serde_saphyr::from_str(&text).expect("YAML");
    let steps = workflow["jobs"][name]["steps"].as_array().expect("steps");
    let run = steps.iter().find_map(|step| step["run"].as_str()).expect("a command");
    run.to_owned()
}

#[test]
fn plan_that_needs_an_approval_is_offered_until_it_is_applied() {
    let repository = Repository::new();
    let ended = repository.job();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(repository.requests(), 1, "{ended:?}");
    assert!(repository.read("request.md").contains("dave"));
    let first = repository.read("approved");
    assert!(first.starts_with("sha256:") && first.lines().count() == 2, "{first}");
    // As long as it is open, the same plan is not offered again.
    assert!(repository.job().status.success());
    assert_eq!(repository.requests(), 1);

    repository.succeeds(
        &repository.here,
        "git switch --quiet --force \"$(git branch --list 'plan-*' --format '%(refname:short)')\"",
    );
    repository.merge();
    // The job that applies it has failed: the same plan is offered again.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ended = repository.job();
    assert!(ended.status.success() && repository.requests() == 2, "{ended:?}");
    let second = repository.read("approved");
    assert_eq!(first.lines().next(), second.lines().next());
    repository.merge();
    repository.succeeds(&repository.here, &job("apply"));
    let ended = repository.job();
    assert!(ended.status.success() && repository.requests() == 2, "{ended:?}");
}

#[test]
fn job_fails_if_the_plan_fails() {
    let repository = Repository::new();
    let mut config = OpenOptions::new()
        .append(true)
        .open(repository.here.join("config.toml"))
        .expect("a configuration");
    config.write_all(b"\n[nonsense]\n").expect("writable");
    repository.succeeds(
        &repository.here,
        "git -c user.name=a -c user.email=a@example.org commit --quiet --all --message wrong",
    );
    let ended = repository.job();
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert_eq!(repository.requests(), 0);
}

#[test]
fn request_with_a_long_plan_says_that_it_has_only_the_beginning() {
    let repository = Repository::new();
    let program = repository.demo.folder.path().join("bin/matrix-keycloak-sync");
    let long = "| **disable** | @dave:example.org | Dave Test | not in the group |\n".repeat(2000);
    repository.write("long.md", &long);
    let script =
        "#!/bin/sh\necho '{\"digest\": \"sha256:1\", \"actions\": []}' > plan.json\ncat long.md\n";
    fs::write(program, script).expect("writable");
    repository.succeeds(&repository.here, "sh plan.sh");
    let text = repository.read("request.md");
    assert!(text.len() < LONGEST_TEXT && text.starts_with("**This is the beginning"), "{text}");
    assert!(text.ends_with(" |\n"), "cut within a line");
    assert_eq!(repository.read("plan.md"), long);
    assert_eq!(repository.read("approved"), "");
}
