//! The book's site on the loopback interface, and which of its pages are opened.

use super::journal::{Journal, What};
use super::time::At;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use tower_http::services::ServeDir;

/// The site cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the site on port {port} of 127.0.0.1")]
pub struct ServeError {
    /// The port that was asked for; 0 for any.
    pub port: u16,
    /// Why.
    pub source: io::Error,
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the folder `root` on `port`, or on any free one where that is 0.
    pub fn start(root: &Path, port: u16, journal: Journal) -> Result<Self, ServeError> {
        let failed = |source| ServeError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let site = Router::new()
            .fallback_service(ServeDir::new(root))
            .layer(from_fn_with_state(journal, note));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                let serving = axum::serve(listener, site);
                tokio::select! {
                    _ = serving => {}
                    // Connections that a browser keeps open are not waited for.
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Its address, with a final slash.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Notes each page that is opened. Browsers must ask for it each time.
async fn note(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    let opens = request.method() == Method::GET;
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // The table of contents is a page of its own that mdBook's pages may load beside them.
    if opens && is_page && response.status() == StatusCode::OK && path != "toc.html" {
        let path = if path.is_empty() || path.ends_with('/') {
            path + "index.html"
        } else {
            path
        };
        // A full disk must not keep the page from the operator.
        let _ = journal.add(At::now(), What::Page { path });
    }
    response
}
