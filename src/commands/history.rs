//! Shows which accounts were activated or disabled, when and why (`history [RUN]`).

use std::num::NonZero;

use crate::cli::{Global, HistoryArgs, SyncFormat};
use crate::config;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{Localpart, ServerName, UserId};
use crate::output::history as output;
use crate::output::{Terminal, wrapped};
use crate::session::{page, print, state_file};
use crate::state::{RunFilter, RunId, State};

/// Lists the runs of the state file, or the actions of one run, without asking any server.
pub fn history(
    global: &Global,
    args: &HistoryArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref(), &*surroundings.env)?.config;
    let path = config.state_file.path().ok_or_else(|| state_file::missing(&config, "`history`"))?;
    let state = State::read(path, config.namespace())?;
    let told = match (args.run.map(RunId::from_number), state) {
        (None, state) => {
            let filter = filter(args, &config.server_name);
            let (runs, actions) = match (&state, &filter.user_id) {
                (None, _) => Default::default(),
                (Some(state), None) => (state.runs(&filter)?, Vec::new()),
                (Some(state), Some(user_id)) => (state.runs(&filter)?, state.actions_of(user_id)?),
            };
            match args.format {
                SyncFormat::Text => {
                    output::runs(&runs, &actions, asked(args), Terminal::of_stdout())
                }
                SyncFormat::Json => output::runs_as_json(&runs),
            }
        }
        (Some(id), None) => return Err(Failure::NoRun(id)),
        (Some(id), Some(state)) => {
            let (run, actions) = state.run(id)?.ok_or(Failure::NoRun(id))?;
            match args.format {
                SyncFormat::Text => output::run(&run, &actions, &state.refused_because(id)?),
                SyncFormat::Json => output::run_as_json(&run, &actions),
            }
        }
    };
    match args.format {
        SyncFormat::Text => page(&wrapped(&told, Terminal::of_stdout()))?,
        SyncFormat::Json => print(&told)?,
    }
    Ok(Exit::InStep)
}

fn asked(args: &HistoryArgs) -> output::Asked {
    // A limit leaves no run out if there is only one.
    if args.user.is_some() || args.since.is_some() {
        output::Asked::ForSome
    } else {
        output::Asked::ForAll
    }
}

fn filter(args: &HistoryArgs, server_name: &ServerName) -> RunFilter {
    let user_id = args.user.as_deref().map(|name| {
        UserId::parse(name, server_name).unwrap_or_else(|_| Localpart::from(name).on(server_name))
    });
    RunFilter { user_id, since: args.since, limit: args.limit.map(NonZero::get) }
}
