//! The sections `[grpc]` and `[grpc.tls]`.

use std::path::PathBuf;

use toml::de::DeValue;

/// Whether, where and how gRPC is served.
#[derive(Debug, Clone)]
pub(crate) struct GrpcConfig {
    /// Is it served at all?
    pub(crate) enabled: bool,
    /// IP address and port. Checked at the start only, like `server.http_bind`.
    pub(crate) address: String,
    /// Encryption.
    pub(crate) tls: TlsConfig,
}

/// Encryption of gRPC. The files are read at the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsConfig {
    /// Without it gRPC is plain text.
    pub(crate) enabled: bool,
    /// The certificate and those that vouch for it, PEM. `None` if the file does not say.
    pub(crate) cert_path: Option<PathBuf>,
    /// Its private key, PEM. `None` if the file does not say.
    pub(crate) key_path: Option<PathBuf>,
}

impl TlsConfig {
    /// The key that encryption needs and the file does not have.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        match self {
            Self { enabled: false, .. } => None,
            Self {
                cert_path: None, ..
            } => Some("grpc.tls.cert_path"),
            Self { key_path: None, .. } => Some("grpc.tls.key_path"),
            _ => None,
        }
    }
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            address: "0.0.0.0:50051".into(),
            tls: TlsConfig::default(),
        }
    }
}

impl GrpcConfig {
    /// Keeps the value of a key that is one of these sections' and of the right type.
    pub(super) fn keep(&mut self, name: &str, value: &DeValue<'_>) {
        let text = value.as_str().unwrap_or_default();
        match name {
            "grpc.enabled" => self.enabled = value.as_bool().unwrap_or(true),
            "grpc.address" => text.clone_into(&mut self.address),
            "grpc.tls.enabled" => self.tls.enabled = value.as_bool().unwrap_or_default(),
            "grpc.tls.cert_path" => self.tls.cert_path = Some(text.into()),
            "grpc.tls.key_path" => self.tls.key_path = Some(text.into()),
            _ => {}
        }
    }
}
