//! Asks an administrator at a terminal before anything is changed.

use std::io::{self, IsTerminal as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{read, retry_on_intr};
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Order, Writing, print, say};
use crate::failure::Failure;
use crate::output::text::{Head, PlanView};
use crate::output::{Terminal, text};
use crate::phrases::counted;
use crate::plan::{ActionKind, Plan};

/// How long a question waits. Users may have come back since the plan was made, and another run may
/// wait for the lock.
const LATEST: Duration = Duration::from_mins(5);

/// After a slower yes, both sides are asked once more: users may have come back since.
const FRESH: Duration = Duration::from_secs(5);

/// A terminal gives a line in one piece, and never more than this many bytes.
const LONGEST_LINE: usize = 4096;

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
    async fn ask(self, question: &str, otherwise: bool) -> Result<bool, Failure> {
        let Self::OnTerminal { since } = self else { return Ok(otherwise) };
        // What was typed before is no answer.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        say(&format!("{question} [y/N] "));
        let mut open = OpenLine(true);
        let answer = answer(typed_line(), LATEST.saturating_sub(since.elapsed())).await?;
        open.0 = answer.is_none();
        Ok(answer.is_some_and(|line| is_yes(&line)))
    }

    /// Returns whether the plan has to be checked again after a yes.
    fn is_slow(self) -> bool {
        matches!(self, Self::OnTerminal { since } if since.elapsed() > FRESH)
    }

    /// Asks whether to carry out a plan, if it changes anything.
    async fn confirm(self, plan: &Plan) -> Result<(), Failure> {
        let question = question(plan);
        if question.is_empty() || self.ask(&question, true).await? {
            Ok(())
        } else {
            Err(Failure::Declined)
        }
    }

    /// Asks whether to disable current members, too, if the plan leaves them out for that.
    pub(crate) async fn include_members(self, plan: &Plan) -> Result<bool, Failure> {
        let members = plan.spared_members();
        if members == 0 {
            return Ok(false);
        }
        let members = counted(members, "current member", "current members");
        self.ask(&format!("Also disable {members}?"), false).await
    }
}

impl Writing {
    /// Asks whether to carry out a plan. If the answer takes a while, the plan is made `again`, only to
    /// be compared: it is carried out if all of it still fits.
    pub(crate) async fn confirmed(
        &self,
        asking: Asking,
        plan: &Plan,
        again: impl AsyncFnOnce() -> Result<Plan, Failure>,
    ) -> Result<(), Failure> {
        self.unless_stopped(asking.confirm(plan)).await?;
        if asking.asks_about(plan) && asking.is_slow() {
            let mut newer = self.unless_stopped(again()).await?;
            newer.hold_back();
            if let Some(change) = plan.change_in(&newer) {
                return Err(Failure::PlanChanged(change));
            }
        }
        Ok(())
    }

    /// Prints a plan before it is carried out, and what else there is to say of it. Every name is shown
    /// before a yes, on the terminal that asks; of a plan that will be refused, a terminal shows the
    /// first ones.
    pub(crate) fn show(
        &self,
        title: &str,
        plan: &Plan,
        order: &Order<'_>,
        asking: Asking,
        what_else: impl Fn(Terminal) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        let text = |terminal| -> Result<_, Failure> {
            Ok(self.listed(title, plan, order, terminal) + &what_else(terminal)?)
        };
        let is_asked = || {
            let mut rest = plan.clone();
            if order.approve.is_none() {
                rest.hold_back();
            }
            let asks = asking.asks_about(&rest) || rest.spared_members() > 0;
            asks && !self.will_refuse(plan, order)
        };
        if asking != Asking::Never && !io::stdout().is_terminal() && is_asked() {
            say(&text(Terminal::of_stderr())?);
        }
        print(&text(Terminal::of_stdout())?)
    }

    /// Returns whether the check of a plan will refuse it.
    pub(crate) fn will_refuse(&self, plan: &Plan, order: &Order<'_>) -> bool {
        !order.refusals(plan, &self.session.config.limits).is_empty()
    }

    /// Returns a plan as it is shown before it is carried out, for this terminal.
    pub(crate) fn listed(
        &self,
        title: &str,
        plan: &Plan,
        order: &Order<'_>,
        terminal: Terminal,
    ) -> String {
        let head = &Head::new(title, &self.session.config);
        let Order { command, digest, .. } = order;
        let view = PlanView { head, plan, digest, command: *command, refusals: &[], next: &[] };
        let is_refused = self.will_refuse(plan, order);
        text::plan(&view, if is_refused { terminal } else { terminal.whole() })
    }
}

/// The line of a question that was not answered. What is printed next begins on another one.
struct OpenLine(bool);

impl Drop for OpenLine {
    fn drop(&mut self) {
        if self.0 {
            say("\n");
        }
    }
}

/// Returns what is typed within this time, or nothing if the terminal has nothing more to give.
async fn answer(
    typed: impl Future<Output = io::Result<Vec<u8>>>,
    within: Duration,
) -> Result<Option<String>, Failure> {
    let typed = timeout(within, typed).await.map_err(|_| Failure::Unanswered)?;
    let line = typed.ok().filter(|line| !line.is_empty());
    Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
}

/// Returns the next line from the terminal; nothing if it is closed, or after Ctrl-D.
async fn typed_line() -> io::Result<Vec<u8>> {
    let (sender, line) = oneshot::channel();
    // Not a thread of the runtime, which would wait at the end of the program for a line that no one
    // types.
    thread::spawn(move || {
        let mut line = vec![0; LONGEST_LINE];
        let count = retry_on_intr(|| read(io::stdin(), &mut line[..]));
        let _ = sender.send(count.map(|count| {
            line.truncate(count);
            line
        }));
    });
    Ok(line.await.unwrap_or(Ok(Vec::new()))?)
}

/// Returns whether a line is a yes. Anything else is a no.
fn is_yes(line: &str) -> bool {
    ["y", "yes"].iter().any(|yes| line.trim().eq_ignore_ascii_case(yes))
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

    #[tokio::test(start_paused = true)]
    async fn question_waits_five_minutes_and_no_longer() {
        let typed_after = async |delay| {
            let typed = async {
                tokio::time::sleep(delay).await;
                Ok(b"y\n".to_vec())
            };
            answer(typed, LATEST).await.map_err(|failure| failure.to_string())
        };
        assert_eq!(typed_after(Duration::from_secs(299)).await, Ok(Some("y\n".to_owned())));
        assert_eq!(
            typed_after(Duration::from_secs(301)).await,
            Err(Failure::Unanswered.to_string())
        );
    }

    #[test]
    fn only_y_and_yes_are_a_yes() {
        let yes = ["y\n", "Y\n", "yes\n", " YES \n", "y"];
        let no = [
            "",
            "\n",
            "n\n",
            "no\n",
            "not yet\n",
            "maybe\n",
            "no way\n",
            "why?\n",
            "yy\n",
            "y n\n",
            "nnnn yyyy\n",
            "yes please\n",
            "\u{1b}y\n",
            "ye\n",
            "ja\n",
        ];
        assert_eq!(yes.map(is_yes), [true; 5]);
        assert_eq!(no.map(is_yes), [false; 15]);
    }
}
