//! What the programs that we start are given of our environment, and how a shell reads their arguments.

use crate::app::Environment;

/// All of our environment that a subprocess sees: what programs need, and what a wrapper such as `docker` needs.
const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "DOCKER_HOST", "KUBECONFIG"];

/// The variables for a subprocess; secrets are not among them.
#[must_use]
pub fn environment(env: &Environment) -> Vec<(&'static str, String)> {
    NAMES.iter().filter_map(|name| Some((*name, env(name)?))).collect()
}

/// Returns a text as one word of a shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:=@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
