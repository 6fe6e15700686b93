//! The yes of an administrator: which plan it is for, and the command that gives it.

use std::path::Path;

use super::Session;
use crate::cli::Global;
use crate::plan::{ApprovedDigest, Digest, Plan};
use crate::shell;

/// Returns why a plan may not be applied: it exceeds a limit, or the approval is for another plan. The
/// right approval lifts every limit for this run.
pub(crate) fn approve(
    session: &Session,
    plan: &Plan,
    digest: &Digest,
    approved: Option<&ApprovedDigest>,
) -> Vec<String> {
    match approved {
        Some(approved) if digest.is_meant_by(approved) => Vec::new(),
        Some(approved) => vec![format!("--approve names {approved}, and this plan is {digest}")],
        None => session.refusals(plan),
    }
}

/// Returns the command line that applies this very plan, to paste into a shell.
pub(crate) fn command_to_go_on(global: &Global, command: &str, digest: &Digest) -> String {
    let config = global.config.as_ref().map(|path| format!("--config {} ", shell_word(path))).unwrap_or_default();
    format!("matrix-keycloak-sync {config}{command} --approve {digest}")
}

/// Returns a path as one word of a shell.
pub(crate) fn shell_word(path: &Path) -> String {
    shell::shell_word(&path.display().to_string())
}
