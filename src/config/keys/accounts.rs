//! Describes the keys of `[accounts]`.

use super::Absent::{Depends, Is};
use super::Expected::{OneOf, Words};
use super::{key, keys};
use crate::config::AccountSource;
use crate::model::Word as _;
use crate::planner::{Matching, Provision};

keys![
    SOURCE = key(
        "accounts.source",
        OneOf(AccountSource::words),
        Is("\"synapse\""),
        "The server that lists the accounts and their state. `\"mas\"` needs `[writer.mas_api]`, \
         with any writer; [which is right](choose.md#who-lists-the-accounts)."
    ),
    PROVIDER = key(
        "accounts.provider",
        Words("the ID of an upstream provider of MAS, such as \"01H8PKNWKKRPCBW4YGH1RWV279\""),
        Depends("the provider whose issuer is the realm's"),
        "The upstream provider of MAS that is the realm, if no provider or several have the \
         realm's issuer."
    ),
    PROVISION = key(
        "accounts.provision",
        OneOf(Provision::words),
        Is("\"none\""),
        "`\"members\"` creates accounts for enabled members before their first login, so that they \
         can be invited: with display name, e-mail address and the link to the user. It needs the \
         upstream provider: from the Admin API, from `accounts.provider`, or from MAS's own \
         configuration if it can be read from here. [Accounts before the first \
         login](lifecycle.md#accounts-before-the-first-login)."
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
