//! A server that is started for this process and ends with it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use rand::RngExt as _;

use super::guard::{Guard, Home};
use crate::tls::{Authority, Certified};

/// Where Debian has the programs, below a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Of its first database, without TLS.
    pub(crate) url: String,
    /// Who has certified it, in PEM.
    pub(crate) authority: String,
    password: String,
    port: u16,
    guard: Guard,
}

/// Whether it waits for the disk; nothing of a test is meant to outlive the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    None,
    Full,
    /// A commit waits for a standby, but not for the disk.
    Replicated,
}

impl Server {
    /// Starts one that can have a standby.
    ///
    /// # Errors
    ///
    /// When the programs are missing or it does not start, with the remedy.
    pub fn primary() -> anyhow::Result<Self> {
        Self::start(Durability::Replicated)
    }

    pub(crate) fn start(durability: Durability) -> anyhow::Result<Self> {
        let (programs, home) = (programs()?, Home::make()?);
        let password = format!("{:032x}", rand::rng().random::<u128>());
        init(&programs, &home, &password)?;
        Self::run(&programs, home, durability, password)
    }

    /// Starts a standby of this server, which is then asked to wait for it with every commit.
    ///
    /// # Errors
    ///
    /// When it cannot be copied, or does not start.
    pub fn standby(&self) -> anyhow::Result<Self> {
        let (programs, home) = (programs()?, Home::make()?);
        let log = home.path().join("copy.log");
        let mut copy = home.as_user(Command::new(programs.join("pg_basebackup")));
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args([
                "--wal-method=stream",
                "--username=postgres",
                "--host=127.0.0.1",
            ])
            .arg(format!("--port={}", self.port))
            .arg("--pgdata")
            .arg(home.path().join("data"))
            .env("PGPASSWORD", &self.password)
            .env("PGSSLMODE", "disable")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let copied = copy.status().context("running `pg_basebackup`")?;
        ensure!(
            copied.success(),
            "`pg_basebackup` failed: {}",
            fs::read_to_string(&log).unwrap_or_default()
        );
        let password = self.password.clone();
        Self::run(&programs, home, Durability::Replicated, password)
    }

    fn run(
        programs: &Path,
        home: Home,
        durability: Durability,
        password: String,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let authority = Authority::new()?;
        let Certified {
            certificate, key, ..
        } = authority.certify()?;
        home.write("server.crt", &certificate)?;
        home.write("server.key", &key)?;
        let settings = settings(port, home.path(), durability);
        home.write("postgresql.conf", &settings)?;
        let mut server = Command::new(programs.join("postgres"));
        server
            .arg("-D")
            .arg(home.path().join("data"))
            .arg("-c")
            .arg(format!(
                "config_file={}",
                home.path().join("postgresql.conf").display()
            ));
        let mut guard = Guard::start(home, &server, "QUIT")?;
        guard.wait_until(|| answers(programs, port))?;
        Ok(Self {
            url: format!(
                "postgres://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable"
            ),
            authority: authority.pem(),
            password,
            port,
            guard,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Stops it and all its processes where they are; what is sent to it waits.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal_all("STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal_all("CONT")
    }

    /// Stops the process that takes connections, and none of those that serve them.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn freeze_postmaster(&self) -> anyhow::Result<()> {
        signal("STOP", self.process()?)
    }

    /// Ends it as a crash does.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn kill(&self) -> anyhow::Result<()> {
        signal("QUIT", self.process()?)
    }

    fn process(&self) -> anyhow::Result<u32> {
        let file = self.guard.folder().join("data/postmaster.pid");
        let text = fs::read_to_string(file).context("the server has ended")?;
        let first = text.lines().next().unwrap_or_default();
        Ok(first.trim().parse()?)
    }

    fn signal_all(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process()?;
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
        // The first one makes the others, and must not while they are stopped.
        signal(name, process)?;
        for child in children.split_whitespace() {
            // It may have ended in this very moment.
            let _ = signal(name, child.parse()?);
        }
        Ok(())
    }
}

fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .context("running `kill`")?;
    ensure!(sent.success(), "the server has ended");
    Ok(())
}

/// The folder of the newest programs.
fn programs() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(DEBIAN).into_iter().flatten().flatten() {
        let version = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let folder = entry.path().join("bin");
        if let Some(version) = version
            && folder.join("initdb").exists()
        {
            versions.push((version, folder));
        }
    }
    if let Some((_, folder)) = versions.into_iter().max() {
        return Ok(folder);
    }
    // Elsewhere they are in PATH, and `pg_config` names the folder.
    let output = Command::new("pg_config").arg("--bindir").output();
    let output =
        output.context("neither are there programs in the usual place, nor `pg_config`")?;
    let folder = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    ensure!(
        folder.join("initdb").exists(),
        "there is no `initdb` in `{}`",
        folder.display()
    );
    Ok(folder)
}

fn init(programs: &Path, home: &Home, password: &str) -> anyhow::Result<()> {
    home.write("password", password)?;
    let log = home.path().join("initdb.log");
    let mut init = home.as_user(Command::new(programs.join("initdb")));
    init.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C"])
        .arg("--pwfile")
        .arg(home.path().join("password"))
        .arg(home.path().join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?);
    let made = init.status().context("running `initdb`")?;
    ensure!(
        made.success(),
        "`initdb` failed: {}",
        fs::read_to_string(&log).unwrap_or_default()
    );
    Ok(())
}

fn settings(port: u16, folder: &Path, durability: Durability) -> String {
    let folder = folder.display();
    let durability = match durability {
        Durability::None => {
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             wal_level = minimal\nmax_wal_senders = 0\n"
        }
        Durability::Full => "wal_level = minimal\nmax_wal_senders = 0\n",
        Durability::Replicated => "fsync = off\nfull_page_writes = off\nwal_level = replica\n",
    };
    format!(
        "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
         max_connections = 500\n{durability}\
         shared_buffers = 64MB\nssl = on\n\
         ssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n"
    )
}

/// Whether it takes connections.
fn answers(programs: &Path, port: u16) -> bool {
    let asked = Command::new(programs.join("pg_isready"))
        .args(["--quiet", "--host=127.0.0.1", "--port"])
        .arg(port.to_string())
        .status();
    asked.is_ok_and(|status| status.success())
}

pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
