//! `doctor`, which decodes tokens and versions, and every server's answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use matrix_keycloak_sync::doctor::{Check, examine};
use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::mas_api::MasApi;
use matrix_keycloak_sync::output::doctor;
use matrix_keycloak_sync::readers::{Readers, Tally};
use serde_json::{Value, json};

use crate::configuration::loaded;
use crate::corpus::law_at_a_cost;
use crate::mutations::{documents, texts};
use crate::recordings::bodies;
use crate::stage::{self, Reply, Stage, good, missing};

/// Examines the stage, and returns the outcome of the check with this name.
fn examined(stage: &Stage, name: &str) -> String {
    let more =
        format!("[accounts]\nsource = \"mas\"\n[synapse]\nurl = {:?}\nadmin_token = \"token\"\n", stage.url.as_str());
    let config = loaded(stage, &more);
    let mas = MasApi::new(config.mas_api.as_ref().expect("an Admin API"), Timeouts::default()).expect("a client");
    let readers = Readers::new(&config, Some(&mas), Timeouts::default()).expect("readers");
    let report = stage.run(examine(&config, &[], &readers, &|_| None, &Tally::default()));
    assert!(!doctor::text(&report).is_empty());
    serde_json::from_str::<Value>(&doctor::json(&report)).expect("checks are JSON");
    let status = |check: &Check| (check.name == name).then(|| format!("{:?}", check.status));
    report.sections.iter().flat_map(|section| &section.checks).filter_map(status).collect::<Vec<_>>().join(", ")
}

#[test]
fn token_shows_its_roles_or_nothing() {
    let stage = Stage::new();
    let claims = json!({"iss": "https://sso.example.org/realms/corp", "realm_access": {"roles": ["admin", "offline_access"]},
        "resource_access": {"realm-management": {"roles": ["view-users", "manage-users"]}, "account": {"roles": []}}});
    law_at_a_cost(8, "jwt", file!(), documents(vec![claims]), |payload| {
        // An input that begins with ! is the token itself.
        let token = match payload.strip_prefix(b"!") {
            Some(token) => String::from_utf8_lossy(token).into_owned(),
            None => format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)),
        };
        let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 60});
        stage.serve(move |asked| if asked.path.ends_with("/token") { stage::json(&answer) } else { missing() });
        examined(&stage, "roles")
    });
}

#[test]
fn any_answer_of_the_servers_gives_a_report() {
    let stage = Stage::new();
    let recorded = [
        bodies("synapse.json", "/whoami"),
        bodies("keycloak.json", "/groups?search"),
        bodies("mas-admin-api.json", "/version"),
    ];
    law_at_a_cost(8, "doctor", file!(), documents(recorded.concat()), |body| {
        let served = body.to_vec();
        let token = json!({"access_token": "t", "token_type": "Bearer"});
        stage.serve(
            move |asked| if asked.path.ends_with("/token") { stage::json(&token) } else { good(served.clone()) },
        );
        examined(&stage, "version")
    });
}

#[test]
fn clock_is_used_if_valid_or_ignored() {
    let stage = Stage::new();
    let dates = ["Mon, 23 Nov 2026 10:31:26 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"];
    law_at_a_cost(8, "date", file!(), texts(dates.map(str::to_owned).to_vec()), |date| {
        let date = String::from_utf8_lossy(date).into_owned();
        stage.serve(move |_| Reply { date: Some(date.clone()), ..missing() });
        examined(&stage, "clock")
    });
}
