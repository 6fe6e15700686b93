//! `demo` is short and ends with a command that works; on its playground people join, leave, are renamed
//! and locked, and the directory goes down.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{PROGRAM, bare};

/// A running `demo --serve`, ended by Ctrl-C.
pub(crate) struct Playground {
    child: Child,
    introduction: String,
}

impl Playground {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--serve"]).env_clear().env("PATH", "/usr/bin:/bin");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary is there");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut introduction = String::new();
        for line in lines {
            introduction += &(line.expect("UTF-8") + "\n");
            if introduction.ends_with("see the difference.\n") {
                break;
            }
        }
        Self { child, introduction }
    }

    fn url(&self) -> &str {
        let lines = self.introduction.lines().map(str::trim);
        lines
            .filter(|line| line.starts_with("http://"))
            .find(|line| line.ends_with('/'))
            .expect("a page")
    }

    /// Runs the printed command that ends like this, in a shell.
    fn printed(&self, end: &str, code: i32) -> String {
        let line = self.introduction.lines().find(|line| line.ends_with(end)).expect("printed");
        let output = Command::new("/bin/sh").args(["-c", line]).output().expect("a shell");
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Posts to the page, as curl does.
    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url()));
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.header(form.0, form.1).body(body.to_owned()).send().await;
        let answer = answer.expect("it answers");
        (answer.status().as_u16(), answer.text().await.expect("UTF-8"))
    }

    pub(crate) async fn page(&self) -> String {
        let answer = reqwest::get(self.url()).await.expect("it answers");
        let policy = answer.headers()["content-security-policy"].to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        answer.text().await.expect("UTF-8")
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process(process.expect("a process"), Signal::INT);
        let _ = self.child.wait();
    }
}

#[test]
fn demo_fits_40_lines_of_80_columns_on_one_stream_and_ends_with_a_command_that_works() {
    let run = bare().env("PATH", "/usr/bin:/bin").on_columns(80, "demo --color never").exits(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.lines().count() <= 40, "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    run.prints(&["Done: 1 activated, 2 disabled", "Done: 0 activated, 0 disabled, 1 deactivated"]);
    let run = bare().env("PATH", "/usr/bin:/bin").run("demo");
    let command = run.stdout.lines().last().expect("a command").trim();
    let help = format!("{} --help", command.strip_suffix(" --serve").expect("it goes on"));
    let status = Command::new("/bin/sh").args(["-c", &help]).stdout(Stdio::null()).status();
    assert!(status.expect("a shell").success(), "{help}");
}

#[tokio::test]
async fn what_happens_on_the_playground_shows_in_the_printed_commands() {
    let playground = Playground::start();
    assert!(playground.printed(" doctor", 0).contains(" 0 problems"));
    let renamed = "david: not in the group; account none yet\n".to_owned();
    assert_eq!(playground.post("rename/dave", "to=david").await, (200, renamed));
    let plan = playground.printed(" plan", 0);
    let command = plan.lines().find(|line| line.ends_with(" sync")).expect("what to do next");
    assert!(playground.introduction.contains(command.trim()), "{command}");
    assert!(plan.contains("- dave  Dave Test"), "the link is stronger than the name: {plan}");
    playground.post("join/david", "").await;
    playground.post("add", "name=mallory").await;
    let registered = "mallory: not in the group; account active\n".to_owned();
    assert_eq!(playground.post("register/mallory", "").await, (200, registered));
    let down = playground.post("directory/down", "").await.1;
    assert!(down.contains("lena: not in the group, disabled, from the directory"), "{down}");
    let plan = playground.printed(" plan", 4);
    assert!(plan.contains("- mallory") && !plan.contains("- dave"), "{plan}");
    assert!(plan.contains("2 accounts: a directory behind Keycloak is unverified"), "{plan}");
    playground.post("directory/up", "").await;
    assert!(!playground.printed(" plan", 0).contains("unverified"));
    playground.post("lock/alice", "").await;
    assert!(playground.page().await.contains("<button aria-label=\"unlock: alice\">"));
}

#[tokio::test]
async fn playground_fits_80_columns_and_its_last_hint_works_as_written() {
    let playground = Playground::start();
    // Commands and paths are not wrapped.
    let prose = playground.introduction.lines().filter(|line| !line.starts_with("  "));
    assert_eq!(prose.filter(|line| line.chars().count() > 80).collect::<Vec<_>>(), [""; 0]);
    let (_, path) = playground.introduction.split_once("configuration is in\n").expect("a path");
    let path = path.lines().next().expect("a path").trim();
    let text = fs::read_to_string(path).expect("a configuration");
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replace(from, to)).expect("writable");
        playground.printed(" plan", 0)
    };
    // No one was ever seen out of the group, so the time begins with a run that may write.
    with("# grace = ", "grace = ");
    playground.printed(" sync", 0);
    assert!(playground.printed(" plan", 0).contains("policy.grace"));
    let lines = "disable = \"lock\"\ndeactivate_after = \"2m\"\n";
    fs::write(path, text.replace(lines, "")).expect("writable");
    let without = fs::read_to_string(path).expect("a configuration");
    fs::write(path, without.replace("# disable = ", "disable = ")).expect("writable");
    assert!(playground.printed(" plan", 0).contains("deactivate: rooms and e-mail"));
}

#[tokio::test]
async fn playground_refuses_what_cannot_be_and_shows_no_markup() {
    let playground = Playground::start();
    for (path, body, status) in [
        ("lock/ghost", "", 422),
        ("rename/dave", "to=alice", 422),
        ("rename/telegram_42", "to=x", 422),
        ("add", "name=%3Cb%3E", 422),
        ("add", "name=", 422),
        ("dance/alice", "", 404),
        ("directory/sideways", "", 404),
    ] {
        assert_eq!(playground.post(path, body).await.0, status, "{path}");
    }
    let client = reqwest::Client::new().post(format!("{}lock/%3Cb%3E", playground.url()));
    let shown = client.header("Accept", "text/html").send().await.expect("it answers");
    let shown = shown.text().await.expect("UTF-8");
    assert!(shown.contains("role=\"alert\">") && !shown.contains("<b>"), "{shown}");
}
