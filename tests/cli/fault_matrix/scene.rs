//! The world of one case: users, three servers, and the fault that is prepared.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::plan::DisableMode;
use matrix_keycloak_sync::standins::{Fault, Faults, RunningWorld, SeenRequest};
use serde_json::{Value, json};

use super::cell::{Cell, Moment, Server, Trouble};
use super::front::{Front, Mode, Switch};
use super::lifecycle;
use super::machine::Machine;
use super::mas_cli;
use super::verdict::{Everyone, Members, Record};
use crate::harness::{
    self, Program, Run, Way, account, group, own_error, program_by, proxy_page, settings, started,
};
use crate::sections::{PROTECT, state_file};
use crate::tls::Authority;

/// Rows a page: every list has three pages.
const PAGE: usize = 4;
/// The account to disable whose second look fails.
const LOOKED_AT: &str = "yves";
/// The member whose account is activated.
const RETURNING: &str = "fred";

/// Enough for a healthy server on a busy machine. An answer that trickles takes longer.
const IMPATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    progress: Duration::from_secs(5),
    answer: Duration::from_secs(5),
};

/// A case that is ready to run.
pub(super) struct Scene {
    pub(super) world: RunningWorld,
    pub(super) cell: Cell,
    way: Way,
    /// Connects the program and the server under test until that works again.
    detour: Mutex<Option<Detour>>,
    toml: String,
    machine: Machine,
}

/// The way through the fronts.
#[derive(Default)]
struct Detour {
    /// Held, so that no other process gets their ports.
    _fronts: Vec<Front>,
    /// Texts of the configuration and their replacements.
    toml: Vec<(String, String)>,
    env: Vec<(&'static str, String)>,
    /// MAS's issuer without them.
    issuer: Option<String>,
}

/// A condition that begins at some moment and stays.
#[derive(Clone, Default)]
struct Since(Arc<AtomicBool>);

impl Since {
    fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Scene {
    pub(super) async fn start(cell: Cell, way: Way) -> Self {
        let people = ["ann", "ben", "cleo", "dora", "emil"];
        let world =
            people.into_iter().fold(group(), |world, name| world.member(name).account(name));
        let world = world
            .member("fred")
            .disabled_account("fred")
            .member("gina")
            .user("gus")
            .disabled_account("gus");
        let world = world
            .user("xaver")
            .account("xaver")
            .user("yves")
            .account("yves")
            .user("zoe")
            .account("zoe");
        let world = world.user(super::new_account::NEWCOMER);
        let world = if cell.moment.is_of_lifecycle() {
            world.group("/matrix-admins").user(lifecycle::LEAVER).account(lifecycle::LEAVER)
        } else {
            world
        };
        let world = started(world.job_delay(Duration::from_millis(5))).await;
        // Users are found by name, so that the second look requests the name that has the fault.
        world.unlink(LOOKED_AT);
        world.unlink(RETURNING);
        for name in people.into_iter().chain(["xaver", "xaver", "yves", "zoe", "zoe"]) {
            world.login(name).expect("an active account");
        }
        for name in ["fred", "gus"] {
            assert_eq!(world.state_of(name), account(true, true));
        }
        world.keycloak.faults().on("/members").in_pages_of(PAGE);
        world.synapse.faults().on("/v3/users").in_pages_of(PAGE);
        world.mas.admin().faults().matching(is_mas_list).in_pages_of(PAGE);
        let machine = Machine::new(world.directory());
        let mut scene =
            Self { world, cell, way, detour: Mutex::default(), toml: String::new(), machine };
        scene.toml = scene.configuration();
        if cell.moment.is_of_lifecycle() {
            scene.prepare_lifecycle().await;
        } else if scene.has_run_before() {
            scene.run_and_turn_around().await;
        }
        match (cell.server, cell.trouble) {
            (Server::Machine, Trouble::LockHeld) => scene.machine.hold_lock(),
            (Server::Machine, Trouble::ReadOnlyState) => scene.machine.forbid_writing(),
            (Server::Machine, _) => scene.fill_disk_at_its_moment(),
            (Server::MasCli, _) => {
                let command = mas_cli::install(&scene.world, cell);
                // Longer than any call takes on a busy machine.
                let command = command.to_string_lossy();
                let section =
                    format!("[writer.mas_cli]\ncommand = [{command:?}]\ntimeout = \"10s\"\n");
                scene.toml += &section;
            }
            (_, Trouble::Trickle) => {
                // In this process, PATH is that of the tests.
                let command = scene.world.directory().join("bin/mas-cli");
                let section =
                    format!("[writer.mas_cli]\ncommand = [{:?}]\n", command.to_string_lossy());
                scene.toml += &section;
                scene.arm(Trouble::Trickle);
            }
            (_, Trouble::Refused) => scene.lead_through_fronts(None, Mode::Refusing),
            (_, Trouble::WrongCertificate) => {
                scene.lead_through_fronts(Some(&Authority::new("own")), Mode::WrongCertificate);
            }
            _ if cell.moment == Moment::NewAccount => {}
            (_, trouble) => scene.arm(trouble),
        }
        scene
    }

    fn configuration(&self) -> String {
        let state = state_file(&self.world);
        let writer = "[writer]\nconfirm_timeout = \"10s\"\n";
        let way = settings(&self.world, self.way).replace("[writer]\n", writer);
        let watch = super::new_account::WATCH;
        let (way, policy, more) = if self.cell.moment.is_of_lifecycle() {
            let way = way.replace("[accounts]\n", "[accounts]\nprovision = \"members\"\n");
            (way, lifecycle::POLICY, lifecycle::SECTIONS)
        } else {
            (way, "", "")
        };
        format!("{state}{way}{PROTECT}{policy}{more}{}{watch}", harness::NO_LIMITS)
    }

    /// The program, as it is configured for this case.
    pub(super) fn program(&self) -> Program {
        let detour = self.detour.lock().expect("no panic while it is held");
        let (replaced, env) =
            detour.as_ref().map_or((&[][..], &[][..]), |detour| (&detour.toml, &detour.env));
        let toml =
            replaced.iter().fold(self.toml.clone(), |toml, (from, to)| toml.replace(from, to));
        let program = program_by(&self.world, self.way, "").file(&self.world, &toml);
        env.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// Runs once without a fault. Then its users return to the group, and the one who had returned
    /// leaves.
    async fn run_and_turn_around(&self) {
        let run = self.program().run("sync");
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(self.world.settle().await, "MAS has jobs left");
        for name in ["xaver", "yves", "zoe"] {
            self.world.join(name);
        }
        self.world.leave(RETURNING);
    }

    /// Runs the command of the case.
    pub(super) async fn run(&self, limit: Duration) -> Option<Run> {
        let arguments = if self.cell.moment == Moment::Undo { "undo 1" } else { "sync" };
        if self.cell.trouble == Trouble::FullDisk {
            return Some(self.machine.run(
                self.program(),
                arguments,
                self.cell.moment.is_from_the_start(),
                limit,
            ));
        }
        if self.cell.moment == Moment::NewAccount {
            return self.watch_new_account(limit).await;
        }
        self.carry_out(arguments, limit).await
    }

    /// Runs `sync`.
    pub(super) async fn sync(&self, limit: Duration) -> Option<Run> {
        self.carry_out("sync", limit).await
    }

    /// A trickle would block the binary for minutes, so it runs in this process with shorter
    /// timeouts.
    async fn carry_out(&self, arguments: &str, limit: Duration) -> Option<Run> {
        if self.cell.trouble == Trouble::Trickle && self.cell.server != Server::MasCli {
            return self.program().run_here(arguments, IMPATIENT, limit).await;
        }
        self.program().run_within(self.world.directory(), arguments, limit)
    }

    /// What the program does to accounts of users outside the group.
    pub(super) fn disable_mode(&self) -> DisableMode {
        if self.cell.moment.is_of_lifecycle() { DisableMode::Lock } else { DisableMode::Deactivate }
    }

    pub(super) fn everyone(&self) -> Everyone {
        harness::everyone(&self.world).into_iter().collect()
    }

    /// The enabled members of the group, as Keycloak has them now.
    pub(super) fn members(&self) -> Members {
        let mut keycloak = self.world.keycloak.state();
        let realm = keycloak.realm("corp");
        let group = realm.group_by_path("/matrix-users").expect("seeded");
        let enabled = |name: &&String| realm.user(name).is_some_and(|user| user.enabled);
        group.members.keys().filter(enabled).cloned().collect::<BTreeSet<_>>()
    }

    /// Returns every action of every run so far.
    pub(super) fn records(&self) -> Vec<Record> {
        let history =
            |run: &str| self.program().run(&format!("history {run} --format json")).exits(0).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let runs = history("");
        // The run before the case is not part of it.
        let is_of_case = |run: &&Value| !self.has_run_before() || run["run"] != json!(1);
        let runs = runs["runs"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(is_of_case)
            .map(|run| history(&run["run"].to_string()));
        let actions = runs.flat_map(|run| run["actions"].as_array().expect("a list").clone());
        let record = |action: Value| Record {
            localpart: text(&action["user_id"])[1..]
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned(),
            action: text(&action["action"]),
            outcome: text(&action["outcome"]),
            begun: action["begun"].is_string(),
        };
        actions.map(record).collect()
    }

    /// Returns the records of what a run had to do. `undo` skips accounts that a list does not
    /// show, and ends with 0; the exit code of `watch` says nothing about its actions.
    pub(super) fn due(&self, records: &[Record]) -> Vec<Record> {
        let is_due = |record: &&Record| match self.cell.moment {
            Moment::NewAccount => false,
            Moment::Undo => record.outcome != "skipped",
            _ => true,
        };
        records.iter().filter(is_due).cloned().collect()
    }

    fn has_run_before(&self) -> bool {
        let Cell { server, moment, .. } = self.cell;
        moment == Moment::Undo || moment.is_of_lifecycle() || server == Server::Machine
    }

    /// Removes the fault.
    pub(super) fn heal(&self) {
        self.machine.heal();
        let world = &self.world;
        for faults in [
            world.keycloak.faults(),
            world.synapse.faults(),
            world.mas.faults(),
            world.mas.admin().faults(),
        ] {
            faults.clear();
        }
        let detour = self.detour.lock().expect("no panic while it is held").take();
        if let Some(issuer) = detour.and_then(|detour| detour.issuer) {
            world.mas.state().settings.issuer = issuer;
        }
        if self.cell.server == Server::MasCli {
            mas_cli::heal(world);
        }
        for name in ["xaver", "zoe"] {
            world.synapse.state().account_mut(name).expect("seeded").guest = false;
        }
    }

    /// Returns the faults of the server under test, of both listeners if it has two.
    fn faults(&self) -> Vec<&Faults> {
        let world = &self.world;
        match self.cell.server {
            Server::Keycloak => vec![world.keycloak.faults()],
            Server::Synapse => vec![world.synapse.faults()],
            _ => vec![world.mas.admin().faults(), world.mas.faults()],
        }
    }

    /// Returns which requests meet the fault, and whether it stays or affects only these.
    fn hits(&self) -> impl Fn(&SeenRequest) -> bool + Clone + Send + Sync + use<> {
        let Cell { server, moment, .. } = self.cell;
        let name = self.looked_at();
        let looked_at = match server {
            Server::Keycloak if moment == Moment::LookAtMember => self.by_id(),
            Server::Keycloak => format!("/users?username={name}&"),
            Server::Synapse => format!("/users/@{name}:"),
            _ => format!("/users/{}", self.world.mas.state().user(name).expect("seeded").id),
        };
        let pages = Arc::new(AtomicUsize::new(0));
        move |seen: &SeenRequest| match moment {
            Moment::Start | Moment::Undo | Moment::NewAccount => true,
            Moment::Reading => {
                is_long_list(server, seen) && pages.fetch_add(1, Ordering::SeqCst) > 0
            }
            Moment::Look | Moment::LookAtMember => seen.target().contains(&looked_at),
            Moment::Applying
            | Moment::Create
            | Moment::Deactivate
            | Moment::Grant
            | Moment::Revoke => false,
        }
    }

    /// Returns the user whose second look fails.
    fn looked_at(&self) -> &'static str {
        if self.cell.moment == Moment::LookAtMember { RETURNING } else { LOOKED_AT }
    }

    /// Returns the path of Keycloak's requests for the returning member.
    fn by_id(&self) -> String {
        format!(
            "/users/{}",
            self.world.keycloak.state().realm("corp").user(RETURNING).expect("seeded").id
        )
    }

    /// Fills the disk at the moment of the case. At the second look, Keycloak is asked by name.
    fn fill_disk_at_its_moment(&self) {
        let full = self.machine.filler();
        let world = &self.world;
        match self.cell.moment {
            Moment::Reading => world.synapse.faults().on("/v3/users").before(move |_| full()),
            Moment::Look => world.keycloak.faults().on("/users").before(move |_| full()),
            _ => self.at_its_change(full),
        }
    }

    /// Calls `now` at the first change of the kind of this moment, before the client gets the answer.
    /// [`mas_cli`] does that by itself.
    fn at_its_change(&self, now: impl Fn() + Clone + Send + Sync + 'static) {
        let (path, earlier) = match self.cell.moment {
            Moment::Create => ("/users", 0),
            Moment::Deactivate => ("/deactivate", 0),
            Moment::Grant => ("/set-admin", 0),
            Moment::Revoke => ("/set-admin", 1),
            _ => ("", 0),
        };
        if self.cell.moment.is_of_lifecycle() && self.cell.server != Server::MasCli {
            let is_change =
                move |seen: &SeenRequest| seen.method == "POST" && seen.path.ends_with(path);
            let rule = self.world.mas.admin().faults().matching(is_change);
            rule.skip(earlier).times(1).after(move |_| now());
        } else if self.cell.moment == Moment::Applying {
            let by_api = now.clone();
            self.world
                .mas
                .admin()
                .faults()
                .on("/lock")
                .method("POST")
                .times(1)
                .after(move |_| by_api());
            // After the two calls that activate.
            self.world.mas.faults().on("/stand-in/manage").skip(2).times(1).after(move |_| now());
        }
    }

    /// Makes the server itself fail.
    pub(super) fn arm(&self, trouble: Trouble) {
        let Cell { server, moment, .. } = self.cell;
        match trouble {
            Trouble::EmptyList
            | Trouble::ShortList
            | Trouble::RepeatedPage
            | Trouble::ListThatChanges => {
                self.arm_list(trouble);
            }
            _ => {
                let since = Since::default();
                let at_lock = since.clone();
                self.at_its_change(move || at_lock.begin());
                for faults in self.faults() {
                    let (since, hits) = (since.clone(), self.hits());
                    let applies = move |seen: &SeenRequest| {
                        let is_token =
                            seen.path.contains("token") || seen.path.contains("well-known");
                        if !is_asked_by_the_program(seen)
                            || trouble == Trouble::TokenEnded && is_token
                        {
                            return false;
                        }
                        let hit = hits(seen);
                        // The second look is about one user, and so is its fault: the order of the
                        // others is random.
                        if hit && !matches!(moment, Moment::Look | Moment::LookAtMember) {
                            since.begin();
                        }
                        hit || since.has_begun()
                    };
                    let rule = faults.matching(applies);
                    let rule = if trouble == Trouble::TokenEnded { rule.times(1) } else { rule };
                    rule.answer(fault(server, trouble));
                }
            }
        }
    }

    fn arm_list(&self, trouble: Trouble) {
        let Cell { server, moment, .. } = self.cell;
        let from_page = usize::from(moment == Moment::Reading);
        let list = move |seen: &SeenRequest| is_long_list(server, seen);
        let sessions =
            |seen: &SeenRequest| seen.method == "GET" && seen.path.ends_with("-sessions");
        let faults = self.faults()[0];
        let keycloak = self.world.keycloak.shared();
        match (server, moment, trouble) {
            (Server::Keycloak, Moment::Start | Moment::Undo, Trouble::EmptyList) => {
                faults.on("/groups?").answer(Fault::EmptyList);
            }
            (Server::Keycloak, Moment::Reading, Trouble::EmptyList) => {
                faults.matching(list).answer(Fault::EmptyList);
            }
            (Server::Keycloak, Moment::Look, Trouble::EmptyList) => {
                faults.on(&format!("username={LOOKED_AT}")).answer(Fault::EmptyList);
            }
            (Server::Keycloak, Moment::Look, _) => {
                let join = move |_: &SeenRequest| {
                    keycloak.lock().realm("corp").join(LOOKED_AT, "/matrix-users");
                };
                faults.on(&format!("username={LOOKED_AT}")).times(1).before(join);
            }
            (Server::Keycloak, Moment::LookAtMember, _) => {
                let leave = move |_: &SeenRequest| {
                    keycloak.lock().realm("corp").leave(RETURNING, "/matrix-users");
                };
                faults.on(&self.by_id()).times(1).before(leave);
            }
            (Server::MasApi, Moment::Applying, Trouble::EmptyList) => {
                faults.matching(sessions).answer(Fault::EmptyList);
            }
            (Server::MasApi, Moment::Applying, Trouble::RepeatedPage) => {
                faults.matching(sessions).in_pages_of(1);
                faults
                    .matching(move |seen| sessions(seen) && seen.query.contains("after"))
                    .answer(Fault::RepeatPage);
            }
            (Server::MasApi, Moment::Applying, _) => self.end_sessions_meanwhile(),
            (_, Moment::NewAccount, _) => {
                let is_newest = |seen: &SeenRequest| {
                    ["order_by=creation_ts", "count=false"]
                        .iter()
                        .any(|part| seen.query.contains(part))
                };
                faults.matching(is_newest).answer(Fault::EmptyList);
            }
            (_, _, Trouble::EmptyList) => {
                faults.matching(list).skip(from_page).answer(Fault::EmptyList);
            }
            (_, _, Trouble::RepeatedPage) => {
                faults.matching(list).skip(1 + from_page).answer(Fault::RepeatPage);
            }
            (_, _, Trouble::ListThatChanges) => {
                let rule = faults.matching(list).times(1);
                let change = self.change();
                if moment.is_from_the_start() {
                    rule.before(move |_| change());
                } else {
                    rule.after(move |_| change());
                }
            }
            _ => self.leave_out(),
        }
    }

    /// Changes a list between two of its pages. In Keycloak, a member on the first page leaves and
    /// another user joins; in MAS and Synapse an account is created.
    fn change(&self) -> impl Fn() + Send + Sync + use<> {
        let server = self.cell.server;
        let (keycloak, synapse) = (self.world.keycloak.shared(), self.world.synapse.shared());
        let mas = self.world.mas.shared();
        move || {
            if server == Server::Keycloak {
                let mut keycloak = keycloak.lock();
                keycloak.realm("corp").leave("ann", "/matrix-users");
                keycloak.realm("corp").join(LOOKED_AT, "/matrix-users");
            } else {
                mas.lock().add_user("gina");
                synapse.lock().add_account("gina");
            }
        }
    }

    /// Leaves a user out of the list, on the first page or a later one, without any other sign.
    fn leave_out(&self) {
        let first = self.cell.moment.is_from_the_start();
        match self.cell.server {
            Server::Keycloak => {
                let missing = if first { ["ann", "ben"] } else { ["dora", "emil"] };
                let (hide, show) = (self.world.keycloak.shared(), self.world.keycloak.shared());
                let faults = self.world.keycloak.faults();
                faults.on("/members").before(move |_| {
                    for name in missing {
                        hide.lock().realm("corp").leave(name, "/matrix-users");
                    }
                });
                faults.on("/members").after(move |_| {
                    for name in missing {
                        show.lock().realm("corp").join(name, "/matrix-users");
                    }
                });
            }
            Server::Synapse => {
                let missing = if first { "xaver" } else { "zoe" };
                self.world.synapse.state().account_mut(missing).expect("seeded").guest = true;
            }
            _ => {
                let missing = if first { "xaver" } else { "zoe" };
                let mas = self.world.mas.state();
                let row = |user| {
                    let attributes = serde_json::to_value(user).expect("plain fields");
                    json!({"type": "user", "id": user_id(user), "attributes": attributes})
                };
                let rows: Vec<_> =
                    mas.users().filter(|user| user.username != missing).map(row).collect();
                drop(mas);
                let list = json!({"meta": {"count": rows.len()}, "data": rows, "links": {}});
                self.world.mas.admin().faults().matching(is_mas_list).answer(Fault::Json(list));
            }
        }
    }

    /// Ends the listed sessions before the program ends each of them.
    fn end_sessions_meanwhile(&self) {
        use matrix_keycloak_sync::standins::mas::SessionKind;
        let mas = self.world.mas.shared();
        self.world.mas.admin().faults().on("/finish").times(1).before(move |_| {
            let mut mas = mas.lock();
            for name in ["xaver", "yves", "zoe"] {
                let id = mas.user(name).expect("seeded").id.clone();
                mas.finish_sessions(&id, &[SessionKind::Compat]);
            }
        });
    }

    /// Makes the network fail: the program reaches the server through fronts, and they change to
    /// this mode.
    fn lead_through_fronts(&self, authority: Option<&Authority>, mode: Mode) {
        let world = &self.world;
        let front = |server: &matrix_keycloak_sync::standins::StandInServer| {
            Front::start(server.address(), authority)
        };
        let fronts = match self.cell.server {
            Server::Keycloak => vec![front(world.keycloak.server())],
            Server::Synapse => vec![front(world.synapse.server())],
            _ => vec![front(world.mas.admin()), front(world.mas.server())],
        };
        let urls: Vec<_> = fronts.iter().map(|front| front.url.clone()).collect();
        let switches: Vec<Switch> = fronts.iter().map(|front| front.switch.clone()).collect();
        let mut detour = Detour { _fronts: fronts, ..Detour::default() };
        match self.cell.server {
            Server::Keycloak => detour.env.push(("KC_URL", urls[0].clone())),
            Server::Synapse => detour.env.push(("MATRIX_URL", urls[0].clone())),
            _ => {
                let quoted = |url: &str| format!("{url:?}");
                let issuer = format!("{}/", urls[1]);
                detour.toml.push((quoted(&world.mas_admin_url()), quoted(&urls[0])));
                detour.toml.push((quoted(&world.mas_issuer()), quoted(&issuer)));
                detour.issuer = Some(world.mas_issuer());
                world.mas.state().settings.issuer = issuer;
            }
        }
        if let Some(authority) = authority {
            let trusted = authority.write(world.directory(), "trusted");
            detour.env.push(("SSL_CERT_FILE", trusted.display().to_string()));
        }
        *self.detour.lock().expect("no panic while it is held") = Some(detour);
        let change = move || {
            for switch in &switches {
                switch.send_replace(mode);
            }
        };
        if self.cell.moment.is_from_the_start() {
            change();
        } else {
            self.at_its_change(change.clone());
            let hits = self.hits();
            self.faults()[0]
                .matching(move |seen| is_asked_by_the_program(seen) && hits(seen))
                .before(move |_| change());
        }
    }
}

fn user_id(user: &matrix_keycloak_sync::standins::mas::DatabaseUser) -> &str {
    &user.id
}

/// Excludes the requests between Synapse and MAS, and those of mas-cli to the database: they never
/// fail.
fn is_asked_by_the_program(seen: &SeenRequest) -> bool {
    let others = ["/_synapse/mas/", "/oauth2/introspect", "/stand-in/"];
    !others.iter().any(|path| seen.path.starts_with(path))
}

/// A page of the members, or of the accounts.
fn is_long_list(server: Server, seen: &SeenRequest) -> bool {
    match server {
        Server::Keycloak => seen.path.ends_with("/members"),
        Server::Synapse => seen.path.ends_with("/v3/users"),
        _ => is_mas_list(seen),
    }
}

fn is_mas_list(seen: &SeenRequest) -> bool {
    seen.method == "GET" && seen.path.ends_with("/api/admin/v1/users")
}

/// Returns the fault in the format of the server or of a proxy.
fn fault(server: Server, trouble: Trouble) -> Fault {
    let server = match server {
        Server::Keycloak => matrix_keycloak_sync::model::Server::Keycloak,
        Server::Synapse => matrix_keycloak_sync::model::Server::Synapse,
        Server::MasApi | Server::MasCli | Server::Machine => {
            matrix_keycloak_sync::model::Server::Mas
        }
    };
    match trouble {
        Trouble::Hang => Fault::Hang,
        Trouble::Trickle => Fault::Trickle,
        Trouble::Unauthorized | Trouble::TokenEnded => {
            own_error(server, 401, "Token is not active")
        }
        Trouble::Forbidden => own_error(server, 403, "not allowed"),
        Trouble::TooMany => Fault::TooManyRequests { retry_after_secs: 1 },
        Trouble::InternalError => own_error(server, 500, "it failed"),
        Trouble::Unavailable => own_error(server, 503, "busy"),
        Trouble::UnauthorizedPage => proxy_page(401),
        Trouble::ForbiddenPage => proxy_page(403),
        Trouble::UnavailablePage => proxy_page(503),
        Trouble::CutBody => Fault::CutBody,
        Trouble::Html => Fault::Html,
        _ => Fault::Reset,
    }
}
