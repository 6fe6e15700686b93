//! `--log-format json`: everything on stderr is JSON, also refusals, hints and errors.

use std::collections::BTreeSet;

use clap::CommandFactory;
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld};
use serde_json::Value;

use crate::harness::{NO_LIMITS, Run, bare, own_error, program, started, the_table};
use crate::watch::watching;

/// Nothing may be disabled.
const NOTHING: &str = "[limits]\nmax_disable = 0\n";

/// The events on stderr; every line has to be one.
fn events(run: &Run) -> Vec<Value> {
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).expect(&run.stderr);
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
        event
    };
    run.stderr.lines().map(event).collect()
}

/// The commands whose stderr was checked.
#[derive(Default)]
struct Checked(BTreeSet<String>);

impl Checked {
    /// Runs a command with a JSON log, and returns its events.
    fn run(&mut self, world: &RunningWorld, toml: &str, line: &str, code: i32) -> Vec<Value> {
        self.0.insert(line.split(' ').next().unwrap_or_default().to_owned());
        let run = program(world).file(world, toml).run(&format!("--log-format json {line}"));
        events(&run.exits(code))
    }

    /// Does the same with more details.
    fn loudly(&mut self, world: &RunningWorld, toml: &str, line: &str, code: i32) {
        self.run(world, toml, &format!("{line} -vvv"), code);
    }

    /// Runs a command that fails, and returns its last event: the error.
    fn fail(&mut self, world: &RunningWorld, toml: &str, line: &str, code: i32) -> Value {
        let error = self.run(world, toml, line, code).pop().expect(line);
        assert_eq!(
            (&error["level"], &error["exit_code"]),
            (&"ERROR".into(), &code.into()),
            "{line}"
        );
        error
    }
}

#[tokio::test]
async fn json_log_of_every_command_is_json_in_success_refusal_and_error() {
    let mut checked = Checked::default();
    successes(&mut checked).await;
    refusals(&mut checked).await;
    errors(&mut checked).await;
    let commands: BTreeSet<_> = Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    assert_eq!(checked.0, commands);
}

async fn successes(checked: &mut Checked) {
    let world = started(the_table()).await;
    let plan = world.directory().join("plan.json").display().to_string();
    for line in [
        "plan",
        "sync --dry-run",
        "doctor",
        "explain dave",
        "report",
        "config show",
        "config check",
    ] {
        checked.loudly(&world, "", line, 0);
    }
    let saved = checked.run(&world, "", &format!("plan --out {plan} -v"), 0).pop();
    let command = format!("apply {plan}");
    let told = saved.expect("an event")["command"].as_str().expect("a command").to_owned();
    assert!(told.ends_with(&command), "{told}");
    checked.loudly(&world, "", &command, 0);
    checked.loudly(&world, "", "sync", 0);
    checked.loudly(&world, "", "history", 0);
    checked.loudly(&world, "", "undo 1 --dry-run", 0);
    for line in ["demo", "completions bash", "man"] {
        checked.loudly(&world, "", line, 0);
    }
}

async fn refusals(checked: &mut Checked) {
    let world = started(the_table()).await;
    let plan = world.directory().join("plan.json").display().to_string();
    checked.run(&world, NOTHING, &format!("plan --out {plan}"), 0);
    for line in ["sync".to_owned(), format!("apply {plan}")] {
        let refused = checked.run(&world, NOTHING, &line, 3).pop().expect("a refusal");
        let command = refused["command"].as_str().expect("a command");
        let digest = refused["digest"].as_str().expect("a digest");
        assert!(command.ends_with(&format!("{line} --approve {}", &digest[7..39])), "{command}");
        assert_eq!(refused["level"], "ERROR");
    }
    checked.run(&world, NO_LIMITS, "sync", 0);
    let none = "[limits]\nmax_activate = 0\n";
    let run = checked.run(&world, none, "undo 3", 3).pop().expect("a refusal");
    assert!(
        run["message"].as_str().is_some_and(|message| message.contains("max_activate")),
        "{run}"
    );
    let spared = checked.run(&world, NO_LIMITS, "undo 3", 4).pop().expect("an event");
    assert_eq!(spared["message"], "1 account of a member was not disabled");

    let world = started(the_table().account("stranger")).await;
    let waiting = checked.run(&world, NO_LIMITS, "sync", 4).pop().expect("an event");
    assert_eq!(waiting["message"], "1 account waits for an approval");
    assert!(waiting["command"].as_str().is_some_and(|command| command.contains("--approve")));
}

async fn errors(checked: &mut Checked) {
    let world = started(the_table()).await;
    for line in ["history 99", "undo 99", "apply /nowhere", "explain stranger.of.all"] {
        let error = checked.fail(&world, "", line, 1);
        assert!(error["hint"].is_string(), "{error}");
    }
    let nothing_there = "[watch]\nlisten = \"127.0.0.1:1\"\n";
    for line in ["healthcheck", "status"] {
        let error = checked.fail(&world, nothing_there, line, 1);
        assert!(error["hint"].is_string(), "{error}");
        checked.fail(&world, "[watch]\nlisten = \"off\"\n", line, 78);
    }
    world.keycloak.faults().on("/members").answer(own_error(Server::Keycloak, 500, "no\nway"));
    for line in ["plan", "sync", "apply /nowhere", "explain dave"] {
        checked.fail(&world, "", line, 1);
    }
    checked.run(&world, "", "doctor", 1);
    let wrong = "[policy]\ndisable = \"delete\"\n";
    let commands = [
        "plan",
        "sync",
        "config show",
        "config check",
        "watch",
        "history",
        "healthcheck",
        "undo 1",
    ];
    for line in commands {
        let error = checked.fail(&world, wrong, line, 78);
        assert!(
            error["message"].as_str().is_some_and(|message| message.contains("policy.disable"))
        );
    }
    for line in ["sing", "plan --loudly", "completions tcsh-9", "man now", "demo 9", "watch -q -v"]
    {
        for option in ["--log-format json", "--log-format=json"] {
            let run = bare().run(&format!("{option} {line}")).exits(64);
            let event = events(&run).pop().expect("an error");
            assert_eq!((&event["level"], &event["exit_code"]), (&"ERROR".into(), &64.into()));
            assert!(event["hint"].as_str().is_some_and(|hint| hint.contains("--help")), "{event}");
        }
    }
}

#[tokio::test]
async fn json_log_of_watch_is_json_while_it_waits_for_an_approval() {
    let world = started(the_table()).await;
    let program = program(&world).file(&world, &format!("{}{NOTHING}", watching::QUICK));
    let watching = watching::start_with(&world, program, "watch --log-format json -v");
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    let run = Run { code: 0, stdout: String::new(), stderr: watching.log() };
    assert!(events(&run).iter().any(|event| event["target"] == "request"), "{}", run.stderr);
    let config = world.directory().join("config.toml").display().to_string();
    for (line, code) in [("status", 1), ("healthcheck", 0)] {
        let beside = bare().env("MATRIX_KEYCLOAK_SYNC_CONFIG", &config);
        let run = world
            .env(Auth::Password)
            .iter()
            .fold(beside, |run, (name, value)| run.env(name, value));
        let run = run.run(&format!("--log-format json -v {line}")).exits(code);
        assert_eq!(events(&run).len(), 1, "its request: {run:?}");
    }
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn verbose_logs_every_request_once_with_status_and_duration() {
    let world = started(the_table()).await;
    world.keycloak.faults().on("/members").times(1).answer(Fault::Status(503, String::new()));
    for line in ["plan", "sync", "doctor", "explain dave", "undo 1 --dry-run"] {
        let before = world.keycloak.requests().all().len();
        let run = program(&world).run(&format!("--log-format json --verbose {line}")).exits(0);
        let seen = world.keycloak.requests().all().len() - before;
        let requests: Vec<_> =
            events(&run).into_iter().filter(|event| event["target"] == "request").collect();
        assert!(requests.iter().all(|event| event["duration_ms"].is_u64()), "{}", run.stderr);
        // The stand-in for mas-cli asks Synapse too, but not Keycloak. A request that was cancelled
        // may not have been sent.
        let logged = requests.iter().filter(|event| event["server"] == "keycloak");
        let (cancelled, answered): (Vec<_>, Vec<_>) =
            logged.partition(|event| event["status"] == "cancelled");
        let possible = answered.len()..=answered.len() + cancelled.len();
        assert!(seen > 0 && possible.contains(&seen), "{line}: {seen}\n{}", run.stderr);
        assert!(requests.iter().any(|event| event["server"] == "synapse"), "{}", run.stderr);
    }
    let run = program(&world).run("-v plan").exits(0);
    run.tells(&[" INFO POST http://", "/protocol/openid-connect/token: 200 after ", " ms\n"]);
    assert!(!program(&world).run("plan").exits(0).stderr.contains("GET "));
}

#[tokio::test]
async fn json_log_has_no_approval_before_the_accounts_are_rechecked() {
    let world = started(the_table().user("erin").account("erin")).await;
    let mut checked = Checked::default();
    let refused = checked.run(&world, "[limits]\nmax_look = 1\n", "sync", 3).pop();
    let command = refused.as_ref().and_then(|event| event["command"].as_str());
    assert!(command.is_some_and(|command| command.ends_with(" plan")), "{refused:?}");
}
