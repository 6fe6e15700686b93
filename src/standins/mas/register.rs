//! Creates users: for the Admin API, and for mas-cli's `register-user` with everything at once.
//!
//! Names are checked in the order of the recordings: taken, then invalid, then reserved by the
//! homeserver, which refuses names of digits only.

use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::emails::Email;
use super::jobs::Task;
use super::manage::Done;
use super::state::{DatabaseUser, MasState};
use super::upstream::{Link, Provider};
use super::version::Version;
use crate::standins::{Shared, runtime};

/// A user of an upstream provider, as `register-user -m` names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UpstreamAccount {
    /// The provider's ULID.
    pub provider: String,
    /// The user's ID there.
    pub subject: String,
}

/// A user to be created by mas-cli.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Registration {
    pub username: String,
    pub displayname: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// Users of upstream providers to link.
    pub links: Vec<UpstreamAccount>,
    /// Whether the user may request administrator rights.
    pub admin: bool,
}

/// Returns whether MAS accepts the characters of a name.
pub(super) fn is_valid(username: &str) -> bool {
    let allowed = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "=_-./+".contains(letter)
    };
    (1..=255).contains(&username.len())
        && !username.starts_with('_')
        && username.chars().all(allowed)
}

/// Asks the homeserver whether it has no account of this name and does not reserve it. There is
/// no answer if the homeserver is down.
pub(super) async fn is_available(state: &Shared<MasState>, username: &str) -> Option<bool> {
    let settings = state.lock().settings.clone();
    let name = url::form_urlencoded::byte_serialize(username.as_bytes()).collect::<String>();
    let base = settings.synapse_url.trim_end_matches('/');
    let url = format!("{base}/_synapse/mas/is_localpart_available?localpart={name}");
    let asked = runtime::client().get(url).bearer_auth(settings.shared_secret.expose_secret());
    match asked.send().await.ok()?.status() {
        StatusCode::OK => Some(true),
        StatusCode::BAD_REQUEST => Some(false),
        _ => None,
    }
}

impl MasState {
    /// Adds a user, whose account on the homeserver a job creates.
    pub(super) fn create(&mut self, username: &str, displayname: Option<String>) -> DatabaseUser {
        let user = self.add_user(username).clone();
        self.schedule(&user.id, Task::Provision { displayname });
        user
    }

    /// Returns the display name if the Admin API of this release uses it.
    pub(super) fn used_displayname(&self, displayname: Option<String>) -> Option<String> {
        displayname.filter(|_| self.settings.release() >= Version::DISPLAYNAME)
    }
}

/// Runs `register-user`: everything or nothing.
pub(super) async fn register(state: &Shared<MasState>, new: &Registration) -> Done {
    if state.lock().is_taken(&new.username) {
        return Done::failed("User already exists");
    }
    match is_available(state, &new.username).await {
        Some(true) => added(&mut state.lock(), new),
        Some(false) => Done::failed("Username not available on homeserver"),
        None => Done::failed("Failed to check if the username is available"),
    }
}

fn added(state: &mut MasState, new: &Registration) -> Done {
    if state.is_taken(&new.username) {
        return Done::failed("User already exists");
    }
    let provider = |link: &UpstreamAccount| state.upstream.providers.get(&link.provider).cloned();
    let Some(providers) = new.links.iter().map(provider).collect::<Option<Vec<_>>>() else {
        return Done::panicked(
            "crates/cli/src/commands/manage.rs:769:48",
            "no entry found for key",
        );
    };
    let is_same = |link: &Link, new: &UpstreamAccount| {
        link.provider_id == new.provider && link.subject == new.subject
    };
    if new.links.iter().any(|new| state.links().any(|link| is_same(link, new))) {
        // Not recorded: the database has each subject once, and takes back what was begun.
        return Done::failed(
            "error returned from database: duplicate key value violates unique constraint",
        );
    }
    let mut done = Done { stdout: shown(state, new, &providers), ..Done::default() };
    let id = state.create(&new.username, new.displayname.clone()).id;
    if let Some(user) = state.user_mut(&new.username) {
        user.admin = new.admin;
    }
    for email in &new.emails {
        state.add_email(Email::new(&id, email));
    }
    for link in &new.links {
        state.add_link(Link::new(&link.provider, &link.subject, &id));
    }
    if new.emails.is_empty() {
        done.warn(919, "No email address provided, user will need to add one".to_owned());
    }
    done.info(936, format!("User registered user.id={id}"));
    done
}

/// Returns what mas-cli prints about the new user. The line of an e-mail address is not recorded.
fn shown(state: &MasState, new: &Registration, providers: &[Provider]) -> String {
    let name = &new.username;
    let mut rows = vec![
        ("Username", name.clone()),
        ("Matrix ID", format!("@{name}:{}", state.settings.server_name)),
    ];
    rows.extend(new.displayname.iter().map(|name| ("Display name", name.clone())));
    for (link, provider) in new.links.iter().zip(providers) {
        let issuer = provider.human_name.as_ref().or(provider.issuer.as_ref());
        let issuer = issuer.map_or("", String::as_str);
        rows.push(("Upstream account", format!("{issuer} ({}) : {:?}", provider.id, link.subject)));
    }
    rows.extend(new.emails.iter().map(|email| ("Email", email.clone())));
    let rows: Vec<_> = rows.iter().map(|(key, value)| format!("{key:>17}: {value}\n")).collect();
    let note = if new.emails.is_empty() {
        "No email address provided, user will be prompted to add one\n"
    } else {
        ""
    };
    format!("User attributes\n{}{note}", rows.concat())
}
