//! Recognises the format of each server's errors, as recorded in `tests/contract`. A proxy that answers
//! with an error status does not have it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::Purpose;
use crate::model::{Server, ServerText};

/// The Keycloak format: `error` with or without `error_description`, or `errorMessage`. Gateways answer with an `error`
/// too, but together with `status`, `path` or `code`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfKeycloak {
    error: Option<String>,
    error_description: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
    #[serde(rename = "field")]
    _field: Option<IgnoredAny>,
    #[serde(rename = "params")]
    _params: Option<IgnoredAny>,
    #[serde(rename = "errors")]
    _errors: Option<IgnoredAny>,
}

/// The OAuth 2.0 format of a token endpoint.
#[derive(Deserialize)]
struct OfTokenEndpoint {
    error: String,
    error_description: Option<String>,
}

/// The Matrix format.
#[derive(Deserialize)]
struct OfSynapse {
    errcode: String,
    error: Option<String>,
}

/// The format of the MAS Admin API.
#[derive(Deserialize)]
struct OfMas {
    errors: Vec<Titled>,
}

#[derive(Deserialize)]
struct Titled {
    title: String,
}

/// The most that is printed of a server's words.
const LONGEST: usize = 300;

/// Returns what a server says, safe to print.
pub(super) fn told(text: &str) -> ServerText {
    ServerText::beginning(text, LONGEST)
}

/// Returns the server's own words, or `None` if this is not its format.
pub(super) fn own_words(server: Server, purpose: Purpose, body: &[u8]) -> Option<ServerText> {
    let words = match (server, purpose) {
        (_, Purpose::Token) => {
            let OfTokenEndpoint { error, error_description } = serde_json::from_slice(body).ok()?;
            [Some(error), error_description].into_iter().flatten().collect()
        }
        (Server::Keycloak, _) => {
            let OfKeycloak { error, error_description, error_message, .. } = serde_json::from_slice(body).ok()?;
            let what = error.or(error_message)?;
            [Some(what), error_description].into_iter().flatten().collect()
        }
        (Server::Synapse, _) => {
            let OfSynapse { errcode, error } = serde_json::from_slice(body).ok()?;
            [Some(errcode), error].into_iter().flatten().collect()
        }
        (Server::Mas, _) => {
            let OfMas { errors } = serde_json::from_slice(body).ok()?;
            errors.into_iter().map(|Titled { title }| title).collect::<Vec<_>>()
        }
    };
    (!words.is_empty()).then(|| told(&words.join(": ")))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use strum::VariantArray as _;

    use super::*;

    /// Every recorded answer of an API with a status that is no success.
    fn recorded() -> Vec<(Server, Purpose, String, Value)> {
        [
            (Server::Keycloak, include_str!("../../tests/contract/keycloak.json")),
            (Server::Keycloak, include_str!("../../tests/contract/keycloak-roles.json")),
            (Server::Keycloak, include_str!("../../tests/contract/keycloak-federation.json")),
            (Server::Synapse, include_str!("../../tests/contract/synapse.json")),
            (Server::Synapse, include_str!("../../tests/contract/synapse-lifecycle.json")),
            (Server::Mas, include_str!("../../tests/contract/mas-admin-api.json")),
            (Server::Mas, include_str!("../../tests/contract/mas-lifecycle.json")),
        ]
        .into_iter()
        .flat_map(|(server, text)| {
            let exchanges: Vec<Value> = serde_json::from_str(text).expect("a recording");
            exchanges.into_iter().map(move |exchange| (server, exchange))
        })
        .filter(|(_, exchange)| exchange["response"]["status"].as_u64().is_some_and(|status| status >= 400))
        .map(|(server, exchange)| {
            let path = exchange["request"]["path"].as_str().expect("a path");
            let purpose = if path.ends_with("/token") { Purpose::Token } else { Purpose::Data };
            (server, purpose, exchange["name"].to_string(), exchange["response"]["body"].clone())
        })
        .collect()
    }

    #[test]
    fn every_recorded_error_is_in_the_format_of_its_server_alone() {
        let all = recorded();
        assert!(all.len() > 50, "{}", all.len());
        for (server, purpose, name, body) in all.iter().filter(|(.., body)| body.is_object()) {
            let text = body.to_string();
            assert!(own_words(*server, *purpose, text.as_bytes()).is_some(), "{server}: {name}: {text}");
            let others = Server::VARIANTS.iter().filter(|other| *other != server);
            for other in others.filter(|_| *purpose == Purpose::Data) {
                assert_eq!(own_words(*other, *purpose, text.as_bytes()), None, "{other}: {name}: {text}");
            }
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
            r#"{"error": {"code": 403, "message": "Forbidden"}}"#,
            r#"{"timestamp": 1, "status": 403, "error": "Forbidden", "path": "/admin/realms/corp"}"#,
            r#"{"error": "Forbidden""#,
        ] {
            for server in Server::VARIANTS {
                assert_eq!(own_words(*server, Purpose::Data, body.as_bytes()), None, "{server}: {body}");
            }
        }
    }
}
