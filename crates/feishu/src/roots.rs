//! Whom TLS trusts beside the authorities that the machine trusts.

use std::sync::Arc;

use reqwest::{Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// Certificates of authorities of one's own, as a private deployment of the platform has them.
/// None of them by default: then the machine's are all that is trusted.
#[derive(Debug, Clone, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// Why a file tells no roots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Nothing between `-----BEGIN CERTIFICATE-----` and its end stands in it.
    #[error("it holds no certificate in PEM form")]
    NoCertificate,
    /// One of them cannot be read as the certificate of an authority.
    #[error("certificate number {0} in it cannot be read")]
    Unreadable(usize),
}

impl ExtraRoots {
    /// Reads all certificates of a PEM file; whatever else stands in it is passed over.
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

    /// TLS with `ring` as its cryptography, trusting the machine's authorities and these. Reads the
    /// machine's anew, so that a long life sees renewed ones.
    pub fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(self.0.clone(), Arc::clone(&provider))?;
        // Rustls calls every verifier but its own dangerous; this one is its authors', with the
        // machine's certificates.
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }

    /// The beginning of a client that trusts these and is led nowhere else. A URL without TLS is
    /// that of a stand-in close by: then there are no certificates, and no proxy in between.
    pub fn http_client(&self, url: &Url) -> reqwest::ClientBuilder {
        // Fails only if the process has a provider already, which then serves as well.
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
    fn a_file_without_a_certificate_and_one_with_a_broken_one_are_told_apart() {
        let read = |pem: &str| ExtraRoots::from_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(read(""), RootsError::NoCertificate);
        assert_eq!(read("whatever"), RootsError::NoCertificate);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read(broken), RootsError::Unreadable(1));
    }
}
