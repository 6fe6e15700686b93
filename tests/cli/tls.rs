//! TLS in front of the stand-ins, which speak plain HTTP: made-up authorities, certificates that
//! are valid or wrong in one way each, and a front that ends TLS and forwards the rest.

mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A certificate authority that no client trusts by default.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a writable directory");
    path
}

impl Authority {
    /// An authority of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Writes its certificate as `NAME.pem`, for a configuration.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> PathBuf {
        write(directory, &format!("{name}.pem"), &self.0.pem())
    }

    /// A server's certificate for `localhost` and 127.0.0.1.
    pub(crate) fn server(&self) -> Identity {
        self.server_called(&["localhost", "127.0.0.1"])
    }

    /// A server's certificate for these hosts.
    pub(crate) fn server_called(&self, hosts: &[&str]) -> Identity {
        self.sign(&of(hosts, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// A server's certificate for `localhost` and 127.0.0.1 that expired in 2001.
    pub(crate) fn expired_server(&self) -> Identity {
        let mut params = of(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    /// A client's certificate.
    pub(crate) fn client(&self, name: &str) -> Identity {
        let mut params = of(&[], ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name = named(name);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: signed.der().clone(), certificate_pem: signed.pem(), key }
    }
}

fn of(hosts: &[&str], purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.extended_key_usages = vec![purpose];
    params
}

impl Identity {
    /// Writes the certificate as `NAME.pem` and the key as `NAME.key.pem`, and returns both paths.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = write(directory, &format!("{name}.pem"), &self.certificate_pem);
        (certificate, write(directory, &format!("{name}.key.pem"), &self.key.serialize_pem()))
    }
}

/// Ends TLS in front of a server that speaks plain HTTP; dropping it breaks open connections.
///
/// It has a runtime of its own, because a test blocks its own while the program runs.
pub(crate) struct TlsFront {
    port: u16,
    runtime: Option<Runtime>,
}

impl TlsFront {
    /// Listens on a free port of 127.0.0.1. With `client_ca`, clients must show a certificate of
    /// this authority.
    pub(crate) fn start(
        target: SocketAddr,
        identity: &Identity,
        client_ca: Option<&Authority>,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(configured(identity, client_ca)));
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = socket.local_addr().expect("it listens").port();
        socket.set_nonblocking(true).expect("a socket of ours");
        let inside = runtime.enter();
        let listener = TcpListener::from_std(socket).expect("a socket of ours");
        drop(inside);
        runtime.spawn(serve(listener, acceptor, target));
        Self { port, runtime: Some(runtime) }
    }

    /// The URL with the host name of a valid certificate, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A server that shows this certificate. With `client_ca`, clients must show one of this authority.
pub(crate) fn configured(identity: &Identity, client_ca: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = match client_ca {
        None => Arc::new(NoClientAuth),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).expect("an authority's certificate");
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            builder.build().expect("there is an authority")
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate.clone()], key)
        .expect("the certificate is of this key")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) {
    let mut open = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        open.spawn(async move {
            // A client that rejects the certificate, or has none to show, ends here, and reports it
            // itself.
            let Ok(mut outside) = acceptor.accept(tcp).await else { return };
            let Ok(mut inside) = TcpStream::connect(target).await else { return };
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}
