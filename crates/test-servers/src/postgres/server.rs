//! A server that is started for this process and ends with it.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rand::RngExt as _;

use crate::tls::{Authority, Certified};

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);
/// How often it is asked whether it has.
const GLANCE: Duration = Duration::from_millis(20);
/// Where Debian has the programs, below a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The shell waits for the end of its standard input, which comes when this process ends, even by
/// SIGKILL; then it ends the server and takes its folder away.
const GUARD: &str = r#"
"$1/postgres" -D "$2/data" -c config_file="$2/postgresql.conf" >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Of its first database, without TLS.
    pub(crate) url: String,
    /// Who has certified it, in PEM.
    pub(crate) authority: String,
    /// Closed when this process ends.
    _guard: ChildStdin,
}

/// Whether it waits for the disk; nothing of a test is meant to outlive the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Durability {
    None,
    Full,
}

/// Whom the server runs as.
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    pub(crate) fn start(durability: Durability) -> anyhow::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("test-servers-").tempdir()?;
        let user = user(folder.path())?;
        if let Some(User { uid, gid }) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let password = format!("{:032x}", rand::rng().random::<u128>());
        let port = free_port()?;
        init(&programs, folder.path(), user.as_ref(), &password)?;
        let authority = Authority::new()?;
        let Certified {
            certificate, key, ..
        } = authority.certify()?;
        write_for(
            &folder.path().join("server.crt"),
            &certificate,
            user.as_ref(),
        )?;
        write_for(&folder.path().join("server.key"), &key, user.as_ref())?;
        let settings = settings(port, folder.path(), durability);
        fs::write(folder.path().join("postgresql.conf"), settings)?;
        let mut guard = as_user(Command::new("sh"), user.as_ref());
        guard
            .args(["-c", GUARD, "sh"])
            .args([&programs, folder.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // From here on the guard takes the folder away.
        let folder = folder.keep();
        let mut guard = guard.spawn().context("starting the server")?;
        let stdin = guard.stdin.take().context("starting the server")?;
        let begun = Instant::now();
        while !answers(&programs, port) {
            if begun.elapsed() > START || guard.try_wait()?.is_some() {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("the server did not start:\n{log}");
            }
            std::thread::sleep(GLANCE);
        }
        Ok(Self {
            url: format!(
                "postgres://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable"
            ),
            authority: authority.pem(),
            _guard: stdin,
        })
    }
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
    // Elsewhere they stand in PATH, and `pg_config` says where.
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

/// Nobody else if this process may run a server itself.
fn user(folder: &Path) -> anyhow::Result<Option<User>> {
    // What this process makes belongs to whom it runs as.
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let known = fs::read_to_string("/etc/passwd")?;
    let named = |name: &str| {
        let line = known.lines().find(|line| line.starts_with(name))?;
        let mut fields = line.split(':').skip(2).map_while(|id| id.parse().ok());
        Some(User {
            uid: fields.next()?,
            gid: fields.next()?,
        })
    };
    let user = named("postgres:").or_else(|| named("nobody:"));
    Ok(Some(user.context(
        "a server does not run as root, and neither `postgres` nor `nobody` is known here",
    )?))
}

fn as_user(mut command: Command, user: Option<&User>) -> Command {
    if let Some(User { uid, gid }) = user {
        command.uid(*uid).gid(*gid);
    }
    // It must not end with whoever presses ctrl-C before it has cleared up.
    command.process_group(0).current_dir("/");
    command
}

fn init(programs: &Path, folder: &Path, user: Option<&User>, password: &str) -> anyhow::Result<()> {
    let secret = folder.join("password");
    write_for(&secret, password, user)?;
    let log = folder.join("initdb.log");
    let mut init = as_user(Command::new(programs.join("initdb")), user);
    init.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C"])
        .arg("--pwfile")
        .arg(&secret)
        .arg(folder.join("data"))
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

/// Writes a file that only its owner reads.
fn write_for(path: &Path, text: &str, user: Option<&User>) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file?.write_all(text.as_bytes())?;
    if let Some(User { uid, gid }) = user {
        chown(path, Some(*uid), Some(*gid))?;
    }
    Ok(())
}

fn settings(port: u16, folder: &Path, durability: Durability) -> String {
    let folder = folder.display();
    let durability = match durability {
        Durability::None => "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n",
        Durability::Full => "",
    };
    format!(
        "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
         max_connections = 500\n{durability}\
         wal_level = minimal\nmax_wal_senders = 0\nshared_buffers = 64MB\nssl = on\n\
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

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
