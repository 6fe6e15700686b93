//! What every key means, for `docs/configuration.md`. It stands beside the code that reads the keys, and tests hold the two
//! together: a default is what leaving the key out gives, and what is expected is what a mistake is told.

use Absent::{Depends, Is, Needed, Nothing};

/// What there is to say about a key, in the order and by the names of [`KEYS`](super::KEYS).
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The dotted name.
    pub name: &'static str,
    /// What is expected there, in the words in which a wrong value is refused.
    pub expected: &'static str,
    /// What holds where the key is left out.
    pub absent: Absent,
    /// What it means, in Markdown.
    pub meaning: &'static str,
}

/// What holds where a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It may not be left out.
    Needed,
    /// Nothing.
    Nothing,
    /// This value, as TOML.
    Is(&'static str),
    /// It depends.
    Depends(&'static str),
}

const fn entry(name: &'static str, expected: &'static str, absent: Absent, meaning: &'static str) -> Entry {
    Entry { name, expected, absent, meaning }
}

const TEXT: &str = "a text that is not empty";
const SECRET: &str = "a text of one line that is not empty";
const SWITCH: &str = "true or false";
const DURATION: &str = "a time such as \"30s\" or \"15m\", a year at the most";
const COUNT: &str = "a whole number, 0 or more";
const WHERE_USED: Absent = Depends("needed with writer.type = \"mas-api\" or accounts.source = \"mas\"");
const CLIENT: Absent = Depends("needed in this section, unless `access_token` is given");

/// Every key there is.
pub const REFERENCE: &[Entry] = &[
    entry(
        "server_name",
        "a name such as \"example.org\" or \"example.org:8448\"",
        Needed,
        "The homeserver's name in Matrix user IDs: what stands behind the colon of `@alice:example.org`.",
    ),
    entry(
        "state_file",
        TEXT,
        Depends(
            "`$STATE_DIRECTORY/state.db`, else `$XDG_STATE_HOME/matrix-keycloak-sync/REALM@SERVER.db`, else for root \
             `/var/lib/matrix-keycloak-sync/REALM@SERVER.db`, else \
             `~/.local/state/matrix-keycloak-sync/REALM@SERVER.db`",
        ),
        "The path of the file in which the program remembers which Keycloak user each account belongs to, what it did and \
         why, and since when users are out of the group. With `\"off\"` nothing is remembered: `history`, `undo`, \
         `policy.grace` and `policy.reactivate = \"own\"` are then errors, and accounts that were never tied to a \
         Keycloak user are disabled without an approval. The first run that may write creates the file (mode 0600) and \
         its folder (mode 0700). If the default place cannot be written, the run warns and remembers nothing; a given \
         path that cannot be used is an error. Several realms and homeservers can share a file and do not see each \
         other's rows. The lock that holds two runs apart lies beside it. [What a restored or lost file \
         does](safety.md#a-state-file-that-is-lost-or-restored).",
    ),
    entry(
        "history_keep",
        "a time such as \"400d\", a day at the least, or \"forever\"",
        Is("\"400d\""),
        "How long a run stays in the history after it ended. Older runs are deleted, all but the newest one; `history` and \
         `undo` no longer know them. What they had disabled then counts as disabled by another administrator, which \
         matters to `policy.reactivate = \"own\"` and to accounts that are only locked.",
    ),
    entry(
        "keycloak.url",
        "an address such as \"https://sso.example.org\"",
        Needed,
        "Keycloak's address, with the path that it is served under (`/auth` in old installations). Plain http beyond this \
         machine is a warning.",
    ),
    entry("keycloak.realm", TEXT, Needed, "The realm that the group is in."),
    entry(
        "keycloak.groups",
        "a list of group names, /paths or IDs",
        Needed,
        "The groups whose members may use Matrix; being in one is enough. A name that stands for several groups is an \
         error that names their paths. The variable gives one group.",
    ),
    entry(
        "keycloak.include_subgroups",
        SWITCH,
        Is("false"),
        "Whether members of subgroups count. In Keycloak they are not members of the parent.",
    ),
    entry(
        "keycloak.client_id",
        TEXT,
        Depends("needed; with `keycloak.username`, \"admin-cli\""),
        "The client that asks for tokens. By its own credentials it needs *Service accounts roles* switched on, and its \
         service account the role `view-users` of the client `realm-management`; with a user federation in the realm \
         `view-realm` too.",
    ),
    entry(
        "keycloak.client_secret",
        SECRET,
        Depends("needed, unless `keycloak.username` is given"),
        "The client's secret. With `keycloak.username` it belongs to the client that asks, where that has one.",
    ),
    entry(
        "keycloak.auth_realm",
        TEXT,
        Is("\"master\""),
        "The realm that the user of `keycloak.username` is in. It goes with that key only: a client's own credentials are \
         of `keycloak.realm`.",
    ),
    entry(
        "keycloak.username",
        TEXT,
        Nothing,
        "A user who may look, instead of a client's own credentials: tokens are then asked for with their password. A \
         service account is better.",
    ),
    entry(
        "keycloak.password",
        SECRET,
        Depends("needed with `keycloak.username`"),
        "The password of `keycloak.username`.",
    ),
    entry(
        "keycloak.disabled_members",
        "\"disable\" or \"keep\"",
        Is("\"disable\""),
        "What a member counts as who is disabled in Keycloak: out of the group, or a member like any other.",
    ),
    entry(
        "keycloak.federation",
        "\"verify\" or \"trust\"",
        Is("\"verify\""),
        "With `\"verify\"` a directory behind Keycloak (LDAP, Active Directory) has to show signs of life before any of its \
         people are disabled, because Keycloak answers without them while it is down. `\"trust\"` believes Keycloak as it is: \
         right where a directory has nobody in the group, or was switched off on purpose.",
    ),
    entry(
        "keycloak.localpart",
        "a template",
        Is("\"{{ user.preferred_username }}\""),
        "The template that MAS uses to name accounts (`claims_imports.localpart.template` in its configuration). It is \
         rendered as MAS renders it, with the same filters, functions, tests and methods, `b64decode`, `b64encode`, \
         `tlvdecode` and `from_json` included. Like MAS, it prints nothing for a claim that a user does not have, and \
         counts it as false in a condition. `user` has the claims of Keycloak's default scopes: `user.sub` (the user's ID), \
         `user.preferred_username`, `user.email`, `user.email_verified`, `user.given_name`, `user.family_name` and \
         `user.name`. Every other claim is read from the user attribute of the same name: `user.employee_id` from the \
         attribute `employee_id`. Several values are a list. A template with such a claim reads members with their \
         attributes, which takes longer. `id_token_claims` and `userinfo_claims` have the same claims as `user`. What \
         describes a login rather than a user is not available: `extra_callback_parameters` and claims of the token such \
         as `user.iss`. A template that cannot be compiled, or uses something that MAS does not have, is an error. So is \
         a member without a name; the error lists them.",
    ),
    entry(
        "synapse.url",
        "an address such as \"https://matrix.example.org\"",
        Depends("needed; with accounts.source = \"mas\" the section may be left out"),
        "Synapse's address; its paths below `/_synapse/admin` have to be reachable there. Plain http beyond this machine is \
         a warning.",
    ),
    entry(
        "synapse.admin_token",
        SECRET,
        Depends("needed in this section"),
        "A token with the scope `urn:synapse:admin:*`, from `mas-cli manage issue-compatibility-token NAME \
         --yes-i-want-to-grant-synapse-admin-privileges` or a personal access token of MAS. Its owner is never disabled.",
    ),
    entry(
        "accounts.source",
        "\"synapse\" or \"mas\"",
        Is("\"synapse\""),
        "Who lists the accounts and their state. `\"mas\"` needs `[writer.mas_api]`, whoever writes; \
         [which is right](mas-api.md#who-lists-the-accounts).",
    ),
    entry(
        "accounts.provider",
        "the ID of an upstream provider of MAS, such as \"01H8PKNWKKRPCBW4YGH1RWV279\"",
        Depends("the provider whose issuer is the realm's"),
        "The upstream provider of MAS that is the realm, if no provider or several have the realm's issuer.",
    ),
    entry(
        "accounts.match",
        "\"auto\" or \"localpart\" or \"upstream-link\"",
        Is("\"auto\""),
        "What ties an account to a Keycloak user. `\"auto\"` uses MAS's links, what the state file remembers, and the name \
         that `keycloak.localpart` gives, in this order; `\"upstream-link\"` links, and names only for accounts without a \
         link; `\"localpart\"` names alone. Links need `[writer.mas_api]`. [Whose account it is](identity.md).",
    ),
    entry(
        "writer.type",
        "\"mas-cli\" or \"mas-api\"",
        Is("\"mas-cli\""),
        "What changes accounts: the program `mas-cli`, or MAS's Admin API; [which is right](mas-api.md#which-writer).",
    ),
    entry(
        "writer.confirm_timeout",
        DURATION,
        Is("\"60s\""),
        "How long to wait, after the last action, until the homeserver shows every change. What it does not show in time is \
         told, and the exit code is 4.",
    ),
    entry(
        "writer.mas_cli.command",
        "a list of texts, the program first",
        Is("[\"mas-cli\"]"),
        "What runs mas-cli, for example `[\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]`. No shell takes part.",
    ),
    entry(
        "writer.mas_cli.config",
        "a file, or a list of files",
        Depends("\"/etc/mas-cli/mas-cli.yaml\" for a plain `mas-cli`; behind a wrapper, none"),
        "MAS's configuration files, each passed as `--config`; `\"\"` passes none, and none is passed if the command brings \
         its own. In the variable, `:` separates them. mas-cli ignores a file that is missing or broken and goes to a \
         default database, and with the files of another homeserver it would change accounts there. So they are checked \
         first: readable, YAML, with a `database`, and `matrix.homeserver` is `server_name`.",
    ),
    entry("writer.mas_cli.timeout", DURATION, Is("\"30s\""), "How long one call may take before it is ended."),
    entry(
        "writer.mas_cli.concurrency",
        "a whole number from 1 to 64",
        Is("2"),
        "Calls at the same time. Each starts a process, so more than there are processors gains nothing.",
    ),
    entry(
        "writer.mas_api.url",
        "an address such as \"https://mas-admin.internal:8443\"",
        WHERE_USED,
        "The listener of MAS with the Admin API, without `/api/admin/v1`; an internal one. \
         [What MAS needs for it](mas-api.md#what-to-add-to-mas).",
    ),
    entry(
        "writer.mas_api.issuer",
        "an address such as \"https://auth.example.org/\"",
        CLIENT,
        "What MAS calls itself (`http.issuer` in its configuration, else `http.public_base`): where tokens come from. With a \
         personal access token it is only used to see whether the Admin API is public.",
    ),
    entry("writer.mas_api.client_id", TEXT, CLIENT, "A client of MAS listed in its `policy.data.admin_clients`."),
    entry("writer.mas_api.client_secret", SECRET, CLIENT, "The client's secret."),
    entry(
        "writer.mas_api.access_token",
        SECRET,
        Nothing,
        "A [personal access token](mas-api.md#a-personal-access-token-instead) with the scope `urn:mas:admin`, instead of \
         client and secret.",
    ),
    entry(
        "writer.mas_api.ca_file",
        TEXT,
        Nothing,
        "Certificates (PEM) of an authority of your own, trusted beside those of the system, for listener and issuer.",
    ),
    entry(
        "writer.mas_api.client_cert_file",
        TEXT,
        Depends("needed with `client_key_file`"),
        "The certificate (PEM) that the program shows where it is asked for one.",
    ),
    entry(
        "writer.mas_api.client_key_file",
        TEXT,
        Depends("needed with `client_cert_file`"),
        "The key (PEM, without a password) of that certificate.",
    ),
    entry(
        "writer.mas_api.allow_http",
        SWITCH,
        Is("false"),
        "Lets plain http beyond this machine pass for the listener, the issuer and its token endpoint. Only where the \
         network itself is trusted, inside a cluster for example.",
    ),
    entry(
        "writer.mas_api.concurrency",
        "a whole number from 1 to 256",
        Is("8"),
        "Accounts worked on at the same time.",
    ),
    entry(
        "policy.disable",
        "\"deactivate\" or \"lock\"",
        Is("\"deactivate\""),
        "How someone is disabled. `\"deactivate\"` locks, deactivates and ends the sessions: rooms and e-mail addresses are \
         gone for good. `\"lock\"` locks and ends the sessions, and keeps rooms, e-mail addresses and devices. Neither \
         erases. Without `[writer.mas_api]`, `\"lock\"` needs Synapse 1.150 and MAS 1.14.",
    ),
    entry(
        "policy.reactivate",
        "\"any\" or \"own\" or \"none\"",
        Is("\"any\""),
        "Which disabled members are activated: all, only those that this program disabled (needs `state_file`), or none.",
    ),
    entry(
        "policy.unknown_accounts",
        "\"disable\" or \"keep\"",
        Is("\"disable\""),
        "What becomes of accounts that Keycloak does not know at all.",
    ),
    entry(
        "policy.locked_members",
        "\"keep\" or \"activate\"",
        Is("\"keep\""),
        "What becomes of a member who is locked and not deactivated, which somebody did by hand. It matters with \
         `policy.disable = \"deactivate\"`.",
    ),
    entry(
        "policy.protect",
        "a list of localparts and /regular expressions/",
        Is("[]"),
        "Accounts that are never disabled: localparts, or `/regular expressions/` that match all of one. An entry that \
         begins with `!` takes out what the others put in. One that matches nobody is a warning.",
    ),
    entry("policy.protect_admins", SWITCH, Is("true"), "Whether administrators of the homeserver are never disabled."),
    entry(
        "policy.grace",
        DURATION,
        Is("\"0s\""),
        "How long a user has to be out of the group, in every complete reading, before the account is disabled (needs \
         `state_file`). It starts again if there was no complete reading for more than a day and a half and more than \
         twice the pause before, or if the account may have been a member's meanwhile (`may_be_member`, `ambiguous`).",
    ),
    entry("limits.max_disable", COUNT, Is("25"), "Most accounts that one run may disable."),
    entry(
        "limits.max_disable_percent",
        "a whole number from 0 to 100",
        Is("10"),
        "Largest share that one run may disable of the accounts that are active and managed, rounded down; one may always \
         go.",
    ),
    entry("limits.max_activate", COUNT, Is("100"), "Most accounts that one run may activate."),
    entry(
        "limits.min_members",
        COUNT,
        Is("1"),
        "Fewest members that the group is believed to have; with fewer, nothing is done.",
    ),
    entry(
        "limits.max_look",
        COUNT,
        Is("5000"),
        "Most accounts to recheck one by one before they are changed; with more, none is rechecked and nothing is done. Accounts of bridges do not count: Synapse is asked about them first, and the state file remembers them for 30 days.",
    ),
    entry(
        "limits.max_consecutive_failures",
        "a whole number, 1 or more",
        Is("5"),
        "After this many failures of the writer in a row (no connection, no right, no database) the run stops trying. \
         Activations and disables are counted apart; a failure of a single account counts for nothing.",
    ),
    entry(
        "watch.interval",
        DURATION,
        Is("\"15m\""),
        "How long from one full run of `watch` to the next, a tenth more or less.",
    ),
    entry(
        "watch.events_every",
        "a time such as \"5s\", or \"off\"",
        Is("\"5s\""),
        "How often `watch` asks Keycloak for admin events; `\"off\"` where the realm does not save them or the permission \
         (`view-events`) is not to be given.",
    ),
    entry(
        "watch.members_every",
        "a time such as \"1m\", or \"off\"",
        Is("\"1m\""),
        "How often `watch` reads the member list alone where the realm has a directory, whose changes make no events.",
    ),
    entry(
        "watch.accounts_every",
        "a time such as \"10s\", or \"off\"",
        Is("\"10s\""),
        "How often `watch` asks for the accounts registered since the last look: MAS if `[writer.mas_api]` is configured, \
         or else Synapse. With `\"off\"`, the next full run sees them.",
    ),
    entry(
        "watch.listen",
        "an address such as \"127.0.0.1:9464\", or \"off\"",
        Is("\"127.0.0.1:9464\""),
        "Where `watch` serves `/metrics`, `/healthz` and `/readyz`.",
    ),
    entry(
        "watch.on_refused",
        "a list of texts, the program first",
        Nothing,
        "A command that `watch` runs when a plan is refused or a run fails; the reason goes to it as JSON on stdin. For \
         refused plans it runs at most once an interval.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{ConfigError, KEYS, load};
    use super::*;

    const NEEDED: &[(&str, &str)] = &[
        ("server_name", "\"example.org\""),
        ("keycloak.url", "\"https://sso.example.org\""),
        ("keycloak.realm", "\"corp\""),
        ("keycloak.groups", "[\"matrix-users\"]"),
        ("keycloak.client_id", "\"matrix-sync\""),
        ("keycloak.client_secret", "\"1\""),
        ("synapse.url", "\"https://matrix.example.org\""),
        ("synapse.admin_token", "\"2\""),
    ];
    const BY_PASSWORD: &[(&str, &str)] = &[("keycloak.username", "\"admin\""), ("keycloak.password", "\"3\"")];
    const BY_API: &[(&str, &str)] = &[
        ("writer.type", "\"mas-api\""),
        ("writer.mas_api.url", "\"https://mas-admin.internal:8443\""),
        ("writer.mas_api.issuer", "\"https://auth.example.org/\""),
        ("writer.mas_api.client_id", "\"01J44QC8BCY7FCFM7WGHQGKMTJ\""),
        ("writer.mas_api.client_secret", "\"4\""),
    ];

    /// A configuration in which a key matters, with this value or without any.
    fn with(name: &str, value: Option<&str>) -> Result<String, ConfigError> {
        let more = match name {
            _ if name.starts_with("writer.mas_api.") => BY_API,
            "keycloak.auth_realm" => BY_PASSWORD,
            _ => &[],
        };
        let mut keys: BTreeMap<_, _> = NEEDED.iter().chain(more).copied().collect();
        keys.remove(name);
        keys.extend(value.map(|value| (name, value)));
        let text = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n");
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("a writable file");
        load(Some(file.path()), &|_| None).map(|loaded| format!("{:#?}", loaded.config))
    }

    #[test]
    fn the_reference_has_every_key_in_the_order_of_the_keys() {
        let names: Vec<_> = REFERENCE.iter().map(|entry| entry.name).collect();
        assert_eq!(names, KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_default_is_what_leaving_the_key_out_gives() {
        for entry in REFERENCE {
            if let Is(default) = entry.absent {
                let (given, left_out) = (with(entry.name, Some(default)), with(entry.name, None));
                assert_eq!(given.expect("the default is a good value"), left_out.expect("loads"), "{}", entry.name);
            }
        }
    }

    #[test]
    fn what_is_needed_is_missed() {
        for entry in REFERENCE.iter().filter(|entry| !matches!(entry.absent, Depends(_))) {
            assert_eq!(with(entry.name, None).is_err(), entry.absent == Needed, "{}", entry.name);
        }
    }

    #[test]
    fn what_is_expected_is_what_a_wrong_value_is_told() {
        for entry in REFERENCE {
            let told: Vec<_> = ["[1]", "\"@ {{\""]
                .into_iter()
                .filter_map(|wrong| match with(entry.name, Some(wrong)) {
                    Err(ConfigError::Problems(problems)) => Some(problems),
                    _ => None,
                })
                .flatten()
                .filter(|problem| problem.key.split(' ').next() == Some(entry.name))
                .map(|problem| problem.expected)
                .collect();
            let expected = format!("expected {}", entry.expected);
            assert!(told.iter().any(|told| told.starts_with(&expected)), "{}: {told:?}", entry.name);
        }
    }
}
