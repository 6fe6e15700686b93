//! Describes the keys of `[keycloak]`.

use super::Absent::{Depends, Is, Needed, Nothing, Sometimes};
use super::Expected::{Address, OneOf, Secret, Switch, Text, Words};
use super::{key, keys};
use crate::model::Word as _;
use crate::planner::{DisabledMembers, Federation};

keys![
    URL = key(
        "keycloak.url",
        Address("https://sso.example.org"),
        Needed,
        "Keycloak's address, with the path that it is served under (`/auth` in old \
         installations). Plain http beyond this machine is a warning."
    )
    .env("KC_URL"),
    REALM =
        key("keycloak.realm", Text, Needed, "The realm of the groups and roles.").env("KC_REALM"),
    GROUPS = key(
        "keycloak.groups",
        Words("a list of group names, /paths or IDs"),
        Depends("needed, unless `keycloak.roles` is given"),
        "The groups whose members may use Matrix; being in one is enough. A name that several \
         groups have is an error that lists their paths. The variable sets one group."
    )
    .env("KC_GROUP_NAME"),
    ROLES = key(
        "keycloak.roles",
        Words("a list of roles, each a name or client:role"),
        Is("[]"),
        "The roles whose holders may use Matrix, in addition to the members of the groups: having \
         one is enough, directly, by a group, by the parent of a group, or by a composite role. \
         `chat:user` is the role `user` of the client `chat` if there is a client of that name, \
         else the realm role `chat:user`. This needs the role `view-realm` of the client \
         `realm-management`, and for roles of clients also `view-clients`. A role that every user \
         has by default is an error. [More about roles](decisions.md#groups-and-roles)."
    ),
    INCLUDE_SUBGROUPS = key(
        "keycloak.include_subgroups",
        Switch,
        Is("false"),
        "Whether members of subgroups count. In Keycloak they are not members of the parent."
    ),
    CLIENT_ID = key(
        "keycloak.client_id",
        Text,
        Sometimes("\"admin-cli\"", "needed; with `keycloak.username`, {}"),
        "The client that requests tokens. With its own credentials it needs *Service accounts \
         roles* turned on, and its service account the role `view-users` of the client \
         `realm-management`; with a user federation in the realm or `keycloak.roles` also \
         `view-realm`."
    )
    .env("KC_CLIENT_ID"),
    CLIENT_SECRET = key(
        "keycloak.client_secret",
        Secret,
        Depends("needed, unless `keycloak.username` is given"),
        "The client's secret. With `keycloak.username` it is optional."
    )
    .env("KC_CLIENT_SECRET"),
    AUTH_REALM = key(
        "keycloak.auth_realm",
        Text,
        Is("\"master\""),
        "The realm of the user in `keycloak.username`. It needs that key: a client's own \
         credentials belong to `keycloak.realm`."
    ),
    USERNAME = key(
        "keycloak.username",
        Text,
        Nothing,
        "A user with these roles, instead of a client's own credentials: tokens are then \
         requested with their password. A service account is better."
    )
    .env("KC_ADMIN_USER"),
    PASSWORD = key(
        "keycloak.password",
        Secret,
        Depends("needed with `keycloak.username`"),
        "The password of `keycloak.username`."
    )
    .env("KC_ADMIN_PASS"),
    DISABLED_MEMBERS = key(
        "keycloak.disabled_members",
        OneOf(DisabledMembers::words),
        Is("\"disable\""),
        "How a member counts who is disabled in Keycloak: as out of the group, or as a member \
         like any other."
    ),
    FEDERATION = key(
        "keycloak.federation",
        OneOf(Federation::words),
        Is("\"verify\""),
        "With `\"verify\"`, federated users are disabled only if their directory (LDAP, Active \
         Directory) proves that it is up, because Keycloak answers without them while it is down. \
         `\"trust\"` trusts Keycloak as it is: use it if none of a directory's users is meant to \
         be in the group, or if the directory was turned off on purpose."
    ),
    CA_FILE = key(
        "keycloak.ca_file",
        Text,
        Nothing,
        "Certificates (PEM) of your own authority, trusted in addition to the system's."
    ),
    LOCALPART = key(
        "keycloak.localpart",
        Words("a template"),
        Is("\"{{ user.preferred_username }}\""),
        "The template that MAS uses to name accounts (`claims_imports.localpart.template` in its \
         configuration). It is rendered as MAS renders it, with the same filters, functions, \
         tests and methods, `b64decode`, `b64encode`, `tlvdecode` and `from_json` included. Like \
         MAS, it prints nothing for a claim that a user does not have, and counts it as false in \
         a condition. `user` has the claims of Keycloak's default scopes: `user.sub` (the user's \
         ID), `user.preferred_username`, `user.email`, `user.email_verified`, `user.given_name`, \
         `user.family_name` and `user.name`. Every other claim is read from the user attribute of \
         the same name: `user.employee_id` from the attribute `employee_id`. Several values are a \
         list. A template with such a claim reads members with their attributes, which takes \
         longer. `id_token_claims` and `userinfo_claims` have the same claims as `user`. Claims \
         of a login rather than a user are not available: `extra_callback_parameters`, and claims \
         of the token such as `user.iss`. A template that cannot be compiled, or uses something \
         that MAS does not have, is an error. So is a member without a name; the error lists \
         them."
    ),
];
