//! What was done within the last hour: the limits count over it, so that many small steps are no way around them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Moment, UserId};
use crate::plan::{ActionKind, Outcome, Plan};
use crate::planner::Past;

/// How long something counts.
const HOUR: Duration = Duration::from_hours(1);

/// What was done, to whom, and when last.
#[derive(Debug, Clone, Default)]
pub struct Window(BTreeMap<(UserId, bool), Moment>);

impl Window {
    /// What was done before this does not count any more.
    #[must_use]
    pub fn beginning(now: Moment) -> Moment {
        now.before(HOUR)
    }

    /// Takes in what was done to an account. Somebody who is tried again and again counts once.
    pub fn note(&mut self, user_id: UserId, kind: ActionKind, at: Moment) {
        let last = self.0.entry((user_id, kind == ActionKind::Disable)).or_default();
        *last = at.max(*last);
    }

    /// Takes in a run. An action that failed may have been half done.
    pub fn note_run(&mut self, plan: &Plan, outcomes: &[Outcome], at: Moment) {
        for (action, outcome) in plan.actions.iter().zip(outcomes) {
            if !matches!(outcome, Outcome::Skipped(_)) {
                self.note(action.user_id.clone(), action.kind, at);
            }
        }
    }

    /// What counts now.
    pub fn past(&mut self, now: Moment) -> Past {
        self.0.retain(|_, at| now < at.after(HOUR));
        let disabled = self.0.keys().filter(|(_, disabled)| *disabled).count();
        Past { disabled, activated: self.0.len() - disabled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Localpart;

    fn alice() -> UserId {
        Localpart::from("alice").on(&"example.org".into())
    }

    #[test]
    fn what_was_done_counts_for_an_hour() {
        let mut window = Window::default();
        let at = Moment::from_millis(1000);
        window.note(alice(), ActionKind::Disable, at);
        let last = Moment::from_millis(1000 + 3_599_999);
        assert_eq!(window.past(last), Past { disabled: 1, activated: 0 });
        assert_eq!(window.past(at.after(HOUR)), Past::default());
    }

    #[test]
    fn somebody_who_is_tried_again_counts_once_and_each_kind_for_itself() {
        let mut window = Window::default();
        for kind in [ActionKind::Disable, ActionKind::Disable, ActionKind::Activate] {
            window.note(alice(), kind, Moment::from_millis(1000));
        }
        assert_eq!(window.past(Moment::from_millis(2000)), Past { disabled: 1, activated: 1 });
    }
}
