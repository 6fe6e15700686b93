//! Checks whether `watch` can follow Keycloak's admin events. Only `watch` uses them, so missing
//! ones are a warning.

use super::check::Section;
use crate::config::Config;
use crate::readers::{EventAccess, KeycloakReader};

pub(super) const NAME: &str = "events";

pub(super) async fn check(
    section: &mut Section,
    config: &Config,
    keycloak: &KeycloakReader,
    management: &str,
) {
    if config.watch.events_every.is_none() {
        section.skip(&[NAME], "watch.events_every = \"off\": only full runs find changes");
        return;
    }
    if section.gives_up(NAME) {
        return;
    }
    let without = "without them only full runs of `watch` find changes (watch.interval)";
    match keycloak.event_access().await {
        Ok(EventAccess::Saved) => section.ok(NAME, "the realm saves admin events, and `watch` can read them"),
        Ok(EventAccess::NotSaved) => section.warn(
            NAME,
            format!("the realm saves no admin events; {without}"),
            "In Keycloak, switch on Realm settings, Events, Admin events settings, Save events; or set \
             `watch.events_every` to \"off\".",
        ),
        Ok(EventAccess::Forbidden) => section.warn(
            NAME,
            format!("admin events cannot be read; {without}"),
            format!(
                "Give the role view-events of the client {management}; or set `watch.events_every` to \"off\"."
            ),
        ),
        Err(error) => section.failed(NAME, &error),
    }
}
