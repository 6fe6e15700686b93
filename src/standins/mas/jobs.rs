//! Runs the worker: changes by mas-cli and the Admin API are done later, and reach the homeserver
//! even later (trap 18).
//!
//! Jobs run in order, one at a time. A job whose call to the homeserver fails is retried.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::sessions::SessionKind;
use super::state::{DatabaseUser, MasState};
use super::version::Version;
use crate::standins::{Shared, runtime, time};

const ATTEMPTS: u32 = 10;

/// What the worker does for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Send name, e-mail addresses and lock to the homeserver.
    Provision { displayname: Option<String> },
    /// Deactivate here, then there.
    Deactivate { erase: bool },
    /// Reactivate there, then here.
    Reactivate,
    /// Send the remaining devices to the homeserver.
    SyncDevices,
}

/// A task in the queue.
#[derive(Clone, Debug)]
pub(super) struct Job {
    user_id: String,
    task: Task,
    due: Instant,
    attempts: u32,
}

impl MasState {
    pub(super) fn schedule(&mut self, user_id: &str, task: Task) {
        let due = Instant::now() + self.settings.job_delay;
        self.jobs.push_back(Job { user_id: user_id.to_owned(), task, due, attempts: 0 });
    }

    /// Schedules sending a lock or its end to the homeserver, which an old MAS does not do.
    pub(super) fn schedule_lock(&mut self, user_id: &str) {
        if self.settings.release() >= Version::LOCK_ON_HOMESERVER {
            self.schedule(user_id, Task::Provision { displayname: None });
        }
    }

    fn due_job(&self) -> Option<Job> {
        let job = self.jobs.front().filter(|job| self.worker_on && job.due <= Instant::now())?;
        Some(job.clone())
    }

    /// Removes the job that was just tried from the queue, or postpones it.
    fn after_attempt(&mut self, succeeded: bool) {
        let Some(mut job) = self.jobs.pop_front() else {
            return;
        };
        if succeeded {
            return;
        }
        job.attempts += 1;
        if job.attempts >= ATTEMPTS {
            self.failed_jobs += 1;
            return;
        }
        job.due = Instant::now() + Duration::from_millis(25 << job.attempts);
        self.jobs.push_front(job);
    }
}

/// Runs the jobs of the queue until it is aborted.
pub(super) async fn work(state: Shared<MasState>) {
    loop {
        let job = state.lock().due_job();
        match job {
            None => tokio::time::sleep(Duration::from_millis(10)).await,
            Some(job) => {
                let succeeded = attempt(&state, &job).await;
                state.lock().after_attempt(succeeded);
            }
        }
    }
}

async fn attempt(state: &Shared<MasState>, job: &Job) -> bool {
    let Some(user) = state.lock().user_by_id(&job.user_id).cloned() else {
        return true;
    };
    match &job.task {
        Task::Provision { displayname } => {
            let tells_locks = state.lock().settings.release() >= Version::LOCK_ON_HOMESERVER;
            let emails: Vec<String> =
                state.lock().emails_of(&user.id).map(|email| email.email.clone()).collect();
            call(
                state,
                "provision_user",
                &provision(&user, &emails, displayname.as_deref(), tells_locks),
            )
            .await
        }
        Task::Deactivate { erase } => {
            deactivate(&mut state.lock(), &user);
            call(state, "delete_user", &json!({"localpart": user.username, "erase": erase})).await
        }
        Task::Reactivate => {
            let done = call(state, "reactivate_user", &json!({"localpart": user.username})).await;
            if done && let Some(user) = state.lock().user_mut(&user.username) {
                user.deactivated_at = None;
            }
            done
        }
        Task::SyncDevices => {
            let devices: Vec<String> = {
                let state = state.lock();
                state
                    .open_sessions(&user.id)
                    .filter_map(|session| session.device_id.clone())
                    .collect()
            };
            call(state, "sync_devices", &json!({"localpart": user.username, "devices": devices}))
                .await
        }
    }
}

fn provision(
    user: &DatabaseUser,
    emails: &[String],
    displayname: Option<&str>,
    tells_locks: bool,
) -> Value {
    let mut body = json!({"localpart": user.username, "set_emails": emails});
    if tells_locks {
        body["locked"] = json!(user.locked_at.is_some());
    }
    if let Some(name) = displayname {
        body["set_displayname"] = json!(name);
    }
    body
}

fn deactivate(state: &mut MasState, user: &DatabaseUser) {
    state.finish_sessions(&user.id, &SessionKind::ALL);
    state.remove_emails(&user.id);
    if let Some(user) = state.user_mut(&user.username) {
        user.deactivated_at.get_or_insert_with(time::now_rfc3339);
    }
}

/// Calls the homeserver, and returns whether it succeeded.
pub(super) async fn call(state: &Shared<MasState>, method: &str, body: &Value) -> bool {
    let settings = state.lock().settings.clone();
    let url = format!("{}/_synapse/mas/{method}", settings.synapse_url.trim_end_matches('/'));
    let request =
        runtime::client().post(url).bearer_auth(settings.shared_secret.expose_secret()).json(body);
    request.send().await.is_ok_and(|response| response.status().is_success())
}
