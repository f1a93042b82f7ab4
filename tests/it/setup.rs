//! `noticebot setup`: from nothing to a bot that pins a message.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feishu_sim::{
    ChatSpec, Endpoint, Fault, Foreign, LarkReport, Person, RegistrationBehaviour, Simulator,
};
use jiff::Timestamp;
use noticebot::config::{Config, Environment};
use noticebot::setup::{Ask, Dialog, OutputFormat, SetUp, SetupError, SetupOptions};
use noticebot::{Clock, ClockHand};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::process::{end, listening, platform, program};

/// What was printed so far.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The steps that were printed as JSON.
    fn steps(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let steps = self.steps().into_iter();
        steps
            .map(|step| step["step"].as_str().unwrap().to_owned())
            .collect()
    }

    fn find(&self, name: &str) -> Option<Value> {
        self.steps().into_iter().find(|step| step["step"] == name)
    }
}

/// A platform, a person, an empty folder, and clocks that only the test advances.
struct Bench {
    sim: Simulator,
    olga: Person,
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
    options: SetupOptions,
    clock: Clock,
    hand: ClockHand,
    stop: CancellationToken,
    printed: Printed,
}

impl Bench {
    async fn new() -> Self {
        let sim = Simulator::builder().start().await.unwrap();
        let now = i64::try_from(sim.clock().now_ms()).unwrap();
        let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}/noticebot.db", folder.path().display());
        Self {
            olga: sim.add_person("Olga"),
            settings: vec![
                ("FEISHU_BASE_URL", sim.base_url()),
                ("NOTICEBOT_DATABASE_URL", database),
                ("NOTICEBOT_LISTEN", "127.0.0.1:0".to_owned()),
                ("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ],
            options: SetupOptions {
                app_id: None,
                lark: false,
                force: false,
                env_file: folder.path().join(".env"),
                format: OutputFormat::Json,
            },
            sim,
            folder,
            clock,
            hand,
            stop: CancellationToken::new(),
            printed: Printed::default(),
        }
    }

    async fn with(change: impl FnOnce(&mut RegistrationBehaviour)) -> Self {
        let bench = Self::new().await;
        bench
            .sim
            .change_behaviour(|behaviour| change(&mut behaviour.registration));
        bench
    }

    fn env_file(&self) -> PathBuf {
        self.folder.path().join(".env")
    }

    fn written(&self) -> Option<String> {
        std::fs::read_to_string(self.env_file()).ok()
    }

    /// Runs the set-up while the test plays the people.
    async fn set_up(&self, people: impl AsyncFnOnce(&Self)) -> anyhow::Result<bool> {
        self.set_up_asking(None, people).await
    }

    async fn set_up_asking(
        &self,
        ask: Option<Ask<'_>>,
        people: impl AsyncFnOnce(&Self),
    ) -> anyhow::Result<bool> {
        let environment: Environment = self.settings.iter().cloned().collect();
        let config = Config::read(None, &environment).unwrap();
        let mut out = self.printed.clone();
        let dialog = Dialog { out: &mut out, ask };
        let prepared = SetUp::prepare(&config, &self.options, dialog)?;
        let mut setting_up = std::pin::pin!(prepared.run(self.clock.clone(), &self.stop));
        tokio::select! {
            done = setting_up.as_mut() => return done,
            () = people(self) => {}
        }
        // Time passes until it ends.
        let mut left = 100_000;
        loop {
            tokio::select! {
                biased;
                done = setting_up.as_mut() => return done,
                () = self.pass_time() => left -= 1,
            }
            assert!(left > 0, "it does not end: {}", self.printed.text());
        }
    }

    /// A second passes.
    async fn pass_time(&self) {
        let second = Duration::from_secs(1);
        self.hand.advance(second);
        self.sim.clock().advance(second);
        tokio::task::yield_now().await;
    }

    /// Waits for a step; time does not pass.
    async fn step(&self, name: &str) -> Value {
        let mut changes = self.sim.changes();
        loop {
            if let Some(step) = self.printed.find(name) {
                return step;
            }
            tokio::select! {
                () = tokio::task::yield_now() => {}
                _ = changes.next() => {}
            }
        }
    }

    async fn link(&self) -> String {
        self.step("link").await["url"].as_str().unwrap().to_owned()
    }

    /// The person confirms a new app.
    async fn scan(&self) -> Simulator {
        let link = self.link().await;
        self.sim.scan(&link, &self.olga).unwrap()
    }

    /// Time passes until a step.
    async fn later(&self, name: &str) -> Value {
        loop {
            if let Some(step) = self.printed.find(name) {
                return step;
            }
            self.pass_time().await;
        }
    }
}

fn failure(done: anyhow::Result<bool>) -> SetupError {
    done.unwrap_err().downcast().unwrap()
}

#[tokio::test]
async fn a_scan_leads_to_a_pinned_message() {
    let sim = platform().await;
    let second = Duration::from_secs(1);
    sim.change_behaviour(|behaviour| behaviour.registration.poll_interval = second);
    let olga = sim.add_person("Olga");
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |verb: &[&str]| {
        let mut command = program(verb);
        command
            .current_dir(&folder)
            .env("NOTICEBOT_LISTEN", "127.0.0.1:0")
            .env("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0");
        command
    };
    let mut setup = in_folder(&["setup", "--json"]);
    setup
        .env("FEISHU_BASE_URL", sim.base_url())
        .env("NOTICEBOT_LOG", "trace");
    let mut setup = setup
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(setup.stdout.take().unwrap()).lines();
    let (mut said, mut names, mut bot) = (String::new(), Vec::new(), None);
    while let Some(line) = lines.next_line().await.unwrap() {
        let step: Value = serde_json::from_str(&line).unwrap();
        if let Some(link) = step["url"].as_str().filter(|_| step["step"] == "link") {
            bot = Some(sim.scan(link, &olga).unwrap());
        }
        names.push(step["step"].as_str().unwrap().to_owned());
        said.push_str(&line);
    }
    let mut err = String::new();
    setup
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .await
        .unwrap();
    assert_eq!(setup.wait().await.unwrap().code(), Some(0), "{said} {err}");
    assert_eq!(
        names,
        [
            "link",
            "confirmed",
            "written",
            "approved",
            "checked",
            "next"
        ]
    );
    assert_eq!(err, "");
    let bot = bot.unwrap();
    let secret = bot.app().app_secret;
    assert!(!said.contains(&secret), "the secret is printed");
    let file = folder.path().join(".env");
    assert!(std::fs::read_to_string(&file).unwrap().contains(&secret));
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let mut serving = listening(in_folder(&["serve", "--env-file", ".env"])).await;
    bot.wait_for("a long connection", |state| state.connections().pop())
        .await;
    let chat = bot.add_chat(ChatSpec::named("Ops").owner(&olga));
    let notice = bot.as_person(&olga).in_chat(&chat).say("dinner at seven");
    let said = bot.as_person(&olga).in_chat(&chat);
    said.reply_to(&notice.id).say("/pin");
    bot.wait_for("the pinned message", |state| {
        state.top_notice(&chat).cloned()
    })
    .await;
    let mut check = in_folder(&["check"]);
    check.env("NOTICEBOT_ENV_FILE", ".env");
    let checked = end(check).await;
    assert_eq!(checked.code, Some(0), "{}", checked.out);
    serving.child.kill().await.unwrap();
    sim.finish();
}

#[tokio::test]
async fn approval_is_awaited_and_then_checked() {
    let needs = vec![
        "im:chat:readonly".to_owned(),
        "im:message.group_msg".to_owned(),
    ];
    let bench = Bench::with(|behaviour| behaviour.to_approve = needs.clone()).await;
    let done = bench.set_up(async |bench| {
        let bot = bench.scan().await;
        let waiting = bench.later("waiting").await;
        assert_eq!(waiting["scopes"], serde_json::json!(needs));
        assert_eq!(waiting["not_requested"], serde_json::json!([]));
        assert_eq!(waiting["url"], Value::Null, "a private deployment");
        assert!(bench.written().is_some(), "the settings wait for nobody");
        bot.approve_scopes();
    });
    assert!(done.await.unwrap());
    let names = [
        "link",
        "confirmed",
        "written",
        "waiting",
        "approved",
        "checked",
        "next",
    ];
    assert_eq!(bench.printed.names(), names);
    assert_eq!(
        bench.printed.find("checked").unwrap()["report"]["good"],
        true
    );
    bench.sim.finish();
}

#[tokio::test]
async fn the_code_fits_into_eighty_columns() {
    let bench = Bench::new().await;
    let done = bench.set_up(async |bench| {
        let link = bench.link().await;
        let link = link.replace(&bench.sim.base_url(), "https://open.feishu.cn");
        // `src/setup/qr.rs` has the limit.
        assert!(link.len() <= 520, "{} bytes: {link}", link.len());
        bench.stop.cancel();
    });
    done.await.unwrap_err();
}

#[tokio::test]
async fn an_absent_approval_ends_the_wait() {
    let bench = Bench::with(|behaviour| behaviour.ignores_addons = true).await;
    let done = bench.set_up(async |bench| drop(bench.scan().await)).await;
    assert!(!done.unwrap());
    let waiting = bench.printed.find("waiting").unwrap();
    assert_eq!(waiting["scopes"], waiting["not_requested"]);
    assert_eq!(waiting["at_most"], 600);
    assert!(bench.printed.find("not_approved").is_some());
    let next = bench.printed.find("next").unwrap();
    assert!(
        next["todo"][0]
            .as_str()
            .unwrap()
            .contains("noticebot check"),
        "{next}"
    );
}

#[tokio::test]
async fn an_unreadable_list_is_asked_again() {
    let bench = Bench::new().await;
    bench.sim.fault(Endpoint::ListScopes, Fault::ServerError);
    let done = bench.set_up(async |bench| drop(bench.scan().await)).await;
    assert!(done.unwrap(), "{}", bench.printed.text());
    let waiting = bench.printed.find("waiting").unwrap();
    assert_eq!(waiting["not_requested"], serde_json::json!([]));
    assert!(bench.printed.find("approved").is_some());
}

#[tokio::test]
async fn a_signal_during_the_wait_keeps_the_settings() {
    let needs = vec!["im:chat:readonly".to_owned()];
    let bench = Bench::with(|behaviour| behaviour.to_approve = needs).await;
    let done = bench.set_up(async |bench| {
        bench.scan().await;
        bench.later("waiting").await;
        bench.stop.cancel();
    });
    let error = failure(done.await);
    assert!(error.remedy.contains("the settings are written"), "{error}");
    assert!(bench.written().is_some());
}

#[tokio::test]
async fn each_failure_of_the_flow_has_a_remedy() {
    type People = fn(&Bench, &str);
    let refuse: People = |bench, link| bench.sim.refuse_scan(link).unwrap();
    let confirm: People = |bench, link| drop(bench.sim.scan(link, &bench.olga).unwrap());
    let stop: People = |bench, _| bench.stop.cancel();
    let wait: People = |_, _| {};
    let go_away: People = |bench, _| bench.sim.set_down(true);
    for (people, secretless, words) in [
        (refuse, false, "the person who opened the link refused"),
        (confirm, true, "has no secret"),
        (stop, false, "stopped before anybody confirmed"),
        (wait, false, "the link has expired"),
        (go_away, false, "the result could not be fetched"),
    ] {
        let bench = Bench::with(|behaviour| behaviour.without_secret = secretless).await;
        let done = bench.set_up(async |bench| people(bench, &bench.link().await));
        let error = failure(done.await);
        assert!(error.what.contains(words) && !error.is_misuse, "{error}");
        let last = bench.printed.find("failed").unwrap();
        assert_eq!(
            (&last["what"], &last["remedy"]),
            (&error.what.into(), &error.remedy.into())
        );
        assert_eq!(bench.written(), None, "{words}");
    }
}

#[tokio::test]
async fn each_failure_of_the_start_has_a_remedy() {
    for (fault, words) in [
        (Fault::LoseAnswer, "cannot be reached"),
        (Fault::NotJson, "does not respond like Feishu"),
        (Foreign::page(403).into(), "does not respond like Feishu"),
        (
            Foreign::json(200, "{}").into(),
            "does not respond like Feishu",
        ),
        (
            Foreign::json(400, r#"{"error":"invalid_request"}"#).into(),
            "does not create apps",
        ),
    ] {
        let bench = Bench::new().await;
        bench.sim.fault(Endpoint::AppRegistration, fault);
        let error = failure(bench.set_up(async |_| std::future::pending().await).await);
        assert!(error.what.contains(words) && !error.is_misuse, "{error}");
        assert!(!error.remedy.is_empty());
    }
}

#[tokio::test]
async fn lost_polls_do_not_end_the_flow() {
    let bench = Bench::new().await;
    for fault in [
        Fault::Nothing,
        Fault::ServerError,
        Foreign::page(502).into(),
    ] {
        bench.sim.fault(Endpoint::AppRegistration, fault);
    }
    let done = bench.set_up(async |bench| drop(bench.scan().await)).await;
    assert!(done.unwrap(), "{}", bench.printed.text());
}

#[tokio::test]
async fn the_app_of_lark_gets_its_region() {
    let bench = Bench::with(|behaviour| behaviour.lark = Some(LarkReport::AppId)).await;
    let done = bench.set_up(async |bench| drop(bench.scan().await)).await;
    assert!(done.unwrap(), "{}", bench.printed.text());
    assert_eq!(bench.printed.find("confirmed").unwrap()["brand"], "lark");
    assert!(bench.written().unwrap().contains("\nFEISHU_REGION=lark\n"));
}

#[tokio::test]
async fn nothing_is_replaced_without_consent() {
    let before = "FEISHU_APP_ID=cli_old\nNOTICEBOT_LANGUAGE=zh\n";
    let bench = Bench::new().await;
    std::fs::write(bench.env_file(), before).unwrap();
    let nobody = async |_: &Bench| std::future::pending().await;
    let error = failure(bench.set_up(nobody).await);
    assert!(
        error.is_misuse && error.what.contains("already sets FEISHU_APP_ID"),
        "{error}"
    );
    let error = failure(
        bench
            .set_up_asking(Some(Box::new(|_| Ok(false))), nobody)
            .await,
    );
    assert_eq!(error.what, "nothing was changed");
    assert!(bench.sim.calls_to(Endpoint::AppRegistration).is_empty());
    assert_eq!(bench.written().as_deref(), Some(before));

    let mut asked = String::new();
    let yes = |question: &str| {
        question.clone_into(&mut asked);
        Ok(true)
    };
    let scan = async |bench: &Bench| drop(bench.scan().await);
    assert!(
        bench
            .set_up_asking(Some(Box::new(yes)), scan)
            .await
            .unwrap()
    );
    assert!(
        asked.ends_with("already sets FEISHU_APP_ID. Replace it? [y/N] "),
        "{asked}"
    );
    let written = bench.written().unwrap();
    assert!(!written.contains("cli_old") && written.contains("\nNOTICEBOT_LANGUAGE=zh\n"));
}

#[tokio::test]
async fn force_replaces_and_an_own_app_is_kept() {
    let mut bench = Bench::new().await;
    let app = bench.sim.app();
    let own = format!("FEISHU_APP_ID={}\nFEISHU_APP_SECRET=old\n", app.app_id);
    std::fs::write(bench.env_file(), &own).unwrap();
    bench.options.app_id = Some(app.app_id.clone());
    let scan = async |bench: &Bench| drop(bench.scan().await);
    assert!(
        bench.set_up(scan).await.unwrap(),
        "{}",
        bench.printed.text()
    );
    assert!(bench.written().unwrap().contains(&app.app_secret));

    bench.options.app_id = None;
    bench.options.force = true;
    bench.printed = Printed::default();
    assert!(
        bench.set_up(scan).await.unwrap(),
        "{}",
        bench.printed.text()
    );
    assert!(!bench.written().unwrap().contains(&app.app_id));
}

#[tokio::test]
async fn another_app_than_the_named_is_refused() {
    let mut bench = Bench::new().await;
    bench.options.app_id = Some("cli_named".to_owned());
    let done = bench.set_up(async |bench| {
        let link = bench.link().await;
        bench.sim.scan_for(&link, &bench.olga, &bench.sim).unwrap();
    });
    let error = failure(done.await);
    assert!(error.what.contains("instead of `cli_named`"), "{error}");
    assert_eq!(bench.written(), None);
}

#[tokio::test]
async fn misuse_is_found_before_any_request() {
    for (name, value, words) in [
        ("FEISHU_APP_TYPE", "store", "a store app"),
        (
            "FEISHU_APP_ID",
            "cli_other",
            "already names the app `cli_other`",
        ),
    ] {
        let mut bench = Bench::new().await;
        bench.settings.push((name, value.to_owned()));
        let error = failure(bench.set_up(async |_| std::future::pending().await).await);
        assert!(error.is_misuse && error.what.contains(words), "{error}");
        assert!(bench.sim.calls().is_empty());
    }
    let folder = tempfile::tempdir().unwrap();
    for (verb, words) in [
        (&["setup", "--app-id", "ops"][..], "`cli_…`"),
        (&["setup", "--env-file", "/proc/.env"], "cannot be written"),
        (&["serve", "--env-file", "/nowhere"], "/nowhere"),
    ] {
        let mut command = program(verb);
        command.current_dir(&folder);
        let ended = end(command).await;
        assert_eq!(ended.code, Some(2), "{verb:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{verb:?}: {}", ended.err);
    }
}

#[tokio::test]
async fn the_text_tells_each_step() {
    let mut bench = Bench::new().await;
    bench.options.format = OutputFormat::Text { columns: None };
    let done = bench.set_up(async |bench| {
        let is_link = |line: &&str| line.starts_with("http://");
        let link = loop {
            if let Some(link) = bench.printed.text().lines().find(is_link) {
                break link.to_owned();
            }
            tokio::task::yield_now().await;
        };
        bench.sim.scan(&link, &bench.olga).unwrap();
    });
    assert!(done.await.unwrap());
    let text = bench.printed.text();
    let folder = bench.folder.path().display().to_string();
    let text = text
        .replace(&folder, "/folder")
        .replace(&bench.sim.base_url(), "https://feishu");
    let checks = text.find("✓ configuration").unwrap();
    let next = text.find("\nNext:").unwrap();
    let steps = format!("{}(checks)\n{}", &text[..checks], &text[next..]);
    let mut lines: Vec<&str> = steps.lines().collect();
    for line in &mut lines {
        let link = line.split_once("&addons=").map(|(start, _)| start);
        *line = link.unwrap_or(line);
    }
    insta::assert_snapshot!(lines.join("\n"));
}
