//! The program on real servers: Keycloak and Synapse, with MAS or its stand-in.
//!
//! `tests/real-servers.sh` starts servers and runs these tests on them. To run them on servers of
//! your own, set the variables below and call `cargo test --test real_servers -- --ignored`.
//!
//! | variable | what it is |
//! | --- | --- |
//! | `E2E_KEYCLOAK_URL` | Keycloak, such as `https://sso.example.org` |
//! | `E2E_KEYCLOAK_ADMIN`, `E2E_KEYCLOAK_ADMIN_PASSWORD` | a user of the realm `master` who may make and delete realms |
//! | `E2E_SYNAPSE_URL` | Synapse, delegating to MAS |
//! | `E2E_SERVER_NAME` | its server name |
//! | `E2E_MAS_CLI` | how to call mas-cli, split at blanks; `mas-cli` unless set; `docker exec -i mas mas-cli` does too |
//! | `E2E_MAS_CONFIG` | the configuration given to it as `--config`; none unless set |
//! | `E2E_MAS_ADMIN_URL`, `E2E_MAS_ISSUER` | MAS's listener with the Admin API, and where its tokens come from |
//! | `E2E_MAS_CLIENT_ID`, `E2E_MAS_CLIENT_SECRET` | a client of `policy.data.admin_clients`, by `client_secret_basic` |
//! | `E2E_MAS_PROVIDER` | the ULID of an upstream provider of a real MAS, to link users to; unset with the stand-in |
//! | `E2E_BRIDGE_TOKEN`, `E2E_BRIDGE_USER` | the `as_token` of an application service and a localpart that it may register |
//! | `E2E_SLAPD`, `E2E_LDAP_SCHEMA` | `OpenLDAP`'s `slapd`, started on this machine, on which Keycloak has to run too; its schemas |
//!
//! What they change there: each test creates a realm of its own and deletes it. Accounts can only
//! be created, never deleted, so each test creates its own, with a unique name, and leaves them
//! deactivated. Every other account of the homeserver is protected by `policy.protect`, and is
//! never touched. (One test makes a plan without that, and a plan changes nothing.)

mod churn;
mod conformance;
mod directory;
mod groups;
mod keycloak;
mod links;
mod mas;
mod mas_api;
mod notify;
mod patience;
mod people;
mod program;
mod reading;
mod relay;
mod roles;
mod scene;
mod servers;
mod soak;
mod synapse;
mod table;
mod watch;
mod ways;

/// How a test ends if no assertion fails.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
