//! One person, for a person: every fact with the server it is from, then the rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{HEADING, counted};
use crate::config::{AccountSource, Config};
use crate::model::{Account, AccountDetail, AccountState, KeycloakId, KeycloakPerson, Localpart, Member, UserId, printable};
use crate::planner::{Facts, Verdict};
use crate::readers::{Asked, Group};
use crate::state::{ActionRow, RunId};

/// Everything that is known of a person.
pub struct Known<'k> {
    /// The name that was asked for.
    pub wanted: &'k UserId,
    /// The configuration.
    pub config: &'k Config,
    /// The groups of the configuration.
    pub groups: &'k [Group],
    /// The reading.
    pub facts: &'k Facts,
    /// Their rows in the member lists.
    pub members: Vec<&'k Member>,
    /// What Keycloak says of everyone who may be meant.
    pub people: Vec<InKeycloak>,
    /// Their accounts, with what becomes of each.
    pub accounts: Vec<(&'k Account, Verdict)>,
    /// What each server says of each account.
    pub asked: BTreeMap<&'k UserId, Asked>,
    /// What this program has ever tried with them, the newest first.
    pub past: Vec<(RunId, ActionRow)>,
}

/// What Keycloak was asked for.
pub enum AskedFor {
    /// The user of this ID.
    Id(KeycloakId),
    /// The user of this name, whoever that is by now.
    Name(Localpart),
}

/// An answer of Keycloak.
pub struct InKeycloak {
    /// The question.
    pub asked_for: AskedFor,
    /// The answer.
    pub person: KeycloakPerson,
}

/// The facts and the rule.
#[must_use]
pub fn person(known: &Known<'_>) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#}\n", known.wanted);
    keycloak(&mut text, known);
    synapse(&mut text, known);
    mas(&mut text, known);
    past(&mut text, known);
    rule(&mut text, known);
    text
}

fn keycloak(text: &mut String, known: &Known<'_>) {
    let config = &known.config.keycloak;
    let _ = writeln!(text, "\n{HEADING}Keycloak{HEADING:#} ({}, realm {})", config.url, config.realm);
    let groups: Vec<_> = known.groups.iter().map(|group| group.path.as_str()).collect();
    let listed = match known.members.as_slice() {
        [] => format!("not in the member list of {}", groups.join(", ")),
        [_] => format!("in the member list of {}", groups.join(", ")),
        many => format!("{} members of {} have this name, or its account", many.len(), groups.join(", ")),
    };
    let _ = writeln!(text, "  {listed} ({})", counted(known.facts.members.len(), "member", "members"));
    for member in &known.members {
        let name = member.localpart.as_ref().map_or_else(|| "without a name".to_owned(), ToString::to_string);
        let _ = writeln!(text, "  member {name} ({}): {}", member.id, enabled(member.enabled));
    }
    for answer in &known.people {
        in_keycloak(text, answer);
    }
}

fn in_keycloak(text: &mut String, InKeycloak { asked_for, person }: &InKeycloak) {
    let (what, nobody) = match asked_for {
        AskedFor::Id(id) => (format!("ID {id}"), "Keycloak knows nobody of this ID"),
        AskedFor::Name(name) => (format!("name {name}"), "Keycloak knows nobody of this name"),
    };
    match person {
        KeycloakPerson::Unknown => drop(writeln!(text, "  asked for the {what}: {nobody}")),
        KeycloakPerson::OnlyRemembered { user, groups, federation_link } => {
            let id = &user.id;
            let _ = writeln!(text, "  asked for the {what}: user {id}, groups: {}", groups.join(", "));
            let _ = writeln!(
                text,
                "    which Keycloak only remembers: the storage provider {federation_link}, asked just now, has nobody of \
                 their name any more, and counts others in their group"
            );
            text.push_str("    so unknown to Keycloak\n");
        }
        KeycloakPerson::Known { user, enabled: is_enabled, in_group, groups, remembered, federation_link, .. } => {
            let id = &user.id;
            let of = if groups.is_empty() { "no groups".to_owned() } else { groups.join(", ") };
            let user = match asked_for {
                AskedFor::Id(_) => String::new(),
                AskedFor::Name(_) => format!("user {id}, "),
            };
            let _ = writeln!(text, "  asked for the {what}: {user}{}, groups: {of}", enabled(*is_enabled));
            if !remembered.is_empty() {
                let _ = writeln!(
                    text,
                    "    Keycloak only remembers {}: their directory, asked just now, counts them in no such group any more, \
                     and counts others in it",
                    remembered.join(", ")
                );
            }
            let _ = writeln!(text, "    so {}", if *in_group { "in the group" } else { "not in the group" });
            if let Some(link) = federation_link {
                let _ = writeln!(text, "    comes from the storage provider {link}");
            }
        }
    }
}

fn enabled(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

fn synapse(text: &mut String, known: &Known<'_>) {
    let Some(config) = &known.config.synapse else { return };
    let _ = writeln!(text, "\n{HEADING}Synapse{HEADING:#} ({})", config.url);
    let lists = known.config.accounts.source == AccountSource::Synapse;
    if known.accounts.is_empty() && lists {
        text.push_str("  no account of this name\n");
    }
    for (account, _) in &known.accounts {
        let detail = known.asked.get(&account.user_id).and_then(|asked| asked.synapse.as_ref());
        let by_detail = detail.map(|detail| detail.state);
        match if lists { Some(account.state) } else { by_detail } {
            Some(state) => drop(writeln!(text, "  {}: {}", account.user_id, words(state))),
            None => drop(writeln!(text, "  {}: not there yet", account.user_id)),
        }
        let sorts = [
            (known.facts.token_owner.as_ref() == Some(&account.user_id), "owns the admin token"),
            (lists && account.admin || detail.is_some_and(|detail| detail.admin), "administrator"),
            (account.bot || detail.is_some_and(|detail| detail.bot), "bot or support account"),
        ];
        for (_, word) in sorts.iter().filter(|(holds, _)| *holds) {
            let _ = writeln!(text, "    {word}");
        }
        if let Some(AccountDetail { appservice: Some(appservice), .. }) = detail {
            let _ = writeln!(text, "    belongs to the application service {appservice}");
        }
    }
}

fn mas(text: &mut String, known: &Known<'_>) {
    let Some(config) = &known.config.mas_api else { return };
    let _ = writeln!(text, "\n{HEADING}MAS{HEADING:#} ({})", config.url);
    if known.accounts.is_empty() && known.config.accounts.source == AccountSource::Mas {
        text.push_str("  no account of this name\n");
    }
    for (account, _) in &known.accounts {
        let user = known.asked.get(&account.user_id).and_then(|asked| asked.mas.as_ref());
        match (account.mas.id(), user) {
            (Some(id), Some(user)) => {
                let _ = writeln!(text, "  {}: {}, user {id}", user.user_id, words(user.state));
                if user.admin {
                    text.push_str("    may ask for administrator's rights\n");
                }
            }
            _ => drop(writeln!(text, "  {}: unknown to MAS", account.user_id)),
        }
        for link in &account.links {
            let _ = writeln!(text, "    tied to the user {link} of Keycloak");
        }
    }
}

fn past(text: &mut String, known: &Known<'_>) {
    let Some(path) = known.config.state_file.path() else { return };
    let _ = writeln!(text, "\n{HEADING}State file{HEADING:#} ({})", path.display());
    for (account, _) in &known.accounts {
        if let Some(since) = known.facts.memory.absent_since.get(&account.user_id) {
            let _ = writeln!(text, "  {}: out of the group since {since}", account.user_id);
        }
    }
    if known.past.is_empty() {
        text.push_str("  this program has never changed the account\n");
    }
    for (run, action) in &known.past {
        let when = action.begun.map(|begun| begun.to_string()).unwrap_or_default();
        let (kind, reason) = (action.action.as_str(), action.reason.text());
        let _ = writeln!(text, "  {when}: {kind}, {} (run {run}; {reason})", action.outcome);
    }
}

fn words(state: AccountState) -> String {
    let words: Vec<_> = [(state.deactivated, "deactivated"), (state.locked, "locked"), (state.erased, "erased")]
        .into_iter()
        .filter_map(|(holds, word)| holds.then_some(word))
        .collect();
    if words.is_empty() { "active".to_owned() } else { words.join(", ") }
}

fn rule(text: &mut String, known: &Known<'_>) {
    let _ = writeln!(text, "\n{HEADING}Rule{HEADING:#}");
    for (account, verdict) in &known.accounts {
        let _ = writeln!(text, "  {}: {}", account.localpart(), told(verdict, "not in the group"));
    }
    if known.accounts.is_empty() {
        let told = if known.members.iter().any(|member| member.enabled) {
            "in the group, no account yet: nothing; it is made at the first login"
        } else {
            "not in the group, no account: nothing"
        };
        let _ = writeln!(text, "  {told}");
    }
}

/// `out` says in which way someone may not use Matrix.
fn told(verdict: &Verdict, out: &str) -> String {
    match verdict {
        Verdict::MemberActive => "in the group, and the account is active: nothing".to_owned(),
        Verdict::OutsideDisabled => format!("{out}, and the account is disabled: nothing"),
        Verdict::OutsideLocked => {
            format!("{out}, and locked by hand: nothing; they cannot get in, and deactivating would cost their rooms")
        }
        Verdict::Activate(reason) => format!("{}, and the account is disabled: activate", reason.text()),
        Verdict::Disable(reason) => format!("{}, and the account is active: disable", reason.text()),
        Verdict::Kept(reason) => format!("left alone ({}): {}", reason.word(), reason.text()),
        Verdict::InGrace(until) => format!("{out}, and left alone until {until} (in_grace): policy.grace"),
        Verdict::ActivationNotConfirmed => "in the group by the list, but Keycloak does not confirm it: nothing".to_owned(),
        Verdict::NeedsApproval(reason, approval) => {
            format!("{}, and the account is active: disable, but only with an approval, because {}", reason.text(), approval.text())
        }
        Verdict::MayBeMember(signs) => {
            let signs: Vec<_> = signs.iter().map(|seen| format!("{} of {}", seen.sign.text(), printable(&seen.user.username))).collect();
            format!("kept (may_be_member): {}", signs.join(", "))
        }
        Verdict::DisableSkipped(reason, error) | Verdict::ActivateSkipped(reason, error) => {
            format!("{}, but kept, because the second look failed: {error}", reason.text())
        }
    }
}
