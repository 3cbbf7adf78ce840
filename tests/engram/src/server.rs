//! The life of the server: claim the port and the data directory, open the spaces, serve, flush.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::consolidation::Consolidator;
use crate::grpc;
use crate::health::Health;
use crate::http::{self, Shared};
use crate::metrics::Metrics;
use crate::pid_file;
use crate::process;
use crate::space::{Registry, SpaceError};

/// Pending connections that the kernel keeps.
const BACKLOG: u32 = 1024;
/// How long requests that are being answered may keep a server that is asked to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How often the log shows the metrics, as the real server does.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);
/// How soon after a change the indices are saved.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Why the server does not start, or ends badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// `http_bind` is no IP address.
    #[error("Invalid HTTP bind address '{value}'")]
    Bind {
        /// As given.
        value: String,
        /// Why, and what is allowed.
        source: BindAddressError,
    },
    /// `grpc.address` is no address.
    #[error("Invalid gRPC bind address '{value}'")]
    GrpcBind {
        /// As given.
        value: String,
        /// Why, and what is allowed.
        source: GrpcAddressError,
    },
    /// Another program listens there, or we may not.
    #[error("Failed to bind to address {address}")]
    Address {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data directory cannot be made or used.
    #[error("Failed to create data directory at {path}")]
    DataDir {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server uses the data directory.
    #[error("Data directory {path} is in use by another engram server")]
    Locked {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A space that must be there at the start cannot be opened.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The PID file cannot be written.
    #[error("Failed to write PID file '{path}'")]
    PidFile {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refuses something else.
    #[error("I/O error")]
    Io(#[from] io::Error),
}

/// Why an address is not one.
#[derive(Debug, thiserror::Error)]
#[error("server.http_bind (or ENGRAM_HTTP_BIND) must be an IP address such as 127.0.0.1: {0}")]
pub(crate) struct BindAddressError(std::net::AddrParseError);

/// Why an address for gRPC is not one.
#[derive(Debug, thiserror::Error)]
#[error("grpc.address must be an IP address and a port such as 0.0.0.0:50051: {0}")]
pub(crate) struct GrpcAddressError(std::net::AddrParseError);

/// Where to listen; port 0 lets the kernel choose one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// For HTTP.
    pub(crate) http: u16,
    /// For gRPC; `None` is the port of the configuration.
    pub(crate) grpc: Option<u16>,
}

/// Runs the server until it is asked to stop.
pub(crate) fn run(mut config: Config, ports: Ports) -> Result<(), ServerError> {
    config.read_only = read_only();
    process::prepare();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(config, ports))
}

async fn serve(config: Config, ports: Ports) -> Result<(), ServerError> {
    tracing::info!(target: "engram", "Starting Engram server v{}", env!("CARGO_PKG_VERSION"));
    // Before anything else: whoever asks us to stop while the logs are read is heard, too.
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let claimed = claim(SocketAddr::new(bind_address(&config)?, ports.http))?;
    let grpc_address = grpc_address(&config, ports.grpc)?;
    let data_dir = data_dir();
    let _lock = lock(&data_dir)?;
    tracing::info!(target: "engram", "Data directory: {}", data_dir.display());
    let metrics = Arc::new(Metrics::default());
    let registry = Arc::new(Registry::new(&data_dir, &config, Arc::clone(&metrics)));
    open_spaces(&registry, &config)?;
    let consolidator = Consolidator::new(&registry, &config);
    let listener = listen(claimed)?;
    let address = listener.local_addr()?;
    let shutdown = Arc::new(Notify::new());
    let health = Arc::new(Health::new(
        Arc::clone(&registry),
        Arc::clone(&metrics),
        address,
    ));
    let shared = Arc::new(Shared {
        registry: Arc::clone(&registry),
        metrics: Arc::clone(&metrics),
        health,
        consolidator: Arc::clone(&consolidator),
        config,
        shutdown: Arc::clone(&shutdown),
    });
    let (stopping, stop) = watch::channel(false);
    let grpc = grpc::start(&shared, grpc_address, stop.clone());
    let pid_path = write_pid_file(address.port())?;
    announce(address, grpc.address);
    tokio::spawn(log_snapshots(metrics));
    tokio::spawn(save_indices(Arc::clone(&registry)));
    consolidator.start()?;
    let spaces = Arc::clone(&registry);
    let asked = async move {
        let reason = tokio::select! {
            _ = terminate.recv() => "SIGTERM received",
            _ = interrupt.recv() => "SIGINT received",
            () = shutdown.notified() => "shutdown requested",
        };
        tracing::info!(target: "engram", "{reason}, shutting down gracefully");
        stopping.send_replace(true);
        spaces.close_streams();
    };
    let served = axum::serve(listener, http::router(shared)).with_graceful_shutdown(asked);
    tokio::select! {
        (result, ()) = async { tokio::join!(served, grpc.ended()) } => result?,
        () = drained(stop) => tracing::warn!(target: "engram", "Requests still open after {DRAIN:?}, closing them"),
    }
    consolidator.stop();
    flush(&registry);
    pid_file::remove(&pid_path, std::process::id().cast_signed());
    tracing::info!(target: "engram", "Server shutdown complete");
    Ok(())
}

fn write_pid_file(port: u16) -> Result<PathBuf, ServerError> {
    let path = pid_file::path();
    match pid_file::write(&path, port) {
        Ok(()) => Ok(path),
        Err(source) => Err(ServerError::PidFile { path, source }),
    }
}

async fn drained(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the server is not asked to stop.
    let _stopping = stop.wait_for(|stopping| *stopping).await;
    tokio::time::sleep(DRAIN).await;
}

fn bind_address(config: &Config) -> Result<IpAddr, ServerError> {
    let value = std::env::var("ENGRAM_HTTP_BIND").unwrap_or_else(|_| config.http_bind.clone());
    value.parse().map_err(|error| ServerError::Bind {
        value,
        source: BindAddressError(error),
    })
}

/// Where gRPC listens, if it shall: a port on the command line wins over the file's, and over its `enabled = false`.
fn grpc_address(config: &Config, port: Option<u16>) -> Result<Option<SocketAddr>, ServerError> {
    if port.is_none() && !config.grpc.enabled {
        return Ok(None);
    }
    let value = &config.grpc.address;
    let mut address: SocketAddr = value.parse().map_err(|error| ServerError::GrpcBind {
        value: value.clone(),
        source: GrpcAddressError(error),
    })?;
    address.set_port(port.unwrap_or(address.port()));
    Ok(Some(address))
}

/// Takes the port without listening, so that clients are refused, and not kept waiting, while the logs are read.
pub(crate) fn claim(address: SocketAddr) -> Result<(TcpSocket, SocketAddr), ServerError> {
    let claim = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Connections of the server before us that have just been closed do not block the port.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    claim()
        .map(|socket| (socket, address))
        .map_err(|source| ServerError::Address { address, source })
}

/// Listens where a port was claimed.
pub(crate) fn listen(
    (socket, address): (TcpSocket, SocketAddr),
) -> Result<TcpListener, ServerError> {
    socket
        .listen(BACKLOG)
        .map_err(|source| ServerError::Address { address, source })
}

/// Whoever sets it wants nothing to be written: what is not clearly a no is a yes.
fn read_only() -> bool {
    let value = std::env::var("ENGRAM_READONLY").unwrap_or_default();
    let read_only = !matches!(
        value.to_lowercase().as_str(),
        "" | "0" | "false" | "no" | "off"
    );
    if read_only {
        tracing::warn!(target: "engram", "Read-only mode (ENGRAM_READONLY={value}): every write is refused");
    }
    read_only
}

/// Where the spaces are.
pub(crate) fn data_dir() -> PathBuf {
    std::env::var_os("ENGRAM_DATA_DIR")
        .filter(|path| !path.is_empty())
        .map_or_else(|| "engram-data".into(), PathBuf::from)
}

/// Makes the data directory, and takes its lock for as long as the file is open.
fn lock(data_dir: &Path) -> Result<File, ServerError> {
    let unusable = |source| ServerError::DataDir {
        path: data_dir.to_path_buf(),
        source,
    };
    std::fs::create_dir_all(data_dir).map_err(unusable)?;
    let path = data_dir.join(".lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(unusable)?;
    if let Err(error) =
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
    {
        return Err(ServerError::Locked {
            path: data_dir.to_path_buf(),
            source: error.into(),
        });
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(unusable)?;
    Ok(file)
}

/// Opens the default space and those of `bootstrap_spaces`. Others wait for their first request.
fn open_spaces(registry: &Registry, config: &Config) -> Result<(), ServerError> {
    let skip = |name: &str| tracing::warn!(target: "engram_core::registry", "skipping directory with invalid space ID name={name}");
    if let Err(error) = registry.on_disk(skip) {
        tracing::warn!(target: "engram_core::registry", "Failed to recover memory spaces - continuing with bootstrap error={error}");
    }
    for id in std::iter::once(&config.default_space).chain(&config.bootstrap_spaces) {
        registry.open_or_create(id)?;
    }
    Ok(())
}

fn announce(address: SocketAddr, grpc: Option<SocketAddr>) {
    let url = format!("http://{}", reachable(address));
    tracing::info!(target: "engram", "Engram server started successfully!");
    tracing::info!(target: "engram", "HTTP API: {url}");
    if let Some(address) = grpc {
        tracing::info!(target: "engram", "gRPC: {}", reachable(address));
    }
    tracing::info!(target: "engram", "Health: {url}/health");
}

/// Where a client on this host finds a server that listens at an address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

async fn log_snapshots(metrics: Arc<Metrics>) {
    let mut ticks =
        tokio::time::interval_at(tokio::time::Instant::now() + SNAPSHOT_EVERY, SNAPSHOT_EVERY);
    loop {
        ticks.tick().await;
        let snapshot = crate::metrics::snapshot(&metrics);
        tracing::info!(target: "engram_core::metrics", "streaming metrics snapshot {snapshot}");
    }
}

/// Saves what has changed. Indices that take long to write are written less often.
async fn save_indices(registry: Arc<Registry>) {
    let mut pause = SAVE_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let registry = Arc::clone(&registry);
        let save = move || {
            let started = Instant::now();
            for space in registry.loaded() {
                space.index.save();
            }
            started.elapsed()
        };
        let took = tokio::task::spawn_blocking(save).await.unwrap_or_default();
        pause = SAVE_EVERY.max(took * 20);
    }
}

fn flush(registry: &Registry) {
    for space in registry.loaded() {
        space.index.save();
        if let Err(error) = space.flush() {
            tracing::error!(
                "WAL flush failed for space '{}': I/O error: {error}",
                space.id
            );
        }
    }
}
