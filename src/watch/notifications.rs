//! Reports what `watch` has done to others, in the background: no run waits for a command or a room.

use tokio::task::JoinSet;

use super::watcher::Watcher;
use crate::metrics::Receiver;
use crate::plan::{Outcome, Plan};
use crate::signals::{self, News, Notices, Unsent, run_hook};

/// What is reported to others.
pub(super) struct Reports {
    /// What the room has heard of.
    notices: Notices,
    /// What the run that ends has to report.
    pub(super) news: Option<News>,
    /// Hooks and messages that are under way; what the room did not get.
    pub(super) telling: JoinSet<Option<Unsent>>,
}

impl Reports {
    pub(super) fn new(notices: Notices) -> Self {
        Self { notices, news: None, telling: JoinSet::new() }
    }
}

impl Watcher<'_> {
    /// Runs the command of `notify.on_done`, if a run changed something.
    pub(super) fn report_changes(&mut self, plan: &Plan, outcomes: &[Outcome]) {
        let session = &self.writing.session;
        let document = session.document_for_hook(plan, outcomes);
        let command = session.config.notify.on_done.clone();
        if let (Some(command), Some(document)) = (command, document) {
            self.reports.telling.spawn(async move {
                run_hook(Receiver::OnDone, &command, &document).await;
                None
            });
        }
    }

    /// Sends a message to the room, if one is due.
    pub(super) fn report_news(&mut self, news: &News) {
        while let Some(ended) = self.reports.telling.try_join_next() {
            self.settle(ended.ok().flatten());
        }
        let session = &self.writing.session;
        session.refresh_notices(&mut self.reports.notices);
        let Some(notice) = session.due_notice(&mut self.reports.notices, news) else { return };
        let config = &session.config;
        let (Some(synapse), Some(room)) = (config.synapse.clone(), config.notify.room.clone())
        else {
            return;
        };
        let timeouts = self.process.surroundings.timeouts;
        self.reports
            .telling
            .spawn(async move { signals::notify(&synapse, &room, timeouts, notice).await });
    }

    /// Waits for commands and messages that are under way.
    pub(super) async fn finish_reports(&mut self) {
        while let Some(ended) = self.reports.telling.join_next().await {
            self.settle(ended.ok().flatten());
        }
    }

    /// Takes in that a message was not sent, if so.
    fn settle(&mut self, unsent: Option<Unsent>) {
        if let Some(unsent) = unsent {
            self.writing.session.refresh_notices(&mut self.reports.notices);
            self.reports.notices.not_sent(unsent);
            self.writing.session.remember(&mut self.reports.notices);
        }
    }
}
