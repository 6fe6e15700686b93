//! Tracks the position in Keycloak's admin events: which are new, and whether any were missed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::model::{KeycloakId, Moment};
use crate::readers::{About, AdminEvent, AdminEvents, Says};

/// An event may become visible this long after later ones: it is written when its transaction ends.
const LATE: Duration = Duration::from_mins(1);

/// A position in the list of events.
#[derive(Debug, Default)]
pub struct Feed {
    /// The newest event that was seen, if any.
    newest: Option<(Moment, Box<str>)>,
    /// The events of the last reading: all others are new.
    seen: HashSet<(Moment, Box<str>)>,
    started: bool,
}

/// A user that events mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Since when something may have to be done.
    pub since: Moment,
    /// The time of the newest event, which is the one that counts.
    newest: Moment,
    /// What it says; nothing if several of that time contradict each other.
    pub says: Says,
}

impl Named {
    /// Adds another event about the same user.
    pub fn and(&mut self, other: Self) {
        self.since = self.since.min(other.since);
        if other.newest > self.newest {
            (self.newest, self.says) = (other.newest, other.says);
        } else if other.newest == self.newest && other.says != self.says {
            self.says = Says::Nothing;
        }
    }
}

/// What new events show.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The users that events mention.
    pub people: BTreeMap<KeycloakId, Named>,
    /// Whether a complete reading is needed: an event may be about any user, or some were missed.
    pub everyone: bool,
    /// Whether unseen events are gone: deleted, or older than the realm keeps them.
    pub missed: bool,
}

impl Feed {
    /// Returns the time since which events have to be read, if any was seen. A time in the future does not
    /// count.
    #[must_use]
    pub fn since(&self, now: Moment) -> Option<Moment> {
        self.newest.as_ref().map(|(at, _)| (*at).min(now).before(LATE))
    }

    /// Adds events, read as far back as [`Feed::since`]. The first reading only sets the position.
    pub fn take(&mut self, AdminEvents { events, whole }: &AdminEvents) -> Found {
        let key = |event: &AdminEvent| (event.at, event.id.clone());
        let mut found = Found::default();
        if self.started {
            // The list is newest first: if an event is there, so are all later ones.
            let is_gone = |newest: &(Moment, Box<str>)| !events.iter().any(|event| key(event) == *newest);
            found.missed = self.newest.as_ref().map_or(!whole, is_gone);
            found.everyone = found.missed;
            for event in events.iter().filter(|event| !self.seen.contains(&key(event))) {
                match &event.about {
                    About::Nobody => {}
                    About::Everyone => found.everyone = true,
                    About::Person(id, says) => {
                        let named = Named { since: event.at, newest: event.at, says: *says };
                        found.people.entry(id.clone()).and_modify(|known| known.and(named)).or_insert(named);
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
        let about = About::Person(format!("person-of-{id}").as_str().into(), Says::Nothing);
        AdminEvent { id: id.into(), at: Moment::from_millis(millis), about }
    }

    fn people(found: &Found) -> Vec<String> {
        found.people.keys().map(ToString::to_string).collect()
    }

    fn take(feed: &mut Feed, events: &[AdminEvent]) -> Found {
        feed.take(&AdminEvents { events: events.to_vec(), whole: true })
    }

    /// Returns a feed after these events.
    fn after(events: &[AdminEvent]) -> Feed {
        let mut feed = Feed::default();
        assert_eq!(take(&mut feed, events), Found::default(), "the first look only says where we are");
        feed
    }

    #[test]
    fn an_event_is_new_once() {
        let mut feed = after(&[event(1000, "a")]);
        let events = [event(2000, "b"), event(1000, "a")];
        assert_eq!(people(&take(&mut feed, &events)), ["person-of-b"]);
        assert_eq!(take(&mut feed, &events), Found::default());
    }

    #[test]
    fn an_event_that_becomes_visible_after_later_ones_is_new_too() {
        let mut feed = after(&[event(90_000, "b"), event(1000, "a")]);
        let late = take(&mut feed, &[event(90_000, "b"), event(40_000, "late"), event(1000, "a")]);
        assert_eq!(people(&late), ["person-of-late"]);
    }

    #[test]
    fn the_first_event_ever_is_new() {
        let mut feed = after(&[]);
        assert_eq!(people(&take(&mut feed, &[event(1000, "a")])), ["person-of-a"]);
    }

    #[test]
    fn events_that_are_gone_were_missed() {
        let mut feed = after(&[event(1000, "a")]);
        let found = take(&mut feed, &[event(500_000, "b")]);
        assert!(found.missed && found.everyone);
        assert_eq!(people(&found), ["person-of-b"]);
        assert!(take(&mut feed, &[]).missed);
        assert!(!take(&mut feed, &[]).missed, "told once");
    }

    #[test]
    fn too_many_events_are_as_good_as_missed_once() {
        let mut feed = after(&[event(1000, "a")]);
        let many = AdminEvents { events: vec![event(2000, "b")], whole: false };
        let found = feed.take(&many);
        assert!(found.missed && found.everyone);
        assert_eq!(feed.take(&many), Found::default(), "nothing is new");
        let more = AdminEvents { events: vec![event(3000, "c"), event(2000, "b")], whole: false };
        assert_eq!((people(&feed.take(&more)), more.whole), (vec!["person-of-c".to_owned()], false));
    }

    #[test]
    fn a_clock_that_was_ahead_hides_no_event() {
        let mut feed = after(&[event(9_000_000, "ahead"), event(1000, "a")]);
        assert_eq!(feed.since(Moment::from_millis(100_000)), Some(Moment::from_millis(40_000)));
        let found = take(&mut feed, &[event(9_000_000, "ahead"), event(2000, "b"), event(1000, "a")]);
        assert_eq!(people(&found), ["person-of-b"]);
    }

    /// Returns what is found about alice, if events say this, each at its second.
    fn of_alice(said: &[(i64, Says)]) -> Named {
        let event = |(second, says): &(i64, Says)| AdminEvent {
            id: format!("{second} {says:?}").into(),
            at: Moment::from_millis(second * 1000),
            about: About::Person("alice".into(), *says),
        };
        let mut events: Vec<_> = said.iter().map(event).collect();
        events.reverse();
        take(&mut after(&[]), &events).people[&KeycloakId::from("alice")]
    }

    #[test]
    fn of_several_events_about_one_user_the_newest_counts() {
        assert_eq!(of_alice(&[(1, Says::Left), (2, Says::Joined)]).says, Says::Joined);
        assert_eq!(of_alice(&[(1, Says::Joined), (2, Says::Left)]).says, Says::Left);
        assert_eq!(of_alice(&[(1, Says::Left), (2, Says::Nothing)]).says, Says::Nothing);
        assert_eq!(of_alice(&[(1, Says::Left), (1, Says::Joined)]).says, Says::Nothing, "of the same millisecond");
        assert_eq!(of_alice(&[(1, Says::Joined), (2, Says::Left)]).since, Moment::from_millis(1000));
    }
}
