//! A Chromium without a window, and one page of it, by the `DevTools` protocol.
//!
//! The page waits for what is to come, by itself: nothing here polls or sleeps.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::stage::http;

/// By these names it is looked for.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Nothing of its own accord: no updates, no first-run pages, no sandbox, which
/// needs more rights than a container has. The last one is a mouse.
const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-lcd-text",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
];
/// Longer than any step takes, also where others use the machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running browser; it ends when dropped.
pub(crate) struct Browser {
    /// `127.0.0.1:…`
    devtools: String,
    process: Child,
    /// All that it writes.
    folder: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = spawn(folder.path());
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let listens = lines.map_while(Result::ok).find_map(|line| {
            let (_, url) = line.split_once("DevTools listening on ws://")?;
            Some(url.split('/').next()?.to_owned())
        });
        Self {
            devtools: listens.expect("the browser ends before it listens"),
            process,
            folder,
        }
    }

    /// A tab about to show pages of this origin.
    pub(crate) async fn open_tab(&self, origin: &str) -> Page {
        let url = format!("http://{}/json/new?about:blank", self.devtools);
        let client = http();
        let target = client.put(url).send().await.unwrap().text().await.unwrap();
        let target: Value = serde_json::from_str(&target).unwrap();
        let url = target["webSocketDebuggerUrl"].as_str().unwrap();
        let stream = TcpStream::connect(&self.devtools).await.unwrap();
        let connected = tokio_tungstenite::client_async(url, stream).await;
        let mut page = Page {
            origin: origin.to_owned(),
            socket: connected.unwrap().0,
            calls: 0,
            events: Vec::new(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.size(1600, 1000).await;
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        // Its own children are not ours to wait for, and write a moment longer.
        for _ in 0..200 {
            match std::fs::remove_dir_all(self.folder.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

fn spawn(folder: &Path) -> Child {
    let started = NAMES.into_iter().find_map(|name| {
        Command::new(name)
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                folder.join("profile").display()
            ))
            .arg("about:blank")
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()
    });
    started.expect("no Chromium is installed: `scripts/test` does it on Debian")
}

/// A tab.
pub(crate) struct Page {
    origin: String,
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    /// What the browser has told besides answers.
    events: Vec<Value>,
}

impl Page {
    /// Calls a method of the protocol.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let call = json!({ "id": self.calls, "method": method, "params": params });
        let call = Message::text(call.to_string());
        self.socket.send(call).await.unwrap();
        loop {
            let told = self.receive(method).await;
            if told["id"] == self.calls {
                assert!(told["error"].is_null(), "{method} {params}: {told}");
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }

    /// Goes to a path of the playground and waits until it is loaded.
    pub(crate) async fn go_to(&mut self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.call("Page.navigate", json!({ "url": url })).await;
        self.loaded().await;
    }

    /// Waits for the end of a load that has not been waited for.
    pub(crate) async fn loaded(&mut self) {
        let is_load = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(is_load) {
            let told = self.receive("a page").await;
            self.events.push(told);
        }
        self.events.retain(|event| !is_load(event));
    }

    async fn receive(&mut self, what: &str) -> Value {
        let received = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        let message = received.unwrap_or_else(|_| panic!("waited in vain for {what}"));
        serde_json::from_str(message.unwrap().unwrap().to_text().unwrap()).unwrap()
    }

    /// The value of an expression of the page.
    pub(crate) async fn get(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let got = self.call("Runtime.evaluate", params).await;
        assert!(
            got["exceptionDetails"].is_null(),
            "{expression}: {}",
            got["exceptionDetails"]
        );
        got["result"]["value"].clone()
    }

    /// Waits until an expression is true, looking again whenever the page changes.
    pub(crate) async fn until(&mut self, what: &str, expression: &str) {
        let what = json!(what);
        self.get(&format!(
            "new Promise((done, fail) => {{
                const look = () => {{
                    if (!({expression})) return;
                    stop();
                    done(true);
                }};
                const observer = new MutationObserver(look);
                observer.observe(document, {{
                    subtree: true, childList: true, attributes: true, characterData: true,
                }});
                // What is typed and what has the focus changes without a word.
                const clock = setInterval(look, 50);
                const patience = setTimeout(() => {{
                    stop();
                    fail(new Error('in vain until ' + {what} + ': ' + document.body.innerText));
                }}, 40000);
                const stop = () => {{
                    observer.disconnect();
                    clearInterval(clock);
                    clearTimeout(patience);
                }};
                look();
            }})"
        ))
        .await;
    }

    /// Waits until the text of what a selector finds contains this.
    pub(crate) async fn until_text(&mut self, selector: &str, text: &str) {
        let (found, wanted) = (json!(selector), json!(text));
        let expression = format!(
            "[...document.querySelectorAll({found})].some((it) => it.innerText.includes({wanted}))"
        );
        self.until(&format!("{selector} says {text}"), &expression)
            .await;
    }

    /// The text of the first element that a selector finds.
    pub(crate) async fn text(&mut self, selector: &str) -> String {
        let selector = json!(selector);
        let text = self
            .get(&format!("document.querySelector({selector}).innerText"))
            .await;
        text.as_str().unwrap().to_owned()
    }

    /// Clicks with the mouse on the middle of what a selector finds first.
    pub(crate) async fn click(&mut self, selector: &str) {
        self.until(
            &format!("there is {selector}"),
            &format!("document.querySelector({})", json!(selector)),
        )
        .await;
        let middle = self
            .get(&format!(
                "(() => {{
                    const it = document.querySelector({});
                    it.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
                    const box = it.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }})()",
                json!(selector)
            ))
            .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", params).await;
        }
    }

    /// Presses a key on whatever has the focus: `Enter`, `Tab` or `Escape`.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            other => panic!("no code is known for {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Types into the field for messages and sends it by the return key.
    pub(crate) async fn say(&mut self, text: &str) {
        self.click("#text").await;
        self.call("Input.insertText", json!({ "text": text })).await;
        self.press("Enter").await;
        self.until("it is sent", "document.getElementById('text').value === ''")
            .await;
    }

    /// How large the page is, in pixels.
    pub(crate) async fn size(&mut self, width: u32, height: u32) {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", params)
            .await;
    }

    /// Light or dark; without movement, so that colours are settled at once.
    pub(crate) async fn scheme(&mut self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Events of this name so far: their parameters.
    pub(crate) fn told(&self, method: &str) -> impl Iterator<Item = &Value> {
        let method = method.to_owned();
        let told = self.events.iter();
        told.filter(move |event| event["method"] == method)
            .map(|event| &event["params"])
    }

    /// Ends a test: fails on any error in the console, which violations of the
    /// content security policy are, and on any request to somebody else.
    pub(crate) async fn finish(&mut self) {
        // So that whatever was told before is here.
        self.get("1").await;
        let exceptions: Vec<&Value> = self.told("Runtime.exceptionThrown").collect();
        assert!(exceptions.is_empty(), "{exceptions:?}");
        let said = self.told("Runtime.consoleAPICalled");
        assert_eq!(said.collect::<Vec<_>>(), Vec::<&Value>::new());
        let logged = self.told("Log.entryAdded").map(|entry| &entry["entry"]);
        let errors: Vec<_> = logged.filter(|entry| entry["level"] == "error").collect();
        assert!(errors.is_empty(), "{errors:?}");
        for request in self.told("Network.requestWillBeSent") {
            let url = request["request"]["url"].as_str().unwrap();
            let is_ours = url.starts_with(&format!("{}/", self.origin));
            assert!(is_ours || url == "about:blank", "{url}");
        }
    }
}
