//! Describes the keys of `[synapse]`.

use super::Absent::{Depends, Nothing};
use super::Expected::{Address, Secret, Text};
use super::{key, keys};

keys![
    URL = key(
        "synapse.url",
        Address("https://matrix.example.org"),
        Depends("needed; with accounts.source = \"mas\" the section is optional"),
        "Synapse's address. The paths below `/_synapse/admin` have to be reachable there. Plain \
         http beyond this machine is a warning."
    )
    .env("MATRIX_URL"),
    ADMIN_TOKEN = key(
        "synapse.admin_token",
        Secret,
        Depends("needed in this section"),
        "A token with the scope `urn:synapse:admin:*`, from `mas-cli manage \
         issue-compatibility-token NAME --yes-i-want-to-grant-synapse-admin-privileges` or a \
         personal access token of MAS. The \
         user that it acts as is never disabled, nor is its owner, if `[writer.mas_api]` shows the owner."
    )
    .env("MATRIX_ADMIN_TOKEN"),
    CA_FILE = key(
        "synapse.ca_file",
        Text,
        Nothing,
        "Certificates (PEM) of your own authority, trusted in addition to the system's."
    ),
];
