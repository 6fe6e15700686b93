//! Describes the keys of `[accounts]`.

use super::Absent::{Depends, Is};
use super::Expected::{OneOf, Words};
use super::{key, keys};
use crate::config::AccountSource;
use crate::model::Word as _;
use crate::planner::Matching;

keys![
    SOURCE = key(
        "accounts.source",
        OneOf(AccountSource::words),
        Is("\"synapse\""),
        "The server that lists the accounts and their state. `\"mas\"` needs `[writer.mas_api]`, \
         with any writer; [which is right](mas-api.md#who-lists-the-accounts)."
    ),
    PROVIDER = key(
        "accounts.provider",
        Words("the ID of an upstream provider of MAS, such as \"01H8PKNWKKRPCBW4YGH1RWV279\""),
        Depends("the provider whose issuer is the realm's"),
        "The upstream provider of MAS that is the realm, if no provider or several have the \
         realm's issuer."
    ),
    MATCH = key(
        "accounts.match",
        OneOf(Matching::words),
        Is("\"auto\""),
        "What ties an account to a Keycloak user. `\"auto\"` uses MAS's links, what the state \
         file remembers, and the name by `keycloak.localpart`, in this order; `\"upstream-link\"` \
         uses links, and names only for accounts without a link; `\"localpart\"` uses names \
         alone. Links need `[writer.mas_api]`. [Whose account it is](identity.md)."
    ),
];
