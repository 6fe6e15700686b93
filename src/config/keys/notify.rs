//! Describes the keys of `[notify]`.

use super::Absent::{Depends, Nothing};
use super::Expected::{Command, Secret, Words};
use super::{key, keys};

keys![
    ON_DONE = key(
        "notify.on_done",
        Command,
        Nothing,
        "A command that `sync` and `watch` run after a run that changed something; it gets the plan \
         with outcomes as JSON on stdin, as `sync --format json` prints it. [How it \
         runs](notifications.md#a-command-after-each-change)."
    ),
    ROOM = key(
        "notify.room",
        Words("the ID of a room, such as \"!ops:example.org\""),
        Nothing,
        "A room on the homeserver that gets a message when a run changes accounts, is refused or \
         fails: at most one each `watch.interval`. It needs `synapse.url`. [What the room \
         needs](notifications.md#a-matrix-room)."
    ),
    ACCESS_TOKEN = key(
        "notify.access_token",
        Secret,
        Depends("needed with `notify.room`"),
        "The access token of the bot that writes to the room, of an account of its own: never \
         `synapse.admin_token`. The account is never disabled."
    ),
];
