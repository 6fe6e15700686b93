//! The head of a printed plan: what it was read from, and when.

use crate::config::{AccountSource, Config};
use crate::model::{Timestamp, Word as _, printable};
use crate::output::{HEADING, Page};
use crate::phrases::counted;
use crate::plan::{Digest, Plan};

/// What a plan was read from.
#[derive(Debug, Clone)]
pub struct Head {
    /// What kind of plan it is: `Plan`, `Plan to undo run 3`.
    pub title: String,
    /// When everything was read.
    pub at: Timestamp,
    /// The address of Keycloak, the realm, and its groups and roles.
    pub members_of: String,
    /// The server that lists the accounts, with its address.
    pub accounts_of: String,
}

impl Head {
    /// Describes the servers of this configuration, read now.
    #[must_use]
    pub fn new(title: impl Into<String>, config: &Config) -> Self {
        let keycloak = &config.keycloak;
        let named = |one: &str, many: &str, names: &[String]| {
            let noun = if names.len() == 1 { one } else { many };
            (!names.is_empty()).then(|| format!("{noun} {}", printable(&names.join(", "))))
        };
        let members = &keycloak.members;
        let from =
            [named("group", "groups", &members.groups), named("role", "roles", &members.roles)];
        let from: Vec<_> = from.into_iter().flatten().collect();
        let accounts_of = match config.accounts.source {
            AccountSource::Synapse => {
                config.synapse.as_ref().map(|it| format!("Synapse {}", it.url))
            }
            AccountSource::Mas => config.mas_api.as_ref().map(|it| format!("MAS {}", it.url)),
        };
        Self {
            title: title.into(),
            at: Timestamp::now(),
            members_of: format!(
                "Keycloak {}, realm {}, {}",
                keycloak.url,
                printable(&keycloak.realm),
                from.join(", ")
            ),
            accounts_of: accounts_of.unwrap_or_default(),
        }
    }

    pub(super) fn print(&self, page: &mut Page, plan: &Plan, digest: &Digest) {
        let Self { title, at, members_of, accounts_of } = self;
        let digest = if plan.actions.is_empty() {
            String::new()
        } else {
            format!(" (digest {})", digest.short())
        };
        page.line(format_args!(
            "{HEADING}{title} for {}{HEADING:#}{digest}, {at}",
            plan.server_name
        ));
        let (members, accounts) = (plan.read.members, plan.read.accounts);
        page.line(format_args!("  {}: {members_of}", counted(members, "member", "members")));
        page.line(format_args!("  {}: {accounts_of}", counted(accounts, "account", "accounts")));
        page.line(format_args!("  Writer: {}", plan.writer.word()));
    }
}
