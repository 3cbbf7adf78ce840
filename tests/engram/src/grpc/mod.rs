//! gRPC: the same spaces, checks and counters as over HTTP, by another protocol.
//!
//! A port that is taken, or a certificate that cannot be used, is an error in the log, and HTTP goes on alone.
//! Whether gRPC listens is in `engram_grpc_up` and in the health checks.

mod listener;
mod service;
mod status;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::Connected;

use crate::error_chain;
use crate::http::Shared;
use crate::metrics::Listening;
use crate::server::{ServerError, claim, listen};
use service::Service;
use tls::TlsError;

/// The messages and the service, made from `proto/`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unreachable_pub,
    reason = "generated code"
)]
mod proto {
    tonic::include_proto!("engram.v1");
}

/// What reflection hands out.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engram.v1.bin"));

/// Why gRPC is not served.
#[derive(Debug, thiserror::Error)]
enum GrpcError {
    /// Another program listens there, or we may not.
    #[error(transparent)]
    Address(#[from] ServerError),
    /// The certificate or its key cannot be used.
    #[error("Failed to set up TLS")]
    Tls(#[from] TlsError),
    /// Our own descriptors are broken.
    #[error("Failed to set up reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The system refuses something else.
    #[error("I/O error")]
    Io(#[from] std::io::Error),
    /// It was served, and ended.
    #[error("{0}")]
    Transport(#[from] tonic::transport::Error),
}

/// gRPC as it is served, or not.
#[derive(Debug)]
pub(crate) struct Grpc {
    /// Where it listens; `None` if it does not.
    pub(crate) address: Option<SocketAddr>,
    serving: Option<JoinHandle<()>>,
}

impl Grpc {
    /// Returns when it is served no longer: at once if it never was.
    pub(crate) async fn ended(self) {
        if let Some(serving) = self.serving {
            // A panic was reported where it happened.
            let _panicked = serving.await;
        }
    }
}

/// Begins to listen, unless there is no address, and serves until `stop` becomes true.
pub(crate) fn start(
    shared: &Arc<Shared>,
    address: Option<SocketAddr>,
    stop: watch::Receiver<bool>,
) -> Grpc {
    let Some(address) = address else {
        tracing::info!(target: "engram", "gRPC is disabled: the configuration has grpc.enabled = false");
        return Grpc {
            address: None,
            serving: None,
        };
    };
    match begin(shared, address, stop) {
        Ok(grpc) => grpc,
        Err(error) => {
            failed(shared, &error);
            Grpc {
                address: None,
                serving: None,
            }
        }
    }
}

fn failed(shared: &Shared, error: &GrpcError) {
    tracing::error!(target: "engram", "gRPC server error: {}", error_chain::one_line(error));
    shared.metrics.set_grpc(Listening::Failed);
}

fn begin(
    shared: &Arc<Shared>,
    address: SocketAddr,
    stop: watch::Receiver<bool>,
) -> Result<Grpc, GrpcError> {
    let acceptor = tls::acceptor(&shared.config.grpc.tls)?;
    let routes = routes(shared)?;
    let listener = listen(claim(address)?)?;
    let address = listener.local_addr()?;
    shared.metrics.set_grpc(Listening::On);
    let shared = Arc::clone(shared);
    let serving = tokio::spawn(async move {
        let served = match acceptor {
            Some(acceptor) => serve(routes, listener::encrypted(listener, acceptor), stop).await,
            None => serve(routes, listener::plain(listener), stop).await,
        };
        match served {
            Ok(()) => shared.metrics.set_grpc(Listening::Off),
            Err(error) => failed(&shared, &error.into()),
        }
    });
    Ok(Grpc {
        address: Some(address),
        serving: Some(serving),
    })
}

/// The service, its health, and reflection in both versions that clients ask for.
fn routes(shared: &Arc<Shared>) -> Result<Routes, GrpcError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let health = tonic_health::server::HealthReporter::new();
    let service = proto::engram_service_server::EngramServiceServer::new(Service::new(shared));
    Ok(Routes::new(service)
        .add_service(tonic_health::pb::health_server::HealthServer::new(
            tonic_health::server::HealthService::from_health_reporter(health),
        ))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

async fn serve<Connection>(
    routes: Routes,
    connections: ReceiverStream<std::io::Result<Connection>>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error>
where
    Connection: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let stop = async move {
        // A sender that is gone means the same.
        let _stopping = stop.wait_for(|stopping| *stopping).await;
    };
    Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop)
        .await
}
