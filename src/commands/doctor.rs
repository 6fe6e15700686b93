//! `doctor`: settings, servers, versions, credentials and permissions; for each problem what to change and where.

use super::session::{Session, print};
use crate::app::Surroundings;
use crate::cli::{DoctorArgs, DoctorFormat, Global};
use crate::doctor::{self, Patient, Status};
use crate::exit::Exit;
use crate::output::doctor as output;
use crate::report::Failure;

/// Looks at everything and changes nothing.
pub async fn doctor(global: &Global, args: &DoctorArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let session = Session::quietly(global, surroundings)?;
    let patient = Patient {
        config: &session.config,
        warnings: &session.warnings,
        readers: &session.readers,
        mas: session.mas.as_ref(),
        env: &*surroundings.env,
    };
    let checks = doctor::examine(&patient).await;
    print(&match args.format {
        DoctorFormat::Text => output::text(&checks),
        DoctorFormat::Json => output::json(&checks),
    })?;
    let is_ill = checks.iter().any(|check| check.status == Status::Problem);
    Ok(if is_ill { Exit::Error } else { Exit::InStep })
}
