//! How a run ended, as metrics count it.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::metrics::RunResult;

/// Returns what came of a command.
pub(crate) fn run_result(ended: &Result<Exit, Failure>) -> RunResult {
    match ended.as_ref().map_or_else(Failure::exit, |exit| *exit) {
        Exit::InStep | Exit::Changes => RunResult::InStep,
        Exit::Incomplete => RunResult::Incomplete,
        Exit::Refused => RunResult::Refused,
        Exit::Locked => RunResult::Locked,
        Exit::Error | Exit::Usage | Exit::Config => RunResult::Failed,
    }
}
