//! Changes MAS's database for mas-cli.
//!
//! The real mas-cli opens that database itself. Here the database is inside the MAS stand-in, so
//! the stand-in for mas-cli sends its command to `POST /stand-in/manage` and prints the returned
//! log lines. They follow `mas-cli.json`, including source line numbers, which log parsers may use.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::emails::Email;
use super::jobs::{Task, call};
use super::register::{Registration, register};
use super::sessions::{CompatScope, SessionKind};
use super::state::{DatabaseUser, MasState};
use super::version::Version;
use crate::standins::query::basic;
use crate::standins::{Shared, ids, server, time};

/// A subcommand of `mas-cli manage`.
#[derive(Clone, Debug, Deserialize, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case", tag = "command")]
#[strum(serialize_all = "kebab-case")]
pub enum ManageRequest {
    /// Lock, and deactivate if asked.
    LockUser { username: String, deactivate: bool },
    /// Unlock, or reactivate if asked; never both (trap 17).
    UnlockUser { username: String, reactivate: bool },
    /// End all sessions.
    KillSessions {
        username: String,
        /// Whether to only print what would be done.
        dry_run: bool,
    },
    /// Let a user request administrator rights.
    PromoteAdmin { username: String },
    /// Take that right away.
    DemoteAdmin { username: String },
    /// List all users who may request administrator rights; changes nothing.
    ListAdminUsers,
    /// Create a user.
    RegisterUser(Registration),
    /// Open a session and print its token.
    IssueCompatibilityToken {
        username: String,
        /// The device; a new one if not given.
        device_id: Option<String>,
        /// Whether the token opens Synapse's admin API.
        admin: bool,
    },
    /// Add a verified e-mail address.
    AddEmail { username: String, email: String },
    /// Send every user to the homeserver (trap 68).
    ProvisionAllUsers,
}

/// A line of mas-cli's log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LogLine {
    /// `INFO` or `WARN`.
    pub level: String,
    /// The line of the source that wrote it.
    pub line: u32,
    /// The text with its fields.
    pub text: String,
}

/// The result of a command.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Done {
    #[serde(default)]
    pub log: Vec<LogLine>,
    /// What it prints to stdout.
    #[serde(default)]
    pub stdout: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Where and why it panicked, if it did.
    #[serde(default)]
    pub panic: Option<(String, String)>,
}

impl Done {
    pub(super) fn failed(error: &str) -> Self {
        Self { error: Some(error.to_owned()), ..Self::default() }
    }

    pub(super) fn panicked(place: &str, message: &str) -> Self {
        Self { panic: Some((place.to_owned(), message.to_owned())), ..Self::default() }
    }

    pub(super) fn info(&mut self, line: u32, text: String) {
        self.log.push(LogLine { level: "INFO".to_owned(), line, text });
    }

    pub(super) fn warn(&mut self, line: u32, text: String) {
        self.log.push(LogLine { level: "WARN".to_owned(), line, text });
    }
}

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/stand-in/manage", post(manage)).route("/stand-in/read", post(manage))
}

async fn manage(
    State(state): State<Shared<MasState>>,
    headers: HeaderMap,
    Json(command): Json<ManageRequest>,
) -> Response {
    if let Err(answer) = admitted(&state.lock(), &headers) {
        return *answer;
    }
    let done = match command {
        ManageRequest::IssueCompatibilityToken { username, device_id, admin } => {
            issue_token(&state, &username, device_id, admin).await
        }
        ManageRequest::RegisterUser(new) => register(&state, &new).await,
        other => change(&mut state.lock(), other),
    };
    server::json(StatusCode::OK, "application/json", &json!(done))
}

/// Checks that the request has the database's password; the error is the answer.
pub(super) fn admitted(state: &MasState, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let given = basic(headers).unwrap_or_default();
    if state
        .settings
        .database_password
        .as_ref()
        .is_none_or(|expected| given.1 == expected.expose_secret())
    {
        return Ok(());
    }
    let error = format!("password authentication failed for user \"{}\"", given.0);
    Err(Box::new(server::json(
        StatusCode::UNAUTHORIZED,
        "application/json",
        &json!({ "error": error }),
    )))
}

fn change(state: &mut MasState, command: ManageRequest) -> Done {
    let find = |state: &MasState, name: &str| state.user(name).cloned();
    let unknown = || Done::failed("User not found");
    match command {
        ManageRequest::LockUser { username, deactivate } => {
            find(state, &username).map_or_else(unknown, |user| lock(state, &user, deactivate))
        }
        ManageRequest::UnlockUser { username, reactivate } => {
            find(state, &username).map_or_else(unknown, |user| unlock(state, &user, reactivate))
        }
        ManageRequest::KillSessions { username, dry_run } => {
            find(state, &username).map_or_else(unknown, |user| kill_sessions(state, &user, dry_run))
        }
        ManageRequest::ListAdminUsers => list_admin_users(state),
        ManageRequest::PromoteAdmin { username } => {
            find(state, &username).map_or_else(unknown, |user| set_admin(state, &user, Admin::Yes))
        }
        ManageRequest::DemoteAdmin { username } => {
            find(state, &username).map_or_else(unknown, |user| set_admin(state, &user, Admin::No))
        }
        ManageRequest::AddEmail { username, email } => {
            find(state, &username).map_or_else(unknown, |user| add_email(state, &user, &email))
        }
        ManageRequest::ProvisionAllUsers => provision_all(state),
        ManageRequest::RegisterUser(_) | ManageRequest::IssueCompatibilityToken { .. } => {
            Done::failed("not a change of the database alone")
        }
    }
}

/// Locks at once in MAS and by a job on the homeserver; the deactivation is a job for both.
fn lock(state: &mut MasState, user: &DatabaseUser, deactivate: bool) -> Done {
    let mut done = Done::default();
    done.info(634, format!("Locking user user.id={}", user.id));
    if let Some(user) = state.user_mut(&user.username) {
        user.locked_at.get_or_insert_with(time::now_rfc3339);
    }
    state.schedule_lock(&user.id);
    if deactivate {
        done.warn(
            line_of(state, 642, 648),
            format!("Scheduling user deactivation user.id={}", user.id),
        );
        state.schedule(&user.id, Task::Deactivate { erase: false });
    }
    done
}

/// Returns the line of the source before and since the release whose locks reach the homeserver.
fn line_of(state: &MasState, before: u32, since: u32) -> u32 {
    if state.settings.release() < Version::LOCK_ON_HOMESERVER { before } else { since }
}

fn unlock(state: &mut MasState, user: &DatabaseUser, reactivate: bool) -> Done {
    let mut done = Done::default();
    if reactivate {
        done.warn(
            line_of(state, 672, 684),
            format!("Scheduling user reactivation user.id={}", user.id),
        );
        state.schedule(&user.id, Task::Reactivate);
        return done;
    }
    if let Some(user) = state.user_mut(&user.username) {
        user.locked_at = None;
    }
    state.schedule_lock(&user.id);
    done
}

/// Ends all sessions except personal ones (trap 44).
fn kill_sessions(state: &mut MasState, user: &DatabaseUser, dry_run: bool) -> Done {
    let mut done = Done::default();
    let open = |kind| state.open_sessions(&user.id).filter(|session| session.kind == kind).count();
    match open(SessionKind::Compat) {
        0 => done.info(569, "No active compatibility sessions to end".to_owned()),
        count => done.info(571, format!("Ended {count} active compatibility sessions")),
    }
    match open(SessionKind::OAuth2) {
        // The real one also repeats the words of the previous line.
        0 => done.info(582, "No active compatibility sessions to end".to_owned()),
        count => done.info(584, format!("Ended {count} active OAuth 2.0 sessions")),
    }
    match open(SessionKind::Browser) {
        0 => done.info(595, "No active browser sessions to end".to_owned()),
        count => done.info(597, format!("Ended {count} active browser sessions")),
    }
    done.warn(601, "Scheduling job to sync devices for the user".to_owned());
    if dry_run {
        done.info(608, "Dry run, not saving".to_owned());
        return done;
    }
    state.finish_sessions(&user.id, &SessionKind::OF_LOGINS);
    state.schedule(&user.id, Task::SyncDevices);
    done
}

/// What a user becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admin {
    Yes,
    No,
}

/// Changes the administrator flag, which never reaches the homeserver (trap 48).
fn set_admin(state: &mut MasState, user: &DatabaseUser, admin: Admin) -> Done {
    let mut done = Done::default();
    let (line, what) = match admin {
        Admin::Yes => (349, "User promoted to admin"),
        Admin::No => (373, "User is no longer admin"),
    };
    done.info(line, format!("{what} user.id={} user.username={}", user.id, user.username));
    if let Some(user) = state.user_mut(&user.username) {
        user.admin = admin == Admin::Yes;
    }
    done
}

fn list_admin_users(state: &MasState) -> Done {
    let admins: Vec<&DatabaseUser> = state.users().filter(|user| user.admin).collect();
    let mut done = Done::default();
    done.info(
        390,
        format!("The following users can request admin privileges ({} total):", admins.len()),
    );
    for user in admins {
        done.info(395, format!("user.id={} username={}", user.id, user.username));
    }
    done
}

/// Adds an address, which reaches the homeserver when the user is next provisioned.
fn add_email(state: &mut MasState, user: &DatabaseUser, email: &str) -> Done {
    let mut done = Done::default();
    let email = Email::new(&user.id, email);
    let DatabaseUser { id, username, .. } = user;
    done.info(
        304,
        format!(
            "Email added user.id={id} user.username={username} email.id={} email.email={}",
            email.id, email.email
        ),
    );
    state.add_email(email);
    done
}

/// Sends every user to the homeserver, with locks that it has missed (trap 68).
fn provision_all(state: &mut MasState) -> Done {
    let ids: Vec<String> = state.users().map(|user| user.id.clone()).collect();
    for id in ids {
        state.schedule(&id, Task::Provision { displayname: None });
    }
    Done::default()
}

/// Issues a token. The device is created on the homeserver first, so that the token works at once.
async fn issue_token(
    state: &Shared<MasState>,
    username: &str,
    device_id: Option<String>,
    admin: bool,
) -> Done {
    let Some(user) = state.lock().user(username).cloned() else {
        return Done::failed("User not found");
    };
    let device = device_id.unwrap_or_else(|| ids::word(10));
    if !call(state, "upsert_device", &json!({"localpart": user.username, "device_id": device}))
        .await
    {
        return Done::failed("Failed to create the device on the homeserver");
    }
    let issued = {
        let mut state = state.lock();
        let scope = if admin { CompatScope::SynapseAdmin } else { CompatScope::Client };
        let token = state.add_session(username, &device, scope);
        token.and_then(|token| {
            state.session(&token).map(|session| (session.id.clone(), token.clone()))
        })
    };
    let Some((session, token)) = issued else {
        return Done::failed("User not found");
    };
    let mut done = Done::default();
    done.info(
        420,
        format!(
            "Compatibility token issued: {token} compat_access_token.id={} compat_session.id={session} \
             compat_session.device={device} user.id={} user.username={}",
            ids::ulid(),
            user.id,
            user.username
        ),
    );
    done
}
