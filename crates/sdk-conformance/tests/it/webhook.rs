//! The SDKs' event dispatchers behind a webhook, and our bot beside them: they take what the simulator
//! pushes, and refuse what was tampered with.

use std::fmt::Write as _;

use feishu_sim::{ChatSpec, MessageId, PushAnswer, Sealed, Simulator};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::bot::Bot;
use crate::driver::{Driver, PUSH_DEADLINE, Sdk, settings};
use crate::report;

const KEY: &str = "key";
const SIGNATURE: &str = "x-lark-signature";
const TIMESTAMP: &str = "x-lark-request-timestamp";
const NONCE: &str = "x-lark-request-nonce";

/// How an event is brought to a webhook.
type Bring = fn(&Simulator, &Value) -> Sealed;

/// What everybody has to refuse.
const FORGED: [(&str, Bring); 3] = [
    ("webhook: a letter of the ciphertext changed", changed),
    ("webhook: signed with another key", |sim, envelope| {
        let sealed = sim.seal(envelope);
        signed(
            &sealed,
            "another",
            &header(&sealed, TIMESTAMP),
            &sealed.body,
        )
    }),
    ("webhook: encrypted, not signed", |sim, envelope| {
        unsigned(sim.seal(envelope))
    }),
];
/// Where they may differ.
const ODD: [(&str, Bring); 4] = [
    (
        "webhook: spaces in the JSON, signed with them",
        |sim, envelope| {
            let sealed = sim.seal(envelope);
            let body: Value = serde_json::from_slice(&sealed.body).unwrap();
            let spaced = format!("{{ \"encrypt\": {} }}", body["encrypt"]);
            let timestamp = header(&sealed, TIMESTAMP);
            signed(&sealed, KEY, &timestamp, spaced.as_bytes())
        },
    ),
    ("webhook: signed a day ago", |sim, envelope| {
        let sealed = sim.seal(envelope);
        let now: u64 = header(&sealed, TIMESTAMP).parse().unwrap();
        let yesterday = (now - 24 * 60 * 60).to_string();
        signed(&sealed, KEY, &yesterday, &sealed.body)
    }),
    (
        "webhook: in clear and signed, though there is a key",
        |sim, envelope| {
            let sealed = sim.seal(envelope);
            let timestamp = header(&sealed, TIMESTAMP);
            signed(&sealed, KEY, &timestamp, envelope.to_string().as_bytes())
        },
    ),
    ("webhook: a wrong verification token", |sim, envelope| {
        let mut envelope = envelope.clone();
        envelope["header"]["token"] = json!("another");
        sim.seal(&envelope)
    }),
];

fn changed(sim: &Simulator, envelope: &Value) -> Sealed {
    let mut sealed = sim.seal(envelope);
    // Behind `{"encrypt":"` and the first block.
    let letter = &mut sealed.body[60];
    *letter = if *letter == b'A' { b'B' } else { b'A' };
    sealed
}

fn header(sealed: &Sealed, name: &str) -> String {
    let mut headers = sealed.headers.iter();
    let (_, value) = headers.find(|(known, _)| known == name).unwrap();
    value.clone()
}

fn unsigned(mut sealed: Sealed) -> Sealed {
    sealed.headers.retain(|(name, _)| name == "content-type");
    sealed
}

/// That body under a signature of its own.
fn signed(sealed: &Sealed, key: &str, timestamp: &str, body: &[u8]) -> Sealed {
    let nonce = header(sealed, NONCE);
    let digest =
        Sha256::digest([timestamp.as_bytes(), nonce.as_bytes(), key.as_bytes(), body].concat());
    let mut signature = String::new();
    for byte in digest {
        write!(signature, "{byte:02x}").unwrap();
    }
    let mut headers = unsigned(sealed.clone()).headers;
    for (name, value) in [
        (TIMESTAMP, timestamp),
        (NONCE, &nonce),
        (SIGNATURE, &signature),
    ] {
        headers.push((name.to_owned(), value.to_owned()));
    }
    Sealed {
        headers,
        body: body.to_vec(),
    }
}

/// Who is behind a webhook.
enum Receiver {
    Sdk(Box<Driver>),
    Bot(Bot),
}

/// A platform that pushes to a webhook.
struct Bench {
    sim: Simulator,
    receiver: Receiver,
    /// Told to the platform only where it is to push by itself.
    url: String,
}

impl Bench {
    /// With an SDK, or with our bot.
    async fn new(sdk: Option<Sdk>, encrypt_key: Option<&str>) -> Self {
        let sim = Simulator::builder()
            .follow_system_clock()
            .push_deadline(PUSH_DEADLINE);
        let sim = sim.encrypt_key(encrypt_key).start().await.unwrap();
        let (receiver, url) = if let Some(sdk) = sdk {
            let mut driver = Driver::start(sdk).await;
            let answer = driver.ask("serve", settings(&sim)).await;
            let url = answer["url"].as_str().unwrap().to_owned();
            (Receiver::Sdk(Box::new(driver)), url)
        } else {
            let bot = Bot::start(&sim).await;
            let url = bot.webhook.clone();
            (Receiver::Bot(bot), url)
        };
        Self { sim, receiver, url }
    }

    async fn push(&self, sealed: Sealed) -> PushAnswer {
        self.sim.set_webhook(&self.url);
        self.sim.push_raw(&sealed.headers, sealed.body).await
    }

    /// A command in a group, of which the platform tells nobody, and its event.
    fn command(&self) -> (MessageId, Value) {
        // An app without scopes gets no events.
        let scopes = self.sim.change_app(|app| std::mem::take(&mut app.scopes));
        let mei = self.sim.add_person("Mei");
        let chat = self.sim.add_chat(ChatSpec::named("Ops").owner(&mei));
        let said = self.sim.as_person(&mei).in_chat(&chat).say("/help");
        self.sim.change_app(|app| app.scopes = scopes);
        let envelope = self.sim.envelope_for(&said.id);
        (said.id, envelope)
    }

    /// Whether the event was taken, and the answer.
    async fn bring(&mut self, bring: Bring) -> (bool, String) {
        let (message, envelope) = self.command();
        let answer = self.push(bring(&self.sim, &envelope)).await;
        let taken = match &mut self.receiver {
            Receiver::Sdk(driver) => {
                let seen = driver.seen().await;
                let event_id = &envelope["header"]["event_id"];
                seen.iter().any(|seen| *event_id == seen.event_id)
            }
            Receiver::Bot(_) if answer.status == 200 => {
                let replied = |state: &feishu_sim::State| {
                    let replies = state.replies_to(&message);
                    (!replies.is_empty()).then_some(true)
                };
                self.sim.wait_for("a reply", replied).await
            }
            // What is not acknowledged is not stored.
            Receiver::Bot(_) => false,
        };
        (taken, short(&answer))
    }

    async fn finish(self) {
        if let Receiver::Bot(bot) = self.receiver {
            bot.stop().await;
        }
        self.sim.finish();
    }

    /// Answers a check of the URL with its challenge.
    async fn challenge(&self, token: &str) -> Option<String> {
        let check = json!({"challenge": "c1", "token": token, "type": "url_verification"});
        let answer = self.push(unsigned(self.sim.seal(&check))).await;
        let echo = answer.json()["challenge"].as_str().map(str::to_owned);
        echo.filter(|_| answer.status == 200)
    }

    /// What it is called in messages.
    fn name(&self) -> String {
        match &self.receiver {
            Receiver::Sdk(driver) => format!("{:?}", driver.sdk),
            Receiver::Bot(_) => "the bot".to_owned(),
        }
    }
}

/// Python, Node, and the bot.
async fn all(encrypt_key: Option<&str>) -> Vec<Bench> {
    let mut benches = Vec::new();
    for sdk in [Some(Sdk::Python), Some(Sdk::Node), None] {
        benches.push(Bench::new(sdk, encrypt_key).await);
    }
    benches
}

/// The status, or that the SDK leaves the answer to the program around it.
fn short(answer: &PushAnswer) -> String {
    if answer.body == "thrown" {
        return "throws".to_owned();
    }
    answer.status.to_string()
}

fn words((taken, answer): (bool, String)) -> String {
    let taken = if taken { "taken" } else { "not taken" };
    format!("{taken}, {answer}")
}

#[tokio::test]
async fn sdks_reject_forged_events() {
    let mut benches = all(Some(KEY)).await;
    for bench in &mut benches {
        let name = bench.name();
        let token = bench.sim.app().verification_token;
        assert_eq!(
            bench.challenge(&token).await.as_deref(),
            Some("c1"),
            "{name}"
        );
        let genuine = bench.bring(Simulator::seal).await;
        assert_eq!(genuine, (true, "200".to_owned()), "{name}");
    }
    for (matter, bring) in FORGED.iter().chain(&ODD) {
        let mut did = Vec::new();
        for bench in &mut benches {
            let brought = bench.bring(*bring).await;
            let forged = FORGED.iter().any(|(known, _)| known == matter);
            assert!(!(forged && brought.0), "{}: {matter}", bench.name());
            did.push(words(brought));
        }
        report::compare(matter, &did);
    }
    let mut did = Vec::new();
    for bench in &benches {
        let echo = bench.challenge("another").await;
        did.push(if echo.is_some() {
            "answered"
        } else {
            "refused"
        });
    }
    report::compare("webhook: a challenge with a wrong token", &did);
    for bench in benches {
        bench.finish().await;
    }
}

#[tokio::test]
async fn sdks_receive_callbacks() {
    let mut did = [Vec::new(), Vec::new()];
    for (did, sdk) in did.iter_mut().zip(Sdk::ALL) {
        let bench = Bench::new(Some(sdk), Some(KEY)).await;
        bench.sim.set_webhook(&bench.url);
        let press = json!({
            "operator": {"tenant_key": "t", "open_id": "ou_1"}, "token": "c-1",
            "action": {"value": {"undo": 1}, "tag": "button"}, "host": "im_message",
            "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"},
        });
        let press = bench.sim.push_event("card.action.trigger", &press);
        let toast = json!({"toast": {"type": "info", "content": "seen"}});
        assert_eq!(press.answer().await.json(), toast, "{sdk:?}");
        let chat = json!({"chat_id": "oc_1"});
        let unknown = bench.sim.push_event("im.chat.disbanded_v1", &chat);
        did.push(("webhook: an event without handler", unknown.answer().await));
        let mei = bench.sim.add_person("Mei");
        let chat = bench.sim.direct_chat(&mei);
        let said = bench.sim.as_person(&mei).in_chat(&chat).say("fail");
        did.push(("webhook: a handler fails", said.answer().await));
        bench.finish().await;
    }
    let [python, node] = did;
    for ((matter, python), (_, node)) in python.iter().zip(&node) {
        report::compare(matter, &[short(python), short(node)]);
    }
}

#[tokio::test]
async fn without_a_key_sdks_accept_plain_events() {
    let mut did = Vec::new();
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(Some(sdk), None).await;
        let token = bench.sim.app().verification_token;
        let echo = bench.challenge(&token).await;
        assert_eq!(echo.as_deref(), Some("c1"), "{sdk:?}");
        let clear = bench.bring(Simulator::seal).await;
        assert_eq!(clear, (true, "200".to_owned()), "{sdk:?}");
        // The app has got a key of which the SDK knows nothing.
        bench
            .sim
            .change_app(|app| app.encrypt_key = Some(KEY.to_owned()));
        let encrypted = bench.bring(Simulator::seal).await;
        assert!(!encrypted.0, "{sdk:?}");
        did.push(words(encrypted));
        bench.finish().await;
    }
    report::compare("webhook: encrypted, though there is no key", &did);
}
