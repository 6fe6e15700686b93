//! Checks everything that a run needs and shows how to fix problems (`doctor`). It changes nothing.

use crate::cli::{DoctorArgs, DoctorFormat, Global};
use crate::doctor::{Settings, Status, examine, examine_mapping};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Terminal, doctor as output};
use crate::readers::Tallies;
use crate::session::{Examined, Session, print};

/// Runs the checks and prints the findings. A wrong configuration is an error, as with every
/// command.
pub async fn doctor(
    global: &Global,
    args: &DoctorArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let Examined { session, warnings, state_problem } = Session::to_examine(global, surroundings)?;
    let tallies = Tallies::default();
    let settings = Settings {
        config: &session.config,
        warnings: &warnings,
        state_problem: state_problem.as_ref(),
    };
    let examining = examine(settings, &session.readers, surroundings, &tallies.members);
    let mut report = session.progress.reading(&tallies, examining).await;
    examine_mapping(&mut report, &session.config, &session.readers, session.state.as_ref()).await;
    print(&match args.format {
        DoctorFormat::Text => output::text(&report, Terminal::of_stdout()),
        DoctorFormat::Json => output::json(&report),
    })?;
    let fails =
        report.count(Status::Problem) > 0 || args.strict && report.count(Status::Warning) > 0;
    Ok(if fails { Exit::Error } else { Exit::InStep })
}
