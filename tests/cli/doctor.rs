//! `doctor` reports every wrong setup as a problem that says what to change, and changes nothing.

mod keycloak;
mod mapping;
mod mas;
mod mas_cli;
mod planted;
mod synapse;

use std::fs;

use matrix_keycloak_sync::standins::{Auth, RunningWorld};
use serde_json::Value;

use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, Program, Run, Way, everyone, program, program_by, program_with,
    settings, started, the_table,
};
use crate::sections::{PROTECT, state_file};
use crate::snapshots::assert_snapshot;

/// The program with the client's own credentials, and mas-cli.
fn by_client(world: &RunningWorld) -> Program {
    program_with(world, Auth::ClientCredentials)
}

/// What `doctor --format json` reported.
pub(crate) struct Findings {
    run: Run,
    checks: Vec<Value>,
}

/// Runs it.
pub(crate) fn doctor(program: Program) -> Findings {
    let run = program.run("doctor --format json");
    let found = run.json();
    let checks = found["checks"].as_array().expect("a list").clone();
    let run = run.exits(i32::from(found["summary"]["problem"] != 0));
    assert_eq!(run.stderr, "");
    Findings { run, checks }
}

impl Findings {
    /// All checks that are not ok, one per line: `keycloak token problem`.
    fn ailing(&self) -> Vec<String> {
        let word = |check: &Value, field: &str| check[field].as_str().expect("a text").to_owned();
        let line = |check| ["server", "check", "status"].map(|field| word(check, field)).join(" ");
        let lines = self.checks.iter().map(line);
        lines.filter(|line| line.ends_with(" warning") || line.ends_with(" problem")).collect()
    }

    /// Returns the findings if exactly these checks are not ok.
    #[track_caller]
    pub(crate) fn ailing_is(self, lines: &[&str]) -> Self {
        assert_eq!(self.ailing(), lines, "{}", self.run.stdout);
        self
    }

    /// Returns the findings if all that is not ok is in `snapshots/NAME.snap`.
    pub(crate) fn ailing_matches(self, name: &str) -> Self {
        self.matches(&[], name)
    }

    /// Returns the findings if all that is not ok, and these checks, are in `snapshots/NAME.snap`.
    pub(crate) fn matches(self, checks: &[&str], name: &str) -> Self {
        assert_snapshot(name, &self.shown(checks));
        self
    }

    /// Returns all that is not ok, and these checks: `keycloak token`.
    pub(crate) fn shown(&self, checks: &[&str]) -> String {
        let shown = self.checks.iter().filter_map(|check| {
            let text = |field: &str| check[field].as_str().unwrap_or("none");
            let [server, name, status, found, fix] =
                ["server", "check", "status", "found", "fix"].map(text);
            match status {
                "warning" | "problem" => {
                    Some(format!("{server} {name} {status}\n  {found}\n  fix: {fix}\n"))
                }
                _ if checks.contains(&&*format!("{server} {name}")) => {
                    Some(format!("{server} {name} {status}\n  {found}\n"))
                }
                _ => None,
            }
        });
        shown.collect()
    }
}

/// The settings a way needs so that `doctor` has nothing to report.
fn at_ease(way: Way) -> &'static str {
    if way.source == "mas" { PROTECT } else { "" }
}

fn wide_lines(run: &Run) -> Vec<&str> {
    run.stdout.lines().filter(|line| line.chars().count() > 80).collect()
}

#[tokio::test]
async fn healthy_world_has_no_problem_with_any_way() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        doctor(program_by(&world, way, at_ease(way))).ailing_is(&[]);
    }
}

#[tokio::test]
async fn each_way_uses_only_its_own_servers() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        let findings = doctor(program_by(&world, way, at_ease(way)));
        let is_asked = |server: &str| findings.checks.iter().any(|check| check["server"] == server);
        let asked = ["keycloak", "synapse", "mas", "mas-cli"].map(is_asked);
        let by_cli = way.writer == "mas-cli";
        // The settings of every way have the Admin API, from which links are read.
        assert_eq!(asked, [true, way.source == "synapse", true, by_cli], "{way:?}");
    }
}

#[tokio::test]
async fn doctor_changes_nothing() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        let before = everyone(&world);
        doctor(program_by(&world, way, at_ease(way)));
        assert_eq!(everyone(&world), before);
        // Requests between the stand-ins are not ours: mas-cli's to its database, Synapse's to MAS.
        let servers = [
            world.keycloak.server(),
            world.synapse.server(),
            world.mas.server(),
            world.mas.admin(),
        ];
        let seen = servers.into_iter().flat_map(|server| server.requests().all());
        let harmless = ["/token", "/oauth2/introspect", "/stand-in/manage", "/stand-in/read"];
        let changes: Vec<_> = seen
            .filter(|seen| {
                seen.method != "GET" && !harmless.iter().any(|end| seen.path.ends_with(end))
            })
            .collect();
        assert_eq!(changes, []);
    }
}

#[tokio::test]
async fn report_fits_into_80_columns_with_and_without_problems() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        let run = program_by(&world, way, "").run("doctor").exits(0);
        run.prints(&["Settings\n", "Keycloak (http://", " 0 problems, ", "nothing was changed"]);
        let run = program_by(&world, way, "").on_columns(80, "doctor --color never");
        assert_eq!(wide_lines(&run), [""; 0]);

        let wrong = program_by(&world, way, "").env("KC_CLIENT_SECRET", "wrong");
        let run = wrong.on_columns(80, "doctor --color never").exits(1);
        let run = run.prints(&["  PROBLEM  token: ", "           fix: Check `keycloak.client_id`"]);
        assert_eq!(wide_lines(&run), [""; 0]);
        world.mas.stop().await;
        let run = program_by(&world, way, "").on_columns(80, "doctor --color never").exits(1);
        assert_eq!(wide_lines(&run), [""; 0]);
    }
}

#[tokio::test]
async fn report_is_complete_if_all_is_well() {
    let world = started(the_table()).await;
    for (format, name) in [("text", "doctor"), ("json", "doctor_in_json")] {
        let program = program_by(&world, BY_BOTH, "");
        program.run(&format!("doctor --format {format}")).exits(0).matches(&world, name);
    }
}

#[tokio::test]
async fn report_of_each_problem_says_what_to_change() {
    let world = started(the_table().service_roles(&["view-users"])).await;
    world.synapse.server().stop().await;
    let program = program_by(&world, BY_BOTH, "").env("KC_GROUP_NAME", "nosuch");
    program.run("doctor").exits(1).matches(&world, "doctor_with_problems");
}

#[tokio::test]
async fn one_server_that_is_down_hides_nothing_of_the_others() {
    let world = started(the_table()).await;
    world.keycloak.server().stop().await;
    doctor(program_by(&world, BY_BOTH, ""))
        .matches(&["keycloak members", "synapse admin", "mas accounts"], "doctor_keycloak_down");
}

#[tokio::test]
async fn unusable_state_file_is_one_problem_and_the_rest_is_checked() {
    let world = started(the_table()).await;
    let file = format!("{}{}", state_file(&world), settings(&world, BY_BOTH));
    let program = || by_client(&world).file(&world, &file).hiding(world.mas_client_secret());
    program().run("sync").exits(0);
    let whole = doctor(program()).ailing_is(&[]).checks.len();
    let path = world.directory().join("state.db");
    let bytes = fs::read(&path).expect("a state file");
    let checked = |problem: &str| {
        let findings = doctor(program()).ailing_is(&["settings state_file problem"]);
        assert_eq!(findings.checks.len(), whole, "{problem}");
        assert!(findings.shown(&[]).contains(problem), "{}", findings.shown(&[]));
        for ending in ["-wal", "-shm"] {
            assert!(!world.directory().join(format!("state.db{ending}")).exists(), "{problem}");
        }
    };
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("writable");
    checked("is damaged");
    fs::write(&path, "a text that is no database\n").expect("writable");
    checked("was not written by this program\n  fix: Set `state_file` to a path of its own.");
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("writable");
    checked("was not written by this program");
    fs::remove_dir(&path).expect("it is there");
    std::os::unix::fs::symlink(world.directory().join("elsewhere"), &path).expect("writable");
    checked("is a link");
}

#[tokio::test]
async fn invalid_configuration_is_reported_as_by_other_commands() {
    let world = started(the_table()).await;
    for command in ["doctor", "doctor --format json"] {
        let run =
            program(&world).without("KC_URL").without("MATRIX_SERVER_NAME").run(command).exits(78);
        run.matches(&world, "doctor_invalid_configuration");
    }
}

#[tokio::test]
async fn accounts_of_services_have_to_be_protected_without_synapse() {
    let world = started(the_table()).await;
    doctor(program_by(&world, BY_MAS, "")).ailing_matches("doctor_nothing_protected");
}

#[tokio::test]
async fn loss_by_deactivation_is_reported_before_the_first_run() {
    let world = started(the_table()).await;
    let lock = "[policy]\ndisable = \"lock\"\n";
    for (policy, name) in [("", "doctor_by_deactivation"), (lock, "doctor_by_lock")] {
        doctor(program_by(&world, BY_BOTH, policy)).matches(&["settings disable"], name);
    }
}
