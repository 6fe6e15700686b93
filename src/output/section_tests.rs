//! Compares the plan as text, Markdown and HTML: each has every section.

use super::markdown::{self, Length};
use super::text::{Head, PlanView};
use super::{Terminal, plan_page, text};
use crate::model::{AccountState, Localpart, Timestamp, Unnamed};
use crate::plan::{
    Action, ActionKind, Approval, DisableMode, Kept, KeptReason, MappingSummary, NextStage, Plan,
    Reason, Refusal, RunCommand, Unverified, WriterKind,
};

fn empty() -> Plan {
    Plan::empty("example.org".into(), WriterKind::MasCli, DisableMode::Lock)
}

/// A plan with every section.
fn full() -> Plan {
    let state = AccountState { locked: true, ..AccountState::default() };
    let action = Action {
        kind: ActionKind::Disable,
        user_id: Localpart::from("dave").on(&"example.org".into()),
        mas_id: None,
        reason: Reason::NotInGroup,
        since: None,
        new: None,
        before: AccountState::default(),
        evidence: None,
        approval: Some(Approval::NeverTied),
        mark: None,
        skipped: None,
    };
    let names = (0..37).map(|number| Localpart::from(format!("new{number:02}")));
    Plan {
        actions: vec![action],
        kept: vec![Kept::new("bot".into(), KeptReason::TokenOwner)],
        not_registered: names.collect(),
        unnamed: vec![Unnamed { id: "z".into(), username: "zoe".into(), why: "no name".into() }],
        unverified: Unverified {
            accounts: vec![("frank".into(), state)],
            mas_cli: "mas-cli".to_owned(),
        },
        mapping: MappingSummary { members: 9, of_nobody: 4, ..MappingSummary::default() },
        next_stage: NextStage {
            accounts: 2,
            first: Some(Timestamp::from_millis(1_795_000_000_000)),
            waiting: 3,
        },
        ..empty()
    }
}

/// Returns the plan as text, Markdown and HTML.
fn forms(plan: &Plan, refusals: &[Refusal]) -> [String; 3] {
    let head = Head {
        title: "Plan".to_owned(),
        at: Timestamp::from_millis(1_795_000_000_000),
        members_of: "Keycloak".to_owned(),
        accounts_of: "Synapse".to_owned(),
    };
    let digest = plan.digest();
    let command = RunCommand::Sync;
    let view = PlanView { head: &head, plan, digest: &digest, command, refusals, next: &[] };
    let text = anstream::adapter::strip_str(&text::plan(&view, Terminal::WHOLE)).to_string();
    [text, markdown::plan(plan, refusals, Length::Short), plan_page::plan(&view)]
}

#[test]
fn text_markdown_and_html_have_every_section() {
    let plan = full();
    // A new field needs a row below, or a place here.
    let Plan {
        actions: _,
        kept: _,
        not_registered: _,
        unnamed: _,
        unverified: _,
        mapping: _,
        next_stage: _,
        // The head and the counts.
        server_name: _,
        writer: _,
        disable: _,
        read: _,
        unchanged: _,
        active: _,
        // Warnings on stderr.
        contradictions: _,
        doubtful: _,
        not_rechecked: _,
        admins_of_mas: _,
    } = &plan;
    let without = forms(&empty(), &[]);
    let with = forms(&plan, &[Refusal::MinMembers { members: 0, min: 1 }]);
    for [text, markdown, html] in [
        ["dave"; 3],
        [Approval::NeverTied.text(); 3],
        ["would be refused"; 3],
        ["owns a token that this program uses"; 3],
        // Markdown, whose length is limited, has only the number.
        ["new36", "| 37 |", "new36"],
        ["zoe"; 3],
        ["1 account outside the group"; 3],
        ["perhaps not by MAS"; 3],
        ["mas-cli manage lock-user -- frank"; 3],
        ["4 of no Keycloak user", "| of no Keycloak user | 4 |", ">of no Keycloak user<"],
        ["2 locked accounts will be deactivated"; 3],
        ["3 accounts wait to be deactivated"; 3],
    ] {
        for (form, part) in [text, markdown, html].into_iter().enumerate() {
            assert!(with[form].contains(part), "no {part:?} in\n{}", with[form]);
            assert!(!without[form].contains(part), "{part:?} is always in\n{}", without[form]);
        }
    }
}

#[test]
fn markdown_lists_every_action_only_in_full_and_says_so() {
    let mut plan = full();
    let action = plan.actions[0].clone();
    plan.actions = vec![action; 1001];
    let rows = |length| markdown::plan(&plan, &[], length).matches("| **disable** |").count();
    assert_eq!((rows(Length::Short), rows(Length::Full)), (1000, 1001));
    assert!(markdown::plan(&plan, &[], Length::Short).contains("**and 1 more**: `plan --full`"));
}
