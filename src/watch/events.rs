//! Keycloak's admin events, as far as they can be relied upon. Where they cannot, that is told once, and full runs do
//! without them.

use std::collections::BTreeMap;

use tracing::{info, warn};

use crate::causes::in_one_line;
use crate::http::HttpError;
use crate::metrics::metrics;
use crate::model::{KeycloakId, Moment};
use crate::readers::{self, Group, KeycloakReader};
use crate::watch::{Backoff, Feed, Found, Named};

/// Where we are in the events, and whom they have named.
#[derive(Debug, Default)]
pub(super) struct Events {
    feed: Feed,
    standing: Option<readers::Events>,
    /// Pauses while they cannot be read; told at the first.
    pub(super) backoff: Backoff,
    unreadable: bool,
    /// Whom events have named and nobody has looked at yet.
    pub(super) people: BTreeMap<KeycloakId, Named>,
}

impl Events {
    /// Whether they come.
    pub(super) fn are_there(&self) -> bool {
        self.standing == Some(readers::Events::Saved)
    }

    /// Whether there may be some: nothing is known to the contrary.
    pub(super) fn may_come(&self) -> bool {
        self.standing.is_none() || self.are_there()
    }

    /// Before everything is read: what has happened up to now will be in the reading, what comes after it is new.
    pub(super) async fn find_place(&mut self, keycloak: &KeycloakReader) -> Result<(), HttpError> {
        let standing = keycloak.events().await?;
        if standing != readers::Events::Saved {
            self.tell(standing);
            self.feed = Feed::default();
            return Ok(());
        }
        let events = keycloak.events_since(self.feed.since(Moment::now()), &[]).await?;
        self.works();
        let was_there = self.are_there();
        self.tell(standing);
        if self.feed.take(&events).missed && was_there {
            info!(
                "some of Keycloak's admin events are gone, or there are too many: this full run shows what they told"
            );
        }
        Ok(())
    }

    /// What is new. Whom it names is kept until somebody has looked.
    pub(super) async fn read(&mut self, keycloak: &KeycloakReader, groups: &[Group]) -> Result<Found, HttpError> {
        let events = keycloak.events_since(self.feed.since(Moment::now()), groups).await?;
        self.works();
        let found = self.feed.take(&events);
        for (id, named) in &found.people {
            self.people.entry(id.clone()).and_modify(|known| known.and(*named)).or_insert(*named);
        }
        Ok(found)
    }

    fn works(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.unreadable) {
            info!("Keycloak's admin events can be read again");
            metrics().events(true);
        }
    }

    /// They cannot be read now; told at the first failure in a row.
    pub(super) fn fail(&mut self, why: &HttpError) {
        metrics().events(false);
        if !std::mem::replace(&mut self.unreadable, true) {
            warn!("Keycloak's admin events cannot be read, and are asked for again: {}", in_one_line(why));
        }
    }

    /// They may not be seen any more.
    pub(super) fn are_forbidden(&mut self) {
        self.tell(readers::Events::Forbidden);
    }

    fn tell(&mut self, standing: readers::Events) {
        metrics().events(standing == readers::Events::Saved);
        if self.standing.replace(standing) == Some(standing) {
            return;
        }
        match standing {
            readers::Events::Saved => info!("Keycloak's admin events name whoever changes between full runs"),
            readers::Events::NotSaved => warn!(
                "the realm saves no admin events, so changes are seen by full runs only (watch.interval): switch on Realm \
                 settings, Events, Admin events settings, Save events; or set watch.events_every = \"off\""
            ),
            readers::Events::Forbidden => warn!(
                "Keycloak's admin events may not be seen, so changes are seen by full runs only (watch.interval): give the \
                 role view-events of the client realm-management; or set watch.events_every = \"off\""
            ),
        }
    }
}
