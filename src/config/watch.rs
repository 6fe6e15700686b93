//! Loads `[watch]`: how often to read, and where to serve health and metrics.

use std::net::SocketAddr;
use std::time::Duration;

use super::fields::Fields;

/// The word that turns something off.
const OFF: &str = "off";
/// The shortest interval; less gains nothing, and is a typing error.
const MOST_OFTEN: Duration = Duration::from_secs(1);

/// `[watch]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Between two full runs.
    pub interval: Duration,
    /// Between two readings of Keycloak's admin events; `None` if they are not read.
    pub events_every: Option<Duration>,
    /// Between two readings of the member list alone, for changes without events; `None` if it is not read.
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
        Self {
            interval: Duration::from_mins(15),
            events_every: Some(Duration::from_secs(5)),
            members_every: Some(Duration::from_mins(1)),
            accounts_every: Some(Duration::from_secs(10)),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 9464))),
            on_refused: None,
        }
    }
}

pub(super) fn watch(fields: &mut Fields) -> WatchConfig {
    let default = WatchConfig::default();
    let interval = fields.duration("watch.interval", default.interval);
    if interval < MOST_OFTEN {
        let given = humantime::format_duration(interval).to_string();
        fields.wrong("watch.interval", Some(&given), "expected a second or more");
    }
    let on_refused = fields.texts("watch.on_refused", "a list of texts, the program first");
    if on_refused.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong("watch.on_refused", None, "expected a list of texts, the program first; it is empty");
    }
    WatchConfig {
        interval,
        events_every: fields.unless_off("watch.events_every", default.events_every, "a time such as \"5s\"", often),
        members_every: fields.unless_off("watch.members_every", default.members_every, "a time such as \"1m\"", often),
        accounts_every: fields.unless_off(
            "watch.accounts_every",
            default.accounts_every,
            "a time such as \"10s\"",
            often,
        ),
        listen: fields.unless_off("watch.listen", default.listen, "an address such as \"127.0.0.1:9464\"", |text| {
            text.parse().ok()
        }),
        on_refused,
    }
}

fn often(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|every| *every >= MOST_OFTEN)
}

impl Fields {
    /// Takes a value that can be turned off.
    fn unless_off<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.take(key, &format!("{expected}, or {OFF:?}"), |value| match value.as_str()? {
            OFF => Some(None),
            text => parse(text).map(Some),
        })
        .unwrap_or(default)
    }
}
