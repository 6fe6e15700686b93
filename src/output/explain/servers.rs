//! Prints what each server and the state file say.

use std::fmt::Write as _;

use super::super::HEADING;
use super::{AskedFor, Explained, InKeycloak, KnownFacts};
use crate::config::AccountSource;
use crate::model::{
    Account, AccountDetail, AccountState, KeycloakPerson, KeycloakUser, Member, Word as _,
};
use crate::phrases::{counted, joined};
use crate::readers::{MemberRole, Membership};

pub(super) fn keycloak(text: &mut String, known: &KnownFacts<'_>) {
    let config = &known.config.keycloak;
    let _ =
        writeln!(text, "\n{HEADING}Keycloak{HEADING:#} ({}, realm {})", config.url, config.realm);
    let list = format!(
        "the member list of {} ({})",
        joined(&known.membership.names(), ", "),
        counted(known.facts.members.len(), "member", "members")
    );
    if known.members.is_empty() {
        let _ = writeln!(text, "  not in {list}");
    }
    for member in &known.members {
        let _ = writeln!(text, "  in {list}: {}", row(member));
    }
    for answer in &known.people {
        in_keycloak(text, answer, known.membership);
    }
}

/// Returns a row of the member list: the name that the template gives, and the ID.
fn row(member: &Member) -> String {
    let name = member.localpart.as_ref();
    let name = name.map_or_else(|| "no valid name".to_owned(), ToString::to_string);
    format!("{name} ({}), {}", member.id, enabled(member.enabled))
}

fn in_keycloak(
    text: &mut String,
    InKeycloak { asked_for, person }: &InKeycloak,
    membership: &Membership,
) {
    match person {
        KeycloakPerson::Unknown => {
            let _ = match asked_for {
                AskedFor::Id(id) => writeln!(text, "  ID {id}: Keycloak has no user of this ID"),
                AskedFor::Name(name) => {
                    writeln!(text, "  name {name}: Keycloak has no user of this name")
                }
            };
        }
        KeycloakPerson::OnlyRemembered { user, groups, federation_link } => {
            let _ = writeln!(text, "  {}: groups: {}", called(user), joined(groups, ", "));
            let _ = writeln!(
                text,
                "    Keycloak only remembers this user: the storage provider {federation_link} no longer has a user \
                 of this name, but counts others in the group"
            );
            text.push_str("    so not in Keycloak\n");
        }
        KeycloakPerson::Known { user, enabled: is_enabled, in_group, groups, .. } => {
            let groups = if groups.is_empty() {
                "in no group".to_owned()
            } else {
                format!("groups: {}", joined(groups, ", "))
            };
            let _ = writeln!(text, "  {}: {}, {groups}", called(user), enabled(*is_enabled));
            remembered_groups(text, person);
            roles(text, person, membership);
            let so = match (*in_group, *is_enabled) {
                (true, true) => "in the group",
                (true, false) => {
                    "in the group, but disabled in Keycloak (keycloak.disabled_members)"
                }
                (false, _) => "not in the group",
            };
            let _ = writeln!(text, "    so {so}");
        }
    }
}

fn called(user: &KeycloakUser) -> String {
    let email = user.email.as_ref().map(|email| format!(", {email}"));
    format!("user {} ({}{})", user.username, user.id, email.unwrap_or_default())
}

/// Prints the configured roles that a user has, and the groups that carry them.
fn roles(text: &mut String, person: &KeycloakPerson, membership: &Membership) {
    let KeycloakPerson::Known { roles, groups, .. } = person else { return };
    for name in roles {
        let carriers = membership.roles.iter().filter(|role| role.name == *name);
        let carriers = carriers.flat_map(MemberRole::carriers).map(|group| &group.path);
        let by: Vec<_> = carriers.filter(|path| groups.contains(path)).collect();
        let by = if by.is_empty() { String::new() } else { format!(", by {}", joined(&by, ", ")) };
        let _ = writeln!(text, "    has the role {name}{by}");
    }
    if roles.is_empty() && !membership.roles.is_empty() {
        text.push_str("    has none of the roles\n");
    }
}

fn remembered_groups(text: &mut String, person: &KeycloakPerson) {
    let KeycloakPerson::Known { remembered, federation_link, .. } = person else { return };
    if !remembered.is_empty() {
        let _ = writeln!(
            text,
            "    Keycloak only remembers {}: the directory no longer counts the user there, but counts \
             others",
            joined(remembered, ", ")
        );
    }
    if let Some(link) = federation_link {
        let _ = writeln!(text, "    comes from the storage provider {link}");
    }
}

fn enabled(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

pub(super) fn synapse(text: &mut String, known: &KnownFacts<'_>) {
    let Some(config) = &known.config.synapse else { return };
    let _ = writeln!(text, "\n{HEADING}Synapse{HEADING:#} ({})", config.url);
    let lists = known.config.accounts.source == AccountSource::Synapse;
    if known.accounts.is_empty() && lists {
        text.push_str("  no account of this name\n");
    }
    for Explained { account, .. } in &known.accounts {
        let asked = known.asked.get(&account.user_id);
        let detail = asked.and_then(|asked| asked.synapse.as_ref());
        match detail.map(|detail| detail.state) {
            Some(state) => drop(writeln!(text, "  {}: {}", account.user_id, words(state))),
            None => drop(writeln!(text, "  {}: not there yet", account.user_id)),
        }
        let is_admin = lists && account.admin || detail.is_some_and(|detail| detail.admin);
        let marks = [
            (known.facts.token_owners.include(account), "owns a token in use"),
            (is_admin, "administrator"),
            (account.bot || detail.is_some_and(|detail| detail.bot), "bot or support account"),
        ];
        for (_, word) in marks.iter().filter(|(holds, _)| *holds) {
            let _ = writeln!(text, "    {word}");
        }
        if let Some(detail) = detail {
            details(text, detail);
        }
    }
}

fn details(text: &mut String, detail: &AccountDetail) {
    if let Some(appservice) = &detail.appservice {
        let _ = writeln!(text, "    belongs to the application service {appservice}");
    }
    for id in &detail.external_ids {
        let _ = writeln!(text, "    external ID {id}");
    }
    for email in &detail.emails {
        let _ = writeln!(text, "    e-mail address {email}");
    }
}

pub(super) fn mas(text: &mut String, known: &KnownFacts<'_>) {
    let Some(config) = &known.config.mas_api else { return };
    let _ = writeln!(text, "\n{HEADING}MAS{HEADING:#} ({})", config.url);
    if known.accounts.is_empty() && known.config.accounts.source == AccountSource::Mas {
        text.push_str("  no account of this name\n");
    }
    for Explained { account, .. } in &known.accounts {
        let user = known.asked.get(&account.user_id).and_then(|asked| asked.mas.as_ref());
        match (account.mas.id(), user) {
            (Some(id), Some(user)) => {
                let _ = writeln!(text, "  {}: {}, user {id}", user.user_id, words(user.state));
                if user.admin {
                    text.push_str("    may request administrator rights\n");
                }
                contradiction(text, known, account, user.state);
            }
            _ => drop(writeln!(text, "  {}: unknown to MAS", account.user_id)),
        }
        for link in &account.links {
            let _ = writeln!(text, "    linked to {}", known.user(link));
        }
    }
}

/// Prints what MAS and Synapse contradict each other about, and what that means.
fn contradiction(
    text: &mut String,
    known: &KnownFacts<'_>,
    account: &Account,
    in_mas: AccountState,
) {
    let asked = known.asked.get(&account.user_id).and_then(|asked| asked.synapse.as_ref());
    let Some(in_synapse) = asked.map(|detail| AccountState { erased: false, ..detail.state })
    else {
        return;
    };
    if in_mas == in_synapse {
        return;
    }
    let mas_cli = &known.config.policy.mas_cli;
    let meaning = if in_mas.deactivated && !in_synapse.deactivated {
        "MAS may have lost its job, or its worker does not run: outside the group, the account is \
         deactivated again."
            .to_owned()
    } else if in_mas.locked && !in_synapse.locked {
        format!(
            "Synapse before 1.150 and MAS before 1.14 do not share locks. After the update, run \
             `{mas_cli} manage provision-all-users` once."
        )
    } else {
        "Only MAS keeps users out.".to_owned()
    };
    let _ = writeln!(
        text,
        "    MAS and Synapse contradict each other: {} in MAS, {} in Synapse.\n    {meaning}",
        words(in_mas),
        words(in_synapse)
    );
}

pub(super) fn state_file(text: &mut String, known: &KnownFacts<'_>) {
    let Some(path) = known.config.state_file.path() else { return };
    let _ = writeln!(text, "\n{HEADING}State file{HEADING:#} ({})", path.display());
    for Explained { account, .. } in &known.accounts {
        if let Some(since) = known.facts.memory.absent_since.get(&account.user_id) {
            let _ = writeln!(text, "  {}: out of the group since {since}", account.user_id);
        }
    }
    if known.past.is_empty() {
        text.push_str("  this program has never changed the account\n");
    }
    for (run, action) in &known.past {
        let when = action.begun.map(|begun| begun.to_string()).unwrap_or_default();
        let (kind, reason) = (action.action.word(), action.reason.text());
        let _ = writeln!(text, "  {when}: {kind}, {} (run {run}; {reason})", action.outcome.word());
    }
}

fn words(state: AccountState) -> String {
    let marks =
        [(state.deactivated, "deactivated"), (state.locked, "locked"), (state.erased, "erased")];
    let words: Vec<_> = marks.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
    if words.is_empty() { "active".to_owned() } else { words.join(", ") }
}
