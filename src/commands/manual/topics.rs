//! What each command is for, and examples: more than the help has room for. The man pages and the
//! book are made from it.

/// A command line with its purpose.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What it does, without a full stop.
    pub what: &'static str,
    /// The line as it is typed.
    pub line: &'static str,
}

/// The description of a command.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    pub command: &'static str,
    /// What it is for, in Markdown.
    pub description: &'static str,
    pub examples: &'static [Example],
}

const fn example(what: &'static str, line: &'static str) -> Example {
    Example { what, line }
}

/// What the program is for.
pub(super) const DESCRIPTION: &str = "\
Keeps Matrix accounts in step with a Keycloak group or role. Members may use Matrix; their accounts are in Synapse, with \
the Matrix Authentication Service (MAS). The program reads both sides, makes a plan, shows it, and carries it out with \
`mas-cli` or MAS's Admin API.";

/// Examples of the whole program: a first day with it.
pub const EXAMPLES: &[Example] = &[
    example("See it work, without any server", "matrix-keycloak-sync demo"),
    example("Check settings, servers and permissions", "matrix-keycloak-sync doctor"),
    example("Show what would change, and why; nothing is changed", "matrix-keycloak-sync plan"),
    example("Make the plan and apply it, within the limits", "matrix-keycloak-sync sync"),
    example("Keep running, and react within seconds", "matrix-keycloak-sync watch"),
];

/// Every command.
pub const TOPICS: &[Topic] = &[
    Topic {
        command: "plan",
        description: "\
Reads both sides, rechecks every account that would change, and prints what would change and why. It has no writer, so it \
cannot change anything. If a `sync` of the plan would be refused, it says so, and still ends with 0.",
        examples: &[
            example("Show what would change", "matrix-keycloak-sync plan"),
            example(
                "Save the plan, to apply exactly this one",
                "matrix-keycloak-sync plan --out plan.json",
            ),
            example(
                "Let a script know if there are changes (exit code 2)",
                "matrix-keycloak-sync plan --detailed-exitcode",
            ),
            example(
                "Write the plan for a merge request",
                "matrix-keycloak-sync plan --format markdown",
            ),
        ],
    },
    Topic {
        command: "sync",
        description: "\
Makes a plan and carries it out if it is within the limits. If the plan is refused, the output has its digest and the \
command that applies exactly this plan: `--approve` lifts every limit for one run, and is invalid once the plan changes.",
        examples: &[
            example("Bring both sides in step", "matrix-keycloak-sync sync"),
            example(
                "Apply a plan that was refused; the refusal prints the whole line",
                "matrix-keycloak-sync sync --approve 1a2b3c4d",
            ),
            example(
                "Write figures for Prometheus's textfile collector",
                "matrix-keycloak-sync sync --metrics-file matrix-keycloak-sync.prom",
            ),
        ],
    },
    Topic {
        command: "apply",
        description: "\
For plans that an administrator has read first. A saved plan is no approval: the limits apply. Accounts that have changed \
since then are skipped and reported, which is not an error.",
        examples: &[
            example("Apply a saved plan", "matrix-keycloak-sync apply plan.json"),
            example(
                "Apply it although it exceeds the limits; the refusal prints the whole line",
                "matrix-keycloak-sync apply plan.json --approve 1a2b3c4d",
            ),
        ],
    },
    Topic {
        command: "watch",
        description: "\
Keeps running. It brings everything in step when it starts and in every interval, and follows the changes in between, so \
that a user who leaves the group is locked out within seconds. SIGHUP makes it read its configuration again and run at once.",
        examples: &[
            example("Stay in step", "matrix-keycloak-sync watch"),
            example(
                "The same, with a log for machines",
                "matrix-keycloak-sync --log-format json watch",
            ),
        ],
    },
    Topic {
        command: "explain",
        description: "Prints every fact about one user or account with its server, and the rule that decides.",
        examples: &[
            example("By localpart", "matrix-keycloak-sync explain alice"),
            example("By e-mail address", "matrix-keycloak-sync explain alice@example.org"),
            example("By Matrix user ID", "matrix-keycloak-sync explain @alice:example.org"),
        ],
    },
    Topic {
        command: "report",
        description: "\
Prints an access review that always agrees with `plan`: every account with its user, its state, the verdict and the reason.",
        examples: &[
            example("Read it on a terminal", "matrix-keycloak-sync report"),
            example(
                "Open it as a spreadsheet",
                "matrix-keycloak-sync report --format csv > access-review.csv",
            ),
            example(
                "One page with a filter, for an auditor",
                "matrix-keycloak-sync report --format html > access-review.html",
            ),
            example(
                "List the administrators",
                "matrix-keycloak-sync report --format json | jq '.rows[] | select(.administrator)'",
            ),
        ],
    },
    Topic {
        command: "doctor",
        description: "\
Checks the whole set-up, and says for each problem what to change, and where. Run it first, and whenever something is \
wrong.",
        examples: &[
            example("Check everything", "matrix-keycloak-sync doctor"),
            example("Fail on warnings too, for CI", "matrix-keycloak-sync doctor --strict"),
        ],
    },
    Topic {
        command: "config",
        description: "\
`init` asks for addresses, credentials and the group on a terminal, and tries each answer out. Secrets go to files of their \
own next to the configuration, all with mode 0600, and nothing is overwritten. `show` prints TOML with the origin of each value as a comment: the file, a variable, or the default. `check` ends with 78 if \
something is wrong, as every command does, and with 0 if not.",
        examples: &[
            example("Write a configuration", "matrix-keycloak-sync config init"),
            example("Show the effective values", "matrix-keycloak-sync config show"),
            example(
                "Check a file before it is used",
                "matrix-keycloak-sync --config config.toml config check",
            ),
        ],
    },
    Topic {
        command: "status",
        description: "\
Asks a running `watch` at `watch.listen` for a summary: its state, the last and the next full run, what waits for a decision, \
and the command for it. It ends with 1 if `watch` is not ready or does not answer.",
        examples: &[example("See how watch stands", "matrix-keycloak-sync status")],
    },
    Topic {
        command: "healthcheck",
        description: "\
For the health check of a container: it asks `/healthz` at `watch.listen`, and ends with 1 if `watch` does not answer or is \
stuck.",
        examples: &[example("Check that watch is alive", "matrix-keycloak-sync healthcheck")],
    },
    Topic {
        command: "history",
        description: "\
Lists the runs in the state file with their counts, or every action of one run. A run that was refused says why.",
        examples: &[
            example("List the runs of the last week", "matrix-keycloak-sync history --since 7d"),
            example("Show every action of a run", "matrix-keycloak-sync history 12"),
            example(
                "Show what happened to one account",
                "matrix-keycloak-sync history --user alice",
            ),
        ],
    },
    Topic {
        command: "undo",
        description: "\
Makes a plan like any other, shown first and within the limits. On a terminal it asks before it disables current members, \
and before it changes anything. Rooms and e-mail addresses lost by a deactivation do not come back.",
        examples: &[
            example("Show what would be reversed", "matrix-keycloak-sync undo 12 --dry-run"),
            example("Reverse a run", "matrix-keycloak-sync undo 12"),
        ],
    },
    Topic {
        command: "demo",
        description: "\
Needs nothing else: stand-ins play all servers. `--serve` is a playground: a page on which users join, leave, are renamed or \
locked, and the commands to try.",
        examples: &[
            example("See a plan, three runs and a refusal", "matrix-keycloak-sync demo"),
            example("Keep the stand-ins running", "matrix-keycloak-sync demo --serve"),
        ],
    },
    Topic {
        command: "completions",
        description: "Prints the completion script of a shell. The Debian package installs those of bash, zsh and fish.",
        examples: &[
            example("In bash, for this session", "source <(matrix-keycloak-sync completions bash)"),
            example(
                "In zsh, for this user (in a folder of $fpath)",
                "matrix-keycloak-sync completions zsh > ~/.zfunc/_matrix-keycloak-sync",
            ),
            example(
                "In fish, for this user",
                "matrix-keycloak-sync completions fish > ~/.config/fish/completions/matrix-keycloak-sync.fish",
            ),
        ],
    },
    Topic {
        command: "man",
        description: "Prints the man page of the program, or of one command, for `man -l` or to install it.",
        examples: &[
            example("Read the page of the program", "matrix-keycloak-sync man | man -l -"),
            example("Read the page of one command", "matrix-keycloak-sync man sync | man -l -"),
        ],
    },
];
