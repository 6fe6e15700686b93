//! Judges the accounts registered between two full runs.

use tracing::{info, warn};

use super::after_run::Ended;
use super::course::Happened;
use super::round::{Heard, MOST};
use super::watcher::{PAUSE, Watcher};
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::http::HttpError;
use crate::metrics::RunKind;
use crate::model::Timestamp;
use crate::planner::PlanScope;
use crate::readers::{Readers, Reading, Refresh};
use crate::watch::{Backoff, Due, Registrations};

/// What is known about the newest accounts.
#[derive(Debug, Default)]
pub(super) struct NewAccounts {
    registrations: Registrations,
    /// Pauses while they cannot be read; only the first failure is reported.
    backoff: Backoff,
    unreadable: bool,
}

impl NewAccounts {
    /// Finds the end of the list before everything is read: later accounts are new.
    async fn begin(&mut self, readers: &Readers) -> Result<(), HttpError> {
        let newest = readers.newest_accounts().await?;
        self.works();
        self.registrations.begin(newest, Timestamp::now());
        Ok(())
    }

    /// Returns how many accounts were registered since the last reading, once the end of
    /// the list is known.
    async fn read(&mut self, readers: &Readers) -> Result<Option<usize>, HttpError> {
        let Some(since) = self.registrations.since() else { return Ok(None) };
        let registered = readers.accounts_since(since).await?;
        self.works();
        Ok(Some(self.registrations.take(registered, Timestamp::now())))
    }

    /// Removes the accounts that were judged with everything known. An account without a link
    /// stays: it may still get one.
    pub(super) fn judged(&mut self, scope: &PlanScope, reading: &Reading) {
        if scope.is_empty() {
            return;
        }
        let accounts =
            reading.facts.accounts.iter().filter(|account| scope.covers(&account.user_id));
        let complete =
            accounts.filter(|account| reading.links.is_none() || account.links.newest().is_some());
        self.registrations.close(complete.map(|account| &account.user_id));
    }

    /// Removes all accounts, because there are too many to read one by one.
    pub(super) fn leave_to_full_run(&mut self) {
        self.registrations.close_all();
    }

    fn works(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.unreadable) {
            info!("the newest accounts can be read again");
        }
    }

    fn fail(&mut self, why: &HttpError) {
        if !std::mem::replace(&mut self.unreadable, true) {
            warn!("the newest accounts cannot be read; trying again: {}", in_one_line(why));
        }
    }
}

impl Watcher<'_> {
    /// Finds the end of the list of accounts. A failure is reported by the full run that follows.
    pub(super) async fn find_newest_accounts(&mut self) -> Result<(), Failure> {
        let begun = self.known.new_accounts.begin(&self.writing.session.readers);
        if let Err(failure) =
            self.process.stop.unless_requested(begun).await.ok_or(Failure::Stopped)?
        {
            self.accounts_failed(&failure);
        }
        Ok(())
    }

    /// Judges the accounts registered since the last reading.
    pub(super) async fn accounts(&mut self) -> Result<Option<Ended>, Failure> {
        self.happened(Happened::Begun(Due::Accounts));
        let read = self.known.new_accounts.read(&self.writing.session.readers);
        match self.process.stop.unless_requested(read).await.ok_or(Failure::Stopped)? {
            // A full run finds the end of the list.
            Ok(None) => self.happened(Happened::TooMuchChanged),
            Ok(Some(new)) if new > MOST => {
                info!("more than {MOST} accounts are new: a full run follows");
                self.known.new_accounts.leave_to_full_run();
                self.happened(Happened::TooMuchChanged);
            }
            Ok(Some(_)) => return self.judge_new_accounts().await,
            Err(failure) => self.accounts_failed(&failure),
        }
        Ok(None)
    }

    /// An account is registered at its owner's first login, often right after they joined the
    /// group. If events do not show everyone who joined, only a newer list does.
    async fn judge_new_accounts(&mut self) -> Result<Option<Ended>, Failure> {
        let accounts = self.known.new_accounts.registrations.due(Timestamp::now());
        if accounts.is_empty() {
            return Ok(None);
        }
        let heard =
            if self.known.events.are_there() { self.read_events().await? } else { Heard::Nothing };
        let list = match heard {
            Heard::Anyone => return Ok(None),
            Heard::Nothing => true,
            Heard::AFew => self.known.has_directory(),
        };
        self.some(RunKind::Accounts, Refresh { list, accounts, ..Refresh::default() }).await
    }

    fn accounts_failed(&mut self, failure: &HttpError) {
        self.known.new_accounts.fail(failure);
        let pause = self.known.new_accounts.backoff.pause(PAUSE);
        self.happened(Happened::Unreadable { due: Due::Accounts, pause });
    }
}
