//! A status counts as the server's only in the server's own format. A page with the same status
//! comes from a proxy: it says nothing about tokens, roles, users or sessions.

use std::thread;

use matrix_keycloak_sync::model::Server::{self, Keycloak, Mas, Synapse};
use matrix_keycloak_sync::standins::{Auth, Fault, Faults, RunningWorld};

use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Program, Run, Way, account, everyone, own_error, program_by,
    program_with, proxy_page, settings, started, the_table,
};
use crate::sections::PROTECT;

/// Statuses with a meaning, each from a proxy.
const STATUSES: [u16; 4] = [401, 403, 404, 503];
/// A request made while reading whose status has a meaning.
#[derive(Clone, Copy)]
struct Place {
    server: Server,
    way: Way,
    /// What only this request has in its path and query.
    part: &'static str,
}

const fn place(server: Server, way: Way, part: &'static str) -> Place {
    Place { server, way, part }
}

const PLACES: [Place; 12] = [
    place(Keycloak, BY_BOTH, "/realms/corp/protocol/openid-connect/token"),
    place(Keycloak, BY_BOTH, "/realms/corp/.well-known/openid-configuration"),
    place(Keycloak, BY_BOTH, "/admin/realms/corp/groups?"),
    place(Keycloak, BY_BOTH, "/components?"),
    place(Keycloak, BY_BOTH, "/members"),
    place(Synapse, BY_BOTH, "/account/whoami"),
    place(Synapse, BY_BOTH, "/_synapse/admin/v3/users?"),
    place(Mas, BY_MAS, "/.well-known/openid-configuration"),
    place(Mas, BY_MAS, "/oauth2/token"),
    place(Mas, BY_MAS, "/api/admin/v1/site-config"),
    place(Mas, BY_MAS, "/api/admin/v1/users?"),
    place(Mas, BY_BOTH, "/api/admin/v1/upstream-oauth-providers"),
];

/// What hints say if the server itself has refused.
const BLAME: [&str; 9] = [
    "role",
    "scope",
    "admin_token",
    "own token",
    "(KC_REALM)",
    "client_secret",
    "policy.data",
    "may just have been deleted",
    "while MAS is down",
];

fn faults_of(world: &RunningWorld, server: Server) -> [&Faults; 2] {
    match server {
        Keycloak => [world.keycloak.faults(); 2],
        Synapse => [world.synapse.faults(); 2],
        Mas => [world.mas.faults(), world.mas.admin().faults()],
    }
}

fn by(world: &RunningWorld, way: Way) -> Program {
    program_by(world, way, &format!("{PROTECT}{NO_LIMITS}"))
}

/// Checks that the error is about a proxy. MAS answers with a page itself if it does not have the
/// path.
fn blames_the_proxy(error: &str, server: Server, status: u16) {
    let expected = match (server, status) {
        (Mas, 404) => {
            "MAS without this path, or a proxy or load balancer between here and MAS, answered 404"
                .to_owned()
        }
        _ => format!("a proxy or load balancer between here and {server} answered {status}"),
    };
    assert!(
        error.contains(&format!("{server}: ")) && error.contains(&expected),
        "no {expected:?} in {error}"
    );
    for blame in BLAME {
        assert!(!error.contains(blame), "{blame:?} in {error}");
    }
}

#[tokio::test]
async fn error_names_the_proxy_if_any_request_gets_its_page() {
    let mut cases = Vec::new();
    for (place, status) in
        PLACES.into_iter().flat_map(|place| STATUSES.map(|status| (place, status)))
    {
        let world = started(the_table()).await;
        for faults in faults_of(&world, place.server) {
            faults.on(place.part).answer(proxy_page(status));
        }
        cases.push((world, place, status));
    }
    thread::scope(|scope| {
        for (world, Place { server, way, part }, status) in &cases {
            scope.spawn(move || {
                let before = everyone(world);
                let run = by(world, *way).run("sync");
                assert_eq!(run.code, 1, "{part} × {status}\n{run:?}");
                blames_the_proxy(&run.stderr, *server, *status);
                assert!(
                    run.stderr.contains("\nhint: ") && run.stderr.contains("proxy in "),
                    "{}",
                    run.stderr
                );
                assert_eq!(everyone(world), before, "{part} × {status}");
            });
        }
    });
}

#[tokio::test]
async fn status_in_the_servers_own_format_is_the_servers() {
    for (place, status, hint) in [
        (place(Keycloak, BY_BOTH, "/members"), 401, "own token"),
        (place(Keycloak, BY_BOTH, "/members"), 403, "the role view-users"),
        (place(Keycloak, BY_BOTH, "/members"), 404, "`keycloak.realm` (KC_REALM)"),
        (place(Synapse, BY_BOTH, "/account/whoami"), 401, "The admin token may have expired"),
        (place(Synapse, BY_BOTH, "/v3/users?"), 403, "not an administrator"),
        (place(Synapse, BY_BOTH, "/account/whoami"), 503, "while MAS is down"),
        (place(Mas, BY_MAS, "/v1/users?"), 401, "urn:mas:admin"),
        (place(Mas, BY_MAS, "/v1/users?"), 403, "urn:mas:admin"),
        (place(Mas, BY_MAS, "/v1/users?"), 404, "may just have been deleted"),
    ] {
        let world = started(the_table()).await;
        for faults in faults_of(&world, place.server) {
            faults.on(place.part).answer(own_error(place.server, status, "in its own words"));
        }
        let run = by(&world, place.way).run("sync").exits(1).tells(&["in its own words", hint]);
        assert!(!run.stderr.contains("load balancer"), "{}", run.stderr);
    }
}

/// Returns the error of the one action on dave that was not carried out.
fn not_done(run: &Run, outcome: &str) -> String {
    let actions = run.json()["actions"].clone();
    let mut actions =
        actions.as_array().expect("a list").iter().filter(|action| action["outcome"] == outcome);
    let action = actions.next().expect(outcome);
    assert_eq!((&action["localpart"], actions.next()), (&"dave".into(), None), "{run:?}");
    action["error"].to_string()
}

/// Dave's IDs in Keycloak and in MAS.
fn ids_of_dave(world: &RunningWorld) -> (String, String) {
    let keycloak = world.keycloak.state().realm("corp").user("dave").expect("seeded").id.clone();
    (keycloak, world.mas.state().user("dave").expect("seeded").id.clone())
}

#[tokio::test]
async fn page_of_a_proxy_at_the_second_look_keeps_the_account() {
    for (server, way) in
        [(Keycloak, BY_BOTH), (Keycloak, BY_MAS), (Synapse, BY_BOTH), (Mas, BY_MAS)]
    {
        for status in STATUSES {
            let world = started(the_table().user("dora").account("dora")).await;
            let (in_keycloak, in_mas) = ids_of_dave(&world);
            let part = match server {
                Keycloak => format!("/users/{in_keycloak}"),
                Synapse => "/v2/users/@dave:".to_owned(),
                Mas => format!("/users/{in_mas}"),
            };
            for faults in faults_of(&world, server) {
                faults.on(&part).answer(proxy_page(status));
            }
            let run = by(&world, way).run("sync --format json").exits(4);
            blames_the_proxy(&not_done(&run, "skipped"), server, status);
            assert_eq!(world.state_of("dave"), account(false, false), "{part} × {status}");
            assert_eq!(world.state_of("dora").mas, account(true, true).mas, "{part} × {status}");
        }
    }
}

/// A refusal of a gateway that has one field in common with Keycloak's.
fn gateway_json(status: u16) -> Fault {
    let error = if status == 404 { "Not Found" } else { "Forbidden" };
    Fault::Status(status, format!("{{\"error\": \"{error}\"}}"))
}

#[tokio::test]
async fn json_of_a_gateway_is_not_a_missing_role_of_keycloak() {
    let world = started(the_table()).await;
    world.keycloak.faults().on("/components?").answer(gateway_json(403));
    let before = everyone(&world);
    for command in ["plan", "sync"] {
        blames_the_proxy(&by(&world, BY_BOTH).run(command).exits(1).stderr, Keycloak, 403);
    }
    assert_eq!(everyone(&world), before);
    let run = by(&world, BY_BOTH).run("doctor").exits(1);
    let run = run.prints(&["a proxy or load balancer between here and Keycloak answered 403"]);
    assert!(
        !run.stdout.contains("give the client's service account the role view-realm"),
        "{run:?}"
    );
}

#[tokio::test]
async fn json_of_a_gateway_at_the_second_look_keeps_the_account() {
    for status in [403, 404] {
        let world = started(the_table().user("dora").account("dora")).await;
        let (in_keycloak, _) = ids_of_dave(&world);
        world.keycloak.faults().on(&format!("/users/{in_keycloak}")).answer(gateway_json(status));
        let run = by(&world, BY_BOTH).run("sync --format json").exits(4);
        blames_the_proxy(&not_done(&run, "skipped"), Keycloak, status);
    }
}

#[tokio::test]
async fn path_that_synapse_does_not_have_is_no_missing_account() {
    let unrecognized = r#"{"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}"#;
    for way in [BY_MAS, Way { writer: "mas-cli", source: "mas" }] {
        // Only Synapse knows that dave is an administrator.
        let world = started(the_table()).await;
        world.synapse.state().account_mut("dave").expect("seeded").admin = true;
        world.synapse.faults().on("/v2/users/").answer(Fault::Status(404, unrecognized.to_owned()));
        let before = everyone(&world);
        let file = format!("{PROTECT}{NO_LIMITS}{}", settings(&world, way));
        let program = program_with(&world, Auth::ClientCredentials).file(&world, &file);
        let run = program.hiding(world.mas_client_secret()).run("sync").exits(1);
        run.tells(&[
            "the second look failed",
            "/_synapse/admin/v2/users/@",
            "answered 404 Not Found: M_UNRECOGNIZED",
        ])
        .tells(&["a worker does not have every path"]);
        assert_eq!(everyone(&world), before, "{way:?}");
    }
}

#[tokio::test]
async fn realm_that_keycloak_does_not_find_is_no_deleted_user() {
    // Dave's account is linked, so he is looked up by ID; no user has his name now.
    let world = started(the_table().link("dave", "dave")).await;
    let (in_keycloak, _) = ids_of_dave(&world);
    world.rename_in_keycloak("dave", "david");
    let missing = Fault::Status(404, "{\"error\": \"Realm not found.\"}".to_owned());
    world.keycloak.faults().on(&format!("/users/{in_keycloak}")).answer(missing);
    let run = by(&world, BY_BOTH).run("sync --format json").exits(4);
    assert!(
        not_done(&run, "skipped").contains("answered 404 Not Found: Realm not found."),
        "{run:?}"
    );
}

#[tokio::test]
async fn page_of_a_proxy_to_a_change_is_no_answer_of_mas() {
    // MAS says 404 if the user is gone, and 400 if the session has ended already.
    for (part, status) in
        [("/lock", 404), ("/lock", 403), ("/lock", 401), ("/lock", 503), ("/finish", 400)]
    {
        let world = started(the_table()).await;
        world.login("dave").expect("an active account");
        world.mas.admin().faults().on(part).method("POST").answer(proxy_page(status));
        let more = format!("{PROTECT}disable = \"lock\"\n{NO_LIMITS}");
        let run = program_by(&world, BY_MAS, &more).run("sync --format json").exits(4);
        blames_the_proxy(&not_done(&run, "failed"), Mas, status);
    }
}
