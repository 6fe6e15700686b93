//! Prints one user or account for an administrator: every fact with its server, the evidence for
//! the owner, then the rule.

mod evidence;
mod servers;
mod verdict;

use std::collections::BTreeMap;

use super::{HEADING, Page, Terminal};
use crate::config::Config;
use crate::model::{
    Account, KeycloakId, KeycloakPerson, Localpart, Member, Timestamp, UserId, printable,
};
use crate::plan::{Mark, Reason};
use crate::planner::{AccountEvidence, Facts, RightAfter, Verdict};
use crate::readers::{Membership, ServerAnswers};
use crate::state::{ActionRow, RunId};

/// Everything that is known about the user or account.
pub struct KnownFacts<'k> {
    pub wanted: String,
    pub config: &'k Config,
    pub membership: &'k Membership,
    pub facts: &'k Facts,
    /// The rows of the member list about any user in question.
    pub members: Vec<&'k Member>,
    /// Those of them that were asked for.
    pub wanted_members: Vec<&'k Member>,
    /// What Keycloak says about every user in question.
    pub people: Vec<InKeycloak>,
    /// The accounts, with what becomes of each.
    pub accounts: Vec<Explained<'k>>,
    /// What each server says about each account.
    pub asked: BTreeMap<&'k UserId, ServerAnswers>,
    /// Everything this program has tried on the accounts, the newest first.
    pub past: Vec<(RunId, ActionRow)>,
    /// The command that approves the plan, if an account needs an approval.
    pub approve: Option<String>,
}

/// One account, explained.
pub struct Explained<'k> {
    pub account: &'k Account,
    pub verdict: Verdict,
    /// What an administrator should know about its change.
    pub mark: Option<Mark>,
    /// When it will be deactivated, if this program has locked it.
    pub next_stage: Option<Timestamp>,
    /// Whether it is locked by this program, and its time starts with the next run.
    pub is_before_its_time: bool,
    /// Whether a limit has no room for its deactivation now.
    pub waits_for_room: bool,
    /// Why it is not a member's, by the lists, if it is not.
    pub outside: Reason,
    /// What becomes of the right of an administrator (`[admins]`).
    pub right: Option<RightAfter>,
    /// The evidence for its owner.
    pub evidence: AccountEvidence,
}

/// What Keycloak was asked for.
pub enum AskedFor {
    Id(KeycloakId),
    /// The user who has this name now.
    Name(Localpart),
}

/// An answer of Keycloak.
pub struct InKeycloak {
    pub asked_for: AskedFor,
    pub person: KeycloakPerson,
}

impl KnownFacts<'_> {
    /// Returns a user as text: the username and the ID, or that Keycloak has deleted it.
    fn user(&self, id: &KeycloakId) -> String {
        let is_it = |answer: &&InKeycloak| match &answer.asked_for {
            AskedFor::Id(asked) => asked == id,
            AskedFor::Name(_) => answer.person.user().is_some_and(|user| user.id == *id),
        };
        match self.people.iter().find(is_it).map(|answer| &answer.person) {
            Some(KeycloakPerson::Known { user, .. }) => {
                format!("{} ({id})", user.username)
            }
            Some(KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. }) => {
                format!("a user that Keycloak no longer has ({id})")
            }
            None => format!("the user {id}"),
        }
    }
}

/// Returns the facts, the evidence and the rule.
#[must_use]
pub fn person(known: &KnownFacts<'_>, terminal: Terminal) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#}\n", printable(&known.wanted));
    servers::keycloak(&mut text, known);
    servers::synapse(&mut text, known);
    servers::mas(&mut text, known);
    servers::state_file(&mut text, known);
    evidence::section(&mut text, known);
    verdict::section(&mut text, known);
    let mut page = Page::new(terminal);
    for line in text.lines() {
        if known.approve.as_deref() == Some(line.trim_start()) {
            page.verbatim(line);
        } else {
            page.line(line);
        }
    }
    page.into_text()
}
