//! Receives events over HTTP. Checks the size, the signature of the raw bytes and its age, then
//! decrypts the body.
//!
//! Only one unsigned body is accepted: a small one that decrypts to a `url_verification` with our
//! token, because the platform sends that without a signature. All other requests without a valid
//! signature get the same response: one that distinguished bad padding from bad JSON would be a
//! decryption oracle.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use feishu::{Client, Clock, EncryptKey, EncryptedBody, Signature, SignatureError};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::{EventResponse, Intake, Rejection, SMALL_EVENT};
use crate::telemetry::EventResult;

/// Larger bodies are rejected with 413.
const BODY_LIMIT: usize = 1024 * 1024;
/// Bodies up to this size need no memory permit.
const SMALL_BODY: usize = SMALL_EVENT;
/// Genuine bodies are smaller: the platform accepts messages of up to 150 KB.
const LARGE_BODY: usize = 384 * 1024;
/// A large body is rejected when nothing arrives, or no memory is free, for this long.
const STALL_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of a too large body is read and discarded, and for how long.
const DRAIN_LIMIT: usize = 8 * BODY_LIMIT;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// A body must arrive within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of an unsigned `url_verification`.
const CHALLENGE_LIMIT: usize = 4096;
/// Maximum time by which a timestamp may be ahead of the platform's time.
const MAX_AHEAD: Duration = Duration::from_mins(5);
/// Maximum difference between a timestamp and the machine's clock while the platform's time is
/// unknown.
pub(crate) const UNKNOWN_TIME: Duration = Duration::from_hours(24);
/// How long to wait for the platform's time; the platform itself waits for the response.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);
/// Minimum time between warnings about signed requests that are too old.
const WARN_EVERY: Duration = Duration::from_mins(1);

static TIMESTAMP: HeaderName = HeaderName::from_static(feishu::TIMESTAMP_HEADER);
static NONCE: HeaderName = HeaderName::from_static(feishu::NONCE_HEADER);
static SIGNATURE: HeaderName = HeaderName::from_static(feishu::SIGNATURE_HEADER);

/// Memory reserved for a body.
type BodyPermit<'s> = SemaphorePermit<'s>;

/// Memory for bodies that are not small, in KiB.
pub(crate) struct BodyBudget {
    /// Acquired as bytes arrive, so that a stalled body does not block others.
    large: Semaphore,
    /// For bodies larger than genuine ones. Acquired as a whole, so that several cannot deadlock.
    huge: Semaphore,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self {
            large: Semaphore::new(8 * 1024),
            huge: Semaphore::new(4 * 1024),
        }
    }
}

impl BodyBudget {
    /// Reserves memory for `more` bytes of a body of `announced` bytes, 0 if unknown.
    async fn extend<'s>(
        &'s self,
        permit: &mut Option<BodyPermit<'s>>,
        announced: usize,
        more: usize,
    ) -> Result<(), ErrorResponse> {
        let kib = |bytes: usize| u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        if (1..=LARGE_BODY).contains(&announced) {
            let more = timeout(STALL_TIMEOUT, self.large.acquire_many(kib(more))).await;
            let more = more
                .ok()
                .and_then(Result::ok)
                .ok_or(ErrorResponse::Unavailable)?;
            match permit {
                Some(permit) => permit.merge(more),
                None => *permit = Some(more),
            }
        } else if permit.is_none() {
            *permit = self.huge.acquire_many(kib(BODY_LIMIT)).await.ok();
        }
        Ok(())
    }
}

pub(crate) struct Webhook {
    pub(crate) intake: Intake,
    pub(crate) encryption: Encryption,
    pub(crate) clock: Clock,
    /// Used to ask for the platform's time.
    pub(crate) client: Client,
    /// Maximum age of a signature.
    pub(crate) max_age: Duration,
    /// Maximum age while the platform's time is unknown: finished jobs must be kept longer than
    /// this to detect replays.
    pub(crate) unknown_age: Duration,
    /// Time of the last warning about the age of a signed request.
    pub(crate) warned: Mutex<Option<Instant>>,
    pub(crate) budget: BodyBudget,
}

/// The encryption of bodies.
pub(crate) enum Encryption {
    /// Bodies are encrypted and signed with the current encrypt key or, during rotation, the
    /// previous one.
    Keys(Vec<EncryptKey>),
    /// Only the verification token authenticates a body.
    Disabled,
}

/// `POST /webhook/event`.
pub(crate) async fn receive(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    let (Parts { headers, .. }, body) = request.into_parts();
    let (body, _room) = match webhook.read(&headers, body).await {
        Ok(read) => read,
        Err(error) => {
            webhook.intake.metrics.event(error.unread());
            return error.into_response();
        }
    };
    match webhook.process(&headers, &body).await {
        Ok(EventResponse::Empty) => json(StatusCode::OK, "{}"),
        Ok(EventResponse::Callback(answer)) => json(StatusCode::OK, answer),
        Ok(EventResponse::Challenge(challenge)) => json(
            StatusCode::OK,
            serde_json::json!({ "challenge": challenge }).to_string(),
        ),
        Err(Rejection::Unauthorized) => ErrorResponse::Unauthorized.into_response(),
        Err(Rejection::Malformed) => ErrorResponse::BadRequest.into_response(),
        Err(Rejection::Unavailable) => ErrorResponse::Unavailable.into_response(),
    }
}

impl Webhook {
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Bytes, Option<BodyPermit<'_>>), ErrorResponse> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
            .unwrap_or(0);
        if announced > BODY_LIMIT {
            return Err(too_large(body).await);
        }
        timeout(BODY_TIMEOUT, self.collect(announced, headers, body))
            .await
            .unwrap_or(Err(ErrorResponse::Timeout))
    }

    async fn collect(
        &self,
        announced: usize,
        headers: &HeaderMap,
        mut body: Body,
    ) -> Result<(Bytes, Option<BodyPermit<'_>>), ErrorResponse> {
        // An unsigned body longer than a challenge is rejected, so no more than that is stored.
        let signed =
            matches!(self.encryption, Encryption::Disabled) || headers.contains_key(&SIGNATURE);
        let keep = if signed { BODY_LIMIT } else { CHALLENGE_LIMIT };
        let mut collected = BytesMut::new();
        let mut seen = 0;
        let mut permit = None;
        while let Some(frame) = next_frame(&mut body, permit.is_some()).await? {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            seen += data.len();
            if seen > BODY_LIMIT {
                return Err(too_large(body).await);
            }
            if seen > keep {
                continue;
            }
            if seen > SMALL_BODY {
                self.budget
                    .extend(&mut permit, announced, data.len())
                    .await?;
            }
            if collected.is_empty() {
                // Most bodies arrive in one frame and need no copy.
                if body.is_end_stream() {
                    return Ok((data, permit));
                }
                collected.reserve(announced.min(keep).min(SMALL_BODY));
            }
            if seen > SMALL_BODY {
                // Reserve the announced length only once the body has proved large.
                let left = announced.min(keep).saturating_sub(collected.len());
                collected.reserve(left);
            }
            collected.extend_from_slice(&data);
        }
        if seen > keep {
            return Err(ErrorResponse::Unauthorized);
        }
        Ok((collected.freeze(), permit))
    }

    async fn process(&self, headers: &HeaderMap, body: &[u8]) -> Result<EventResponse, Rejection> {
        match &self.encryption {
            Encryption::Keys(keys) => match self.signed_with(headers, body, keys).await {
                Some(key) => {
                    let _turn = self.intake.reserve(body.len()).await;
                    let opened =
                        open(key, body).ok_or_else(|| self.intake.refuse(Rejection::Malformed))?;
                    self.intake.process(&opened).await
                }
                None => self.process_unsigned(body, keys),
            },
            Encryption::Disabled => self.intake.process_plain(body).await,
        }
    }

    /// The key that the body was signed with, if the signature is valid and recent.
    async fn signed_with<'k>(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        keys: &'k [EncryptKey],
    ) -> Option<&'k EncryptKey> {
        let value = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let signature = Signature {
            timestamp: value(&TIMESTAMP)?,
            nonce: value(&NONCE)?,
            signature: value(&SIGNATURE)?,
        };
        let signed = |key: &EncryptKey| signature.verify(key, body).is_ok();
        let Some(position) = keys.iter().position(signed) else {
            tracing::debug!("the signature of a request matches no key");
            return None;
        };
        if let Err(error) = self.check_age(&signature).await {
            self.warn_of_age(&signature, error);
            return None;
        }
        if position > 0 {
            self.intake.metrics.previous_secret();
        }
        keys.get(position)
    }

    /// Checks the age of a valid signature. Before rejecting it, asks the platform for the time:
    /// the machine's clock may be wrong.
    async fn check_age(&self, signature: &Signature<'_>) -> Result<(), SignatureError> {
        let checked = signature.check_age(self.clock.now(), self.max_age, MAX_AHEAD);
        if checked.is_ok() {
            return checked;
        }
        // Without a response, the known offset stays in use.
        let _ = timeout(CONFIRM_TIMEOUT, self.client.confirm_time()).await;
        if self.clock.offset().is_some() {
            signature.check_age(self.clock.now(), self.max_age, MAX_AHEAD)
        } else {
            signature.check_age(self.clock.now(), self.unknown_age, self.unknown_age)
        }
    }

    /// Such a request is a replay, or a clock is wrong.
    fn warn_of_age(&self, signature: &Signature<'_>, error: SignatureError) {
        let mut warned = self.warned.lock();
        if warned.is_some_and(|warned| warned.elapsed() < WARN_EVERY) {
            return;
        }
        *warned = Some(Instant::now());
        let age = signature.age(self.clock.now()).ok();
        tracing::warn!(
            error = %error,
            age_seconds = age.map(|age| age.as_secs()),
            "rejected a request with a valid signature: if it is not a replay, set this machine's clock"
        );
    }

    fn process_unsigned(
        &self,
        body: &[u8],
        keys: &[EncryptKey],
    ) -> Result<EventResponse, Rejection> {
        let challenge = |key| self.intake.challenge(&open(key, body)?);
        (body.len() <= CHALLENGE_LIMIT)
            .then(|| keys.iter().find_map(challenge))
            .flatten()
            .map(EventResponse::Challenge)
            .ok_or_else(|| self.intake.refuse(Rejection::Unauthorized))
    }
}

/// The next frame of a body; one that holds a permit must not stall.
async fn next_frame(
    body: &mut Body,
    takes_room: bool,
) -> Result<Option<Frame<Bytes>>, ErrorResponse> {
    let frame = if takes_room {
        let frame = timeout(STALL_TIMEOUT, body.frame()).await;
        frame.map_err(|_| ErrorResponse::Timeout)?
    } else {
        body.frame().await
    };
    frame.transpose().map_err(|_| ErrorResponse::BadRequest)
}

fn open(key: &EncryptKey, body: &[u8]) -> Option<Vec<u8>> {
    let sealed = EncryptedBody::parse(body).ok()?;
    key.decrypt(&sealed.encrypt).ok()
}

/// An error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorResponse {
    BadRequest,
    Unauthorized,
    Timeout,
    TooLarge,
    Unavailable,
}

impl ErrorResponse {
    /// The metric for a body that was rejected before it was read completely.
    fn unread(self) -> EventResult {
        match self {
            Self::Unauthorized => EventResult::Unauthorized,
            Self::Timeout => EventResult::TimedOut,
            Self::TooLarge => EventResult::TooLarge,
            Self::Unavailable => EventResult::Unavailable,
            Self::BadRequest => EventResult::Incomplete,
        }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        json(status, format!(r#"{{"error":"{error}"}}"#))
    }
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer
}

/// Continues reading for a moment, so that the sender receives the response and not a connection
/// reset.
async fn too_large(mut body: Body) -> ErrorResponse {
    let drain = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DRAIN_LIMIT {
                return;
            }
        }
    };
    // Slow senders are cut off.
    let _ = timeout(DRAIN_TIMEOUT, drain).await;
    ErrorResponse::TooLarge
}

#[cfg(test)]
mod tests {
    use feishu::{AppKind, ExtraRoots};
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    use super::*;
    use crate::callback::PendingCallbacks;
    use crate::config::{Config, DatabaseUrl, Environment};
    use crate::platform::OwnIds;
    use crate::store::{Bounds, Store, StoreOptions};
    use crate::telemetry::Metrics;

    /// A client of an unreachable platform.
    fn client() -> Client {
        Client::new(feishu::ClientConfig {
            base_url: "http://127.0.0.1:1".to_owned(),
            accounts_url: "http://127.0.0.1:1".to_owned(),
            app_id: "cli_a".into(),
            app_secret: "secret".into(),
            app_kind: AppKind::Custom,
            clock: Clock::system(),
            timeout: Duration::from_millis(100),
            extra_roots: ExtraRoots::default(),
            limits_factor: 1,
            on_call: None,
            shared_limits: None,
            member_tokens: None,
        })
        .unwrap()
    }

    async fn webhook(folder: &tempfile::TempDir) -> Webhook {
        let metrics = Metrics::new();
        let database = format!("sqlite://{}", folder.path().join("noticebot.db").display());
        let options = StoreOptions {
            url: DatabaseUrl::parse(&database).unwrap(),
            app: "cli_a".to_owned(),
            bounds: Bounds {
                open: 10,
                open_of_chat: 10,
            },
            clock: Clock::system(),
            connections: 3,
            extra_roots: ExtraRoots::default(),
            metrics: metrics.clone(),
            allow_network_file: false,
        };
        let (store, _) = Store::open(options).await.unwrap();
        let environment = [
            ("FEISHU_APP_ID", "cli_a"),
            ("FEISHU_VERIFICATION_TOKEN", "token"),
        ];
        let config = Config::read(None, &Environment::from_iter(environment)).unwrap();
        Webhook {
            intake: Intake::new(
                &config.feishu,
                store,
                PendingCallbacks::default(),
                metrics,
                OwnIds::default(),
                None,
            ),
            encryption: Encryption::Keys(vec![EncryptKey::new("key").unwrap()]),
            clock: Clock::system(),
            client: client(),
            max_age: Duration::from_mins(1),
            unknown_age: UNKNOWN_TIME,
            warned: Mutex::default(),
            budget: BodyBudget::default(),
        }
    }

    #[test]
    fn unread_bodies_have_their_own_labels() {
        for (error, label) in [
            (ErrorResponse::Timeout, "timed_out"),
            (ErrorResponse::TooLarge, "too_large"),
            (ErrorResponse::BadRequest, "incomplete"),
            (ErrorResponse::Unauthorized, "unauthorized"),
            (ErrorResponse::Unavailable, "unavailable"),
        ] {
            assert_eq!(error.unread().as_str(), label);
        }
    }

    #[tokio::test]
    async fn slow_bodies_time_out_after_five_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let webhook = webhook(&folder).await;
        tokio::time::pause();
        let byte_a_second = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"{")), ()))
        });
        let nothing = stream::pending::<std::io::Result<Bytes>>();
        for body in [Body::from_stream(byte_a_second), Body::from_stream(nothing)] {
            let headers = HeaderMap::new();
            let mut read = std::pin::pin!(webhook.read(&headers, body));
            for _ in 0..5 {
                assert!(read.as_mut().now_or_never().is_none());
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            // Timers have a resolution of a millisecond.
            tokio::time::advance(Duration::from_millis(1)).await;
            let read = read.as_mut().now_or_never();
            assert_eq!(read.map(Result::err), Some(Some(ErrorResponse::Timeout)));
        }
    }

    /// A body that stalls after its first frame.
    fn stopping_after(bytes: usize) -> Body {
        let part = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; bytes]))]);
        Body::from_stream(part.chain(stream::pending()))
    }

    fn signed() -> HeaderMap {
        let signature = HeaderValue::from_static("any");
        HeaderMap::from_iter([(SIGNATURE.clone(), signature)])
    }

    /// Headers that announce a body of this size.
    fn announcing(bytes: usize) -> HeaderMap {
        let mut headers = signed();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        headers
    }

    const GENUINE: usize = 131 << 10;

    /// Advances the clock until the future ends: the paused clock does not advance by itself while
    /// the store's threads are busy.
    async fn advanced<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            if let Some(done) = future.as_mut().now_or_never() {
                return done;
            }
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_stalled_body_returns_its_permits() {
        let folder = tempfile::tempdir().unwrap();
        let webhook = webhook(&folder).await;
        tokio::time::pause();
        for length in [LARGE_BODY, BODY_LIMIT] {
            let began = tokio::time::Instant::now();
            let headers = announcing(length);
            // More than the budget.
            let stopped = (0..40).map(|_| webhook.read(&headers, stopping_after(length - 1)));
            let stopped = futures_util::future::join_all(stopped);
            let genuine = async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let body = Body::from(vec![b'a'; GENUINE]);
                let read = webhook.read(&announcing(GENUINE), body).await;
                (read.map(|(body, _)| body.len()), began.elapsed())
            };
            let both = futures_util::future::join(stopped, genuine);
            let (stopped, (genuine, waited)) = advanced(both).await;
            assert_eq!(genuine, Ok(GENUINE));
            assert!(waited <= Duration::from_millis(1100), "{waited:?}");
            assert!(stopped.iter().all(Result::is_err));
            let BodyBudget { large, huge } = &webhook.budget;
            let left = (large.available_permits(), huge.available_permits());
            assert_eq!(left, (8 * 1024, 4 * 1024));
        }
    }

    #[tokio::test]
    async fn stalled_bodies_do_not_block_large_ones() {
        let folder = tempfile::tempdir().unwrap();
        let webhook = webhook(&folder).await;
        let headers = announcing(GENUINE);
        tokio::time::pause();
        let mut stopped: Vec<_> = (0..100)
            .map(|_| Box::pin(webhook.read(&headers, stopping_after(SMALL_BODY + 1))))
            .collect();
        for read in &mut stopped {
            assert!(read.as_mut().now_or_never().is_none());
        }
        let genuine = webhook.read(&headers, Body::from(vec![b'a'; GENUINE]));
        assert!(genuine.now_or_never().is_some_and(|read| read.is_ok()));
    }
}
