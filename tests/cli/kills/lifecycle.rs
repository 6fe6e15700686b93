//! The same for a run that creates accounts, makes administrators, locks, and deactivates what an
//! earlier run has locked: the next run completes it, no account is half made, and the history has
//! every change.

use super::*;
use matrix_keycloak_sync::standins::world::AccountParts;

/// How many accounts each kind of action has.
const OF_EACH_KIND: usize = 20;
/// Longer than `deactivate_after`.
const UNTIL_THE_SECOND_STAGE: Duration = Duration::from_millis(1200);

/// The first letter of the names of the accounts, by what happens to them.
const NEW: char = 'n';
const TO_LOCK: char = 'o';
const TO_DEACTIVATE: char = 's';
const NEW_ADMIN: char = 'a';
const FORMER_ADMIN: char = 'f';
/// The administrator who stays.
const BOSS: &str = "boss";

struct Lifecycle {
    scene: Scene,
}

/// What one account has on both servers.
type Shown = (ServerStates, AccountParts);

impl Lifecycle {
    async fn new(writer: &'static str) -> Self {
        let world = group().group("/matrix-admins").member(BOSS).account(BOSS);
        let world = [NEW_ADMIN, FORMER_ADMIN].into_iter().fold(world, |world, kind| {
            let prefix = kind.to_string();
            world.members(OF_EACH_KIND, &prefix).accounts(OF_EACH_KIND, &prefix)
        });
        let world = world.members(OF_EACH_KIND, &NEW.to_string());
        let world = world.leavers(OF_EACH_KIND, &TO_DEACTIVATE.to_string());
        let world = started(world.leavers(OF_EACH_KIND, &TO_LOCK.to_string())).await;
        let lifecycle = Self { scene: Scene::of(world, writer) };
        lifecycle.lock_and_turn_around().await;
        lifecycle
    }

    /// Locks the accounts to deactivate in a run of its own, before there is anything else to do. The
    /// reading after that one sees them locked.
    async fn lock_and_turn_around(&self) {
        let world = &self.scene.world;
        for name in names(OF_EACH_KIND, TO_LOCK) {
            world.join(&name);
        }
        for name in names(OF_EACH_KIND, NEW) {
            world.leave(&name);
        }
        world.keycloak.state().realm("corp").join(BOSS, "/matrix-admins");
        world.mas.state().user_mut(BOSS).expect("seeded").admin = true;
        for _ in 0..2 {
            self.program(0, "30d").run("sync").exits(0);
            assert!(world.settle().await);
        }

        for name in names(OF_EACH_KIND, TO_LOCK) {
            world.leave(&name);
        }
        for name in names(OF_EACH_KIND, NEW) {
            world.join(&name);
            let mut keycloak = world.keycloak.state();
            let user = keycloak.realm("corp").user_mut(&name).expect("seeded");
            user.email = Some(email(&name));
        }
        for name in names(OF_EACH_KIND, NEW_ADMIN) {
            world.keycloak.state().realm("corp").join(&name, "/matrix-admins");
        }
        for name in names(OF_EACH_KIND, FORMER_ADMIN) {
            world.mas.state().user_mut(&name).expect("seeded").admin = true;
        }
        tokio::time::sleep(UNTIL_THE_SECOND_STAGE).await;
    }

    fn program(&self, run: usize, deactivate_after: &str) -> Program {
        let settings = settings(&self.scene.world, self.scene.way)
            .replace("[accounts]\n", "[accounts]\nprovision = \"members\"\n");
        let toml = format!(
            "{}{settings}[writer.mas_cli]\ncommand = [{:?}, \"{run}\"]\nconcurrency = 4\n{NO_LIMITS}\
             [admins]\ngroups = [\"matrix-admins\"]\n\
             [policy]\ndisable = \"lock\"\ndeactivate_after = {deactivate_after:?}\n",
            state_file(&self.scene.world),
            self.scene.mas_cli,
        );
        program_by(&self.scene.world, self.scene.way, "").file(&self.scene.world, &toml)
    }

    fn shown(&self) -> BTreeMap<String, Shown> {
        let world = &self.scene.world;
        let shown = |name: String| {
            let shown = (world.state_of(&name), world.parts_of(&name));
            (name, shown)
        };
        all().map(shown).collect()
    }

    /// Returns whether this account is as it should be in the end.
    fn is_there(&self, name: &str, (state, parts): &Shown) -> bool {
        match kind_of(name) {
            NEW => {
                *state == account(false, false)
                    && parts.subjects == [self.subject(name)]
                    && parts.emails == [email(name)]
                    && parts.displayname.is_some()
            }
            // The next run may have deactivated it.
            TO_LOCK => state.mas.is_some_and(|state| state.locked),
            TO_DEACTIVATE => *state == account(true, true),
            NEW_ADMIN => *state == account(false, false) && parts.mas_admin,
            _ => *state == account(false, false) && !parts.mas_admin,
        }
    }

    fn subject(&self, name: &str) -> String {
        self.scene.world.keycloak.state().realm("corp").user(name).expect("seeded").id.clone()
    }

    /// Returns the actions of a run by account, and of each kind by account the kinds that were begun.
    fn begun(&self) -> BTreeSet<(String, String)> {
        let runs = self.scene.runs().into_keys();
        let records = runs.flat_map(|run| self.scene.records(run));
        let begun = records.filter(|(_, record)| record["begun"].is_string());
        begun
            .map(|(name, record)| (name, record["action"].as_str().expect("a text").to_owned()))
            .collect()
    }

    /// Every change that the servers show has a record that it was begun.
    fn nothing_is_lost(&self, before: &BTreeMap<String, Shown>) {
        let begun = self.begun();
        for (name, now) in self.shown() {
            if now != before[&name] {
                let of_name: Vec<_> = begun.iter().filter(|(of, _)| *of == name).collect();
                let is_recorded = of_name.iter().any(|(_, action)| *action == action_for(&name));
                assert!(is_recorded, "{name}: {:?} became {now:?}: {of_name:?}", before[&name]);
            }
        }
    }
}

fn all() -> impl Iterator<Item = String> {
    [NEW, TO_LOCK, TO_DEACTIVATE, NEW_ADMIN, FORMER_ADMIN]
        .into_iter()
        .flat_map(|kind| names(OF_EACH_KIND, kind))
}

fn kind_of(name: &str) -> char {
    name.chars().next().expect("a name")
}

fn action_for(name: &str) -> &'static str {
    match kind_of(name) {
        NEW => "create",
        TO_LOCK => "disable",
        TO_DEACTIVATE => "deactivate",
        NEW_ADMIN => "grant_admin",
        _ => "revoke_admin",
    }
}

fn email(name: &str) -> String {
    format!("{name}@corp.test")
}

/// Kills one run after `moment`, and does the next one. Returns how many accounts were then as they
/// should be, and how many were half changed, or `None` if the run had ended before.
async fn killed_once(
    writer: &'static str,
    moment: Duration,
    with_all: bool,
) -> Option<(usize, usize)> {
    let lifecycle = Lifecycle::new(writer).await;
    let world = &lifecycle.scene.world;
    let (before, users) = (lifecycle.shown(), world.mas.state().users().count());
    let mut child = lifecycle.program(1, "1s").start("sync");
    tokio::time::sleep(moment).await;
    if !kill(&mut child, with_all) {
        return None;
    }
    if with_all || writer == "mas-api" {
        lifecycle.scene.hung_up().await;
    }
    if with_all {
        assert!(world.settle().await);
        lifecycle.nothing_is_lost(&before);
    }
    let first = lifecycle.shown();
    let there = first.iter().filter(|(name, shown)| lifecycle.is_there(name, shown)).count();
    let untouched = first.iter().filter(|(name, shown)| before[*name] == **shown).count();

    let next = lifecycle.program(2, "1s").run("sync");
    // A call of before that is under way may take a name first: the run after it finds the account.
    let next =
        if !with_all && next.code == 4 { lifecycle.program(3, "1s").run("sync") } else { next };
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert!(world.settle().await);
    let left: Vec<_> = lifecycle
        .shown()
        .into_iter()
        .filter(|(name, shown)| !lifecycle.is_there(name, shown))
        .collect();
    assert_eq!(left, [], "left by the next run");
    assert_eq!(world.mas.state().users().count(), users + OF_EACH_KIND, "made twice");
    assert!(world.parts_of(BOSS).mas_admin);
    lifecycle.nothing_is_lost(&before);
    lifecycle.program(0, "30d").run("plan --detailed-exitcode").exits(0);
    Some((there, first.len() - there - untouched))
}

/// Kills at moments spread over the whole run, each at random within its part.
async fn killed_at_any_moment(writer: &'static str) {
    let (start, mut random) = (Instant::now(), Random::new(&format!("lifecycle by {writer}")));
    let lifecycle = Lifecycle::new(writer).await;
    let calm = Instant::now();
    lifecycle.program(1, "1s").run("sync").exits(0);
    let whole = calm.elapsed();
    let kills = rounds("KILLS", KILLS);
    let (mut in_the_middle, mut half_changed) = (0, 0);
    for number in 0..kills {
        let part = u32::try_from(number * 1000 + random.below(1000)).expect("few kills");
        let mut moment = whole * part / u32::try_from(kills * 1000).expect("few kills");
        let with_all = random.either();
        let (there, half) = loop {
            match killed_once(writer, moment, with_all).await {
                Some(found) => break found,
                None => moment = moment * 9 / 10,
            }
        };
        in_the_middle += usize::from(there > 0 && there < 5 * OF_EACH_KIND);
        half_changed += half;
    }
    println!(
        "kill -9, {writer}, all kinds of actions: {kills} runs of {} actions ({whole:.1?} each) killed, {in_the_middle} \
         while accounts were changed; {half_changed} accounts half changed; all finished by the next run; {:.0?}",
        5 * OF_EACH_KIND,
        start.elapsed()
    );
    assert!(kills < ENOUGH_FOR_EVERY_PHASE || in_the_middle > 0);
}

#[tokio::test]
async fn a_run_with_all_kinds_of_actions_by_mas_cli_is_finished_by_the_next() {
    killed_at_any_moment("mas-cli").await;
}

#[tokio::test]
async fn a_run_with_all_kinds_of_actions_by_the_admin_api_is_finished_by_the_next() {
    killed_at_any_moment("mas-api").await;
}
