//! Parses addresses of servers, and recognises those of a realm, an API or a page.

use percent_encoding::percent_decode_str;
use url::Url;

use super::keys::{ConfigKey, keycloak, mas_api, synapse};

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOf {
    Keycloak,
    Synapse,
    /// MAS's listener with the Admin API.
    MasAdminApi,
    /// MAS's own address, which tokens come from.
    MasIssuer,
}

/// The address of a server, as far as a pasted one shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub url: Url,
    /// The realm that the pasted address contained.
    pub realm: Option<String>,
}

impl Address {
    /// Takes the server's own address out of one of a realm, an API or a page. An error says what
    /// is expected.
    pub fn from_pasted(of: AddressOf, text: &str) -> Result<Self, String> {
        let key = match of {
            AddressOf::Keycloak => &keycloak::URL,
            AddressOf::Synapse => &synapse::URL,
            AddressOf::MasAdminApi => &mas_api::URL,
            AddressOf::MasIssuer => &mas_api::ISSUER,
        };
        let url = server_url(key, text)?;
        if let Some(TooFar { server, realm }) = too_far(key, &url)? {
            return Ok(Self { url: parse_address(key, &server)?, realm });
        }
        Ok(Self { url: parse_address(key, text)?, realm: None })
    }
}

/// Parses the address of a server, or returns what is wrong with it.
pub(super) fn parse_address(key: &ConfigKey, text: &str) -> Result<Url, String> {
    let url = server_url(key, text)?;
    if let Some(TooFar { server, realm }) = too_far(key, &url)? {
        let name = key.name;
        Err(match realm {
            Some(realm) => format!(
                "expected the server alone: set {name} to {server:?} and {} to {realm:?}",
                keycloak::REALM.name
            ),
            None => format!("expected the server alone: set {name} to {server:?}"),
        })
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("an address must not contain ? or #".to_owned())
    } else {
        Ok(url)
    }
}

fn server_url(key: &ConfigKey, text: &str) -> Result<Url, String> {
    let is_of_a_server = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(text).ok().filter(is_of_a_server);
    let url = url.ok_or_else(|| format!("expected {}", key.expected))?;
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err("an address must not contain a username or password".to_owned())
    }
}

/// An address that leads below the server's own.
struct TooFar {
    server: String,
    realm: Option<String>,
}

/// Returns the server's own address, if the given one leads below it.
fn too_far(key: &ConfigKey, url: &Url) -> Result<Option<TooFar>, String> {
    let segments: Vec<&str> =
        url.path_segments().into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let at = |names: &[&str]| segments.iter().position(|part| names.contains(part));
    let api = || segments.windows(2).position(|pair| pair[0] == "api" && pair[1] == "admin");
    let mut realm_in_it = None;
    let end = if key.name == keycloak::URL.name {
        realm_in_it = realm(&segments).or_else(|| realm_of_console(url));
        at(&["realms", "admin"])
    } else if key.name == synapse::URL.name {
        at(&["_synapse", "_matrix", ".well-known"])
    } else if key.name == mas_api::ISSUER.name && realm(&segments).is_some() {
        return Err("expected the address of MAS itself: this is a realm of Keycloak".to_owned());
    } else {
        api().or_else(|| at(&[".well-known", "oauth2"]))
    };
    Ok(end.map(|end| TooFar { server: server(url, &segments[..end]), realm: realm_in_it }))
}

/// Returns the address without what comes after these parts of its path.
fn server(url: &Url, path: &[&str]) -> String {
    let mut server = url.clone();
    server.set_query(None);
    server.set_fragment(None);
    server.set_path(&path.join("/"));
    server.as_str().trim_end_matches('/').to_owned()
}

/// Returns the realm in `…/realms/REALM/…`.
fn realm(segments: &[&str]) -> Option<String> {
    let at = segments.iter().position(|part| *part == "realms")?;
    decoded(segments.get(at + 1)?)
}

/// Returns the realm that is open in the administration console, `…/console/#/REALM/…`.
fn realm_of_console(url: &Url) -> Option<String> {
    decoded(url.fragment()?.strip_prefix('/')?.split('/').next()?)
}

fn decoded(part: &str) -> Option<String> {
    let realm = percent_decode_str(part).decode_utf8().ok()?;
    Some(realm.into_owned()).filter(|realm| !realm.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(key: &ConfigKey, url: &str) -> Option<String> {
        parse_address(key, url).err()
    }

    #[test]
    fn realm_in_the_address_of_keycloak_belongs_to_its_own_key() {
        let set = |server: &str, realm: &str| {
            let set = format!("set keycloak.url to {server:?} and keycloak.realm to {realm:?}");
            Some(format!("expected the server alone: {set}"))
        };
        let sso = "https://sso.example.org";
        for (path, server, realm) in [
            ("/realms/corp", sso.to_owned(), "corp"),
            ("/realms/corp/", sso.to_owned(), "corp"),
            ("/realms/my%20corp/account", sso.to_owned(), "my corp"),
            ("/admin/realms/corp/users", sso.to_owned(), "corp"),
            ("/auth/realms/corp", format!("{sso}/auth"), "corp"),
            ("/auth/admin/realms/corp", format!("{sso}/auth"), "corp"),
            ("/admin/master/console/#/corp/groups", sso.to_owned(), "corp"),
            ("/auth/admin/master/console/#/corp", format!("{sso}/auth"), "corp"),
            ("/realms/corp/.well-known/openid-configuration?x=y", sso.to_owned(), "corp"),
        ] {
            let found = advice(&keycloak::URL, &format!("{sso}{path}"));
            assert_eq!(found, set(&server, realm), "{path}");
        }
    }

    #[test]
    fn address_of_an_api_or_a_page_is_cut_to_that_of_the_server() {
        let cases: [(&ConfigKey, &str, &str); 9] = [
            (&keycloak::URL, "https://sso.test/admin", "https://sso.test"),
            (&keycloak::URL, "https://sso.test:8443/auth/realms", "https://sso.test:8443/auth"),
            (&synapse::URL, "https://m.test/_synapse/admin", "https://m.test"),
            (&synapse::URL, "https://m.test/_matrix/client/versions", "https://m.test"),
            (&synapse::URL, "https://m.test/.well-known/matrix/client", "https://m.test"),
            (&mas_api::URL, "https://mas.test/api/admin/v1", "https://mas.test"),
            (&mas_api::URL, "https://mas.test/mas/api/admin", "https://mas.test/mas"),
            (&mas_api::ISSUER, "https://mas.test/x/oauth2/token", "https://mas.test/x"),
            (
                &mas_api::ISSUER,
                "https://mas.test/.well-known/openid-configuration",
                "https://mas.test",
            ),
        ];
        for (key, url, server) in cases {
            let name = key.name;
            let set = format!("expected the server alone: set {name} to {server:?}");
            assert_eq!(advice(key, url), Some(set), "{url}");
        }
    }

    #[test]
    fn server_below_a_path_of_its_own_is_taken_as_it_is() {
        for (key, url) in [
            (&keycloak::URL, "https://sso.test"),
            (&keycloak::URL, "https://sso.test/auth/"),
            (&keycloak::URL, "https://example.org/administration"),
            (&synapse::URL, "https://m.test/matrix"),
            (&mas_api::URL, "https://mas.test/api"),
            (&mas_api::ISSUER, "https://mas.test/account/"),
        ] {
            assert_eq!(advice(key, url), None, "{url}");
        }
    }

    #[test]
    fn pasted_address_of_a_page_is_taken_apart() {
        let sso = "https://sso.test/auth/admin/master/console/#/corp";
        let found = Address::from_pasted(AddressOf::Keycloak, sso).expect("an address");
        assert_eq!(found.url.as_str(), "https://sso.test/auth");
        assert_eq!(found.realm.as_deref(), Some("corp"));
        for wrong in ["sso", "https://x:y@sso.test/realms/corp", "https://sso.test/?x"] {
            assert!(Address::from_pasted(AddressOf::Keycloak, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn realm_as_the_issuer_of_mas_is_another_server() {
        let found = advice(&mas_api::ISSUER, "https://sso.test/realms/corp");
        assert!(found.is_some_and(|why| why.contains("a realm of Keycloak")));
    }
}
