//! Configures TLS: authorities in addition to the system's, and a client certificate.

use std::fmt;

use reqwest::{Certificate, ClientBuilder, Identity};
use secrecy::{ExposeSecret, SecretSlice};

/// The certificates and keys from the configured files.
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

/// A file without a certificate, or without a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// An error of the parser, whose text quotes nothing.
    #[error("{0}")]
    Pem(#[source] reqwest::Error),
    /// The file is empty, and would silently add no trust.
    #[error("there is none in this file")]
    Empty,
}

impl Tls {
    /// Trusts these authorities (PEM) in addition to the system's.
    pub fn trust(&mut self, pem: &SecretSlice<u8>) -> Result<(), TlsError> {
        let authorities =
            Certificate::from_pem_bundle(pem.expose_secret()).map_err(TlsError::Pem)?;
        if authorities.is_empty() {
            return Err(TlsError::Empty);
        }
        self.authorities = authorities;
        self.try_out()
    }

    /// Sends this certificate, with private key `key` (both PEM), to servers that ask for one.
    pub fn identify(
        &mut self,
        certificate: &SecretSlice<u8>,
        key: &SecretSlice<u8>,
    ) -> Result<(), TlsError> {
        let both =
            SecretSlice::from([certificate.expose_secret(), b"\n", key.expose_secret()].concat());
        self.identity = Some(Identity::from_pem(both.expose_secret()).map_err(TlsError::Pem)?);
        self.try_out()
    }

    /// Returns whether only the system's authorities are trusted, and no certificate is sent.
    pub(super) fn is_the_systems(&self) -> bool {
        self.authorities.is_empty() && self.identity.is_none()
    }

    /// Creates a client, because some mistakes, such as a wrong key, show only then.
    fn try_out(&self) -> Result<(), TlsError> {
        self.apply(reqwest::Client::builder()).build().map(drop).map_err(TlsError::Pem)
    }

    pub(super) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = if self.authorities.is_empty() {
            builder
        } else {
            builder.tls_certs_merge(self.authorities.iter().cloned())
        };
        match &self.identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tls({} authorities, own certificate: {})",
            self.authorities.len(),
            self.identity.is_some()
        )
    }
}
