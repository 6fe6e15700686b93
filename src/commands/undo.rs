//! Reverses what a run changed (`undo RUN`), as a plan that is shown first, and says what cannot be
//! restored.

use crate::cli::{Global, UndoArgs};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Terminal, history, text};
use crate::plan::{ActionKind, Plan, Skip};
use crate::planner::{Focus, Undo, Undone};
use crate::session::{
    Session, Writing, approve, command_to_go_on, print, state_file, tell, tell_the_end, warn_of_doubts,
};
use crate::state::RunId;

/// Undoes the actions of a run that were the last on their account. Current members are disabled only
/// with a yes.
pub async fn undo(global: &Global, args: &UndoArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let run = Writing::begin(global, surroundings)?;
    let session = &run.session;
    let state = session.state.as_ref().ok_or_else(|| state_file::missing(&session.config, "`undo`"))?;
    let id = RunId(args.run);
    let undone = state.done_by(id)?.ok_or(Failure::NoRun(id))?;
    let mut plan = run.unless_stopped(plan(session, &undone, args.approve.is_some())).await?;
    if args.yes {
        plan.include_members();
    }

    print(&text::plan(&plan, &plan.digest(), &[], Terminal::of_stdout()))?;
    if plan.count_to_apply(ActionKind::Activate) > 0 {
        print(history::WHAT_CANNOT_COME_BACK)?;
    }
    if args.dry_run {
        return Ok(Exit::InStep);
    }
    let refusals = approve(session, &plan, &plan.digest(), args.approve.as_ref());
    let command = command_to_go_on(global, &format!("undo {id}"), &plan.digest());
    match &args.approve {
        Some(_) if refusals.is_empty() => plan.include_members(),
        Some(_) => {}
        None => plan.hold_back(),
    }
    if !refusals.is_empty() {
        tell(&text::refused(&refusals, &plan, &command));
        run.refused("undo", &plan, &refusals)?;
        return Ok(Exit::Refused);
    }
    let (outcomes, exit) = run.carry_out("undo", &plan, Some(id)).await?;
    let exit = tell_the_end(&text::outcome(&plan, &outcomes, Terminal::of_stdout()), exit);
    let members = plan.actions.iter().filter(|action| action.skipped == Some(Skip::Member)).count();
    if members > 0 {
        tell(&text::members_spared(members, &command));
    }
    Ok(exit)
}

async fn plan(session: &Session, undone: &[Undone], approved: bool) -> Result<Plan, Failure> {
    let reading = session.read().await?;
    let mut focus = Focus::default();
    focus.extend(undone.iter().map(|one| one.user_id.clone()));
    let undo = Undo::new(&reading.facts, &session.config.policy, undone, &focus);
    let looks = session.look(undo.to_look_at(), &reading, approved).await?;
    let plan = undo.decide(&looks);
    warn_of_doubts(&plan);
    Ok(plan)
}
