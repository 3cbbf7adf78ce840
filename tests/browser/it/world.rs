//! What all tests share: the built book, its server, the browser.

use crate::chromium::Chromium;
use crate::serve::Server;
use crate::site::Site;
use crate::tab::Tab;
use anyhow::Result;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
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
    figures: Mutex<Vec<String>>,
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
            figures: Mutex::default(),
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

    /// Keeps what was measured, to be told at the end.
    pub(crate) fn note(&self, figure: String) {
        self.figures.lock().unwrap().push(figure);
    }

    /// Ends the browser; what was measured.
    pub(crate) fn stop(self) -> Vec<String> {
        self.runtime.block_on(self.chromium.stop());
        self.figures.into_inner().unwrap()
    }
}
