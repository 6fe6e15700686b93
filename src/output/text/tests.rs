//! Tests what is cut on a terminal, and what is not.

use super::*;
use crate::model::{Localpart, Timestamp};
use crate::plan::{Action, DisableMode, Kept, KeptReason, ReadCounts, Reason, WriterKind};

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

fn plain(plan: &Plan, terminal: Terminal) -> String {
    let head = Head {
        title: "Plan".to_owned(),
        at: Timestamp::from_millis(1_795_000_000_000),
        members_of: "Keycloak https://sso.example.org/, realm corp, group matrix-users".to_owned(),
        accounts_of: "Synapse https://matrix.example.org/".to_owned(),
    };
    let next =
        [NextStep::new("To approve it", "matrix-keycloak-sync sync --approve 01234567".to_owned())];
    let digest = plan.digest();
    let view = PlanView {
        head: &head,
        plan,
        digest: &digest,
        command: RunCommand::Sync,
        refusals: &[],
        next: &next,
    };
    anstream::adapter::strip_str(&super::plan(&view, terminal)).to_string()
}

/// A terminal of this width.
fn terminal(width: usize) -> Terminal {
    Terminal { cut: true, width: Some(width), height: Some(24) }
}

#[test]
fn a_long_list_is_cut_on_a_terminal_and_whole_in_a_file() {
    let plan = plan_of(3000);
    let cut = plain(&plan, terminal(80));
    assert!(
        cut.contains("\n    and 2,988 more (plan --full)\n") && cut.lines().count() < 34,
        "{cut}"
    );
    assert_eq!(plain(&plan, Terminal::WHOLE).matches("\n    - u").count(), 3000);
}

#[test]
fn a_short_plan_is_printed_in_full_within_80_columns() {
    let told = plain(&plan_of(3), terminal(80));
    let digest = plan_of(3).digest();
    let expected = format!(
        "\
Plan for example.org (digest {}), 2026-11-18T11:06:40Z
  7 members: Keycloak https://sso.example.org/, realm corp, group matrix-users
  4 accounts: Synapse https://matrix.example.org/
  Writer: mas-cli

0 to activate, 3 to disable, 0 unchanged, 1 kept, 0 not registered

Disable 3 accounts (deactivate: rooms and e-mail addresses are lost)
  not in the group (1):
    - u00002
  not in Keycloak (2):
    - u00000
    - u00001

Kept, although the rule would act
  bot: owns a token that this program uses

0 to activate, 3 to disable, 0 unchanged, 1 kept, 0 not registered

What to do next
  To approve it:
    matrix-keycloak-sync sync --approve 01234567
  To keep an account, add it to policy.protect.
",
        digest.short()
    );
    assert_eq!(told, expected);
}

#[test]
fn every_line_but_commands_fits_the_terminal() {
    for width in [40, 80, 120] {
        let told = plain(&plan_of(3000), terminal(width));
        let long: Vec<_> = told.lines().filter(|line| line.chars().count() > width).collect();
        assert!(long.iter().all(|line| line.contains("matrix-keycloak-sync")), "{long:?}");
    }
}
