//! The second stage never comes early, although clocks jump: over random readings, with the real
//! state file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use matrix_keycloak_sync::model::{AccountState, ServerClocks, Timestamp};
use matrix_keycloak_sync::plan::{ActionKind, DisableMode, Outcome, Plan, RunCommand, RunResult};
use matrix_keycloak_sync::planner::{Draft, Facts, Matching};
use matrix_keycloak_sync::state::{Beginning, Namespace, State};

use crate::servers::{facts, looks, policy};
use crate::world::{Account, Rules, Standing, User, World};

const HOUR: Duration = Duration::from_hours(1);
/// `policy.deactivate_after`.
const AFTER: Duration = Duration::from_hours(30 * 24);
const LOCKED: AccountState = AccountState { deactivated: false, locked: true, erased: false };
/// Readings of one life, enough for several months.
const READINGS: usize = 120;
const LIVES: u64 = 30;

/// Dan, who has left, and his account.
fn world(standing: Standing, state: AccountState) -> World {
    let mut world = World::from_seed(0);
    world.rules = Rules {
        matching: Matching::Localpart,
        disable: DisableMode::Lock,
        deactivate_after: Some(AFTER.as_millis().try_into().expect("a short time")),
        ..Rules::default()
    };
    (world.providers, world.subjects) = (None, matrix_keycloak_sync::planner::Subjects::Users);
    world.remembered_providers.clear();
    world.users = vec![User::new("dan", standing)];
    world.accounts = vec![Account::new("dan", state)];
    world
}

/// A state file, and the clocks.
struct Life {
    state: State,
    rng: Rng,
    /// The true time.
    now: Timestamp,
    /// How far this host's clock is off, in hours.
    off: i64,
}

impl Life {
    fn new(path: &Path, seed: u64) -> Self {
        let namespace = Namespace { realm: "corp".to_owned(), server_name: "example.org".into() };
        let state = State::open(path, namespace).expect("a new file");
        Self { state, rng: Rng::with_seed(seed), now: Timestamp::now(), off: 0 }
    }

    /// Reads the world, records it, and returns the plan.
    fn read(&self, world: &World) -> Plan {
        let hours = Duration::from_hours(self.off.unsigned_abs());
        let here = if self.off < 0 { self.now.before(hours) } else { self.now.after(hours) };
        let clocks = ServerClocks::default().and(Some(self.now));
        let mut facts = Facts { now: here, clocks, ..facts(world) };
        self.state.recall(&mut facts).expect("readable");
        let policy = policy(world);
        let draft = Draft::new(&facts, &policy);
        let looks = looks(world, &facts, &draft);
        let verdicts = draft.verdicts(&looks);
        self.state.record(&draft.presence(&verdicts, &looks), here).expect("written");
        draft.plan(verdicts, &looks)
    }

    /// Locks Dan's account.
    fn lock(&self) {
        let plan = self.read(&world(Standing::Out, AccountState::default()));
        let beginning =
            Beginning { command: RunCommand::Sync, plan: &plan, document: "{}", undoes: None };
        let run = self.state.begin_run(&beginning).expect("written");
        self.state.begin_action(run, 0).expect("written");
        self.state.end_action(run, 0, &Outcome::Done, Some(LOCKED)).expect("written");
        self.state.end_run(run, RunResult::InStep).expect("written");
    }

    /// Time passes, and the clock of this host may jump by up to two months.
    fn pass(&mut self) {
        self.now = self.now.after(HOUR * self.rng.u32(1..30));
        if self.rng.u8(..30) == 0 {
            let most = if self.rng.bool() { 20 } else { 1500 };
            self.off = self.rng.i64(-most..most);
        }
    }
}

/// Lives through random readings, and returns for how long the account had been locked and its user
/// away when it was to be deactivated, if it was.
fn deactivated_after(seed: u64) -> Option<Duration> {
    let folder = std::env::temp_dir().join(format!("stages-{}-{seed}", std::process::id()));
    fs::create_dir(&folder).expect("a new folder");
    let mut life = Life::new(&folder.join("state.db"), seed);
    life.lock();
    let mut away_since = life.now;
    let mut found = None;
    for _ in 0..READINGS {
        life.pass();
        let is_back = life.rng.u8(..40) == 0;
        let standing = if is_back { Standing::In } else { Standing::Out };
        let plan = life.read(&world(standing, LOCKED));
        if is_back {
            away_since = life.now;
        } else if plan.count_to_apply(ActionKind::Deactivate) > 0 {
            found = Some(away_since.until(life.now));
            break;
        }
    }
    drop(life);
    fs::remove_dir_all(&folder).expect("our own folder");
    found
}

#[test]
fn second_stage_never_comes_early_if_clocks_jump() {
    let lives: Vec<_> = (0..LIVES).filter_map(deactivated_after).collect();
    // The law would hold if the stage never came at all.
    assert!(lives.len() > 3, "{} lives had a second stage", lives.len());
    // A `Date` header leaves out the part of a second.
    let earliest = lives.iter().min().expect("several lives");
    assert!(*earliest + Duration::from_secs(1) >= AFTER, "{earliest:?}");
}
