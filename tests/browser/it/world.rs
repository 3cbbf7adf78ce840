//! What all tests share: the built book, its server, the browser.

use crate::chromium::Chromium;
use crate::serve::Server;
use crate::site::Site;
use crate::tab::Tab;
use anyhow::Result;
use std::future::Future;
use std::pin::Pin;
use tokio::runtime::Runtime;

/// A test: it has a tab of its own.
pub(crate) type Test =
    for<'a> fn(&'a World, &'a Tab) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The shared things.
pub(crate) struct World {
    runtime: Runtime,
    chromium: Chromium,
    /// The book as built.
    pub(crate) site: Site,
    /// It, served.
    pub(crate) server: Server,
}

impl World {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let site = Site::build();
        let server = Server::start(&runtime, &site.root);
        let chromium = runtime.block_on(Chromium::start()).unwrap();
        Self {
            runtime,
            chromium,
            site,
            server,
        }
    }

    /// Runs one test in a new tab.
    pub(crate) fn play(&self, test: Test) -> Result<()> {
        self.runtime.block_on(async {
            let tab = Tab::open(&self.chromium.driver, self.server.url()).await?;
            let result = test(self, &tab).await;
            tab.close().await?;
            result
        })
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(self.chromium.stop());
    }
}
