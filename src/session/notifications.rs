//! Reports the end of a run to the command of `notify.on_done` and to the room of `notify.room`.

use futures_util::future::join;
use tracing::warn;

use super::{Session, command_line, command_to_go_on};
use crate::cli::Global;
use crate::environment::Timeouts;
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::metrics::{Delivery, Receiver, metrics};
use crate::model::Timestamp;
use crate::plan::{Digest, Outcome, Plan, PlanDocument};
use crate::signals::{self, Due, News, NextStep, Notice, Notices, has_changed, run_hook};
use crate::state::NoticeMemory;

/// What a run has to report at its end.
#[derive(Debug, Default)]
pub(crate) struct RunReport {
    /// The plan with outcomes, if it changed something and a command wants to know.
    pub(crate) done: Option<String>,
    pub(crate) news: Option<News>,
}

/// Returns what a reader of the room can run about a plan: the command is `sync` with its approval.
pub(crate) fn next_step(global: &Global, command: &str, digest: &Digest) -> NextStep {
    let global = global.from_anywhere();
    NextStep::Approve {
        check: command_line(&global, "plan"),
        approve: command_to_go_on(&global, command, digest),
    }
}

/// Returns whether a failed command is news: the administrator knows of an answer or a signal.
fn is_news(failure: &Failure) -> bool {
    !matches!(
        failure,
        Failure::Stopped | Failure::Declined | Failure::Unanswered | Failure::PlanChanged(_)
    )
}

impl Session {
    /// Returns the document that the command of `notify.on_done` gets, if it has to run.
    pub(crate) fn document_for_hook(&self, plan: &Plan, outcomes: &[Outcome]) -> Option<String> {
        let wants = self.config.notify.on_done.is_some() && has_changed(outcomes);
        wants.then(|| PlanDocument::applied(plan, outcomes).to_json())
    }

    /// Returns what the room has heard of, as far as the state file remembers it.
    pub(crate) fn notices(&self) -> Notices {
        let memory = match &self.state {
            Some(state) if self.config.notify.room.is_some() => state.notices(),
            _ => Ok(NoticeMemory::default()),
        };
        let memory = memory.unwrap_or_else(|error| {
            warn!("{}", in_one_line(&error));
            NoticeMemory::default()
        });
        let accounts =
            format!("{} (realm {})", self.config.server_name, self.config.keycloak.realm);
        let interval = self.config.watch.interval;
        Notices { accounts, interval, memory, is_written_down: true }
    }

    /// Updates what the room has heard of, because another run may have sent a message since.
    pub(crate) fn refresh_notices(&self, notices: &mut Notices) {
        let known = self.state.as_ref().and_then(|state| state.notices().ok());
        // What could not be written down counts until another run has sent a message.
        let is_newer =
            |memory: &NoticeMemory| notices.is_written_down || memory.sent > notices.memory.sent;
        if let Some(memory) = known.filter(is_newer) {
            notices.memory = memory;
        }
    }

    /// Takes in news, and returns the message to send, if one is due.
    pub(crate) fn due_notice(&self, notices: &mut Notices, news: &News) -> Option<Notice> {
        let room = self.config.notify.room.as_ref()?;
        notices.interval = self.config.watch.interval;
        let before = notices.memory.clone();
        notices.are_for(&room.id);
        let due = notices.take(news, Timestamp::now());
        if notices.memory != before {
            self.remember(notices);
        }
        match due {
            Due::Nothing => None,
            Due::Later => {
                metrics().notification(Receiver::Room, Delivery::LeftOut);
                None
            }
            Due::Now(notice) => Some(notice),
        }
    }

    /// Records what the room has heard of. Without that it may hear of the same again.
    pub(crate) fn remember(&self, notices: &mut Notices) {
        let Some(state) = &self.state else { return };
        let written = state.note_notices(&notices.memory);
        notices.is_written_down = written.is_ok();
        if let Err(error) = written {
            warn!("{}", in_one_line(&error));
        }
    }

    /// Reports the end of a command with one run. The command and the room get it at the same time.
    pub(crate) async fn report(
        &self,
        report: RunReport,
        failure: Option<&Failure>,
        timeouts: Timeouts,
    ) {
        let RunReport { done, news } = report;
        let to_command = async {
            if let (Some(command), Some(document)) = (&self.config.notify.on_done, &done) {
                run_hook(Receiver::OnDone, command, document).await;
            }
        };
        let failed = failure.filter(|failure| is_news(failure));
        let failed = failed.map(|failure| News::failed(failure.in_one_line(), failure.hint()));
        let to_room = async {
            if let Some(news) = failed.or(news) {
                self.notify_room(&news, timeouts).await;
            }
        };
        join(to_command, to_room).await;
    }

    async fn notify_room(&self, news: &News, timeouts: Timeouts) {
        let (Some(synapse), Some(room)) = (&self.config.synapse, &self.config.notify.room) else {
            return;
        };
        let mut notices = self.notices();
        let Some(notice) = self.due_notice(&mut notices, news) else { return };
        if let Some(unsent) = signals::notify(synapse, room, timeouts, notice).await {
            notices.not_sent(unsent);
            self.remember(&mut notices);
        }
    }
}
