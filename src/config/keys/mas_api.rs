//! Describes the keys of `[writer.mas_api]`.

use super::Absent::{Depends, Is, Nothing};
use super::Expected::{Address, Count, Secret, Switch, Text};
use super::{Absent, key, keys};

const USE: &str = "needed with writer.type = \"mas-api\" or accounts.source = \"mas\"";
const CLIENT: Absent = Depends("needed in this section, unless `access_token` is given");

keys![
    URL = key(
        "writer.mas_api.url",
        Address("https://mas-admin.internal:8443"),
        Depends(USE),
        "The listener of MAS with the Admin API, without `/api/admin/v1`; an internal one. [What \
         MAS needs for it](mas-api.md#what-to-add-to-mas)."
    ),
    ISSUER = key(
        "writer.mas_api.issuer",
        Address("https://auth.example.org/"),
        CLIENT,
        "MAS's own address (`http.issuer` in its configuration, else `http.public_base`), which \
         issues the tokens. With a personal access token it is only used to check whether the \
         Admin API is public."
    ),
    CLIENT_ID = key(
        "writer.mas_api.client_id",
        Text,
        CLIENT,
        "A client of MAS listed in its `policy.data.admin_clients`."
    ),
    CLIENT_SECRET = key("writer.mas_api.client_secret", Secret, CLIENT, "The client's secret."),
    ACCESS_TOKEN = key(
        "writer.mas_api.access_token",
        Secret,
        Nothing,
        "A [personal access token](mas-api-secrets.md#a-personal-access-token-instead) with the scope \
         `urn:mas:admin`, instead of client and secret."
    ),
    CA_FILE = key(
        "writer.mas_api.ca_file",
        Text,
        Nothing,
        "Certificates (PEM) of your own authority, trusted in addition to the system's, for \
         listener and issuer."
    ),
    CLIENT_CERT_FILE = key(
        "writer.mas_api.client_cert_file",
        Text,
        Depends("needed with `client_key_file`"),
        "The certificate (PEM) that the program sends if a server asks for one."
    ),
    CLIENT_KEY_FILE = key(
        "writer.mas_api.client_key_file",
        Text,
        Depends("needed with `client_cert_file`"),
        "The key (PEM, without a password) of that certificate."
    ),
    ALLOW_HTTP = key(
        "writer.mas_api.allow_http",
        Switch,
        Is("false"),
        "Allows plain http beyond this machine for the listener, the issuer and its token \
         endpoint. Only for a trusted network, for example inside a cluster."
    ),
    CONCURRENCY = key(
        "writer.mas_api.concurrency",
        Count { least: 1, most: 256 },
        Is("8"),
        "Accounts worked on at the same time."
    ),
];
