//! The access review: every account, in four formats, and never in contradiction to the plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use matrix_keycloak_sync::standins::world::{NewAccount, NewUser};
use matrix_keycloak_sync::standins::{Fault, RunningWorld};
use serde_json::{Value, json};

use crate::harness::{
    BY_BOTH, BY_MAS, Program, Run, Way, group, program, program_by, started, the_table, write,
};

const POLICY: &str = "[policy]\nprotect = [\"matrix-sync-bot\"]\ndisable = \"lock\"\ndeactivate_after = \"30d\"\n\
                      [limits]\nmax_disable_percent = 100\n";
const THEN: &str = "2026-01-02T03:04:05Z";

/// A world with every kind of row, and with names that want to be more than names.
async fn world() -> RunningWorld {
    let alice = NewUser::member("alice").named("Alice", "Doe").email("alice@example.org");
    let bob = NewUser::member("bob")
        .named("=1+1", "<img src=x onerror=alert(1)>")
        .email("+bob@example.org");
    let carol = NewUser::member("carol").named("\u{202e}evil", "a\nb").email("-@[carol].example");
    let dave = NewUser::member("dave").named("Dave", "Roe").email("dave@example.org");
    let world = group()
        .with_user(alice)
        .account("alice")
        .with_user(bob)
        .account("bob")
        .with_user(carol)
        .with_account(NewAccount::new("carol").locked_at(THEN))
        .with_user(dave)
        .account("dave")
        .with_user(NewUser::new("boss").named("", "Boss"))
        .with_account(NewAccount::new("boss").mas_admin())
        .user("erin")
        .with_account(NewAccount::new("erin").deactivated_at(THEN))
        .member("frank")
        .account("frank")
        .account("ghost")
        .user("lou")
        .with_account(NewAccount::new("lou").locked_at(THEN))
        .member("zoe.new");
    started(world).await
}

fn with_policy(world: &RunningWorld, way: Way) -> Program {
    program_by(world, way, POLICY)
}

/// Dave was locked by this program, and then Frank left.
async fn after_a_run(way: Way) -> RunningWorld {
    let world = world().await;
    for name in ["alice", "bob", "carol", "dave", "erin", "lou", "boss"] {
        world.link(name, name).expect("a user of Keycloak");
    }
    world.leave("dave");
    // The time of a lock begins with the first reading that shows it.
    for _ in 0..2 {
        with_policy(&world, way).run("sync").exits(4);
    }
    world.leave("frank");
    world
}

fn report(world: &RunningWorld, way: Way, format: &str) -> Run {
    with_policy(world, way).run(&format!("report --format {format}")).exits(0)
}

/// Returns the rows by localpart.
fn rows(run: &Run) -> BTreeMap<String, Value> {
    let json = run.json();
    let rows = json["rows"].as_array().expect("rows").clone();
    rows.into_iter()
        .map(|row| (row["localpart"].as_str().expect("a name").to_owned(), row))
        .collect()
}

/// Returns a page without the parts that every page of its kind has.
fn without_style_and_script(page: &str) -> String {
    let mut page = page.to_owned();
    for (begin, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        if let Some((head, rest)) = page.split_once(begin) {
            let (_, foot) = rest.split_once(end).expect("an end");
            page = format!("{head}{begin}…{end}{foot}");
        }
    }
    let hash = regex::Regex::new("sha256-.*?&#x27;").expect("a pattern");
    hash.replace_all(&page, "sha256-HASH&#x27;").into_owned()
}

#[tokio::test]
async fn report_in_every_format() {
    for (way, source) in [(BY_BOTH, "synapse"), (BY_MAS, "mas")] {
        let world = after_a_run(way).await;
        for format in ["text", "csv", "json", "html"] {
            let mut run = report(&world, way, format);
            run.stdout = without_style_and_script(&run.stdout);
            run.matches(&world, &format!("report_{format}_from_{source}"));
        }
    }
}

#[tokio::test]
async fn report_without_the_admin_api_and_without_a_state_file() {
    let world = world().await;
    let files = || std::fs::read_dir(world.directory()).expect("a folder").count();
    let program = || program(&world).file(&world, POLICY);
    program().run("config check").exits(0);
    let before = files();
    program().run("report").exits(0).matches(&world, "report_by_mas_cli");
    assert_eq!(files(), before, "a report creates nothing");
}

#[tokio::test]
async fn report_on_a_terminal_fits_its_width() {
    let world = after_a_run(BY_BOTH).await;
    for (columns, shown, name) in
        [(0, 80, "report_on_a_terminal"), (120, 120, "report_on_a_wide_terminal"), (56, 56, "")]
    {
        let run = with_policy(&world, BY_BOTH);
        let run = run.on_terminal_of(columns, "--color never -q report", "").exits(0);
        let is_long = |line: &&str| line.chars().count() > shown && line.trim().contains(' ');
        let lines = run.stdout.lines().map(str::trim_end);
        assert_eq!(lines.filter(is_long).collect::<Vec<_>>(), [""; 0], "{columns}");
        if !name.is_empty() {
            run.matches(&world, name);
        }
    }
}

#[tokio::test]
async fn report_and_plan_agree() {
    for way in [BY_BOTH, BY_MAS] {
        let world = after_a_run(way).await;
        let rows = rows(&report(&world, way, "json"));
        let plan = with_policy(&world, way).run("plan --format json").exits(0).json();
        let in_plan = |list: &str, word: &str| -> BTreeMap<String, Value> {
            let entries = plan[list].as_array().expect("a list").iter();
            let name = |entry: &Value| entry["localpart"].as_str().expect("a name").to_owned();
            entries.map(|entry| (name(entry), json!([entry[word], entry["reason"]]))).collect()
        };
        let mut expected = in_plan("actions", "action");
        for (name, mut kept) in in_plan("kept", "") {
            kept[0] = "kept".into();
            expected.insert(name, kept);
        }
        let acts = rows
            .iter()
            .filter(|(_, row)| row["verdict"] != "member" && row["verdict"] != "outside");
        let acts = acts.map(|(name, row)| (name.clone(), json!([row["verdict"], row["reason"]])));
        assert_eq!(acts.collect::<BTreeMap<_, _>>(), expected, "{way:?}");
        assert_eq!(plan["read"]["accounts"], rows.len());
    }
}

#[tokio::test]
async fn times_are_those_of_mas_and_of_the_history() {
    let world = after_a_run(BY_BOTH).await;
    let rows = rows(&report(&world, BY_BOTH, "json"));
    assert_eq!(
        (&rows["erin"]["state"], &rows["erin"]["since"]),
        (&"deactivated".into(), &THEN.into())
    );
    assert_eq!((&rows["lou"]["since"], rows["lou"].get("next_stage")), (&THEN.into(), None));
    let seconds = |time: &Value| {
        let time = humantime::parse_rfc3339(time.as_str().expect("a time")).expect("RFC 3339");
        time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
    };
    let dave = &rows["dave"];
    assert_eq!(dave["last_action"]["action"], "disable");
    assert_eq!(dave["last_action"]["outcome"], "done");
    let wait = seconds(&dave["next_stage"]) - seconds(&dave["last_action"]["at"]);
    assert!(wait.abs_diff(30 * 24 * 3600) < 60, "{dave}");
    let carol = &rows["carol"];
    assert_eq!(carol["since"], carol["last_action"]["at"], "{carol}");
    assert_eq!(rows["alice"].get("last_action"), None);
}

#[tokio::test]
async fn users_outside_the_groups_have_names_too() {
    let world = after_a_run(BY_MAS).await;
    let one_by_one = rows(&report(&world, BY_MAS, "json"));
    let erin = &one_by_one["erin"]["keycloak"];
    assert_eq!((&erin["username"], &erin["id"]), (&"erin".into(), &erin["id"]));
    world.remove_user("erin");
    let gone = rows(&report(&world, BY_MAS, "json"));
    assert_eq!(gone["erin"]["reason"], "not_in_keycloak");
    assert_eq!(gone["lou"]["reason"], "not_in_group");
}

#[tokio::test]
async fn names_of_many_users_come_from_one_list() {
    let world = after_a_run(BY_MAS).await;
    let asked_for = |more: &str| {
        world.keycloak.requests().clear();
        let run =
            program_by(&world, BY_MAS, &POLICY.replace("[limits]\n", &format!("[limits]\n{more}")));
        let names = rows(&run.run("report --format json").exits(0));
        let lists = world.keycloak.requests().count("/users?first=");
        (names["erin"]["keycloak"].clone(), names["lou"]["keycloak"].clone(), lists)
    };
    let (erin, lou, lists) = asked_for("");
    assert_eq!((&erin["username"], &lou["username"], lists), (&"erin".into(), &"lou".into(), 0));
    let from_list = asked_for("max_look = 2\n");
    assert!(from_list.2 > 0);
    assert_eq!((from_list.0, from_list.1), (erin, lou));
}

/// Returns a page as a real browser shows it, or `None` if there is none on this machine.
fn in_browser(page: &Path, fragment: &str) -> Option<String> {
    let url = format!("file://{}#{fragment}", page.display());
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"];
    let output = Command::new("chromium").args(flags).arg(url).output().ok()?;
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[tokio::test]
async fn page_filters_its_rows_in_a_browser() {
    let world = after_a_run(BY_MAS).await;
    let page = write(&world, "report.html", &report(&world, BY_MAS, "html").stdout);
    for (fragment, shown) in
        [("", 10), ("verdict=disable", 2), ("state=locked&words=DAVE", 1), ("words=%3Cimg+bob", 1)]
    {
        let Some(dom) = in_browser(&page, fragment) else { return };
        let count = format!("{shown} of 10 accounts shown");
        assert!(dom.contains(&count), "{fragment}: no {count:?} in {dom}");
        assert_eq!(dom.matches("<tr data-verdict").count(), 10);
        assert_eq!(dom.matches("hidden=\"\"").count(), 10 - shown, "{dom}");
        assert!(!dom.contains("<img"), "a name is text");
    }
}

#[tokio::test]
async fn report_without_names_of_others_is_complete_otherwise() {
    let world = after_a_run(BY_MAS).await;
    let complete = rows(&report(&world, BY_MAS, "json"));
    let erin = complete["erin"]["keycloak"]["id"].as_str().expect("an ID").to_owned();
    world
        .keycloak
        .faults()
        .at("GET", &format!("/users/{erin}"))
        .answer(Fault::Status(500, "{\"error\": \"unknown_error\"}".to_owned()));
    let run = report(&world, BY_MAS, "json").tells(&["the names of 1 user outside the groups"]);
    let mut without = rows(&run);
    assert_eq!(without["erin"]["keycloak"], json!({ "id": erin }));
    without.insert("erin".to_owned(), complete["erin"].clone());
    assert_eq!(without, complete);
}

#[tokio::test]
async fn report_of_a_plan_that_would_be_refused_says_so() {
    let world = started(the_table()).await;
    let limits = "[limits]\nmax_look = 1\n";
    let program = || program_by(&world, BY_BOTH, limits);
    program().run("report").exits(0).matches(&world, "report_of_a_refused_plan");
    let refused = program().run("report --format json").exits(0).json()["refused_by"].clone();
    assert_eq!(refused, json!(["max_look"]));
    program().run("report --format html").exits(0).prints(&["would be refused: "]);
}

#[tokio::test]
async fn closed_pipe_is_no_error() {
    let world = started(group().members(3000, "m").accounts(3000, "m")).await;
    for format in ["text", "csv", "json", "html"] {
        let line = format!(
            "{{ matrix-keycloak-sync report --format {format}; echo $? >&2; }} | head -n 1 >/dev/null"
        );
        let run = program(&world).shell(&line);
        assert!(run.stderr.ends_with("\n0\n") || run.stderr == "0\n", "{}", run.stderr);
    }
}
