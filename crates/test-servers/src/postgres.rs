//! Fresh databases on a PostgreSQL server.

mod bouncer;
mod guard;
mod server;

use std::net::SocketAddr;
use std::sync::OnceLock;

use anyhow::Context as _;
use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

pub use bouncer::Bouncer;
use server::Durability;
pub use server::Server;

/// The variable that names a server.
pub const URL_VARIABLE: &str = "NOTICEBOT_TEST_POSTGRES_URL";

/// A database with nothing in it.
#[derive(Debug)]
pub struct Database {
    name: String,
    /// The server's URL before and after the name of the database.
    url: (String, String),
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Held {
    _client: Client,
    _tasks: JoinSet<Result<(), tokio_postgres::Error>>,
}

/// The process's one server of either kind, or why there is none.
static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
static DURABLE_SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// The age, in seconds, from which databases of earlier processes are removed.
const FORGOTTEN: u64 = 3600;

impl Database {
    /// Makes one, on the server that the environment names or on one of this process's own.
    ///
    /// # Errors
    ///
    /// When there is no server and none can be started, with the remedy.
    pub async fn create() -> anyhow::Result<Self> {
        let url = match named_url() {
            Some(url) => {
                clear(&url).await.context("looking at the test server")?;
                url
            }
            None => own_server(&SERVER, Durability::None)?.url.clone(),
        };
        Self::create_at(&url).await
    }

    /// The same, but a server of this process's own waits for the disk as one in use does.
    ///
    /// # Errors
    ///
    /// When there is no server and none can be started, with the remedy.
    pub async fn create_durable() -> anyhow::Result<Self> {
        let url = match named_url() {
            Some(url) => url,
            None => own_server(&DURABLE_SERVER, Durability::Full)?.url.clone(),
        };
        Self::create_at(&url).await
    }

    /// Makes one on a server of this process's own, whatever the environment names. Comes with its
    /// URL for who speaks TLS, and the authority that has to be trusted then, in PEM.
    ///
    /// # Errors
    ///
    /// When none can be started, with the remedy.
    pub async fn create_with_tls() -> anyhow::Result<(Self, String, String)> {
        let server = own_server(&SERVER, Durability::None)?;
        let database = Self::create_at(&server.url).await?;
        let url = database.url().replace("sslmode=disable", "sslmode=require");
        Ok((database, url, server.authority.clone()))
    }

    /// Makes one on this server.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub async fn create_on(server: &Server) -> anyhow::Result<Self> {
        Self::create_at(&server.url).await
    }

    /// The same database, as a standby of its server has it.
    #[must_use]
    pub fn on_standby(&self, standby: &Server) -> Self {
        let name = self.name.clone();
        let url = (
            format!(
                "postgres://postgres:{}@{}",
                standby.password(),
                standby.address()
            ),
            self.url.1.clone(),
        );
        Self { name, url }
    }

    async fn create_at(url: &str) -> anyhow::Result<Self> {
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (place, _) = place
            .rsplit_once('/')
            .context("the server's URL names no database")?;
        let database = Self {
            name: format!("test_{}_{:016x}", seconds(), rand::rng().random::<u64>()),
            url: (place.to_owned(), parameters.to_owned()),
        };
        let create = format!("CREATE DATABASE {}", database.name);
        let made = connect_to(url, async |client| client.batch_execute(&create).await);
        made.await.context("making a database for a test")?;
        Ok(database)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let (place, parameters) = &self.url;
        let mark = if parameters.is_empty() { "" } else { "?" };
        format!("{place}/{}{mark}{parameters}", self.name)
    }

    /// Where it is when these addresses lead to its server.
    pub fn url_at(&self, addresses: &[SocketAddr]) -> String {
        let (place, parameters) = &self.url;
        let user = place.rsplit_once('@').map_or(&**place, |(user, _)| user);
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        format!("{user}@{}/{}?{parameters}", addresses.join(","), self.name)
    }

    /// Runs statements in a session of its own.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn execute(&self, statements: &str) -> Result<(), tokio_postgres::Error> {
        self.talk(async |client| client.batch_execute(statements).await)
            .await
    }

    /// The first column of the first row of an answer that has one, as a number.
    ///
    /// # Errors
    ///
    /// When the server refuses, or the answer is no number.
    pub async fn number(&self, query: &str) -> Result<i64, tokio_postgres::Error> {
        self.talk(async |client| client.query_one(query, &[]).await?.try_get(0))
            .await
    }

    /// Runs statements and keeps the connection, and with it what they lock, until what comes back is
    /// dropped.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn hold(&self, statements: &str) -> Result<Held, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        client.batch_execute(statements).await?;
        Ok(Held {
            _client: client,
            _tasks: tasks,
        })
    }

    /// Talks to it over a connection of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, and whatever the talk comes to.
    pub async fn talk<T>(
        &self,
        talk: impl AsyncFnOnce(&mut Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, tokio_postgres::Error> {
        connect_to(&self.url(), talk).await
    }
}

/// A server that the environment names.
fn named_url() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests learn of a server in no other way"
    )]
    let named = std::env::var(URL_VARIABLE).ok();
    named.filter(|url| !url.is_empty())
}

/// A server of this process's own.
fn own_server(
    server: &'static OnceLock<Result<Server, String>>,
    durability: Durability,
) -> anyhow::Result<&'static Server> {
    let start = || Server::start(durability).map_err(|error| format!("{error:#}"));
    let server = server.get_or_init(start);
    server.as_ref().map_err(|error| {
        anyhow::anyhow!(
            "no PostgreSQL server could be started ({error}): install one (Debian: `apt-get install postgresql`), or name one with `{URL_VARIABLE}`"
        )
    })
}

/// Takes away what earlier processes have left on a server that goes on. It cannot be done when a
/// database is dropped: its connections end later.
async fn clear(url: &str) -> Result<(), tokio_postgres::Error> {
    let names = "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'";
    connect_to(url, async |client| {
        for row in client.query(names, &[]).await? {
            let name: String = row.get(0);
            let made = name.split('_').nth(1).and_then(|made| made.parse().ok());
            if made.is_some_and(|made: u64| made + FORGOTTEN < seconds()) {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                client.batch_execute(&drop).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Since 1970.
fn seconds() -> u64 {
    let age = std::time::UNIX_EPOCH.elapsed();
    age.map_or(0, |age| age.as_secs())
}

async fn connect_to<T>(
    url: &str,
    talk: impl AsyncFnOnce(&mut Client) -> Result<T, tokio_postgres::Error>,
) -> Result<T, tokio_postgres::Error> {
    let (mut client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let talked = async move {
        let talked = talk(&mut client).await;
        drop(client);
        talked
    };
    let (talked, _) = tokio::join!(talked, connection);
    talked
}
