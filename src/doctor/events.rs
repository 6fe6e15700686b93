//! Keycloak's admin events: whether `watch` would be told of changes. Nothing else needs them, so what is missing is told,
//! and is no fault.

use super::check::Section;
use crate::config::Config;
use crate::readers::{Events, KeycloakReader};

pub(super) const NAME: &str = "events";

pub(super) async fn check(section: &mut Section, config: &Config, keycloak: &KeycloakReader, management: &str) {
    if config.watch.events_every.is_none() {
        section.skip(&[NAME], "watch.events_every = \"off\": changes are seen by full runs only");
        return;
    }
    if section.gives_up(NAME) {
        return;
    }
    let without = "without them `watch` sees changes by full runs only (watch.interval)";
    match keycloak.events().await {
        Ok(Events::Saved) => section.ok(NAME, "the realm saves admin events, and `watch` can see them"),
        Ok(Events::NotSaved) => section.skip(
            &[NAME],
            &format!(
                "the realm saves no admin events (Realm settings, Events, Admin events settings, Save events); {without}"
            ),
        ),
        Ok(Events::Forbidden) => section.skip(
            &[NAME],
            &format!("admin events take the role view-events of the client {management}, which is missing; {without}"),
        ),
        Err(error) => section.failed(NAME, &error),
    }
}
