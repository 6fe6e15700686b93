//! Follows Keycloak's admin events. If they are unavailable, that is reported once, and full runs
//! find the changes.

use std::collections::BTreeMap;

use tracing::{info, warn};

use crate::config::MemberSource;
use crate::error_chain::in_one_line;
use crate::http::HttpError;
use crate::metrics::{AdminEvents, metrics};
use crate::model::{KeycloakId, Timestamp};
use crate::readers::{self, KeycloakReader, Membership, Reading};
use crate::watch::{Backoff, EventCursor, Mention, NewEvents};

/// The position in the events, and the users that they have mentioned.
#[derive(Debug, Default)]
pub(super) struct EventSource {
    cursor: EventCursor,
    standing: Option<readers::EventAccess>,
    /// Pauses while they cannot be read; only the first failure is reported.
    pub(super) backoff: Backoff,
    unreadable: bool,
    /// Users that events have mentioned and no run has rechecked yet.
    pub(super) people: BTreeMap<KeycloakId, Mention>,
}

impl EventSource {
    /// Returns whether the realm saves events and this program may read them.
    pub(super) fn are_there(&self) -> bool {
        self.standing == Some(readers::EventAccess::Saved)
    }

    /// Returns whether there may be events: unless the opposite is known.
    pub(super) fn may_come(&self) -> bool {
        self.standing.is_none() || self.are_there()
    }

    /// Finds the position before a full reading, which will contain all earlier changes.
    pub(super) async fn find_place(
        &mut self,
        keycloak: &KeycloakReader,
        source: &MemberSource,
    ) -> Result<(), HttpError> {
        let standing = keycloak.event_access().await?;
        if standing != readers::EventAccess::Saved {
            self.tell(standing);
            self.cursor = EventCursor::default();
            return Ok(());
        }
        let (since, any) = (self.cursor.since(Timestamp::now()), Membership::unread(source));
        let events = keycloak.events_since(since, &any, None).await?;
        self.works();
        let was_there = self.are_there();
        self.tell(standing);
        if self.cursor.take(&events).missed && was_there {
            info!(
                "some of Keycloak's admin events are gone, or there are too many: this full run finds their changes"
            );
        }
        Ok(())
    }

    /// Reads new events. Users that they mention are kept until a run has rechecked them.
    pub(super) async fn read(
        &mut self,
        keycloak: &KeycloakReader,
        reading: &Reading,
    ) -> Result<NewEvents, HttpError> {
        let since = self.cursor.since(Timestamp::now());
        let events =
            keycloak.events_since(since, &reading.membership, reading.admins.as_ref()).await?;
        self.works();
        let found = self.cursor.take(&events);
        for (id, mention) in &found.people {
            self.people
                .entry(id.clone())
                .and_modify(|known| known.and(*mention))
                .or_insert(*mention);
        }
        Ok(found)
    }

    fn works(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.unreadable) {
            info!("Keycloak's admin events can be read again");
            metrics().events(AdminEvents::Available);
        }
    }

    /// Reports that events cannot be read now, at the first failure in a row.
    pub(super) fn fail(&mut self, why: &HttpError) {
        metrics().events(AdminEvents::Unavailable);
        if !std::mem::replace(&mut self.unreadable, true) {
            warn!("Keycloak's admin events cannot be read; trying again: {}", in_one_line(why));
        }
    }

    /// Notes that this program may no longer read events.
    pub(super) fn are_forbidden(&mut self) {
        self.tell(readers::EventAccess::Forbidden);
    }

    fn tell(&mut self, standing: readers::EventAccess) {
        metrics().events(match standing {
            readers::EventAccess::Saved => AdminEvents::Available,
            readers::EventAccess::NotSaved | readers::EventAccess::Forbidden => {
                AdminEvents::Unavailable
            }
        });
        if self.standing.replace(standing) == Some(standing) {
            return;
        }
        match standing {
            readers::EventAccess::Saved => {
                info!("Keycloak's admin events show changes between full runs");
            }
            readers::EventAccess::NotSaved => warn!(
                "the realm saves no admin events, so only full runs find changes (watch.interval): turn on Realm \
                 settings, Events, Admin events settings, Save events; or set watch.events_every = \"off\""
            ),
            readers::EventAccess::Forbidden => warn!(
                "no permission to read Keycloak's admin events, so only full runs find changes (watch.interval): grant the \
                 role view-events of the client realm-management; or set watch.events_every = \"off\""
            ),
        }
    }
}
