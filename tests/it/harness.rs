//! A bot and a simulated platform, with clocks that only tests advance.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use feishu_sim::{
    AppKind, Builder, ChatId, ChatSpec, ConnectionId, Endpoint, MessageId, Person, Said, Simulator,
    State, WhoMay,
};
use jiff::Timestamp;
use noticebot::admin::Admin;
use noticebot::config::{Config, Environment};
use noticebot::{Clock, ClockHand, Server};
use serde_json::Value;
use tempfile::TempDir;
use test_servers::{Database, Held};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{RECEIVE, STORE};

/// Without it, the bot does nothing with the `/` panel.
const PANEL_SCOPE: &str = "application:app_slash_command:read";

/// A timeout that suffices on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The log of all bots of this process, at all levels.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts collecting the log, once.
static COLLECTING: LazyLock<()> = LazyLock::new(|| {
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(|| Collector);
    let filter = tracing_subscriber::EnvFilter::new("noticebot=trace,feishu=trace");
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
});

/// Keeps no connection, because each test has its own runtime.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    client.pool_max_idle_per_host(0).build().unwrap()
});

struct Collector;

impl std::io::Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log so far.
pub(crate) fn log() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

/// A bot, a platform, and people.
pub(crate) struct Bench {
    pub(crate) sim: Simulator,
    pub(crate) owner: Person,
    pub(crate) member: Person,
    settings: Vec<(&'static str, String)>,
    file: Option<String>,
    pub(crate) clock: Clock,
    hand: ClockHand,
    pub(crate) folder: TempDir,
    /// A database on a server; `None` for a file in the folder.
    server: Option<Database>,
    bot: Bot,
}

/// Prevents the bot from writing until it is dropped.
pub(crate) enum Broken {
    File { _lock: rusqlite::Connection },
    Server { _lock: Held },
}

/// A running bot.
pub(crate) struct Bot {
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    public: String,
    admin: String,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder, "").await
    }

    /// With a configured platform, and a configuration file for the bot.
    pub(crate) async fn with(change: impl FnOnce(Builder) -> Builder, file: &str) -> Self {
        *COLLECTING;
        let sim = change(Simulator::builder()).start().await.unwrap();
        let app = sim.app();
        let settings = vec![
            ("FEISHU_APP_ID", app.app_id),
            ("FEISHU_APP_SECRET", app.app_secret),
            (
                "FEISHU_ENCRYPT_KEY",
                app.encrypt_key.clone().unwrap_or_default(),
            ),
            (
                "FEISHU_ALLOW_PLAINTEXT",
                app.encrypt_key.is_none().to_string(),
            ),
            ("FEISHU_VERIFICATION_TOKEN", app.verification_token),
            ("FEISHU_BASE_URL", sim.base_url()),
            ("NOTICEBOT_LISTEN", "127.0.0.1:0".to_owned()),
            ("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ("FEISHU_RECEIVE", receive_setting(app.kind).to_owned()),
            (
                "FEISHU_APP_TYPE",
                match app.kind {
                    AppKind::Custom => "custom",
                    AppKind::Store => "store",
                }
                .to_owned(),
            ),
        ];
        let now = i64::try_from(sim.clock().now_ms()).unwrap();
        let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let file = (!file.is_empty()).then(|| file.to_owned());
        let server = match STORE {
            "postgres" => Some(Database::create().await.unwrap()),
            _ => None,
        };
        let url = database_url(&folder, server.as_ref());
        let bot = Bot::start(&settings, file.as_deref(), (&folder, url), &clock).await;
        receive(&sim, &bot, &[]).await;
        has_access(&sim, 0).await;
        has_seen_panel(&sim).await;
        let (owner, member) = (sim.add_person("Olga"), sim.add_person("Mei"));
        let bench = Self {
            sim,
            owner,
            member,
            settings,
            file,
            clock,
            hand,
            folder,
            server,
            bot,
        };
        if !bench.sim.app().scopes.contains(PANEL_SCOPE) {
            // It has the answer that there is nothing to do.
            bench.panel_is_free(Duration::ZERO).await;
        }
        // Tests count calls from here.
        bench.sim.clear_calls();
        bench
    }

    /// Waits until no bot changes the `/` panel any longer, while the clocks advance at that pace.
    pub(crate) async fn panel_is_free(&self, step: Duration) {
        while self.count("panels").await > 0 {
            self.advance(step);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A group of the owner and the member, with an announcement of this kind.
    pub(crate) fn group(&self, kind: feishu_sim::AnnouncementKind) -> ChatId {
        self.sim.add_chat(self.spec().announcement(kind))
    }

    /// A group whose settings permit everything to its owner and admins only, with the bot as an admin.
    pub(crate) fn closed_group(&self) -> ChatId {
        let closed = WhoMay::OnlyOwner;
        self.sim.add_chat(
            self.spec()
                .edit_permission(closed)
                .pin_manage_setting(Some(closed))
                .bot_is_admin(),
        )
    }

    pub(crate) fn spec(&self) -> ChatSpec {
        ChatSpec::named("Ops")
            .owner(&self.owner)
            .member(&self.member)
    }

    /// A message of the member.
    pub(crate) fn say(&self, chat: &ChatId, text: &str) -> Said {
        self.sim.as_person(&self.member).in_chat(chat).say(text)
    }

    /// A message of the member that is not pushed.
    pub(crate) fn say_unpushed(&self, chat: &ChatId, text: &str) -> MessageId {
        // The platform pushes nothing to an app without scopes.
        let scopes = self.sim.change_app(|app| std::mem::take(&mut app.scopes));
        let said = self.say(chat, text).id;
        self.sim.change_app(|app| app.scopes = scopes);
        said
    }

    /// A reply of the member.
    pub(crate) fn reply(&self, chat: &ChatId, to: &MessageId, text: &str) -> Said {
        self.sim
            .as_person(&self.member)
            .in_chat(chat)
            .reply_to(to)
            .say(text)
    }

    /// Waits for the bot's final reaction to a message, after one that acknowledges it.
    pub(crate) async fn reaction(&self, message: &MessageId) -> String {
        self.wait("a reaction", |state| {
            state
                .reactions(message)
                .into_iter()
                .find(|emoji| emoji != "OneSecond")
        })
        .await
    }

    /// Waits for the bot's reply to a message.
    pub(crate) async fn answer(&self, message: &MessageId) -> String {
        self.nth_answer(message, 0).await
    }

    /// Waits for the bot's reply to a message after so many others.
    pub(crate) async fn nth_answer(&self, message: &MessageId, n: usize) -> String {
        let replied = |state: &State| state.answers_to(message).get(n).cloned();
        self.wait("a reply", replied).await
    }

    /// Sends a command of the member, and returns the bot's reply, which may take many calls.
    pub(crate) async fn reply_to(&self, chat: &ChatId, command: &str) -> String {
        let command = self.say(chat, command).id;
        self.patient_answer(&command).await
    }

    /// Waits for the bot's reply to a message while the clocks advance faster.
    pub(crate) async fn patient_answer(&self, message: &MessageId) -> String {
        let replied = |state: &State| state.answers_to(message).first().cloned();
        self.wait_in_steps_of(Duration::from_secs(1), "a reply", replied)
            .await
    }

    /// Waits for a call of the command, then rejects calls to another endpoint for an hour; returns the
    /// reply of the bot, which gives the command up.
    pub(crate) async fn given_up(
        &self,
        command: &MessageId,
        (call, rejected): (Endpoint, Endpoint),
    ) -> String {
        let hour = Duration::from_hours(1);
        let called = |state: &State| state.calls_to(call).next().map(drop);
        self.wait("the call", called).await;
        self.sim.rate_limit(rejected, hour);
        let replied = |state: &State| state.answers_to(command).first().cloned();
        let step = Duration::from_secs(10);
        let answer = self.wait_in_steps_of(step, "a reply", replied).await;
        self.advance(hour);
        answer
    }

    /// Rate limits the pin for an hour, so that the bot gives the job up and reports this.
    pub(crate) async fn pin_that_is_given_up(&self, group: &ChatId) -> MessageId {
        self.sim
            .rate_limit(Endpoint::PutTopNotice, Duration::from_hours(1));
        let command = self.say(group, "/pin announcement").id;
        self.wait_in_steps_of(Duration::from_secs(10), "the word", |state| {
            state.answers_to(&command).first().cloned()
        })
        .await;
        self.idle().await;
        command
    }

    /// Waits while the clocks advance, for events after a pause of the bot.
    pub(crate) async fn wait<T>(&self, what: &str, see: impl Fn(&State) -> Option<T>) -> T {
        self.wait_in_steps_of(Duration::from_millis(100), what, see)
            .await
    }

    /// Waits while the clocks advance fast.
    pub(crate) async fn wait_in_steps_of<T>(
        &self,
        step: Duration,
        what: &str,
        see: impl Fn(&State) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                if let Some(seen) = self.sim.read(&see) {
                    return seen;
                }
                self.advance(step);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, waiting).await;
        seen.unwrap_or_else(|_| panic!("timed out waiting for {what}\n{}", self.sim.conversation()))
    }

    /// Advances the clocks of the platform and the bot.
    pub(crate) fn advance(&self, by: Duration) {
        self.sim.clock().advance(by);
        self.hand.advance(by);
    }

    /// Waits until no job is unfinished, including schedules.
    pub(crate) async fn settled(&self) {
        let waiting = async {
            while self.count("jobs WHERE state = 'running'").await != 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(settled.is_ok(), "jobs are still unfinished");
    }

    /// Waits until the bot is idle.
    pub(crate) async fn idle(&self) {
        self.idle_in_steps_of(Duration::from_millis(100)).await;
    }

    /// The same, while the clocks advance at that pace, if any.
    pub(crate) async fn idle_in_steps_of(&self, step: Duration) {
        let waiting = async {
            let idle = [
                "\nnoticebot_open_jobs 0\n",
                "\nnoticebot_open_deliveries 0\n",
            ];
            loop {
                let metrics = self.metrics().await;
                if idle.iter().all(|line| metrics.contains(line)) {
                    break;
                }
                self.advance(step);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let idle = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(
            idle.is_ok(),
            "the bot has work left
{}",
            self.sim.conversation()
        );
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get(&format!("{}/metrics", self.bot.admin)).await.1
    }

    /// The bot's configuration, for commands on its store.
    pub(crate) fn config(&self) -> Config {
        let url = database_url(&self.folder, self.server.as_ref());
        config(&self.settings, None, url)
    }

    /// The admin commands on the bot's store.
    pub(crate) async fn admin(&self) -> Admin {
        let opened = Admin::open(&self.config(), self.clock.clone()).await;
        opened.unwrap()
    }

    /// The environment of another bot on the same platform.
    #[allow(dead_code, reason = "the tests of processes need it")]
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.settings.iter().cloned()
    }

    /// The bot's database on a server.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) fn database(&self) -> &Database {
        self.server.as_ref().unwrap()
    }

    #[allow(dead_code, reason = "the tests of the long connection need it")]
    pub(crate) fn admin_address(&self) -> SocketAddr {
        let address = self.bot.admin.strip_prefix("http://").unwrap();
        address.parse().unwrap()
    }

    #[allow(dead_code, reason = "the tests of the check need it")]
    pub(crate) fn webhook(&self) -> String {
        self.bot.webhook()
    }

    /// The address of the public listener.
    pub(crate) fn public(&self) -> &str {
        &self.bot.public
    }

    /// Requests a path of the public listener.
    pub(crate) async fn ask(&self, path: &str) -> (u16, String) {
        self.get(&format!("{}{path}", self.bot.public)).await
    }

    pub(crate) async fn get(&self, url: &str) -> (u16, String) {
        let answer = HTTP.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Advances the bot's clock only.
    pub(crate) fn advance_bot(&self, by: Duration) {
        self.hand.advance(by);
    }

    /// Sets the bot's clock ahead of the platform's.
    #[allow(dead_code, reason = "the tests of clocks need it")]
    pub(crate) fn set_bot_ahead(&self, seconds: i64) {
        let now = i64::try_from(self.sim.clock().now_ms()).unwrap();
        let now = Timestamp::from_millisecond(now + 1000 * seconds).unwrap();
        self.hand.set(now);
    }

    /// Restarts the bot with another configuration file.
    pub(crate) async fn reconfigure(&mut self, file: &str) {
        self.file = Some(file.to_owned());
        self.restart().await;
    }

    /// A separate connection to the bot's SQLite file.
    fn beside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("bot.db")).unwrap()
    }

    /// Counts rows of the bot's database over a separate connection.
    pub(crate) async fn count(&self, what: &str) -> i64 {
        if let Some(server) = &self.server {
            let query = format!("SELECT count(*) FROM noticebot.{what}");
            return server.number(&query).await.unwrap();
        }
        let query = format!("SELECT count(*) FROM {what}");
        let answer = self.beside().query_row(&query, [], |row| row.get(0));
        answer.unwrap()
    }

    /// Inserts a job from a fixture of `noticebot jobs dump`.
    pub(crate) async fn insert_job(&self, job: &Value) {
        let (names, values): (Vec<&str>, Vec<String>) = job
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), sql_of(name, value)))
            .unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        if let Some(server) = &self.server {
            let insert = format!("INSERT INTO noticebot.jobs ({names}) VALUES ({values})");
            return server.execute(&insert).await.unwrap();
        }
        let insert = format!("INSERT INTO jobs ({names}) VALUES ({values})");
        self.beside().execute_batch(&insert).unwrap();
    }

    /// Prevents the bot from writing until the return value is dropped.
    pub(crate) async fn break_store(&self) -> Broken {
        if let Some(server) = &self.server {
            let lock = "BEGIN; LOCK TABLE noticebot.jobs, noticebot.replicas";
            let lock = server.hold(lock).await.unwrap();
            return Broken::Server { _lock: lock };
        }
        let lock = self.beside();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        Broken::File { _lock: lock }
    }

    /// Renames a file in the bot's folder.
    pub(crate) fn move_database(&self, from: &str, to: &str) {
        let folder = self.folder.path();
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
    }

    /// Restarts the bot on the same store.
    pub(crate) async fn restart(&mut self) {
        self.bot.stopped().await;
        self.start_again().await;
    }

    /// Sets an environment variable for the next start.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// Waits for the bot to end by itself, and returns its error.
    #[allow(dead_code, reason = "the tests of the long connection need it")]
    pub(crate) async fn failure(&mut self) -> String {
        let ended = self.bot.tasks.join_next().await.unwrap();
        format!("{:#}", ended.unwrap().unwrap_err())
    }

    /// Restarts the bot while the clocks advance, by at most this much, until it receives events.
    #[allow(dead_code, reason = "the tests of the long connection need it")]
    pub(crate) async fn restart_within(&mut self, most: Duration) {
        let (sim, hand) = (self.sim.clock(), self.hand.clone());
        let time = async move {
            let step = Duration::from_secs(1);
            for _ in 0..most.as_secs() {
                tokio::time::sleep(Duration::from_millis(2)).await;
                sim.advance(step);
                hand.advance(step);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.restart() => {}
            () = time => {}
        }
    }

    /// Starts another replica, which receives no events yet.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) async fn replica(&self) -> Bot {
        let url = self.database().url();
        let place = (&self.folder, url);
        Bot::start(&self.settings, self.file.as_deref(), place, &self.clock).await
    }

    /// Stops the bot, and lets another replica receive its events.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) async fn switch_to(&mut self, replica: Bot) {
        self.bot.stopped().await;
        self.bot = replica;
        receive(&self.sim, &self.bot, &[]).await;
    }

    /// Kills the bot, and lets another replica receive its events. The lease stays.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) async fn replace_killed(&mut self, replica: Bot) {
        let killed = std::mem::replace(&mut self.bot, replica);
        killed.kill().await;
        receive(&self.sim, &self.bot, &[]).await;
    }

    /// Kills the bot, and starts it again on the same store.
    pub(crate) async fn kill(&mut self) {
        self.cut().await;
        self.start_again().await;
    }

    /// Kills the bot, and starts it again after this time.
    pub(crate) async fn kill_and_stay_away(&mut self, away: Duration) {
        self.cut().await;
        self.advance(away);
        self.start_again().await;
    }

    /// Kills the bot. Its lease on a server expires before the next one starts.
    async fn cut(&mut self) {
        self.bot.tasks.shutdown().await;
        if let Some(server) = &self.server {
            let over = "UPDATE noticebot.replicas SET lease_until = lease_until - interval '1 h'";
            server.execute(over).await.unwrap();
        }
    }

    async fn start_again(&mut self) {
        let before = self.sim.connections();
        let asked = self.sim.calls_to(Endpoint::TenantAccessToken).len();
        let url = database_url(&self.folder, self.server.as_ref());
        self.bot = Bot::start(
            &self.settings,
            self.file.as_deref(),
            (&self.folder, url),
            &self.clock,
        )
        .await;
        receive(&self.sim, &self.bot, &before).await;
        has_access(&self.sim, asked).await;
    }

    /// Kills the bot with unfinished jobs.
    pub(crate) async fn cut_off(mut self) {
        self.bot.tasks.shutdown().await;
        self.sim.finish();
    }

    /// Stops the bot, and checks that no job is unfinished and that the platform understood all calls.
    pub(crate) async fn finish(mut self) {
        self.idle().await;
        self.bot.stopped().await;
        self.sim.finish();
    }
}

/// A value of a fixture as it is in the column: times are milliseconds, and objects are JSON.
fn sql_of(column: &str, value: &Value) -> String {
    let is_time = ["_at", "_since", "_until"]
        .iter()
        .any(|end| column.ends_with(end));
    match value {
        Value::String(text) if is_time => {
            let time: Timestamp = text.parse().unwrap();
            time.as_millisecond().to_string()
        }
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Object(_) => format!("'{}'", value.to_string().replace('\'', "''")),
        // Both databases know the words for booleans and for no value.
        other => other.to_string(),
    }
}

fn config(settings: &[(&'static str, String)], file: Option<&Path>, database: String) -> Config {
    let environment: Environment = settings
        .iter()
        .cloned()
        .chain([("NOTICEBOT_DATABASE_URL", database)])
        .collect();
    Config::read(file, &environment).unwrap()
}

fn database_url(folder: &TempDir, server: Option<&Database>) -> String {
    let file = || format!("sqlite://{}", folder.path().join("bot.db").display());
    server.map_or_else(file, Database::url)
}

/// The platform offers long connections only to custom apps.
fn receive_setting(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Custom => RECEIVE,
        AppKind::Store => "webhook",
    }
}

/// Connects the bot to the events of the platform, over the transport of this test binary.
async fn receive(sim: &Simulator, bot: &Bot, before: &[ConnectionId]) {
    if receive_setting(sim.app().kind) == "webhook" {
        return sim.set_webhook(&bot.webhook());
    }
    sim.receive_by_long_connection();
    let connected = |state: &State| {
        let connections = state.connections();
        connections
            .iter()
            .any(|id| !before.contains(id))
            .then_some(())
    };
    sim.wait_for("the bot's long connection", connected).await;
}

/// Waits until a started bot has requested its token, after this number of earlier requests.
async fn has_access(sim: &Simulator, before: usize) {
    if sim.app().kind == AppKind::Store {
        // It has none before its first ticket.
        return;
    }
    let asked = |state: &State| {
        let asked = state.calls_to(Endpoint::TenantAccessToken).count();
        (asked > before).then_some(())
    };
    sim.wait_for("the bot's first token", asked).await;
}

/// Waits until a started bot has looked at the `/` panel, which it does once it has its token.
async fn has_seen_panel(sim: &Simulator) {
    if sim.app().kind == AppKind::Store {
        // It leaves the panel to an admin.
        return;
    }
    let looked = |state: &State| {
        let mut calls = state.calls_to(Endpoint::ListSlashCommands);
        calls.next().map(drop)
    };
    sim.wait_for("the bot's look at the panel", looked).await;
}

impl Bot {
    async fn start(
        settings: &[(&'static str, String)],
        file: Option<&str>,
        (folder, database): (&TempDir, String),
        clock: &Clock,
    ) -> Self {
        let path = folder.path().join("noticebot.toml");
        std::fs::write(&path, file.unwrap_or_default()).unwrap();
        let config = config(settings, Some(&path), database);
        let server = loop {
            match Server::bind(config.clone(), clock.clone()).await {
                Ok(server) => break server,
                // A killed bot releases its lock a moment later.
                Err(error) if error.is::<std::fs::TryLockError>() => tokio::task::yield_now().await,
                Err(error) => panic!("{error:#}"),
            }
        };
        let public = format!("http://{}", server.public_address().unwrap());
        let admin = format!("http://{}", server.admin_address().unwrap());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stop.clone()));
        Self {
            stop,
            tasks,
            public,
            admin,
        }
    }

    fn webhook(&self) -> String {
        format!("{}/webhook/event", self.public)
    }

    /// Kills the bot, which leaves its lease.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Stops the bot.
    #[allow(dead_code, reason = "the tests of a server need it")]
    pub(crate) async fn stop(mut self) {
        self.stopped().await;
    }

    async fn stopped(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}
