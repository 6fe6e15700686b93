//! A stand-in for MAS, the Matrix Authentication Service.
//!
//! `state` is its database, `jobs` the worker that carries changes to the homeserver, `oauth` what Synapse asks,
//! `manage` what mas-cli does to the database. The Admin API (`/api/admin/v1`, `/oauth2/token`) belongs into a
//! module of its own beside these, over the same state and the same jobs.
//!
//! It talks to the homeserver over HTTP alone, so that it also works in front of a real Synapse.

mod jobs;
mod manage;
mod oauth;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::MutexGuard;
use std::time::Duration;

use axum::Router;
use secrecy::SecretString;
use serde_json::json;
use tokio::task::JoinHandle;

pub use manage::{Command, Done, LogLine};
pub use state::{Session, Settings, State, User};

use super::{Faults, Requests, Server, Shared, StandInError, runtime};

/// A running MAS with its worker.
#[derive(Debug)]
pub struct Mas {
    server: Server,
    state: Shared<State>,
    worker: JoinHandle<()>,
}

impl Mas {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: State) -> io::Result<Self> {
        let state = Shared::new(state);
        let router = Router::new().merge(oauth::routes()).merge(manage::routes()).with_state(state.clone());
        let empty_list = json!({"meta": {"count": 0}, "data": [], "links": {}});
        let server = Server::start(listen, router, empty_list)?;
        state.lock().settings.issuer = format!("{}/", server.url());
        let worker = runtime::handle()?.spawn(jobs::work(state.clone()));
        Ok(Self { server, state, worker })
    }

    /// The URL without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The state as something that a hook can keep.
    #[must_use]
    pub fn shared(&self) -> Shared<State> {
        self.state.clone()
    }

    /// The means to make it fail.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// What it has been asked.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        self.server.requests()
    }

    /// Stops server and worker as a crash would.
    pub async fn stop(&self) {
        self.state.lock().worker_on = false;
        self.server.stop().await;
    }

    /// Starts it again with the jobs that were left.
    pub fn restart(&self) -> io::Result<()> {
        self.state.lock().worker_on = true;
        self.server.restart()
    }

    /// Waits until no job is left; false if that takes longer than `limit`.
    pub async fn settle(&self, limit: Duration) -> bool {
        let emptied = async {
            while self.state.lock().jobs_left() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(limit, emptied).await.is_ok()
    }
}

impl Drop for Mas {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// How to run a MAS as a process of its own, in front of a homeserver that may be a real one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The homeserver.
    pub synapse_url: String,
    /// The secret that both share.
    pub shared_secret: SecretString,
    /// The password that mas-cli has to give for user `mas` of the database; none lets everybody in.
    pub database_password: Option<SecretString>,
}

/// Runs a MAS with an empty database until it is interrupted; prints its URL once it listens.
pub async fn run(options: Options) -> Result<(), StandInError> {
    let mut settings = Settings::new(options.shared_secret);
    settings.synapse_url = options.synapse_url;
    settings.database_password = options.database_password;
    let mas = Mas::start(options.listen, State::new(settings))?;
    println!("{}", mas.url());
    tokio::signal::ctrl_c().await?;
    mas.stop().await;
    Ok(())
}
