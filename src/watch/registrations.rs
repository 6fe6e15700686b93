//! Tracks the newest accounts: which are new, and which have to be read again.
//!
//! The time of a registration is not a safe position in the list: MAS creates the ID before the end
//! of its transaction, its processes have clocks of their own, and Synapse keeps seconds. So each
//! reading repeats a minute, and remembers what was seen in it. The next full run finds accounts
//! that become visible even later.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::model::{Timestamp, UserId};
use crate::readers::{Judge, NEWEST, Registered};

/// A registration may become visible this long after later ones.
const LATE: Duration = Duration::from_mins(1);
/// How long an account is read again until both servers know it and MAS has linked it.
const YOUNG: Duration = Duration::from_mins(1);
/// How long a link may take. MAS creates it together with the account; a script with the Admin API
/// creates it afterwards.
const LINK_WAIT: Duration = Duration::from_secs(5);

/// What was seen of the newest accounts.
#[derive(Debug, Default)]
pub struct Registrations {
    /// The newest registration by a clock that is not ahead; `None` before the first reading.
    newest: Option<Timestamp>,
    seen: HashMap<UserId, Seen>,
}

#[derive(Debug)]
struct Seen {
    /// When it was registered.
    at: Timestamp,
    /// When it was first seen, if it has to be read again.
    open_since: Option<Timestamp>,
}

impl Registrations {
    /// Returns the time since which registrations are new or remembered, once the end of the list
    /// is known. After an import, less than a minute is repeated.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let newest = self.newest?;
        let mut times: Vec<_> =
            self.seen.values().map(|seen| seen.at).filter(|at| *at <= newest).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let first = times.get(NEWEST - 1).copied().unwrap_or_default();
        Some(newest.before(LATE).max(first))
    }

    /// Adds the newest accounts before a full run, which will judge them. Accounts registered just
    /// now are read again after it.
    pub fn begin(&mut self, newest: Vec<Registered>, now: Timestamp) {
        for Registered { user_id, at } in newest {
            let open_since = (now < at.after(YOUNG)).then_some(at.min(now));
            self.note(user_id, Seen { at, open_since }, now);
        }
        // The server has no accounts, or its clock is ahead.
        self.newest.get_or_insert(now);
        self.forget();
    }

    /// Adds the accounts registered since [`Self::since`], and returns how many are new.
    pub fn take(&mut self, registered: Vec<Registered>, now: Timestamp) -> usize {
        let known = self.seen.len();
        for Registered { user_id, at } in registered {
            self.note(user_id, Seen { at, open_since: Some(now) }, now);
        }
        let new = self.seen.len() - known;
        self.forget();
        new
    }

    fn note(&mut self, user_id: UserId, seen: Seen, now: Timestamp) {
        if seen.at <= now {
            self.newest = self.newest.max(Some(seen.at));
        }
        self.seen.entry(user_id).or_insert(seen);
    }

    fn forget(&mut self) {
        let begin = self.newest.map(|newest| newest.before(LATE)).unwrap_or_default();
        self.seen.retain(|_, seen| seen.at >= begin || seen.open_since.is_some());
    }

    /// Returns the accounts to read now. Each is judged at least once, even if this is called
    /// rarely.
    pub fn due(&mut self, now: Timestamp) -> BTreeMap<UserId, Judge> {
        let mut due = BTreeMap::new();
        for (user_id, seen) in &mut self.seen {
            let Some(since) = seen.open_since else { continue };
            let judge = if now < since.after(LINK_WAIT) { Judge::OnceLinked } else { Judge::Now };
            due.insert(user_id.clone(), judge);
            seen.open_since = Some(since).filter(|since| now < since.after(YOUNG));
        }
        due
    }

    /// Removes every account.
    pub fn close_all(&mut self) {
        for seen in self.seen.values_mut() {
            seen.open_since = None;
        }
    }

    /// Removes accounts that were judged and are complete.
    pub fn close<'u>(&mut self, judged: impl Iterator<Item = &'u UserId>) {
        for user_id in judged {
            if let Some(seen) = self.seen.get_mut(user_id) {
                seen.open_since = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Localpart;

    fn user(name: &str) -> UserId {
        Localpart::from(name).on(&"example.org".into())
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn registered(rows: &[(&str, i64)]) -> Vec<Registered> {
        rows.iter().map(|(name, at)| Registered { user_id: user(name), at: second(*at) }).collect()
    }

    fn begun(rows: &[(&str, i64)], now: i64) -> Registrations {
        let mut registrations = Registrations::default();
        assert_eq!(registrations.since(), None, "nothing is known yet");
        registrations.begin(registered(rows), second(now));
        registrations
    }

    fn due(registrations: &mut Registrations, now: i64) -> Vec<(String, Judge)> {
        let due = registrations.due(second(now)).into_iter();
        due.map(|(user_id, judge)| (user_id.localpart().to_string(), judge)).collect()
    }

    fn one(name: &str, judge: Judge) -> Vec<(String, Judge)> {
        vec![(name.to_owned(), judge)]
    }

    #[test]
    fn account_is_new_once() {
        let mut registrations = begun(&[("old", 1000)], 5000);
        assert_eq!(registrations.since(), Some(second(940)));
        let rows = [("old", 1000), ("new", 5003)];
        assert_eq!(registrations.take(registered(&rows), second(5004)), 1);
        assert_eq!(registrations.take(registered(&rows[1..]), second(5014)), 0);
        assert_eq!(registrations.since(), Some(second(4943)));
        assert_eq!(due(&mut registrations, 5014), one("new", Judge::Now));
    }

    #[test]
    fn account_that_becomes_visible_after_a_later_one_is_new_too() {
        let mut registrations = begun(&[("old", 1000)], 5000);
        registrations.take(registered(&[("later", 5030)]), second(5031));
        assert!(registrations.since() <= Some(second(4999)));
        assert_eq!(
            registrations.take(registered(&[("late", 4999), ("later", 5030)]), second(5041)),
            1
        );
    }

    #[test]
    fn account_is_judged_without_a_link_only_after_some_seconds_and_read_for_a_minute() {
        let mut registrations = begun(&[], 1000);
        registrations.take(registered(&[("new", 1001)]), second(1002));
        assert_eq!(due(&mut registrations, 1002), one("new", Judge::OnceLinked));
        assert_eq!(due(&mut registrations, 1007), one("new", Judge::Now));
        assert_eq!(due(&mut registrations, 1061), one("new", Judge::Now));
        assert_eq!(due(&mut registrations, 1062), one("new", Judge::Now), "the last time");
        assert_eq!(due(&mut registrations, 1063), []);
    }

    #[test]
    fn account_is_judged_even_if_the_next_look_is_a_long_time_off() {
        let mut registrations = begun(&[], 1000);
        registrations.take(registered(&[("new", 1001)]), second(1002));
        assert_eq!(due(&mut registrations, 1002), one("new", Judge::OnceLinked));
        registrations.take(registered(&[("newer", 2000)]), second(2001));
        let (new, newer) = (one("new", Judge::Now), one("newer", Judge::OnceLinked));
        assert_eq!(due(&mut registrations, 2001), [new, newer].concat());
        assert_eq!(due(&mut registrations, 3000), one("newer", Judge::Now));
    }

    #[test]
    fn account_that_was_judged_with_everything_known_is_not_read_again() {
        let mut registrations = begun(&[], 1000);
        registrations.take(registered(&[("new", 1001)]), second(1002));
        registrations.close([user("new"), user("other")].iter());
        assert_eq!(due(&mut registrations, 1003), []);
        assert_eq!(registrations.take(registered(&[("new", 1001)]), second(1012)), 0);
    }

    #[test]
    fn account_registered_right_before_a_full_run_is_read_again_after_it() {
        let mut registrations = begun(&[("a minute old", 940), ("young", 998)], 1000);
        assert_eq!(due(&mut registrations, 1001), one("young", Judge::OnceLinked));
        assert_eq!(due(&mut registrations, 1003), one("young", Judge::Now));
    }

    #[test]
    fn full_run_ends_no_wait() {
        let mut registrations = begun(&[], 1000);
        registrations.take(registered(&[("new", 1001)]), second(1002));
        registrations.begin(registered(&[("new", 1001)]), second(1004));
        assert_eq!(due(&mut registrations, 1006), one("new", Judge::OnceLinked));
    }

    #[test]
    fn clock_that_was_ahead_or_behind_hides_no_account() {
        let mut ahead = begun(&[("ahead", 9000), ("old", 900)], 1000);
        assert_eq!(ahead.since(), Some(second(840)));
        assert_eq!(
            ahead.take(registered(&[("old", 900), ("new", 1001), ("ahead", 9000)]), second(1002)),
            1
        );
        let only_ahead = begun(&[("ahead", 9000)], 1000);
        assert_eq!(only_ahead.since(), Some(second(940)));
    }

    #[test]
    fn import_of_thousands_is_not_read_each_time() {
        let mut registrations = begun(&[], 1000);
        let import: Vec<_> =
            (0..3000).map(|number| (format!("u{number}"), 1001 + number / 100)).collect();
        let rows: Vec<_> = import.iter().map(|(name, at)| (name.as_str(), *at)).collect();
        assert_eq!(registrations.take(registered(&rows), second(1040)), 3000);
        assert_eq!(registrations.since(), Some(second(1030)));
        registrations.close_all();
        assert_eq!(due(&mut registrations, 1041), [], "left to a full run");
    }
}
