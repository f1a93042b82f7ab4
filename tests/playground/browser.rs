//! A headless Chromium and its pages, driven by the `DevTools` protocol.
//!
//! Conditions are awaited in the page, by an observer of its changes.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// No updates and no first-run pages; no sandbox, which needs more permissions than a container
/// has. The last but one is a server that is reached by a name, which browsers trust less than a loopback
/// address; the last one simulates a mouse.
const FLAGS: [&str; 12] = [
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
    "--host-resolver-rules=MAP bot.example.com 127.0.0.1",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
];
/// Finds texts with a contrast below 4.5 to 1, and elements outside the page (success criteria
/// 1.4.3 and 1.4.10 of WCAG 2.2).
pub(crate) const FLAWS: &str = "(() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (it) => {
        for (let at = it; at; at = at.parentElement) {
            const color = channels(getComputedStyle(at).backgroundColor);
            if (color.length < 4 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const flaws = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const it = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !it.checkVisibility()) continue;
        const [a, b] = [light(channels(getComputedStyle(it).color)), light(behind(it))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) flaws.push(`${contrast.toFixed(2)}: ${texts.currentNode.data}`);
    }
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) flaws.push('the page scrolls sideways');
    for (const it of document.querySelectorAll('header *, #panes *, .pane, .title, #say *, .bubble, .switch *, .happening')) {
        const box = it.getBoundingClientRect();
        if (it.checkVisibility() && box.width > 1 && (box.right > width + 0.5 || box.left < -0.5)) {
            flaws.push(`outside: ${it.outerHTML.slice(0, 200)}`);
        }
    }
    for (const it of document.querySelectorAll('.scroll')) {
        if (it.scrollWidth > it.clientWidth) flaws.push(`${it.id} scrolls sideways`);
    }
    return flaws;
})()";

/// Longer than any step takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running browser; it is killed when dropped.
pub(crate) struct Browser {
    /// `127.0.0.1:…`
    devtools: String,
    process: Child,
    /// Its profile and temporary files.
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
            devtools: listens.expect("the browser exited before it listened"),
            process,
            folder,
        }
    }

    /// Opens a tab for pages of this origin.
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
            received: Vec::new(),
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
        // The browser's child processes cannot be awaited, and write for a moment longer.
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
    let started = PROGRAMS.into_iter().find_map(|name| {
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
    started.expect("Chromium is not installed; `scripts/test` installs it on Debian")
}

/// A tab.
pub(crate) struct Page {
    origin: String,
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    /// Messages of the browser other than responses.
    received: Vec<Value>,
}

impl Page {
    /// Calls a method of the protocol and returns its result.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let call = json!({ "id": self.calls, "method": method, "params": params });
        let call = Message::text(call.to_string());
        self.socket.send(call).await.unwrap();
        loop {
            let message = self.receive(method).await;
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method} {params}: {message}");
                return message["result"].clone();
            }
            self.received.push(message);
        }
    }

    /// Opens a path and waits until it is loaded.
    pub(crate) async fn go_to(&mut self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.call("Page.navigate", json!({ "url": url })).await;
        self.loaded().await;
    }

    /// Waits for the end of a load.
    pub(crate) async fn loaded(&mut self) {
        let is_load = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.received.iter().any(is_load) {
            let message = self.receive("a page").await;
            self.received.push(message);
        }
        self.received.retain(|event| !is_load(event));
    }

    async fn receive(&mut self, what: &str) -> Value {
        let received = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        let message = received.unwrap_or_else(|_| panic!("timeout while waiting for {what}"));
        serde_json::from_str(message.unwrap().unwrap().to_text().unwrap()).unwrap()
    }

    /// Evaluates a JavaScript expression.
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

    /// Waits until an expression is true; it is evaluated again whenever the page changes.
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
                // The observer does not see inputs and the focus.
                const clock = setInterval(look, 50);
                const patience = setTimeout(() => {{
                    stop();
                    fail(new Error('timeout: ' + {what} + ': ' + document.body.innerText));
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

    /// Waits until an element of the selector contains the text, which may be folded.
    pub(crate) async fn until_text(&mut self, selector: &str, text: &str) {
        let (found, wanted) = (json!(selector), json!(text));
        let expression = format!(
            "[...document.querySelectorAll({found})]
                .some((it) => it.innerText.includes({wanted}) || it.textContent.includes({wanted}))"
        );
        self.until(&format!("{selector} says {text}"), &expression)
            .await;
    }

    /// The text of the first element of the selector.
    pub(crate) async fn text(&mut self, selector: &str) -> String {
        let selector = json!(selector);
        let text = self
            .get(&format!("document.querySelector({selector}).innerText"))
            .await;
        text.as_str().unwrap().to_owned()
    }

    /// Clicks on the first element of the selector.
    pub(crate) async fn click(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.click_on(selector, &found).await;
    }

    /// Clicks on the button with this text.
    pub(crate) async fn press_button(&mut self, text: &str) {
        let found = format!(
            "[...document.querySelectorAll('button')].find((it) => it.innerText === {})",
            json!(text)
        );
        self.click_on(text, &found).await;
    }

    /// Clicks on the middle of an element, which an expression finds.
    async fn click_on(&mut self, what: &str, found: &str) {
        self.until(&format!("there is {what}"), found).await;
        let middle = self
            .get(&format!(
                "(() => {{
                    const it = {found};
                    it.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
                    const box = it.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }})()"
            ))
            .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", params).await;
        }
    }

    /// Presses `Enter`, `Tab` or `Escape`.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            other => panic!("unknown key: {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Types a message and presses Enter.
    pub(crate) async fn say(&mut self, text: &str) {
        self.click("#text").await;
        self.call("Input.insertText", json!({ "text": text })).await;
        self.press("Enter").await;
        self.until("it is sent", "document.getElementById('text').value === ''")
            .await;
    }

    /// Sets the size of the page in pixels.
    pub(crate) async fn size(&mut self, width: u32, height: u32) {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", params)
            .await;
    }

    /// Sets `light` or `dark`, without animations, so that colors do not change gradually.
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

    /// Writes a picture of the page into the folder that `PLAYGROUND_SCREENSHOTS` names, by default
    /// into the temporary folder of tests.
    pub(crate) async fn save_picture(&mut self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "not a setting of the bot")]
        let folder = std::env::var_os("PLAYGROUND_SCREENSHOTS");
        let folder =
            folder.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
        let format = json!({ "format": "webp", "quality": 85 });
        let taken = self.call("Page.captureScreenshot", format).await;
        let Value::String(data) = &taken["data"] else {
            panic!("{taken}")
        };
        let image = STANDARD.decode(data).unwrap();
        assert!(image.len() < 150 * 1024, "{name} has {} bytes", image.len());
        std::fs::write(folder.join(name), image).unwrap();
    }

    /// The parameters of the events of this name so far.
    pub(crate) fn events(&self, method: &str) -> impl Iterator<Item = &Value> {
        let method = method.to_owned();
        let received = self.received.iter();
        received
            .filter(move |event| event["method"] == method)
            .map(|event| &event["params"])
    }

    /// Ends a test: fails on any error in the console, such as a violation of the content security
    /// policy, and on any request to another origin.
    pub(crate) async fn finish(&mut self) {
        // The response follows all earlier events.
        self.get("1").await;
        let exceptions: Vec<&Value> = self.events("Runtime.exceptionThrown").collect();
        assert!(exceptions.is_empty(), "{exceptions:?}");
        let printed = self.events("Runtime.consoleAPICalled");
        assert_eq!(printed.collect::<Vec<_>>(), Vec::<&Value>::new());
        let logged = self.events("Log.entryAdded").map(|entry| &entry["entry"]);
        let errors: Vec<_> = logged.filter(|entry| entry["level"] == "error").collect();
        assert!(errors.is_empty(), "{errors:?}");
        for request in self.events("Network.requestWillBeSent") {
            let url = request["request"]["url"].as_str().unwrap();
            let is_ours = url.starts_with(&format!("{}/", self.origin));
            // The browser's own icons, of a date field for example, are data.
            let is_no_request = url == "about:blank" || url.starts_with("data:");
            assert!(is_ours || is_no_request, "{url}");
        }
    }
}

/// A client that follows no redirects.
pub(crate) fn http() -> reqwest::Client {
    // reqwest needs a TLS provider even for plain HTTP. Another test may have installed it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
