//! Reads both sides and prints the plan (`plan`). It has no writer, so it cannot change anything.

use std::path::Path;

use crate::cli::{Global, PlanArgs, PlanFormat};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Terminal, markdown, text};
use crate::plan::{Plan, PlanDocument};
use crate::session::{Aim, Session, command_line, print, shell_word, tell};

/// Shows what would change.
pub async fn plan(
    global: &Global,
    args: &PlanArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let session = Session::new(global, surroundings)?;
    let plan = session.plan(Aim::Show).await?;
    let refusals = session.config.limits.refuse(&plan);
    if let Some(path) = &args.out {
        save(path, &PlanDocument::planned(&plan, &refusals))?;
    }
    let terminal = if args.full { Terminal::WHOLE } else { Terminal::of_stdout() };
    print(&match args.format {
        PlanFormat::Text => text::plan(&plan, &plan.digest(), &refusals, terminal),
        PlanFormat::Json => PlanDocument::planned(&plan, &refusals).to_json(),
        PlanFormat::Markdown => markdown::plan(&plan, &refusals),
    })?;
    if let Some(path) = &args.out {
        let command = command_line(global, &format!("apply {}", shell_word(path)));
        tell(&format!("\nThe plan is in {}. To carry it out:\n  {command}\n", path.display()));
    }
    Ok(exit(&plan, args.detailed_exitcode))
}

fn exit(plan: &Plan, detailed: bool) -> Exit {
    if plan.is_in_doubt() {
        Exit::Incomplete
    } else if detailed && (plan.has_changes() || plan.not_rechecked.is_some()) {
        Exit::Changes
    } else {
        Exit::InStep
    }
}

/// Writes the plan to a file at once, so that `apply` never reads half a plan.
fn save(path: &Path, document: &PlanDocument<'_>) -> Result<(), Failure> {
    let what = || format!("write the plan to {}", path.display());
    files::write(path, &document.to_json(), files::Mode::Private)
        .map_err(|source| Failure::Local { what: what(), source })
}
