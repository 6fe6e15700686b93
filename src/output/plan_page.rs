//! Prints the plan as one page of HTML that stands alone, for a ticket or a mail.

use minijinja::{Value, context};

use super::html::{Page, render};
use super::text::{PlanView, counts, stages};
use crate::model::Word as _;
use crate::phrases::{counted, joined};
use crate::plan::{Action, ActionKind, MappingSummary, Refusal, RunCommand, TieCount, Unverified};

/// The longest list of names; the page has all actions.
const NAMES: usize = 1000;
/// The longest list of commands.
const COMMANDS: usize = 1000;

/// Returns the page.
#[must_use]
pub fn plan(view: &PlanView<'_>) -> String {
    let PlanView { head, plan, digest, refusals, next, .. } = view;
    let title = format!("{} for {}", head.title, plan.server_name);
    let kept = plan.kept.iter().map(
        |kept| context! { localpart => kept.localpart.to_string(), reason => kept.reason.text() },
    );
    let unnamed = plan
        .unnamed
        .iter()
        .map(|one| context! { username => one.username.to_string(), why => one.why.to_string() });
    let next = next.iter().map(|step| context! { what => step.what, command => step.command });
    let shown = plan.not_registered.len().min(NAMES);
    let mut not_registered = joined(&plan.not_registered[..shown], ", ");
    if plan.not_registered.len() > shown {
        not_registered = format!("{not_registered} and {} more", plan.not_registered.len() - shown);
    }
    let body = render(
        "plan.html",
        context! {
            at => head.at.to_string(),
            members => counted(plan.read.members, "member", "members"),
            members_of => head.members_of,
            accounts => counted(plan.read.accounts, "account", "accounts"),
            accounts_of => head.accounts_of,
            writer => plan.writer.word(),
            counts => counts(plan),
            refusals => refusals.iter().map(Refusal::to_string).collect::<Vec<_>>(),
            loses_rooms => plan.loses_rooms(),
            nothing_to_do => plan.nothing_to_do(RunCommand::Sync),
            actions => plan.actions.iter().map(row).collect::<Vec<_>>(),
            kept => kept.collect::<Vec<_>>(),
            unnamed => unnamed.collect::<Vec<_>>(),
            stages => stages(plan.next_stage),
            unverified => unverified(&plan.unverified),
            not_registered,
            mapping => mapping(&plan.mapping),
            next => next.collect::<Vec<_>>(),
            digest => plan.has_changes().then(|| digest.to_string()),
        },
    );
    Page { title: &title, script: None }.render(&body)
}

/// Returns the accounts that Synapse shuts out, perhaps not MAS, and the commands that make sure.
fn unverified(unverified: &Unverified) -> Option<Value> {
    let count = unverified.accounts.len();
    let commands: Vec<_> = unverified.commands().take(COMMANDS).collect();
    (count > 0).then(|| {
        context! {
            accounts => counted(count, "account", "accounts"),
            more => count - commands.len(),
            commands,
        }
    })
}

/// Returns how members and accounts match.
fn mapping(mapping: &MappingSummary) -> Option<Value> {
    let row = |TieCount { count, by, examples }: TieCount<'_>| {
        context! { count, by, examples => joined(examples, ", ") }
    };
    let rows: Vec<_> = mapping.rows().into_iter().map(row).collect();
    mapping.in_short().map(|in_short| context! { in_short, rows })
}

fn row(action: &Action) -> Value {
    let (sign, class) = match action.kind {
        ActionKind::Activate | ActionKind::Create => ("+", "good"),
        ActionKind::Disable | ActionKind::Deactivate => ("−", "bad"),
        ActionKind::GrantAdmin | ActionKind::RevokeAdmin => ("~", "mild"),
    };
    let user = action.owner_or_new();
    let notes = [
        action.since.map(|since| format!("locked since {since}")),
        action.mark.map(|mark| mark.text().to_owned()),
        action.approval.map(|approval| format!("needs an approval: {}", approval.text())),
        action.skipped.as_ref().map(|skip| format!("skipped: {}", skip.why())),
    ];
    context! {
        sign,
        class,
        verb => action.kind.word().replace('_', " "),
        user_id => action.user_id.to_string(),
        name => user.and_then(|user| user.name.as_ref()).map(ToString::to_string),
        email => user.and_then(|user| user.email.as_ref()).map(ToString::to_string),
        reason => action.reason.text(),
        notes => notes.into_iter().flatten().collect::<Vec<_>>(),
    }
}
