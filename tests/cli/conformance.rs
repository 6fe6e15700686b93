//! Both writers do the same with every source of accounts, and leave the same state on both
//! servers.

use matrix_keycloak_sync::standins::mas::SessionKind;
use matrix_keycloak_sync::standins::world::{AccountParts, ServerStates};
use matrix_keycloak_sync::standins::{RunningWorld, World};

use crate::harness::{
    EVERY_WAY, NO_LIMITS, Run, Way, everyone, group, program_by, settings, started,
};
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

/// What an account has after the whole way of a person.
type Person = (String, ServerStates, AccountParts, Vec<String>);

/// Creates Nora's account, makes Ada an administrator and Boss none, and locks Oskar, with open
/// sessions of every kind.
async fn whole_way(way: Way, lock_sessions: &str) -> (Vec<String>, Vec<Person>) {
    let members = ["ada", "boss", "chief"];
    let world = members
        .into_iter()
        .fold(group().group("/matrix-admins"), |world, name| world.member(name).account(name));
    let world = world.member("nora").user("oskar").account("oskar");
    let world = started(world).await;
    for name in ["ada", "chief"] {
        world.keycloak.state().realm("corp").join(name, "/matrix-admins");
    }
    for name in ["boss", "chief"] {
        world.mas.state().user_mut(name).expect("seeded").admin = true;
    }
    for name in ["ada", "oskar"] {
        world.login(name).expect("not locked");
        world.login_by_oauth2(name).expect("not locked");
    }
    world.login_with_scope("boss", "urn:synapse:admin:*").expect("not locked");
    world.login_with_scope("chief", "urn:synapse:admin:*").expect("not locked");
    let file =
        settings(&world, way).replace("[accounts]\n", "[accounts]\nprovision = \"members\"\n");
    let file = format!(
        "{file}{PROTECT}disable = \"lock\"\nlock_sessions = {lock_sessions:?}\n{NO_LIMITS}\
         [admins]\ngroups = [\"matrix-admins\"]\n"
    );
    let run = program_by(&world, way, "").file(&world, &file).run("sync --format json").exits(0);
    assert!(world.settle().await);
    let person = |(name, mut state): (String, ServerStates)| {
        // mas-cli cannot tell the sessions apart, and ends all if the right is taken.
        if let ("boss", Some(mas)) = (&*name, &mut state.mas) {
            mas.sessions = 0;
        }
        // IDs differ between worlds.
        let id = world.keycloak.state().realm("corp").user(&name).map(|user| user.id.clone());
        let mut parts = world.parts_of(&name);
        for subject in &mut parts.subjects {
            assert_eq!(Some(&*subject), id.as_ref(), "{name}");
            subject.clear();
        }
        parts.rooms.clear();
        let sessions = world.sessions_of(&name, SessionKind::OAuth2);
        let scopes = sessions.into_iter().map(|session| {
            session.scope.split(' ').filter(|scope| scope.contains("admin")).collect::<String>()
        });
        let scopes = scopes.collect();
        (name, state, parts, scopes)
    };
    let mut actions = run.actions();
    actions.sort();
    (actions, everyone(&world).into_iter().map(person).collect())
}

#[tokio::test]
async fn both_writers_create_lock_and_change_administrators_alike() {
    for sessions in ["end", "keep"] {
        let [first, others @ ..] = EVERY_WAY;
        let expected = whole_way(first, sessions).await;
        assert_eq!(
            expected.0,
            [
                "create nora in_group done",
                "disable oskar not_in_group done",
                "grant_admin ada in_admin_group done",
                "revoke_admin boss not_in_admin_group done",
            ]
        );
        let oskar = expected.1.iter().find(|(name, ..)| name == "oskar").expect("an account");
        assert_eq!(oskar.3.len(), usize::from(sessions == "keep"));
        for way in others {
            assert_eq!(whole_way(way, sessions).await, expected, "{way:?}, {sessions}");
        }
    }
}
