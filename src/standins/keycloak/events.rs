//! Records admin events: changes made through Keycloak itself.
//!
//! They follow the exchanges "admin events …" of `keycloak.json` and `keycloak-roles.json`, including the JSON in
//! `representation`, which a reader may parse.

use serde_json::{Value, json};

use super::realm::Realm;
use super::representation;
use super::roles::RealmRole;
use super::state::{RealmGroup, RealmUser};
use crate::standins::query::Params;
use crate::standins::{ids, time};

/// How many events a realm keeps here; the real one keeps them for a configured time.
const KEPT: usize = 10_000;

/// One change, as `GET …/admin-events` shows it.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: String,
    /// `USER`, `GROUP`, `GROUP_MEMBERSHIP`, or one of roles.
    pub resource: String,
    body: Value,
}

impl Realm {
    /// Returns the recorded events, newest first.
    pub fn admin_events(&self) -> impl Iterator<Item = &RecordedEvent> {
        self.events.iter()
    }

    pub(super) fn event_user(&mut self, operation: &str, user: &RealmUser) {
        if self.save_events {
            let path = format!("users/{}", user.id);
            let text = match operation {
                "UPDATE" => representation::user_with_full_access(user).to_string(),
                "DELETE" => json!({"id": user.id, "username": user.username}).to_string(),
                _ => json!({"username": user.username, "enabled": user.enabled}).to_string(),
            };
            self.remember(operation, "USER", &path, &text, None);
        }
    }

    pub(super) fn event_group(&mut self, operation: &str, group: &RealmGroup) {
        if self.save_events {
            let path = format!("groups/{}", group.id);
            let text = json!({"id": group.id, "name": group.name, "subGroups": []}).to_string();
            self.remember(operation, "GROUP", &path, &text, None);
        }
    }

    pub(super) fn event_membership(
        &mut self,
        operation: &str,
        group: &RealmGroup,
        user: &RealmUser,
    ) {
        let path = format!("users/{}/groups/{}", user.id, group.id);
        let text = representation::group_in_event(group).to_string();
        let mut details = json!({"username": user.username});
        if let Some(email) = &user.email {
            details["email"] = json!(email);
        }
        self.remember(operation, "GROUP_MEMBERSHIP", &path, &text, Some(details));
    }

    /// Notes that a user or a group (`users/ID`, `groups/ID`) got or lost a role.
    pub(super) fn event_role_mapping(&mut self, operation: &str, of: &str, role: &str) {
        let Some(role) = self.role_by_id(role).filter(|_| self.save_events) else { return };
        let client = role.client.as_ref().and_then(|client| self.clients.get(client));
        let (resource, path) = match client {
            Some(client) => {
                ("CLIENT_ROLE_MAPPING", format!("{of}/role-mappings/clients/{}", client.id))
            }
            None => ("REALM_ROLE_MAPPING", format!("{of}/role-mappings/realm")),
        };
        let text = json!([representation::whole_role(self, role)]).to_string();
        self.remember(operation, resource, &path, &text, None);
    }

    /// Notes that a role was created or deleted, or that the role with the ID `content` was put
    /// into it or taken out of it.
    pub(super) fn event_role(&mut self, operation: &str, role: &RealmRole, content: &str) {
        if !self.save_events {
            return;
        }
        let client = role.client.as_ref().and_then(|client| self.clients.get(client));
        let (resource, path) = match client {
            Some(client) => ("CLIENT_ROLE", format!("clients/{}/roles/{}", client.id, role.name)),
            None => ("REALM_ROLE", format!("roles/{}", role.name)),
        };
        let (path, text) = match self.role_by_id(content) {
            Some(content) => {
                (format!("{path}/composites"), json!([representation::whole_role(self, content)]))
            }
            None => (path, json!({"id": role.id, "name": role.name})),
        };
        self.remember(operation, resource, &path, &text.to_string(), None);
    }

    fn remember(
        &mut self,
        operation: &str,
        resource: &str,
        path: &str,
        text: &str,
        details: Option<Value>,
    ) {
        let time = self.event_time.unwrap_or_else(time::now_ms);
        let mut body = json!({
            "id": ids::uuid(),
            "time": time,
            "realmId": self.id,
            "authDetails": {
                "realmId": self.id, "clientId": self.id, "userId": self.id, "ipAddress": "127.0.0.1",
            },
            "operationType": operation,
            "resourceType": resource,
            "resourcePath": path,
            "representation": text,
        });
        if let Some(details) = details {
            body["details"] = details;
        }
        self.events.push_front(RecordedEvent {
            time,
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            body,
        });
        self.events.truncate(KEPT);
    }

    /// Returns the events that match the query, newest first unless `direction=asc`.
    pub(super) fn events(&self, query: &Params) -> Vec<Value> {
        let first = query.int("first").and_then(|first| usize::try_from(first).ok()).unwrap_or(0);
        let max = query.int("max").and_then(|max| usize::try_from(max).ok()).unwrap_or(100);
        let from = query.get("dateFrom").and_then(moment);
        // A date includes the whole day.
        let to = query.get("dateTo").and_then(|text| {
            time::day_start_ms(text).map(|start| start + 86_399_999).or_else(|| text.parse().ok())
        });
        let wanted = self.events.iter().filter(|event| {
            from.is_none_or(|from| event.time >= from)
                && to.is_none_or(|to| event.time <= to)
                && among(query, "resourceTypes", &event.resource)
                && among(query, "operationTypes", &event.operation)
        });
        let body = |event: &RecordedEvent| event.body.clone();
        if query.get("direction") == Some("asc") {
            wanted.rev().skip(first).take(max).map(body).collect()
        } else {
            wanted.skip(first).take(max).map(body).collect()
        }
    }
}

fn among(query: &Params, name: &str, value: &str) -> bool {
    let mut asked = query.all(name).peekable();
    asked.peek().is_none() || asked.any(|asked| asked == value)
}

fn moment(text: &str) -> Option<u64> {
    time::day_start_ms(text).or_else(|| text.parse().ok())
}
