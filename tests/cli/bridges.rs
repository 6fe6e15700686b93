//! Accounts of bridges are sorted out with the cheapest request, and never block other accounts.

use matrix_keycloak_sync::standins::{Fault, World};

use crate::harness::{
    BY_BOTH, NO_LIMITS, Run, account, group, program, program_by, proxy_page, started,
};

/// One member, one leaver, and this many accounts of a bridge.
fn bridged(count: usize) -> World {
    let world = group().member("alice").account("alice").user("dave").account("dave");
    (0..count)
        .fold(world, |world, at| world.bridge_account(&format!("telegram_{at:03}"), "telegram"))
}

fn kept_as(run: &Run, reason: &str) -> usize {
    run.kept().iter().filter(|kept| kept.ends_with(reason)).count()
}

#[tokio::test]
async fn keycloak_is_not_asked_about_a_bridge() {
    let world = started(bridged(40)).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(
        (run.actions(), kept_as(&run, "appservice")),
        (vec!["disable dave not_in_group done".into()], 40)
    );
    assert_eq!(world.keycloak.requests().count("telegram_"), 0);
    assert_eq!(world.synapse.requests().count("/v2/users/@telegram_"), 40);
}

#[tokio::test]
async fn next_run_makes_no_request_about_a_remembered_bridge() {
    let world = started(bridged(40)).await;
    program(&world).run("sync").exits(0);
    let after_first = world.synapse.requests().count("/v2/users/@telegram_");
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!((run.actions(), kept_as(&run, "appservice")), (vec![], 40));
    assert_eq!((after_first, world.synapse.requests().count("/v2/users/@telegram_")), (40, 40));
}

#[tokio::test]
async fn bridges_do_not_count_for_the_limit_of_accounts_to_recheck() {
    let world = started(bridged(40)).await;
    let run = program(&world)
        .file(&world, &format!("{NO_LIMITS}max_look = 1"))
        .run("sync --format json")
        .exits(0);
    assert_eq!(
        (run.actions(), kept_as(&run, "appservice")),
        (vec!["disable dave not_in_group done".into()], 40)
    );
    assert_eq!(world.keycloak.requests().count("telegram_"), 0);
}

#[tokio::test]
async fn accounts_unknown_to_mas_do_not_count_and_keycloak_is_not_asked_about_them() {
    let world = bridged(20).synapse_only_account("casper").synapse_only_account("slimer");
    let world = started(world).await;
    let run = program_by(&world, BY_BOTH, &format!("{NO_LIMITS}max_look = 1"))
        .run("sync --format json")
        .exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    assert_eq!((kept_as(&run, "appservice"), kept_as(&run, "not_in_mas")), (20, 2));
    let asked = ["telegram_", "casper", "slimer"].map(|name| world.keycloak.requests().count(name));
    assert_eq!(asked, [0, 0, 0]);
}

#[tokio::test]
async fn refusal_names_the_prefix_that_most_of_the_accounts_share() {
    let world = (0..30).fold(bridged(20), |world, at| world.account(&format!("signal_{at:03}")));
    let world = started(world).await;
    let limited = format!("{NO_LIMITS}max_look = 12");
    let run = program(&world).file(&world, &limited).run("sync").exits(3);
    run.tells(&[
        "51 accounts would have to be rechecked before they are changed, limits.max_look is 12: none was rechecked. \
         Most of them begin with signal_: if they belong to a bridge, add '/signal_.*/' to policy.protect",
    ]);
    assert_eq!(world.keycloak.requests().count("signal_"), 0, "none is rechecked");
    assert_eq!(
        world.synapse.requests().count("/v2/users/@telegram_019"),
        0,
        "nor asked about without need"
    );
    let advised = format!("[policy]\nprotect = ['/signal_.*/']\n{limited}");
    let run = program(&world).file(&world, &advised).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
}

#[tokio::test]
async fn failed_second_look_at_a_bridge_blocks_nothing() {
    let world = started(bridged(20)).await;
    world.synapse.faults().on("/v2/users/@telegram_007").answer(Fault::Status(500, String::new()));
    for limits in ["", "max_look = 2"] {
        let world_file = format!("{NO_LIMITS}{limits}");
        let run =
            program(&world).file(&world, &world_file).run("sync --dry-run --format json").exits(4);
        assert_eq!(kept_as(&run, "appservice"), 19, "{limits}");
        assert_eq!(run.actions().len(), 2, "{limits}: {:?}", run.actions());
    }
}

#[tokio::test]
async fn missing_answer_of_keycloak_is_an_error_even_if_synapse_knows_the_bridges() {
    let world = started(bridged(20)).await;
    world.keycloak.faults().on("username=dave").answer(Fault::Status(500, String::new()));
    program(&world)
        .run("sync")
        .exits(1)
        .tells(&["the second look failed for all accounts (1 tried)"]);
}

#[tokio::test]
async fn failed_look_at_accounts_unknown_to_mas_takes_no_room_from_others() {
    let world = bridged(20).synapse_only_account("casper").synapse_only_account("slimer");
    let world = started(world).await;
    for name in ["casper", "slimer"] {
        let look = format!("/v2/users/@{name}");
        world.synapse.faults().on(&look).answer(Fault::Status(500, String::new()));
    }
    let run = program_by(&world, BY_BOTH, &format!("{NO_LIMITS}max_look = 1"))
        .run("sync --format json")
        .exits(4);
    assert_eq!(
        run.actions(),
        [
            "disable casper not_in_group skipped",
            "disable dave not_in_group done",
            "disable slimer not_in_group skipped"
        ]
    );
}

#[tokio::test]
async fn accounts_unknown_to_mas_make_no_room_for_disables_if_they_cannot_be_looked_at() {
    let world = group().members(3, "c").accounts(3, "c").user("dave").account("dave");
    let world = ghosts(world.user("erin").account("erin"), 20);
    let world = started(world).await;
    world.synapse.faults().on("/v2/users/@ghost").answer(Fault::Status(500, String::new()));
    // Two of five are 40 %, two of 25 are 8 %.
    let limits = "[limits]\nmax_disable = 100\nmax_disable_percent = 10\n";
    let run = program_by(&world, BY_BOTH, limits).run("sync").exits(3);
    run.tells(&["limits.max_disable_percent"]);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn synapse_is_not_asked_about_every_account_unknown_to_mas_if_it_fails_for_a_hundred() {
    let world = ghosts(group().user("dave").account("dave").member("c").account("c"), 500);
    let world = started(world).await;
    world.synapse.faults().on("/v2/users/@ghost").answer(Fault::Status(500, String::new()));
    let run = program_by(&world, BY_BOTH, &format!("{NO_LIMITS}max_look = 100"))
        .run("sync --format json")
        .exits(4);
    let actions = run.actions();
    let skipped = actions.iter().filter(|action| action.ends_with("not_in_group skipped"));
    assert_eq!(skipped.count(), 500, "{actions:?}");
    assert!(actions.contains(&"disable dave not_in_group done".to_owned()), "{actions:?}");
    let asked = world.synapse.requests().count("/v2/users/@ghost");
    assert!(asked < 250, "{asked}");
}

#[tokio::test]
async fn short_outage_of_synapse_makes_no_others_of_bridges_that_were_not_asked_about() {
    let world = started(bridged(400)).await;
    world.synapse.faults().on("/v2/users/@telegram_").times(330).answer(proxy_page(502));
    let run = program(&world)
        .file(&world, &format!("{NO_LIMITS}max_look = 200"))
        .run("sync --format json")
        .exits(0);
    assert_eq!(
        (run.actions(), kept_as(&run, "appservice")),
        (vec!["disable dave not_in_group done".into()], 400)
    );
}

/// Accounts that MAS does not know.
fn ghosts(world: World, count: usize) -> World {
    (0..count).fold(world, |world, at| world.synapse_only_account(&format!("ghost{at:03}")))
}

#[tokio::test]
async fn run_fails_if_synapse_answers_about_no_account_that_could_be_set_aside() {
    let names = ["casper", "inky", "slimer"];
    let world = names.iter().fold(group(), |world, name| world.synapse_only_account(name));
    let world = started(world).await;
    world.synapse.faults().on("/v2/users/@").answer(Fault::Status(500, String::new()));
    for max_look in [2, 3] {
        let limited = format!("{NO_LIMITS}max_look = {max_look}");
        let run = program_by(&world, BY_BOTH, &limited).run("sync").exits(1);
        run.tells(&["the second look failed for all accounts (3 tried)"]);
    }
}
