//! The program under test, as a child process that never outlives its value.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::RngExt as _;

use crate::platform::Platform;
use crate::time::Limits;
use crate::usage::Usage;
use crate::wire;

/// How long a program may take until it is ready.
const START: Duration = Duration::from_secs(15);
/// How often a starting program is asked whether it is ready.
const GLANCE: Duration = Duration::from_millis(1);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// So many lines of a log are shown.
const LAST_WORDS: usize = 10;
/// Ports below this are not for us.
const LOWEST_PORT: u16 = 10_000;
/// The least number that Linux gives to outgoing connections by default.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

/// How to start a program, the same each time.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// What it is called in reports.
    pub(crate) name: &'static str,
    /// Where it takes events and says whether it is ready.
    pub(crate) address: SocketAddr,
    /// Where the bot serves its metrics; the yardstick has none.
    admin: Option<SocketAddr>,
    executable: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    core: Option<usize>,
}

impl Program {
    /// The bot on this database.
    pub(crate) fn bot(
        executable: &Path,
        config: Option<&Path>,
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
            ("FEISHU_BASE_URL", platform.sim.base_url()),
            ("NOTICEBOT_LISTEN", address.to_string()),
            ("NOTICEBOT_ADMIN_LISTEN", admin.to_string()),
            ("NOTICEBOT_DATABASE_URL", database_url.to_owned()),
        ];
        if let Some(config) = config {
            environment.push(("NOTICEBOT_CONFIG", config.display().to_string()));
        }
        Ok(Self {
            name: "noticebot",
            address,
            admin: Some(admin),
            executable: executable.to_owned(),
            arguments: vec!["serve".to_owned()],
            environment,
            log,
            core: None,
        })
    }

    /// The yardstick: this very program with another verb.
    pub(crate) fn yardstick(platform: &Platform, folder: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let [key, token] = platform.secrets();
        let listen = address.to_string();
        let arguments = [
            "yardstick",
            "--listen",
            &listen,
            "--encrypt-key",
            &key,
            "--verification-token",
            &token,
        ];
        Ok(Self {
            name: "yardstick",
            address,
            admin: None,
            executable: std::env::current_exe().context("finding this program")?,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            log: folder.join("yardstick.log"),
            core: None,
        })
    }

    /// Keeps the program on one core.
    pub(crate) fn on_core(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// Starts it, with nothing of this process's environment.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening `{}`", self.log.display()))?;
        let mut command = match self.core {
            None => Command::new(&self.executable),
            Some(core) => {
                // It becomes the program, so the process id stays the same.
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
        let executable = self.executable.display();
        let child = command
            .spawn()
            .with_context(|| format!("starting `{executable}`"))?;
        Ok(Running {
            child,
            began: Instant::now(),
            address: self.address,
            admin: self.admin,
        })
    }

    /// The end of the program's log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
        format!("The log of {} ends:\n{}", self.name, last.join("\n"))
    }
}

/// A program that runs, until this is dropped: then it is killed with SIGKILL.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    began: Instant,
    address: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Running {
    /// Waits until it is ready, and says how long that took.
    pub(crate) fn ready(&mut self, limits: &Limits) -> anyhow::Result<Duration> {
        let asked = limits.within(START).poll(GLANCE, || {
            if self.has_ended() {
                return Some(false);
            }
            self.is_ready().then_some(true)
        });
        ensure!(
            asked == Some(true),
            "the program under test did not become ready"
        );
        Ok(self.began.elapsed())
    }

    /// It says that it is.
    pub(crate) fn is_ready(&self) -> bool {
        let answer = wire::get(self.address, "/readyz", PATIENCE);
        matches!(answer, Ok((200, _)))
    }

    /// It ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Asks it to end with SIGTERM, and waits for that.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()
    }

    /// The same.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        let process = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status();
        ensure!(
            asked.context("running `kill`")?.success(),
            "the program under test cannot be stopped"
        );
        self.child.wait()?;
        Ok(())
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(&self.child.id().to_string())
    }

    /// It has no job left that is not finished, and says so.
    pub(crate) fn is_idle(&self) -> bool {
        if self.admin.is_none() {
            return true;
        }
        let idle = |text: String| text.lines().any(|line| line == "noticebot_open_jobs 0");
        self.metrics().is_some_and(idle)
    }

    /// What it tells Prometheus, if it does.
    pub(crate) fn metrics(&self) -> Option<String> {
        let answer = wire::get(self.admin?, "/metrics", PATIENCE);
        answer.ok().map(|(_, text)| text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps this process on one core, all its threads.
pub(crate) fn pin_this_process(core: usize) -> anyhow::Result<()> {
    let (core, process) = (core.to_string(), std::process::id().to_string());
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core, &process])
        .stdout(Stdio::null())
        .status()
        .context("running `taskset`, which keeps processes on a core")?;
    ensure!(pinned.success(), "there is no core {core} for this process");
    Ok(())
}

/// An address that stays free while the program is down for a moment: no outgoing connection is
/// ever given a port this low.
fn free_address() -> anyhow::Result<SocketAddr> {
    let mut rng = rand::rng();
    for _ in 0..100 {
        let port = rng.random_range(LOWEST_PORT..FIRST_EPHEMERAL_PORT);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no free port was found")
}
