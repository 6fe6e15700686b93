//! Every way a server can fail, at every request that a plan is based on: no plan, no account
//! disabled, and an error that names the server, the request and a remedy.

use std::thread;

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Fault, Faults, RunningWorld};

use crate::harness::{NO_LIMITS, everyone, own_error, program, started, the_table};

/// A request made while reading.
#[derive(Clone, Copy)]
struct Place {
    server: &'static str,
    /// As the error names it.
    request: &'static str,
    /// A part of path and query that only this request has.
    pattern: &'static str,
}

const TOKEN: Place = Place {
    server: "Keycloak",
    request: "POST http",
    pattern: "/realms/master/protocol/openid-connect/token",
};
const GROUPS: Place =
    Place { server: "Keycloak", request: "GET http", pattern: "/admin/realms/corp/groups?" };
const MEMBERS: Place = Place { server: "Keycloak", request: "GET http", pattern: "/members" };
const WHOAMI: Place =
    Place { server: "Synapse", request: "GET http", pattern: "/_matrix/client/v3/account/whoami" };
const ACCOUNTS: Place =
    Place { server: "Synapse", request: "GET http", pattern: "/_synapse/admin/v3/users?" };

const GROUPS_OF_A_PERSON: Place =
    Place { server: "Keycloak", request: "GET http", pattern: "/groups?brief" };
const COMPONENTS: Place =
    Place { server: "Keycloak", request: "GET http", pattern: "/components?" };

/// How the request fails, and what the error says about it.
fn troubles(server: &str) -> Vec<(Fault, &'static str)> {
    let server = if server == "Keycloak" { Server::Keycloak } else { Server::Synapse };
    let status = |code| Fault::Status(code, String::new());
    vec![
        (status(401), "401"),
        (status(403), "403"),
        (Fault::TooManyRequests { retry_after_secs: 1 }, "429"),
        (Fault::TooManyRequests { retry_after_secs: 3600 }, "429"),
        (status(500), "500"),
        (status(503), "503"),
        (own_error(server, 500, "unknown_error"), "unknown_error"),
        (Fault::CutBody, "broke off"),
        (Fault::Html, "text/html instead of JSON"),
        (status(200), "instead of JSON"),
        (Fault::Status(200, "[".to_owned()), "the answer is no"),
        (Fault::Json("a text".into()), "the answer is no"),
        (Fault::Reset, "broke off"),
    ]
}

impl Place {
    fn faults(self, world: &RunningWorld) -> &Faults {
        match self.server {
            "Keycloak" => world.keycloak.faults(),
            _ => world.synapse.faults(),
        }
    }

    fn assert_refused(self, world: &RunningWorld, case: &str, expected: &str) {
        let before = everyone(world);
        let run = program(world).run("sync -vvv");
        assert_eq!(run.code, 1, "{case}\n{run:?}");
        let error = run.stderr.split("error: ").last().unwrap_or_default();
        let path = self.pattern.trim_end_matches('?');
        for part in [self.server, self.request, path, expected, "\nhint: "] {
            assert!(error.contains(part), "{case}: no {part:?}\n{}", run.stderr);
        }
        assert_eq!(everyone(world), before, "{case}");
        assert_eq!(world.mas.requests().count("/stand-in/manage"), 0, "{case}");
    }
}

/// All failures at one request, run in parallel because some are slow.
async fn every_trouble_at(place: Place) {
    let mut cases = Vec::new();
    for (fault, expected) in troubles(place.server) {
        let world = started(the_table()).await;
        let case = format!("{} × {fault:?}", place.pattern);
        place.faults(&world).on(place.pattern).answer(fault);
        cases.push((world, case, expected));
    }
    thread::scope(|scope| {
        for (world, case, expected) in &cases {
            scope.spawn(move || place.assert_refused(world, case, expected));
        }
    });
}

#[tokio::test]
async fn every_trouble_at_keycloaks_token_endpoint() {
    every_trouble_at(TOKEN).await;
}

#[tokio::test]
async fn every_trouble_at_keycloaks_groups() {
    every_trouble_at(GROUPS).await;
}

#[tokio::test]
async fn every_trouble_at_keycloaks_members() {
    every_trouble_at(MEMBERS).await;
}

#[tokio::test]
async fn every_trouble_at_keycloaks_storage_providers() {
    every_trouble_at(COMPONENTS).await;
}

#[tokio::test]
async fn every_trouble_at_the_groups_of_the_only_person_to_disable() {
    every_trouble_at(GROUPS_OF_A_PERSON).await;
}

#[tokio::test]
async fn every_trouble_at_synapses_whoami() {
    every_trouble_at(WHOAMI).await;
}

#[tokio::test]
async fn every_trouble_at_synapses_list() {
    every_trouble_at(ACCOUNTS).await;
}

#[tokio::test]
async fn server_refuses_connections() {
    let world = started(the_table()).await;
    world.keycloak.server().stop().await;
    TOKEN.assert_refused(&world, "Keycloak is down", "no connection");
    let world = started(the_table()).await;
    world.synapse.server().stop().await;
    WHOAMI.assert_refused(&world, "Synapse is down", "no connection");
}

#[tokio::test]
async fn empty_list_is_an_error_if_it_must_have_rows() {
    let empty = async |place: Place| {
        let world = started(the_table()).await;
        place.faults(&world).on(place.pattern).answer(Fault::EmptyList);
        let before = everyone(&world);
        let run = program(&world).run("sync");
        assert_eq!(everyone(&world), before, "{}", place.pattern);
        run
    };
    empty(TOKEN).await.exits(1).tells(&["Keycloak: POST ", "the answer is no token", "hint: "]);
    empty(GROUPS).await.exits(1).tells(&["Keycloak: ", "there is no group", "hint: "]);
    empty(MEMBERS).await.exits(3).tells(&["the group was read without an error and is empty"]);
    empty(WHOAMI).await.exits(1).tells(&["Synapse: GET ", "not of the expected kind", "hint: "]);
    let world = started(the_table()).await;
    let mad = serde_json::json!({"users": [], "total": u64::MAX});
    world.synapse.faults().on(ACCOUNTS.pattern).answer(Fault::Json(mad));
    program(&world).run("sync").exits(1).tells(&[
        "Synapse: GET ",
        "accounts and contains 0",
        "hint: ",
    ]);
    empty(ACCOUNTS).await.exits(1).tells(&[
        "Synapse: GET ",
        "does not contain @matrix-sync-bot",
        "hint: ",
    ]);
}

#[tokio::test]
async fn oauth_error_says_what_to_check() {
    let world = started(the_table()).await;
    let wrong = |name: &str| program(&world).env(name, "wr0ng-canary").run("sync").exits(1);
    wrong("KC_ADMIN_PASS").tells(&[
        "Keycloak: POST ",
        "invalid_grant: Invalid user credentials",
        "KC_ADMIN_PASS",
    ]);
    wrong("KC_CLIENT_ID").tells(&["Keycloak: POST ", "issued no token", "KC_CLIENT_ID"]);
    wrong("KC_REALM").tells(&["Keycloak: GET ", "404", "KC_REALM"]);
    wrong("MATRIX_ADMIN_TOKEN").tells(&["Synapse: GET ", "401", "MATRIX_ADMIN_TOKEN"]);
}

#[tokio::test]
async fn temporary_failure_is_retried() {
    for fault in [
        Fault::TooManyRequests { retry_after_secs: 1 },
        Fault::Status(503, String::new()),
        Fault::Reset,
    ] {
        let world = started(the_table()).await;
        for place in [TOKEN, MEMBERS, ACCOUNTS] {
            place.faults(&world).on(place.pattern).times(1).answer(fault.clone());
        }
        program(&world).run("plan").exits(0);
    }
}

#[tokio::test]
async fn not_found_from_a_proxy_does_not_count_as_the_servers() {
    let world = started(the_table().disabled_member("mallory").account("mallory")).await;
    let before = everyone(&world);
    let missing = || Fault::Status(404, "<html>no such backend</html>".to_owned());
    world.keycloak.faults().on("/users/").answer(missing());
    let run = program(&world).file(&world, NO_LIMITS).run("sync").exits(1);
    run.tells(&[
        "the second look failed for all accounts",
        "Keycloak: GET ",
        "/users/",
        "404",
        "hint: ",
    ]);
    world.synapse.faults().on("/v3/users").answer(missing());
    program(&world).run("sync").exits(1).tells(&[
        "Synapse: GET ",
        "/_synapse/admin/v3/users",
        "404",
        "hint: ",
    ]);
    assert_eq!((everyone(&world), world.synapse.requests().count("/v2/users?")), (before, 0));
}
