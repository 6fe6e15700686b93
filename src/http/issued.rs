//! Keeps what a server said about an issued token. It is only advice: the server decides at every
//! request.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::discovery::ClientSecretIn;
use crate::model::ServerText;

/// A token, and what the server said about it.
#[derive(Debug, Clone)]
pub struct Issued {
    pub(super) token: SecretString,
    pub endpoint: Url,
    /// How the client sent its secret.
    pub shown_in: ClientSecretIn,
    /// How long it is valid, if the server said so.
    pub life: Option<Duration>,
    /// The granted scopes, if the server listed them.
    pub scope: Option<ServerText>,
}

impl Issued {
    /// Returns the claims of the token, unverified, if it is a JWT with these claims.
    #[must_use]
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        claims(self.token.expose_secret())
    }
}

fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::claims;

    #[test]
    fn only_a_jwt_tells_anything() {
        assert_eq!(claims::<Value>("e30.eyJzY29wZSI6ImEifQ.c2ln"), Some(json!({"scope": "a"})));
        for token in ["mat_123_456", "a.b", "e30.no base64.x", "e30.bm8ganNvbg.x", "e30.e30.x.y"] {
            assert_eq!(claims::<Value>(token), None, "{token}");
        }
    }
}
