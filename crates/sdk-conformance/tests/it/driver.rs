//! A program with an official SDK that executes commands, which are lines of JSON.

use std::fs::{self, File};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use feishu_sim::Simulator;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::install::installed;
use crate::report;

/// Long enough for anything that works, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a push waits, so that a busy machine fails no test.
pub(crate) const PUSH_DEADLINE: Duration = Duration::from_secs(9);
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// Nothing here is further away than the loopback interface.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// One of the official SDKs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    Python,
    Node,
}

impl Sdk {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Node];

    fn command(self) -> Command {
        let installed = installed();
        match self {
            Self::Python => {
                let mut command = Command::new(&installed.python);
                command.arg(format!("{FOLDER}/driver.py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command
                    .arg(format!("{FOLDER}/driver.mjs"))
                    .arg(&installed.node);
                command
            }
        }
    }
}

/// Which SDK it is, in its own words.
#[derive(Debug, Deserialize)]
struct Greeting {
    name: String,
    version: String,
    runtime: String,
}

/// What a handler of the SDK's was given.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Seen {
    pub(crate) event_id: String,
    /// Of a message.
    pub(crate) text: Option<String>,
    /// Of the button that was pressed.
    pub(crate) value: Option<Value>,
}

/// A running program, killed when dropped.
pub(crate) struct Driver {
    pub(crate) sdk: Sdk,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    _child: Child,
}

impl Driver {
    /// Starts it and lets the run say which version it has.
    pub(crate) async fn start(sdk: Sdk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = sdk.command();
        for name in PROXIES {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut driver = Self {
            sdk,
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            folder,
            _child: child,
        };
        introduce(&serde_json::from_value(driver.answer("to start").await).unwrap());
        driver
    }

    /// Lets it do something and waits for what came of it.
    pub(crate) async fn ask(&mut self, what: &str, with: Value) -> Value {
        let mut order = with;
        order["do"] = json!(what);
        let line = format!("{order}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        let answer = self.answer(what).await;
        if answer.get("error").is_some() {
            self.fail(&format!("cannot {what}: {answer}"));
        }
        answer
    }

    /// What its handlers were given so far.
    pub(crate) async fn seen(&mut self) -> Vec<Seen> {
        let answer = self.ask("tell", json!({})).await;
        serde_json::from_value(answer["seen"].clone()).unwrap()
    }

    fn fail(&self, what: &str) -> ! {
        panic!("the {:?} SDK {what}", self.sdk);
    }

    async fn answer(&mut self, to: &str) -> Value {
        match tokio::time::timeout(PATIENCE, self.output.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).unwrap(),
            Ok(ended) => self.fail(&format!("was asked {to} and ended: {ended:?}")),
            Err(_) => self.fail(&format!("was asked {to} and gave no answer")),
        }
    }
}

/// A failing test shows what the SDK said of it.
impl Drop for Driver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            let log = log.unwrap_or_default();
            report::print(&format!("the log of the {:?} SDK:\n{log}", self.sdk));
        }
    }
}

/// What an SDK needs to know of its app.
pub(crate) fn settings(sim: &Simulator) -> Value {
    let app = sim.app();
    json!({
        "app_id": app.app_id,
        "app_secret": app.app_secret,
        "encrypt_key": app.encrypt_key,
        "verification_token": app.verification_token,
        "base_url": sim.base_url(),
    })
}

/// Says once a run which version this is.
fn introduce(greeting: &Greeting) {
    static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap();
    if !known.contains(&greeting.name) {
        let Greeting {
            name,
            version,
            runtime,
        } = greeting;
        report::print(&format!("{name} {version} on {runtime}"));
        known.push(name.clone());
    }
}
