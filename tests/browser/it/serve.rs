//! A static server on the loopback interface, with the strictest policy that a site of ours must live under.

use axum::Router;
use axum::http::{HeaderValue, header};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use tokio::runtime::Runtime;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

/// What a cautious web master sends, but for mdBook's inline scripts and styles.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// A server; it ends with the runtime.
pub(crate) struct Server {
    port: u16,
}

impl Server {
    pub(crate) fn start(runtime: &Runtime, root: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = ServeDir::new(root).not_found_service(ServeFile::new(root.join("404.html")));
        let site = Router::new()
            .fallback_service(files)
            .layer(SetResponseHeaderLayer::overriding(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(POLICY),
            ));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, site).await.unwrap();
        });
        Self { port }
    }

    /// With a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}
