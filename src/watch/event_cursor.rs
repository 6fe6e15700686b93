//! Tracks the position in Keycloak's admin events: which are new, and whether any were missed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::model::{KeycloakId, Timestamp};
use crate::readers::{About, AdminEvent, AdminEvents, MembershipHint};

/// An event may become visible this long after later ones: it is written when its transaction ends.
const LATE: Duration = Duration::from_mins(1);

/// A position in the list of events.
#[derive(Debug, Default)]
pub struct EventCursor {
    /// The newest event that was seen, if any.
    newest: Option<(Timestamp, Box<str>)>,
    /// The events of the last reading: all others are new.
    seen: HashSet<(Timestamp, Box<str>)>,
    started: bool,
}

/// A user that events mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Since when something may have to be done.
    pub since: Timestamp,
    /// The time of the newest event, which is the one that counts.
    newest: Timestamp,
    /// What it says; nothing if several of that time contradict each other.
    pub hint: MembershipHint,
}

impl Mention {
    /// Adds another event about the same user.
    pub fn and(&mut self, other: Self) {
        self.since = self.since.min(other.since);
        if other.newest > self.newest {
            (self.newest, self.hint) = (other.newest, other.hint);
        } else if other.newest == self.newest && other.hint != self.hint {
            self.hint = MembershipHint::Nothing;
        }
    }
}

/// What new events show.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewEvents {
    pub people: BTreeMap<KeycloakId, Mention>,
    /// Whether a complete reading is needed: an event may be about any user, or some were missed.
    pub everyone: bool,
    /// Whether unseen events are gone: deleted, or older than the realm keeps them.
    pub missed: bool,
}

impl EventCursor {
    /// Returns the time since which events have to be read, if any was seen. A time in the future
    /// does not count.
    #[must_use]
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.newest.as_ref().map(|(at, _)| (*at).min(now).before(LATE))
    }

    /// Adds events, read as far back as [`EventCursor::since`]. The first reading only sets the
    /// position.
    pub fn take(&mut self, AdminEvents { events, whole }: &AdminEvents) -> NewEvents {
        let key = |event: &AdminEvent| (event.at, event.id.clone());
        let mut found = NewEvents::default();
        if self.started {
            // The list is newest first: if an event is there, so are all later ones.
            let is_gone =
                |newest: &(Timestamp, Box<str>)| !events.iter().any(|event| key(event) == *newest);
            found.missed = self.newest.as_ref().map_or(!whole, is_gone);
            found.everyone = found.missed;
            for event in events.iter().filter(|event| !self.seen.contains(&key(event))) {
                match &event.about {
                    About::Nobody => {}
                    About::Everyone => found.everyone = true,
                    About::Person(id, hint) => {
                        let mention = Mention { since: event.at, newest: event.at, hint: *hint };
                        found
                            .people
                            .entry(id.clone())
                            .and_modify(|known| known.and(mention))
                            .or_insert(mention);
                    }
                }
            }
        }
        self.started = true;
        self.newest = events.iter().max_by_key(|event| event.at).map(key);
        self.seen = events.iter().map(key).collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(millis: i64, id: &str) -> AdminEvent {
        let about =
            About::Person(format!("person-of-{id}").as_str().into(), MembershipHint::Nothing);
        AdminEvent { id: id.into(), at: Timestamp::from_millis(millis), about }
    }

    fn people(found: &NewEvents) -> Vec<String> {
        found.people.keys().map(ToString::to_string).collect()
    }

    fn take(cursor: &mut EventCursor, events: &[AdminEvent]) -> NewEvents {
        cursor.take(&AdminEvents { events: events.to_vec(), whole: true })
    }

    /// Returns a feed after these events.
    fn after(events: &[AdminEvent]) -> EventCursor {
        let mut cursor = EventCursor::default();
        assert_eq!(
            take(&mut cursor, events),
            NewEvents::default(),
            "the first reading only sets the position"
        );
        cursor
    }

    #[test]
    fn an_event_is_new_once() {
        let mut cursor = after(&[event(1000, "a")]);
        let events = [event(2000, "b"), event(1000, "a")];
        assert_eq!(people(&take(&mut cursor, &events)), ["person-of-b"]);
        assert_eq!(take(&mut cursor, &events), NewEvents::default());
    }

    #[test]
    fn an_event_that_becomes_visible_after_later_ones_is_new_too() {
        let mut cursor = after(&[event(90_000, "b"), event(1000, "a")]);
        let late =
            take(&mut cursor, &[event(90_000, "b"), event(40_000, "late"), event(1000, "a")]);
        assert_eq!(people(&late), ["person-of-late"]);
    }

    #[test]
    fn the_first_event_ever_is_new() {
        let mut cursor = after(&[]);
        assert_eq!(people(&take(&mut cursor, &[event(1000, "a")])), ["person-of-a"]);
    }

    #[test]
    fn events_that_are_gone_were_missed() {
        let mut cursor = after(&[event(1000, "a")]);
        let found = take(&mut cursor, &[event(500_000, "b")]);
        assert!(found.missed && found.everyone);
        assert_eq!(people(&found), ["person-of-b"]);
        assert!(take(&mut cursor, &[]).missed);
        assert!(!take(&mut cursor, &[]).missed, "reported once");
    }

    #[test]
    fn too_many_events_are_as_good_as_missed_once() {
        let mut cursor = after(&[event(1000, "a")]);
        let many = AdminEvents { events: vec![event(2000, "b")], whole: false };
        let found = cursor.take(&many);
        assert!(found.missed && found.everyone);
        assert_eq!(cursor.take(&many), NewEvents::default(), "nothing is new");
        let more = AdminEvents { events: vec![event(3000, "c"), event(2000, "b")], whole: false };
        assert_eq!(
            (people(&cursor.take(&more)), more.whole),
            (vec!["person-of-c".to_owned()], false)
        );
    }

    #[test]
    fn a_clock_that_was_ahead_hides_no_event() {
        let mut cursor = after(&[event(9_000_000, "ahead"), event(1000, "a")]);
        assert_eq!(
            cursor.since(Timestamp::from_millis(100_000)),
            Some(Timestamp::from_millis(40_000))
        );
        let found =
            take(&mut cursor, &[event(9_000_000, "ahead"), event(2000, "b"), event(1000, "a")]);
        assert_eq!(people(&found), ["person-of-b"]);
    }

    /// Returns what is found about alice, if events say this, each at its second.
    fn of_alice(hints: &[(i64, MembershipHint)]) -> Mention {
        let event = |(second, hint): &(i64, MembershipHint)| AdminEvent {
            id: format!("{second} {hint:?}").into(),
            at: Timestamp::from_millis(second * 1000),
            about: About::Person("alice".into(), *hint),
        };
        let mut events: Vec<_> = hints.iter().map(event).collect();
        events.reverse();
        take(&mut after(&[]), &events).people[&KeycloakId::from("alice")]
    }

    #[test]
    fn of_several_events_about_one_user_the_newest_counts() {
        assert_eq!(
            of_alice(&[(1, MembershipHint::Left), (2, MembershipHint::Joined)]).hint,
            MembershipHint::Joined
        );
        assert_eq!(
            of_alice(&[(1, MembershipHint::Joined), (2, MembershipHint::Left)]).hint,
            MembershipHint::Left
        );
        assert_eq!(
            of_alice(&[(1, MembershipHint::Left), (2, MembershipHint::Nothing)]).hint,
            MembershipHint::Nothing
        );
        assert_eq!(
            of_alice(&[(1, MembershipHint::Left), (1, MembershipHint::Joined)]).hint,
            MembershipHint::Nothing,
            "of the same millisecond"
        );
        assert_eq!(
            of_alice(&[(1, MembershipHint::Joined), (2, MembershipHint::Left)]).since,
            Timestamp::from_millis(1000)
        );
    }
}
