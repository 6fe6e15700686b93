//! Small worlds, each with the right owner of every account.
//!
//! `tests/cases/identity.json` and `tests/cases/identity-more.json` have one realm's `users`
//! (`in_group`: of the one group that counts), `accounts` (`state`: active, or locked, deactivated
//! or both in MAS; `synapse_state` if Synapse shows something else), `links` (localpart to subject
//! of MAS's upstream link; `other_links`: of a second provider), `config` (keys that differ from
//! the defaults) and `before` (a world that a complete `sync` has seen with the same state file; it
//! has the same links unless it has its own). Users have the e-mail address NAME@corp.test and no
//! first or last name, accounts no e-mail address and their localpart as display name, unless
//! given.
//!
//! Each world also has 60 members with accounts and links, and the owner of the token, so that
//! limits do not decide; with `source = "mas"` the owner has no account. In `expect`, `actions`,
//! `unnamed` and `not_registered` are exact, `kept` lists accounts that must be kept, and a missing
//! list is not checked. A mark is the fourth element of an action. With `or_unchanged`, an account
//! in `kept` may also simply be its member's. After a run that exits with 0, a plan has nothing
//! left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use matrix_keycloak_sync::standins::world::SynapseAccountState;
use matrix_keycloak_sync::standins::{Auth, NewAccount, NewUser, RunningWorld};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::harness::{Run, group, program_with};

/// The ULID of the second provider.
const OTHER_PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV270";
/// How many worlds run at a time; each mostly waits.
const AT_A_TIME: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    config: BTreeMap<String, Value>,
    before: Option<Facts>,
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    accounts: Vec<Account>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    #[serde(default)]
    other_links: BTreeMap<String, String>,
    expect: Expectation,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    accounts: Vec<Account>,
    links: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    username: String,
    id: String,
    in_group: bool,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    email: Address,
    #[serde(alias = "firstName")]
    first_name: Option<String>,
    #[serde(alias = "lastName")]
    last_name: Option<String>,
    created: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    service: bool,
    #[serde(alias = "federationLink")]
    federation_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    localpart: String,
    state: String,
    synapse_state: Option<String>,
    locked_at: Option<String>,
    deactivated_at: Option<String>,
    #[serde(default = "yes")]
    in_mas: bool,
    appservice: Option<String>,
    #[serde(default)]
    mas_admin: bool,
    #[serde(default)]
    external_ids: Vec<String>,
    email: Option<String>,
    displayname: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    actions: Option<Vec<Vec<String>>>,
    kept: Option<Vec<(String, String)>>,
    unnamed: Option<Vec<String>>,
    not_registered: Option<Vec<String>>,
    exit: Option<i32>,
    #[serde(default)]
    or_unchanged: bool,
}

fn yes() -> bool {
    true
}

/// The e-mail address of a user.
#[derive(Default)]
enum Address {
    /// The field is not there: NAME@corp.test, or none for a service account.
    #[default]
    Usual,
    /// The field is null.
    None,
    Given(String),
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(field)?.map_or(Self::None, Self::Given))
    }
}

impl User {
    fn describe(&self) -> NewUser {
        let user = match self.username.strip_prefix("service-account-") {
            Some(client) if self.service => NewUser::service_account(client),
            _ => NewUser::new(&self.username),
        };
        let mut user = user.id(&self.id);
        if self.in_group {
            user = user.in_first_group();
        }
        if !self.enabled {
            user = user.disabled();
        }
        user = match &self.email {
            Address::Usual if !self.service => user.email(&format!("{}@corp.test", self.username)),
            Address::Usual | Address::None => user,
            Address::Given(email) => user.email(email),
        };
        if let Some(name) = &self.first_name {
            user = user.first_name(name);
        }
        if let Some(name) = &self.last_name {
            user = user.last_name(name);
        }
        if let Some(time) = &self.created {
            user = user.created(time);
        }
        if let Some(provider) = &self.federation_link {
            user = user.federated(provider);
        }
        self.attributes.iter().fold(user, |user, (name, values)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            user.attribute(name, &values)
        })
    }
}

impl Account {
    fn describe(&self, subject: Option<&String>, other: Option<&String>) -> NewAccount {
        let mut account = NewAccount::new(&self.localpart);
        if is_locked(&self.state) {
            account = account.locked();
        }
        if is_deactivated(&self.state) {
            account = account.deactivated();
        }
        if let Some(time) = &self.locked_at {
            account = account.locked_at(time);
        }
        if let Some(time) = &self.deactivated_at {
            account = account.deactivated_at(time);
        }
        if let Some(state) = &self.synapse_state {
            let (locked, deactivated) = (is_locked(state), is_deactivated(state));
            account =
                account.in_synapse(SynapseAccountState { deactivated, locked, erased: false });
        }
        if let Some(email) = &self.email {
            account = account.email(email);
        }
        if let Some(name) = &self.displayname {
            account = account.displayname(name);
        }
        if let Some(id) = &self.appservice {
            account = account.appservice(id);
        }
        if self.mas_admin {
            account = account.mas_admin();
        }
        if !self.in_mas {
            account = account.synapse_only();
        }
        if let Some(subject) = subject {
            account = account.linked_to(subject);
        }
        if let Some(subject) = other {
            account = account.linked_by(OTHER_PROVIDER, subject);
        }
        self.external_ids
            .iter()
            .fold(account, |account, id| account.external_id("oidc-keycloak", id))
    }
}

fn is_locked(state: &str) -> bool {
    state.split(' ').any(|word| word == "locked")
}

fn is_deactivated(state: &str) -> bool {
    state.split(' ').any(|word| word == "deactivated")
}

/// A case and the servers on which it is played.
struct Scene<'c> {
    case: &'c Case,
    world: RunningWorld,
}

impl<'c> Scene<'c> {
    fn start(case: &'c Case) -> Self {
        let world = group()
            .members(60, "u")
            .accounts(60, "u")
            .provider(OTHER_PROVIDER, "https://other.example")
            .job_delay(Duration::from_millis(20));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let world = runtime.block_on(world.start()).expect("a world");
        let scene = Self { case, world };
        if scene.is("accounts.source", "mas") {
            scene.world.remove_account("matrix-sync-bot");
        }
        scene
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.case.config.get(key).is_some_and(|given| given == value)
    }

    /// Makes the world what these say; users and accounts that are no longer named go away.
    fn put(&self, users: &[User], accounts: &[Account], links: &BTreeMap<String, String>) {
        let before = self.case.before.iter();
        for user in before.clone().flat_map(|before| &before.users) {
            self.world.remove_user(&user.username);
        }
        for user in users {
            self.world.put_user(&user.describe()).expect("a user that can be");
        }
        let named: BTreeSet<_> = accounts.iter().map(|account| &account.localpart).collect();
        for account in before.flat_map(|before| &before.accounts) {
            if !named.contains(&account.localpart) {
                self.world.remove_account(&account.localpart);
            }
        }
        for account in accounts {
            let (subject, other) =
                (links.get(&account.localpart), self.case.other_links.get(&account.localpart));
            self.world
                .put_account(&account.describe(subject, other))
                .expect("an account that can be");
        }
        let unknown = links.keys().find(|localpart| !named.contains(localpart));
        assert_eq!(unknown, None, "a link of no account");
    }

    fn run(&self, arguments: &str) -> Run {
        let program = program_with(&self.world, Auth::ClientCredentials)
            .file(&self.world, &self.settings())
            .hiding(self.world.mas_client_secret())
            .within(self.world.directory())
            .env("XDG_STATE_HOME", &self.world.directory().display().to_string());
        let program = if self.is("accounts.source", "mas") {
            program.without("MATRIX_URL").without("MATRIX_ADMIN_TOKEN")
        } else {
            program
        };
        program.run(arguments)
    }

    fn settings(&self) -> String {
        let mut config = self.case.config.clone();
        let state_file = self.world.directory().join("state.db");
        config
            .entry("state_file".to_owned())
            .or_insert_with(|| state_file.display().to_string().into());
        if self.is("writer.type", "mas-api") || self.is("accounts.source", "mas") {
            for (key, value) in [
                ("url", self.world.mas_admin_url()),
                ("issuer", self.world.mas_issuer()),
                ("client_id", self.world.mas_client_id().to_owned()),
                ("client_secret", self.world.mas_client_secret().to_owned()),
            ] {
                config.insert(format!("writer.mas_api.{key}"), value.into());
            }
        }
        // Texts, numbers and lists of them are written in JSON as in TOML.
        config.iter().fold(String::new(), |mut toml, (key, value)| {
            writeln!(toml, "{key} = {value}").expect("a text");
            toml
        })
    }

    /// Plays the case and returns its faults.
    fn play(&self) -> Vec<String> {
        let Case { users, accounts, links, expect, .. } = self.case;
        let mut found = Vec::new();
        if let Some(before) = &self.case.before {
            self.put(&before.users, &before.accounts, before.links.as_ref().unwrap_or(links));
            let run = self.run("sync --format json");
            if ![0, 4].contains(&run.code) {
                found.push(format!("before: exit {}\n{}", run.code, indented(&run.stderr)));
            }
        }
        self.put(users, accounts, links);
        let run = self.run("sync --format json");
        found.extend(expect.compare(&run));
        if run.code == 0 && found.is_empty() {
            let again = self.run("plan --format json");
            if again.code != 0 || actions(&again.stdout) != Ok(Vec::new()) {
                let left = actions(&again.stdout);
                found.push(format!("plan again: exit {}, actions {left:?}", again.code));
            }
        }
        if !found.is_empty() && !run.stderr.is_empty() {
            found.push(format!("stderr:\n{}", indented(&run.stderr)));
        }
        found
    }
}

/// Returns the last lines of a text, indented.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("      {line}")).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

fn plan(stdout: &str) -> Result<Value, String> {
    serde_json::from_str(stdout).map_err(|error| format!("no plan: {error}"))
}

/// Returns the actions of a plan, each with its mark, in one order.
fn actions(stdout: &str) -> Result<Vec<Vec<String>>, String> {
    let plan = plan(stdout)?;
    let row = |action: &Value| {
        let field = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
        let mut row = ["action", "localpart", "reason"].map(field).to_vec();
        if action["needs_approval"] == true {
            row.push("needs_approval".to_owned());
        }
        row
    };
    let mut rows: Vec<_> = plan["actions"].as_array().into_iter().flatten().map(row).collect();
    rows.sort();
    Ok(rows)
}

/// Returns one field of each row of a list, or the rows themselves if they are texts.
fn texts(plan: &Value, list: &str, field: &str) -> Vec<String> {
    let text = |row: &Value| row.as_str().or(row[field].as_str()).unwrap_or_default().to_owned();
    let mut texts: Vec<_> = plan[list].as_array().into_iter().flatten().map(text).collect();
    texts.sort();
    texts
}

impl Expectation {
    fn compare(&self, run: &Run) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(exit) = self.exit.filter(|exit| *exit != run.code) {
            found.push(format!("exit: expected {exit}, got {}", run.code));
        }
        let (plan, came) = match (plan(&run.stdout), actions(&run.stdout)) {
            (Ok(plan), Ok(actions)) => (plan, actions),
            (Err(error), _) | (_, Err(error)) => {
                found.push(error);
                return found;
            }
        };
        if let Some(mut expected) = self.actions.clone() {
            expected.sort();
            differ("actions", &expected, &came, &mut found);
        }
        self.compare_kept(&plan, &came, &mut found);
        for (list, field, expected) in
            [("unnamed", "username", &self.unnamed), ("not_registered", "", &self.not_registered)]
        {
            if let Some(mut expected) = expected.clone() {
                expected.sort();
                differ(list, &expected, &texts(&plan, list, field), &mut found);
            }
        }
        found
    }

    fn compare_kept(&self, plan: &Value, actions: &[Vec<String>], found: &mut Vec<String>) {
        let kept: BTreeMap<_, _> = plan["kept"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| {
                (
                    row["localpart"].as_str().unwrap_or_default(),
                    row["reason"].as_str().unwrap_or_default(),
                )
            })
            .collect();
        for (localpart, reason) in self.kept.iter().flatten() {
            let came = kept.get(localpart.as_str());
            let is_changed = actions.iter().any(|action| action[1] == *localpart);
            if came == Some(&reason.as_str()) || self.or_unchanged && came.is_none() && !is_changed
            {
                continue;
            }
            found.push(format!("kept: expected {localpart} {reason}, got {came:?}"));
        }
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    came: &T,
    found: &mut Vec<String>,
) {
    if expected != came {
        found.push(format!("{what}: expected {expected:?}, got {came:?}"));
    }
}

/// Plays a case in a thread of its own, so that one that cannot be played does not end the others.
fn played(case: &Case) -> Vec<String> {
    std::thread::scope(|scope| {
        let outcome = scope.spawn(|| Scene::start(case).play()).join();
        outcome.unwrap_or_else(|_| vec!["it could not be played; the reason is above".to_owned()])
    })
}

/// Plays every world of a file and fails with all that went wrong. The variable `CASE` picks those
/// whose name has it.
fn play_all(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let text = std::fs::read_to_string(path).expect("the cases are in the repository");
    let mut cases: Vec<Case> =
        serde_json::from_str(&text).expect("the cases have the form that is read");
    let names: BTreeSet<_> = cases.iter().map(|case| case.name.clone()).collect();
    assert_eq!(names.len(), cases.len(), "two worlds have one name");
    let picked = std::env::var("CASE").unwrap_or_default();
    cases.retain(|case| case.name.contains(&picked));

    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(number) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < cases.len())
        {
            let found = played(&cases[number]);
            if !found.is_empty() {
                failures.lock().expect("no thread panics with it").insert(number, found);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no thread panicked with it");
    let mut report = String::new();
    for (number, found) in &failures {
        let Case { name, why, .. } = &cases[*number];
        let why = why.as_ref().map_or_else(String::new, |why| format!("\n    why: {why}"));
        writeln!(report, "- {name}\n    {}{why}", found.join("\n    ")).expect("a text");
    }
    assert!(
        failures.is_empty(),
        "{} of {} worlds of {file} fail:\n{report}",
        failures.len(),
        cases.len()
    );
}

#[test]
fn accounts_belong_to_the_right_users() {
    play_all("identity.json");
}

#[test]
fn accounts_belong_to_the_right_users_in_rarer_worlds() {
    play_all("identity-more.json");
}
