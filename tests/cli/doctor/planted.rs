//! Planted misconfigurations, each found by the check that is about it, and by no other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::keycloak::StorageProvider;
use matrix_keycloak_sync::standins::mas::AdminApi;
use matrix_keycloak_sync::standins::{NewUser, RunningWorld, World};

use super::{by_client, doctor};
use crate::harness::{
    BY_BOTH, Program, group, listening, mas_cli, own_error, program, program_by, program_for,
    settings, started, the_table,
};
use crate::sections::state_file;

/// What is wrong, in which world, with which settings, and what is found.
type Planted = (&'static str, fn() -> World, fn(&RunningWorld) -> Program, &'static [&'static str]);

const PLANTED: [Planted; 37] = [
    (
        "client secret",
        the_table,
        |world| by_client(world).env("KC_CLIENT_SECRET", "wrongsecret"),
        &["keycloak token problem"],
    ),
    (
        "realm",
        the_table,
        |world| by_client(world).env("KC_REALM", "no"),
        &["keycloak token problem"],
    ),
    (
        "group",
        the_table,
        |world| by_client(world).env("KC_GROUP_NAME", "no"),
        &["keycloak group problem"],
    ),
    (
        "no view-users",
        || the_table().service_roles(&["view-realm", "view-events"]),
        by_client,
        &["keycloak roles problem", "keycloak group problem"],
    ),
    (
        "no view-realm",
        || the_table().service_roles(&["view-users", "view-events"]),
        by_client,
        &["keycloak directories warning"],
    ),
    (
        "no view-events",
        || the_table().service_roles(&["view-users", "view-realm"]),
        by_client,
        &["keycloak events warning"],
    ),
    ("rights of an administrator", the_table, program, &["keycloak roles warning"]),
    (
        "empty group",
        || group().user("dave").account("dave"),
        by_client,
        &["keycloak members warning"],
    ),
    (
        "name that MAS refuses",
        || the_table().with_user(NewUser::member("a b")),
        by_client,
        &["keycloak names warning"],
    ),
    (
        "directory without a member",
        the_table,
        with_a_silent_directory,
        &["keycloak directories warning"],
    ),
    ("no admin events", the_table, without_events, &["keycloak events warning"]),
    (
        "template",
        || group().members(5, "m").accounts(5, "m"),
        with_another_template,
        &["keycloak names warning", "keycloak mapping problem"],
    ),
    (
        "entry that protects nothing",
        the_table,
        with_an_idle_entry,
        &["keycloak protect_entries warning"],
    ),
    (
        "Synapse's token",
        the_table,
        |world| by_client(world).env("MATRIX_ADMIN_TOKEN", "wrongtoken"),
        &["synapse token problem"],
    ),
    (
        "server name",
        the_table,
        |world| program_for(world, "example.com"),
        &["keycloak roles warning", "synapse server_name problem"],
    ),
    (
        "Synapse's admin API",
        the_table,
        without_the_admin_api_of_synapse,
        &["synapse admin problem"],
    ),
    ("client's secret at MAS", the_table, with_another_secret_at_mas, &["mas token problem"]),
    (
        "client is no administrator",
        || the_table().mas_api_client_not_admin(),
        by_both,
        &["mas token problem"],
    ),
    (
        "listener of MAS",
        || the_table().admin_api(AdminApi::Nowhere),
        by_both,
        &["mas version problem"],
    ),
    (
        "public Admin API",
        || the_table().admin_api(AdminApi::Both),
        by_both,
        &["mas exposure warning"],
    ),
    (
        "no mas-cli",
        the_table,
        |world| by_client(world).env("PATH", "/nowhere"),
        &["mas-cli program problem"],
    ),
    ("database of MAS", the_table, with_a_database_that_is_down, &["mas-cli database problem"]),
    (
        "owners may close their accounts",
        with_self_deactivation,
        by_client,
        &["mas-cli self_deactivation warning"],
    ),
    ("state file for all", the_table, with_a_state_file_for_all, &["settings state_file warning"]),
    ("listener elsewhere", the_table, with_a_listener_elsewhere, &["settings listen problem"]),
    ("trusted directories", the_table, with_trust, &["settings federation warning"]),
    ("secrets for all", the_table, with_a_file_for_all, &["settings configuration warning"]),
    ("secret's file for all", the_table, with_a_token_for_all, &["settings secret_files warning"]),
    ("state's folder for all", the_table, with_a_folder_for_all, &["settings state_file warning"]),
    (
        "listener of something else",
        the_table,
        with_the_listener_of_synapse,
        &["settings listen warning"],
    ),
    (
        "hook without interpreter",
        the_table,
        |world| with_a_hook(world, "echo refused\n"),
        &["settings on_refused problem"],
    ),
    (
        "hook with an interpreter that is not there",
        the_table,
        |world| with_a_hook(world, "#!/usr/bin/pyhton3 -u\n"),
        &["settings on_refused problem"],
    ),
    (
        "entry that protects everyone",
        the_table,
        |world| by_client(world).file(world, "[policy]\nprotect = [\"/.*/\"]\n"),
        &["keycloak protect_entries warning"],
    ),
    (
        "no disable",
        the_table,
        |world| with_limit(world, "max_disable"),
        &["settings limits warning"],
    ),
    (
        "no second look",
        the_table,
        |world| with_limit(world, "max_look"),
        &["settings limits warning"],
    ),
    (
        "limits that limit nothing",
        the_table,
        |world| {
            by_client(world).file(
                world,
                "[limits]\nmin_members = 0\nmax_disable = 1000\nmax_disable_percent = 100\n",
            )
        },
        &["keycloak limits warning"],
    ),
    (
        "watch of another server",
        the_table,
        with_the_listener_of_another_watch,
        &["settings listen warning"],
    ),
];

fn by_both(world: &RunningWorld) -> Program {
    program_by(world, BY_BOTH, "")
}

fn with_a_silent_directory(world: &RunningWorld) -> Program {
    let silent =
        StorageProvider { id: "ldap".into(), name: "ldap".into(), import: true, enabled: true };
    world.keycloak.state().realm("corp").storage_providers.push(silent);
    by_client(world)
}

fn without_events(world: &RunningWorld) -> Program {
    world.keycloak.state().realm("corp").save_events = false;
    by_client(world)
}

fn with_another_template(world: &RunningWorld) -> Program {
    by_client(world).file(world, "[keycloak]\nlocalpart = \"{{ user.email }}\"\n")
}

fn with_an_idle_entry(world: &RunningWorld) -> Program {
    by_client(world).file(world, "[policy]\nprotect = [\"dvae\"]\n")
}

fn without_the_admin_api_of_synapse(world: &RunningWorld) -> Program {
    let server = own_error(Server::Synapse, 403, "You are not a server admin");
    world.synapse.faults().on("/users").answer(server);
    by_client(world)
}

fn with_another_secret_at_mas(world: &RunningWorld) -> Program {
    let file = settings(world, BY_BOTH);
    by_both(world).file(world, &file.replace(world.mas_client_secret(), "wrongsecret"))
}

fn with_a_database_that_is_down(world: &RunningWorld) -> Program {
    let fails = "case \"$*\" in *list-admin-users*) echo 'Error: failed to connect to the database' >&2; exit 1;; esac";
    by_client(world).file(world, &mas_cli(world, fails))
}

fn with_self_deactivation() -> World {
    World::new("example.org").group("/matrix-users").member("alice").account("alice")
}

fn with_a_state_file_for_all(world: &RunningWorld) -> Program {
    let file = state_file(world);
    by_client(world).file(world, &file).run("sync").exits(0);
    let path = world.directory().join("state.db");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("ours");
    by_client(world).file(world, &file)
}

fn with_a_listener_elsewhere(world: &RunningWorld) -> Program {
    by_client(world).file(world, "[watch]\nlisten = \"192.0.2.1:9464\"\n")
}

fn with_trust(world: &RunningWorld) -> Program {
    by_client(world).file(world, "[keycloak]\nfederation = \"trust\"\n")
}

fn with_a_file_for_all(world: &RunningWorld) -> Program {
    let program = by_client(world).file(world, "[synapse]\nadmin_token = \"unusedtoken\"\n");
    let path = world.directory().join("config.toml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("ours");
    program
}

fn with_a_token_for_all(world: &RunningWorld) -> Program {
    let token = world.directory().join("token");
    fs::write(&token, world.admin_token()).expect("writable");
    for (path, mode) in [(world.directory(), 0o755), (&token, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }
    by_client(world)
        .without("MATRIX_ADMIN_TOKEN")
        .file(world, &format!("[synapse]\nadmin_token_file = \"{}\"\n", token.display()))
}

fn with_a_folder_for_all(world: &RunningWorld) -> Program {
    let folder = world.directory().join("open");
    fs::create_dir(&folder).expect("writable");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("ours");
    by_client(world).file(world, &format!("state_file = \"{}/state.db\"\n", folder.display()))
}

fn with_the_listener_of_synapse(world: &RunningWorld) -> Program {
    let address = world.synapse.url().trim_start_matches("http://").to_owned();
    by_client(world).file(world, &format!("[watch]\nlisten = {address:?}\n"))
}

fn with_the_listener_of_another_watch(world: &RunningWorld) -> Program {
    let address = listening(
        r#"{"version": 1, "server_name": "example.com", "state": "in_step", "ready": true, "changes": [],
            "since": "2026-11-30T07:00:00Z", "time": "2026-11-30T07:00:00Z"}"#,
    );
    by_client(world).file(world, &format!("[watch]\nlisten = \"{address}\"\n"))
}

fn with_a_hook(world: &RunningWorld, script: &str) -> Program {
    let hook = world.directory().join("hook");
    fs::write(&hook, script).expect("writable");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("ours");
    by_client(world).file(world, &format!("[watch]\non_refused = [\"{}\"]\n", hook.display()))
}

/// Returns the program with a limit that refuses every plan.
fn with_limit(world: &RunningWorld, limit: &str) -> Program {
    by_client(world).file(world, &format!("[limits]\n{limit} = 0\n"))
}

#[tokio::test]
async fn every_planted_misconfiguration_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for (what, world, program, expected) in PLANTED {
        let world = started(world()).await;
        let found = doctor(program(&world)).ailing();
        if found != expected {
            wrong.push((what, found));
        }
    }
    assert_eq!(wrong, []);
}
