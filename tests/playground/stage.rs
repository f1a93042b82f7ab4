//! A playground of one's own: the built example on a free port.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::browser::{Browser, Page};

/// The running example; it is killed when dropped, and its bot ends by itself.
pub(crate) struct Stage {
    /// `http://127.0.0.1:…`
    pub(crate) address: String,
    pub(crate) process: Child,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        let program = example();
        assert!(
            program.exists(),
            "{} is not there: build it with `cargo build --example demo`",
            program.display()
        );
        let mut process = Command::new(program)
            .args(["--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let (_, address) = line.split_once(": ").unwrap();
        Self {
            address: address.to_owned(),
            process,
        }
    }

    /// A browser of its own that shows this page, which is `path` and query.
    pub(crate) async fn visit(&self, path: &str) -> (Browser, Page) {
        let browser = Browser::start().await;
        let page = self.visit_in(&browser, path).await;
        (browser, page)
    }

    /// One more tab, once the bot runs.
    pub(crate) async fn visit_in(&self, browser: &Browser, path: &str) -> Page {
        let mut page = browser.open_tab(&self.address).await;
        page.go_to(path).await;
        page.until("the bot serves", "document.querySelector('.serving')")
            .await;
        page
    }
}

/// Beside this test, where cargo puts examples.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples/demo")
}

/// A client for this machine, which follows no redirect.
pub(crate) fn http() -> reqwest::Client {
    // It wants a provider, also where it never speaks TLS; another test may have
    // installed it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
