//! Asks an administrator at a terminal before anything is changed.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use dialoguer::Confirm;
use dialoguer::console::Term;
use rustix::termios::{QueueSelector, tcflush};

use super::{Session, print};
use crate::failure::Failure;
use crate::output::text::{Head, PlanView};
use crate::output::{Terminal, text};
use crate::phrases::counted;
use crate::plan::{ActionKind, Digest, Plan};

/// A later yes is about a plan of the past: users may have come back since.
const LATEST: Duration = Duration::from_mins(5);

/// Whether to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// If a person is there to answer: stdin and stderr are a terminal.
    OnTerminal {
        /// When the plan was shown.
        since: Instant,
    },
    /// No one is asked: because of `--yes` or the approval of exactly this plan, or because no one is
    /// there.
    Never,
}

impl Asking {
    /// Returns whether a command asks about a plan that is shown now.
    pub(crate) fn unless(is_answered: bool) -> Self {
        if is_answered || !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            Self::Never
        } else {
            Self::OnTerminal { since: Instant::now() }
        }
    }

    /// Returns whether a plan is carried out only after a yes.
    pub(crate) fn asks_about(self, plan: &Plan) -> bool {
        self != Self::Never && !question(plan).is_empty()
    }

    /// Asks, and returns whether the answer is yes. Without a person it is `otherwise`.
    fn ask(self, question: &str, otherwise: bool) -> Result<bool, Failure> {
        let Self::OnTerminal { since } = self else { return Ok(otherwise) };
        // What was typed before is no answer.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        let answer = Confirm::new()
            .with_prompt(question)
            .default(false)
            .wait_for_newline(true)
            .interact_opt();
        // Ctrl-C leaves the cursor hidden.
        let _ = Term::stderr().show_cursor();
        // Ctrl-C and Escape are a no.
        in_time(answer.is_ok_and(|answer| answer == Some(true)), since.elapsed())
    }

    /// Asks whether to carry out a plan, if it changes anything.
    pub(crate) fn confirm(self, plan: &Plan) -> Result<(), Failure> {
        let question = question(plan);
        if question.is_empty() || self.ask(&question, true)? {
            Ok(())
        } else {
            Err(Failure::Declined)
        }
    }

    /// Asks whether to disable current members, too, if the plan leaves them out for that.
    pub(crate) fn include_members(self, plan: &Plan) -> Result<bool, Failure> {
        let members = plan.spared_members();
        if members == 0 {
            return Ok(false);
        }
        let members = counted(members, "current member", "current members");
        self.ask(&format!("Also disable {members}?"), false)
    }
}

impl Session {
    /// Prints a plan before it is carried out. Every name is shown before a yes.
    pub(crate) fn show_whole(
        &self,
        title: impl Into<String>,
        plan: &Plan,
        digest: &Digest,
    ) -> Result<(), Failure> {
        print(&self.whole(title, plan, digest, Terminal::of_stdout()))
    }

    /// Returns a plan with every name, for a terminal like this.
    pub(crate) fn whole(
        &self,
        title: impl Into<String>,
        plan: &Plan,
        digest: &Digest,
        terminal: Terminal,
    ) -> String {
        let head = &Head::new(title, &self.config);
        let view = PlanView { head, plan, digest, refusals: &[], next: &[] };
        text::plan(&view, terminal.whole())
    }
}

/// Returns the answer, if it is no yes that comes this long after the plan was shown.
fn in_time(is_yes: bool, after: Duration) -> Result<bool, Failure> {
    if is_yes && after > LATEST { Err(Failure::AnsweredLate) } else { Ok(is_yes) }
}

/// Returns the question before a plan is carried out, or nothing if it changes nothing.
fn question(plan: &Plan) -> String {
    let accounts = |count| counted(count, "account", "accounts");
    let mut parts = Vec::new();
    for kind in ActionKind::IN_ORDER {
        let verb = match kind {
            ActionKind::Activate => "activate",
            ActionKind::Create => "create",
            ActionKind::Disable => "disable",
            ActionKind::Deactivate => "deactivate",
            ActionKind::GrantAdmin => "make administrators of",
            ActionKind::RevokeAdmin => "take the right of administrators from",
        };
        let count = plan.count_to_apply(kind);
        if count > 0 {
            let for_good = if plan.is_for_good(kind) { " for good" } else { "" };
            parts.push(format!("{verb} {}{for_good}", accounts(count)));
        }
    }
    let question = parts.join(", ");
    let mut letters = question.chars();
    match letters.next() {
        Some(first) => format!("{}{}?", first.to_uppercase(), letters.as_str()),
        None => question,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_yes_changes_nothing() {
        let end = |is_yes, after| in_time(is_yes, after).map_err(|failure| failure.to_string());
        assert_eq!(end(true, LATEST), Ok(true));
        let late = end(true, LATEST + Duration::from_secs(1));
        assert_eq!(late, Err(Failure::AnsweredLate.to_string()));
        assert_eq!(end(false, LATEST + Duration::from_secs(1)), Ok(false));
    }
}
