//! What a run takes from the world around it: environment variables and how long servers may take,
//! and what subprocesses see of them.

use std::time::Duration;

/// Looks up an environment variable.
pub type Environment = dyn Fn(&str) -> Option<String>;

/// What a run depends on, apart from its command line.
pub struct Surroundings {
    pub env: Box<Environment>,
    /// How long servers may take.
    pub timeouts: Timeouts,
}

impl Default for Surroundings {
    fn default() -> Self {
        // A value that is not UTF-8 is reported when it is used.
        let env = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        Self { env: Box::new(env), timeouts: Timeouts::default() }
    }
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub progress: Duration,
    /// For one whole answer, because a slow trickle always makes progress.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            progress: Duration::from_secs(30),
            answer: Duration::from_mins(5),
        }
    }
}

/// All of our environment that a subprocess sees: what programs need, and what a wrapper such as
/// `docker` needs.
const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "DOCKER_HOST", "KUBECONFIG"];

/// The variables for a subprocess; secrets are not among them.
#[must_use]
pub fn for_subprocess(env: &Environment) -> Vec<(&'static str, String)> {
    NAMES.iter().filter_map(|name| Some((*name, env(name)?))).collect()
}
