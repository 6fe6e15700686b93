//! A server that accepts a request and never answers: run in this process, where timeouts can be
//! short.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::future::join_all;
use matrix_keycloak_sync::app;
use matrix_keycloak_sync::cli::Cli;
use matrix_keycloak_sync::config::{self, Loaded};
use matrix_keycloak_sync::doctor::{Report, Settings, Status, examine};
use matrix_keycloak_sync::environment::{Surroundings, Timeouts};
use matrix_keycloak_sync::exit::Exit;
use matrix_keycloak_sync::failure::Failure;
use matrix_keycloak_sync::mas_api::MasApi;
use matrix_keycloak_sync::readers::{Readers, Tally};
use matrix_keycloak_sync::standins::world::ServerStates;
use matrix_keycloak_sync::standins::{
    Auth, Fault, Faults, NewAccount, NewUser, Requests, RunningWorld, SeenRequest,
};

use crate::harness::{
    BY_BOTH, NO_LIMITS, PROGRAM, account, everyone, settings, started, the_table, write,
};
use crate::second_look::id_in_keycloak;
use crate::watch::registered::watch_goes_on_after_newest_accounts_that_hang;

fn surroundings(world: &RunningWorld) -> Surroundings {
    let own = ["RUNTIME_DIRECTORY", "XDG_STATE_HOME"]
        .map(|name| (name.to_owned(), world.directory().display().to_string()));
    let variables: HashMap<_, _> = world.env(Auth::Password).into_iter().chain(own).collect();
    Surroundings {
        env: Box::new(move |name| variables.get(name).cloned()),
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            progress: Duration::from_secs(2),
            answer: Duration::from_secs(4),
        },
    }
}

async fn sync(world: &RunningWorld) -> Result<Exit, Failure> {
    let cli = Cli::try_parse_from(["matrix-keycloak-sync", "sync"]).expect("a command line");
    app::run(cli, &surroundings(world)).await
}

async fn assert_ends(fault: Fault, server: &str, faults: fn(&RunningWorld) -> &Faults, part: &str) {
    let world = started(the_table()).await;
    let before = everyone(&world);
    faults(&world).on(part).answer(fault);
    let failure = sync(&world).await.expect_err(part);
    let text = failure.render();
    assert_eq!(failure.exit(), Exit::Error, "{text}");
    for expected in [server, part, "no answer in time", "\nhint: Check "] {
        assert!(text.contains(expected), "{part}: no {expected:?}\n{text}");
    }
    assert_eq!(everyone(&world), before, "{part}");
}

#[tokio::test]
async fn newest_accounts_that_hang_stop_nothing_else() {
    watch_goes_on_after_newest_accounts_that_hang().await;
}

#[tokio::test]
async fn server_that_never_answers_is_given_up() {
    assert_all_end(&Fault::Hang).await;
}

#[tokio::test]
async fn server_that_trickles_is_given_up() {
    assert_all_end(&Fault::Trickle).await;
}

async fn assert_all_end(fault: &Fault) {
    let keycloak: fn(&RunningWorld) -> &Faults = |world| world.keycloak.faults();
    let synapse: fn(&RunningWorld) -> &Faults = |world| world.synapse.faults();
    let begin = Instant::now();
    let places = [
        ("Keycloak: POST ", keycloak, "/openid-connect/token"),
        ("Keycloak: GET ", keycloak, "/admin/realms/corp/groups"),
        ("Keycloak: GET ", keycloak, "/members"),
        ("Synapse: GET ", synapse, "/account/whoami"),
        ("Synapse: GET ", synapse, "/_synapse/admin/v3/users"),
    ];
    join_all(
        places.map(|(server, faults, part)| {
            Box::pin(assert_ends(fault.clone(), server, faults, part))
        }),
    )
    .await;
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn server_that_stops_answering_is_not_asked_about_other_accounts() {
    let world = started(the_table().leavers(40, "gone")).await;
    let before = everyone(&world);
    world.keycloak.faults().on("/users?username=").answer(Fault::Hang);
    let failure = sync(&world).await.expect_err("the second look failed for all accounts");
    assert_eq!(failure.exit(), Exit::Error, "{}", failure.render());
    let asked = world.keycloak.requests().count("/users?username=");
    // The first two that are given up make room for two others, before the third is.
    assert!(asked <= 2 * 8 + 2, "two tries for those under way, and no more: {asked}");
    assert_eq!(everyone(&world), before);
}

/// Syncs by the Admin API with these limits.
async fn sync_within(world: &RunningWorld, limits: &str) -> Result<Exit, Failure> {
    let file = write(world, "limits.toml", &format!("{}{limits}", settings(world, BY_BOTH)))
        .display()
        .to_string();
    let cli = Cli::try_parse_from(["matrix-keycloak-sync", "--config", &file, "sync"])
        .expect("a command line");
    app::run(cli, &surroundings(world)).await
}

#[tokio::test]
async fn account_whose_second_look_hangs_is_skipped_and_the_others_are_done() {
    let world = started(the_table().leavers(20, "gone")).await;
    world.synapse.faults().on("/v2/users/@bob").answer(Fault::Hang);
    let ended = sync_within(&world, NO_LIMITS).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    assert_eq!(["bob", "dave"].map(|name| world.state_of(name)), [account(true, true); 2]);
    assert_eq!(active_leavers(&world), 0);
}

#[tokio::test]
async fn directory_counts_as_up_if_only_the_last_second_looks_hang() {
    let world = the_table().leavers(3, "gone").account("lena").account("lars");
    let world = world
        .with_user(NewUser::member("lena").federated("ldap-1"))
        .with_user(NewUser::new("lars").federated("ldap-1"));
    let world = started(world).await;
    world.synapse.faults().on("/v2/users/@gone").answer(Fault::Hang);
    let ended = sync_within(&world, NO_LIMITS).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    assert_eq!((world.state_of("lars"), active_leavers(&world)), (account(true, true), 3));
}

/// Aaron is in no group and lena is a member; both are from the directory. 40 others have left.
async fn directory_and_leavers() -> RunningWorld {
    let world = the_table().leavers(40, "gone").account("aaron").account("lena");
    let world = world
        .with_user(NewUser::member("lena").federated("ldap-1"))
        .with_user(NewUser::new("aaron").federated("ldap-1"));
    started(world).await
}

#[tokio::test]
async fn directory_does_not_count_as_up_if_keycloak_stops_answering_at_the_second_look() {
    let world = directory_and_leavers().await;
    for n in 0..40 {
        let id = id_in_keycloak(&world, &format!("gone{n:05}"));
        world.keycloak.faults().on(&id).answer(Fault::Hang);
    }
    let ended = sync_within(&world, NO_LIMITS).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    assert_eq!((world.state_of("aaron"), active_leavers(&world)), (account(false, false), 40));
}

#[tokio::test]
async fn directory_does_not_count_as_up_if_the_list_after_the_second_look_hangs() {
    let world = directory_and_leavers().await;
    let looked = Arc::new(AtomicBool::new(false));
    let looks = Arc::clone(&looked);
    let note = move |_: &SeenRequest| looks.store(true, Ordering::Relaxed);
    world.keycloak.faults().on("/admin/realms/corp/users/").before(note);
    let is_after =
        move |seen: &SeenRequest| seen.path.ends_with("/members") && looked.load(Ordering::Relaxed);
    world.keycloak.faults().matching(is_after).answer(Fault::Hang);
    let ended = sync_within(&world, NO_LIMITS).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    assert_eq!((world.state_of("aaron"), active_leavers(&world)), (account(false, false), 0));
}

#[tokio::test]
async fn accounts_whose_second_look_hangs_come_last_in_the_next_run() {
    let world = started(the_table().leavers(40, "gone")).await;
    // As many as are asked about at the same time.
    for n in 0..8 {
        world.synapse.faults().on(&format!("/v2/users/@gone{n:05}")).answer(Fault::Hang);
    }
    let sync =
        async || sync_within(&world, NO_LIMITS).await.map(|exit| (exit, active_leavers(&world)));
    // The first look cannot tell them from a server that hangs, unless another answer came before.
    let first = sync().await;
    if !matches!(first, Ok((Exit::Incomplete, 8))) {
        assert_eq!(sync().await.expect("a run"), (Exit::Incomplete, 8));
    }
}

fn is_active(state: &ServerStates) -> bool {
    state.mas.is_some_and(|mas| !mas.deactivated && !mas.locked)
}

fn active_leavers(world: &RunningWorld) -> usize {
    everyone(world)
        .iter()
        .filter(|(name, state)| name.starts_with("gone") && is_active(state))
        .count()
}

#[tokio::test]
async fn account_whose_signs_cannot_be_read_is_not_disabled_without_them() {
    let mut world = (0..30).fold(the_table(), |world, n| {
        let name = format!("known{n:02}");
        world.member(&name).account(&name)
    });
    // Each of these accounts shows the name of a member who has no account by name.
    for n in 0..12 {
        let (first, last) = (format!("First{n}"), format!("Last{n}"));
        let account =
            NewAccount::new(&format!("old{n:02}")).displayname(&format!("{first} {last}"));
        world = world
            .with_user(NewUser::member(&format!("new{n:02}")).named(&first, &last))
            .with_account(account);
    }
    let world = started(world).await;
    for n in 0..12 {
        let id = world
            .keycloak
            .state()
            .realm("corp")
            .user(&format!("new{n:02}"))
            .expect("seeded")
            .id
            .clone();
        world.keycloak.faults().on(&format!("/users/{id}")).answer(Fault::Hang);
    }
    let file = format!("state_file = \"off\"\n{}{NO_LIMITS}", settings(&world, BY_BOTH));
    let file = write(&world, "forgetful.toml", &file).display().to_string();
    let cli = Cli::try_parse_from(["matrix-keycloak-sync", "--config", &file, "sync"])
        .expect("a command line");
    let ended = app::run(cli, &surroundings(&world)).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    let disabled = everyone(&world)
        .into_iter()
        .filter(|(name, state)| name.starts_with("old") && !is_active(state));
    assert_eq!(disabled.count(), 0);
    assert!(!is_active(&world.state_of("dave")));
}

#[tokio::test]
async fn account_of_a_bridge_that_hangs_stops_no_other() {
    let bridged =
        (0..10).fold(the_table(), |world, n| world.bridge_account(&format!("irc_{n:02}"), "irc"));
    let world = started(bridged).await;
    world.synapse.faults().on("/v2/users/@irc_03").answer(Fault::Hang);
    let file = world.directory().join("bridge.toml");
    let command = format!("command = [{PROGRAM:?}, \"stand-in\", \"mas-cli\"]");
    let toml = format!("{NO_LIMITS}max_look = 4\n[writer.mas_cli]\n{command}\n");
    std::fs::write(&file, toml).expect("a writable directory");
    let cli = Cli::try_parse_from([
        "matrix-keycloak-sync",
        "--config",
        &file.display().to_string(),
        "sync",
    ]);
    let ended = app::run(cli.expect("a command line"), &surroundings(&world)).await;
    assert_eq!(ended.expect("a run"), Exit::Incomplete);
    assert_eq!(world.state_of("dave").mas, account(true, true).mas);
}

#[tokio::test]
async fn run_does_not_wait_for_confirmation_if_the_homeserver_stops_answering() {
    let world = started(the_table()).await;
    // It answers at the second look, but not after the change.
    world.synapse.faults().on("/_synapse/admin/v2/users/@bob").skip(1).answer(Fault::Hang);
    let file = world.directory().join("short.toml");
    let command = format!("command = [{PROGRAM:?}, \"stand-in\", \"mas-cli\"]");
    let toml = format!("[writer]\nconfirm_timeout = \"1s\"\n[writer.mas_cli]\n{command}\n");
    std::fs::write(&file, toml).expect("a writable directory");
    let cli = Cli::try_parse_from([
        "matrix-keycloak-sync",
        "--config",
        &file.display().to_string(),
        "sync",
    ]);
    let exit = app::run(cli.expect("a command line"), &surroundings(&world)).await;
    assert_eq!(exit.ok(), Some(Exit::Incomplete));
}

/// Syncs by the Admin API; returns how the run ended, and how often lists of sessions were
/// requested.
async fn sync_by_the_admin_api(world: &RunningWorld) -> (Option<Exit>, usize) {
    let file = write(world, "mas-api.toml", &settings(world, BY_BOTH)).display().to_string();
    let cli = Cli::try_parse_from(["matrix-keycloak-sync", "--config", &file, "sync"])
        .expect("a command line");
    let exit = app::run(cli, &surroundings(world)).await;
    (exit.ok(), world.mas.admin().requests().count("-sessions"))
}

#[tokio::test]
async fn mas_is_waited_for_once_if_it_hangs_after_the_lock() {
    let world = started(the_table()).await;
    world.mas.admin().faults().on("/deactivate").answer(Fault::Hang);
    assert_eq!(sync_by_the_admin_api(&world).await, (Some(Exit::Incomplete), 0));

    let world = started(the_table()).await;
    world.mas.admin().faults().on("-sessions").answer(Fault::Hang);
    let two_tries_at_the_first_list = 2;
    assert_eq!(
        sync_by_the_admin_api(&world).await,
        (Some(Exit::Incomplete), two_tries_at_the_first_list)
    );
}

#[test]
fn two_tries_at_a_server_that_hangs_end_within_ninety_seconds() {
    let Timeouts { connect, progress, answer } = Timeouts::default();
    let pause = Duration::from_secs(1);
    assert!((connect + progress) * 2 + pause <= Duration::from_secs(90));
    assert!(answer * 2 + pause <= Duration::from_mins(11), "a trickle");
}

/// Returns what `doctor` finds with short timeouts if Keycloak, Synapse and MAS are all used.
async fn examined(world: &RunningWorld) -> Report {
    let file = world.directory().join("doctor.toml");
    std::fs::write(&file, settings(world, BY_BOTH)).expect("a writable directory");
    let variables: HashMap<_, _> = world.env(Auth::Password).into_iter().collect();
    let Loaded { config, warnings, .. } =
        config::load(Some(&file), &|name| variables.get(name).cloned()).expect("a configuration");
    let timeouts = surroundings(world).timeouts;
    let mas = config.mas_api.as_ref().map(|mas| MasApi::new(mas, timeouts).expect("TLS"));
    let readers = Readers::new(&config, mas.as_ref(), timeouts).expect("TLS");
    let without_variables = Surroundings { env: Box::new(|_| None), timeouts };
    let settings = Settings { warnings: &warnings, ..Settings::of(&config) };
    Box::pin(examine(settings, &readers, &without_variables, &Tally::default())).await
}

/// Checks that a request that is never answered is made at most this often: once, and one retry.
async fn assert_asked_at_most(
    most: usize,
    server: fn(&RunningWorld) -> (&Faults, &Requests),
    part: &str,
) {
    let world = started(the_table()).await;
    let (faults, requests) = server(&world);
    faults.on(part).answer(Fault::Hang);
    let report = examined(&world).await;
    assert!(report.count(Status::Problem) > 0, "{part}: {report:?}");
    let asked = requests.count(part);
    assert!(asked <= most, "{part}: asked {asked} times\n{report:?}");
}

#[tokio::test]
async fn doctor_waits_for_a_silent_server_once() {
    let keycloak: fn(&RunningWorld) -> (&Faults, &Requests) =
        |world| (world.keycloak.faults(), world.keycloak.requests());
    let synapse: fn(&RunningWorld) -> (&Faults, &Requests) =
        |world| (world.synapse.faults(), world.synapse.requests());
    let issuer: fn(&RunningWorld) -> (&Faults, &Requests) =
        |world| (world.mas.faults(), world.mas.requests());
    let admin_api: fn(&RunningWorld) -> (&Faults, &Requests) =
        |world| (world.mas.admin().faults(), world.mas.admin().requests());
    let places = [
        (2, keycloak, "/"),
        (2, keycloak, "/admin/"),
        // Two pages at the same time.
        (4, keycloak, "/members"),
        (2, synapse, "/_synapse/"),
        (2, synapse, "/account/whoami"),
        (2, admin_api, "/"),
        (2, issuer, "/.well-known/"),
    ];
    join_all(places.map(|(most, server, part)| Box::pin(assert_asked_at_most(most, server, part))))
        .await;
}

#[tokio::test]
async fn admin_api_is_waited_for_once_at_each_step_with_any_number_of_sessions() {
    for (mode, part) in [
        ("deactivate", "/lock"),
        ("deactivate", "/deactivate"),
        ("deactivate", "/compat-sessions?"),
        // If the account is deactivated, MAS may end the sessions first.
        ("lock", "/finish"),
    ] {
        let world = started(the_table()).await;
        for _ in 0..5 {
            world.login("dave").expect("not locked");
        }
        world.mas.admin().faults().on(part).answer(Fault::Hang);
        let file = world.directory().join("short.toml");
        let toml = format!("{}[policy]\ndisable = {mode:?}\n", settings(&world, BY_BOTH));
        std::fs::write(&file, toml).expect("a writable directory");
        let cli = Cli::try_parse_from([
            "matrix-keycloak-sync",
            "--config",
            &file.display().to_string(),
            "sync",
        ]);
        let cli = cli.expect("a command line");
        let ended = app::run(cli, &surroundings(&world)).await;
        assert_eq!(ended.expect("a run"), Exit::Incomplete, "{part}");
        let asked = world.mas.admin().requests().count(part);
        assert_eq!(asked, 2, "{part}: once, and once more");
    }
}
