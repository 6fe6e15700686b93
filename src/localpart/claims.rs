//! Builds the claims of a user, as Keycloak's default scopes `profile` and `email` put them into a
//! token.

use std::collections::BTreeMap;

use minijinja::Value;
use serde::Deserialize;

/// Claims that the brief representation of a user contains.
///
/// Source: the protocol mappers of Keycloak's `OIDCLoginProtocolFactory`.
pub(super) const STANDARD: [&str; 7] =
    ["sub", "preferred_username", "email", "email_verified", "given_name", "family_name", "name"];

/// Default claims that Keycloak reads from an attribute with another name.
const RENAMED: [(&str, &str); 3] =
    [("middle_name", "middleName"), ("phone_number", "phoneNumber"), ("updated_at", "updatedAt")];

/// The attributes of a user in Keycloak, each with its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, Vec<Option<String>>>);

/// What Keycloak knows about a user that can become a claim.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claims<'u> {
    /// The user's ID in Keycloak: the claim `sub`.
    pub sub: &'u str,
    pub preferred_username: &'u str,
    pub email: Option<&'u str>,
    pub email_verified: Option<bool>,
    /// The claim `given_name`: the first name.
    pub given_name: Option<&'u str>,
    /// The claim `family_name`: the last name.
    pub family_name: Option<&'u str>,
    /// The attributes that every other claim is read from, if the template needs them.
    pub attributes: Option<&'u Attributes>,
}

impl Claims<'_> {
    /// Builds what a template sees as `user`. A claim that the user does not have is undefined.
    pub(super) fn to_value(self) -> Value {
        let mut claims = BTreeMap::new();
        if let Some(attributes) = self.attributes {
            attributes.add_to(&mut claims);
        }
        let texts = [
            ("sub", Some(self.sub)),
            ("preferred_username", Some(self.preferred_username)),
            ("email", self.email),
            ("given_name", self.given_name),
            ("family_name", self.family_name),
        ];
        for (claim, text) in texts {
            claims.extend(text.map(|text| (claim, Value::from(text))));
        }
        if let Some(verified) = self.email_verified {
            claims.insert("email_verified", Value::from(verified));
        }
        if let Some(name) = self.name() {
            claims.insert("name", Value::from(name));
        }
        Value::from(claims)
    }

    /// Joins first and last name, as Keycloak's full name mapper does.
    fn name(&self) -> Option<String> {
        let names = [self.given_name, self.family_name].into_iter().flatten();
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

impl Attributes {
    /// Returns whether an attribute has a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|values| !values.is_empty())
    }

    fn add_to<'a>(&'a self, claims: &mut BTreeMap<&'a str, Value>) {
        for (name, values) in &self.0 {
            claims.extend(claim(values).map(|value| (name.as_str(), value)));
        }
        for (name, attribute) in RENAMED {
            let value = self.0.get(attribute).and_then(|values| claim(values));
            claims.extend(value.map(|value| (name, value)));
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, Vec<V>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (K, Vec<V>)>>(attributes: I) -> Self {
        let values = |values: Vec<V>| values.into_iter().map(|value| Some(value.into())).collect();
        Self(attributes.into_iter().map(|(name, of_it)| (name.into(), values(of_it))).collect())
    }
}

/// Returns a single value of an attribute as a text, and several values as a list.
///
/// A user's representation does not say whether the mapper is multivalued, so the values decide.
fn claim(values: &[Option<String>]) -> Option<Value> {
    let values = values.iter().flatten().map(String::as_str);
    let mut values: Vec<_> = values.map(Value::from).collect();
    if values.len() > 1 { Some(Value::from(values)) } else { values.pop() }
}
