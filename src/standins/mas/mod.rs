//! A stand-in for MAS, the Matrix Authentication Service.
//!
//! `state` is its database (with `sessions`, `emails`, `clients`, `upstream`, `policy`), `jobs` the worker
//! that sends changes to the homeserver, `oauth` the introspection for Synapse, `discovery` and
//! `token` the login of clients, `admin` the Admin API, `manage` the changes by mas-cli, `register`
//! new users, `configure` settings of the configuration file, `version` what an old MAS lacks.
//!
//! It talks to the homeserver only over HTTP, so that it also works with a real Synapse.

mod admin;
mod clients;
mod configure;
mod discovery;
mod emails;
mod jobs;
mod manage;
mod oauth;
mod policy;
mod register;
mod sessions;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod upstream;
mod version;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use axum::Router;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

pub use clients::{CLIENT, ClientAuth, RegisteredClient};
pub use emails::Email;
pub use manage::{Done, LogLine, ManageRequest};
pub use policy::PolicyData;
pub use register::{Registration, UpstreamAccount};
pub use sessions::{CompatScope, MasSession, SessionKind, SessionOwner};
pub use settings::{AdminApi, MasSettings};
pub use state::{DatabaseUser, MasState};
pub use upstream::{Link, Provider};

use settings::Listener;

use super::{RunningStandIn, Shared, StandInError, StandInServer, runtime};

/// A running MAS with its worker.
#[derive(Debug)]
pub struct Mas {
    public: RunningStandIn<MasState>,
    internal: Option<StandInServer>,
    worker: JoinHandle<()>,
}

impl Mas {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: MasState) -> io::Result<Self> {
        let internal = state.settings.internal;
        let state = Shared::new(state);
        let start = |listen, router: Router<Shared<MasState>>| {
            let router = router.fallback(|| async { admin::not_here() }).with_state(state.clone());
            StandInServer::start(
                listen,
                router,
                json!({"meta": {"count": 0}, "data": [], "links": {}}),
            )
        };
        let public = Router::new()
            .merge(discovery::routes())
            .merge(token::routes())
            .merge(oauth::routes())
            .merge(manage::routes())
            .merge(configure::routes())
            .merge(admin::routes(&state, Listener::Public));
        let server = start(listen, public)?;
        let internal =
            internal.map(|at| start(at, admin::routes(&state, Listener::Internal))).transpose()?;
        state.lock().settings.issuer = format!("{}/", server.url());
        let worker = runtime::handle()?.spawn(jobs::work(state.clone()));
        Ok(Self { public: RunningStandIn::new(server, state), internal, worker })
    }

    /// Returns the listener of the Admin API: the internal one, if there is one and it has the API.
    #[must_use]
    pub fn admin(&self) -> &StandInServer {
        let public = self.state().settings.admin_api == AdminApi::Public;
        self.internal.as_ref().filter(|_| !public).unwrap_or(self.public.server())
    }

    /// Stops server and worker as a crash would.
    pub async fn stop(&self) {
        self.state().worker_on = false;
        self.public.server().stop().await;
        if let Some(internal) = &self.internal {
            internal.stop().await;
        }
    }

    /// Starts it again with the jobs that were left.
    pub fn restart(&self) -> io::Result<()> {
        self.state().worker_on = true;
        self.internal.as_ref().map_or(Ok(()), StandInServer::restart)?;
        self.public.server().restart()
    }

    /// Waits until no job is left. Returns false if that takes longer than `limit`.
    pub async fn settle(&self, limit: Duration) -> bool {
        let emptied = async {
            while self.state().jobs_left() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(limit, emptied).await.is_ok()
    }
}

/// The public listener and the state; for the other listener see [`Mas::admin`].
impl Deref for Mas {
    type Target = RunningStandIn<MasState>;

    fn deref(&self) -> &Self::Target {
        &self.public
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
    pub listen: SocketAddr,
    pub synapse_url: String,
    /// The secret that both share.
    pub shared_secret: SecretString,
    /// The password of the database's user `mas`, for mas-cli; `None` accepts any.
    pub database_password: Option<SecretString>,
    /// The address of the Admin API; by default the same listener as the rest.
    pub admin_listen: Option<SocketAddr>,
    /// ID and secret of the one client, which may use the Admin API; [`CLIENT`] by default.
    pub client: Option<(String, SecretString)>,
    /// The homeserver's name; by default the Admin API does not show it, as in old releases.
    pub server_name: Option<String>,
}

/// How long a restart takes.
const AWAY: Duration = Duration::from_secs(3);

/// Runs a MAS with an empty database and one client until it is interrupted. Once it listens it
/// prints its URL, and on a second line that of the Admin API's own listener, if there is one.
/// SIGHUP is a restart: it does not listen for a while, and the database stays, like a real one.
pub async fn run(options: Options) -> Result<(), StandInError> {
    let mut settings = MasSettings::new(options.shared_secret);
    settings.synapse_url = options.synapse_url;
    settings.database_password = options.database_password;
    settings.internal = options.admin_listen;
    settings.admin_api =
        if options.admin_listen.is_some() { AdminApi::Internal } else { AdminApi::Public };
    settings.server_name = options.server_name.unwrap_or_default();
    let (id, secret) = options.client.unwrap_or_else(|| (CLIENT.0.to_owned(), CLIENT.1.into()));
    settings.admin_clients.insert(id.clone());
    let mut state = MasState::new(settings);
    state.add_client(&id, secret.expose_secret(), ClientAuth::default());
    let mas = Mas::start(options.listen, state)?;
    println!("{}", mas.url());
    if options.admin_listen.is_some() {
        println!("{}", mas.admin().url());
    }
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                mas.stop().await;
                return Ok(());
            }
            _ = hangup.recv() => {
                mas.stop().await;
                tokio::time::sleep(AWAY).await;
                mas.restart()?;
            }
        }
    }
}
