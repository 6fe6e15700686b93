//! A group that changes all the time: a user who stays in it is never disabled.
//!
//! At every request to Keycloak, some users leave the group on one side of a name and as many join
//! it on the other. The list keeps its length, but every row between them moves by that number.
//! Pages by offset then skip some members and repeat others, as Keycloak's do. Most users who come
//! and go have no account and only move the rows. Some have one, and are disabled and activated as
//! they come and go.
//!
//! A naive reader measures how harsh this is: at the same moments it requests page after page by
//! plain offsets. A program that believed it would have disabled the members it misses.

use std::collections::HashSet;
use std::time::Instant;

use matrix_keycloak_sync::standins::keycloak::KeycloakState;
use matrix_keycloak_sync::standins::{RunningWorld, SeenRequest, Shared, World};

use crate::harness::{BY_MAS, EVERY_WAY, NO_LIMITS, Way, account, group, program_by, started};
use crate::random::{Random, rounds};

/// All users in Keycloak; about 20,000 of them are in the group at any time.
const PEOPLE: usize = 22_400;
/// Runs for each source of accounts, unless the variable `CHURN_RUNS` has another number.
const RUNS: usize = 8;
/// One run in this number writes.
const WRITING: usize = 4;

/// What a user does during the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// In the group throughout, with an account.
    Stayer,
    /// Comes and goes, with an account.
    Regular,
    /// Comes and goes, and has never logged in.
    Passer,
}

/// Roles are mixed by name, because the list is sorted by name.
fn role(number: usize) -> Role {
    match (number % 550, number % 11) {
        (5, _) => Role::Regular,
        (_, 3 | 7) => Role::Passer,
        _ => Role::Stayer,
    }
}

fn name(number: usize) -> String {
    format!("u{number:05}")
}

/// The stayer who leaves permanently halfway through.
const LEAVER: usize = 1;

/// The state of the group.
struct Churn {
    random: Random,
    /// All users who come and go, sorted by name, and whether each is in the group.
    pool: Vec<(usize, bool)>,
    changes: usize,
    /// Users who come and go and were outside the group at any time during this run.
    out: HashSet<String>,
    /// The members that a reader by plain offsets has seen in this run, and its last row.
    naive: HashSet<String>,
    read: usize,
}

impl Churn {
    fn new(random: Random) -> Self {
        let pool = (0..PEOPLE).filter(|number| role(*number) != Role::Stayer);
        let pool = pool.enumerate().map(|(place, number)| (number, place % 2 == 0)).collect();
        Self { random, pool, changes: 0, out: HashSet::new(), naive: HashSet::new(), read: 0 }
    }

    fn world(&self) -> World {
        let inside: HashSet<usize> =
            self.pool.iter().filter(|(_, inside)| *inside).map(|(number, _)| *number).collect();
        (0..PEOPLE).fold(group(), |world, number| {
            let name = name(number);
            let world = if role(number) == Role::Passer { world } else { world.account(&name) };
            if role(number) == Role::Stayer || inside.contains(&number) {
                world.member(&name)
            } else {
                world.user(&name)
            }
        })
    }

    /// Starts a run.
    fn begin(&mut self) {
        self.out = self
            .pool
            .iter()
            .filter(|(_, inside)| !inside)
            .map(|(number, _)| name(*number))
            .collect();
        self.naive.clear();
        self.read = 0;
    }

    /// Moves users: as many leave on one side of a name as join on the other. Mostly there are
    /// fewer of them than the rows that two pages of the reader share, and sometimes several times
    /// as many.
    fn turn(&mut self, keycloak: &mut KeycloakState) {
        let burst = self.random.below(4) == 0;
        let count = if burst { 60 + self.random.below(140) } else { 1 + self.random.below(45) };
        let (middle, leave_below) = (self.random.below(self.pool.len()), self.random.either());
        let realm = keycloak.realm("corp");
        realm.silently(|realm| {
            for leaves in [true, false] {
                let side = if leaves == leave_below { 0..middle } else { middle..self.pool.len() };
                let start = self.random.below(side.len().max(1));
                let places = side.clone().cycle().skip(start).take(side.len());
                let moving: Vec<usize> =
                    places.filter(|place| self.pool[*place].1 == leaves).take(count).collect();
                for place in moving {
                    let (number, inside) = &mut self.pool[place];
                    *inside = !leaves;
                    self.changes += 1;
                    let name = name(*number);
                    if leaves {
                        realm.leave(&name, "/matrix-users");
                        self.out.insert(name);
                    } else {
                        realm.join(&name, "/matrix-users");
                    }
                }
            }
        });
    }

    /// Requests the next page by plain offsets, of the same size as the requested one.
    fn naive_page(&mut self, keycloak: &mut KeycloakState, asked: &SeenRequest) {
        let max = asked
            .query
            .split('&')
            .find_map(|part| part.strip_prefix("max="))
            .expect("the reader says how many");
        let max: usize = max.parse().expect("a number");
        let group = keycloak.realm("corp").group_by_path("/matrix-users").expect("seeded");
        self.naive.extend(group.members.keys().skip(self.read).take(max).cloned());
        self.read += max;
    }

    /// Counts the staying members that the reader by plain offsets has missed.
    fn missed(&self, left: bool) -> usize {
        assert!(self.read > PEOPLE, "the list was read to its end");
        let stayers = (0..PEOPLE)
            .filter(|number| role(*number) == Role::Stayer && !(left && *number == LEAVER));
        stayers.filter(|number| !self.naive.contains(&name(*number))).count()
    }
}

/// Changes the group at every request to Keycloak.
fn set_going(world: &RunningWorld, churn: &Shared<Churn>) {
    let (state, naive) = (world.keycloak.shared(), churn.clone());
    world
        .keycloak
        .faults()
        .on("/members")
        .before(move |asked| naive.lock().naive_page(&mut state.lock(), asked));
    let (state, churn) = (world.keycloak.shared(), churn.clone());
    world
        .keycloak
        .faults()
        .on("/admin/realms/corp/")
        .after(move |_| churn.lock().turn(&mut state.lock()));
}

/// The totals of all runs, printed at the end.
#[derive(Default)]
struct Figures {
    plans: usize,
    harsh: usize,
    missed: usize,
    contradictions: u64,
    disables: usize,
    refused: usize,
}

async fn no_staying_member_is_disabled(way: Way) {
    let (start, runs, mut figures) =
        (Instant::now(), rounds("CHURN_RUNS", RUNS), Figures::default());
    let churn = Shared::new(Churn::new(Random::new(way.source)));
    let description = churn.lock().world();
    let world = started(description).await;
    let size = world
        .keycloak
        .state()
        .realm("corp")
        .group_by_path("/matrix-users")
        .expect("seeded")
        .members
        .len();
    assert!(size >= 20_000, "{size} members");
    set_going(&world, &churn);
    let policy = "[policy]\nprotect = [\"matrix-sync-bot\"]\n";
    for number in 0..runs {
        let has_left = number >= runs / 2;
        if number == runs / 2 {
            world.leave(&name(LEAVER));
        }
        churn.lock().begin();
        let command =
            if (number + 1) % WRITING == 0 { "sync --format json" } else { "plan --format json" };
        let run = program_by(&world, way, &format!("{policy}{NO_LIMITS}")).run(command);
        // A list that moves too much to be read is an error, and then no account is disabled.
        if run.code == 1 {
            run.tells(&["do not fit together"]);
            figures.refused += 1;
            continue;
        }
        let run = run.exits(0);
        let churn = churn.lock();
        for action in run.actions() {
            let mut words = action.split(' ');
            let (kind, user) =
                (words.next().expect("an action"), words.next().expect("a localpart"));
            let is_leaver = has_left && user == name(LEAVER);
            let index =
                user.strip_prefix('u').and_then(|digits| digits.parse().ok()).expect("one of ours");
            assert!(is_leaver || role(index) == Role::Regular, "run {number}: {action}");
            assert!(
                is_leaver || kind == "activate" || churn.out.contains(user),
                "run {number}: {action}, in throughout"
            );
            figures.disables += usize::from(kind == "disable");
        }
        let missed = churn.missed(has_left);
        figures.plans += 1;
        figures.harsh += usize::from(missed > 0);
        figures.missed += missed;
        figures.contradictions += run.json()["contradictions"].as_u64().unwrap_or(0);
    }
    assert!(world.settle().await);
    let changes = churn.lock().changes;
    let Figures { plans, harsh, missed, contradictions, disables, refused } = figures;
    println!(
        "churn, accounts from {}: {runs} runs over a group of {size}, {changes} joins and leaves; plain offsets would have \
         missed {missed} who stay, in {harsh} runs; {contradictions} contradictions, {refused} lists given up, {disables} \
         disables planned, none of a member who stays; {:.0?}",
        way.source,
        start.elapsed()
    );
    // Larger pages have fewer boundaries at which a member can be missed: plain offsets miss one in
    // every other run. In a few runs, fewer than a quarter can happen by chance.
    let quiet = if plans < 40 { harsh * 8 < plans } else { harsh * 4 < plans };
    assert!(plans * 10 >= runs * 9 && !quiet, "too quiet or too loud to show anything");
    assert_eq!(
        world.state_of(&name(LEAVER)),
        account(true, true),
        "the user who leaves for good is disabled"
    );
    let stays = |number: &usize| role(*number) == Role::Stayer && *number != LEAVER;
    assert!(
        (0..PEOPLE)
            .filter(stays)
            .all(|number| world.state_of(&name(number)) == account(false, false))
    );
}

#[tokio::test]
async fn no_staying_member_of_a_churning_group_is_disabled_with_accounts_from_synapse() {
    no_staying_member_is_disabled(EVERY_WAY[0]).await;
}

#[tokio::test]
async fn no_staying_member_of_a_churning_group_is_disabled_with_accounts_from_mas() {
    no_staying_member_is_disabled(BY_MAS).await;
}
