//! Parses addresses of servers, and recognises those of a realm, an API or a page.

use percent_encoding::percent_decode_str;
use url::Url;

use super::keys::{ConfigKey, keycloak, mas_api, synapse};

/// Parses the address of a server, or returns what is wrong with it.
pub(super) fn parse_address(key: &ConfigKey, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(is_of_a_server);
    let url = url.ok_or_else(|| format!("expected {}", key.expected))?;
    if !url.username().is_empty() || url.password().is_some() {
        Err("an address must not contain a username or password".to_owned())
    } else if let Some(why) = too_far(key, &url) {
        Err(why)
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("an address must not contain ? or #".to_owned())
    } else {
        Ok(url)
    }
}

fn is_of_a_server(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Returns what to set instead, if an address leads below the server's own.
fn too_far(key: &ConfigKey, url: &Url) -> Option<String> {
    let segments: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
    let at = |names: &[&str]| segments.iter().position(|part| names.contains(part));
    let api = || segments.windows(2).position(|pair| pair[0] == "api" && pair[1] == "admin");
    if key.name == keycloak::URL.name {
        let end = at(&["realms", "admin"])?;
        let server = server(url, &segments[..end]);
        let realm = realm(&segments).or_else(|| realm_of_console(url));
        return Some(match realm {
            Some(realm) => format!(
                "expected the server alone: set {} to {server:?} and {} to {realm:?}",
                keycloak::URL.name,
                keycloak::REALM.name
            ),
            None => server_alone(key, &server),
        });
    }
    let end = if key.name == synapse::URL.name {
        at(&["_synapse", "_matrix", ".well-known"])?
    } else if key.name == mas_api::URL.name {
        api().or_else(|| at(&[".well-known", "oauth2"]))?
    } else if key.name == mas_api::ISSUER.name {
        if realm(&segments).is_some() {
            let why = "expected the address of MAS itself: this is a realm of Keycloak";
            return Some(why.to_owned());
        }
        api().or_else(|| at(&[".well-known", "oauth2"]))?
    } else {
        return None;
    };
    Some(server_alone(key, &server(url, &segments[..end])))
}

fn server_alone(key: &ConfigKey, server: &str) -> String {
    format!("expected the server alone: set {} to {server:?}", key.name)
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
        too_far(key, &Url::parse(url).expect("an address"))
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
    fn realm_as_the_issuer_of_mas_is_another_server() {
        let found = advice(&mas_api::ISSUER, "https://sso.test/realms/corp");
        assert!(found.is_some_and(|why| why.contains("a realm of Keycloak")));
    }
}
