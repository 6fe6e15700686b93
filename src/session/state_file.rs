//! Opens the state file. Commands that may write create it; those that only read leave no trace.

use std::path::Path;

use crate::config::{Config, StateFile, Warning};
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::lock;
use crate::state::{Parents, State, StateError, StateProblem, make_folder};

/// What a command does with the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateFileUse {
    /// It may change something.
    Write,
    Read,
}

/// The state file, if there is one, and what to warn about.
pub(crate) type Opened = (Option<State>, Option<Warning>);

/// Opens the state file. A configured path has to be usable; the default place need not be, if no
/// key depends on the state file.
pub(crate) fn open(config: &Config, purpose: StateFileUse) -> Result<Opened, Failure> {
    let is_default = match config.state_file {
        StateFile::Off => return Ok((None, None)),
        StateFile::At(_) => false,
        StateFile::Default(_) => true,
    };
    let no_place = match config.state_file.path().map(|path| open_at(config, path, purpose)) {
        Some(Ok(state)) => return Ok((state, None)),
        Some(Err(error)) if is_default && error.problem.is_about_the_place() => Some(error),
        Some(Err(error)) => return Err(error.into()),
        None => None,
    };
    match config.needs_state().filter(|_| purpose == StateFileUse::Write) {
        Some(what) => Err(Failure::NoPlace { what, source: no_place.map(Box::new) }),
        None => Ok((None, Some(no_memory(no_place.as_ref())))),
    }
}

fn open_at(
    config: &Config,
    path: &Path,
    purpose: StateFileUse,
) -> Result<Option<State>, StateError> {
    match purpose {
        StateFileUse::Write => {
            let parents = match config.state_file {
                StateFile::Default(_) => Parents::AreMade,
                _ => Parents::MustExist,
            };
            make_folder(path, parents)
                .map_err(|error| StateError { path: path.to_owned(), problem: error.into() })?;
            State::open(path, config.namespace()).map(Some)
        }
        StateFileUse::Read => {
            let mut state = State::read(path, config.namespace())?;
            if let Some(state) = &mut state {
                state.compare(lock::last_run_of(config, path))?;
            }
            Ok(state)
        }
    }
}

/// Returns why a command that needs the state file has none.
pub(crate) fn missing(config: &Config, what: &'static str) -> Failure {
    match config.state_file {
        StateFile::Off => Failure::NoState(what),
        _ => Failure::NoPlace { what, source: None },
    }
}

/// Returns the warning that belongs to every run with `state_file = "off"`.
pub(crate) fn warning_of(config: &Config) -> Option<Warning> {
    let found = "state_file = \"off\": accounts that were never tied to a Keycloak user are disabled without an approval";
    let instead = "Remove the key, or set it to a path.";
    (config.state_file == StateFile::Off).then(|| Warning { what: found.to_owned(), instead })
}

fn no_memory(error: Option<&StateError>) -> Warning {
    let why = match error {
        Some(error) => in_one_line(error),
        None => "there is no place for the state file: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set".to_owned(),
    };
    let found = format!("nothing is remembered, because {why}");
    let is_full = error.is_some_and(|error| matches!(error.problem, StateProblem::Full));
    let instead = if is_full {
        "Free space on its disk, or set `state_file` to a path on another one."
    } else {
        "Set `state_file` to a path that this user can write."
    };
    Warning { what: found, instead }
}
