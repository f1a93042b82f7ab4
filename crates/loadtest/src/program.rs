//! The program under test, as a child process that is killed on drop.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use feishu_sim::{AppKind, Simulator};
use rand::RngExt as _;

use crate::http;
use crate::platform::{PUBLIC_URL, Platform};
use crate::time::Limits;
use crate::usage::Usage;

/// Timeout for readiness.
const START: Duration = Duration::from_secs(15);
/// How often readiness is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How many lines of a log are printed.
const LAST_WORDS: usize = 10;
/// The lowest port that is used.
const LOWEST_PORT: u16 = 10_000;
/// The lowest port that Linux gives to outgoing connections by default.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

/// 32 bytes in base64, which encrypt the tokens of members.
const TOKEN_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The bot that is tested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bot<'a> {
    pub(crate) executable: &'a Path,
    /// Its configuration file.
    pub(crate) config: Option<&'a Path>,
}

/// A program that can be started repeatedly.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The name in reports.
    pub(crate) name: &'static str,
    /// The address of its webhook and of `/readyz`.
    pub(crate) address: SocketAddr,
    /// The address of the metrics; the baseline has none.
    admin: Option<SocketAddr>,
    executable: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// Each start gets an address of its own on the platform, so that the record tells which process
    /// made a call.
    platform: Option<Simulator>,
    log: PathBuf,
    core: Option<usize>,
}

impl Program {
    /// The bot on this database.
    pub(crate) fn bot(
        bot: Bot<'_>,
        platform: &Platform,
        database_url: &str,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let app = &platform.app;
        let [encrypt_key, token] = platform.secrets();
        let mut environment = vec![
            ("FEISHU_APP_ID", app.app_id.clone()),
            ("FEISHU_APP_SECRET", app.app_secret.clone()),
            ("FEISHU_ENCRYPT_KEY", encrypt_key),
            ("FEISHU_VERIFICATION_TOKEN", token),
            ("NOTICEBOT_LISTEN", address.to_string()),
            ("NOTICEBOT_ADMIN_LISTEN", admin.to_string()),
            ("NOTICEBOT_DATABASE_URL", database_url.to_owned()),
        ];
        if app.kind == AppKind::Store {
            environment.push(("FEISHU_APP_TYPE", "store".to_owned()));
        }
        if platform.acts_as_members {
            environment.extend([
                ("FEISHU_ACT_AS", "member".to_owned()),
                ("NOTICEBOT_PUBLIC_URL", PUBLIC_URL.to_owned()),
                ("NOTICEBOT_TOKEN_KEY", TOKEN_KEY.to_owned()),
            ]);
        }
        if let Some(config) = bot.config {
            environment.push(("NOTICEBOT_CONFIG", config.display().to_string()));
        }
        Ok(Self {
            name: "noticebot",
            address,
            admin: Some(admin),
            executable: bot.executable.to_owned(),
            arguments: vec!["serve".to_owned()],
            environment,
            platform: Some(platform.sim.clone()),
            log,
            core: None,
        })
    }

    /// The baseline: this program with another subcommand.
    pub(crate) fn baseline(platform: &Platform, folder: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let [key, token] = platform.secrets();
        let listen = address.to_string();
        let arguments = [
            "baseline",
            "--listen",
            &listen,
            "--encrypt-key",
            &key,
            "--verification-token",
            &token,
        ];
        Ok(Self {
            name: "baseline",
            address,
            admin: None,
            executable: std::env::current_exe().context("finding this program")?,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            platform: None,
            log: folder.join("baseline.log"),
            core: None,
        })
    }

    /// Pins the program to one core.
    pub(crate) fn on_core(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// Starts it with none of this process's environment.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening `{}`", self.log.display()))?;
        let mut command = match self.core {
            None => Command::new(&self.executable),
            Some(core) => {
                // `taskset` executes the program, so the process id stays the same.
                let mut command = Command::new("taskset");
                command
                    .args(["-c", &core.to_string()])
                    .arg(&self.executable);
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut platform_port = None;
        if let Some(platform) = &self.platform {
            let address = platform.add_address().context("adding an address")?;
            let url = format!("http://{address}");
            command.env("FEISHU_BASE_URL", &url);
            command.env("FEISHU_ACCOUNTS_URL", &url);
            platform_port = Some(address.port());
        }
        let executable = self.executable.display();
        let child = command
            .spawn()
            .with_context(|| format!("starting `{executable}`"))?;
        Ok(Running {
            child,
            began: Instant::now(),
            address: self.address,
            admin: self.admin,
            platform_port,
        })
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
        format!("The log of {} ends:\n{}", self.name, last.join("\n"))
    }
}

/// A running program; killed with SIGKILL on drop.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    began: Instant,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    platform_port: Option<u16>,
}

impl Running {
    /// The port of the platform to which it sends its calls; the baseline makes none.
    pub(crate) fn platform_port(&self) -> Option<u16> {
        self.platform_port
    }

    /// Waits until it is ready, and returns the time that took.
    pub(crate) fn ready(&mut self, limits: &Limits) -> anyhow::Result<Duration> {
        let asked = limits.within(START).poll(POLL_INTERVAL, || {
            if self.has_ended() {
                return Some(false);
            }
            self.is_ready().then_some(true)
        });
        ensure!(
            asked == Some(true),
            "waiting for the program under test: not ready in time"
        );
        Ok(self.began.elapsed())
    }

    pub(crate) fn is_ready(&self) -> bool {
        let answer = http::get(self.address, "/readyz", TIMEOUT);
        matches!(answer, Ok((200, _)))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it with SIGKILL and waits for it.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Stops it with SIGTERM and waits for it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()
    }

    /// Stops it with SIGTERM and waits for it.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        let process = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status();
        ensure!(
            asked.context("running `kill`")?.success(),
            "stopping the program under test: SIGTERM failed"
        );
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(&self.child.id().to_string())
    }

    /// Its metrics show no open job.
    pub(crate) fn is_idle(&self) -> bool {
        if self.admin.is_none() {
            return true;
        }
        let idle = |text: String| {
            let has = |wanted: &str| text.lines().any(|line| line == wanted);
            has("noticebot_open_jobs 0") && has("noticebot_open_deliveries 0")
        };
        self.metrics().is_some_and(idle)
    }

    /// Its metrics, if they can be read.
    pub(crate) fn metrics(&self) -> Option<String> {
        self.ask_admin("/metrics").ok().map(|(_, text)| text)
    }

    /// Requests a path of the admin listener.
    pub(crate) fn ask_admin(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let admin = self.admin.context("it has no admin listener")?;
        Ok(http::get(admin, path, TIMEOUT)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Pins all threads of this process to one core.
pub(crate) fn pin_this_process(core: usize) -> anyhow::Result<()> {
    let (core, process) = (core.to_string(), std::process::id().to_string());
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core, &process])
        .stdout(Stdio::null())
        .status()
        .context("running `taskset`, which pins processes to a core")?;
    ensure!(
        pinned.success(),
        "pinning this process to core {core}: `taskset` failed"
    );
    Ok(())
}

/// An address that stays free while the program restarts: no outgoing connection gets a port this
/// low.
fn free_address() -> anyhow::Result<SocketAddr> {
    let mut rng = rand::rng();
    for _ in 0..100 {
        let port = rng.random_range(LOWEST_PORT..FIRST_EPHEMERAL_PORT);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("finding a free port: none left")
}
