//! The connection: TCP, TLS if asked for, and a server at the other end that speaks HTTP/2.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};

use crate::trust;

/// Between two attempts to reach a server that takes connections, but does not speak HTTP/2.
const PAUSE: Duration = Duration::from_millis(200);
/// What an HTTP/2 client begins with: the preface and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The type of the frame that an HTTP/2 server begins with, and where the type is in a frame (RFC 9113, 3.4 and 4.1).
const SETTINGS: (usize, u8) = (3, 4);
const FRAME_HEADER: usize = 9;

/// A server, and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `host:port`.
    pub(crate) address: String,
    /// Encryption.
    pub(crate) security: Security,
    /// In seconds.
    pub(crate) connect_timeout: f64,
}

/// Encryption, and whom to trust.
#[derive(Debug, Clone)]
pub(crate) enum Security {
    /// None.
    Plaintext,
    /// TLS with anybody.
    Insecure,
    /// TLS with whom the certificates in this file vouch for, or those of the system.
    Verified(Option<PathBuf>),
}

/// Why there is no connection, in the words of the well-known tool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The address has no port.
    #[error("dial tcp: address {0}: missing port in address")]
    NoPort(String),
    /// The name is not known.
    #[error("dial tcp: lookup {0}: {1}")]
    Lookup(String, #[source] io::Error),
    /// Nobody listens there, or the way is closed.
    #[error("dial tcp {0}: connect: {1}")]
    Connect(std::net::SocketAddr, String),
    /// The certificates to trust cannot be read.
    #[error("failed to load certificates from {0}: {1}")]
    Trust(PathBuf, String),
    /// The other end cannot be trusted, or does not speak TLS.
    #[error("{0}")]
    Tls(String),
    /// No answer, or none that is HTTP/2.
    #[error("context deadline exceeded")]
    Deadline,
    /// A bug of ours.
    #[error("{0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Connects. Tries again while the server takes connections without speaking HTTP/2, until the time is over.
pub(crate) async fn dial(target: &Target) -> Result<Channel, DialError> {
    let limit = Duration::from_secs_f64(target.connect_timeout);
    timeout(limit, async {
        while !speaks_http2(&mut connect(target).await?).await {
            sleep(PAUSE).await;
        }
        channel(target).await
    })
    .await
    .unwrap_or(Err(DialError::Deadline))
}

/// Nobody but a server that speaks HTTP/2 answers with settings.
async fn speaks_http2(stream: &mut Stream) -> bool {
    let mut frame = [0; FRAME_HEADER];
    let asked = stream.write_all(HELLO).await.is_ok() && stream.flush().await.is_ok();
    let (position, settings) = SETTINGS;
    asked && stream.read_exact(&mut frame).await.is_ok() && frame[position] == settings
}

async fn channel(target: &Target) -> Result<Channel, DialError> {
    let scheme = match target.security {
        Security::Plaintext => "http",
        Security::Insecure | Security::Verified(_) => "https",
    };
    let origin = format!("{scheme}://{}", target.address);
    let uri = origin
        .parse()
        .map_err(|_| DialError::NoPort(target.address.clone()))?;
    let target = target.clone();
    let connector = tower::service_fn(move |_| {
        let target = target.clone();
        async move { connect(&target).await.map(TokioIo::new) }
    });
    // TLS is the connector's; the scheme of the address would make the library look for its own.
    let endpoint = Endpoint::from_static("http://grpcurl").origin(uri);
    Ok(endpoint.connect_with_connector(connector).await?)
}

async fn connect(target: &Target) -> Result<Stream, DialError> {
    let (host, _) = target
        .address
        .rsplit_once(':')
        .ok_or_else(|| DialError::NoPort(target.address.clone()))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = connect_tcp(&target.address).await?;
    let client = match &target.security {
        Security::Plaintext => return Ok(Stream::Plain(stream)),
        Security::Insecure => trust::anybody(),
        Security::Verified(roots) => trust::vouched_for(roots.as_deref())?,
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| DialError::Tls(format!("tls: {error}")))?;
    let stream = TlsConnector::from(client)
        .connect(name, stream)
        .await
        .map_err(|error| DialError::Tls(trust::complaint(&error, host)))?;
    Ok(Stream::Encrypted(Box::new(stream)))
}

async fn connect_tcp(address: &str) -> Result<TcpStream, DialError> {
    let found = tokio::net::lookup_host(address).await;
    let found = found.map_err(|error| DialError::Lookup(address.to_owned(), error))?;
    let mut refused = None;
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = Some(DialError::Connect(address, reason(&error))),
        }
    }
    let nothing = || io::Error::new(io::ErrorKind::NotFound, "no such host");
    Err(refused.unwrap_or_else(|| DialError::Lookup(address.to_owned(), nothing())))
}

/// As Go says it: in lower case and without the number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// A connection.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
