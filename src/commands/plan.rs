//! `plan`: reads, prints, and holds no writer, so it cannot change anything.

use std::io::{self, Write as _};
use std::path::Path;

use super::session::{Session, print};
use crate::app::Surroundings;
use crate::cli::{Global, PlanArgs, PlanFormat};
use crate::exit::Exit;
use crate::output::{Terminal, markdown, text};
use crate::plan::{Plan, PlanDocument};
use crate::report::Failure;

/// Shows what would change.
pub async fn plan(global: &Global, args: &PlanArgs, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let session = Session::new(global, surroundings)?;
    let plan = session.plan(false, false).await?;
    let refusals = session.refusals(&plan);
    if let Some(path) = &args.out {
        save(path, &PlanDocument::planned(&plan, refusals.clone()))?;
    }
    print(&match args.format {
        PlanFormat::Text => text::plan(&plan, &plan.digest(), &refusals, Terminal::of_stdout()),
        PlanFormat::Json => PlanDocument::planned(&plan, refusals).to_json(),
        PlanFormat::Markdown => markdown::plan(&plan, &refusals),
    })?;
    Ok(exit(&plan, args.detailed_exitcode))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn exit(plan: &Plan, detailed: bool) -> Exit {
    if plan.is_in_doubt() {
        Exit::Incomplete
    } else if detailed && (plan.has_changes() || plan.not_looked.is_some()) {
        Exit::Changes
    } else {
        Exit::InStep
    }
}

/// The file is there whole or not at all, so that `apply` never sees half a plan. A link, a pipe or a device stays what
/// it is.
fn save(path: &Path, document: &PlanDocument<'_>) -> Result<(), Failure> {
    let text = document.to_json();
    let written = match path.symlink_metadata() {
        Ok(there) if !there.is_file() => std::fs::write(path, text),
        _ => replace(path, &text),
    };
    match written {
        Ok(()) => Ok(()),
        Err(source) => Err(Failure::Local { what: format!("write the plan to {}", path.display()), source }),
    }
}
