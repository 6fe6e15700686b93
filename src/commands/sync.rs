//! Makes a plan, checks the limits, and only then writes (`sync`).

use std::path::Path;
use std::time::Instant;

use tracing::error;

use super::plan as plan_command;
use crate::cli::{Global, PlanArgs, PlanFormat, SyncArgs, SyncFormat};
use crate::environment::Surroundings;
use crate::error_chain::in_one_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::metrics::{RunKind, metrics};
use crate::output::Terminal;
use crate::plan::{PlanDocument, RunCommand, RunResult};
use crate::session::{Aim, Asking, Order, Writing, print, say};

/// Makes a plan and applies it within the limits.
pub async fn sync(
    global: &Global,
    args: &SyncArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    if args.dry_run {
        let format = match args.format {
            SyncFormat::Text => PlanFormat::Text,
            SyncFormat::Json => PlanFormat::Json,
        };
        return plan_command(global, &PlanArgs { format, ..PlanArgs::default() }, surroundings)
            .await;
    }
    let begin = Instant::now();
    let ended = match Writing::begin(global, surroundings) {
        Err(failure) => measured(Err(failure), begin),
        Ok(run) => {
            let ended = measured(carry_out(&run, global, args).await, begin);
            run.report_end(ended.as_ref().err(), surroundings.timeouts).await;
            ended
        }
    };
    match &args.metrics_file {
        Some(path) => leave_metrics(path, ended),
        None => ended,
    }
}

/// Records the end of a run in the metrics.
fn measured(ended: Result<Exit, Failure>, begin: Instant) -> Result<Exit, Failure> {
    metrics().run_ended(RunKind::Full, run_result(&ended), begin.elapsed());
    ended
}

/// Returns what came of a command.
fn run_result(ended: &Result<Exit, Failure>) -> RunResult {
    match ended.as_ref().map_or_else(Failure::exit, |exit| *exit) {
        Exit::InStep | Exit::Changes => RunResult::InStep,
        Exit::Incomplete => RunResult::Incomplete,
        Exit::Refused => RunResult::Refused,
        Exit::Locked => RunResult::Locked,
        Exit::Error | Exit::Usage | Exit::Config => RunResult::Failed,
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

async fn carry_out(run: &Writing, global: &Global, args: &SyncArgs) -> Result<Exit, Failure> {
    let aim = Aim::write(args.approve.as_ref());
    let reading = run.unless_stopped(run.session.read()).await?;
    let mut plan = run.unless_stopped(run.session.plan_of(&reading, None, aim)).await?;
    let digest = plan.digest();
    let order = Order {
        command: RunCommand::Sync,
        line: "sync".to_owned(),
        digest,
        approve: args.approve.as_ref(),
        undoes: None,
    };
    let asking = Asking::unless(args.yes || args.approve.is_some());
    if args.format == SyncFormat::Text {
        run.show("Plan", &plan, &order, asking, |_| Ok(String::new()))?;
    }
    let refusals = run.check(&order, global, &mut plan)?;
    if !refusals.is_empty() {
        if args.format == SyncFormat::Json {
            print(&PlanDocument::planned(&plan, &refusals).to_json())?;
        }
        return Ok(Exit::Refused);
    }
    if args.format == SyncFormat::Json && asking.asks_about(&plan) {
        say(&run.listed("Plan", &plan, &order, Terminal::of_stderr()));
    }
    let again = async || {
        let decision = run.session.decide(&reading, None, Aim::Compare).await?;
        Ok(run.session.whole_plan(decision))
    };
    run.confirmed(asking, &plan, again).await?;
    drop(reading);
    run.finish(&order, global, &plan, args.format).await
}
