//! Receives events over a WebSocket that the bot opens, so that it needs no public address.
//!
//! The platform sends each event to one of an app's connections, so several replicas share the
//! work. It redelivers what is not acknowledged, so a closed connection loses nothing.

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

/// How often dropped messages are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct LongConnection {
    pub(crate) intake: Intake,
    pub(crate) client: Client,
    pub(crate) connector: Connector,
    pub(crate) clock: Clock,
    /// Whether the connection is open.
    pub(crate) alive: watch::Sender<bool>,
}

/// Why the connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LongConnectionError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl LongConnection {
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.intake.metrics.want_long_connection();
        let mut config = ClientConfig::default();
        // Retries since the last connection or the start; the first attempt is not a retry.
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
                    tracing::warn!(error = %error, source, "could not open the long connection");
                }
            }
            let Some(wait) = config.wait_before_try(tries, rand::random()) else {
                anyhow::bail!(
                    "opening the long connection: {tries} retries failed, as many as the platform permits: fix the logged cause, then start the bot again"
                );
            };
            tries += 1;
            tracing::info!(seconds = wait.as_secs(), "retrying the long connection");
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

    /// Receives until the connection or the bot stops.
    async fn serve(
        &self,
        mut connection: Connection,
        config: &mut ClientConfig,
        stop: &CancellationToken,
    ) {
        self.alive.send_replace(true);
        self.intake.metrics.long_connection(true);
        tracing::info!("opened the long connection");
        // In one task, so that events are queued in order of arrival.
        let mut in_flight = FuturesUnordered::new();
        let mut counted = Dropped::default();
        let mut count = interval(COUNT_EVERY);
        loop {
            tokio::select! {
                event = connection.next() => match event {
                    Ok(Event::Payload(payload)) => in_flight.push(self.process(payload)),
                    Ok(Event::Config(changed)) => *config = changed,
                    Err(reason) => {
                        tracing::warn!(reason = %reason, "the long connection closed");
                        break;
                    }
                },
                Some(()) = in_flight.next() => {}
                _ = count.tick() => self.count(connection.dropped(), &mut counted),
                () = stop.cancelled() => break,
            }
        }
        self.alive.send_replace(false);
        self.intake.metrics.long_connection(false);
        // Acknowledge received events if the connection still permits it.
        while in_flight.next().await.is_some() {}
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
        // The platform does not support the old card callback over a long connection.
        if message_type != MessageType::Event {
            ack.taken();
            return;
        }
        let _turn = self.intake.reserve(bytes.len()).await;
        match self.intake.process(&bytes).await {
            Ok(EventResponse::Callback(answer)) => ack.answer(answer.as_bytes()),
            Err(Rejection::Unavailable) => ack.failed(),
            Ok(EventResponse::Empty | EventResponse::Challenge(_))
            // A redelivery would be rejected as well.
            | Err(Rejection::Unauthorized | Rejection::Malformed) => ack.taken(),
        }
    }

    fn count(&self, dropped: Dropped, counted: &mut Dropped) {
        self.intake.metrics.dropped(dropped, *counted);
        *counted = dropped;
    }
}

/// The remedy for an admin; `None` if a retry may succeed.
pub(crate) fn remedy(error: &LongConnectionError) -> Option<&'static str> {
    const TOO_MANY: &str =
        "stop other processes that use this app id; an app can have 50 connections";
    const FORBIDDEN: &str = "check in the developer console that this app is self-built and enabled; other apps cannot have one";
    match error {
        LongConnectionError::Endpoint(EndpointError::Refused { reason, .. }) => match reason {
            // The platform adds codes, and an unknown one may be temporary.
            EndpointReason::SystemBusy | EndpointReason::InternalError | EndpointReason::Other => {
                None
            }
            EndpointReason::Forbidden => Some(FORBIDDEN),
            EndpointReason::AuthFailed | EndpointReason::NoCredential => Some(
                "set `FEISHU_APP_ID` and `FEISHU_APP_SECRET` to the values in \"Credentials & Basic Info\" of the developer console",
            ),
            EndpointReason::TooManyConnections => Some(TOO_MANY),
            EndpointReason::WrongDomain => Some(
                "the app belongs to the other platform; set `FEISHU_REGION` to `feishu` or `lark`, whichever is not set now",
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
