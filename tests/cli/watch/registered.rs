//! Accounts registered between two full runs.

use futures_util::future::join_all;
use matrix_keycloak_sync::standins::mas::Link;
use matrix_keycloak_sync::standins::{Fault, Faults, RunningWorld, World};
use serde_json::json;

use super::watching::{FAILED, QUICK, Watching, start, until_so};
use super::{becomes, by_mas_cli, in_step};
use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Program, Way, account, everyone, program_by, started,
};

/// Every way to read accounts: by Synapse alone, and by the Admin API.
const WAYS: [Option<Way>; 3] = [None, Some(BY_BOTH), Some(BY_MAS)];

/// The runs about new accounts.
const ACCOUNTS: &str = "kind=\"accounts\"";

/// Alice and bob need no change; no other user has an account. Dave and others are users outside
/// the group.
fn outsiders() -> World {
    ["dave", "erin", "frank"].iter().fold(in_step().member("zoe"), |world, name| world.user(name))
}

/// The program that requests new accounts every second, and events as configured here.
fn program(world: &RunningWorld, way: Option<Way>, events: &str) -> Program {
    let quick = QUICK.replace("accounts_every = \"off\"", "accounts_every = \"1s\"");
    let settings = format!("{}{NO_LIMITS}", quick.replace("events_every = \"1s\"", events));
    match way {
        None => by_mas_cli(world, &settings),
        Some(way) => program_by(world, way, &settings),
    }
}

async fn watching(world: &RunningWorld, way: Option<Way>) -> Watching {
    let watching = start(world, program(world, way, "events_every = \"1s\""));
    watching.is_ready().await;
    watching
}

/// Registers an account, without a link.
fn register_unlinked(world: &RunningWorld, localpart: &str) {
    world.mas.state().add_user(localpart);
    world.synapse.state().add_account(localpart);
}

/// Registers the account of a user's first login.
fn register(world: &RunningWorld, localpart: &str, username: &str) {
    world.mas.state().add_user(localpart);
    link(world, localpart, username);
    world.synapse.state().add_account(localpart);
}

fn link(world: &RunningWorld, localpart: &str, username: &str) {
    let subject = world.keycloak.state().realm("corp").user(username).expect("seeded").id.clone();
    let mut mas = world.mas.state();
    let provider = mas.links().next().expect("alice has one").provider_id.clone();
    let user = mas.user(localpart).expect("registered").id.clone();
    mas.add_link(Link::new(&provider, &subject, &user));
}

/// The requests for the newest accounts.
fn looks(world: &RunningWorld) -> usize {
    world.synapse.requests().count("order_by=creation_ts")
        + world.mas.admin().requests().count("/users?count=false&")
}

/// Waits for this many more requests for the newest accounts.
async fn looks_on(world: &RunningWorld, times: usize) {
    let before = looks(world);
    until_so("the newest accounts are asked for", async || looks(world) >= before + times).await;
}

#[tokio::test]
async fn account_of_an_outsider_is_disabled_if_it_is_registered_between_full_runs() {
    for way in WAYS {
        let world = started(outsiders()).await;
        let watching = watching(&world, way).await;
        let lists = || {
            (
                world.keycloak.requests().count("/members"),
                world.synapse.requests().count("limit=5000"),
            )
        };
        let before = lists();
        register(&world, "dave", "dave");
        becomes(&world, "dave", true, true).await;
        assert_eq!(lists(), before, "{way:?}: no list is read for it");
        watching.has_done(1.0).await;
        assert_eq!(watching.runs("kind=\"accounts\",result=\"in_step\"").await, 1, "{way:?}");
        for name in ["alice", "bob"] {
            assert_eq!(world.state_of(name), account(false, false), "{way:?}");
        }
        assert_eq!(watching.stop(), 0, "{way:?}");
    }
}

#[tokio::test]
async fn account_of_a_member_is_left_if_it_is_registered_between_full_runs() {
    for way in WAYS {
        let world = started(outsiders()).await;
        let watching = watching(&world, way).await;
        register(&world, "zoe", "zoe");
        watching.has_run(ACCOUNTS, 1).await;
        looks_on(&world, 2).await;
        assert_eq!(world.state_of("zoe"), account(false, false), "{way:?}");
        assert_eq!(watching.runs(ACCOUNTS).await, 1, "{way:?}: judged once\n{}", watching.log());
        let reads = || {
            world.synapse.requests().count("/v2/users/@zoe")
                + world.mas.admin().requests().count("/by-username/zoe")
        };
        let before = reads();
        looks_on(&world, 2).await;
        assert_eq!(reads(), before, "{way:?}: not read again");
    }
}

#[tokio::test]
async fn member_who_registers_just_after_joining_is_no_contradiction() {
    for (way, events) in WAYS
        .into_iter()
        .flat_map(|way| [(way, "events_every = \"1h\""), (way, "events_every = \"off\"")])
    {
        let world = started(outsiders()).await;
        let watching = start(&world, program(&world, way, events));
        watching.is_ready().await;
        world.join("dave");
        register(&world, "dave", "dave");
        watching.has_run(ACCOUNTS, 1).await;
        assert_eq!(world.state_of("dave"), account(false, false), "{way:?}");
        assert_eq!(watching.times("disagree"), 0, "{way:?} {events}\n{}", watching.log());
    }
}

#[tokio::test]
async fn new_accounts_are_not_requested_if_that_is_off() {
    let world = started(outsiders()).await;
    let watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}")));
    watching.is_ready().await;
    register(&world, "dave", "dave");
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    assert_eq!((looks(&world), world.state_of("dave")), (0, account(false, false)));
}

#[tokio::test]
async fn accounts_on_several_pages_are_all_found() {
    for way in WAYS {
        let names: Vec<_> = (0..7).map(|number| format!("new{number}")).collect();
        let world = started(names.iter().fold(outsiders(), |world, name| world.user(name))).await;
        world.synapse.faults().on("order_by=").in_pages_of(2);
        world.mas.admin().faults().on("/users?count=false").in_pages_of(2);
        let _watching = watching(&world, way).await;
        for name in &names {
            register(&world, name, name);
        }
        register(&world, "zoe", "zoe");
        for name in &names {
            becomes(&world, name, true, true).await;
        }
        assert_eq!(world.state_of("zoe"), account(false, false), "{way:?}");
    }
}

#[tokio::test]
async fn list_in_a_wrong_order_is_not_believed() {
    for way in WAYS {
        let world = started(outsiders()).await;
        world.mas.state().add_user("old");
        world.mas.state().set_user_id("old", "01K83YANYY5YJY3H229HTBKSCM");
        let watching = watching(&world, way).await;
        let row = |name: &str, second: i64| json!({"name": format!("@{name}:example.org"), "creation_ts": second * 1000});
        let by_name = json!({"users": [row("alice", 1), row("bob", 2)], "total": 2});
        world.synapse.faults().on("order_by=").answer(Fault::Json(by_name));
        world.mas.admin().faults().on("/users?count=false").answer(Fault::RepeatPage);
        looks_on(&world, 1).await;
        // One round ends before the next begins.
        world.leave("alice");
        becomes(&world, "alice", true, true).await;
        watching.has_logged("the newest accounts cannot be read; trying again");
        assert_eq!(watching.runs(FAILED).await, 0, "{way:?}\n{}", watching.log());
    }
}

#[tokio::test]
async fn account_is_disabled_once_synapse_has_it() {
    let world = started(outsiders()).await;
    let _watching = watching(&world, Some(BY_BOTH)).await;
    world.mas.state().add_user("dave");
    link(&world, "dave", "dave");
    looks_on(&world, 3).await;
    world.synapse.state().add_account("dave");
    becomes(&world, "dave", true, true).await;
}

#[tokio::test]
async fn link_that_comes_a_second_later_decides() {
    for way in [BY_BOTH, BY_MAS] {
        let world = started(outsiders()).await;
        let watching = watching(&world, Some(way)).await;
        // By their names, one would be an outsider's and the other a member's.
        for name in ["erin", "zoe"] {
            register_unlinked(&world, name);
        }
        looks_on(&world, 2).await;
        link(&world, "erin", "zoe");
        link(&world, "zoe", "erin");
        becomes(&world, "zoe", true, true).await;
        looks_on(&world, 2).await;
        assert_eq!(world.state_of("erin"), account(false, false), "{way:?}\n{}", watching.log());
        let disabled = watching.metric("actions_total{action=\"disable\",outcome=\"done\"}").await;
        assert_eq!(disabled, Some(1.0), "{way:?}: erin's never was\n{}", watching.log());
    }
}

#[tokio::test]
async fn account_whose_link_never_comes_is_judged_by_its_name() {
    for way in [BY_BOTH, BY_MAS] {
        let world = started(outsiders()).await;
        let watching = watching(&world, Some(way)).await;
        for name in ["dave", "stranger"] {
            register_unlinked(&world, name);
        }
        becomes(&world, "dave", true, true).await;
        looks_on(&world, 4).await;
        assert_eq!(
            world.state_of("stranger"),
            account(false, false),
            "{way:?}: that takes an approval"
        );
        // Dave once more, when both servers show him disabled.
        assert!(watching.runs(ACCOUNTS).await <= 2, "{way:?}\n{}", watching.log());
        assert_eq!(watching.metric("ready").await, Some(1.0), "{way:?}");
    }
}

#[tokio::test]
async fn link_that_comes_after_the_account_was_judged_still_decides() {
    let world = started(outsiders()).await;
    let watching = watching(&world, Some(BY_MAS)).await;
    register_unlinked(&world, "stranger");
    watching.has_run(ACCOUNTS, 1).await;
    assert_eq!(world.state_of("stranger"), account(false, false));
    link(&world, "stranger", "dave");
    becomes(&world, "stranger", true, true).await;
}

#[tokio::test]
async fn account_registered_while_the_first_run_reads_is_judged() {
    for way in WAYS {
        let world = started(outsiders()).await;
        let (mas, synapse) = (world.mas.shared(), world.synapse.shared());
        let lists = if way.is_none() { world.synapse.faults() } else { world.mas.admin().faults() };
        let part = if way.is_none() { "limit=5000" } else { "/users?page" };
        lists.on(part).times(1).after(move |_| {
            mas.lock().add_user("dave");
            synapse.lock().add_account("dave");
        });
        let _watching = watching(&world, way).await;
        becomes(&world, "dave", true, true).await;
    }
}

#[tokio::test]
async fn no_account_is_disabled_by_mistake_if_the_newest_ones_cannot_be_read() {
    let faults = [
        Fault::Status(500, String::new()),
        Fault::Status(403, "<html>".to_owned()),
        Fault::Html,
        Fault::CutBody,
        Fault::Reset,
        Fault::EmptyList,
    ];
    // With both, MAS is asked in the same way as without Synapse.
    let cases = [None, Some(BY_MAS)]
        .into_iter()
        .flat_map(|way| faults.iter().map(move |fault| (way, fault.clone())));
    join_all(cases.map(|(way, fault)| Box::pin(goes_on_after(way, fault)))).await;
}

/// [`Fault::Hang`] takes two minutes, so this is called where other tests still run.
pub(crate) async fn watch_goes_on_after_newest_accounts_that_hang() {
    join_all([None, Some(BY_MAS)].map(|way| Box::pin(goes_on_after(way, Fault::Hang)))).await;
}

/// `watch` cannot read the newest accounts when it starts; then it can.
async fn goes_on_after(way: Option<Way>, fault: Fault) {
    let world = started(outsiders()).await;
    let of_newest = |faults: &Faults| {
        for part in ["order_by=creation_ts", "/users?count=false"] {
            faults.on(part).answer(fault.clone());
        }
    };
    let watching = watching(&world, way).await;
    of_newest(world.synapse.faults());
    of_newest(world.mas.admin().faults());
    let before = everyone(&world);
    register(&world, "zoe", "zoe");
    register(&world, "dave", "dave");
    let is_silent = matches!(fault, Fault::EmptyList);
    looks_on(&world, if matches!(fault, Fault::Hang) { 2 } else { 4 }).await;
    let after: Vec<_> = everyone(&world).into_iter().filter(|now| before.contains(now)).collect();
    assert_eq!(after, before, "{way:?} {fault:?}");
    // One round ends before the next begins.
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    world.synapse.faults().clear();
    world.mas.admin().faults().clear();
    becomes(&world, "dave", true, true).await;
    assert_eq!(world.state_of("zoe"), account(false, false), "{way:?} {fault:?}");
    for told in ["cannot be read", "can be read again"] {
        assert_eq!(watching.times(told), usize::from(!is_silent), "{told}\n{}", watching.log());
    }
}
