//! The bot's process: started, killed, listened to. It is this very program
//! in another role, and ends when its standard input does, so that it
//! never outlives the playground.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::Simulator;
use noticebot::config::Config;
use noticebot::{Clock, telemetry};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::settings::{self, CALL_TIMEOUT};

/// How long a bot that was asked to stop may take.
const LAST_WORK: Duration = Duration::from_secs(5);

/// How the bot receives events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    Webhook,
    LongConnection,
}

/// What is heard of the bot's process.
#[derive(Debug)]
pub(crate) enum FromBot {
    /// It was started with this number.
    Started { pid: u32, receive: Receive },
    /// A line of its log.
    Line(String),
    /// It is gone.
    Gone,
}

/// The bot, whether it runs or not. Its database outlives its processes.
pub(crate) struct Bot {
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
    webhook: String,
    speaks: mpsc::Sender<FromBot>,
    /// Repeat its log on standard error.
    log: bool,
    state: Mutex<State>,
    _folder: TempDir,
}

struct State {
    receive: Receive,
    running: Option<Running>,
}

struct Running {
    child: Child,
    listening: JoinSet<()>,
}

impl Bot {
    /// Not started yet. Its addresses stay the same, as the console of the
    /// platform keeps the webhook's.
    pub(crate) async fn new(
        sim: &Simulator,
        time_zone: String,
        speaks: mpsc::Sender<FromBot>,
        log: bool,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite://{}", folder.path().join("noticebot.db").display());
        let [public, admin] = free_addresses().await?;
        let webhook = format!("http://{public}/webhook/event");
        let mut variables = settings::variables(sim, [public, admin], database);
        variables.push(("NOTICEBOT_LOG", "info".to_owned()));
        variables.push(("NOTICEBOT_LOG_FORMAT", "json".to_owned()));
        variables.push(("NOTICEBOT_TIMEZONE", time_zone));
        Ok(Self {
            program: std::env::current_exe().context("this program is not to be found")?,
            variables,
            webhook,
            speaks,
            log,
            state: Mutex::new(State {
                receive: Receive::Webhook,
                running: None,
            }),
            _folder: folder,
        })
    }

    /// Starts it unless it runs.
    pub(crate) async fn start(&self, sim: &Simulator) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        self.start_locked(&mut state, sim).await
    }

    /// Ends it at once, by a signal that no process can see coming.
    pub(crate) async fn kill(&self) {
        let mut state = self.state.lock().await;
        if let Some(mut running) = state.running.take() {
            running.child.kill().await.ok();
            running.ended().await;
        }
    }

    /// Lets it finish what it does, then ends it.
    pub(crate) async fn stop(&self) {
        let mut state = self.state.lock().await;
        Self::stop_locked(&mut state).await;
    }

    /// Has it receive events that way from now on; for that it is started anew
    /// if it runs.
    pub(crate) async fn receive_by(&self, receive: Receive, sim: &Simulator) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        state.receive = receive;
        self.set_receiver(receive, sim);
        if state.running.is_some() {
            Self::stop_locked(&mut state).await;
            self.start_locked(&mut state, sim).await?;
        }
        Ok(())
    }

    async fn start_locked(&self, state: &mut State, sim: &Simulator) -> anyhow::Result<()> {
        if let Some(running) = &mut state.running
            && running.child.try_wait()?.is_none()
        {
            return Ok(());
        }
        // It ended by itself, and what it has said last comes before what the next one says.
        if let Some(gone) = state.running.take() {
            gone.ended().await;
        }
        self.set_receiver(state.receive, sim);
        let receive = match state.receive {
            Receive::Webhook => "webhook",
            Receive::LongConnection => "long_connection",
        };
        let mut child = Command::new(&self.program)
            .arg("bot")
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("FEISHU_RECEIVE", receive)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the bot's process cannot be started")?;
        let pid = child.id().unwrap_or_default();
        let receive = state.receive;
        self.speaks.send(FromBot::Started { pid, receive }).await?;
        let mut listening = JoinSet::new();
        if let Some(log) = child.stderr.take() {
            listening.spawn(listen(log, self.speaks.clone(), self.log));
        }
        state.running = Some(Running { child, listening });
        Ok(())
    }

    async fn stop_locked(state: &mut State) {
        let Some(mut running) = state.running.take() else {
            return;
        };
        drop(running.child.stdin.take());
        let ended = tokio::time::timeout(LAST_WORK, running.child.wait()).await;
        if ended.is_err() {
            running.child.kill().await.ok();
        }
        running.ended().await;
    }

    fn set_receiver(&self, receive: Receive, sim: &Simulator) {
        match receive {
            Receive::Webhook => sim.set_webhook(&self.webhook),
            Receive::LongConnection => sim.receive_by_long_connection(),
        }
    }
}

impl Running {
    /// Waits until all that the process has written is heard.
    async fn ended(mut self) {
        while self.listening.join_next().await.is_some() {}
    }
}

/// Hears a process out.
async fn listen(log: ChildStderr, speaks: mpsc::Sender<FromBot>, repeat: bool) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if repeat {
            echo(&line);
        }
        if speaks.send(FromBot::Line(line)).await.is_err() {
            return;
        }
    }
    speaks.send(FromBot::Gone).await.ok();
}

#[expect(clippy::print_stderr, reason = "the bot's log, as `--log` asks for it")]
fn echo(line: &str) {
    eprintln!("{line}");
}

/// Two addresses on which nothing listens, for a public and an admin listener.
async fn free_addresses() -> anyhow::Result<[String; 2]> {
    let public = TcpListener::bind("127.0.0.1:0").await?;
    let admin = TcpListener::bind("127.0.0.1:0").await?;
    Ok([
        public.local_addr()?.to_string(),
        admin.local_addr()?.to_string(),
    ])
}

/// The other side: the bot itself, as its environment says, until standard input
/// ends.
pub(crate) async fn be_the_bot() -> anyhow::Result<()> {
    let mut config = Config::load(None)?;
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

/// A thread waits for it, as nothing can interrupt a read; it ends with the
/// process.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
        ended.send(()).ok();
    });
    end
}
