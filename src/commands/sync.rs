//! Makes a plan, checks the limits, and only then writes (`sync`).

use std::path::Path;
use std::time::Instant;

use tracing::error;

use super::plan as plan_command;
use super::session::{Session, print, tell};
use super::writing::Writing;
use crate::app::Surroundings;
use crate::cli::{Global, PlanArgs, PlanFormat, SyncArgs, SyncFormat};
use crate::exit::Exit;
use crate::output::{Terminal, text};
use crate::plan::{ApprovedDigest, Digest, Outcome, Plan, PlanDocument, Skip};
use crate::report::{Failure, in_one_line};
use crate::signals::{RunKind, RunResult, metrics};
use crate::subprocess;

/// Makes a plan and applies it within the limits.
pub async fn sync(global: &Global, args: &SyncArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    if args.dry_run {
        let format = match args.format {
            SyncFormat::Text => PlanFormat::Text,
            SyncFormat::Json => PlanFormat::Json,
        };
        return plan_command(global, &PlanArgs { format, ..PlanArgs::default() }, surroundings).await;
    }
    let begin = Instant::now();
    let ended = run(global, args, surroundings).await;
    metrics().run_ended(RunKind::Full, RunResult::of(&ended), begin.elapsed());
    match &args.metrics_file {
        Some(path) => leave_metrics(path, ended),
        None => ended,
    }
}

/// Writes the metrics file. Without it no one would notice failures, so a run that cannot write it
/// does not end with 0; but an earlier error comes first.
fn leave_metrics(path: &Path, ended: Result<Exit, Failure>) -> Result<Exit, Failure> {
    match (metrics().write_file(path), ended) {
        (Ok(()), ended) => ended,
        (Err(source), ended) => {
            let what = format!("write the metrics to {}", path.display());
            error!("{}", in_one_line(&Failure::Local { what, source }));
            ended.map(|exit| if exit == Exit::InStep { Exit::Incomplete } else { exit })
        }
    }
}

async fn run(global: &Global, args: &SyncArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let run = Writing::begin(global, surroundings)?;
    let session = &run.session;
    let mut plan = run.unless_stopped(session.plan(args.approve.is_some(), true)).await?;

    let refusals = approve(session, &plan, &plan.digest(), args.approve.as_ref());
    if args.format == SyncFormat::Text {
        print(&text::plan(&plan, &plan.digest(), &[], Terminal::of_stdout()))?;
    }
    if args.approve.is_none() {
        plan.hold_back();
    }
    if !refusals.is_empty() {
        if args.format == SyncFormat::Json {
            print(&PlanDocument::planned(&plan, refusals.clone()).to_json())?;
        }
        tell(&text::refused(&refusals, &plan, &command_to_go_on(global, "sync", &plan.digest())));
        run.refused("sync", &plan, &refusals)?;
        return Ok(Exit::Refused);
    }
    let (outcomes, exit) = run.carry_out("sync", &plan, None).await?;
    let told = match args.format {
        SyncFormat::Text => text::outcome(&plan, &outcomes, Terminal::of_stdout()),
        SyncFormat::Json => PlanDocument::applied(&plan, &outcomes).to_json(),
    };
    let exit = tell_the_end(&told, exit);
    say_what_waits(global, &plan, &outcomes);
    Ok(exit)
}

/// Says which command approves the actions that a run has left waiting.
fn say_what_waits(global: &Global, plan: &Plan, outcomes: &[Outcome]) {
    if plan.actions.iter().any(|action| action.skipped == Some(Skip::NeedsApproval)) {
        let command = command_to_go_on(global, "sync", &plan.digest_after(outcomes));
        tell(&text::waiting(plan, &command));
    }
}

/// Returns why a plan may not be applied: it exceeds a limit, or the approval is for another plan. The
/// right approval lifts every limit for this run.
pub(super) fn approve(
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
pub(super) fn command_to_go_on(global: &Global, command: &str, digest: &Digest) -> String {
    let config = global.config.as_ref().map(|path| format!("--config {} ", shell_word(path))).unwrap_or_default();
    format!("matrix-keycloak-sync {config}{command} --approve {digest}")
}

/// Returns a path as one word of a shell.
pub(super) fn shell_word(path: &Path) -> String {
    subprocess::shell_word(&path.display().to_string())
}

/// Prints the outcome of a plan. Accounts may have been changed, so a failure to print must not end
/// the run as if nothing had been.
pub(super) fn tell_the_end(told: &str, exit: Exit) -> Exit {
    match print(told) {
        Ok(()) => exit,
        Err(failure) => {
            error!("{}", in_one_line(&failure));
            Exit::Incomplete
        }
    }
}
