//! Prints the plan as Markdown, for a merge request or an issue.

use std::fmt::{Display, Write as _};

use super::text::stages;
use super::unverified;
use crate::model::{Unnamed, Word as _};
use crate::phrases::counted;
use crate::plan::{Action, ActionKind, MappingSummary, Plan, Refusal, TieCount};

/// The longest table, because the text of a merge request has a limit.
const SHOWN: usize = 1000;

/// How much of long tables to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// What fits into the text of a merge request.
    Short,
    /// Every row.
    Full,
}

impl Length {
    fn rows(self) -> usize {
        match self {
            Self::Short => SHOWN,
            Self::Full => usize::MAX,
        }
    }
}

/// Returns the plan.
#[must_use]
pub fn plan(plan: &Plan, reasons_to_refuse: &[Refusal], length: Length) -> String {
    let mut text = String::new();
    counts(&mut text, plan);
    refusals(&mut text, reasons_to_refuse);
    actions(&mut text, &plan.actions, length);
    for (when, what) in stages(plan.next_stage) {
        let _ = writeln!(text, "\n**{when}**: {}", escaped(&what));
    }
    kept(&mut text, plan);
    unverified::markdown(&mut text, &plan.unverified);
    unnamed(&mut text, &plan.unnamed, length);
    mapping(&mut text, &plan.mapping);
    if plan.has_changes() {
        let _ = writeln!(text, "\n`{}`", plan.digest());
    }
    text
}

/// Adds the heading, and how many accounts the plan changes and keeps.
fn counts(text: &mut String, plan: &Plan) {
    let summary = plan.summary();
    let _ = write!(
        text,
        "## Matrix accounts of {}\n\n{} in the group, {}.\n\n",
        escaped(&plan.server_name),
        counted(plan.read.members, "member", "members"),
        counted(plan.read.accounts, "account", "accounts"),
    );
    let usual = [("activate", summary.activate), ("disable", summary.disable)];
    let rare = [
        ("create", summary.create),
        ("deactivate", summary.deactivate),
        ("grant", summary.grant_admin),
        ("revoke", summary.revoke_admin),
    ];
    let rest = [
        ("unchanged", summary.unchanged),
        ("kept", summary.kept),
        ("not registered", summary.not_registered),
    ];
    let rare = rare.into_iter().filter(|(_, count)| *count > 0);
    let columns: Vec<_> = usual.into_iter().chain(rare).chain(rest).collect();
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text.push_str(&row(columns.iter().map(|(name, _)| (*name).to_owned()).collect()));
    text.push_str(&row(vec!["--:".to_owned(); columns.len()]));
    text.push_str(&row(columns.iter().map(|(_, count)| count.to_string()).collect()));
    if plan.loses_rooms() {
        text.push_str(
            "\n**Deactivation is for good**: rooms and e-mail addresses are lost, and `undo` does not bring them back.\n",
        );
    }
}

/// Adds why a sync would refuse the plan.
fn refusals(text: &mut String, refusals: &[Refusal]) {
    if refusals.is_empty() {
        return;
    }
    text.push_str("\n**A sync of this plan would be refused**, because\n\n");
    for refusal in refusals {
        let _ = writeln!(text, "- {}", escaped(refusal));
    }
}

/// Adds the accounts that the plan changes.
fn actions(text: &mut String, actions: &[Action], length: Length) {
    if actions.is_empty() {
        return;
    }
    text.push_str("\n| action | account | user | reason |\n| --- | --- | --- | --- |\n");
    for action in actions.iter().take(length.rows()) {
        let verb = match action.kind {
            ActionKind::Activate | ActionKind::Create => action.kind.word().to_owned(),
            ActionKind::Disable
            | ActionKind::Deactivate
            | ActionKind::GrantAdmin
            | ActionKind::RevokeAdmin => format!("**{}**", action.kind.word()),
        };
        let skipped =
            action.skipped.as_ref().map(|skip| format!("; skipped: {}", escaped(&skip.why())));
        let approval =
            action.approval.map(|approval| format!("; **needs an approval**: {}", approval.text()));
        let mark = action.mark.map(|mark| format!("; {}", mark.text()));
        let user_id = escaped(&action.user_id);
        let _ = writeln!(
            text,
            "| {verb} | {user_id} | {} | {}{}{}{} |",
            user(action),
            action.reason.text(),
            mark.unwrap_or_default(),
            approval.unwrap_or_default(),
            skipped.unwrap_or_default()
        );
    }
    more(text, actions.len(), length);
}

/// Returns name and e-mail address of the user in Keycloak, as far as they are known.
fn user(action: &Action) -> String {
    let Some(user) = action.owner_or_new() else { return String::new() };
    let known = [user.name.as_ref(), user.email.as_ref()].into_iter().flatten();
    known.map(escaped).collect::<Vec<_>>().join(", ")
}

/// Adds why accounts are kept, and how many.
fn kept(text: &mut String, plan: &Plan) {
    if plan.kept.is_empty() {
        return;
    }
    text.push_str("\n| kept | accounts | because |\n| --- | --: | --- |\n");
    for (reason, count) in plan.kept_by_reason() {
        let _ = writeln!(text, "| `{}` | {count} | {} |", reason.word(), escaped(&reason.text()));
    }
}

/// Adds the members without a name that MAS accepts.
fn unnamed(text: &mut String, unnamed: &[Unnamed], length: Length) {
    if unnamed.is_empty() {
        return;
    }
    text.push_str("\n| member without a valid name | because |\n| --- | --- |\n");
    for one in unnamed.iter().take(length.rows()) {
        let _ = writeln!(text, "| {} | {} |", escaped(&one.username), escaped(&one.why));
    }
    more(text, unnamed.len(), length);
}

/// Adds how many rows a table leaves out, and how to see them.
fn more(text: &mut String, rows: usize, length: Length) {
    let hidden = rows.saturating_sub(length.rows());
    if hidden > 0 {
        let hidden = counted(hidden, "more", "more");
        let _ = writeln!(text, "\n**and {hidden}**: `plan --full` shows all of them.");
    }
}

/// Adds how members and accounts match.
fn mapping(text: &mut String, mapping: &MappingSummary) {
    let rows = mapping.rows();
    if rows.is_empty() {
        return;
    }
    text.push_str("\n| accounts | | for example |\n| --- | --: | --- |\n");
    for TieCount { by, count, examples } in rows {
        let names: Vec<_> = examples.iter().map(escaped).collect();
        let _ = writeln!(text, "| {by} | {count} | {} |", names.join(", "));
    }
}

/// Returns plain text in Markdown, without format, link, mention or entity. An entity could stand
/// for a character that the text may not contain. A newline of ours becomes a space.
fn escaped(text: &impl Display) -> String {
    const SYNTAX: &str = r"\`*_[]<>|#@~&!$";
    let text = text.to_string();
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if SYNTAX.contains(character) {
            escaped.push('\\');
        }
        escaped.push(if character == '\n' { ' ' } else { character });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerText;

    #[test]
    fn text_from_servers_is_plain_text_in_markdown() {
        for (text, expected) in [
            ("staff", "staff"),
            ("<b>[x](y)|`z`", r"\<b\>\[x\](y)\|\`z\`"),
            ("@all #1 !2 ~3 $x$", r"\@all \#1 \!2 \~3 \$x\$"),
            ("&rlm;&#x202e;", r"\&rlm;\&\#x202e;"),
            ("a\u{202e}\nb", r"a\\u{202e}\\nb"),
        ] {
            assert_eq!(escaped(&ServerText::from(text)), expected);
        }
        assert_eq!(escaped(&"a line\n  and another"), "a line   and another");
    }
}
