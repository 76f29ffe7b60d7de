//! TLS to a database, by rustls with aws-lc-rs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Protection;
use crate::{Answer, StoreError};

/// Makes what a connection is protected with. Reads certificates, so it is done once.
pub(super) fn connector(protection: &Protection) -> Answer<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(internal)?;
    let roots = match protection {
        Protection::Verified(Some(file)) | Protection::Required(Some(file)) => from_file(file)?,
        Protection::Verified(None) => of_the_system()?,
        Protection::Required(None) | Protection::Offered | Protection::Nothing => {
            let trusting = Arc::new(AnyServer(provider));
            let config = builder.dangerous().with_custom_certificate_verifier(trusting);
            return Ok(MakeRustlsConnect::new(config.with_no_client_auth()));
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn from_file(path: &Path) -> Answer<RootCertStore> {
    let text = format!("the certificates of {} cannot be read", path.display());
    let failed =
        |error: &dyn std::fmt::Display| StoreError::Internal(format!("{text}: {error}").into());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))? {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"there are none"));
    }
    Ok(roots)
}

fn of_the_system() -> Answer<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let text = "this system has no root certificates; name a file with sslrootcert";
        return Err(StoreError::Internal(text.into()));
    }
    Ok(roots)
}

fn internal(error: rustls::Error) -> StoreError {
    StoreError::Internal(Box::new(error))
}

/// Takes any certificate, as `sslmode=require` does by definition: it keeps listeners out, not
/// somebody who stands in between.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
