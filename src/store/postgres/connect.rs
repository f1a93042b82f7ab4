//! Opens connections to the server: pooled ones for requests, and one that listens.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use deadpool_postgres::{
    ConfigConnectImpl, Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use feishu::ExtraRoots;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use hosts::{Hosts, InTurn};

mod hosts;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request may wait for a connection. The platform waits 3 s.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for the last response on a closed connection.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// A silent connection is probed after this time, and closed soon after.
const SILENCE: Duration = Duration::from_secs(10);

/// Settings of every session: the search path finds only the server's catalogue and our tables, and
/// timeouts bound statements and idle transactions. A pooler that shares sessions would lose the
/// settings, so it is rejected.
///
/// Limits that an admin set for the role or database are meant for people and reports: a bot waits
/// for locks as long as for statements, keeps idle sessions, and expects the default isolation
/// level. Not all server versions have all of these settings.
///
/// Every statement uses an index, in the order of the index, and stops early. Sequential scans are
/// disabled because the planner prefers them for a queue that was empty, or full, when it was last
/// analyzed. The plans that remain cost the planner so much that it would compile them, which takes
/// hundreds of times longer than to execute them, so compilation (`jit`) is disabled, too.
const SESSION: &str = "SET search_path = pg_catalog, noticebot, pg_temp; SET statement_timeout = '10s'; \
         SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = 0; \
         SELECT set_config(name, '0', false) FROM pg_settings \
             WHERE name IN ('idle_session_timeout', 'transaction_timeout', 'jit'); \
         SET default_transaction_isolation = 'read committed'; \
         SET client_min_messages = warning; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off";

#[derive(Clone)]
pub(in crate::store) struct Connector {
    hosts: Hosts,
    /// None if the URL disables TLS.
    tls: Option<MakeRustlsConnect>,
}

/// Which servers are acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Access {
    /// Only a writable server: no standby and no read-only one.
    Write,
    Any,
}

impl Connector {
    pub(in crate::store) fn new(
        url: &Config,
        extra_roots: &ExtraRoots,
        access: Access,
    ) -> anyhow::Result<Self> {
        let mut config = url.clone();
        config
            .application_name("noticebot")
            .target_session_attrs(match access {
                Access::Write => TargetSessionAttrs::ReadWrite,
                Access::Any => TargetSessionAttrs::Any,
            })
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(SILENCE);
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            None
        } else {
            let tls = extra_roots.client_config().context("preparing TLS")?;
            Some(MakeRustlsConnect::new(tls))
        };
        let hosts = Hosts::of(&config).context("the URL names no host")?;
        Ok(Self { hosts, tls })
    }

    /// A pool of configured sessions. One that was opened then is reused if `is_valid`.
    pub(super) fn pool_of(
        &self,
        size: usize,
        is_valid: impl Fn(Instant) -> bool + Send + Sync + 'static,
    ) -> anyhow::Result<Pool> {
        let fast = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let hosts = self.hosts.clone();
        // The manager needs a configuration, which `InTurn` ignores.
        let any = hosts.last.clone();
        let connect = match self.tls.clone() {
            Some(tls) => InTurn::new(hosts, ConfigConnectImpl { tls }),
            None => InTurn::new(hosts, ConfigConnectImpl { tls: NoTls }),
        };
        let manager = Manager::from_connect(any, connect, fast);
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move {
                let prepared = client.batch_execute(SESSION).await;
                prepared.map_err(HookError::Backend)
            })
        });
        let runner = Hook::sync_fn(move |_, metrics: &Metrics| {
            let is_valid = is_valid(metrics.created);
            is_valid
                .then_some(())
                .ok_or(HookError::message("discarded"))
        });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(WAIT_TIMEOUT))
            .post_create(prepare)
            .pre_recycle(runner)
            .build()?;
        Ok(pool)
    }

    pub(in crate::store) fn pool(&self, size: usize) -> anyhow::Result<Pool> {
        self.pool_of(size, |_| true)
    }

    /// Runs `talk` on a new configured connection until it ends or the connection closes.
    /// `on_notification` receives the payloads of notifications.
    pub(super) async fn talk<T>(
        &self,
        on_notification: impl Fn(&str),
        talk: impl AsyncFnOnce(Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let prepared = async |client: Client| {
            client.batch_execute(SESSION).await?;
            talk(client).await
        };
        self.talk_plainly(on_notification, prepared).await
    }

    /// Like [`talk`](Self::talk), without settings.
    pub(super) async fn talk_plainly<T>(
        &self,
        on_notification: impl Fn(&str),
        talk: impl AsyncFnOnce(Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(tls) = self.tls.clone() {
            let connect = |host: &Config| connect(host.clone(), tls.clone());
            let (client, connection) = self.hosts.first(connect).await?;
            return talk_over(client, connection, on_notification, talk).await;
        }
        let connect = |host: &Config| connect(host.clone(), NoTls);
        let (client, connection) = self.hosts.first(connect).await?;
        talk_over(client, connection, on_notification, talk).await
    }
}

async fn connect<T: MakeTlsConnect<Socket>>(
    host: Config,
    tls: T,
) -> Result<(Client, Connection<Socket, T::Stream>), Error> {
    host.connect(tls).await
}

async fn talk_over<S, C, T>(
    client: Client,
    mut connection: Connection<S, C>,
    on_notification: impl Fn(&str),
    talk: impl AsyncFnOnce(Client) -> Result<T, Error>,
) -> Result<T, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: AsyncRead + AsyncWrite + Unpin,
{
    let drive = async {
        // It ends without an error once the client is dropped, and then `talk` has ended.
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message? {
                on_notification(notification.payload());
            }
        }
        Ok(std::future::pending().await)
    };
    let mut talk = pin!(talk(client));
    tokio::select! {
        talked = talk.as_mut() => talked,
        ended = drive => match timeout(LAST_WORDS, talk).await {
            // The last response has the reason.
            Ok(Err(error)) if error.code().is_some() => Err(error),
            _ => ended,
        },
    }
}

/// Why the server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("using the database: {cause}: {remedy}")]
pub(crate) struct Unreachable {
    pub(crate) cause: String,
    pub(crate) remedy: &'static str,
    /// It may pass by itself or is under repair.
    pub(super) will_pass: bool,
}

const REACH: &str = "check that the server runs and that the user in `NOTICEBOT_DATABASE_URL` can connect to the database; for a certificate of a private authority, set `NOTICEBOT_CA_FILE`";
const MORE_CONNECTIONS: &str = "raise `max_connections` of the server, or the connection limit of this user or database, or lower `store.connections`";
const USE_PRIMARY: &str = "set `NOTICEBOT_DATABASE_URL` to the primary server, or name all servers in it (`postgres://USER@one,two/DATABASE`); a primary may be configured read-only (`default_transaction_read_only`)";
const STARTING: &str = "wait until the server accepts connections";
const MORE_SESSIONS: &str = "raise `default_pool_size` of the pooler in front of the server (PgBouncer; also `max_db_connections`, `max_user_connections`), or lower `store.connections`";

impl Unreachable {
    pub(super) fn new(cause: String) -> Self {
        Self {
            cause,
            remedy: REACH,
            will_pass: false,
        }
    }

    /// It accepts connections but does not respond.
    fn silent() -> Self {
        Self {
            cause: "it does not respond".to_owned(),
            remedy: STARTING,
            will_pass: true,
        }
    }

    pub(super) fn few_sessions(connections: usize) -> Self {
        Self {
            cause: format!("it does not allow {connections} concurrent connections"),
            remedy: MORE_SESSIONS,
            will_pass: true,
        }
    }
}

/// Limits the time for contacting a server that may not respond.
pub(super) async fn unless_silent<T>(
    looking: impl Future<Output = Result<T, Unreachable>>,
) -> Result<T, Unreachable> {
    // Boxed, as it holds connections while they are made.
    let looked = timeout(SILENCE, Box::pin(looking)).await;
    looked.unwrap_or_else(|_| Err(Unreachable::silent()))
}

impl From<Error> for Unreachable {
    fn from(error: Error) -> Self {
        let cause = describe(&error);
        let remedy = match error.code() {
            Some(&SqlState::TOO_MANY_CONNECTIONS) => MORE_CONNECTIONS,
            Some(
                &SqlState::CANNOT_CONNECT_NOW
                | &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN,
            ) => STARTING,
            // A pooler passes on only the text of its server's error.
            Some(_)
                if cause.contains("too many clients") || cause.contains("no more connections") =>
            {
                MORE_CONNECTIONS
            }
            None if is_read_only(&error) => USE_PRIMARY,
            _ => return Self::new(cause),
        };
        Self {
            cause,
            remedy,
            will_pass: true,
        }
    }
}

impl From<PoolError> for Unreachable {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            error => Self::new(error.to_string()),
        }
    }
}

/// Whether the library rejected the server as read-only.
fn is_read_only(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Opens one connection, preferably to a writable server.
pub(in crate::store) async fn look_at(
    server: &Config,
    extra_roots: &ExtraRoots,
) -> Result<Object, Unreachable> {
    let of = async |access| {
        let connector = Connector::new(server, extra_roots, access);
        let pool = connector.and_then(|connector| connector.pool(1));
        let pool = pool.map_err(|error| Unreachable::new(format!("{error:#}")))?;
        Ok::<_, Unreachable>(pool.get().await?)
    };
    match of(Access::Write).await {
        Err(unreachable) if unreachable.remedy == USE_PRIMARY => of(Access::Any).await,
        looked => looked,
    }
}

/// A description of an error that is safe to log: the server's details quote rows, and with them
/// texts.
pub(in crate::store) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return format!("{} {}", refusal.code().code(), refusal.message());
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
