//! Runs the stand-ins on threads of their own, so that a test may block (a child process, a
//! current-thread runtime) while the servers still answer.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// Returns the stand-ins' own runtime, started at first use and kept for the life of the process.
pub(crate) fn handle() -> io::Result<Handle> {
    let started = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("stand-in")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    match started {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => Err(io::Error::other(error.clone())),
    }
}

static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();

/// Returns the client for requests between stand-ins: no proxy, and no reused connection that a
/// stopped server could have broken.
pub(crate) fn client() -> reqwest::Client {
    let build = || {
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        builder.build().unwrap_or_default()
    };
    CLIENT.get_or_init(build).clone()
}
