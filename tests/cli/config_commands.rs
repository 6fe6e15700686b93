//! `config` shows and checks the configuration without asking a server; `healthcheck` asks `watch`.

use crate::harness::{BY_BOTH, bare, program, program_by, started, the_table};
use crate::watch::watching;

#[tokio::test]
async fn effective_values_are_shown_with_their_origin_and_without_secrets() {
    let world = started(the_table()).await;
    program_by(&world, BY_BOTH, "[policy]\nprotect = [\"root\"]\n")
        .run("config show")
        .exits(0)
        .matches(&world, "config_show");
    program_by(&world, BY_BOTH, "")
        .run("config check")
        .exits(0)
        .prints(&["The configuration is valid."]);
}

#[tokio::test]
async fn arguments_of_commands_may_be_secrets_and_are_not_shown() {
    let world = started(the_table()).await;
    let toml = "[writer.mas_cli]\ncommand = [\"docker\", \"-e\", \"PGPASSWORD=hunter2\"]\n\
                [watch]\non_refused = [\"curl\", \"https://hooks.example/hunter2\"]\n";
    let shown = program(&world).file(&world, toml).run("config show").exits(0);
    let shown = shown.prints(&["command = [\"docker\", \"…\"]", "on_refused = [\"curl\", \"…\"]"]);
    assert!(!shown.stdout.contains("hunter2"), "{}", shown.stdout);
}

#[tokio::test]
async fn configuration_with_mistakes_is_not_valid() {
    bare().env("KC_URL", "not an address").run("config check").exits(78).tells(&["KC_URL"]);
    bare().run("config show").exits(78);
}

#[tokio::test]
async fn healthcheck_asks_the_listener_of_watch() {
    let world = started(the_table()).await;
    let watching = watching::start(&world, program(&world).file(&world, watching::QUICK));
    watching.is_ready().await;
    let config = world.directory().join("config.toml").display().to_string();
    let ask = || program(&world).env("MATRIX_KEYCLOAK_SYNC_CONFIG", &config).run("healthcheck");
    ask().exits(0).prints(&["alive"]);
    watching.stop();
    ask().exits(1).tells(&["no watch answers at 127.0.0.1:"]);
    let off = program(&world).file(&world, "[watch]\nlisten = \"off\"\n");
    off.run("healthcheck").exits(78).tells(&["watch.listen"]);
}
