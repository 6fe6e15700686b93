//! `undo RUN`: puts back what a run changed, as a plan that is shown first, and says what cannot come back.

use super::session::{print, tell};
use super::state_file;
use super::sync::{approve, command_to_go_on, tell_the_end};
use super::writing::Writing;
use crate::app::Surroundings;
use crate::cli::{Global, UndoArgs};
use crate::exit::Exit;
use crate::output::{Terminal, history, text};
use crate::plan::ActionKind;
use crate::planner;
use crate::report::Failure;
use crate::state::RunId;

/// Undoes a run. A disable that was begun counts, done or not: an activation does no harm, and what needs none is left
/// out. An activation counts only where it came about: what came of it otherwise is not this run's.
pub async fn undo(global: &Global, args: &UndoArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let run = Writing::begin(global, surroundings)?;
    let session = &run.session;
    let state = session.state.as_ref().ok_or_else(|| state_file::missing(&session.config, "`undo`"))?;
    let id = RunId(args.run);
    let (_, actions) = state.run(id)?.ok_or(Failure::NoRun(id))?;
    let done: Vec<_> = actions
        .into_iter()
        .filter(|action| match action.action {
            ActionKind::Disable => action.begun.is_some(),
            ActionKind::Activate => ["done", "scheduled"].contains(&&*action.outcome),
        })
        .map(|action| (action.action, action.user_id))
        .collect();
    let reading = run.unless_stopped(session.read()).await?;
    let plan = planner::undo(&reading.facts, &session.config.policy, &done);

    print(&text::plan(&plan, &plan.digest(), &[], Terminal::of_stdout()))?;
    if plan.count_to_apply(ActionKind::Activate) > 0 {
        print(history::WHAT_CANNOT_COME_BACK)?;
    }
    if args.dry_run {
        return Ok(Exit::InStep);
    }
    let refusals = approve(session, &plan, &plan.digest(), args.approve.as_ref());
    if !refusals.is_empty() {
        let command = command_to_go_on(global, &format!("undo {id}"), &plan.digest());
        tell(&text::refused(&refusals, &plan, &command));
        run.refused("undo", &plan, &refusals)?;
        return Ok(Exit::Refused);
    }
    let (outcomes, exit) = run.carry_out("undo", &plan, Some(id)).await?;
    Ok(tell_the_end(&text::outcome(&plan, &outcomes, Terminal::of_stdout()), exit))
}
