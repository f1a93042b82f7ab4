//! PgBouncer in front of a server.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::Database;
use super::guard::{Guard, Home};
use super::server::free_port;

/// Where Debian has it, which is not in everybody's PATH.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

/// A running PgBouncer.
#[derive(Debug)]
pub struct Bouncer {
    port: u16,
    _guard: Guard,
}

impl Bouncer {
    /// Starts one in front of a database's server, with this `pool_mode` and at most so many sessions
    /// of the server.
    ///
    /// # Errors
    ///
    /// When it is not installed (Debian: `apt-get install pgbouncer`), or does not start.
    pub fn start(database: &Database, mode: &str, size: usize) -> anyhow::Result<Self> {
        ensure!(
            Path::new(DEBIAN).exists(),
            "there is no `{DEBIAN}`: install it (Debian: `apt-get install pgbouncer`)"
        );
        let home = Home::make()?;
        let port = free_port()?;
        let settings = settings(database, mode, size, port)?;
        home.write("pgbouncer.ini", &settings)?;
        let mut program = Command::new(DEBIAN);
        program.arg(home.path().join("pgbouncer.ini"));
        let mut guard = Guard::start(home, &program, "TERM")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        guard.wait_until(|| TcpStream::connect(address).is_ok())?;
        Ok(Self {
            port,
            _guard: guard,
        })
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

fn settings(database: &Database, mode: &str, size: usize, port: u16) -> anyhow::Result<String> {
    let config: tokio_postgres::Config = database.url().parse()?;
    let server = config.get_ports().first().context("the URL has no port")?;
    let password = config.get_password().unwrap_or_default();
    let password = std::str::from_utf8(password)?;
    let user = config.get_user().unwrap_or_default();
    Ok(format!(
        "[databases]\n* = host=127.0.0.1 port={server} user={user} password={password}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
    ))
}
