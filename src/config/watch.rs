//! Loads `[watch]`: how often to read, and where to serve health and metrics.

use std::net::SocketAddr;
use std::time::Duration;

use super::fields::Fields;
use super::keys::{ConfigKey, watch as keys};

/// The shortest interval or limit; less gains nothing, and is a typing error.
const MOST_OFTEN: Duration = Duration::from_secs(1);

/// `[watch]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Between two full runs.
    pub interval: Duration,
    /// Between two readings of Keycloak's admin events; `None` if they are not read.
    pub events_every: Option<Duration>,
    /// Between two readings of the member list alone, for changes without events; `None` if it is
    /// not read.
    pub members_every: Option<Duration>,
    /// Between two readings of the newest accounts; `None` if they are not read.
    pub accounts_every: Option<Duration>,
    /// The address that serves metrics and health; `None` if there is none.
    pub listen: Option<SocketAddr>,
    /// The command to run when a plan is refused or a run fails: the program and its arguments.
    pub on_refused: Option<Vec<String>>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        watch(&mut Fields::default())
    }
}

/// Takes the section.
pub(super) fn watch(fields: &mut Fields) -> WatchConfig {
    let interval = a_second_or_more(fields, &keys::INTERVAL);
    let on_refused = fields.texts(&keys::ON_REFUSED);
    if on_refused.as_ref().is_some_and(Vec::is_empty) {
        fields.empty(&keys::ON_REFUSED);
    }
    WatchConfig {
        interval,
        events_every: fields.unless_off(&keys::EVENTS_EVERY, often),
        members_every: fields.unless_off(&keys::MEMBERS_EVERY, often),
        accounts_every: fields.unless_off(&keys::ACCOUNTS_EVERY, often),
        listen: fields.unless_off(&keys::LISTEN, |address| address.parse().ok()),
        on_refused,
    }
}

/// Takes a time that must not be none.
pub(super) fn a_second_or_more(fields: &mut Fields, key: &ConfigKey) -> Duration {
    let given = fields.text_to_come(key);
    let time = fields.duration(key);
    if time < MOST_OFTEN {
        fields.wrong(key, given.as_deref(), "expected a second or more");
    }
    time
}

fn often(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|every| *every >= MOST_OFTEN)
}
