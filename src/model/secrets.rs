//! Masks the secrets of this process in every text that is printed.
//!
//! The list is global, not per connection, because a secret may come back anywhere: in the error
//! page of a proxy in front of several servers, in the output of a wrapper of mas-cli, or as the
//! name of a group.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{LazyLock, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

/// Shorter secrets are not masked: they may be ordinary words.
const SHORTEST: usize = 8;
/// The number of tokens to remember. `watch` gets new ones for months, and the oldest have expired.
const TOKENS: usize = 16;
/// The replacement for a secret.
const MASK: &str = "***";

/// Every secret, in every form in which it is sent.
static KNOWN: RwLock<KnownSecrets> =
    RwLock::new(KnownSecrets { configured: Vec::new(), tokens: VecDeque::new() });

struct KnownSecrets {
    /// The longest first, because one may contain another.
    configured: Vec<SecretString>,
    /// The newest last.
    tokens: VecDeque<SecretString>,
}

/// Masks a secret of the configuration in every text that is printed from now on.
pub(crate) fn mask_secret(secret: &SecretString) {
    let plain = secret.expose_secret();
    let in_path = utf8_percent_encode(plain, NON_ALPHANUMERIC).to_string();
    mask_forms([plain.to_owned(), in_path, in_form(plain)]);
}

/// Masks a client's ID and secret as in the header `Authorization: Basic`.
pub(crate) fn mask_basic(client_id: &str, secret: &SecretString) {
    let plain = secret.expose_secret();
    let encoded = format!("{}:{}", in_form(client_id), in_form(plain));
    mask_forms([
        BASE64_STANDARD.encode(encoded),
        BASE64_STANDARD.encode(format!("{client_id}:{plain}")),
    ]);
}

/// Masks an access token that a server has issued.
pub(crate) fn mask_token(token: &SecretString) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.tokens.push_back(token.clone());
    if known.tokens.len() > TOKENS {
        known.tokens.pop_front();
    }
}

fn in_form(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn mask_forms(forms: impl IntoIterator<Item = String>) {
    let known = &mut KNOWN.write().unwrap_or_else(PoisonError::into_inner).configured;
    for form in forms.into_iter().filter(|form| form.len() >= SHORTEST) {
        if known.iter().all(|one| one.expose_secret() != form) {
            known.push(form.into());
        }
    }
    known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
}

/// Returns the text with `***` instead of our own secrets, and of user and password in a URL.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    if text.len() < SHORTEST {
        return text.into();
    }
    let mut text = Cow::from(text);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    for secret in known.configured.iter().chain(&known.tokens).map(ExposeSecret::expose_secret) {
        if secret.len() >= SHORTEST && text.contains(secret) {
            text = text.replace(secret, MASK).into();
        }
    }
    if text.contains("://") {
        text = LOGIN.replace_all(&text, "://***@").into_owned().into();
    }
    text
}

/// Matches user and password in a URL. The password itself may contain an `@`.
static LOGIN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"://[^\s/?#:@]*:[^\s/?#]*@").expect("a valid expression"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_masked_in_every_form_in_which_it_is_sent() {
        let secret = SecretString::from("mask/ed+s3cret=1&2");
        mask_secret(&secret);
        mask_basic("some client", &secret);
        mask_token(&"eyJ.of-this-test.x".into());
        for (text, expected) in [
            ("it was mask/ed+s3cret=1&2, twice: mask/ed+s3cret=1&2", "it was ***, twice: ***"),
            (
                "client_secret=mask%2Fed%2Bs3cret%3D1%262&grant_type=x",
                "client_secret=***&grant_type=x",
            ),
            ("Basic c29tZStjbGllbnQ6bWFzayUyRmVkJTJCczNjcmV0JTNEMSUyNjI=", "Basic ***"),
            ("Basic c29tZSBjbGllbnQ6bWFzay9lZCtzM2NyZXQ9MSYy", "Basic ***"),
            ("Authorization: Bearer eyJ.of-this-test.x", "Authorization: Bearer ***"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn longer_secret_is_masked_whole_if_it_contains_another() {
        for secret in ["inner-secret", "an-inner-secret-and-more"] {
            mask_secret(&secret.into());
        }
        assert_eq!(masked("an-inner-secret-and-more inner-secret"), "*** ***");
    }

    #[test]
    fn short_secret_is_not_masked_because_it_may_be_a_word() {
        mask_secret(&"members".into());
        assert_eq!(masked("the members of the group"), "the members of the group");
    }

    #[test]
    fn password_in_a_url_is_masked_and_nothing_else_of_it() {
        for (text, expected) in [
            ("https://user:password@host/path", "https://***@host/path"),
            ("postgresql://mas:p@ss:word@db:5432/mas?x=y", "postgresql://***@db:5432/mas?x=y"),
            ("https://:password@host", "https://***@host"),
            ("a http://a:b@c and https://d:e@f", "a http://***@c and https://***@f"),
            ("https://host:8080/path?to=a@b", "https://host:8080/path?to=a@b"),
            ("https://host:8080 a@b", "https://host:8080 a@b"),
            ("ssh://git@host:22/x", "ssh://git@host:22/x"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
