//! Pages in a real browser: status, plan, report. `tests/browser.sh` installs Chromium and runs these tests; they are
//! ignored otherwise.

use std::path::Path;
use std::process::Command;

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{NewUser, RunningWorld, World};
use regex::Regex;
use serde_json::Value;

use crate::demo::Playground;
use crate::harness::{NO_LIMITS, group, own_error, program, started, write};
use crate::watch::watching::{self, QUICK, Watching, until_so};

const AUDIT: &str = include_str!("audit.js");
const NARROW: u32 = 360;
const WIDE: u32 = 1280;
/// What a browser says about the page itself, in its log.
const COMPLAINT: &str = "CONSOLE";

/// How a page is shown.
#[derive(Clone, Copy)]
enum Scheme {
    Light,
    Dark,
}

/// Returns a browser without a window.
fn browser(directory: &Path, scheme: Scheme) -> Command {
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    browser.args(["--enable-logging=stderr", "--virtual-time-budget=2000", "--timeout=30000"]);
    browser.arg(format!("--user-data-dir={}", directory.join("browser").display()));
    browser.arg("--window-size=1400,1600");
    browser.arg(match scheme {
        Scheme::Dark => "--blink-settings=preferredColorScheme=0",
        Scheme::Light => "--blink-settings=preferredColorScheme=1",
    });
    browser
}

/// Returns what the browser makes of an address, and its log.
fn dump(mut browser: Command, address: &str) -> (String, String) {
    let output =
        browser.args(["--dump-dom", address]).output().expect("chromium: see tests/browser.sh");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Opens a page that stands alone, with its own policy.
fn opened_as_file(world: &RunningWorld, page: &str) -> String {
    let path = write(world, "page.html", page);
    let address = format!("file://{}", path.display());
    let (dom, log) = dump(browser(world.directory(), Scheme::Light), &address);
    assert!(!log.contains(COMPLAINT), "{log}");
    dom
}

/// Opens the page as it is served: with its headers, and without a script of ours.
fn opened(world: &RunningWorld, watching: &Watching) -> String {
    let address = format!("http://{}/", watching.address());
    let (dom, log) = dump(browser(world.directory(), Scheme::Light), &address);
    assert!(!log.contains(COMPLAINT), "{log}");
    dom
}

/// Checks a copy of the page, because its headers allow no script. It is in a frame of this width,
/// because a window cannot be as narrow as a telephone.
fn audited(world: &RunningWorld, page: &str, width: u32, scheme: Scheme) -> Value {
    let policy =
        Regex::new("<meta http-equiv=\"Content-Security-Policy\"[^>]*>").expect("a pattern");
    let copy =
        policy.replace(page, "").replace("</body>", &format!("<script>{AUDIT}</script></body>"));
    let copy = copy.replace('&', "&amp;").replace('"', "&quot;");
    let outside = format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'>\
         <iframe style='width: {width}px; height: 1600px; border: 0' srcdoc=\"{copy}\"></iframe>\
         <script>document.querySelector('iframe').onload = (event) => \
         document.body.append(event.target.contentDocument.getElementById('audit'))</script>"
    );
    let path = write(world, "copy.html", &outside);
    let address = format!("file://{}", path.display());
    let (dom, log) = dump(browser(world.directory(), scheme), &address);
    let found = dom.rsplit_once("<pre id=\"audit\">").map(|(_, rest)| rest);
    let found = found.and_then(|rest| rest.split("</pre>").next()).expect(&log);
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">")).expect(found)
}

/// Checks the status page.
async fn is_accessible(world: &RunningWorld, watching: &Watching, lines: u64) {
    let (_, page) = watching.ask("/").await.expect("a page");
    page_is_accessible(world, &page, lines);
}

/// Checks a page light and dark, narrow and wide.
fn page_is_accessible(world: &RunningWorld, page: &str, lines: u64) {
    for (width, scheme) in [
        (NARROW, Scheme::Light),
        (NARROW, Scheme::Dark),
        (WIDE, Scheme::Light),
        (WIDE, Scheme::Dark),
    ] {
        let found = audited(world, page, width, scheme);
        assert_eq!(found["problems"], Value::Array(Vec::new()), "{found}");
        assert_eq!((&found["width"], &found["loaded"]), (&width.into(), &0.into()), "{found}");
        assert_eq!(found["is_dark"], matches!(scheme, Scheme::Dark), "{found}");
        assert!(found["texts"].as_u64() > Some(15) && found["lines"] == lines, "{found}");
    }
}

fn with_dave() -> World {
    group().member("alice").account("alice").user("dave").account("dave")
}

/// A `watch` whose page shows this.
async fn showing(world: &RunningWorld, sections: &str, text: &str) -> Watching {
    let watching = watching::start(world, program(world).file(world, sections));
    until_so(text, async || watching.ask("/").await.is_some_and(|(_, page)| page.contains(text)))
        .await;
    watching
}

#[tokio::test]
#[ignore = "needs Chromium: tests/browser.sh"]
async fn page_of_a_refused_plan_is_accessible_in_a_browser() {
    let world = started(with_dave()).await;
    let limits = "[limits]\nmax_disable = 0\n";
    // A recorded run, for the chart and the list of changes.
    program(&world).file(&world, NO_LIMITS).run("sync").exits(0);
    assert!(world.settle().await);
    world.keycloak.state().realm("corp").add_user("eve");
    world.synapse.state().add_account("eve");
    world.mas.state().add_user("eve");
    let watching =
        showing(&world, &format!("{QUICK}{limits}"), "1 action waits for a decision").await;
    let dom = opened(&world, &watching);
    for text in [
        "Refused",
        "Not ready.",
        "1 account would be disabled, limits.max_disable is 0",
        "matrix-keycloak-sync sync --approve ",
        "Members and accounts",
        "Disabled",
    ] {
        assert!(dom.contains(text), "no {text:?} in {dom}");
    }
    assert!(!dom.contains("dave") && !dom.contains("<script"), "{dom}");
    is_accessible(&world, &watching, 2).await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/browser.sh"]
async fn page_shows_names_in_a_browser_only_on_loopback() {
    let world = started(with_dave().account("ghost")).await;
    let waits = "Waiting for an approval";
    let watching = showing(&world, &format!("{QUICK}{NO_LIMITS}"), waits).await;
    let dom = opened(&world, &watching);
    assert!(dom.contains("ghost: no Keycloak user was ever seen to own it"), "{dom}");
    is_accessible(&world, &watching, 0).await;
    assert_eq!(watching.stop(), 0);
    let everywhere = QUICK.replace("127.0.0.1", "0.0.0.0");
    let watching = showing(&world, &format!("{everywhere}{NO_LIMITS}"), waits).await;
    let dom = opened(&world, &watching);
    assert!(dom.contains("1 action waits for a decision"), "{dom}");
    assert!(!dom.contains("ghost") && !dom.contains("dave"), "{dom}");
}

#[tokio::test]
#[ignore = "needs Chromium: tests/browser.sh"]
async fn page_of_a_failed_run_shows_the_text_of_a_server_as_text() {
    let world = started(with_dave()).await;
    let evil = "<img src=x onerror=document.title='gone'>\u{202e}";
    world.keycloak.faults().on("/members").answer(own_error(Server::Keycloak, 500, evil));
    let failed = "Why the last run failed";
    let watching = showing(&world, &format!("{QUICK}{NO_LIMITS}"), failed).await;
    let dom = opened(&world, &watching);
    assert!(dom.contains("<title>Failed – example.org</title>"), "{dom}");
    assert!(dom.contains("&lt;img src=x") && !dom.contains('\u{202e}'), "{dom}");
    is_accessible(&world, &watching, 0).await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/browser.sh"]
async fn plan_and_report_are_accessible_in_a_browser() {
    const MARKUP: &str = "<img src=x onerror=document.title='gone'>";
    let user = NewUser::new("dave").named(MARKUP, "Doe").email("dave@example.org");
    let world = group().member("alice").account("alice").with_user(user).account("dave");
    let world = started(world.account("ghost").bot_account("help")).await;
    for (command, texts) in [
        ("plan", ["Plan for example.org", "Deactivation is for good", "needs an approval: "]),
        (
            "report",
            ["Access review of example.org", "would be disabled", "a bot or support account"],
        ),
    ] {
        let page = program(&world).run(&format!("{command} --format html")).exits(0).stdout;
        let dom = opened_as_file(&world, &page);
        for text in texts {
            assert!(dom.contains(text), "no {text:?} in {dom}");
        }
        assert!(dom.contains("&lt;img src=x") && !dom.contains("<title>gone"), "{dom}");
        page_is_accessible(&world, &page, 0);
    }
}

#[tokio::test]
#[ignore = "needs Chromium: tests/browser.sh"]
async fn playground_is_accessible_in_a_browser() {
    let (world, playground) = (started(group()).await, Playground::start());
    let page = playground.page().await;
    page_is_accessible(&world, &page, 0);
}
