//! The threads that the stand-ins run on.
//!
//! They have their own, so that a test may block (a child process, a current-thread runtime) while the
//! servers go on answering.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// The stand-ins' own runtime, started at first use and kept for the life of the process.
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

/// The client with which stand-ins talk to each other: no proxy between them, and no connection kept that a
/// stopped server could have broken.
pub(crate) fn client() -> reqwest::Client {
    let build = || {
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        builder.build().unwrap_or_default()
    };
    CLIENT.get_or_init(build).clone()
}
