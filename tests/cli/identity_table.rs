//! Which user an account belongs to: one row for each situation, in every setting. A setting is a
//! writer, a source of accounts, with or without MAS's links, a value of `accounts.match`, and a
//! memory or none.
//!
//! All situations are in one world, with 60 members whose accounts are linked. With a memory, a
//! complete `sync` has seen the world as it was before.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use matrix_keycloak_sync::standins::{Auth, NewAccount, NewUser, RunningWorld};
use serde_json::Value;

use crate::harness::{NO_LIMITS, Program, Way, group, program_with, settings};

/// The ULID of a provider that is not the realm.
const OTHER_PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV270";
const BY_USERNAME: &str = "{{ user.preferred_username }}";
const BY_EMAIL: &str = "{{ user.email | split('@') | first }}";
/// How many settings run at a time; each mostly waits.
const AT_A_TIME: usize = 3;

/// What decides about an account in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decides {
    /// Its link.
    Link,
    /// A name that an earlier run has seen.
    Memory,
    /// Its name, but a link protects it.
    NameBesideLink,
    /// Its name, but memory protects it.
    NameBesideMemory,
    /// Its name alone.
    Name,
}

use Decides::{Link, Memory, Name, NameBesideLink, NameBesideMemory};

#[derive(Clone, Copy, Debug)]
struct Setting {
    writer: &'static str,
    source: &'static str,
    /// Whether the Admin API is configured, so that links are read.
    api: bool,
    matching: &'static str,
    memory: bool,
}

impl Setting {
    fn all() -> Vec<Self> {
        let ways = [
            ("mas-cli", "synapse", false),
            ("mas-cli", "synapse", true),
            ("mas-cli", "mas", true),
            ("mas-api", "synapse", true),
            ("mas-api", "mas", true),
        ];
        let mut all = Vec::new();
        for (writer, source, api) in ways {
            for matching in ["auto", "upstream-link", "localpart"] {
                // Links alone need the Admin API.
                for memory in
                    [false, true].into_iter().filter(|_| api || matching != "upstream-link")
                {
                    all.push(Self { writer, source, api, matching, memory });
                }
            }
        }
        all
    }

    /// Returns what decides about an account with or without a link.
    fn decides(self, has_link: bool) -> Decides {
        match self.matching {
            "auto" | "upstream-link" if self.api && has_link => Link,
            "auto" if self.memory => Memory,
            _ if self.api && has_link => NameBesideLink,
            _ if self.memory => NameBesideMemory,
            _ => Name,
        }
    }

    fn program(self, world: &RunningWorld, template: &str) -> Program {
        let more = format!("[keycloak]\nlocalpart = {template:?}\n{NO_LIMITS}");
        let way = Way { writer: self.writer, source: self.source };
        let settings = if self.api { settings(world, way) } else { "[accounts]\n".to_owned() };
        let settings =
            settings.replacen("[accounts]", &format!("[accounts]\nmatch = {:?}", self.matching), 1);
        let program =
            program_with(world, Auth::ClientCredentials).file(world, &format!("{settings}{more}"));
        let program = program.hiding(world.mas_client_secret());
        if self.source == "mas" {
            program.without("MATRIX_URL").without("MATRIX_ADMIN_TOKEN")
        } else {
            program
        }
    }
}

/// One situation: Keycloak's user before and now, the account, and the outcome.
struct Row {
    account: &'static str,
    before: Vec<NewUser>,
    now: Vec<NewUser>,
    /// The subject of the account's link.
    link: Option<&'static str>,
    is_disabled: bool,
    change: fn(NewAccount) -> NewAccount,
    /// Another account, with its link, that is part of the situation.
    other: Option<(&'static str, &'static str)>,
    expected: fn(Decides, Setting) -> &'static str,
}

/// An active account of this name.
fn account(account: &'static str, expected: fn(Decides, Setting) -> &'static str) -> Row {
    Row {
        account,
        before: Vec::new(),
        now: Vec::new(),
        link: None,
        is_disabled: false,
        change: |account| account,
        other: None,
        expected,
    }
}

impl Row {
    fn linked(mut self, subject: &'static str) -> Self {
        self.link = Some(subject);
        self
    }

    /// Disabled since the earlier run.
    fn disabled(mut self) -> Self {
        self.is_disabled = true;
        self
    }

    fn before(mut self, user: NewUser) -> Self {
        self.before.push(user);
        self
    }

    fn now(mut self, user: NewUser) -> Self {
        self.now.push(user);
        self
    }

    /// In Keycloak before and now.
    fn user(self, user: NewUser) -> Self {
        self.before(user.clone()).now(user)
    }

    fn with(mut self, change: fn(NewAccount) -> NewAccount) -> Self {
        self.change = change;
        self
    }

    fn other(mut self, account: &'static str, subject: &'static str) -> Self {
        self.other = Some((account, subject));
        self
    }

    fn put(&self, world: &RunningWorld, is_now: bool) {
        let described = |name: &str, subject: Option<&str>| {
            let account = NewAccount::new(name);
            subject.into_iter().fold(account, NewAccount::linked_to)
        };
        let account = (self.change)(described(self.account, self.link));
        let account =
            if self.is_disabled && is_now { account.locked().deactivated() } else { account };
        let other = self.other.map(|(name, subject)| described(name, Some(subject)));
        for account in [account].into_iter().chain(other) {
            world.put_account(&account).expect("an account that can be");
        }
    }
}

fn member(name: &str, id: &str) -> NewUser {
    NewUser::member(name).id(id)
}

fn outsider(name: &str, id: &str) -> NewUser {
    NewUser::new(name).id(id)
}

/// The account is a member's by every tie, or this outcome if only the name decides.
fn theirs_or(decides: Decides, by_name: &'static str) -> &'static str {
    match decides {
        Link | Memory => "unchanged",
        NameBesideLink | NameBesideMemory => "kept may_be_member",
        Name => by_name,
    }
}

/// Users whose name or ID has changed.
fn changed() -> Vec<Row> {
    let renamed = |decides, _| theirs_or(decides, "approve not_in_keycloak");
    let chosen = |decides, _| match decides {
        Link => "unchanged",
        NameBesideLink => "kept may_be_member",
        Memory | NameBesideMemory | Name => "approve not_in_keycloak",
    };
    vec![
        account("renamed", renamed)
            .linked("r1")
            .before(member("renamed", "r1"))
            .now(member("renamed.new", "r1")),
        account("reused", |_, _| "unchanged")
            .linked("r2")
            .before(member("reused", "r2"))
            .now(member("reused.new", "r2"))
            .now(member("reused", "r3")),
        account("taken", |decides, _| theirs_or(decides, "disable not_in_group"))
            .linked("t1")
            .before(member("taken", "t1"))
            .now(member("taken.new", "t1"))
            .now(outsider("taken", "t2")),
        account(
            "recreated",
            |decides, _| if decides == Link { "approve not_in_keycloak" } else { "unchanged" },
        )
        .linked("c1")
        .before(member("recreated", "c1"))
        .now(member("recreated", "c2")),
        account("recreated.out", |decides, _| match decides {
            Name => "activate in_group",
            _ => "kept another_person",
        })
        .linked("c3")
        .disabled()
        .before(member("recreated.out", "c3"))
        .now(member("recreated.out", "c4")),
        account("shielded", |decides, _| match decides {
            Link | Memory => "disable not_in_group",
            _ => "unchanged",
        })
        .linked("s1")
        .before(member("shielded", "s1"))
        .now(outsider("shielded.old", "s1"))
        .now(member("shielded", "s2")),
        account("cool.cat", chosen).linked("k1").user(member("chosen", "k1")),
        account(
            "moved",
            |decides, _| if decides == Name { "activate in_group" } else { "kept another_person" },
        )
        .disabled()
        .other("moved.old", "m1")
        .before(member("moved.old", "m1"))
        .now(member("moved", "m1")),
    ]
}

/// Users who have left, and links of every kind.
fn left_and_linked() -> Vec<Row> {
    vec![
        account("leaver", |_, _| "disable not_in_group")
            .linked("l1")
            .before(member("leaver", "l1"))
            .now(outsider("leaver", "l1")),
        account("returned", |_, _| "activate in_group")
            .linked("b1")
            .disabled()
            .user(member("returned", "b1")),
        account("deleted", |decides, _| match decides {
            Name => "approve not_in_keycloak",
            _ => "disable not_in_keycloak",
        })
        .linked("d1")
        .before(member("deleted", "d1")),
        account("local", |_, _| "approve not_in_keycloak"),
        account("two.providers", |_, _| "disable not_in_group")
            .with(|account| account.linked_by(OTHER_PROVIDER, "r1"))
            .before(member("two.providers", "p1"))
            .now(outsider("two.providers", "p1")),
        account("two.links", |_, _| "unchanged")
            .linked("p2")
            .with(|account| account.linked_by(OTHER_PROVIDER, "gone"))
            .user(member("two.links", "p2")),
        // The link names no user of the realm, so it looks like the link of a deleted user.
        account(
            "subject",
            |decides, _| if decides == Link { "approve not_in_keycloak" } else { "unchanged" },
        )
        .linked("subject@example.org")
        .user(member("subject", "u1")),
        account(
            "pairwise",
            |decides, _| if decides == Link { "approve not_in_keycloak" } else { "unchanged" },
        )
        .linked("5b0b7a6c-0000-4000-8000-000000000000")
        .user(member("pairwise", "u2")),
        account("before.sso", |_, setting| match (setting.source, setting.matching) {
            // Nothing of Synapse is configured.
            ("mas", _) => "approve not_in_keycloak",
            (_, "localpart") => "kept may_be_member",
            _ => "unchanged",
        })
        .with(|account| account.external_id("oidc-keycloak", "e1"))
        .user(member("sso", "e1")),
    ]
}

/// Names that MAS or Synapse spell in another way.
fn spelled() -> Vec<Row> {
    let mut rows = vec![
        account("service-account-ci", |_, _| "unchanged")
            .user(NewUser::service_account("ci").id("x1").in_first_group()),
        account("Dora", |_, _| "unchanged").linked("q1").user(member("dora", "q1")),
        account("kim", |_, _| "unchanged").user(member("kim", "q2")),
        account("KIM", |_, _| "kept ambiguous"),
        account("g/h", |_, _| "unchanged").user(member("g/h", "o1")),
        account("i/j", |_, _| "disable not_in_group")
            .before(member("i/j", "o2"))
            .now(outsider("i/j", "o2")),
    ];
    for (escaped, username, id) in [
        ("m=c3=bcller", "müller", "n1"),
        ("d=27arc", "d'arc", "n2"),
        ("a=2bb", "a+b", "n3"),
        ("=5fx", "_x", "n4"),
        ("c=3dd", "c=d", "n5"),
    ] {
        rows.push(account(escaped, |_, _| "kept may_be_member").user(member(username, id)));
    }
    rows
}

/// The template is the username.
fn rows_by_username() -> Vec<Row> {
    [changed(), left_and_linked(), spelled()].into_iter().flatten().collect()
}

/// The template is the e-mail address before the `@`.
fn rows_by_email() -> Vec<Row> {
    let with_email = |name: &str, id: &str, email: &str| member(name, id).email(email);
    let out_with_email = |name: &str, id: &str, email: &str| outsider(name, id).email(email);
    vec![
        account("sam", |decides, _| theirs_or(decides, "disable not_in_group"))
            .linked("s1")
            .before(with_email("m1", "s1", "sam@corp.test"))
            .now(with_email("m1", "s1", "other@corp.test"))
            .now(out_with_email("m2", "s2", "sam@corp.test")),
        account("pat", |_, _| "unchanged")
            .linked("p1")
            .before(with_email("m3", "p1", "pat@corp.test"))
            .now(with_email("m3", "p1", "another@corp.test"))
            .now(with_email("m4", "p2", "pat@corp.test")),
        account("lost", |decides, _| theirs_or(decides, "approve not_in_keycloak"))
            .linked("n1")
            .before(with_email("m5", "n1", "lost@corp.test"))
            .now(member("m5", "n1")),
        account("vera", |_, _| "unchanged").linked("v1").user(with_email(
            "m6",
            "v1",
            "Vera@corp.test",
        )),
        account("both.in", |_, _| "unchanged")
            .user(with_email("m7", "b1", "both.in@corp.test"))
            .user(with_email("m8", "b2", "both.in@other.test")),
        // Keycloak is asked for other users of the name only before a change.
        account("one.in", |_, _| "unchanged")
            .user(with_email("m9", "b3", "one.in@corp.test"))
            .user(out_with_email("m10", "b4", "one.in@other.test")),
        account("both.out", |_, _| "disable not_in_group")
            .before(with_email("m11", "b5", "both.out@corp.test"))
            .before(with_email("m12", "b6", "both.out@other.test"))
            .now(out_with_email("m11", "b5", "both.out@corp.test"))
            .now(out_with_email("m12", "b6", "both.out@other.test")),
    ]
}

/// Returns the outcome for each account in a few words.
fn outcomes(plan: &Value) -> BTreeMap<String, String> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = |list: &str| plan[list].as_array().cloned().unwrap_or_default();
    let action = |row: &Value| {
        let verb =
            if row["needs_approval"] == true { "approve".to_owned() } else { text(row, "action") };
        (text(row, "localpart"), format!("{verb} {}", text(row, "reason")))
    };
    let kept = |row: &Value| (text(row, "localpart"), format!("kept {}", text(row, "reason")));
    rows("actions").iter().map(action).chain(rows("kept").iter().map(kept)).collect()
}

/// Plays every row in one setting and returns the wrong outcomes.
fn play(
    setting: Setting,
    template: &str,
    rows: &[Row],
    unnamed: fn(Setting) -> &'static [&'static str],
) -> Vec<String> {
    let world = group()
        .members(60, "u")
        .accounts(60, "u")
        .provider(OTHER_PROVIDER, "https://other.example");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let world =
        runtime.block_on(world.job_delay(Duration::from_millis(20)).start()).expect("a world");
    if setting.source == "mas" {
        world.remove_account("matrix-sync-bot");
    }
    if setting.memory {
        for user in rows.iter().flat_map(|row| &row.before) {
            world.put_user(user).expect("a user that can be");
        }
        for row in rows {
            row.put(&world, false);
        }
        let run = setting.program(&world, template).run("sync --format json");
        // 4: some accounts wait for an approval.
        if ![0, 4].contains(&run.code) {
            return vec![format!("{setting:?} before: exit {}: {}", run.code, run.stderr)];
        }
        for user in rows.iter().flat_map(|row| &row.before) {
            world.remove_user(user.username());
        }
    }
    for user in rows.iter().flat_map(|row| &row.now) {
        world.put_user(user).expect("a user that can be");
    }
    for row in rows {
        row.put(&world, true);
    }
    let run = setting.program(&world, template).run("plan --format json");
    if run.code != 0 {
        return vec![format!("{setting:?}: exit {}: {}", run.code, run.stderr)];
    }
    let (plan, mut found) = (run.json(), Vec::new());
    let outcomes = outcomes(&plan);
    for row in rows {
        let decides = setting.decides(row.link.is_some() || row.other.is_some());
        let expected = (row.expected)(decides, setting);
        let came = outcomes.get(row.account).map_or("unchanged", String::as_str);
        if came != expected {
            found.push(format!(
                "{}: expected {expected}, came {came} ({decides:?}, {setting:?})",
                row.account
            ));
        }
    }
    let found_unnamed: Vec<_> = plan["unnamed"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["username"].clone())
        .collect();
    let unnamed = unnamed(setting);
    if found_unnamed != unnamed {
        found.push(format!("unnamed: expected {unnamed:?}, came {found_unnamed:?} ({setting:?})"));
    }
    found
}

fn play_all(
    template: &str,
    rows: fn() -> Vec<Row>,
    unnamed: fn(Setting) -> &'static [&'static str],
) {
    let settings = Setting::all();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(setting) = settings.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wrong = play(*setting, template, &rows(), unnamed);
            found.lock().expect("no thread panics with it").extend(wrong);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let found = found.into_inner().expect("no thread panicked with it");
    assert!(found.is_empty(), "{} rows came otherwise:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_situation_comes_out_right_in_every_setting() {
    play_all(BY_USERNAME, rows_by_username, |_| &["_x", "d'arc", "müller"]);
}

#[test]
fn every_situation_of_email_addresses_comes_out_right_in_every_setting() {
    // The one without an address has an account if link or memory say so.
    let unnamed = |setting: Setting| match setting.decides(true) {
        Link | Memory => &[][..],
        _ => &["m5"],
    };
    play_all(BY_EMAIL, rows_by_email, unnamed);
}
