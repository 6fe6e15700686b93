//! Describes the keys of `[watch]`.

use super::Absent::{Is, Nothing};
use super::Expected::{Command, Duration, OrOff};
use super::{key, keys};

keys![
    INTERVAL = key(
        "watch.interval",
        Duration,
        Is("\"15m\""),
        "How long from one full run of `watch` to the next, a tenth more or less."
    ),
    EVENTS_EVERY = key(
        "watch.events_every",
        OrOff("a time such as \"5s\""),
        Is("\"5s\""),
        "How often `watch` reads Keycloak's admin events; `\"off\"` if the realm does not save \
         them or without the permission (`view-events`)."
    ),
    MEMBERS_EVERY = key(
        "watch.members_every",
        OrOff("a time such as \"1m\""),
        Is("\"1m\""),
        "How often `watch` reads the member list alone if the realm has a directory, whose \
         changes cause no events."
    ),
    ACCOUNTS_EVERY = key(
        "watch.accounts_every",
        OrOff("a time such as \"10s\""),
        Is("\"10s\""),
        "How often `watch` reads the newly registered accounts: from MAS if `[writer.mas_api]` is \
         configured, else from Synapse. With `\"off\"`, the next full run finds them."
    ),
    LISTEN = key(
        "watch.listen",
        OrOff("an address such as \"127.0.0.1:9464\""),
        Is("\"127.0.0.1:9464\""),
        "The address at which `watch` serves its status page, `/metrics`, `/healthz` and \
         `/readyz`. Only on loopback the page shows names of users."
    ),
    ON_REFUSED = key(
        "watch.on_refused",
        Command,
        Nothing,
        "A command that `watch` runs when a plan is refused or a run fails; it gets the reason as \
         JSON on stdin. For refused plans it runs at most once per interval."
    ),
];
