//! A static server on the loopback interface, with the strict policy that the guide recommends.

use crate::site::repository;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::get;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use tokio::runtime::Runtime;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

/// The policy that the guide gives to web masters.
fn policy() -> HeaderValue {
    let guide = std::fs::read_to_string(repository().join("docs/src/how-to/hosting.md")).unwrap();
    let after = guide.split("Content-Security-Policy \"").nth(1);
    let policy = after.and_then(|rest| rest.split('"').next());
    HeaderValue::from_str(policy.expect("the guide gives a policy")).unwrap()
}

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
            // Browsers ask for it where a page names no icon.
            .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
            .fallback_service(files)
            .layer(SetResponseHeaderLayer::overriding(
                header::CONTENT_SECURITY_POLICY,
                policy(),
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
