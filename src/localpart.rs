//! The name of a member's Matrix account: the template of MAS's `claims_imports`, in its own language.

use std::collections::HashSet;

use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::model::Localpart;

/// The name that the one template of the environment has.
const NAME: &str = "keycloak.localpart";
/// More than any sensible template takes; an endless loop ends here.
const FUEL: u64 = 10_000;

/// The claims of a Keycloak user that a template can use, as `user.…`.
#[derive(Debug)]
pub struct Claims<'u> {
    /// The user's ID in Keycloak.
    pub sub: &'u str,
    /// The username.
    pub preferred_username: &'u str,
    /// The e-mail address.
    pub email: Option<&'u str>,
    /// The first name.
    pub given_name: Option<&'u str>,
    /// The last name.
    pub family_name: Option<&'u str>,
}

impl Claims<'_> {
    /// A claim that the user does not have is not there at all, so that using it is an error.
    fn to_value(&self) -> Value {
        let values = [Some(self.sub), Some(self.preferred_username), self.email, self.given_name, self.family_name];
        Value::from_pairs(CLAIMS.into_iter().zip(values).filter_map(|(claim, value)| Some((claim, value?))))
    }
}

const CLAIMS: [&str; 5] = ["sub", "preferred_username", "email", "given_name", "family_name"];

/// A checked template.
#[derive(Debug, Clone)]
pub struct LocalpartTemplate {
    environment: Environment<'static>,
    is_username: bool,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not written in the template language.
    #[error("{0:#}")]
    Syntax(#[from] minijinja::Error),
    /// It uses something that Keycloak's member list does not tell.
    #[error("{name} is not known here; a template can use {}", known())]
    Unknown {
        /// What it uses.
        name: String,
    },
}

/// Why a member has no localpart.
#[derive(Debug, thiserror::Error)]
pub enum NoLocalpart {
    /// The template failed, on a claim that this member does not have, for example.
    #[error("the template failed")]
    Failed(#[from] minijinja::Error),
    /// The template gave nothing.
    #[error("the template gave an empty name")]
    Empty,
    /// The template gave something that can be no localpart, such as an e-mail address.
    #[error("the template gave {0:?}, which can be no localpart")]
    Impossible(String),
}

fn known() -> String {
    CLAIMS.map(|claim| format!("user.{claim}")).join(", ")
}

impl Default for LocalpartTemplate {
    fn default() -> Self {
        Self::new("{{ user.preferred_username }}").expect("the default template is valid")
    }
}

impl LocalpartTemplate {
    /// Whether the localpart is the username, so that someone can be asked for by it.
    #[must_use]
    pub fn is_username(&self) -> bool {
        self.is_username
    }

    /// Checks that the template is well-formed and uses only what the member list tells.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(NAME, source.to_owned())?;
        let used: HashSet<String> = environment.get_template(NAME)?.undeclared_variables(true);
        let is_known = |name: &str| {
            name == "user" || name.strip_prefix("user.").is_some_and(|rest| CLAIMS.contains(&first_segment(rest)))
        };
        if let Some(name) = used.into_iter().filter(|name| !is_known(name)).min() {
            return Err(TemplateError::Unknown { name });
        }
        let is_username = source.split_whitespace().collect::<String>() == "{{user.preferred_username}}";
        Ok(Self { environment, is_username })
    }

    /// The localpart of a member.
    pub fn render(&self, user: &Claims<'_>) -> Result<Localpart, NoLocalpart> {
        if self.is_username {
            return Self::checked(user.preferred_username);
        }
        let rendered = self.environment.get_template(NAME)?.render(context! { user => user.to_value() })?;
        Self::checked(&rendered)
    }

    fn checked(text: &str) -> Result<Localpart, NoLocalpart> {
        match text.trim() {
            "" => Err(NoLocalpart::Empty),
            text if text.contains(|c: char| matches!(c, '@' | ':') || c.is_whitespace() || c.is_control()) => {
                Err(NoLocalpart::Impossible(text.to_owned()))
            }
            localpart => Ok(localpart.into()),
        }
    }
}

/// `email.split` is the claim `email`, of which a method is called.
fn first_segment(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Claims<'static> {
        Claims {
            sub: "1",
            preferred_username: "alice",
            email: Some("al.ice@corp.test"),
            given_name: None,
            family_name: None,
        }
    }

    fn render(source: &str) -> Result<Localpart, NoLocalpart> {
        LocalpartTemplate::new(source).expect("a valid template").render(&alice())
    }

    #[test]
    fn the_default_is_the_username() {
        assert_eq!(LocalpartTemplate::default().render(&alice()).expect("a name"), "alice".into());
    }

    #[test]
    fn methods_and_filters_of_the_language_of_mas_work() {
        assert_eq!(render("{{ user.email.split('@')[0] }}").expect("a name"), "al.ice".into());
        assert_eq!(
            render("{{ (user.given_name | default(user.preferred_username)) | upper }}").expect("a name"),
            "ALICE".into()
        );
    }

    #[test]
    fn a_claim_that_a_member_does_not_have_is_an_error() {
        assert!(matches!(render("{{ user.given_name }}"), Err(NoLocalpart::Failed(_))));
        assert!(matches!(render("{% if false %}x{% endif %}"), Err(NoLocalpart::Empty)));
    }

    #[test]
    fn a_name_that_no_account_can_have_is_an_error() {
        assert!(matches!(render("{{ user.email }}"), Err(NoLocalpart::Impossible(_))));
    }

    #[test]
    fn a_claim_that_nobody_has_is_refused_at_once() {
        let error = LocalpartTemplate::new("{{ user.employee_number }}").expect_err("refused");
        assert!(error.to_string().starts_with("user.employee_number is not known here"), "{error}");
        assert!(LocalpartTemplate::new("{{ user.").is_err());
    }
}
