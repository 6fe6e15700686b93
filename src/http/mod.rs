//! One way to ask a server: timeouts, one token renewal after a 401, patience with a busy server, and an answer
//! that is either whole and of the right kind or an error that names server and request.

mod client;
mod error;
mod oauth;
mod tls;

pub use client::{Api, Patience, Timeouts, client, is_loopback};
pub use error::{HttpError, HttpErrorKind, Purpose, Server, none_if_missing};
pub use oauth::{ClientSecretIn, Credentials, Grant, OAuth, TokenEndpoint};
pub use tls::{Tls, TlsError};
