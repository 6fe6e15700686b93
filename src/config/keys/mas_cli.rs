//! Describes the keys of `[writer.mas_cli]`.

use super::Absent::{Is, Sometimes};
use super::Expected::{Command, Count, Duration, Words};
use super::{key, keys};

keys![
    COMMAND = key(
        "writer.mas_cli.command",
        Command,
        Is("[\"mas-cli\"]"),
        "The command that runs mas-cli, for example `[\"docker\", \"exec\", \"-i\", \"mas\", \
         \"mas-cli\"]`. It is run without a shell, and cannot ask for a password. Errors and the log \
         show its arguments, without the values of variables (`NAME=…`): a password belongs into a \
         file that the command reads."
    ),
    CONFIG = key(
        "writer.mas_cli.config",
        Words("a file, or a list of files"),
        Sometimes("\"/etc/mas-cli/mas-cli.yaml\"", "{} for a plain `mas-cli`; behind a wrapper, none"),
        "MAS's configuration files, each passed as `--config`; `\"\"` passes none, and none is \
         passed if the command has its own. In the variable, `:` separates them. mas-cli ignores \
         a file that is missing or broken and uses a default database, and with the files of \
         another homeserver it would change accounts there. So they are checked first: readable, \
         YAML, with a `database`, and `matrix.homeserver` is `server_name`. Behind a wrapper they are \
         checked if they can be read from here; if not, every run warns."
    )
    .env("MAS_CONFIG"),
    TIMEOUT = key(
        "writer.mas_cli.timeout",
        Duration,
        Is("\"30s\""),
        "How long one call may take before it is killed, with everything that it has started on \
         this host."
    ),
    CONCURRENCY = key(
        "writer.mas_cli.concurrency",
        Count { least: 1, most: 64 },
        Is("2"),
        "Calls at the same time. Each starts a process, so more calls than processors gain \
         nothing."
    ),
];
