//! What all tests share: the built book, its server, the browser.

use crate::chromium::Chromium;
use crate::serve::Server;
use crate::site::Site;
use crate::tab::Tab;
use anyhow::Result;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, RwLock};
use tokio::runtime::Runtime;

/// A test: it has a tab of its own.
pub(crate) type Test =
    for<'a> fn(&'a World, &'a Tab) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// How many browsers there are: each test has one to itself while it runs.
pub(crate) const BROWSERS: usize = 2;

/// The shared things.
pub(crate) struct World {
    runtime: Runtime,
    /// Those that no test uses now.
    idle: Mutex<Vec<Chromium>>,
    /// Held by one test that measures, or by all others.
    quiet: RwLock<()>,
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
        let browser = || runtime.block_on(Chromium::start()).unwrap();
        let idle = std::iter::repeat_with(browser).take(BROWSERS).collect();
        Self {
            runtime,
            idle: Mutex::new(idle),
            quiet: RwLock::new(()),
            site,
            server,
            figures: Mutex::default(),
        }
    }

    /// Runs one test in a new tab.
    pub(crate) fn play(&self, test: Test) -> Result<()> {
        let _others_run = self.quiet.read().unwrap_or_else(PoisonError::into_inner);
        self.play_now(test)
    }

    /// Runs one test in a new tab while no other runs: what it measures must not depend on them.
    pub(crate) fn play_alone(&self, test: Test) -> Result<()> {
        let _no_other_runs = self.quiet.write().unwrap_or_else(PoisonError::into_inner);
        self.play_now(test)
    }

    fn play_now(&self, test: Test) -> Result<()> {
        let browser = Lent {
            browser: Some(self.lend()),
            world: self,
        };
        let Some(chromium) = &browser.browser else {
            unreachable!("it is given back only once");
        };
        self.runtime.block_on(async {
            let tab = Tab::open(&chromium.driver, self.server.url()).await?;
            let result = test(self, &tab).await;
            tab.close().await?;
            result
        })
    }

    fn lend(&self) -> Chromium {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
            .expect("no more tests run at a time than there are browsers")
    }

    /// Keeps what was measured, to be told at the end.
    pub(crate) fn note(&self, figure: String) {
        self.figures.lock().unwrap().push(figure);
    }

    /// Ends the browser; what was measured.
    pub(crate) fn stop(self) -> Vec<String> {
        for browser in self.idle.into_inner().unwrap() {
            self.runtime.block_on(browser.stop());
        }
        self.figures.into_inner().unwrap()
    }
}

/// A browser that is given back, also by a test that panics.
struct Lent<'w> {
    browser: Option<Chromium>,
    world: &'w World,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self
            .world
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.browser.take());
    }
}
