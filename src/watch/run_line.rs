//! Logs what a run of `watch` came to, in one line.

use tracing::{info, warn};

use super::reached::Reached;
use crate::metrics::RunKind;
use crate::model::Word as _;
use crate::phrases::counted;
use crate::plan::{Outcome, Plan};

/// Logs a run in one line.
pub(super) fn log_run(plan: &Plan, kind: RunKind, outcomes: &[Outcome], reached: Reached) {
    let line = counts(plan, kind, outcomes);
    let done = done_in(outcomes);
    let (undone, in_doubt) = (outcomes.len() - done, plan.doubtful.len());
    let in_step = in_step(plan);
    let (kind, members, accounts) = (kind.word(), plan.read.members, plan.read.accounts);
    match reached {
        Reached::InStep => {
            info!(kind, members, accounts, done, undone, in_doubt, "{line}{in_step}");
        }
        Reached::Incomplete | Reached::Unverified => warn!(
            kind,
            members,
            accounts,
            done,
            undone,
            in_doubt,
            "{line}: incomplete; the rest is tried again"
        ),
    }
}

/// Returns what a run that left nothing says at its end. While a directory is in doubt, its users may
/// have changed.
fn in_step(plan: &Plan) -> &'static str {
    if plan.doubtful.is_empty() { ": in step" } else { "" }
}

fn done_in(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count()
}

/// Returns a run in numbers.
fn counts(plan: &Plan, kind: RunKind, outcomes: &[Outcome]) -> String {
    let done = done_in(outcomes);
    let mut counts = format!(
        "{}: {}, {}",
        kind.text(),
        counted(plan.read.members, "member", "members"),
        counted(plan.read.accounts, "account", "accounts")
    );
    for (count, one, many) in [
        (done, "action done", "actions done"),
        (outcomes.len() - done, "not done", "not done"),
        (plan.doubtful.len(), "directory in doubt", "directories in doubt"),
    ] {
        if count > 0 {
            counts.extend([", ", &counted(count, one, many)]);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DisableMode, WriterKind};

    #[test]
    fn run_is_not_in_step_while_a_directory_is_in_doubt() {
        let mut plan =
            Plan::empty("example.org".into(), WriterKind::MasCli, DisableMode::Deactivate);
        let line = |plan: &Plan| {
            format!("{}{}", counts(plan, RunKind::People, &[Outcome::Done]), in_step(plan))
        };
        let done = "users in events: 0 members, 0 accounts, 1 action done";
        assert_eq!(line(&plan), format!("{done}: in step"));
        plan.doubtful = vec!["ldap-1".into()];
        assert_eq!(line(&plan), format!("{done}, 1 directory in doubt"));
    }
}
