//! `config init` asks, tries each answer out on the servers, and writes a configuration that works.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Auth, RunningWorld};

use crate::harness::{PROGRAM, Program, Run, bare, group, own_error, started, the_table};

/// The program with mas-cli on the PATH, and without any configuration.
fn blank(world: &RunningWorld) -> Program {
    let own = Path::new(PROGRAM).parent().expect("a directory");
    let bin = world.install_mas_cli(Path::new(PROGRAM)).expect("a wrapper script");
    let directory = world.directory().display().to_string();
    bare()
        .env("PATH", &format!("{}:/usr/bin:/bin:{}", bin.display(), own.display()))
        .env("RUNTIME_DIRECTORY", &directory)
        .env("XDG_STATE_HOME", &directory)
        .hiding(world.admin_token())
        .hiding(&client_secret(world))
        .hiding(world.mas_client_secret())
}

/// The secret of the client of the realm.
fn client_secret(world: &RunningWorld) -> String {
    let mut variables = world.env(Auth::ClientCredentials).into_iter();
    variables.find(|(name, _)| name == "KC_CLIENT_SECRET").expect("a client").1
}

/// A folder of its own for the files.
fn folder(world: &RunningWorld) -> PathBuf {
    let folder = world.directory().join("conf");
    fs::create_dir(&folder).expect("a writable directory");
    folder
}

fn out(folder: &Path) -> String {
    format!("config init --out {}", folder.join("config.toml").display())
}

/// The names of the files with their modes.
fn files(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| {
            let entry = entry.expect("a file");
            let mode = entry.metadata().expect("it is there").permissions().mode() & 0o777;
            format!("{} {mode:o}", entry.file_name().to_string_lossy())
        })
        .collect();
    files.sort();
    files
}

/// Runs a command with the file that was written, and nothing else.
fn with_file(world: &RunningWorld, folder: &Path, command: &str) -> Run {
    let file = folder.join("config.toml").display().to_string();
    blank(world).run(&format!("--config {file} {command}"))
}

/// Checks that each question fits a terminal, with its default and before its answer.
fn questions_fit(run: &Run) {
    let lines = run.stdout.lines().filter_map(|line| line.split_once(": "));
    let long: Vec<_> = lines.map(|(line, _)| line).filter(|line| line.len() + 2 > 80).collect();
    assert_eq!(long, [""; 0]);
}

#[tokio::test]
async fn questions_lead_to_a_configuration_that_works() {
    let world = started(the_table().service_roles(&["view-users", "view-realm"])).await;
    let folder = folder(&world);
    let keycloak = format!("{}/admin/master/console/#/corp/groups", world.keycloak.url());
    let mas_config = world.mas_cli_config().display().to_string();
    let lines = [
        &*keycloak,
        "",
        "",
        "wrong secret",
        "n",
        "",
        &*client_secret(&world),
        "matrix-user",
        "",
        "matrix-users",
        &*world.synapse.url(),
        world.admin_token(),
        "",
        "",
        &*mas_config,
    ];
    let run = blank(&world).answering(&out(&folder), &lines).exits(0);
    questions_fit(&run);
    run.matches(&world, "config_init");
    assert_eq!(
        files(&folder),
        ["config.toml 600", "keycloak-client-secret 600", "synapse-admin-token 600"]
    );
    let text = fs::read_to_string(folder.join("config.toml")).expect("written");
    crate::snapshots::assert_snapshot("config_init_file", &text);
    with_file(&world, &folder, "config check").exits(0).prints(&["The configuration is valid."]);
    with_file(&world, &folder, "doctor").exits(0);
    let plan = with_file(&world, &folder, "plan --format json").exits(0);
    assert_eq!(plan.actions(), ["activate bob in_group", "disable dave not_in_group"]);
}

#[tokio::test]
async fn admin_api_can_be_the_writer_and_secrets_can_be_in_files_already() {
    let world = started(the_table().service_roles(&["view-users", "view-realm"])).await;
    let folder = folder(&world);
    let token = crate::harness::write(&world, "token", world.admin_token());
    for (path, mode) in [(world.directory(), 0o755), (&*token, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }
    let token = token.display().to_string();
    let (keycloak, synapse) = (world.keycloak.url(), world.synapse.url());
    let admin_api = format!("{}/api/admin/v1", world.mas_admin_url().trim_end_matches('/'));
    let issuer = world.mas_issuer();
    let lines = [
        keycloak.as_str(),
        "corp",
        "",
        &*client_secret(&world),
        "/matrix-users",
        synapse.as_str(),
        &*token,
        "mas-api",
        &*admin_api,
        &*issuer,
        world.mas_client_id(),
        world.mas_client_secret(),
    ];
    let run = blank(&world).answering(&out(&folder), &lines).exits(0);
    questions_fit(&run);
    run.prints(&["warning: every user of this machine can read this file; set its mode to 0600"])
        .matches(&world, "config_init_with_the_admin_api");
    let secrets = ["config.toml 600", "keycloak-client-secret 600", "mas-client-secret 600"];
    assert_eq!(files(&folder), secrets);
    with_file(&world, &folder, "doctor").exits(0);
    with_file(&world, &folder, "plan").exits(0);
}

#[tokio::test]
async fn answer_of_a_server_that_does_not_answer_can_be_kept() {
    let world = started(group()).await;
    let folder = folder(&world);
    let error = own_error(Server::Synapse, 503, "down");
    world.synapse.faults().on("/_synapse").answer(error);
    let synapse = world.synapse.url();
    let lines = [
        "http://127.0.0.1:1",
        "corp",
        "y",
        "",
        "\x1b[D",
        "/dev/null",
        "s3cr3t-c4nary",
        "staff",
        synapse.as_str(),
        "t0k3n-c4nary",
        "y",
        "example.org",
        "mas",
        "mas-cli",
        "mas-cli",
        "/nowhere.yaml",
        "y",
    ];
    let run = blank(&world)
        .hiding("s3cr3t-c4nary")
        .hiding("t0k3n-c4nary")
        .answering(&out(&folder), &lines)
        .exits(0);
    questions_fit(&run);
    run.prints(&[
        "problem: Keycloak: GET",
        "http://127.0.0.1:1/",
        "Keep this answer all the same?",
        "type it again",
        "problem: this is neither mas-cli nor mas-api; type one of the two",
        "cannot read /dev/null: it has to contain the secret in one line",
    ]);
    with_file(&world, &folder, "config check").exits(0);
}

#[tokio::test]
async fn nothing_is_overwritten_and_no_link_is_followed() {
    let world = started(group()).await;
    let folder = folder(&world);
    let file = folder.join("config.toml");
    fs::write(&file, "mine").expect("a writable directory");
    let run = blank(&world).answering(&out(&folder), &[]).exits(1);
    run.prints(&["config.toml exists already, and config init never", "--out FILE"]);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    fs::remove_file(&file).expect("it is there");
    std::os::unix::fs::symlink(folder.join("target"), &file).expect("a link");
    blank(&world).answering(&out(&folder), &[]).exits(1);
    let place = file.display().to_string();
    blank(&world).answering(&format!("config init --config {place}"), &[]).exits(1);
}

#[tokio::test]
async fn end_of_the_answers_writes_nothing() {
    let world = started(group()).await;
    let folder = folder(&world);
    let keycloak = world.keycloak.url();
    for lines in
        [&[][..], &[keycloak.as_str(), "corp", "\x04"], &[keycloak.as_str(), "corp", "", "\x03"]]
    {
        let run = blank(&world).answering(&out(&folder), lines).exits(1);
        run.prints(&["stopped; nothing was written"]);
    }
    assert_eq!(files(&folder), [""; 0]);
}

#[tokio::test]
async fn without_a_terminal_it_points_to_the_example() {
    let world = started(group()).await;
    let folder = folder(&world);
    blank(&world)
        .run(&out(&folder))
        .exits(64)
        .tells(&["config init asks questions, and there is no terminal", "config.example.toml"]);
}
