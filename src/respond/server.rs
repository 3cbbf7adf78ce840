//! The responder's threads: connections with a limit on number and time, and the workers.

use super::desk::{Bounds, Desk};
use super::pages::Pages;
use super::routes::{Shared, router};
use super::store::{Store, Unusable};
use super::token::Token;
use super::worker::Worker;
use crate::config::RespondConfig;
use crate::run::{Stop, become_reaper};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

/// Connections at a time; others wait in the kernel.
const MAX_CONNECTIONS: u32 = 256;

/// A connection that lives longer is ended between two requests, and then in any case.
const LIFE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

/// How long clients are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What the responder needs.
#[derive(Debug)]
pub struct Settings {
    /// The book's keys, with those of the command line laid over them.
    pub config: RespondConfig,
    /// The pages of the book.
    pub pages: Pages,
    /// The token that clients must show.
    pub token: Option<Token>,
    /// Where reports are kept.
    pub reports: PathBuf,
    /// Ends scripts.
    pub stop: Arc<Stop>,
    /// Gets a line for everything that an operator wants to know.
    pub log: Sender<String>,
}

/// Why the responder cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The folder of the reports cannot be used.
    #[error("cannot keep reports in {}", path.display())]
    Reports {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another responder keeps its reports there.
    #[error("another responder keeps its reports in {}\n  end it, or name another folder with `--reports`", .0.display())]
    Busy(PathBuf),
    /// Threads, signals or processes are not ours to use.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

/// A running responder.
#[derive(Debug)]
pub struct Responder {
    address: SocketAddr,
    desk: Arc<Desk>,
    runtime: Runtime,
    end: watch::Sender<bool>,
    slots: Arc<Semaphore>,
    workers: Vec<JoinHandle<()>>,
}

impl Responder {
    /// Starts to listen, and to work.
    pub fn start(settings: Settings) -> Result<Self, RespondError> {
        let config = settings.config;
        let reports = settings.reports;
        let (store, kept) = Store::open(&reports).map_err(|error| match error {
            Unusable::Busy => RespondError::Busy(reports.clone()),
            Unusable::Io(source) => RespondError::Reports {
                path: reports.clone(),
                source,
            },
        })?;
        become_reaper().map_err(RespondError::Start)?;
        let failed = |source| RespondError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let bounds = Bounds {
            severities: config.severities,
            queue: config.queue,
            keep: config.keep,
        };
        let desk = Arc::new(Desk::new(store, kept, bounds, settings.pages, settings.log));
        let router = router(Shared {
            desk: Arc::clone(&desk),
            token: settings.token.map(Arc::new),
            client_timeout: config.client_timeout,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(8)
            .enable_all()
            .build()
            .map_err(RespondError::Start)?;
        let (end, ended) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        let door = Door {
            router,
            slots: Arc::clone(&slots),
            client_timeout: config.client_timeout,
        };
        runtime.spawn(door.open(listener, ended));
        let workers = (0..config.workers).map(|_| {
            let worker = Worker {
                desk: Arc::clone(&desk),
                timeout: config.timeout,
                stop: Arc::clone(&settings.stop),
            };
            std::thread::spawn(move || worker.work())
        });
        Ok(Self {
            address,
            workers: workers.collect(),
            desk,
            runtime,
            end,
            slots,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. Scripts that run are killed by the signal that `stop` stands for, or awaited.
    pub fn end(self) {
        self.desk.stop();
        for worker in self.workers {
            let _ = worker.join();
        }
        let _ = self.end.send(true);
        let slots = self.slots;
        self.runtime.block_on(async move {
            let all = slots.acquire_many(MAX_CONNECTIONS);
            // Whoever does not read an answer loses it.
            let _ = tokio::time::timeout(LAST_ANSWERS, all).await;
        });
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// Takes connections.
#[derive(Debug)]
struct Door {
    router: Router,
    slots: Arc<Semaphore>,
    client_timeout: Duration,
}

impl Door {
    async fn open(self, listener: TcpListener, ended: watch::Receiver<bool>) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        let mut end = ended.clone();
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
                return;
            };
            let stream = tokio::select! {
                _ = end.wait_for(|ended| *ended) => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = stream else {
                // Out of descriptors: others must end first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let answering = self.answer(stream, ended.clone());
            tokio::spawn(async move {
                answering.await;
                drop(slot);
            });
        }
    }

    /// Answers the requests of one connection.
    fn answer(
        &self,
        stream: TcpStream,
        mut ended: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let service = TowerToHyperService::new(self.router.clone());
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // Also between two requests.
            .header_read_timeout(self.client_timeout)
            .max_buf_size(64 * 1024);
        async move {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = tokio::time::sleep(LIFE) => {}
                _ = ended.wait_for(|ended| *ended) => {}
            }
            connection.as_mut().graceful_shutdown();
            // One that is cut off in the middle has had its time.
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
}
