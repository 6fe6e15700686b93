//! Reads admin events: which users have changed in Keycloak since the last reading.

use reqwest::StatusCode;
use serde::Deserialize;

use super::right_events::AdminScope;
use super::role_events::{self, EventScope};
use super::{KeycloakReader, Membership};
use crate::http::HttpError;
use crate::model::{KeycloakId, Timestamp};
use crate::readers::AdminReading;

/// Events per request; Keycloak's own default is 100.
const PAGE: usize = 100;
/// With more new events than this, a full reading costs less.
const MOST: usize = 2000;
/// The resources that change members of groups, or names.
const RESOURCES: [&str; 3] = ["GROUP_MEMBERSHIP", "USER", "GROUP"];

/// One change made through Keycloak. Source: `GET …/admin-events` (recordings: "admin events …").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminEvent {
    /// Its ID, or, in releases without one, a text that is unique in its millisecond.
    pub id: Box<str>,
    /// When it happened, by Keycloak's clock.
    pub at: Timestamp,
    pub about: About,
}

/// The users an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Person(KeycloakId, MembershipHint),
    /// Possibly any user: a group was moved, renamed or deleted with its members, or a group or a
    /// composite got or lost a role.
    Everyone,
    /// No one: a group or a role that does not count.
    Nobody,
}

/// What an event says about a user's membership.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MembershipHint {
    Joined,
    /// The user has left the only group, has lost the only role, or was deleted.
    Left,
    /// Nothing: something else has changed, or the user may be in other groups.
    #[default]
    Nothing,
}

/// The events that were read, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminEvents {
    pub events: Vec<AdminEvent>,
    /// Whether they go back as far as requested, or to the first event.
    pub whole: bool,
}

/// Whether events are available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventAccess {
    /// The realm saves them, and this program may read them.
    Saved,
    NotSaved,
    /// The role `view-events` is missing.
    Forbidden,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRow {
    id: Option<Box<str>>,
    time: i64,
    pub(super) operation_type: Box<str>,
    pub(super) resource_type: Box<str>,
    #[serde(default)]
    pub(super) resource_path: Box<str>,
    /// What was sent with the change, if the realm saves it.
    pub(super) representation: Option<Box<str>>,
}

impl EventRow {
    /// What changes administrators is found by a complete reading: these events are few.
    pub(super) fn event(
        self,
        scope: &EventScope<'_>,
        admins: Option<&AdminScope<'_>>,
    ) -> AdminEvent {
        let is_about_admins = admins.is_some_and(|admins| admins.is_touched_by(&self));
        let about = if is_about_admins { About::Everyone } else { self.about(scope) };
        let id = self
            .id
            .unwrap_or_else(|| format!("{} {}", self.operation_type, self.resource_path).into());
        AdminEvent { id, at: Timestamp::from_millis(self.time), about }
    }

    /// Parses the path: `users/ID`, `users/ID/…`, `users/ID/groups/GROUP`, `groups/GROUP`. An
    /// unknown path may be about any user.
    fn about(&self, scope: &EventScope<'_>) -> About {
        let parts: Vec<_> = self.resource_path.split('/').collect();
        match (&*self.resource_type, parts.as_slice()) {
            // A subgroup may be newer than the reading of the groups, and carry a role.
            ("GROUP_MEMBERSHIP", ["users", _, "groups", group, ..])
                if !scope.any_group_may_count && !scope.groups.contains(group) =>
            {
                About::Nobody
            }
            // A new group is empty, and each join has an event of its own.
            ("GROUP", ["groups", ..])
                if &*self.operation_type == "CREATE" && !scope.any_group_may_count =>
            {
                About::Nobody
            }
            ("GROUP_MEMBERSHIP", ["users", id, "groups", group]) => {
                let is_the_only_one = !scope.any_group_may_count && scope.groups.len() == 1;
                let hint = match &*self.operation_type {
                    "DELETE" if is_the_only_one => MembershipHint::Left,
                    "CREATE" if scope.groups.contains(group) => MembershipHint::Joined,
                    _ => MembershipHint::Nothing,
                };
                About::Person((*id).into(), hint)
            }
            // Deleting something below a user does not delete the user.
            ("USER", ["users", id]) if &*self.operation_type == "DELETE" => {
                About::Person((*id).into(), MembershipHint::Left)
            }
            ("GROUP_MEMBERSHIP" | "USER", ["users", id, ..]) => {
                About::Person((*id).into(), MembershipHint::Nothing)
            }
            (kind, parts) if role_events::RESOURCES.contains(&kind) => {
                role_events::about(self, parts, scope)
            }
            _ => About::Everyone,
        }
    }
}

impl KeycloakReader {
    /// Returns whether the realm saves admin events, and this program may read them.
    ///
    /// Source: `GET …/events/config`, `GET …/admin-events`.
    pub async fn event_access(&self) -> Result<EventAccess, HttpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct EventsConfig {
            #[serde(default)]
            admin_events_enabled: bool,
        }
        match self.get(&["events", "config"], &[]).await {
            Ok(EventsConfig { admin_events_enabled: true }) => Ok(EventAccess::Saved),
            Ok(EventsConfig { admin_events_enabled: false }) => Ok(EventAccess::NotSaved),
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => {
                Ok(EventAccess::Forbidden)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the events, newest first, up to the first that is older than `since`; without it, the
    /// newest. It stops once a full reading costs less.
    ///
    /// Events about the administrators are about everyone.
    ///
    /// Source: `GET …/admin-events`. New events during the reading move the rest back, so an event
    /// may be seen twice, but none is missed.
    pub async fn events_since(
        &self,
        since: Option<Timestamp>,
        membership: &Membership,
        admins: Option<&AdminReading>,
    ) -> Result<AdminEvents, HttpError> {
        let scope = EventScope::new(membership);
        let has_roles =
            membership.has_roles() || admins.is_some_and(|admins| admins.membership.has_roles());
        let admins = admins.map(|admins| AdminScope::new(&admins.users, &admins.membership));
        let resources: &[&str] = if has_roles { &role_events::RESOURCES } else { &[] };
        let resources = RESOURCES.iter().chain(resources).map(|kind| ("resourceTypes", *kind));
        let resources: Vec<_> = resources.collect();
        let mut events: Vec<AdminEvent> = Vec::new();
        loop {
            let (first, max) = (events.len().to_string(), PAGE.to_string());
            let query = [&resources[..], &[("first", &first), ("max", &max)]].concat();
            let page: Vec<EventRow> = self.get(&["admin-events"], &query).await?;
            let is_last = page.len() < PAGE;
            events.extend(page.into_iter().map(|row| row.event(&scope, admins.as_ref())));
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
    use crate::config::MemberSource;
    use crate::readers::Group;

    fn about_in(
        ours: &[&'static str],
        kind: &str,
        operation: &str,
        path: &str,
        subgroups: bool,
    ) -> About {
        let row = json!({"time": 1, "operationType": operation, "resourceType": kind, "resourcePath": path});
        let row: EventRow = serde_json::from_value(row).expect("a row");
        let source = MemberSource { include_subgroups: subgroups, ..MemberSource::default() };
        let group = |id: &&str| Group { id: (*id).into(), path: "/a".into() };
        let groups = ours.iter().map(group).collect();
        let membership = Membership { groups, ..Membership::unread(&source) };
        row.event(&EventScope::new(&membership), None).about
    }

    fn about(kind: &str, operation: &str, path: &str, subgroups: bool) -> About {
        about_in(&["ours"], kind, operation, path, subgroups)
    }

    fn alice(hint: MembershipHint) -> About {
        About::Person("alice".into(), hint)
    }

    #[test]
    fn who_joins_or_leaves_a_group_of_ours_is_named_and_who_does_so_elsewhere_is_not() {
        let moves = |operation: &str, group: &str| {
            about("GROUP_MEMBERSHIP", operation, &format!("users/alice/groups/{group}"), false)
        };
        assert_eq!(
            (moves("CREATE", "ours"), moves("DELETE", "ours")),
            (alice(MembershipHint::Joined), alice(MembershipHint::Left))
        );
        assert_eq!(
            (moves("CREATE", "theirs"), moves("DELETE", "theirs")),
            (About::Nobody, About::Nobody)
        );
    }

    #[test]
    fn who_leaves_one_of_several_groups_may_be_in_another() {
        let left = |ours: &[&'static str], group: &str, subgroups| {
            about_in(
                ours,
                "GROUP_MEMBERSHIP",
                "DELETE",
                &format!("users/alice/groups/{group}"),
                subgroups,
            )
        };
        assert_eq!(left(&["ours", "others"], "ours", false), alice(MembershipHint::Nothing));
        assert_eq!(left(&["ours"], "below", true), alice(MembershipHint::Nothing));
    }

    #[test]
    fn who_joins_a_group_newer_than_the_reading_may_not_have_joined_ours() {
        let joined = |group: &str| {
            about("GROUP_MEMBERSHIP", "CREATE", &format!("users/alice/groups/{group}"), true)
        };
        assert_eq!(joined("ours"), alice(MembershipHint::Joined));
        assert_eq!(joined("newer"), alice(MembershipHint::Nothing));
    }

    #[test]
    fn any_change_of_a_user_names_them_and_only_their_own_deletion_explains_that_they_are_gone() {
        for path in ["users/alice", "users/alice/reset-password"] {
            for operation in ["CREATE", "UPDATE", "ACTION"] {
                assert_eq!(about("USER", operation, path, false), alice(MembershipHint::Nothing));
            }
        }
        assert_eq!(about("USER", "DELETE", "users/alice", false), alice(MembershipHint::Left));
        assert_eq!(
            about("USER", "DELETE", "users/alice/federated-identity/google", false),
            alice(MembershipHint::Nothing)
        );
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
    fn an_unknown_event_may_be_about_any_user() {
        assert_eq!(about("USER", "UPDATE", "", false), About::Everyone);
        assert_eq!(about("USER", "UPDATE", "somewhere/else", false), About::Everyone);
    }
}
