//! Prints who owns an account, by which evidence, and why that decides.

use std::fmt::Write as _;

use super::super::HEADING;
use super::{Explained, KnownFacts};
use crate::model::{KeycloakId, Sign, Tie};
use crate::planner::{AccountEvidence, Clue, EvidenceLine, Matching, Ruling, Side};

pub(super) fn section(text: &mut String, known: &KnownFacts<'_>) {
    if known.accounts.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{HEADING}Owner{HEADING:#}");
    for Explained { account, evidence, .. } in &known.accounts {
        let _ = writeln!(text, "  {} {}", account.user_id, belongs_to(evidence, known));
        for line in &evidence.lines {
            let (side, clue) = (side(line.side), clue(line.clue));
            let unused =
                if is_used(line, known) { "" } else { ", which accounts.match does not use" };
            let _ = writeln!(text, "    {side:<7}  {clue}: {}{unused}", known.user(&line.user));
        }
        for twin in &evidence.twins {
            let _ = writeln!(text, "    {:<7}  the name of {twin} differs only in case", "twin");
        }
        let _ = writeln!(text, "    {}", ruling(evidence, known.config.policy.matching));
    }
}

fn belongs_to(evidence: &AccountEvidence, known: &KnownFacts<'_>) -> String {
    let user = |id: &KeycloakId| known.user(id);
    match evidence.owners.as_slice() {
        [] => "belongs to no known Keycloak user".to_owned(),
        [only] if evidence.ruling == Ruling::Twin => format!("may belong to {}", user(only)),
        [only] => format!("belongs to {}", user(only)),
        several => {
            let users: Vec<_> = several.iter().map(user).collect();
            format!("may belong to {}", users.join(" or "))
        }
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::For => "for",
        Side::Against => "against",
        Side::Hint => "hint",
    }
}

fn clue(clue: Clue) -> &'static str {
    match clue {
        Clue::NewestLink => "link in MAS",
        Clue::OlderLink => "older link in MAS",
        Clue::ExternalId => "external ID in Synapse",
        Clue::Memory(Tie::Link) => "remembered in the state file, from a link",
        Clue::Memory(Tie::ExternalId) => "remembered in the state file, from an external ID",
        Clue::Memory(Tie::Name) => "remembered in the state file, from a name",
        Clue::Memory(Tie::Restored) => {
            "remembered in a state file older than the last run, which only protects"
        }
        Clue::Name => "name by the template",
        Clue::Sign(Sign::EscapedName) => "name as Synapse once escaped it",
        Clue::Sign(Sign::Email) => "e-mail address",
        Clue::Sign(Sign::DisplayName) => "first and last name as display name",
        Clue::Sign(sign @ (Sign::Link | Sign::Memory)) => sign.text(),
    }
}

fn is_used(line: &EvidenceLine, known: &KnownFacts<'_>) -> bool {
    match (known.config.policy.matching, line.clue) {
        (Matching::Localpart, clue) => matches!(clue, Clue::Name | Clue::Sign(_)),
        (Matching::UpstreamLink, clue) => !matches!(clue, Clue::Memory(_)),
        (Matching::Auto, _) => true,
    }
}

fn has(evidence: &AccountEvidence, side: Side, clue: Clue) -> bool {
    evidence.lines.iter().any(|line| line.side == side && line.clue == clue)
}

/// Returns which evidence decides, and the rule that says so.
fn ruling(evidence: &AccountEvidence, matching: Matching) -> &'static str {
    let other_name = has(evidence, Side::Against, Clue::Name);
    match evidence.ruling {
        Ruling::OtherServer => "An account of another homeserver belongs to no user.",
        Ruling::Link if has(evidence, Side::Against, Clue::OlderLink) => {
            "The newest link decides: it replaces the older ones, and a name never replaces a link."
        }
        Ruling::Link if other_name => "The link decides: a name never replaces a link.",
        Ruling::Link => "The link decides.",
        Ruling::ExternalId if other_name => {
            "The external ID decides: a name never replaces an external ID."
        }
        Ruling::ExternalId => "The external ID decides.",
        Ruling::Memory(Tie::Link | Tie::ExternalId) if other_name => {
            "The state file decides: a name never replaces an owner by link or external ID."
        }
        Ruling::Memory(Tie::Name) if other_name => {
            "The state file decides: the name counts only if the remembered user is gone or has \
             another account."
        }
        Ruling::Memory(_) => "The state file decides.",
        Ruling::MemoryUnlessGone => {
            "The state file decides. Before a change this program asks Keycloak for the \
             remembered user: if that user is gone, the name decides."
        }
        Ruling::Name if matching == Matching::Localpart => {
            "The name decides: accounts.match = \"localpart\" acts on names alone."
        }
        Ruling::Name => "The name decides: nothing stronger names another user.",
        Ruling::NameAfterDeletion => {
            "The name decides: Keycloak no longer has the remembered user."
        }
        Ruling::NameAfterMove => "The name decides: the remembered user has another account.",
        Ruling::SharedName => "Nothing decides: several users have this name.",
        Ruling::Twin => {
            "Nothing decides: the name differs from that of another account only in case."
        }
        Ruling::Nothing if evidence.lines.is_empty() => "Nothing ties the account to a user.",
        Ruling::Nothing => "Nothing decides: such signs only protect the account.",
    }
}
