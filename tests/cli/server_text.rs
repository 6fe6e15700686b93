//! Text from servers is printed without control characters and without secrets.

use matrix_keycloak_sync::standins::world::{NewAccount, NewUser};
use matrix_keycloak_sync::standins::{Auth, Fault, Faults, RunningWorld};
use serde_json::json;

use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Program, Run, group, mas_cli, program, program_by, program_with,
    started, write,
};
use crate::watch::watching::{QUICK, start};

/// It erases a line, reverses the text, sets a colour with one byte and begins a line.
const HOSTILE: &str = "e\u{1b}[2k\u{202e}vil\u{2066}\u{9b}1m\nforged line";
const SHOWN: &str = r"e\u{1b}[2k\u{202e}vil\u{2066}\u{9b}1m\nforged line";
/// The same in Markdown.
const IN_MARKDOWN: &str = r"e\\u{1b}\[2k\\u{202e}vil\\u{2066}\\u{9b}1m\\nforged line";
const ID: &str = "5e1f0000-0000-4000-8000-00000000e7e1";
/// The secret of the world's client in Keycloak.
const CLIENT_SECRET: &str = "syncsecret";
const WITH_SUBGROUPS: &str = "[keycloak]\ninclude_subgroups = true\n";

/// Returns whether a character may not reach a terminal.
fn is_harmful(character: char) -> bool {
    let bidirectional = ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{2066}'..='\u{2069}'];
    let is_bidirectional = bidirectional.iter().any(|range| range.contains(&character));
    let is_control = character.is_control() && character != '\n';
    is_bidirectional || ('\u{2028}'..='\u{202e}').contains(&character) || is_control
}

/// Checks that the text is harmless and contains `shown`.
fn harmless(text: &str, shown: &str) {
    assert!(!text.contains(is_harmful), "{text:?}");
    assert!(!text.contains("\nforged"), "{text}");
    assert!(text.contains(shown), "no {shown:?} in\n{text}");
}

impl Run {
    /// Returns the run if it has printed this, and nothing harmful.
    fn shows(self, shown: &str) -> Self {
        harmless(&format!("{}{}", self.stdout, self.stderr), shown);
        self
    }
}

/// A world in which everything that has a name has a hostile one.
async fn hostile() -> RunningWorld {
    let user =
        NewUser::member(HOSTILE).id(ID).email(HOSTILE).named(HOSTILE, HOSTILE).federated(HOSTILE);
    let outsider =
        NewUser::new("dave").in_group(&format!("/{HOSTILE}")).email(HOSTILE).federated(HOSTILE);
    let account =
        NewAccount::new("dave").displayname(HOSTILE).email(HOSTILE).external_id("oidc", HOSTILE);
    let world = group()
        .group_named("/matrix-users", HOSTILE)
        .member("alice")
        .account("alice")
        .with_user(user)
        .with_user(outsider)
        .with_account(account)
        .with_account(NewAccount::new("ghost").appservice(HOSTILE))
        .with_account(NewAccount::new("e\u{202e}vil"))
        .provider("01H8PKNWKKRPCBW4YGH1RWV27B", HOSTILE);
    started(world).await
}

fn with_subgroups(world: &RunningWorld) -> Program {
    program(world).file(world, WITH_SUBGROUPS)
}

#[tokio::test]
async fn names_are_printed_without_effect() {
    let world = hostile().await;
    program(&world).run("-vvv plan").shows(SHOWN).shows(r"e\u{202e}vil");
    program(&world).run("-vvv --log-format json plan").shows(SHOWN);
    program(&world).run("plan --format markdown").shows(IN_MARKDOWN).shows(r"e\\u{202e}vil");
    program(&world).run("plan --format html").shows(SHOWN).shows(r"e\u{202e}vil");
    for format in ["text", "csv", "html"] {
        let mut run = program(&world).run(&format!("report --format {format}")).exits(0);
        // Lines of CSV end with two characters (RFC 4180).
        run.stdout = run.stdout.replace("\r\n", "\n");
        run.shows(SHOWN).shows(r"e\u{202e}vil");
    }
    program(&world).run("report --format json").shows(r"\u202evil");
    with_subgroups(&world).run("doctor").shows(SHOWN);
    with_subgroups(&world).run("doctor --format json").shows(r"\\u{202e}vil");
    let explained = program(&world)
        .run(&format!("explain {ID}"))
        .shows(&format!("user {SHOWN} ({ID}, {SHOWN})"));
    explained.shows(&format!("comes from the storage provider {SHOWN}"));
    let outsider = program(&world).run("explain dave").shows(&format!("groups: /{SHOWN}"));
    outsider.shows(&format!("e-mail address {SHOWN}")).shows(&format!("external ID {SHOWN}"));
    program(&world).run("explain ghost").shows(&format!("application service {SHOWN}"));
}

#[tokio::test]
async fn names_are_no_markup_in_pages() {
    const MARKUP: &str = "<img src=x onerror=alert(1)>";
    let user = NewUser::new("dave").id(ID).named(MARKUP, "\"&'").email("a<b>@example.org");
    let world = started(group().member("alice").account("alice").with_user(user).account("dave"));
    let world = world.await;
    for command in ["plan --format html", "report --format html"] {
        let run = program(&world).run(command).exits(0).prints(&["&lt;img src"]);
        assert!(!run.stdout.contains("<img") && !run.stdout.contains("<b>"), "{}", run.stdout);
    }
}

#[tokio::test]
async fn json_has_the_names_as_they_are_and_no_effect_on_a_terminal() {
    let world = hostile().await;
    let run = program(&world).run("plan --format json").shows(r"\u202evil");
    assert_eq!(run.json()["unnamed"][0]["username"], HOSTILE);
}

#[tokio::test]
async fn providers_of_mas_are_printed_without_effect() {
    let world = hostile().await;
    let more = "[accounts]\nmatch = \"upstream-link\"\nprovider = \"01H8PKNWKKRPCBW4YGH1RWV27A\"\n";
    let program = program_by(&world, BY_MAS, "").file(&world, &{
        let settings = crate::harness::settings(&world, BY_MAS);
        settings.replace("[accounts]\n", more)
    });
    program.run("plan").exits(1).shows(SHOWN);
}

fn status(code: u16) -> Fault {
    let text = format!("{HOSTILE} https://user:pass-word@host");
    Fault::Status(code, json!({"error": "unknown_error", "error_description": text}).to_string())
}

#[tokio::test]
async fn error_of_a_server_is_printed_without_effect() {
    let world = hostile().await;
    world.keycloak.faults().on("/members").answer(status(400));
    for command in
        ["plan", "sync", "-vvv sync", "--log-format json sync", "doctor", "doctor --format json"]
    {
        let run = program(&world).hiding("pass-word").run(command).exits(1);
        run.shows("u{202e}vil").shows("forged line https://***@host");
    }
    let sections = format!("{QUICK}{NO_LIMITS}");
    let watching = start(&world, program(&world).hiding("pass-word").file(&world, &sections));
    harmless(&watching.is_not_ready().await, "the last run failed");
    harmless(&watching.log(), &format!("{SHOWN} https://***@host"));
    let (_, metrics) = watching.ask("/metrics").await.expect("it listens");
    harmless(&metrics, "failures");
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn error_of_mas_cli_is_printed_and_remembered_without_effect() {
    let world = hostile().await;
    let told = write(&world, "told", &format!("Error: {HOSTILE} postgresql://mas:pass-word@db"));
    let failing = |calls: &str| {
        let first = format!("case \"$*\" in {calls}) cat '{}' >&2; exit 1;; esac", told.display());
        format!("{NO_LIMITS}{}", mas_cli(&world, &first))
    };
    let sections = failing("*list-admin-users");
    let run = program(&world).hiding("pass-word").file(&world, &sections).run("sync").exits(1);
    run.shows("postgresql://***@db").shows(r"e\u{1b}[2k\u{202e}vil");
    let sections = failing("*-user\\ *|*sessions*");
    let run =
        |command: &str| program(&world).hiding("pass-word").file(&world, &sections).run(command);
    run("sync").exits(4).shows("postgresql://***@db").shows(r"e\u{1b}[2k\u{202e}vil");
    run("history 1").exits(0).shows("postgresql://***@db").shows(r"e\u{1b}[2k\u{202e}vil");
    run("history 1 --format json").exits(0).shows("postgresql://***@db");
    run("explain dave").exits(0).shows("disable, failed");
}

#[tokio::test]
async fn no_secret_is_printed_if_a_server_quotes_the_request() {
    let world = hostile().await;
    let servers: [(&Faults, &str); 4] = [
        (world.keycloak.faults(), "/token"),
        (world.keycloak.faults(), "/members"),
        (world.synapse.faults(), "/users"),
        (world.mas.admin().faults(), "/users"),
    ];
    for (faults, path) in servers {
        for code in [400, 401, 500] {
            faults.on(path).answer(Fault::Echo(code));
            program_by(&world, BY_BOTH, "").run("-vvv plan").exits(1).shows("***");
            program_by(&world, BY_BOTH, "").run("-vvv doctor").shows("***");
            faults.clear();
        }
    }
    let row = json!([{"id": "x", "username": "x", "enabled": CLIENT_SECRET}]);
    world.keycloak.faults().on("/members").answer(Fault::Json(row));
    program_by(&world, BY_BOTH, "")
        .run("plan")
        .exits(1)
        .shows(r#"invalid type: string "***", expected a boolean"#);
    world.keycloak.faults().clear();
    world.mas.faults().on("/oauth2/token").answer(Fault::Echo(500));
    program_by(&world, BY_MAS, "").run("plan").exits(1).shows("***");
    world.keycloak.faults().on("/token").answer(Fault::Echo(403));
    program_with(&world, Auth::Password)
        .env("KC_ADMIN_PASS", "pass/w+rd=1&2")
        .run("plan")
        .exits(1)
        .shows("***");
}
