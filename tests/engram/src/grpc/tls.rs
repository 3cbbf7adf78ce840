//! The certificate and the key of `[grpc.tls]`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::config::TlsConfig;

/// Why there is no TLS, although the configuration asks for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// The file does not say where.
    #[error("grpc.tls.enabled = true needs {0}")]
    Unset(&'static str),
    /// The file cannot be read.
    #[error("Failed to read {key} '{path}'")]
    Unreadable {
        /// Of the configuration.
        key: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{key} '{path}' is not a PEM file with what it should hold")]
    Pem {
        /// Of the configuration.
        key: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The certificate is broken, or the key is another one's.
    #[error("The certificate and the key of grpc.tls cannot be used")]
    Refused(#[from] rustls::Error),
}

const CERTIFICATE: &str = "grpc.tls.cert_path";
const KEY: &str = "grpc.tls.key_path";

/// What makes connections encrypted; `None` if they shall not be.
pub(super) fn acceptor(config: &TlsConfig) -> Result<Option<TlsAcceptor>, TlsError> {
    if !config.enabled {
        return Ok(None);
    }
    let (path, text) = file(CERTIFICATE, config.cert_path.as_deref())?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|found| {
            if found.is_empty() {
                return Err(pem::Error::NoItemsFound);
            }
            Ok(found)
        })
        .map_err(|source| unusable(CERTIFICATE, path, source))?;
    let (path, text) = file(KEY, config.key_path.as_deref())?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|source| unusable(KEY, path, source))?;
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

fn file<'path>(
    key: &'static str,
    path: Option<&'path Path>,
) -> Result<(&'path Path, Vec<u8>), TlsError> {
    let path = path.ok_or(TlsError::Unset(key))?;
    match std::fs::read(path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(TlsError::Unreadable {
            key,
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn unusable(key: &'static str, path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem {
        key,
        path: path.to_path_buf(),
        source,
    }
}
