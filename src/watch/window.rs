//! Tracks what was done within the last hour. The limits count over it, so that many small steps do
//! not evade them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Account, AccountState, Timestamp, UserId};
use crate::plan::{ActionKind, Outcome, Plan};
use crate::planner::Past;

/// How long something counts.
const HOUR: Duration = Duration::from_hours(1);

/// The actions, with their accounts and the last time of each.
#[derive(Debug, Clone, Default)]
pub struct Window {
    disabled: HashMap<UserId, Timestamp>,
    activated: HashMap<UserId, Timestamp>,
    deactivated: HashMap<UserId, Timestamp>,
    created: HashMap<UserId, Timestamp>,
    admins: HashMap<UserId, Timestamp>,
}

impl Window {
    /// Returns the time since which actions count.
    #[must_use]
    pub fn beginning(now: Timestamp) -> Timestamp {
        now.before(HOUR)
    }

    /// Adds an action. Repeated actions on an account count once.
    pub fn note(&mut self, user_id: UserId, kind: ActionKind, at: Timestamp) {
        let done = match kind {
            ActionKind::Disable => &mut self.disabled,
            ActionKind::Activate => &mut self.activated,
            ActionKind::Deactivate => &mut self.deactivated,
            ActionKind::Create => &mut self.created,
            ActionKind::GrantAdmin | ActionKind::RevokeAdmin => &mut self.admins,
        };
        let last = done.entry(user_id).or_default();
        *last = at.max(*last);
    }

    /// Adds a run. An action that failed counts, because it may have been half done.
    pub fn note_run(&mut self, plan: &Plan, outcomes: &[Outcome], at: Timestamp) {
        for (action, outcome) in plan.actions.iter().zip(outcomes) {
            if !matches!(outcome, Outcome::Skipped(_)) {
                self.note(action.user_id.clone(), action.kind, at);
            }
        }
    }

    /// Returns what counts now in addition to a plan. An account in the plan counts there, and not
    /// twice.
    pub fn past(&mut self, now: Timestamp, plan: &Plan, accounts: &[Account]) -> Past {
        let Self { disabled, activated, deactivated, created, admins } = self;
        let mut nothing = true;
        for done in [&mut *disabled, activated, deactivated, created, admins] {
            done.retain(|_, at| now < at.after(HOUR));
            nothing &= done.is_empty();
        }
        if nothing {
            return Past::default();
        }
        let besides = |done: &HashMap<UserId, Timestamp>, kinds: &[ActionKind]| {
            let planned = plan.to_apply().filter(|action| kinds.contains(&action.kind));
            let planned: HashSet<_> = planned.map(|action| &action.user_id).collect();
            let besides = done.keys().filter(|user_id| !planned.contains(user_id));
            besides.cloned().collect::<HashSet<_>>()
        };
        let disabled = besides(disabled, &[ActionKind::Disable]);
        let is_active = |account: &&Account| account.state == AccountState::default();
        let active = accounts
            .iter()
            .filter(is_active)
            .filter(|account| disabled.contains(&account.user_id))
            .count();
        Past {
            disabled: disabled.len(),
            inactive: disabled.len() - active,
            activated: besides(activated, &[ActionKind::Activate]).len(),
            created: besides(created, &[ActionKind::Create]).len(),
            admins: besides(admins, &[ActionKind::GrantAdmin, ActionKind::RevokeAdmin]).len(),
            deactivated: besides(deactivated, &[ActionKind::Deactivate]).len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountDetail, Evidence, Localpart};
    use crate::plan::{Action, DisableMode, FailureKind, Left, Reason, WriterKind};

    const THEN: Timestamp = Timestamp::from_millis(1000);
    const NOW: Timestamp = Timestamp::from_millis(2000);

    fn user(name: &str) -> UserId {
        Localpart::from(name).on(&"example.org".into())
    }

    fn plan(actions: &[(ActionKind, &str)]) -> Plan {
        let action = |(kind, name): &(ActionKind, &str)| Action {
            kind: *kind,
            user_id: user(name),
            mas_id: None,
            reason: Reason::NotInGroup,
            since: None,
            new: None,
            before: AccountState::default(),
            evidence: Some(Evidence::new(AccountDetail::new(user(name)))),
            approval: None,
            mark: None,
            skipped: None,
        };
        Plan {
            actions: actions.iter().map(action).collect(),
            ..Plan::empty("example.org".into(), WriterKind::MasCli, DisableMode::Lock)
        }
    }

    fn active(name: &str) -> Account {
        Account::active(user(name))
    }

    fn alice_disabled() -> Window {
        let mut window = Window::default();
        window.note(user("alice"), ActionKind::Disable, THEN);
        window
    }

    #[test]
    fn what_was_done_counts_for_an_hour() {
        let last = Timestamp::from_millis(1000 + 3_599_999);
        let counted = Past { disabled: 1, inactive: 1, activated: 0, ..Past::default() };
        assert_eq!(alice_disabled().past(last, &plan(&[]), &[]), counted);
        assert_eq!(alice_disabled().past(THEN.after(HOUR), &plan(&[]), &[]), Past::default());
        assert_eq!(Window::beginning(THEN.after(HOUR)), THEN);
    }

    #[test]
    fn action_that_failed_or_is_not_confirmed_counts_and_one_that_was_skipped_does_not() {
        let failed = Outcome::Failed {
            why: "MAS is down".to_owned(),
            hint: String::new(),
            kind: FailureKind::Writer,
            left: Left::InDoubt,
        };
        let names = ["alice", "bob", "cleo", "dora"];
        let tried = plan(&names.map(|name| (ActionKind::Disable, name)));
        let scheduled = Outcome::Scheduled("requested".to_owned());
        let mut window = Window::default();
        window.note_run(
            &tried,
            &[failed, scheduled, Outcome::Done, Outcome::Skipped(String::new())],
            THEN,
        );
        assert_eq!(window.past(NOW, &plan(&[]), &[]).disabled, 3);
    }

    #[test]
    fn repeated_actions_on_an_account_count_once_per_kind() {
        let mut window = alice_disabled();
        for kind in [ActionKind::Disable, ActionKind::Activate] {
            window.note(user("alice"), kind, NOW);
        }
        assert_eq!(
            window.past(NOW, &plan(&[]), &[]),
            Past { disabled: 1, inactive: 1, activated: 1, ..Past::default() }
        );
    }

    #[test]
    fn an_account_in_the_plan_counts_only_there() {
        let again = plan(&[(ActionKind::Disable, "alice")]);
        assert_eq!(alice_disabled().past(NOW, &again, &[]), Past::default());
        let other_way = plan(&[(ActionKind::Activate, "alice"), (ActionKind::Disable, "bob")]);
        assert_eq!(alice_disabled().past(NOW, &other_way, &[]).disabled, 1);
    }

    #[test]
    fn an_account_that_is_active_again_already_counts_as_active() {
        let counted = Past { disabled: 1, inactive: 0, activated: 0, ..Past::default() };
        assert_eq!(
            alice_disabled().past(NOW, &plan(&[]), &[active("alice"), active("bob")]),
            counted
        );
    }
}
