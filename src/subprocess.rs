//! What the programs that we start are given of our environment.

use crate::app::Environment;

/// All of our environment that a subprocess sees: what programs need, and what a wrapper such as `docker` needs.
const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "DOCKER_HOST", "KUBECONFIG"];

/// The variables for a subprocess; secrets are not among them.
#[must_use]
pub fn environment(env: &Environment) -> Vec<(&'static str, String)> {
    NAMES.iter().filter_map(|name| Some((*name, env(name)?))).collect()
}
