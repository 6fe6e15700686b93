//! Tests which bodies count as the error of a server: those that were recorded, and no others.

use serde_json::Value;
use strum::VariantArray as _;

use super::*;

/// An error of an API, as recorded.
struct Recorded {
    server: Server,
    purpose: Purpose,
    name: String,
    status: StatusCode,
    body: Value,
}

/// Every recorded answer of an API with a status that is no success.
fn recorded() -> Vec<Recorded> {
    [
        (Server::Keycloak, include_str!("../../../tests/contract/keycloak.json")),
        (Server::Keycloak, include_str!("../../../tests/contract/keycloak-roles.json")),
        (Server::Keycloak, include_str!("../../../tests/contract/keycloak-federation.json")),
        (Server::Synapse, include_str!("../../../tests/contract/synapse.json")),
        (Server::Synapse, include_str!("../../../tests/contract/synapse-lifecycle.json")),
        (Server::Mas, include_str!("../../../tests/contract/mas-admin-api.json")),
        (Server::Mas, include_str!("../../../tests/contract/mas-lifecycle.json")),
    ]
    .into_iter()
    .flat_map(|(server, text)| {
        let exchanges: Vec<Value> = serde_json::from_str(text).expect("a recording");
        exchanges.into_iter().map(move |exchange| (server, exchange))
    })
    .filter_map(|(server, exchange)| {
        let status = u16::try_from(exchange["response"]["status"].as_u64()?).expect("a status");
        let status = StatusCode::from_u16(status).expect("a status");
        let path = exchange["request"]["path"].as_str().expect("a path");
        let purpose = if path.ends_with("/token") { Purpose::Token } else { Purpose::Data };
        let (name, body) = (exchange["name"].to_string(), exchange["response"]["body"].clone());
        let is_error = status.is_client_error() || status.is_server_error();
        is_error.then_some(Recorded { server, purpose, name, status, body })
    })
    .collect()
}

#[test]
fn every_recorded_error_is_in_the_format_of_its_server_alone() {
    let all = recorded();
    assert!(all.len() > 50, "{}", all.len());
    for Recorded { server, purpose, name, status, body } in
        all.iter().filter(|error| error.body.is_object())
    {
        let text = body.to_string();
        assert!(
            own_error(*server, *purpose, *status, text.as_bytes()).is_some(),
            "{server}: {name}: {text}"
        );
        let others = Server::VARIANTS.iter().filter(|other| *other != server);
        for other in others.filter(|_| *purpose == Purpose::Data) {
            assert_eq!(
                own_error(*other, *purpose, *status, text.as_bytes()),
                None,
                "{other}: {name}: {text}"
            );
        }
    }
}

/// Returns the error of this status, if the body is in the server's own format.
fn own(server: Server, purpose: Purpose, status: u16, body: &str) -> Option<OwnError> {
    own_error(server, purpose, StatusCode::from_u16(status).expect("a status"), body.as_bytes())
}

#[test]
fn error_of_another_version_is_the_servers_own() {
    use Purpose::{Data, Token};
    use Server::{Keycloak, Mas, Synapse};
    for (server, purpose, status, body) in [
        (Keycloak, Data, 400, r#"{"errorMessage": "Could not bind"}"#),
        (
            Keycloak,
            Data,
            400,
            r#"{"errorMessage": "error-invalid-email", "field": "email", "params": ["email"]}"#,
        ),
        (Keycloak, Data, 500, r#"{"error": "unknown_error"}"#),
        (Keycloak, Data, 403, r#"{"error": "unknown_error"}"#),
        (
            Keycloak,
            Data,
            403,
            r#"{"error": "unknown_error", "error_description": "For more on this error consult the server log at the debug level."}"#,
        ),
        (Keycloak, Data, 405, r#"{"error": "HTTP 405 Method Not Allowed"}"#),
        (Keycloak, Data, 404, r#"{"error": "HTTP 404 Not Found"}"#),
        (
            Keycloak,
            Token,
            400,
            r#"{"error": "invalid_grant", "error_description": "Account disabled"}"#,
        ),
        (
            Keycloak,
            Token,
            403,
            r#"{"error": "invalid_request", "error_description": "HTTPS required"}"#,
        ),
        (Keycloak, Token, 404, r#"{"error": "Realm does not exist"}"#),
        (
            Synapse,
            Data,
            503,
            r#"{"errcode": "M_UNKNOWN", "error": "Unable to introspect the access token"}"#,
        ),
        (Synapse, Data, 404, r#"{"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}"#),
        (Synapse, Data, 429, r#"{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10}"#),
        (Mas, Data, 401, r#"{"errors": [{"title": "Unknown access token"}]}"#),
        (
            Mas,
            Data,
            409,
            r#"{"errors": [{"title": "Personal session with ID 01 is already revoked"}]}"#,
        ),
    ] {
        assert!(own(server, purpose, status, body).is_some(), "{server} {status}: {body}");
    }
}

#[test]
fn what_proxies_and_gateways_say_is_in_no_format_of_ours() {
    for body in [
        "",
        "<html><head><title>403 Forbidden</title></head></html>",
        "RBAC: access denied",
        "{}",
        "[]",
        "\"Forbidden\"",
        r#"{"message": "Forbidden"}"#,
        r#"{"errors": []}"#,
        r#"{"errors": [{"code": 1020, "message": "Access denied"}]}"#,
        r#"{"errors": [{"title": "Forbidden"}]}"#,
        r#"{"errors": [{"status": "403", "title": "Access denied"}]}"#,
        r#"{"errors": [{"title": "Access denied"}], "request_id": "1"}"#,
        r#"{"error": {"code": 403, "message": "Forbidden"}}"#,
        r#"{"timestamp": 1, "status": 403, "error": "Forbidden", "path": "/admin/realms/corp"}"#,
        r#"{"error": "Forbidden""#,
        r#"{"error": "Forbidden"}"#,
        r#"{"error": "forbidden"}"#,
        r#"{"error": "Access denied"}"#,
        r#"{"error": "unauthorized", "error_description": "sign in first"}"#,
        r#"{"error": "HTTP 401 Unauthorized"}"#,
        r#"{"error": "User not found"}"#,
        r#"{"errorMessage": "Forbidden"}"#,
        r#"{"errcode": "FORBIDDEN", "error": "no"}"#,
    ] {
        for server in Server::VARIANTS {
            for purpose in [Purpose::Data, Purpose::Token] {
                assert_eq!(own(*server, purpose, 403, body), None, "{server} {purpose:?}: {body}");
            }
        }
    }
    for (server, body) in [
        (Server::Keycloak, r#"{"error": "Not Found"}"#),
        (Server::Keycloak, r#"{"error": "not_found"}"#),
        (Server::Keycloak, r#"{"error": "HTTP 403 Forbidden"}"#),
        (Server::Keycloak, r#"{"error": "unknown_error"}"#),
        (Server::Synapse, r#"{"error": "User not found"}"#),
        (Server::Mas, r#"{"errors": [{"title": "Not Found"}]}"#),
    ] {
        assert_eq!(own(server, Purpose::Data, 404, body), None, "{server}: {body}");
    }
    let word_of_keycloak = r#"{"error":"unknown_error"}"#;
    for (server, status) in [
        (Server::Synapse, 403),
        (Server::Mas, 403),
        (Server::Keycloak, 401),
        (Server::Keycloak, 502),
        (Server::Keycloak, 503),
    ] {
        for purpose in [Purpose::Data, Purpose::Token] {
            assert_eq!(own(server, purpose, status, word_of_keycloak), None, "{server} {status}");
        }
    }
}

#[test]
fn missing_is_only_what_the_server_says_does_not_exist() {
    use Server::{Keycloak, Mas, Synapse};
    let title = |title: &str| serde_json::json!({"errors": [{"title": title}]}).to_string();
    let error = |error: &str| serde_json::json!({"error": error}).to_string();
    let errcode = |errcode: &str| {
        serde_json::json!({"errcode": errcode, "error": "Unrecognized"}).to_string()
    };
    for (server, body, missing) in [
        (Keycloak, error("User not found"), Some(Missing::User)),
        (Keycloak, error("Could not find group by id"), Some(Missing::Group)),
        (Keycloak, error("Group path does not exist"), Some(Missing::Group)),
        (Keycloak, error("Realm not found."), None),
        (Keycloak, error("Realm does not exist"), None),
        (Keycloak, error("HTTP 404 Not Found"), None),
        (Synapse, errcode("M_NOT_FOUND"), Some(Missing::User)),
        (Synapse, errcode("M_UNRECOGNIZED"), Some(Missing::Path)),
        (Synapse, errcode("M_UNKNOWN"), None),
        (Mas, title("User ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"), Some(Missing::User)),
        (Mas, title("User with username \"zoe\" not found"), Some(Missing::User)),
        (
            Mas,
            title("User session with ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"),
            Some(Missing::Session),
        ),
        (
            Mas,
            title("Compatibility session with ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"),
            Some(Missing::Session),
        ),
        (
            Mas,
            title("OAuth 2.0 session ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"),
            Some(Missing::Session),
        ),
        (Mas, title("User email ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"), None),
        (Mas, title("No policy data found"), None),
    ] {
        let found = own(server, Purpose::Data, 404, &body).expect("its own error");
        assert_eq!(found.missing, missing, "{server}: {body}");
    }
    let refused = own(Synapse, Purpose::Data, 403, &errcode("M_NOT_FOUND")).expect("its own error");
    assert_eq!(refused.missing, None, "not found is a 404");
}
