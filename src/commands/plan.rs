//! Reads both sides and prints the plan (`plan`). It has no writer, so it cannot change anything.

use std::path::Path;

use tracing::info;

use crate::cli::{Global, PlanArgs, PlanFormat};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::markdown::Length;
use crate::output::text::{Head, PlanView};
use crate::output::{Terminal, markdown, plan_page, text};
use crate::plan::{Plan, PlanDocument, RunCommand};
use crate::session::{Aim, Session, next_steps, page, print, tell};
use crate::shell::path_word;

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
    let digest = plan.digest();
    // What is saved is carried out by `apply`.
    let (command, line) = match &args.out {
        Some(path) => (RunCommand::Apply, format!("apply {}", path_word(path))),
        None => (RunCommand::Sync, "sync".to_owned()),
    };
    let next = next_steps(global, command, &line, &plan, &refusals);
    let view = PlanView {
        head: &Head::new("Plan", &session.config),
        plan: &plan,
        digest: &digest,
        command,
        refusals: &refusals,
        next: if args.out.is_none() { &next } else { &[] },
    };
    match args.format {
        PlanFormat::Html => print(&plan_page::plan(&view))?,
        PlanFormat::Text => {
            let terminal = Terminal::of_stdout();
            page(&text::plan(&view, if args.full { terminal.whole() } else { terminal }))?;
        }
        PlanFormat::Json => print(&PlanDocument::planned(&plan, &refusals).to_json())?,
        PlanFormat::Markdown => {
            let length = if args.full { Length::Full } else { Length::Short };
            print(&markdown::plan(&plan, &refusals, length))?;
        }
    }
    if let Some(path) = &args.out {
        let path = path.display();
        let steps = text::what_next(&next, Terminal::of_stderr());
        tell(global, &format!("\nThe plan is in {path}.\n{steps}"), || {
            let command = next.first().map(|step| &*step.command);
            info!(command, "the plan is in {path}");
        });
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
