//! Reverses what a run changed (`undo RUN`), as a plan that is shown first, and says what cannot be
//! restored.

use std::collections::BTreeSet;

use crate::cli::{Global, SyncFormat, UndoArgs};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::text::{Head, PlanView};
use crate::output::{Terminal, history, text, wrapped};
use crate::plan::{Action, ActionKind, Plan, RunCommand};
use crate::planner::{PlanScope, Undo, Undone};
use crate::readers::Reading;
use crate::session::state_file::{self, StateFileUse};
use crate::session::{Aim, Asking, Order, Session, Writing, next_steps, page};
use crate::state::{ActionRow, RunId, State};

/// Undoes the actions of a run that were the last on their account. Current members are disabled
/// only with a yes.
pub async fn undo(
    global: &Global,
    args: &UndoArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let id = RunId::from_number(args.run);
    if args.dry_run {
        return dry_run(global, args, id, &Session::new(global, surroundings)?).await;
    }
    let run = Writing::begin(global, surroundings)?;
    let session = &run.session;
    let (state, undone) = of_run(session, id)?;
    let aim = Aim::write(args.approve.as_ref());
    let reading = run.unless_stopped(session.read()).await?;
    let mut plan = run.unless_stopped(plan_of(session, &reading, &undone, aim)).await?;
    let digest = plan.digest();
    let is_approved = args.approve.as_ref().is_some_and(|approve| digest.is_meant_by(approve));
    if args.yes || is_approved {
        plan.include_members();
    }
    let order = Order {
        command: RunCommand::Undo,
        line: format!("undo {id}"),
        digest,
        approve: args.approve.as_ref(),
        undoes: Some(id),
    };
    // The check prints the refusals: the question about members may change the plan before.
    let asking = Asking::unless(args.yes || args.approve.is_some());
    let meaning = |terminal| what_it_means(&plan, state, id, terminal);
    run.show(&title(id), &plan, &order, asking, meaning)?;
    let includes_members = !run.will_refuse(&plan, &order)
        && run.unless_stopped(asking.include_members(&plan)).await?;
    let members = if includes_members { plan.include_members() } else { BTreeSet::new() };
    if !run.check(&order, global, &mut plan)?.is_empty() {
        return Ok(Exit::Refused);
    }
    let again = async || {
        let mut newer = plan_of(session, &reading, &undone, Aim::Compare).await?;
        newer.include(&members);
        Ok(newer)
    };
    run.confirmed(asking, &plan, again).await?;
    let exit = run.finish(&order, global, &plan, SyncFormat::Text).await?;
    run.report_end(None, surroundings.timeouts).await;
    Ok(exit)
}

/// Shows what the undo would change, and the commands that change it.
async fn dry_run(
    global: &Global,
    args: &UndoArgs,
    id: RunId,
    session: &Session,
) -> Result<Exit, Failure> {
    let (state, undone) = of_run(session, id)?;
    let reading = session.read().await?;
    let mut plan = plan_of(session, &reading, &undone, Aim::Show).await?;
    if args.yes {
        plan.include_members();
    }
    let refusals = session.config.limits.refuse(&plan);
    let head = &Head::new(title(id), &session.config);
    let command = RunCommand::Undo;
    let digest = &plan.digest();
    let view = PlanView { head, plan: &plan, digest, command, refusals: &refusals, next: &[] };
    let terminal = Terminal::of_stdout();
    let shown = text::plan(&view, terminal.whole()) + &what_it_means(&plan, state, id, terminal)?;
    let line = format!("undo {id}{}", if args.yes { " --yes" } else { "" });
    let next = next_steps(global, command, &line, &plan, &refusals);
    page(&(shown + &text::what_next(&next, terminal)))?;
    Ok(Exit::InStep)
}

/// Returns the state file, and what a run did.
fn of_run(session: &Session, id: RunId) -> Result<(&State, Vec<Undone>), Failure> {
    let Some(state) = &session.state else { return Err(why_no_state(session, id)) };
    Ok((state, state.done_by(id)?.ok_or(Failure::NoRun(id))?))
}

/// Returns why there is no state. A command that only reads creates no file, and without a file
/// there was no run yet.
fn why_no_state(session: &Session, id: RunId) -> Failure {
    let config = &session.config;
    let reads_from = config.state_file.path().filter(|_| session.purpose == StateFileUse::Read);
    match reads_from.map(|path| State::read(path, config.namespace())) {
        Some(Ok(_)) => Failure::NoRun(id),
        Some(Err(error)) => error.into(),
        None => state_file::missing(config, "`undo`"),
    }
}

fn title(id: RunId) -> String {
    format!("Plan to undo run {id}")
}

/// Returns what an undo cannot bring back, and what it brings back only for a while.
fn what_it_means(
    plan: &Plan,
    state: &State,
    id: RunId,
    terminal: Terminal,
) -> Result<String, Failure> {
    let was_deactivated =
        |action: &Action| action.kind == ActionKind::Activate && action.before.deactivated;
    let mut text = String::new();
    if plan.to_apply().any(was_deactivated) {
        text += &history::what_cannot_come_back(terminal);
        text += &wrapped(&rooms(state, id, plan)?, terminal);
    }
    if plan.count_to_apply(ActionKind::Activate) > 0 {
        text += &history::what_a_sync_disables_again(terminal);
    }
    Ok(text)
}

/// Returns the rooms that the accounts to be activated were in.
fn rooms(state: &State, run: RunId, plan: &Plan) -> Result<String, Failure> {
    let actions = state.run(run)?.map(|(_, actions)| actions).unwrap_or_default();
    let is_activated = |action: &&ActionRow| {
        let mut activated = plan.to_apply().filter(|action| action.kind == ActionKind::Activate);
        activated.any(|activated| activated.user_id == action.user_id)
    };
    let activated: Vec<_> = actions.iter().filter(is_activated).collect();
    Ok(history::rooms_to_invite_to(&activated))
}

async fn plan_of(
    session: &Session,
    reading: &Reading,
    undone: &[Undone],
    aim: Aim,
) -> Result<Plan, Failure> {
    let mut scope = PlanScope::default();
    scope.extend(undone.iter().map(|one| one.user_id.clone()));
    let undo = Undo::new(&reading.facts, &session.config.policy, undone, &scope);
    session.plan_undo(&undo, reading, aim).await
}
