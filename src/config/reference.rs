//! Explains every key, for `docs/configuration.md`. Tests compare it with the code that reads the keys: a
//! default is what the missing key results in, and what is expected is the text of the error.

use Absent::{Depends, Is, Needed, Nothing};

/// The description of a key, in the order and with the names of [`KEYS`](super::KEYS).
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// The dotted name.
    pub name: &'static str,
    /// What is expected, in the words of the error.
    pub expected: &'static str,
    /// What applies if the key is missing.
    pub absent: Absent,
    /// What it means, in Markdown.
    pub meaning: &'static str,
}

/// What applies if a key is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The key is required.
    Needed,
    Nothing,
    /// This value, as TOML.
    Is(&'static str),
    Depends(&'static str),
}

const fn entry(name: &'static str, expected: &'static str, absent: Absent, meaning: &'static str) -> ConfigKey {
    ConfigKey { name, expected, absent, meaning }
}

const TEXT: &str = "a text that is not empty";
const SECRET: &str = "a text of one line that is not empty";
const SWITCH: &str = "true or false";
const DURATION: &str = "a time such as \"30s\" or \"15m\", at most a year";
const COUNT: &str = "a whole number, 0 or more";
const WHERE_USED: Absent = Depends("needed with writer.type = \"mas-api\" or accounts.source = \"mas\"");
const CLIENT: Absent = Depends("needed in this section, unless `access_token` is given");

/// All keys.
pub const REFERENCE: &[ConfigKey] = &[
    entry(
        "server_name",
        "a name such as \"example.org\" or \"example.org:8448\"",
        Needed,
        "The homeserver's name in Matrix user IDs: the part after the colon of `@alice:example.org`.",
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
         other's rows. The lock that prevents two runs at once is next to it. [What a restored or lost file \
         does](safety.md#a-state-file-that-is-lost-or-restored).",
    ),
    entry(
        "history_keep",
        "a time such as \"400d\", at least a day, or \"forever\"",
        Is("\"400d\""),
        "How long a run stays in the history after it ended. Older runs are deleted, except the newest one; `history` and \
         `undo` no longer know them. Accounts that they disabled then count as disabled by another administrator, which \
         matters for `policy.reactivate = \"own\"` and for accounts that are only locked.",
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
        "The groups whose members may use Matrix; being in one is enough. A name that several groups have is an \
         error that lists their paths. The variable sets one group.",
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
        "The client that requests tokens. With its own credentials it needs *Service accounts roles* turned on, and its \
         service account the role `view-users` of the client `realm-management`; with a user federation in the realm \
         also `view-realm`.",
    ),
    entry(
        "keycloak.client_secret",
        SECRET,
        Depends("needed, unless `keycloak.username` is given"),
        "The client's secret. With `keycloak.username` it is optional.",
    ),
    entry(
        "keycloak.auth_realm",
        TEXT,
        Is("\"master\""),
        "The realm of the user in `keycloak.username`. It needs that key: a client's own credentials belong to \
         `keycloak.realm`.",
    ),
    entry(
        "keycloak.username",
        TEXT,
        Nothing,
        "A user with these roles, instead of a client's own credentials: tokens are then requested with their password. A \
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
        "How a member counts who is disabled in Keycloak: as out of the group, or as a member like any other.",
    ),
    entry(
        "keycloak.federation",
        "\"verify\" or \"trust\"",
        Is("\"verify\""),
        "With `\"verify\"`, federated users are disabled only if their directory (LDAP, Active Directory) proves that it is \
         up, because Keycloak answers without them while it is down. `\"trust\"` trusts Keycloak as it is: use it if none of \
         a directory's users is meant to be in the group, or if the directory was turned off on purpose.",
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
         attributes, which takes longer. `id_token_claims` and `userinfo_claims` have the same claims as `user`. Claims \
         of a login rather than a user are not available: `extra_callback_parameters`, and claims of the token such \
         as `user.iss`. A template that cannot be compiled, or uses something that MAS does not have, is an error. So is \
         a member without a name; the error lists them.",
    ),
    entry(
        "synapse.url",
        "an address such as \"https://matrix.example.org\"",
        Depends("needed; with accounts.source = \"mas\" the section is optional"),
        "Synapse's address. The paths below `/_synapse/admin` have to be reachable there. Plain http beyond this machine is \
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
        "The server that lists the accounts and their state. `\"mas\"` needs `[writer.mas_api]`, with any writer; \
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
         by `keycloak.localpart`, in this order; `\"upstream-link\"` uses links, and names only for accounts without a \
         link; `\"localpart\"` uses names alone. Links need `[writer.mas_api]`. [Whose account it is](identity.md).",
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
        "How long to wait, after the last action, until the homeserver shows every change. If it does not show one in time, \
         that is reported, and the exit code is 4.",
    ),
    entry(
        "writer.mas_cli.command",
        "a list of texts, the program first",
        Is("[\"mas-cli\"]"),
        "The command that runs mas-cli, for example `[\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]`. It is run without a \
         shell, and cannot ask for a password.",
    ),
    entry(
        "writer.mas_cli.config",
        "a file, or a list of files",
        Depends("\"/etc/mas-cli/mas-cli.yaml\" for a plain `mas-cli`; behind a wrapper, none"),
        "MAS's configuration files, each passed as `--config`; `\"\"` passes none, and none is passed if the command has \
         its own. In the variable, `:` separates them. mas-cli ignores a file that is missing or broken and uses a \
         default database, and with the files of another homeserver it would change accounts there. So they are checked \
         first: readable, YAML, with a `database`, and `matrix.homeserver` is `server_name`.",
    ),
    entry(
        "writer.mas_cli.timeout",
        DURATION,
        Is("\"30s\""),
        "How long one call may take before it is killed, with everything that it has started on this host.",
    ),
    entry(
        "writer.mas_cli.concurrency",
        "a whole number from 1 to 64",
        Is("2"),
        "Calls at the same time. Each starts a process, so more calls than processors gain nothing.",
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
        "MAS's own address (`http.issuer` in its configuration, else `http.public_base`), which issues the tokens. With a \
         personal access token it is only used to check whether the Admin API is public.",
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
        "Certificates (PEM) of your own authority, trusted in addition to the system's, for listener and issuer.",
    ),
    entry(
        "writer.mas_api.client_cert_file",
        TEXT,
        Depends("needed with `client_key_file`"),
        "The certificate (PEM) that the program sends if a server asks for one.",
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
        "Allows plain http beyond this machine for the listener, the issuer and its token endpoint. Only for a trusted \
         network, for example inside a cluster.",
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
        "How accounts are disabled. `\"deactivate\"` locks, deactivates and ends the sessions: rooms and e-mail addresses are \
         permanently lost. `\"lock\"` locks and ends the sessions, and keeps rooms, e-mail addresses and devices. Neither \
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
        "What to do with accounts that Keycloak does not know at all.",
    ),
    entry(
        "policy.locked_members",
        "\"keep\" or \"activate\"",
        Is("\"keep\""),
        "What to do with a member's account that was locked by hand: locked, but not deactivated. It matters with \
         `policy.disable = \"deactivate\"`.",
    ),
    entry(
        "policy.protect",
        "a list of localparts and /regular expressions/",
        Is("[]"),
        "Accounts that are never disabled: localparts, or `/regular expressions/` that match a whole localpart. An entry that \
         begins with `!` is an exception from the others. An entry that matches no account is a warning.",
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
        "Largest share of the active, managed accounts that one run may disable, rounded down, but at least one account.",
    ),
    entry("limits.max_activate", COUNT, Is("100"), "Most accounts that one run may activate."),
    entry(
        "limits.min_members",
        COUNT,
        Is("1"),
        "Fewest members that the group must have; with fewer, nothing is done.",
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
        "After this many failures of the writer in a row (no connection, no permission, no database) the run stops trying. \
         Activations and disables are counted separately; failures of single accounts do not count.",
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
        "How often `watch` reads Keycloak's admin events; `\"off\"` if the realm does not save them or without the \
         permission (`view-events`).",
    ),
    entry(
        "watch.members_every",
        "a time such as \"1m\", or \"off\"",
        Is("\"1m\""),
        "How often `watch` reads the member list alone if the realm has a directory, whose changes cause no events.",
    ),
    entry(
        "watch.accounts_every",
        "a time such as \"10s\", or \"off\"",
        Is("\"10s\""),
        "How often `watch` reads the newly registered accounts: from MAS if `[writer.mas_api]` is configured, \
         else from Synapse. With `\"off\"`, the next full run finds them.",
    ),
    entry(
        "watch.listen",
        "an address such as \"127.0.0.1:9464\", or \"off\"",
        Is("\"127.0.0.1:9464\""),
        "The address at which `watch` serves `/metrics`, `/healthz` and `/readyz`.",
    ),
    entry(
        "watch.on_refused",
        "a list of texts, the program first",
        Nothing,
        "A command that `watch` runs when a plan is refused or a run fails; it gets the reason as JSON on stdin. For \
         refused plans it runs at most once per interval.",
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

    /// Loads a configuration in which a key matters, with this value or without one.
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
    fn the_expected_text_is_that_of_the_error() {
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
