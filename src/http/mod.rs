//! Sends every request the same way: timeouts, one token renewal after a 401, retries with a busy
//! server. An answer is either complete and of the right kind, or an error with server and request.

mod answer;
mod client;
mod counted;
mod discovery;
mod error;
mod format;
mod hint;
mod issued;
mod oauth;
mod probe;
mod retry;
mod tls;

pub(crate) use answer::{from_reqwest, short_body};
pub use client::{Api, HttpAnswer, Trust, client, client_beside, is_loopback};
pub use counted::REQUESTS;
pub(crate) use counted::{Asked, LoggedRequest, counted};
pub use discovery::{ClientSecretIn, TokenEndpoint, metadata_of};
pub use error::{HttpError, HttpErrorKind, Missing, Purpose, none_if_missing};
pub use issued::Issued;
pub use oauth::{Credentials, Grant, OAuth};
pub use probe::{Probe, probe};
pub use retry::Patience;
pub use tls::{Tls, TlsError};
