//! The built example as a process on a free port.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::browser::{Browser, Page};

/// The running example; it is killed when dropped, and then its bot exits.
pub(crate) struct Playground {
    /// `http://127.0.0.1:…`
    pub(crate) address: String,
    pub(crate) process: Child,
    /// Its temporary directory, because a killed process does not delete its files.
    _folder: TempDir,
}

impl Playground {
    pub(crate) async fn open() -> Self {
        let program = example();
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(program)
            .args(["--port", "0", "--no-open"])
            .env("TMPDIR", folder.path())
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
            _folder: folder,
        }
    }

    /// Opens a path and query in a new browser.
    pub(crate) async fn visit(&self, path: &str) -> (Browser, Page) {
        let browser = Browser::start();
        let page = self.visit_in(&browser, path).await;
        (browser, page)
    }

    /// Opens a path and query in a new tab; waits until the bot runs.
    pub(crate) async fn visit_in(&self, browser: &Browser, path: &str) -> Page {
        let mut page = browser.open_tab(&self.address).await;
        page.go_to(path).await;
        page.until("the bot serves", "document.querySelector('.serving')")
            .await;
        page
    }
}

/// The built example. Cargo builds examples before it runs all tests, but not before it runs this
/// test alone.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join("examples/demo");
    let built = modified(&program);
    let sources = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let newest = sources
        .split_whitespace()
        .skip(1)
        .map(Path::new)
        .map(modified);
    assert!(
        built.is_some() && newest.max() <= Some(built),
        "{} is missing or older than its sources: run `cargo build --example demo`",
        program.display()
    );
    program
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
