//! Where in Keycloak's admin events we are: what of a page is new, and whether something was missed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::model::{KeycloakId, Moment};
use crate::readers::{About, AdminEvent, AdminEvents};

/// An event may become visible this long after later ones: it is written when its transaction ends.
const LATE: Duration = Duration::from_mins(1);

/// A place in the list of events.
#[derive(Debug, Default)]
pub struct Feed {
    /// The time of the newest event that was seen, and its ID; nothing while there were none.
    newest: Option<(Moment, Box<str>)>,
    /// The events that were seen and may come again, because they are not older than `LATE`.
    seen: HashSet<(Moment, Box<str>)>,
    started: bool,
}

/// What is new.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Whom events name, since when, and whether they explain that somebody is no member any more.
    pub people: BTreeMap<KeycloakId, (Moment, bool)>,
    /// Whether only a complete reading will do: an event may be about anyone, or some were missed.
    pub everyone: bool,
    /// Whether events are gone that were not seen: deleted, or older than the realm keeps them.
    pub missed: bool,
}

impl Feed {
    /// The time up to which events have to be read, where any was seen.
    #[must_use]
    pub fn since(&self) -> Option<Moment> {
        self.newest.as_ref().map(|(at, _)| at.before(LATE))
    }

    /// Takes in events, as far back as [`Feed::since`] asks. Those of the first time only say where we are.
    pub fn take(&mut self, AdminEvents { events, whole }: &AdminEvents) -> Found {
        let key = |event: &AdminEvent| (event.at, event.id.clone());
        let mut found = Found::default();
        if self.started {
            let since = self.since().unwrap_or_default();
            let is_there = |newest: &(Moment, Box<str>)| events.iter().any(|event| key(event) == *newest);
            found.missed = !whole || !self.newest.as_ref().is_none_or(is_there);
            found.everyone = found.missed;
            let news = events.iter().filter(|event| event.at >= since && !self.seen.contains(&key(event)));
            for event in news {
                match &event.about {
                    About::Nobody => {}
                    About::Everyone => found.everyone = true,
                    About::Person { id, left } => {
                        let (at, explained) = found.people.entry(id.clone()).or_insert((event.at, false));
                        *at = event.at.min(*at);
                        *explained |= left;
                    }
                }
            }
        }
        self.started = true;
        self.newest = events.iter().max_by_key(|event| event.at).map(key);
        let since = self.since().unwrap_or_default();
        self.seen = events.iter().filter(|event| event.at >= since).map(key).collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(millis: i64, id: &str) -> AdminEvent {
        let about = About::Person { id: format!("person-of-{id}").into(), left: false };
        AdminEvent { id: id.into(), at: Moment::from_millis(millis), about }
    }

    fn people(found: &Found) -> Vec<String> {
        found.people.keys().map(ToString::to_string).collect()
    }

    fn take(feed: &mut Feed, events: &[AdminEvent]) -> Found {
        feed.take(&AdminEvents { events: events.to_vec(), whole: true })
    }

    /// Where a feed is after these events.
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
    fn too_many_events_are_as_good_as_missed_and_the_next_ones_are_new() {
        let mut feed = after(&[event(1000, "a")]);
        let found = feed.take(&AdminEvents { events: vec![event(2000, "b")], whole: false });
        assert!(found.missed && found.everyone);
        assert_eq!(people(&take(&mut feed, &[event(3000, "c"), event(2000, "b")])), ["person-of-c"]);
    }

    #[test]
    fn several_events_of_one_person_count_from_the_first_and_one_that_explains_is_enough() {
        let mut feed = after(&[]);
        let about = |left| About::Person { id: "alice".into(), left };
        let at = Moment::from_millis;
        let found = take(
            &mut feed,
            &[
                AdminEvent { id: "b".into(), at: at(3000), about: about(false) },
                AdminEvent { id: "a".into(), at: at(2000), about: about(true) },
            ],
        );
        assert_eq!(found.people, BTreeMap::from([("alice".into(), (at(2000), true))]));
    }
}
