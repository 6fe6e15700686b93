//! MAS's configuration may become another one while `watch` runs. Each run proves it again before
//! it writes.

use std::path::Path;

use matrix_keycloak_sync::standins::RunningWorld;

use super::watching::{FAILED, QUICK, start};
use super::{becomes, by_mas_cli, in_step, watching};
use crate::harness::{self, NO_LIMITS, account, everyone, mas_cli, started};
use crate::mas_cli_config::wrapper;

const OTHER: &str = "`matrix.homeserver` is other.example, and server_name is example.org";

/// Changes the file with this text.
type Change = fn(&Path, &str);

/// What becomes of the file, and what the run says.
const CHANGES: [(Change, &str); 3] = [
    (|file, text| write(file, &text.replace("example.org", "other.example")), OTHER),
    (|file, _| std::fs::remove_file(file).expect("seeded"), "cannot read this file"),
    // Half written.
    (
        |file, text| write(file, &text[..text.find("matrix:").expect("a section")]),
        "no `matrix.homeserver`",
    ),
];

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("a writable directory");
}

/// Names alice as an administrator in MAS's configuration.
fn name_alice(world: &RunningWorld) -> String {
    let text = std::fs::read_to_string(world.mas_cli_config()).expect("seeded");
    let text = format!("{text}policy: {{data: {{admin_users: [alice]}}}}\n");
    write(world.mas_cli_config(), &text);
    text
}

#[tokio::test]
async fn run_about_a_few_users_writes_nothing_with_a_configuration_that_is_not_proven() {
    for (change, told) in CHANGES {
        let world = started(in_step().member("carol").account("carol")).await;
        let text = name_alice(&world);
        let watching = watching(&world, NO_LIMITS).await;
        let before = everyone(&world);
        change(world.mas_cli_config(), &text);
        world.leave("alice");
        watching.has_run(FAILED, 1).await;
        watching.has_logged("the run failed: writer.mas_cli.config (MAS_CONFIG)");
        watching.has_logged(told);
        assert_eq!(everyone(&world), before, "{told}");
        write(world.mas_cli_config(), &text);
        world.leave("bob");
        becomes(&world, "bob", true, true).await;
        assert_eq!(world.state_of("alice"), account(false, false), "an administrator");
    }
}

#[tokio::test]
async fn run_fails_if_a_file_behind_a_wrapper_vanishes_that_was_read_before() {
    let world = started(in_step()).await;
    let text = name_alice(&world);
    let named = harness::write(&world, "named.yaml", &text);
    let command = format!("{}config = {:?}\n", wrapper(&world, ""), named.display().to_string());
    let program = by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}{command}")).without("MAS_CONFIG");
    let watching = start(&world, program);
    watching.is_ready().await;
    let before = everyone(&world);
    std::fs::remove_file(&named).expect("just written");
    world.leave("alice");
    watching.has_run(FAILED, 1).await;
    watching.has_logged("cannot read this file");
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn full_run_writes_nothing_with_a_configuration_that_is_not_proven() {
    // An activation reads no administrators, so that only the writer would notice.
    for (change, told) in CHANGES {
        let world = started(in_step().user("carol").disabled_account("carol")).await;
        let text = std::fs::read_to_string(world.mas_cli_config()).expect("seeded");
        let quick =
            QUICK.replace("1h", "1s").replace("events_every = \"1s\"", "events_every = \"off\"");
        let watching = start(&world, by_mas_cli(&world, &format!("{quick}{NO_LIMITS}")));
        watching.is_ready().await;
        let before = everyone(&world);
        change(world.mas_cli_config(), &text);
        world.join("carol");
        watching.has_run(FAILED, 1).await;
        watching.has_logged(told);
        assert_eq!(everyone(&world), before, "{told}");
        write(world.mas_cli_config(), &text);
        becomes(&world, "carol", false, false).await;
    }
}

#[tokio::test]
async fn run_about_a_few_users_fails_if_the_administrators_of_mas_are_unknown() {
    let world = started(in_step()).await;
    world.mas.state().user_mut("alice").expect("seeded").admin = true;
    let fails = "case \"$*\" in *list-admin-users) [ -e \"$0.down\" ] && { echo 'Error: too many clients' >&2; exit 1; };; esac";
    let toml = mas_cli(&world, fails);
    let watching = watching(&world, &format!("{NO_LIMITS}{toml}")).await;
    let before = everyone(&world);
    harness::write(&world, "my-mas-cli.down", "");
    world.leave("alice");
    watching.has_run(FAILED, 1).await;
    watching.has_logged("the administrators made in MAS are unknown, so no account is disabled");
    assert_eq!(everyone(&world), before);
}
