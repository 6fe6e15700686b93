//! Renders the localpart of a user by MAS's template, `claims_imports.localpart`, as MAS does.
//!
//! Source: `upstream_oauth2` in MAS 1.22. Templates work the same way in older versions.

mod claims;
mod filters;
mod name;
mod usage;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use minijinja::machinery::get_compiled_template;
use minijinja::{Environment, ErrorKind, Value, context};

use crate::model::Localpart;

pub use claims::{Attributes, Claims};
pub use name::{InvalidName, check_name};
use usage::{Claim, Reader};

/// The name of MAS's own templates; its ending decides about HTML escapes.
const NAME: &str = "<string>";
/// Far more than a name needs; it stops loops that would run for hours.
const FUEL: u64 = 100_000;

/// A checked template.
#[derive(Debug, Clone)]
pub struct LocalpartTemplate {
    environment: Environment<'static>,
    is_username: bool,
    needs_attributes: bool,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Minijinja cannot compile it.
    #[error("{0}")]
    Syntax(#[from] minijinja::Error),
    /// It uses names that a template of MAS does not have.
    #[error("MAS's templates have no {}", .0.join(", no "))]
    Unknown(Vec<String>),
    /// It uses what MAS knows about a login, but Keycloak's Admin API does not know about a user.
    #[error("{0} is known at a login only, not when users are listed")]
    OfLogin(String),
    /// It repeats or widens something until the memory is full.
    #[error("{0} is too large for a template that repeats or pads")]
    TooLarge(String),
}

/// Why a user has no localpart.
#[derive(Debug, thiserror::Error)]
pub enum NoLocalpart {
    /// The template failed, for example because it splits a claim that this user does not have.
    #[error("the template failed")]
    Failed(#[from] minijinja::Error),
    /// The template rendered nothing.
    #[error("the template gave an empty name")]
    Empty,
    /// The template rendered something that is no name of an account, such as an e-mail address.
    #[error("the template gave {0:?}, which is not a localpart")]
    Impossible(String),
}

impl LocalpartTemplate {
    /// Compiles a template and checks that MAS has everything it uses.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let mut environment = filters::environment();
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(NAME, source.to_owned())?;
        let (is_username, claims) = {
            let template = environment.get_template(NAME)?;
            let usage = Reader::new(&environment).read(get_compiled_template(&template));
            if !usage.unknown.is_empty() {
                return Err(TemplateError::Unknown(usage.unknown.into_iter().collect()));
            }
            if let Some(name) = usage.of_login {
                return Err(TemplateError::OfLogin(name));
            }
            if let Some(number) = usage.too_large {
                return Err(TemplateError::TooLarge(number));
            }
            (usage.is_username, usage.claims)
        };
        let needs_attributes = claims.iter().any(Claim::is_attribute);
        Ok(Self { environment, is_username, needs_attributes })
    }

    /// Returns whether the localpart is the username, so that a user can be looked up by it.
    #[must_use]
    pub fn is_username(&self) -> bool {
        self.is_username
    }

    /// Returns whether the template uses claims that only a full representation of a user has.
    #[must_use]
    pub fn needs_attributes(&self) -> bool {
        self.needs_attributes
    }

    /// Renders the localpart of a user.
    ///
    /// The name is only checked loosely: accounts from before MAS may have names that MAS no longer
    /// accepts. [`check_name`] has the rules for new accounts.
    pub fn render(&self, user: &Claims<'_>) -> Result<Localpart, NoLocalpart> {
        if self.is_username {
            return localpart(user.preferred_username);
        }
        self.render_value(&user.to_value())
    }

    fn render_value(&self, claims: &Value) -> Result<Localpart, NoLocalpart> {
        // MAS merges ID token and userinfo into `user`; Keycloak puts the same claims into both.
        let context = context! {
            user => claims,
            id_token_claims => claims,
            userinfo_claims => claims,
        };
        let template = self.environment.get_template(NAME)?;
        // This version of minijinja panics on `""[::-1]`. In MAS the user then gets no name either.
        let rendered = catch_unwind(AssertUnwindSafe(|| template.render(context)));
        localpart(&rendered.unwrap_or_else(|_| Err(panicked()))?)
    }
}

fn panicked() -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, "minijinja panicked")
}

/// Checks what a template rendered. MAS does not trim it: a text with a space is not a name.
fn localpart(text: &str) -> Result<Localpart, NoLocalpart> {
    if text.is_empty() {
        return Err(NoLocalpart::Empty);
    }
    if text.contains(is_impossible) {
        return Err(NoLocalpart::Impossible(text.to_owned()));
    }
    Ok(text.into())
}

fn is_impossible(c: char) -> bool {
    matches!(c, '@' | ':') || c.is_whitespace() || c.is_control()
}
