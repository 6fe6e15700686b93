//! Both writers do the same with every source of accounts, and leave the same state on both
//! servers.

use matrix_keycloak_sync::standins::mas::SessionKind;
use matrix_keycloak_sync::standins::world::ServerStates;
use matrix_keycloak_sync::standins::{RunningWorld, World};

use crate::harness::{EVERY_WAY, NO_LIMITS, Run, Way, everyone, group, program_by, started};
use crate::sections::PROTECT;

/// If Synapse is not configured, the owner of its token is an account like any other.
/// Every state of an account, inside and outside the group.
fn every_state() -> World {
    let world = group()
        .member("anna")
        .account("anna")
        .user("oskar")
        .account("oskar")
        .user("stranger")
        .account("stranger");
    ["disabled", "deactivated", "locked"].iter().fold(world, |world, state| {
        let (inside, outside) = (format!("in-{state}"), format!("out-{state}"));
        let world = world.member(&inside).user(&outside);
        [inside, outside].iter().fold(world, |world, name| match *state {
            "disabled" => world.disabled_account(name),
            "deactivated" => world.deactivated_account(name),
            _ => world.locked_account(name),
        })
    })
}

/// What remains of an account: its state on both servers, its sessions, and its profile in Synapse.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    name: String,
    state: ServerStates,
    sessions: [usize; 4],
    rooms: usize,
    emails: usize,
    displayname: Option<String>,
}

fn left(world: &RunningWorld) -> Vec<Left> {
    let of = |(name, state): (String, ServerStates)| {
        let kinds =
            [SessionKind::Compat, SessionKind::OAuth2, SessionKind::Browser, SessionKind::Personal];
        let sessions = kinds.map(|kind| world.sessions_of(&name, kind).len());
        let synapse = world.synapse.state();
        let account = synapse.account(&name).expect("an account");
        let (rooms, emails) = (account.rooms.len(), account.emails.len());
        let displayname = account.displayname.clone();
        drop(synapse);
        Left { name, state, sessions, rooms, emails, displayname }
    };
    everyone(world).into_iter().map(of).collect()
}

/// Runs in a world of its own, in which two users have sessions of every kind.
async fn run(way: Way, disable: &str) -> (Run, Vec<Left>) {
    let world = started(every_state()).await;
    for name in ["anna", "oskar"] {
        world.login(name).expect("not locked");
        world.login_by_oauth2(name).expect("not locked");
        world.personal_token(name, "urn:matrix:client:api:*").expect("not locked");
    }
    let more = format!("{PROTECT}disable = {disable:?}\n{NO_LIMITS}");
    let run = program_by(&world, way, &more).run("sync --format json").exits(0);
    assert!(world.settle().await);
    (run, left(&world))
}

#[tokio::test]
async fn both_writers_leave_the_same_state_with_every_source_of_accounts() {
    for mode in ["deactivate", "lock"] {
        let [first, others @ ..] = EVERY_WAY;
        let (by_cli, expected) = run(first, mode).await;
        for way in others {
            let (by_way, left) = run(way, mode).await;
            assert_eq!(by_way.actions(), by_cli.actions(), "{way:?}, {mode}");
            assert_eq!(left, expected, "{way:?}, {mode}");
        }
    }
}

#[tokio::test]
async fn second_run_finds_nothing_to_do_with_any_writer_and_source() {
    for way in EVERY_WAY {
        let world = started(every_state()).await;
        let more = format!("{PROTECT}{NO_LIMITS}");
        program_by(&world, way, &more).run("sync").exits(0);
        assert!(world.settle().await);
        let again = program_by(&world, way, &more).run("sync --format json").exits(0);
        assert_eq!(again.actions(), [""; 0], "{way:?}");
    }
}

#[tokio::test]
async fn no_account_is_erased_by_any_writer() {
    for way in EVERY_WAY {
        let (_, left) = run(way, "deactivate").await;
        let erased =
            left.iter().filter(|left| left.state.synapse.is_some_and(|state| state.erased)).count();
        assert_eq!(erased, 0, "{way:?}");
        assert_eq!(left.iter().filter(|left| left.displayname.is_none()).count(), 0, "{way:?}");
    }
}

#[tokio::test]
async fn personal_tokens_are_not_revoked() {
    for way in EVERY_WAY {
        let (_, left) = run(way, "lock").await;
        let oskar = left.iter().find(|left| left.name == "oskar").expect("an account");
        assert_eq!(oskar.sessions, [0, 0, 0, 1], "{way:?}");
    }
}
