//! The accept loop: what `axum::serve` does for HTTP, and TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

/// Connections that are accepted, but not yet served.
const WAITING: usize = 16;
/// The pause after an error such as too many open files, which does not go away at once.
const PAUSE: Duration = Duration::from_secs(1);
/// A client that has not finished its handshake by then is sent away.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepts connections until nobody wants them any more.
pub(super) fn plain(listener: TcpListener) -> ReceiverStream<io::Result<TcpStream>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some((stream, _)) = accept(&listener, &sender).await {
            if sender.send(Ok(stream)).await.is_err() {
                break;
            }
        }
    });
    ReceiverStream::new(receiver)
}

/// The same with TLS. Each handshake is a task of its own, so that a slow client keeps nobody waiting.
pub(super) fn encrypted(
    listener: TcpListener,
    acceptor: TlsAcceptor,
) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some((stream, peer)) = accept(&listener, &sender).await {
            tokio::spawn(handshake(acceptor.clone(), stream, peer, sender.clone()));
        }
    });
    ReceiverStream::new(receiver)
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    sender: Sender<io::Result<TlsStream<TcpStream>>>,
) {
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        // If nobody wants it any more, the server is being stopped.
        Ok(Ok(stream)) => drop(sender.send(Ok(stream)).await),
        Ok(Err(error)) => {
            tracing::warn!(target: "engram", "gRPC TLS handshake with {peer} failed: {error}");
        }
        Err(_) => {
            tracing::warn!(target: "engram", "gRPC TLS handshake with {peer} not finished after {HANDSHAKE:?}");
        }
    }
}

/// The next connection; `None` when the server has stopped serving.
async fn accept<T>(listener: &TcpListener, sender: &Sender<T>) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            () = sender.closed() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Only a matter of speed.
                let _refused = stream.set_nodelay(true);
                return Some((stream, peer));
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(target: "engram", "gRPC accept error: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
