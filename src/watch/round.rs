//! Carries out one run of `watch`, about all accounts or about a few.

use std::collections::HashMap;

use reqwest::StatusCode;
use tracing::info;

use super::after_run::{CarriedOut, Ended, Waiting};
use super::course::Happened;
use super::reached::Reached;
use super::run_line::log_run;
use super::to_do::ToDo;
use super::watcher::{COMMAND, PAUSE, Watcher};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::http::HttpError;
use crate::lock::RunLock;
use crate::metrics::{RunKind, metrics};
use crate::model::{MasAdmin, Timestamp};
use crate::plan::{Action, Digest, Outcome, Plan, Skip};
use crate::planner::Past;
use crate::readers::{ReadError, Reading, Refresh};
use crate::session::{Aim, Session, command_after_refusal, next_step};
use crate::signals::{Coverage, News};
use crate::watch::{Due, Window};

/// More users than this cost more one by one than a full reading.
pub(super) const MOST: usize = 1000;
/// The number of accounts that the hook gets by name.
const MOST_NAMED: usize = 100;

/// What Keycloak's events say since the last reading.
pub(super) enum Heard {
    /// Which users have changed, if any.
    AFew,
    /// Any user may have changed: a full run comes soon.
    Anyone,
    /// Nothing, because they cannot be read.
    Nothing,
}

impl Watcher<'_> {
    pub(super) async fn round(&mut self, due: Due) -> Result<Option<Ended>, Failure> {
        if self.reopen_state()? {
            return Ok(None);
        }
        match due {
            Due::Everything => self.everything().await.map(Some),
            Due::Events => self.events().await,
            Due::Members => {
                self.happened(Happened::Begun(due));
                self.some(RunKind::Members, Refresh { list: true, ..Refresh::default() }).await
            }
            Due::Accounts => self.accounts().await,
        }
    }

    /// Makes a full run, as `sync` does.
    async fn everything(&mut self) -> Result<Ended, Failure> {
        let _lock = self.lock()?;
        if self.writing.session.config.watch.events_every.is_some() {
            // If Keycloak does not answer at all, the reading reports it.
            self.find_place().await?;
        }
        if self.writing.session.config.watch.accounts_every.is_some() {
            self.find_newest_accounts().await?;
        }
        self.known.reading = None;
        let session = &self.writing.session;
        let reading = self.writing.unless_stopped(session.read()).await?;
        let plan = self.writing.unless_stopped(session.plan_of(&reading, None, Aim::Write)).await?;
        self.known.reading = Some(with_doubts(reading, &plan));
        self.known.events.people.clear();
        self.decide(plan, RunKind::Full, None).await
    }

    /// Rechecks the users that events mention.
    async fn events(&mut self) -> Result<Option<Ended>, Failure> {
        self.happened(Happened::Begun(Due::Events));
        if !self.known.events.are_there() {
            if self.find_place().await? {
                // Changes since the last full run came without an event.
                self.happened(Happened::TooMuchChanged);
            }
            return Ok(None);
        }
        match self.read_events().await? {
            Heard::AFew if !self.known.events.people.is_empty() => {
                self.some(RunKind::People, Refresh::default()).await
            }
            Heard::AFew | Heard::Anyone | Heard::Nothing => Ok(None),
        }
    }

    /// Reads the events that are new.
    pub(super) async fn read_events(&mut self) -> Result<Heard, Failure> {
        let Some(reading) = &self.known.reading else { return Ok(Heard::Nothing) };
        let events = self.known.events.read(&self.writing.session.readers.keycloak, reading);
        let found =
            match self.process.stop.unless_requested(events).await.ok_or(Failure::Stopped)? {
                Ok(found) => found,
                Err(failure) => {
                    self.events_failed(&failure);
                    return Ok(Heard::Nothing);
                }
            };
        if found.everyone {
            info!("a change in Keycloak may affect any user: a full run follows");
            self.happened(Happened::TooMuchChanged);
            return Ok(Heard::Anyone);
        }
        Ok(Heard::AFew)
    }

    /// Finds the position in the events. Returns whether it is known, or that there are no events.
    async fn find_place(&mut self) -> Result<bool, Failure> {
        let Session { config, readers, .. } = &self.writing.session;
        let found = self.known.events.find_place(&readers.keycloak, &config.keycloak.members);
        let found = self.process.stop.unless_requested(found).await.ok_or(Failure::Stopped)?;
        if let Err(failure) = &found {
            self.events_failed(failure);
        }
        Ok(found.is_ok())
    }

    fn events_failed(&mut self, failure: &HttpError) {
        if failure.status() == Some(StatusCode::FORBIDDEN) {
            return self.known.events.are_forbidden();
        }
        self.known.events.fail(failure);
        let pause = self.known.events.backoff.pause(PAUSE);
        self.happened(Happened::Unreadable { due: Due::Events, pause });
    }

    /// Re-reads `refresh` and the users that events mention, and decides about what may have
    /// changed.
    pub(super) async fn some(
        &mut self,
        kind: RunKind,
        refresh: Refresh,
    ) -> Result<Option<Ended>, Failure> {
        if self.course.is_refused() {
            self.happened(Happened::ChangedWhileRefused);
            return Ok(None);
        }
        let _lock = self.lock()?;
        // After a failure the reading is partly updated and can no longer be compared with.
        let Some(mut reading) = self.known.reading.take() else { return Ok(None) };
        let people = self
            .known
            .events
            .people
            .iter()
            .map(|(id, mention)| (id.clone(), mention.hint))
            .collect();
        let refresh = Refresh { people, ..refresh };
        let session = &self.writing.session;
        let scope =
            self.writing.unless_stopped(session.refresh(&mut reading, &refresh, MOST)).await?;
        let Some(scope) = scope else {
            info!("more than {MOST} users have changed: a full run follows");
            self.known.new_accounts.leave_to_full_run();
            self.happened(Happened::TooMuchChanged);
            return Ok(None);
        };
        let since = self.known.events.people.values().map(|mention| mention.since).min();
        let planned = if scope.is_empty() {
            Ok(None)
        } else {
            self.writing
                .unless_stopped(session.plan_of(&reading, Some(&scope), Aim::Write))
                .await
                .map(Some)
        };
        let plan = match planned {
            Err(Failure::Read(ReadError::NoneRechecked { source, .. }))
                if matches!(*source, ReadError::UserNotListed { .. }) =>
            {
                info!("{source}: a full run follows");
                self.happened(Happened::TooMuchChanged);
                return Ok(None);
            }
            planned => planned?,
        };
        self.known.new_accounts.judged(&scope, &reading);
        self.known.reading = Some(match &plan {
            Some(plan) => with_doubts(reading, plan),
            None => reading,
        });
        let ended = match plan {
            Some(plan) => Some(self.decide(plan, kind, since).await?),
            None => None,
        };
        self.known.events.people.clear();
        Ok(ended)
    }

    /// Checks the limits over the last hour, and writes.
    async fn decide(
        &mut self,
        mut plan: Plan,
        kind: RunKind,
        since: Option<Timestamp>,
    ) -> Result<Ended, Failure> {
        // No one is there to approve anything.
        plan.hold_back();
        let past = self.past(&plan)?;
        self.writing.session.config.limits.defer_stages(&mut plan, past);
        let plan = &plan;
        let refusals = self.writing.session.config.limits.refuse_after(plan, past);
        if !refusals.is_empty() {
            if kind == RunKind::Full {
                self.writing.refused(COMMAND, plan, &refusals)?;
            }
            let digest = plan.digest();
            let to_do = self.to_do(plan, &digest);
            self.show_refusal(kind, plan, &digest, &refusals, &to_do);
            if kind == RunKind::Full {
                let next = next_step(self.process.global, "sync", &digest);
                self.reports.news = Some(News::refused(plan, &digest, &refusals, next));
            }
            return Ok(Ended::Refused { digest, refusals, to_do });
        }
        let carried_out = self.writing.carry_out(COMMAND, plan, None).await;
        self.process.stop.writing_ends();
        let (outcomes, exit) = carried_out?;
        self.known.window.note_run(plan, &outcomes, Timestamp::now());
        self.take_in(plan, &outcomes);
        self.report_changes(plan, &outcomes);
        self.reports.news = Some(self.news_of(plan, kind, &outcomes));
        // An action that waits for an approval is no reason to try again soon.
        let is_incomplete = exit == Exit::Incomplete && !plan.waits_for_approval_alone(&outcomes);
        let is_left_for_approval = |action: &Action| action.skipped == Some(Skip::NeedsApproval);
        let mut each = plan.actions.iter().zip(&outcomes);
        let is_all_done =
            each.all(|(action, outcome)| *outcome == Outcome::Done || is_left_for_approval(action));
        let reached = match is_incomplete {
            false => Reached::InStep,
            true if plan.has_unverified_directory() && is_all_done => Reached::Unverified,
            true => Reached::Incomplete,
        };
        log_run(plan, kind, &outcomes, reached);
        if let Some(since) = since.filter(|_| outcomes.contains(&Outcome::Done)) {
            metrics().lag(since.until(Timestamp::now()));
        }
        let grace_ends = plan.kept.iter().filter_map(|kept| kept.until).min();
        // What a plan about a few leaves waiting is reported by the next full run.
        let waiting = if kind == RunKind::Full { self.waiting(plan, &outcomes) } else { None };
        self.show_outcome(kind, plan, &outcomes, waiting.as_ref());
        Ok(Ended::CarriedOut(CarriedOut { reached, waiting, grace_ends }))
    }

    /// Returns what all runs of the last hour have used of the limits.
    fn past(&mut self, plan: &Plan) -> Result<Past, Failure> {
        let (now, session) = (Timestamp::now(), &self.writing.session);
        if let Some(state) = session.state.as_ref().filter(|_| plan.has_changes()) {
            for (user_id, kind, at) in state.done_since(COMMAND, Window::beginning(now))? {
                self.known.window.note(user_id, kind, at);
            }
        }
        let accounts =
            self.known.reading.as_ref().map_or(&[][..], |reading| &reading.facts.accounts);
        Ok(self.known.window.past(now, plan, accounts))
    }

    /// Updates the reading with what was done, until it is read again.
    fn take_in(&mut self, plan: &Plan, outcomes: &[Outcome]) {
        let done: HashMap<_, _> = plan
            .actions
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Done | Outcome::Scheduled(_)))
            .filter_map(|(action, _)| Some((&action.user_id, action.kind.leaves(plan.disable)?)))
            .collect();
        let rights: HashMap<_, _> = plan
            .actions
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Done)
            .filter_map(|(action, _)| Some((&action.user_id, action.kind.right()?)))
            .collect();
        if done.is_empty() && rights.is_empty() {
            return;
        }
        for account in self.known.reading.iter_mut().flat_map(|reading| &mut reading.facts.accounts)
        {
            if let Some(state) = done.get(&account.user_id) {
                account.state = *state;
            }
            if let Some(right) = rights.get(&account.user_id) {
                account.mas_admin = *right;
                account.admin |= *right == MasAdmin::Yes;
            }
        }
    }

    /// Returns the actions that wait for an approval.
    fn waiting(&self, plan: &Plan, outcomes: &[Outcome]) -> Option<Waiting> {
        let count = Some(plan.to_approve().count()).filter(|count| *count > 0)?;
        let digest = plan.digest_after(outcomes);
        let reasons = plan
            .to_approve()
            .map(|action| format!("{}: {}", action.localpart(), action.waits_because()));
        let reasons = reasons.take(MOST_NAMED).collect();
        let to_do = self.to_do(plan, &digest);
        Some(Waiting { digest, count, reasons, to_do })
    }

    fn to_do(&self, plan: &Plan, digest: &Digest) -> ToDo {
        let command = command_after_refusal(self.process.global, "sync", plan, digest);
        ToDo { command, advice: plan.advice_without_approval() }
    }

    /// Returns what the room may hear of a run.
    fn news_of(&self, plan: &Plan, kind: RunKind, outcomes: &[Outcome]) -> News {
        let coverage = if kind == RunKind::Full { Coverage::Whole } else { Coverage::Part };
        let next = next_step(self.process.global, "sync", &plan.digest_after(outcomes));
        News::carried_out(coverage, plan, outcomes, next)
    }

    fn lock(&self) -> Result<RunLock, Failure> {
        self.writing.session.lock(self.process.surroundings)
    }
}

/// Marks the directories that the plan could not verify. They stay so until the next full reading.
fn with_doubts(mut reading: Reading, plan: &Plan) -> Reading {
    reading.facts.doubtful.clone_from(&plan.doubtful);
    reading
}
