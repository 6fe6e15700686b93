//! `doctor`, which decodes tokens and versions, and every server's answers.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use matrix_keycloak_sync::doctor::{Check, Report, Settings, Status, examine};
use matrix_keycloak_sync::environment::{Surroundings, Timeouts};
use matrix_keycloak_sync::mas_api::MasApi;
use matrix_keycloak_sync::model::ServerText;
use matrix_keycloak_sync::output::{Terminal, doctor};
use matrix_keycloak_sync::readers::{Readers, Tally};
use serde_json::{Value, json};
use url::Url;

use crate::configuration::loaded;
use crate::corpus::{law_at_a_cost, texts_in, understood};
use crate::mutations::{documents, texts};
use crate::recordings::bodies;
use crate::stage::{self, Reply, Stage, good, missing};

/// Examines the stage, and returns the checks with this name.
fn examined(stage: &Stage, name: &str) -> Vec<Check> {
    examined_at(stage, None, name)
}

/// Does the same with this issuer.
fn examined_at(stage: &Stage, issuer: Option<&Url>, name: &str) -> Vec<Check> {
    let more = format!(
        "[accounts]\nsource = \"mas\"\n[synapse]\nurl = {:?}\nadmin_token = \"token\"\n",
        stage.url.as_str()
    );
    let mut config = loaded(stage, &more);
    config.mas_api.as_mut().expect("an Admin API").issuer = issuer.cloned();
    let mas = MasApi::new(config.mas_api.as_ref().expect("an Admin API"), Timeouts::default())
        .expect("a client");
    let readers = Readers::new(&config, Some(&mas), Timeouts::default()).expect("readers");
    let surroundings = Surroundings { env: Box::new(|_| None), timeouts: Timeouts::default() };
    let report =
        stage.run(examine(Settings::of(&config), &readers, &surroundings, &Tally::default()));
    assert_complete(&report);
    let checks: Vec<_> = report.sections.into_iter().flat_map(|section| section.checks).collect();
    checks.into_iter().filter(|check| check.name == name).collect()
}

/// Checks that JSON and text have each check, and that each problem says what to change.
fn assert_complete(report: &Report) {
    let checks: Vec<_> = report.sections.iter().flat_map(|section| &section.checks).collect();
    let json: Value = serde_json::from_str(&doctor::json(report)).expect("JSON");
    let entries: Vec<_> =
        json["checks"].as_array().expect("a list").iter().map(|entry| &entry["found"]).collect();
    assert_eq!(entries, checks.iter().map(|check| &check.found).collect::<Vec<_>>());
    let text = doctor::text(report, Terminal::WHOLE);
    for check in checks {
        assert!(text.contains(check.name), "no {} in {text}", check.name);
        let is_wrong = matches!(check.status, Status::Warning | Status::Problem);
        assert!(!is_wrong || check.fix.as_ref().is_some_and(|fix| !fix.is_empty()), "{check:?}");
    }
}

fn statuses(checks: &[Check]) -> String {
    checks.iter().map(|check| format!("{:?}", check.status)).collect::<Vec<_>>().join(", ")
}

/// Returns the texts that a server sent, as they are printed.
fn printed(body: &[u8]) -> Option<Vec<String>> {
    let answer: Value = understood(body)?;
    Some(texts_in(&answer).into_iter().map(|text| ServerText::from(text).to_string()).collect())
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
        stage.serve(
            move |asked| {
                if asked.path.ends_with("/token") { stage::json(&answer) } else { missing() }
            },
        );
        let checks = examined(&stage, "roles");
        for check in checks.iter().filter(|check| check.status == Status::Ok) {
            let served = printed(payload).expect("roles only in JSON");
            assert!(
                check.found.split(", ").all(|role| served.iter().any(|text| text == role)),
                "{check:?}"
            );
        }
        statuses(&checks)
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
        stage.serve(move |asked| {
            if asked.path.ends_with("/token") { stage::json(&token) } else { good(served.clone()) }
        });
        let checks = examined(&stage, "version");
        if let Some(served) = printed(body) {
            for check in checks.iter().filter(|check| check.status == Status::Ok) {
                assert!(served.iter().any(|text| check.found.contains(text)), "{check:?}");
            }
        }
        statuses(&checks)
    });
}

#[test]
fn clock_is_used_if_valid_or_ignored() {
    let stage = Stage::new();
    let dates = [
        "Mon, 23 Nov 2026 10:31:26 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ];
    law_at_a_cost(8, "date", file!(), texts(dates.map(str::to_owned).to_vec()), |date| {
        let date = String::from_utf8_lossy(date).into_owned();
        let date_sent = date.clone();
        stage.serve(move |_| Reply { date: Some(date.clone()), ..missing() });
        let checks = examined(&stage, "clock");
        // Without a valid header, the stage sends the time.
        let is_header = HeaderValue::from_bytes(date_sent.as_bytes()).is_ok();
        let expected = match httpdate::parse_http_date(&date_sent) {
            _ if !is_header => Status::Ok,
            Err(_) => Status::Skipped,
            Ok(_) => Status::Problem,
        };
        // Keycloak's realm is missing here; the others say no more than the time.
        let (keycloak, others) = checks.split_first().expect("a check");
        assert_eq!(keycloak.status, Status::Skipped);
        assert!(
            !others.is_empty() && others.iter().all(|check| check.status == expected),
            "{checks:?}"
        );
        statuses(&checks)
    });
}

#[test]
fn clock_of_an_issuer_on_another_server_is_checked_too() {
    let stage = Stage::new();
    let mut issuer = stage.url.clone();
    issuer.set_host(Some("localhost")).expect("a name");
    let endpoint = issuer.join("oauth2/token").expect("a path");
    let metadata = json!({"issuer": issuer, "token_endpoint": endpoint});
    stage.serve(move |asked| match asked.path.as_str() {
        "/.well-known/openid-configuration" => {
            let date = Some("Mon, 23 Nov 2020 10:31:26 GMT".to_owned());
            Reply { date, ..stage::json(&metadata) }
        }
        _ => missing(),
    });
    let checks = examined_at(&stage, Some(&issuer), "issuer_clock");
    assert_eq!(checks.iter().map(|check| check.status).collect::<Vec<_>>(), [Status::Problem]);
    assert!(checks[0].found.starts_with("the clock of MAS's issuer is "), "{checks:?}");
    // At the same place as the Admin API it has the same clock.
    assert!(examined_at(&stage, Some(&stage.url), "issuer_clock").is_empty());
}
