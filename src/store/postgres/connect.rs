//! Connections to the server: pooled ones for requests, one that listens.

use std::future::poll_fn;
use std::time::Duration;

use anyhow::Context as _;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use feishu::ExtraRoots;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may wait for a connection. The platform waits 3 s.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that says nothing for so long is asked whether it is there, and given
/// up soon after.
const SILENCE: Duration = Duration::from_secs(10);

/// What is set on every connection: how long a statement may take and a transaction may rest.
/// Nothing but the server's own catalogue is found without its schema.
///
/// Every statement of ours is meant to go by an index, in the index's order, and to
/// stop early. The planner is kept from reading a whole table instead: in a queue that
/// was empty when it was analyzed last, or full, it would think that cheaper.
const SESSION: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = '10s'; \
         SET idle_in_transaction_session_timeout = '10s'; \
         SET client_min_messages = warning; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off";

/// Opens connections.
#[derive(Clone)]
pub(in crate::store) struct Connector {
    config: tokio_postgres::Config,
    /// None where the URL does without TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(in crate::store) fn new(
        url: &tokio_postgres::Config,
        extra_roots: &ExtraRoots,
    ) -> anyhow::Result<Self> {
        let mut config = url.clone();
        config
            .application_name("noticebot")
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
        Ok(Self { config, tls })
    }

    /// A pool of connections that are ready for our statements.
    pub(in crate::store) fn pool(&self, size: usize) -> anyhow::Result<Pool> {
        let config = self.config.clone();
        let fast = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match self.tls.clone() {
            Some(tls) => Manager::from_config(config, tls, fast),
            None => Manager::from_config(config, NoTls, fast),
        };
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move {
                let prepared = client.batch_execute(SESSION).await;
                prepared.map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(WAIT_TIMEOUT))
            .post_create(prepare)
            .build()?;
        Ok(pool)
    }

    /// Talks over a connection of its own until either end stops; what the server
    /// notifies it of goes to `heard`.
    pub(super) async fn talk<T>(
        &self,
        heard: impl Fn(&str),
        talk: impl AsyncFnOnce(Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(tls) = self.tls.clone() {
            let (client, connection) = self.config.connect(tls).await?;
            return talk_over(client, connection, heard, talk).await;
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        talk_over(client, connection, heard, talk).await
    }
}

async fn talk_over<S, C, T>(
    client: Client,
    mut connection: Connection<S, C>,
    heard: impl Fn(&str),
    talk: impl AsyncFnOnce(Client) -> Result<T, Error>,
) -> Result<T, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: AsyncRead + AsyncWrite + Unpin,
{
    let drive = async {
        // It ends without an error once the client is gone, and then the talk has ended.
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message? {
                heard(notification.payload());
            }
        }
        Ok(std::future::pending().await)
    };
    let talk = async {
        client.batch_execute(SESSION).await?;
        talk(client).await
    };
    tokio::select! {
        talked = talk => talked,
        ended = drive => ended,
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be used ({0}): {REMEDY}")]
pub(crate) struct Unreachable(pub(crate) String);

/// What to do about it.
pub(crate) const REMEDY: &str = "see that the server runs and lets this user into this database, as `NOTICEBOT_DATABASE_URL` says; for a certificate by an authority of your own, set `NOTICEBOT_CA_FILE`";

/// Connects for the first time.
pub(in crate::store) async fn first(pool: &Pool) -> Result<Object, Unreachable> {
    pool.get().await.map_err(|error| {
        Unreachable(match error {
            PoolError::Backend(error) => told(&error),
            error => error.to_string(),
        })
    })
}

/// What may be told of an error. The server's details quote rows, in which stands
/// what people wrote.
pub(in crate::store) fn told(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return format!("{} {}", refusal.code().code(), refusal.message());
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
