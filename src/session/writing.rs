//! Provides what all commands that may change something need: lock, signals, record and writer.

use std::cell::RefCell;

use tracing::error;

use super::{Order, RunReport, Session, next_step, tell, tell_the_end};
use crate::apply::{self, ApplyTallies, Hangup, RunContext, RunRecord, Stop};
use crate::cli::{Global, SyncFormat};
use crate::environment::{Surroundings, Timeouts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lock::RunLock;
use crate::metrics::metrics;
use crate::output::{Progress, Terminal, text};
use crate::phrases::joined;
use crate::plan::{Action, Outcome, Plan, PlanDocument, Refusal, RunCommand, RunResult, Skip};
use crate::signals::{Coverage, News};
use crate::state::{Beginning, RunId, State};
use crate::writers::{Write as _, Writer};

/// Returns whether to record a run: one that only leaves actions waiting says nothing new.
fn is_worth_a_record(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| action.skipped != Some(Skip::NeedsApproval))
}

/// A run that may change something, and the only one at this time.
pub(crate) struct Writing {
    pub(crate) session: Session,
    writer: Writer,
    stop: Stop,
    /// What the run has to report at its end, if it is a command with one run.
    report: RefCell<RunReport>,
    /// A command with one run holds it to its last change; `watch` takes it for each run.
    lock: RefCell<Option<RunLock>>,
}

impl Writing {
    /// Opens everything that a run needs before it asks a server.
    pub(crate) fn begin(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        let session = Session::for_writing(global, surroundings)?;
        let writer = session.writer(surroundings)?;
        let lock = session.lock(surroundings)?;
        let stop = Stop::on_signals(Hangup::Stops).map_err(Failure::no_signals)?;
        Ok(Self {
            session,
            writer,
            stop,
            report: RefCell::default(),
            lock: RefCell::new(Some(lock)),
        })
    }

    /// Opens it for `watch`: many runs, each with a lock of its own, and no progress bar.
    pub(crate) fn open_quietly(
        global: &Global,
        surroundings: &Surroundings,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let mut session = Session::for_writing(global, surroundings)?;
        session.progress = Progress::hidden();
        let writer = session.writer(surroundings)?;
        Ok(Self { session, writer, stop, report: RefCell::default(), lock: RefCell::default() })
    }

    /// Does work that a signal may end at any time, because nothing was changed yet.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.stop.unless_requested(Box::pin(work)).await.unwrap_or(Err(Failure::Stopped))
    }

    /// Holds back what needs an approval, and returns why the plan may not be carried out. A
    /// refusal is printed and recorded.
    pub(crate) fn check(
        &self,
        order: &Order<'_>,
        global: &Global,
        plan: &mut Plan,
    ) -> Result<Vec<Refusal>, Failure> {
        let refusals = order.refusals(plan, &self.session.config.limits);
        if order.approve.is_none() {
            plan.hold_back();
        }
        if !refusals.is_empty() {
            let commands = order.commands_after_refusal(global, plan);
            let stale = order.stale(plan, self.session.state.as_ref())?;
            let text =
                text::refused(&refusals, plan, stale.as_ref(), &commands, Terminal::of_stderr());
            tell(global, &text, || {
                let (mut reasons, digest) = (joined(&refusals, "; "), &order.digest);
                if let Some(members) = text::also_disables(plan) {
                    reasons = format!("{reasons}; the approval {members}");
                }
                let command = &commands.go_on;
                error!(%digest, command, "refused, nothing was changed: {reasons}");
            });
            self.refused(order.command, plan, &refusals)?;
            if order.command == RunCommand::Sync {
                let next = next_step(global, &order.line, &order.digest);
                let news = News::refused(plan, &order.digest, &refusals, next);
                self.report.borrow_mut().news = Some(news);
            }
        }
        Ok(refusals)
    }

    /// Carries out a plan and prints what became of it, and what waits for an approval.
    pub(crate) async fn finish(
        &self,
        order: &Order<'_>,
        global: &Global,
        plan: &Plan,
        format: SyncFormat,
    ) -> Result<Exit, Failure> {
        let (outcomes, exit) = self.carry_out(order.command, plan, order.undoes).await?;
        self.report.replace(self.report_of(order, global, plan, &outcomes));
        let printed = match format {
            SyncFormat::Text => text::outcome(plan, &outcomes, Terminal::of_stdout()),
            SyncFormat::Json => PlanDocument::applied(plan, &outcomes).to_json(),
        };
        let exit = tell_the_end(&printed, exit);
        order.say_what_waits(global, plan, &outcomes);
        Ok(exit)
    }

    /// Returns what a run has to report. At `apply` and `undo` an administrator sees what is open.
    fn report_of(
        &self,
        order: &Order<'_>,
        global: &Global,
        plan: &Plan,
        outcomes: &[Outcome],
    ) -> RunReport {
        let is_sync = order.command == RunCommand::Sync;
        let coverage = if is_sync { Coverage::Whole } else { Coverage::Part };
        let next = next_step(global, "sync", &plan.digest_after(outcomes));
        let done = is_sync.then(|| self.session.document_for_hook(plan, outcomes)).flatten();
        RunReport { done, news: Some(News::carried_out(coverage, plan, outcomes, next)) }
    }

    /// Reports the end of a command with one run to others, and its failure, if that is news.
    pub(crate) async fn report_end(&self, failure: Option<&Failure>, timeouts: Timeouts) {
        // No other run has to wait for a command or a room.
        drop(self.lock.take());
        self.session.report(self.report.take(), failure, timeouts).await;
    }

    /// Records a plan that was refused.
    pub(crate) fn refused(
        &self,
        command: RunCommand,
        plan: &Plan,
        refusals: &[Refusal],
    ) -> Result<(), Failure> {
        if let Some(state) = &self.session.state
            && state.refuse_again(command, &plan.digest(), refusals)?
        {
            return Ok(());
        }
        let document = PlanDocument::planned(plan, refusals).to_json();
        if let (Some(run), Some(state)) =
            (self.remembered(command, plan, &document, None)?, &self.session.state)
        {
            state.end_run(run, RunResult::Refused)?;
        }
        Ok(())
    }

    /// Applies the actions of a plan, after checking that the writer works and leads to this
    /// homeserver.
    pub(crate) async fn carry_out(
        &self,
        command: RunCommand,
        plan: &Plan,
        undoes: Option<RunId>,
    ) -> Result<(Vec<Outcome>, Exit), Failure> {
        let session = &self.session;
        if plan.to_apply().next().is_some() {
            self.unless_stopped(async { Ok(self.writer.check().await?) }).await?;
            session.prove_mas_config()?;
        }
        let document = PlanDocument::planned(plan, &[]).to_json();
        let run = self.remembered(command, plan, &document, undoes)?;
        let record = RunRecord::new(session.state.as_ref().zip(run), plan.digest());
        let failed_before =
            session.state.as_ref().map(State::failed_before).transpose()?.unwrap_or_default();
        let context = RunContext { record, stop: self.stop.clone(), failed_before };
        let tallies = ApplyTallies::default();
        let applying = Box::pin(apply::apply(
            plan,
            &self.writer,
            &session.readers,
            &session.config,
            &context,
            &tallies,
        ));
        let outcomes = session.progress.applying(&tallies, plan.to_apply().count(), applying).await;
        metrics().outcomes(plan, &outcomes);
        context.record.close(match apply::exit(plan, &outcomes, &context) {
            Exit::InStep => RunResult::InStep,
            _ => RunResult::Incomplete,
        });
        let exit = apply::exit(plan, &outcomes, &context);
        // If nothing was confirmed, Synapse may not answer, and asking it would only wait again.
        let is_disabled = |(action, outcome): (&Action, &Outcome)| {
            action.kind.shuts_out() && *outcome == Outcome::Done
        };
        if plan.actions.iter().zip(&outcomes).any(is_disabled) {
            session.warn_of_open_sessions().await;
        }
        Ok((outcomes, exit))
    }

    /// Returns the number of the recorded run. A run with nothing to do is not recorded.
    fn remembered(
        &self,
        command: RunCommand,
        plan: &Plan,
        document: &str,
        undoes: Option<RunId>,
    ) -> Result<Option<RunId>, Failure> {
        match &self.session.state {
            Some(state) if is_worth_a_record(plan) => {
                Ok(Some(state.begin_run(&Beginning { command, plan, document, undoes })?))
            }
            _ => Ok(None),
        }
    }
}
