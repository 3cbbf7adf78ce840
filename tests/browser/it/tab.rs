//! A tab of the browser, and what a tester asks of it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use thirtyfour::WindowHandle;
use thirtyfour::prelude::*;

/// How long a page may take to do what it was asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Notes each violation of the policy before any script of the page runs.
const WATCH: &str = "window.rbViolations = [];
document.addEventListener('securitypolicyviolation', function (event) {
  window.rbViolations.push(event.violatedDirective + ' ' + (event.blockedURI || '') + ' ' + (event.sourceFile || '') + ':' + event.lineNumber);
});";

/// An open tab.
pub(crate) struct Tab {
    pub(crate) driver: WebDriver,
    base: String,
    first: WindowHandle,
}

impl Tab {
    pub(crate) async fn open(driver: &WebDriver, base: String) -> Result<Self> {
        let first = driver.window().await?;
        let own = driver.new_tab().await?;
        driver.switch_to_window(own).await?;
        let tab = Self {
            driver: driver.clone(),
            base,
            first,
        };
        let origin = tab.base.trim_end_matches('/').to_owned();
        tab.cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": WATCH }),
        )
        .await?;
        tab.cdp(
            "Storage.clearDataForOrigin",
            json!({ "origin": origin, "storageTypes": "all" }),
        )
        .await?;
        tab.cdp(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        )
        .await?;
        tab.may_use_clipboard().await?;
        tab.forget().await?;
        Ok(tab)
    }

    pub(crate) async fn close(self) -> Result<()> {
        while self.driver.dismiss_alert().await.is_ok() {}
        self.driver.close_window().await?;
        self.driver.switch_to_window(self.first).await?;
        Ok(())
    }

    /// The same tab, on another site.
    pub(crate) fn based(&self, base: String) -> Self {
        Self {
            driver: self.driver.clone(),
            base,
            first: self.first.clone(),
        }
    }

    /// Reading the clipboard is the tester's right, not the page's.
    pub(crate) async fn may_use_clipboard(&self) -> Result<()> {
        let permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"];
        let origin = self.base.trim_end_matches('/');
        let grant = json!({ "origin": origin, "permissions": permissions });
        self.cdp("Browser.grantPermissions", grant).await?;
        Ok(())
    }

    /// A command of the `DevTools` protocol.
    pub(crate) async fn cdp(&self, method: &str, params: Value) -> Result<Value> {
        self.driver
            .cdp()
            .send_raw(method, params)
            .await
            .with_context(|| method.to_owned())
    }

    /// The address of a page of the site.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Opens a page of the site.
    pub(crate) async fn go(&self, path: &str) -> Result<()> {
        self.driver
            .goto(self.url(path))
            .await
            .with_context(|| path.to_owned())
    }

    /// Presses a key that types nothing.
    pub(crate) async fn key(&self, name: &str) -> Result<()> {
        let code = match name {
            "Enter" => 13,
            "ArrowDown" => 40,
            other => bail!("which key is {other}?"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code });
            self.cdp("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Runs a function body in the page.
    pub(crate) async fn js(&self, script: &str, args: Vec<Value>) -> Result<Value> {
        let result = self.driver.execute(script, args).await;
        Ok(result.with_context(|| script.to_owned())?.json().clone())
    }

    /// Waits until a function body returns something true.
    pub(crate) async fn until(&self, what: &str, script: &str, args: &[Value]) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.js(script, args.to_vec()).await?;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Ok(value);
            }
            if Instant::now() > end {
                bail!(
                    "{what}: not within {PATIENCE:?} on {}",
                    self.driver.current_url().await?
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A phone, or a screen.
    pub(crate) async fn size(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        Ok(())
    }

    /// What the system prefers: `light` or `dark`. The book follows it.
    pub(crate) async fn prefers(&self, scheme: &str) -> Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await?;
        Ok(())
    }

    /// Forgets what was logged so far.
    pub(crate) async fn forget(&self) -> Result<()> {
        self.driver.browser_log().await?;
        self.driver.get_log("performance").await?;
        Ok(())
    }

    /// All that the page complained of since it was last asked: errors and warnings on the console,
    /// violations of the policy.
    pub(crate) async fn complaints(&self) -> Result<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        for entry in self.driver.browser_log().await? {
            if entry.level == "SEVERE" || entry.level == "WARNING" {
                all.push(entry.message);
            }
        }
        let violations = self.js("return window.rbViolations || [];", vec![]).await?;
        for violation in violations.as_array().into_iter().flatten() {
            all.push(format!("policy: {violation}"));
        }
        Ok(all)
    }

    /// The addresses that were asked for since last time.
    pub(crate) async fn requests(&self) -> Result<Vec<String>> {
        let mut urls = Vec::new();
        for entry in self.driver.get_log("performance").await? {
            let event: Value = serde_json::from_str(&entry.message)?;
            let message = &event["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str();
                urls.extend(url.map(str::to_owned));
            }
        }
        Ok(urls)
    }

    /// Clicks the first visible link of the page's text that leads to `to`, an address of the site
    /// (to any place of the page, where that names none), and waits until its target can be seen.
    pub(crate) async fn follow(&self, to: &str) -> Result<()> {
        let want = self.url(to);
        let link = self
            .driver
            .execute(
                "const want = arguments[0];
                 // A place on the same page keeps the query.
                 const bare = href => href.replace(/\\?[^#]*/, '');
                 const leads = href => bare(href) === want || (!want.includes('#') && bare(href).split('#')[0] === want);
                 return Array.from(document.querySelectorAll('main a[href]'))
                   .find(a => leads(a.href) && a.checkVisibility()) || null;",
                vec![json!(want)],
            )
            .await?;
        ensure!(
            !link.json().is_null(),
            "no visible link to {to} on {}",
            self.driver.current_url().await?
        );
        let link = link.element()?;
        let href = link.prop("href").await?.context("a link without address")?;
        self.middle(&link).await?;
        link.click()
            .await
            .with_context(|| format!("the link to {to}"))?;
        self.arrives(&href).await
    }

    /// Scrolls it to the middle, as an operator does: under the bar at the top nothing can be clicked.
    pub(crate) async fn middle(&self, element: &WebElement) -> Result<()> {
        let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' });";
        let arguments = vec![element.to_json()?];
        self.driver.execute(scroll, arguments).await?;
        Ok(())
    }

    /// Waits until the page is `url`, and what its fragment names is on the screen.
    pub(crate) async fn arrives(&self, url: &str) -> Result<()> {
        self.until(
            &format!("arrival at {url}"),
            "if (location.href !== arguments[0] || document.readyState !== 'complete') { return false; }
             var id = decodeURIComponent(location.hash.slice(1));
             if (!id) { return true; }
             var target = document.getElementById(id);
             if (!target || !target.checkVisibility()) { return false; }
             var box = target.getBoundingClientRect();
             return box.bottom > 0 && box.top < window.innerHeight;",
            &[json!(url)],
        )
        .await?;
        Ok(())
    }
}
