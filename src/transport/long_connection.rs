//! Events over a WebSocket that the bot opens, for who has no public address:
//! connected again whenever it ends, and handed to the intake that every
//! transport shares.
//!
//! The platform gives each event to one of an app's connections, so several
//! processes share the work, and delivers again what is not acknowledged, so a
//! connection that ends loses nothing.

use std::time::Duration;

use feishu::long_connection::{
    ClientConfig, ConnectError, Connection, Connector, Dropped, EndpointError, EndpointReason,
    Event, HandshakeReason, MessageType, Payload,
};
use feishu::{Client, Clock};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::{EventResponse, Intake, Rejection};
use crate::telemetry::Metrics;

/// How often what came to nothing is counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Keeps one connection open.
pub(crate) struct LongConnection {
    pub(crate) intake: Intake,
    pub(crate) client: Client,
    pub(crate) connector: Connector,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    /// Whether events can come in.
    pub(crate) alive: watch::Sender<bool>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LongConnectionError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl LongConnection {
    /// Receives until `stop`.
    ///
    /// # Errors
    ///
    /// When the platform refuses in a way that waiting does not mend, with the
    /// remedy.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.metrics.want_long_connection();
        let mut config = ClientConfig::default();
        // Since the last connection, or since the start, whose first is none of them.
        let mut tries = 0;
        loop {
            match stop.run_until_cancelled(self.connect(&mut config)).await {
                None => return Ok(()),
                Some(Ok(connection)) => {
                    tries = 0;
                    self.serve(connection, &mut config, &stop).await;
                    if stop.is_cancelled() {
                        return Ok(());
                    }
                }
                Some(Err(error)) => {
                    if let Some(remedy) = remedy(&error) {
                        anyhow::bail!("{error}: {remedy}");
                    }
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(error = %error, source, "there is no long connection");
                }
            }
            let Some(wait) = config.wait_before_try(tries, rand::random()) else {
                anyhow::bail!(
                    "the platform lets a lost connection be tried {tries} times and no more: see why it is refused, then start again"
                );
            };
            tries += 1;
            tracing::info!(
                seconds = wait.as_secs(),
                "the long connection is tried again"
            );
            let wait = self.clock.sleep(wait);
            if stop.run_until_cancelled(wait).await.is_none() {
                return Ok(());
            }
        }
    }

    async fn connect(&self, config: &mut ClientConfig) -> Result<Connection, LongConnectionError> {
        let endpoint = self.client.long_connection_endpoint().await?;
        *config = endpoint.config();
        Ok(self.connector.connect(&endpoint).await?)
    }

    /// Takes what comes over a connection until it ends or the bot stops.
    async fn serve(
        &self,
        mut connection: Connection,
        config: &mut ClientConfig,
        stop: &CancellationToken,
    ) {
        self.alive.send_replace(true);
        self.metrics.long_connection(true);
        tracing::info!("the long connection is open");
        // In one task, so that what came first is queued first.
        let mut taking = FuturesUnordered::new();
        let mut counted = Dropped::default();
        let mut count = interval(COUNT_EVERY);
        loop {
            tokio::select! {
                event = connection.next() => match event {
                    Ok(Event::Payload(payload)) => taking.push(self.process(payload)),
                    Ok(Event::Config(changed)) => *config = changed,
                    Err(reason) => {
                        tracing::warn!(reason = %reason, "the long connection has ended");
                        break;
                    }
                },
                Some(()) = taking.next() => {}
                _ = count.tick() => self.count(connection.dropped(), &mut counted),
                () = stop.cancelled() => break,
            }
        }
        self.alive.send_replace(false);
        self.metrics.long_connection(false);
        // What came in is acknowledged, if it still can be.
        while taking.next().await.is_some() {}
        self.count(connection.dropped(), &mut counted);
        connection.close().await;
    }

    async fn process(&self, payload: Payload) {
        let Payload {
            message_type,
            bytes,
            ack,
            ..
        } = payload;
        // The old callback of cards is not supported here by the platform.
        if message_type != MessageType::Event {
            ack.taken();
            return;
        }
        let _turn = self.intake.reserve(bytes.len()).await;
        match self.intake.process(&bytes).await {
            Ok(EventResponse::Callback(answer)) => ack.answer(answer.as_bytes()),
            Err(Rejection::Unavailable) => ack.failed(),
            Ok(EventResponse::Empty | EventResponse::Challenge(_))
            // It would be no better the next time.
            | Err(Rejection::Unauthorized | Rejection::Malformed) => ack.taken(),
        }
    }

    fn count(&self, dropped: Dropped, counted: &mut Dropped) {
        self.metrics.dropped(dropped, *counted);
        *counted = dropped;
    }
}

/// What the app's admin has to mend; nothing where waiting may help.
pub(crate) fn remedy(error: &LongConnectionError) -> Option<&'static str> {
    const TOO_MANY: &str =
        "an app may have 50 connections; stop other processes that use this app id";
    const FORBIDDEN: &str = "only self-built apps may have one; see in the developer console that this app is one and is enabled";
    match error {
        LongConnectionError::Endpoint(EndpointError::Refused { reason, .. }) => match reason {
            // The platform adds codes, and an unknown one may well pass.
            EndpointReason::SystemBusy | EndpointReason::InternalError | EndpointReason::Other => {
                None
            }
            EndpointReason::Forbidden => Some(FORBIDDEN),
            EndpointReason::AuthFailed | EndpointReason::NoCredential => Some(
                "take app id and app secret from \"Credentials & Basic Info\" in the developer console and set `FEISHU_APP_ID` and `FEISHU_APP_SECRET`",
            ),
            EndpointReason::TooManyConnections => Some(TOO_MANY),
            EndpointReason::WrongDomain => Some(
                "the app lives on the other platform; set `FEISHU_REGION` to `feishu` or `lark`, whichever it is not now",
            ),
        },
        LongConnectionError::Endpoint(error) if !error.is_retryable() => {
            Some("check `FEISHU_BASE_URL`")
        }
        LongConnectionError::Connect(ConnectError::Refused { reason, .. }) => match reason {
            HandshakeReason::TooManyConnections => Some(TOO_MANY),
            HandshakeReason::Forbidden => Some(FORBIDDEN),
            HandshakeReason::AuthFailed
            | HandshakeReason::Other(_)
            | HandshakeReason::Unexplained => None,
        },
        LongConnectionError::Endpoint(_) | LongConnectionError::Connect(_) => None,
    }
}
