//! One chromedriver with one headless Chromium, which end with the tests, however these end.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumCapabilities, LoggingPrefsLogLevel};

/// The running browser.
pub(crate) struct Chromium {
    pub(crate) driver: WebDriver,
    // After the driver, which says goodbye to it.
    process: Process,
}

/// A process with all its children: the end of its PID namespace ends them.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Chromium {
    /// Must be called on the thread that lives longest: the browser ends with it.
    pub(crate) async fn start() -> Result<Self> {
        for (program, package) in [
            ("chromium", "chromium"),
            ("chromedriver", "chromium-driver"),
            ("bwrap", "bubblewrap"),
        ] {
            let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .any(|dir| dir.join(program).is_file());
            ensure!(
                found,
                "`{program}` is missing: `make setup` installs Debian's package `{package}`"
            );
        }
        let (process, port) = driver_process()?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities()?)
            .await
            .context("chromedriver cannot start Chromium")?;
        Ok(Self { driver, process })
    }

    pub(crate) async fn stop(self) {
        let _ = self.driver.quit().await;
        drop(self.process);
    }
}

fn driver_process() -> Result<(Process, u16)> {
    let mut child = Command::new("bwrap")
        .args([
            "--dev-bind",
            "/",
            "/",
            "--unshare-pid",
            "--proc",
            "/proc",
            "--die-with-parent",
        ])
        .args(["chromedriver", "--port=0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start chromedriver in bwrap")?;
    let stdout = child.stdout.take().context("chromedriver has no output")?;
    let process = Process(child);
    let mut lines = BufReader::new(stdout).lines();
    let port = loop {
        let line = lines
            .next()
            .context("chromedriver ended before it listened")??;
        if let Some(port) = line
            .split("on port ")
            .nth(1)
            .filter(|_| line.contains("successfully"))
        {
            break port.trim_end_matches('.').parse()?;
        }
    };
    // Nobody reads on, and a full pipe would stop it.
    std::thread::spawn(move || lines.count());
    Ok((process, port))
}

fn capabilities() -> Result<ChromiumCapabilities> {
    let mut wanted = ChromiumCapabilities::new();
    // chromedriver knows Debian's Chromium by its path only.
    wanted.as_mut().set("browserName", "chrome")?;
    wanted.set_binary("/usr/bin/chromium")?;
    for argument in [
        "--headless=new",
        // Tests run as root in containers. The only pages that are opened are ours.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1280,900",
        // Nothing leaves this machine, whatever a page asks for.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
    ] {
        wanted.add_arg(argument)?;
    }
    wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
    wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
    // A dialog that no test expects must be seen, not swept away.
    wanted.as_mut().set("unhandledPromptBehavior", "ignore")?;
    wanted
        .as_mut()
        .set(
            "goog:chromeOptions.perfLoggingPrefs",
            json!({"enableNetwork": true}),
        )
        .ok();
    Ok(wanted)
}
