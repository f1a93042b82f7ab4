//! The bot's process. It is this program in another role, and exits when its standard input is
//! closed, so that it never outlives the playground.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::{AppKind, Simulator};
use noticebot::config::{Config, GroupLists, Sources};
use noticebot::{Clock, telemetry};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::fixture::SECOND_TENANT;
use crate::settings::{self, CALL_TIMEOUT};

const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Encrypts the tokens of the simulated members, which are worth nothing elsewhere.
const TOKEN_KEY: &str = "cGxheWdyb3VuZC1wbGF5Z3JvdW5kLXBsYXlncm91bmQ=";

/// How the bot receives events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    Webhook,
    LongConnection,
}

/// In whose name the bot pins and announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActsAs {
    Bot,
    Member,
}

/// The kind of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppType {
    /// Of the first organization.
    Custom,
    /// Installed in both organizations.
    Store,
}

/// The settings that the visitor can change; a change restarts the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) receive: Receive,
    pub(crate) acts_as: ActsAs,
    pub(crate) app: AppType,
}

/// An event of the bot's process.
#[derive(Debug)]
pub(crate) enum BotEvent {
    Started {
        pid: u32,
        mode: Mode,
    },
    /// A line of the log.
    Line(String),
    Exited,
}

/// The bot, running or not. Its databases outlive its processes.
pub(crate) struct Bot {
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
    webhook: String,
    sender: mpsc::Sender<BotEvent>,
    /// Whether to copy the log to standard error.
    log: bool,
    state: Mutex<State>,
    folder: TempDir,
}

struct State {
    mode: Mode,
    running: Option<Running>,
}

struct Running {
    child: Child,
    log_reader: JoinSet<()>,
}

impl Bot {
    /// A bot that is not started yet. Its addresses stay the same across restarts, because the
    /// platform keeps the webhook's URL.
    pub(crate) async fn new(
        sim: &Simulator,
        groups: &GroupLists,
        time_zone: String,
        sender: mpsc::Sender<BotEvent>,
        log: bool,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = database(&folder, AppType::Custom);
        let [public, admin] = free_addresses().await?;
        let webhook = format!("http://{public}/webhook/event");
        let address = format!("http://{public}");
        sim.change_app(|app| app.redirect_uris = vec![format!("{address}/oauth/callback")]);
        let mut variables = settings::variables(sim, [public, admin], database);
        variables.push(("NOTICEBOT_PUBLIC_URL", address));
        variables.push(("NOTICEBOT_TOKEN_KEY", TOKEN_KEY.to_owned()));
        variables.push(("NOTICEBOT_LOG", "info".to_owned()));
        variables.push(("NOTICEBOT_LOG_FORMAT", "json".to_owned()));
        variables.push(("NOTICEBOT_TIMEZONE", time_zone));
        let file = folder.path().join("noticebot.toml");
        std::fs::write(&file, settings::file(groups)?)?;
        variables.push(("NOTICEBOT_CONFIG", file.display().to_string()));
        Ok(Self {
            program: std::env::current_exe().context("could not find the path of this program")?,
            variables,
            webhook,
            sender,
            log,
            state: Mutex::new(State {
                mode: Mode {
                    receive: Receive::Webhook,
                    acts_as: ActsAs::Bot,
                    app: AppType::Custom,
                },
                running: None,
            }),
            folder,
        })
    }

    /// Starts the process unless it is running.
    pub(crate) async fn start(&self, sim: &Simulator) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        self.start_locked(&mut state, sim).await
    }

    /// Sends SIGKILL.
    pub(crate) async fn kill(&self) {
        let mut state = self.state.lock().await;
        if let Some(mut running) = state.running.take() {
            running.child.kill().await.ok();
            running.wait_for_log().await;
        }
    }

    /// Shuts the process down gracefully.
    pub(crate) async fn stop(&self) {
        let mut state = self.state.lock().await;
        Self::stop_locked(&mut state).await;
    }

    /// Changes the mode of the bot; restarts it if it is running.
    pub(crate) async fn change_mode(
        &self,
        sim: &Simulator,
        change: impl FnOnce(&mut Mode),
    ) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        let before = state.mode.app;
        change(&mut state.mode);
        let mode = state.mode;
        self.set_receiver(mode.receive, sim);
        sim.change_app(|app| app.kind = mode.app.kind());
        if state.running.is_some() {
            Self::stop_locked(&mut state).await;
            self.start_locked(&mut state, sim).await?;
        }
        if (before, mode.app) == (AppType::Custom, AppType::Store) {
            sim.install(SECOND_TENANT);
        }
        Ok(())
    }

    async fn start_locked(&self, state: &mut State, sim: &Simulator) -> anyhow::Result<()> {
        if let Some(running) = &mut state.running
            && running.child.try_wait()?.is_none()
        {
            return Ok(());
        }
        // The process exited by itself. The rest of its log precedes that of the next process.
        if let Some(exited) = state.running.take() {
            exited.wait_for_log().await;
        }
        let mode = state.mode;
        self.set_receiver(mode.receive, sim);
        let mut child = Command::new(&self.program)
            .arg("bot")
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(mode.variables())
            .env("NOTICEBOT_DATABASE_URL", database(&self.folder, mode.app))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("could not start the bot's process")?;
        let pid = child.id().unwrap_or_default();
        self.sender.send(BotEvent::Started { pid, mode }).await?;
        let mut log_reader = JoinSet::new();
        if let Some(log) = child.stderr.take() {
            log_reader.spawn(read_log(log, self.sender.clone(), self.log));
        }
        state.running = Some(Running { child, log_reader });
        Ok(())
    }

    async fn stop_locked(state: &mut State) {
        let Some(mut running) = state.running.take() else {
            return;
        };
        drop(running.child.stdin.take());
        let ended = tokio::time::timeout(STOP_TIMEOUT, running.child.wait()).await;
        if ended.is_err() {
            running.child.kill().await.ok();
        }
        running.wait_for_log().await;
    }

    fn set_receiver(&self, receive: Receive, sim: &Simulator) {
        match receive {
            Receive::Webhook => sim.set_webhook(&self.webhook),
            Receive::LongConnection => sim.receive_by_long_connection(),
        }
    }
}

impl AppType {
    fn kind(self) -> AppKind {
        match self {
            Self::Custom => AppKind::Custom,
            Self::Store => AppKind::Store,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Store => "store",
        }
    }
}

/// Each kind of app has a database of its own.
fn database(folder: &TempDir, app: AppType) -> String {
    let file = folder.path().join(app.key()).with_extension("db");
    format!("sqlite://{}", file.display())
}

impl Mode {
    /// Store apps cannot use the long connection.
    pub(crate) fn receive_by(&mut self, receive: Receive) {
        self.receive = receive;
        if receive == Receive::LongConnection {
            self.app = AppType::Custom;
        }
    }

    /// See [`Mode::receive_by`].
    pub(crate) fn serve_as(&mut self, app: AppType) {
        self.app = app;
        if app == AppType::Store {
            self.receive = Receive::Webhook;
        }
    }

    fn variables(self) -> [(&'static str, &'static str); 3] {
        let receive = match self.receive {
            Receive::Webhook => "webhook",
            Receive::LongConnection => "long_connection",
        };
        let acts_as = match self.acts_as {
            ActsAs::Bot => "bot",
            ActsAs::Member => "member",
        };
        [
            ("FEISHU_RECEIVE", receive),
            ("FEISHU_ACT_AS", acts_as),
            ("FEISHU_APP_TYPE", self.app.key()),
        ]
    }
}

impl Running {
    /// Waits until the whole log is read.
    async fn wait_for_log(mut self) {
        while self.log_reader.join_next().await.is_some() {}
    }
}

/// Reads the log of a process to its end.
async fn read_log(log: ChildStderr, sender: mpsc::Sender<BotEvent>, repeat: bool) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if repeat {
            echo(&line);
        }
        if sender.send(BotEvent::Line(line)).await.is_err() {
            return;
        }
    }
    sender.send(BotEvent::Exited).await.ok();
}

#[expect(clippy::print_stderr, reason = "the bot's log, as `--log` asks for it")]
fn echo(line: &str) {
    eprintln!("{line}");
}

/// Two free addresses, for the public and the admin listener.
async fn free_addresses() -> anyhow::Result<[String; 2]> {
    let public = TcpListener::bind("127.0.0.1:0").await?;
    let admin = TcpListener::bind("127.0.0.1:0").await?;
    Ok([
        public.local_addr()?.to_string(),
        admin.local_addr()?.to_string(),
    ])
}

/// Runs the bot with the configuration in its environment, until standard input is closed.
pub(crate) async fn run_bot() -> anyhow::Result<()> {
    let mut config = Config::load(Sources::default())?;
    config.feishu.timeout = CALL_TIMEOUT;
    config.validate()?;
    telemetry::init(&config.log)?;
    let stop = CancellationToken::new();
    let mut serving = std::pin::pin!(noticebot::run(config, Clock::system(), stop.clone()));
    tokio::select! {
        ended = serving.as_mut() => return ended,
        _ = end_of_input() => {}
    }
    stop.cancel();
    serving.await
}

/// A thread waits for it, because a read cannot be interrupted; it ends with the process.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
        ended.send(()).ok();
    });
    end
}
