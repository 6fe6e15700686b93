//! MAS's configuration is checked whenever it can be read from here, for every command that runs
//! mas-cli.

use matrix_keycloak_sync::standins::{Auth, RunningWorld};

use crate::doctor::doctor;
use crate::harness::{
    PROGRAM, Program, everyone, program, program_with, script, started, the_table, write,
};

const NOT_PROVEN: &str = "the homeserver of mas-cli is not proven";
const OTHER: &str = "`matrix.homeserver` is other.example, and server_name is example.org";

/// A wrapper that runs mas-cli elsewhere, with the configuration of this world.
pub(crate) fn wrapper(world: &RunningWorld, more: &str) -> String {
    let config = world.mas_cli_config().display().to_string();
    let body = format!(
        "while [ \"$1\" != mas-cli ]; do shift; done\nshift\n\
         while [ \"$1\" = --config ] || [ \"$1\" = -c ]; do shift 2; done\ncase \"$1\" in --config=*) shift;; esac\n\
         exec '{PROGRAM}' stand-in mas-cli --config '{config}' \"$@\""
    );
    let path = script(world, "docker", &body);
    let words = ["exec", "-i", "mas", "mas-cli"].map(|word| format!(", {word:?}")).concat();
    format!("[writer.mas_cli]\ncommand = [{:?}{words}{more}]\n", path.display().to_string())
}

fn behind_a_wrapper(world: &RunningWorld, more: &str, section: &str) -> Program {
    program_with(world, Auth::ClientCredentials)
        .without("MAS_CONFIG")
        .file(world, &(wrapper(world, more) + section))
}

/// A configuration of MAS like that of this world, and different in this.
fn changed(world: &RunningWorld, name: &str, from: &str, to: &str) -> String {
    let text =
        std::fs::read_to_string(world.mas_cli_config()).expect("seeded").replacen(from, to, 1);
    write(world, name, &text).display().to_string()
}

fn with_admin_dave(world: &RunningWorld) -> String {
    changed(world, "admins.yaml", "database:", "policy: {data: {admin_users: [dave]}}\ndatabase:")
}

#[tokio::test]
async fn file_named_behind_a_wrapper_is_checked_if_it_can_be_read() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let other = changed(&world, "other.yaml", "example.org", "other.example");
    for (more, section) in [
        (String::new(), format!("config = {other:?}\n")),
        (format!(", \"--config\", {other:?}"), String::new()),
        (format!(", \"--config={other}\""), String::new()),
        (format!(", \"-c\", {other:?}"), String::new()),
    ] {
        let run = behind_a_wrapper(&world, &more, &section).run("sync").exits(78);
        run.tells(&[&other, OTHER, "hint: "]);
    }
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn administrators_named_in_mas_configuration_are_kept_behind_a_wrapper_too() {
    let world = started(the_table()).await;
    let admins = with_admin_dave(&world);
    let run = behind_a_wrapper(&world, "", &format!("config = {admins:?}\n"))
        .run("sync --format json")
        .exits(0);
    assert_eq!(run.kept(), ["dave admin"]);
    assert!(!run.stderr.contains(NOT_PROVEN), "{}", run.stderr);
}

#[tokio::test]
async fn homeserver_is_not_proven_if_the_files_behind_a_wrapper_cannot_be_read() {
    let world = started(the_table()).await;
    let below_a_file = format!("{}/in/it.yaml", world.mas_cli_config().display());
    for (more, section) in [
        ("", ""),
        ("", "config = \"/in/the/container.yaml\"\n"),
        (", \"--config\", \"/in/the/container.yaml\"", ""),
        ("", &*format!("config = {below_a_file:?}\n")),
    ] {
        for command in ["plan", "sync"] {
            let run = behind_a_wrapper(&world, more, section).run(command).exits(0);
            let run =
                run.tells(&[NOT_PROVEN, "name a file in writer.mas_cli.config", "policy.protect"]);
            assert_eq!(run.stderr.matches(NOT_PROVEN).count(), 1, "{}", run.stderr);
        }
        let findings = doctor(behind_a_wrapper(&world, more, section));
        let line = "mas-cli configuration warning";
        let shown = findings.ailing_is(&[line]).shown(&[]);
        for part in [NOT_PROVEN, "writer.mas_cli.config", "policy.protect"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}

#[tokio::test]
async fn broken_file_behind_a_wrapper_is_an_error_if_it_can_be_read() {
    let world = started(the_table()).await;
    let broken = write(&world, "broken.yaml", "{ this is: [not YAML").display().to_string();
    let run = behind_a_wrapper(&world, "", &format!("config = {broken:?}\n")).run("sync").exits(78);
    run.tells(&[&broken, "this is not YAML"]);
}

#[tokio::test]
async fn plain_mas_cli_needs_a_file_that_can_be_read() {
    let world = started(the_table()).await;
    let missing = world.directory().join("missing.yaml").display().to_string();
    for toml in [
        format!("command = [\"mas-cli\"]\nconfig = {missing:?}\n"),
        format!("command = [\"mas-cli\", \"-c\", {missing:?}]\n"),
    ] {
        let program = program(&world)
            .without("MAS_CONFIG")
            .file(&world, &format!("[writer.mas_cli]\n{toml}"));
        program.run("sync").exits(78).tells(&[&missing, "cannot read this file"]);
    }
    let run = program(&world).run("sync").exits(0);
    assert!(!run.stderr.contains(NOT_PROVEN), "{}", run.stderr);
}

#[tokio::test]
async fn plan_with_an_unusable_configuration_asks_no_default_database() {
    let world = started(the_table()).await;
    let log = world.directory().join("calls");
    let path = script(&world, "my-mas-cli", &format!("echo \"$*\" >> '{}'\nexit 1", log.display()));
    let missing = world.directory().join("missing.yaml").display().to_string();
    let toml = format!(
        "[writer.mas_cli]\ncommand = [{:?}]\nconfig = {missing:?}\n",
        path.display().to_string()
    );
    let run = program(&world).without("MAS_CONFIG").file(&world, &toml).run("plan").exits(0);
    run.tells(&[
        "administrators of MAS are unknown: ",
        "cannot read this file",
        "a sync would fail",
    ]);
    assert!(!log.exists());
}
