//! Tests what is cut on a terminal, and what is not.

use super::*;
use crate::model::Localpart;
use crate::plan::{Kept, ReadCounts, Reason, WriterKind};

fn plan_of(disables: usize) -> Plan {
    let action = |number: usize| Action {
        mas_id: None,
        before: crate::model::AccountState::default(),
        evidence: None,
        approval: None,
        mark: None,
        kind: ActionKind::Disable,
        user_id: Localpart::from(format!("u{number:05}")).on(&"example.org".into()),
        reason: if number < 2 { Reason::NotInKeycloak } else { Reason::NotInGroup },
        since: None,
        new: None,
        skipped: None,
    };
    Plan {
        read: ReadCounts { members: 7, accounts: disables + 1 },
        actions: (0..disables).map(action).collect(),
        active: disables,
        kept: vec![Kept::new("bot".into(), KeptReason::TokenOwner)],
        ..Plan::empty("example.org".into(), WriterKind::MasCli, DisableMode::Deactivate)
    }
}

fn plain(plan: &Plan, cut: bool) -> String {
    anstream::adapter::strip_str(&super::plan(plan, &plan.digest(), &[], Terminal { cut }))
        .to_string()
}

#[test]
fn a_long_list_is_cut_on_a_terminal_and_whole_in_a_file() {
    let plan = plan_of(3000);
    let cut = plain(&plan, true);
    assert!(
        cut.contains("\n    and 2,988 more (plan --full)\n") && cut.lines().count() < 30,
        "{cut}"
    );
    assert_eq!(plain(&plan, false).matches("\n    - u").count(), 3000);
}

#[test]
fn a_short_plan_is_printed_in_full_within_80_columns() {
    let told = plain(&plan_of(3), true);
    let expected = "\
Plan for example.org: 7 members in the group, 4 accounts

Disable 3 accounts (deactivate: rooms and e-mail addresses are lost)
  not in the group (1):
    - u00002
  not in Keycloak (2):
    - u00000
    - u00001

Kept, although the rule would act
  bot: owns a token that this program uses

0 to activate, 3 to disable, 0 unchanged, 1 kept, 0 not registered
";
    assert!(told.starts_with(expected), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}
