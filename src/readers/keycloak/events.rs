//! Admin events: who was changed in Keycloak since they were last asked for.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde::Deserialize;

use super::{Group, KeycloakReader};
use crate::http::HttpError;
use crate::model::{KeycloakId, Moment};

/// Events a request; Keycloak gives 100 unless asked.
const PAGE: usize = 100;
/// Behind so many new events, reading everything costs less.
const MOST: usize = 2000;
/// What changes who is in a group, or what they are called.
const RESOURCES: [(&str, &str); 3] =
    [("resourceTypes", "GROUP_MEMBERSHIP"), ("resourceTypes", "USER"), ("resourceTypes", "GROUP")];

/// One change made through Keycloak. Source: `GET …/admin-events` (recordings: "admin events …").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminEvent {
    /// Its ID; before Keycloak has given events one, what tells it from others of the same millisecond.
    pub id: Box<str>,
    /// When it happened, by Keycloak's clock.
    pub at: Moment,
    /// Whom it is about.
    pub about: About,
}

/// Whom an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// One user; `left` where they were deleted or taken out of a group, so that nobody need wonder where they are.
    Person {
        /// Who.
        id: KeycloakId,
        /// Whether the event explains that they are no member any more.
        left: bool,
    },
    /// Nobody can tell whom: a group was moved, renamed or deleted, with whoever is in it.
    Everyone,
    /// A group that does not count.
    Nobody,
}

/// What was read of the events, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminEvents {
    /// The events.
    pub events: Vec<AdminEvent>,
    /// Whether they reach back as far as was asked, or to the first there is.
    pub whole: bool,
}

/// Whether events can be relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// The realm saves them, and they may be seen.
    Saved,
    /// The realm does not save them.
    NotSaved,
    /// The role `view-events` is missing.
    Forbidden,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventRow {
    id: Option<Box<str>>,
    time: i64,
    operation_type: Box<str>,
    resource_type: Box<str>,
    #[serde(default)]
    resource_path: Box<str>,
}

impl EventRow {
    fn event(self, groups: &BTreeSet<&str>, subgroups: bool) -> AdminEvent {
        let about = self.about(groups, subgroups);
        let id = self.id.unwrap_or_else(|| format!("{} {}", self.operation_type, self.resource_path).into());
        AdminEvent { id, at: Moment::from_millis(self.time), about }
    }

    /// `users/ID`, `users/ID/…`, `users/ID/groups/GROUP`, `groups/GROUP`. What is told in no known way may be about anyone.
    fn about(&self, groups: &BTreeSet<&str>, subgroups: bool) -> About {
        let parts: Vec<_> = self.resource_path.split('/').collect();
        match (&*self.resource_type, parts.as_slice()) {
            // A group below may be newer than the reading of the groups.
            ("GROUP_MEMBERSHIP", ["users", _, "groups", group, ..]) if !subgroups && !groups.contains(group) => {
                About::Nobody
            }
            // A new group is empty, and whoever joins it is told of.
            ("GROUP", ["groups", ..]) if &*self.operation_type == "CREATE" && !subgroups => About::Nobody,
            ("GROUP_MEMBERSHIP" | "USER", ["users", id, ..]) => {
                About::Person { id: (*id).into(), left: &*self.operation_type == "DELETE" }
            }
            _ => About::Everyone,
        }
    }
}

impl KeycloakReader {
    /// Whether the realm saves admin events, and we may see them.
    ///
    /// Source: `GET …/events/config`, `GET …/admin-events`.
    pub async fn events(&self) -> Result<Events, HttpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct EventsConfig {
            #[serde(default)]
            admin_events_enabled: bool,
        }
        match self.get(&["events", "config"], &[]).await {
            Ok(EventsConfig { admin_events_enabled: true }) => Ok(Events::Saved),
            Ok(EventsConfig { admin_events_enabled: false }) => Ok(Events::NotSaved),
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => Ok(Events::Forbidden),
            Err(error) => Err(error),
        }
    }

    /// The events, newest first, up to the first that is older than `since`; without it, the newest. Not whole where there
    /// are so many that reading everything costs less.
    ///
    /// Source: `GET …/admin-events`. Events that come while the pages are read move the rest back, so that one may be
    /// seen twice and none is missed.
    pub async fn events_since(&self, since: Option<Moment>, groups: &[Group]) -> Result<AdminEvents, HttpError> {
        let groups: BTreeSet<_> = groups.iter().map(|group| group.id.as_str()).collect();
        let mut events: Vec<AdminEvent> = Vec::new();
        loop {
            let (first, max) = (events.len().to_string(), PAGE.to_string());
            let query = [&RESOURCES[..], &[("first", &first), ("max", &max)]].concat();
            let page: Vec<EventRow> = self.get(&["admin-events"], &query).await?;
            let is_last = page.len() < PAGE;
            events.extend(page.into_iter().map(|row| row.event(&groups, self.include_subgroups)));
            let reaches = |event: &AdminEvent| since.is_some_and(|since| event.at < since);
            let whole = is_last || events.last().is_some_and(reaches);
            if whole || since.is_none() || events.len() >= MOST {
                return Ok(AdminEvents { events, whole });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn about(kind: &str, operation: &str, path: &str, subgroups: bool) -> About {
        let row = json!({"time": 1, "operationType": operation, "resourceType": kind, "resourcePath": path});
        let row: EventRow = serde_json::from_value(row).expect("a row");
        row.event(&BTreeSet::from(["ours"]), subgroups).about
    }

    fn alice(left: bool) -> About {
        About::Person { id: "alice".into(), left }
    }

    #[test]
    fn who_joins_or_leaves_a_group_of_ours_is_named_and_who_does_so_elsewhere_is_not() {
        let joined = |group: &str| about("GROUP_MEMBERSHIP", "CREATE", &format!("users/alice/groups/{group}"), false);
        assert_eq!((joined("ours"), joined("theirs")), (alice(false), About::Nobody));
        let below = about("GROUP_MEMBERSHIP", "DELETE", "users/alice/groups/below", true);
        assert_eq!(below, alice(true));
    }

    #[test]
    fn whatever_happens_to_a_user_names_them() {
        for path in ["users/alice", "users/alice/reset-password"] {
            for operation in ["CREATE", "UPDATE", "ACTION"] {
                assert_eq!(about("USER", operation, path, false), alice(false));
            }
        }
    }

    #[test]
    fn whoever_is_deleted_has_left() {
        assert_eq!(about("USER", "DELETE", "users/alice", false), alice(true));
    }

    #[test]
    fn a_group_that_is_moved_or_deleted_is_about_everyone_and_a_new_one_is_empty() {
        for (operation, subgroups, expected) in [
            ("DELETE", false, About::Everyone),
            ("UPDATE", false, About::Everyone),
            ("CREATE", true, About::Everyone),
            ("CREATE", false, About::Nobody),
        ] {
            assert_eq!(about("GROUP", operation, "groups/any", subgroups), expected);
        }
    }

    #[test]
    fn what_is_told_in_no_known_way_may_be_about_anyone() {
        assert_eq!(about("USER", "UPDATE", "", false), About::Everyone);
        assert_eq!(about("USER", "UPDATE", "somewhere/else", false), About::Everyone);
    }
}
