//! Certificate authorities that TLS trusts in addition to those of the machine.

use std::sync::Arc;

use reqwest::{Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// Certificates of private authorities, for instance of a private deployment of the platform.
/// Empty by default: then only the authorities of the machine are trusted.
#[derive(Debug, Clone, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// Why a PEM file was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// It has no `-----BEGIN CERTIFICATE-----` block.
    #[error("it has no certificate in PEM format")]
    NoCertificate,
    /// A block is not the certificate of an authority; counted from 1.
    #[error("certificate number {0} in it is invalid")]
    Unreadable(usize),
}

impl ExtraRoots {
    /// Reads all certificates of a PEM file; other content is ignored.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let mut certificates = Vec::new();
        let mut store = RootCertStore::empty();
        for (number, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let unreadable = RootsError::Unreadable(number + 1);
            let certificate = certificate.map_err(|_| unreadable.clone())?;
            store.add(certificate.clone()).map_err(|_| unreadable)?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(RootsError::NoCertificate);
        }
        Ok(Self(certificates))
    }

    /// TLS with `ring`, trusting the machine's authorities and these. Reads the
    /// machine's on each call, so that a long-running process sees renewed ones.
    pub fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(self.0.clone(), Arc::clone(&provider))?;
        // Rustls calls every verifier but its own dangerous; this one is by its authors, with the
        // machine's certificates.
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }

    /// A builder for a client that trusts these and follows no redirects. A URL without TLS is
    /// that of a local simulator: then it uses neither certificates nor a proxy.
    pub fn http_client(&self, url: &Url) -> reqwest::ClientBuilder {
        // Fails only if the process already has a provider, which is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().redirect(redirect::Policy::none());
        if url.scheme() == "http" {
            return client.tls_certs_only([]).no_proxy();
        }
        let read = |der: &CertificateDer<'_>| reqwest::Certificate::from_der(der);
        client.tls_certs_merge(self.0.iter().filter_map(|der| read(der).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pem_file_needs_valid_certificates() {
        let read = |pem: &str| ExtraRoots::from_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(read(""), RootsError::NoCertificate);
        assert_eq!(read("whatever"), RootsError::NoCertificate);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read(broken), RootsError::Unreadable(1));
    }
}
