//! Describes the keys at the top of the file.

use super::Absent::{Depends, Is, Needed};
use super::Expected::{Text, Words};
use super::{key, keys};

keys![
    SERVER_NAME = key(
        "server_name",
        Words("a name such as \"example.org\" or \"example.org:8448\""),
        Needed,
        "The homeserver's name in Matrix user IDs: the part after the colon of \
         `@alice:example.org`."
    )
    .env("MATRIX_SERVER_NAME"),
    STATE_FILE = key(
        "state_file",
        Text,
        Depends(
            "`$STATE_DIRECTORY/state.db`, else \
             `$XDG_STATE_HOME/matrix-keycloak-sync/REALM@SERVER.db`, else for root \
             `/var/lib/matrix-keycloak-sync/REALM@SERVER.db`, else \
             `~/.local/state/matrix-keycloak-sync/REALM@SERVER.db`"
        ),
        "The path of the file in which the program remembers which Keycloak user each account \
         belongs to, what it did and why, and since when users are out of the group. With \
         `\"off\"` nothing is remembered: `history`, `undo`, `policy.grace` and \
         `policy.reactivate = \"own\"` are then errors, and accounts that were never tied to a \
         Keycloak user are disabled without an approval. The first run that may write creates the \
         file (mode 0600) and its folder (mode 0700). If the default place cannot be written, the \
         run warns and remembers nothing; a given path that cannot be used is an error. Several \
         realms and homeservers can share a file and do not see each other's rows. The lock that \
         prevents two runs at once is next to it. [What a restored or lost file \
         does](safety.md#a-state-file-that-is-lost-or-restored)."
    ),
    HISTORY_KEEP = key(
        "history_keep",
        Words("a time such as \"400d\", at least a day, or \"forever\""),
        Is("\"400d\""),
        "How long a run stays in the history after it ended. Older runs are deleted, except the \
         newest one; `history` and `undo` no longer know them. Accounts that they disabled then \
         count as disabled by another administrator, which matters for `policy.reactivate = \
         \"own\"` and for accounts that are only locked."
    ),
];
