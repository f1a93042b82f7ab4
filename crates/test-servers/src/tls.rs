//! TLS with a private certificate authority.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Whom a certificate is for: whatever runs on this machine.
const NAME: &str = "127.0.0.1";

/// Issues certificates that only clients with the authority's certificate trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A server's certificate and its key, in PEM.
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) key: String,
    der: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Authority {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// When there is no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its own certificate, for who is to trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn certify(&self) -> anyhow::Result<Certified> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([NAME.to_owned()])?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key_der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: (certificate.der().clone(), key_der.into()),
        })
    }
}

/// Speaks TLS in front of another server, until this is dropped.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Gate {
    /// Opens one in front of a server on this machine.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn open(authority: &Authority, target: SocketAddr) -> anyhow::Result<Self> {
        let (certificate, key) = authority.certify()?.der;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("opening a gate")?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                visits.spawn(pass(acceptor.clone(), stream, target));
            }
        });
        Ok(Self {
            address,
            _tasks: tasks,
        })
    }

    /// Where it is, as a URL without a path.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// A client that does not trust the certificate disconnects.
async fn pass(acceptor: TlsAcceptor, stream: TcpStream, target: SocketAddr) {
    let Ok(mut outside) = acceptor.accept(stream).await else {
        return;
    };
    if let Ok(mut inside) = TcpStream::connect(target).await {
        drop(copy_bidirectional(&mut outside, &mut inside).await);
    }
}
