//! Receives events, and checks every event in the same way for all transports.

use std::borrow::Cow;
use std::time::Duration;

use feishu::{AppEvent, CardAnswer, Challenge, Envelope, EventEnvelope, MessageBody};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::callback::PendingCallbacks;
use crate::config::FeishuConfig;
use crate::consent::Grants;
use crate::event::{Event, Ignored};
use crate::model::job::{NewJob, Tenant};
use crate::model::settings::{SettingValue, Switch};
use crate::platform::OwnIds;
use crate::reply::{EarlyToast, early_toast};
use crate::store::{Accepted, Store, StoreError};
use crate::store_app::StoreApp;
use crate::telemetry::{EventResult, Metrics, Span, SpanKind, Traces};

pub(crate) mod long_connection;
pub(crate) mod oauth;
mod revocation;
pub(crate) mod webhook;

/// Events up to this many bytes, nearly all of them, are parsed at once.
const SMALL_EVENT: usize = 64 * 1024;
/// Total size of large events that are parsed at the same time, in KiB.
const LARGE_EVENTS: usize = 1024;

/// The platform waits 3 s, and redelivers an event that takes longer to store.
const STORE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Number of remembered events that could not be stored.
const REMEMBERED_REJECTIONS: usize = 1000;

/// In bytes, like that of other ids; the platform's have about 16.
const LONGEST_TENANT_KEY: usize = 256;

/// Checks and stores events. All transports pass their decrypted bodies to it.
pub(crate) struct Intake {
    app_id: String,
    tokens: VerificationTokens,
    /// One permit per KiB of a large event while it is parsed and stored.
    large_events: Semaphore,
    store: Store,
    callbacks: PendingCallbacks,
    metrics: Metrics,
    own_ids: OwnIds,
    /// For the events of a store app.
    store_app: Option<StoreApp>,
    /// For revoked consent, if the bot acts as members.
    grants: Option<Grants>,
    traces: Traces,
    /// Whether groups that have not set it pin by reactions.
    reaction_pins: Switch,
    /// Creation times of events that could not be stored, by event id.
    refused: Cache<String, Timestamp>,
}

/// The accepted verification tokens. They may be empty only for a long connection.
struct VerificationTokens(Vec<SecretString>);

impl VerificationTokens {
    /// Ignores empty tokens.
    fn new(tokens: [&SecretString; 2]) -> Self {
        let set = tokens
            .into_iter()
            .filter(|token| !token.expose_secret().is_empty());
        Self(set.cloned().collect())
    }

    /// The token that matches; without tokens, everything matches.
    fn admit(&self, given: Option<&str>) -> Option<TokenMatch> {
        let given = given.unwrap_or_default().as_bytes();
        let is_given = |own: &SecretString| own.expose_secret().as_bytes().ct_eq(given);
        // Compares all tokens, so that the time does not reveal the match.
        let same: Vec<Choice> = self.0.iter().map(is_given).collect();
        match same.into_iter().position(bool::from) {
            Some(position) if position > 0 => Some(TokenMatch::Previous),
            Some(_) => Some(TokenMatch::Current),
            None => self.0.is_empty().then_some(TokenMatch::Current),
        }
    }
}

/// The token that an event matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenMatch {
    Current,
    Previous,
}

/// The response to an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventResponse {
    /// A verification challenge, to be sent back.
    Challenge(String),
    /// Stored, a duplicate, or irrelevant.
    Empty,
    /// A card callback, answered with this JSON.
    Callback(String),
}

/// Why an event was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The token is missing or wrong, or the app id is another app's.
    Unauthorized,
    /// It is not an envelope.
    Malformed,
    /// It could not be stored; the platform redelivers it.
    Unavailable,
}

impl Intake {
    pub(crate) fn new(
        config: &FeishuConfig,
        store: Store,
        callbacks: PendingCallbacks,
        metrics: Metrics,
        own_ids: OwnIds,
        store_app: Option<StoreApp>,
    ) -> Self {
        Self {
            app_id: config.app_id.clone(),
            tokens: VerificationTokens::new([
                &config.verification_token,
                &config.previous_verification_token,
            ]),
            large_events: Semaphore::new(LARGE_EVENTS),
            store,
            callbacks,
            metrics,
            own_ids,
            store_app,
            grants: None,
            traces: Traces::default(),
            reaction_pins: Switch::Off,
            refused: Cache::new(REMEMBERED_REJECTIONS),
        }
    }

    /// Also handles revoked consent, if the bot acts as members.
    pub(crate) fn with_traces(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    pub(crate) fn with_grants(self, grants: Option<Grants>) -> Self {
        Self { grants, ..self }
    }

    /// Also accepts reactions that pin, in groups that have not set it.
    pub(crate) fn with_reaction_pins(self, reaction_pins: Switch) -> Self {
        Self {
            reaction_pins,
            ..self
        }
    }

    /// Waits until an event of this size may be decrypted and parsed, which takes several times its
    /// memory. Hold the permit until the event is stored.
    async fn reserve(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        if bytes <= SMALL_EVENT {
            return None;
        }
        let size = u32::try_from(bytes.div_ceil(1024).min(LARGE_EVENTS)).unwrap_or(u32::MAX);
        self.large_events.acquire_many(size).await.ok()
    }

    /// Processes one decrypted body: token, app id, then the event. A possible command is on disk
    /// when this returns.
    pub(crate) async fn process(&self, body: &[u8]) -> Result<EventResponse, Rejection> {
        let response = self.process_uncounted(body).await;
        response.map_err(|rejection| self.refuse(rejection))
    }

    /// Processes a body that only its token authenticates: a malformed one has no token, so it
    /// counts as unauthorized.
    pub(crate) async fn process_plain(&self, body: &[u8]) -> Result<EventResponse, Rejection> {
        let response = self.process_uncounted(body).await;
        response.map_err(|rejection| match rejection {
            Rejection::Malformed => self.refuse(Rejection::Unauthorized),
            other => self.refuse(other),
        })
    }

    async fn process_uncounted(&self, body: &[u8]) -> Result<EventResponse, Rejection> {
        if let Some(ignored) = self.ignored(body) {
            self.metrics.event(ignored.into());
            return Ok(EventResponse::Empty);
        }
        match Envelope::parse(body) {
            Ok(Envelope::Challenge(challenge)) => self
                .answer(challenge)
                .map(EventResponse::Challenge)
                .ok_or(Rejection::Unauthorized),
            Ok(Envelope::Event(envelope)) => self.process_delivery(envelope).await,
            Err(error) => {
                tracing::debug!(error = %error, "could not parse an event");
                Err(Rejection::Malformed)
            }
        }
    }

    /// Processes an event. One that was rejected before keeps the time of its first delivery.
    async fn process_delivery(
        &self,
        mut envelope: EventEnvelope<'_>,
    ) -> Result<EventResponse, Rejection> {
        let Some(id) = envelope.event_id.clone().map(Cow::into_owned) else {
            return self.process_event(&envelope).await;
        };
        let first = self.refused.remove(&id).map(|(_, first)| first);
        envelope.create_time = first.into_iter().chain(envelope.create_time).min();
        let response = self.process_event(&envelope).await;
        if let (Err(Rejection::Unavailable), Some(first)) = (&response, envelope.create_time) {
            self.refused.insert(id, first);
        }
        response
    }

    /// The response if the body is a challenge with our token.
    pub(crate) fn challenge(&self, body: &[u8]) -> Option<String> {
        match Envelope::parse(body) {
            Ok(Envelope::Challenge(challenge)) => self.answer(challenge),
            Ok(Envelope::Event(_)) | Err(_) => None,
        }
    }

    pub(crate) fn refuse(&self, rejection: Rejection) -> Rejection {
        self.metrics.event(match rejection {
            Rejection::Unauthorized => EventResult::Unauthorized,
            Rejection::Malformed => EventResult::Malformed,
            Rejection::Unavailable => EventResult::Unavailable,
        });
        rejection
    }

    fn answer(&self, challenge: Challenge<'_>) -> Option<String> {
        self.count(self.tokens.admit(challenge.token.as_deref())?);
        Some(challenge.challenge.into_owned())
    }

    /// Counts uses of the previous secret, so that an admin can tell when it is unused.
    fn count(&self, matched: TokenMatch) {
        if matched == TokenMatch::Previous {
            self.metrics.previous_secret();
        }
    }

    /// A fast path for most events: messages that lead to no action. Everything else takes the slow
    /// path.
    fn ignored(&self, body: &[u8]) -> Option<Ignored> {
        let body = MessageBody::parse(body)?;
        let matched = self.admit(Some(&body.token), Some(&body.app_id))?;
        let ignored = Ignored::of(&body.head)?;
        self.count(matched);
        Some(ignored)
    }

    async fn process_event(
        &self,
        envelope: &EventEnvelope<'_>,
    ) -> Result<EventResponse, Rejection> {
        let matched = self.admit(envelope.token.as_deref(), envelope.app_id.as_deref());
        self.count(matched.ok_or(Rejection::Unauthorized)?);
        let event_id = envelope.event_id.as_deref().unwrap_or_default();
        let tenant = self.tenant(envelope);
        if let Some(handled) = self.process_app_event(envelope, tenant.as_ref()).await {
            return handled;
        }
        let event = match tenant {
            Some(tenant) => {
                let me = self.own_ids.get(&tenant.key);
                Event::read(envelope, &tenant, me.as_ref()).map_err(|_| Rejection::Unavailable)?
            }
            None => Event::Ignored(Ignored::Partial),
        };
        match event {
            Event::Ignored(ignored) => {
                if ignored == Ignored::Partial {
                    let kind = &*envelope.event_type;
                    tracing::warn!(
                        event.id = event_id,
                        event.kind = kind,
                        "ignored an event with missing fields"
                    );
                }
                self.metrics.event(ignored.into());
                Ok(EventResponse::Empty)
            }
            Event::Candidate(job) => {
                self.store(event_id, job).await?;
                Ok(EventResponse::Empty)
            }
            Event::Press(job) => self.process_callback(event_id, job).await,
            Event::Reaction(job) => {
                if self.may_pin_by_reaction(&job.key.tenant).await? {
                    self.store(event_id, job).await?;
                } else {
                    self.metrics.event(Ignored::Chatter.into());
                }
                Ok(EventResponse::Empty)
            }
            Event::UnknownButton => {
                self.metrics.event(EventResult::Other);
                answer_early(EarlyToast::UnknownButton)
            }
        }
    }

    /// Whether any group pins by reactions. Which one a reaction concerns is known only once the
    /// message is read, and until a group wants that, reactions cost no disk write.
    async fn may_pin_by_reaction(&self, tenant: &Tenant) -> Result<bool, Rejection> {
        if self.reaction_pins.is_on() {
            return Ok(true);
        }
        let on = SettingValue::ReactionPins(Switch::On);
        let asking = timeout(STORE_TIMEOUT, self.store.is_set_anywhere(tenant, &on));
        match asking.await {
            Ok(Ok(is_set)) => Ok(is_set),
            Ok(Err(_)) | Err(_) => Err(Rejection::Unavailable),
        }
    }

    /// Handles an event about the app or a member's consent; `None` for other events.
    async fn process_app_event(
        &self,
        envelope: &EventEnvelope<'_>,
        tenant: Option<&Tenant>,
    ) -> Option<Result<EventResponse, Rejection>> {
        if let Some(handled) = self.process_revocation(envelope, tenant).await {
            return Some(handled);
        }
        let store_app = self.store_app.as_ref()?;
        let event = AppEvent::read(&envelope.event_type, envelope.event?)?;
        let handling = store_app.handle(event, tenant, envelope.create_time);
        let handled = timeout(STORE_TIMEOUT, handling).await;
        if !matches!(handled, Ok(Ok(()))) {
            return Some(Err(Rejection::Unavailable));
        }
        self.metrics.event(EventResult::Accepted);
        Some(Ok(EventResponse::Empty))
    }

    /// The tenant that an event is for; `None` if an event for a store app does not say.
    fn tenant(&self, envelope: &EventEnvelope<'_>) -> Option<Tenant> {
        let app = self.app_id.clone();
        if self.store_app.is_none() {
            return Some(Tenant::own(app));
        }
        let key = envelope.tenant_key.as_deref();
        let key = key.filter(|key| is_usable(key))?;
        Some(Tenant {
            app,
            key: key.into(),
        })
    }

    /// The job is on disk when this returns.
    async fn store(&self, event_id: &str, mut job: NewJob) -> Result<Accepted, Rejection> {
        let reference = job.key.reference();
        let mut received = self.traces.root("event", SpanKind::Server);
        job.trace = received.as_ref().map(Span::context);
        if let Some(span) = &mut received {
            span.set("event.id", event_id);
            span.set("job.reference", reference.as_str());
            span.set("job.kind", job.key.kind.as_str());
        }
        let storing = job.trace;
        let storing =
            storing.and_then(|event| self.traces.child("store", SpanKind::Internal, event));
        let accepted = timeout(STORE_TIMEOUT, self.store.accept(job)).await;
        self.traces.end(storing);
        let accepted = accepted.map_err(|_| Rejection::Unavailable)?;
        let result = match &accepted {
            Ok(Accepted::New) => EventResult::Accepted,
            Ok(Accepted::Duplicate) => EventResult::Duplicate,
            Ok(Accepted::TooManyOfChat) => EventResult::TooManyOfChat,
            Err(
                StoreError::Full | StoreError::Database | StoreError::Lost | StoreError::Closed,
            ) => EventResult::Unavailable,
        };
        if let Some(span) = &mut received {
            span.set("event.result", result.as_str());
        }
        self.traces.end(received);
        tracing::info!(
            event.id = event_id,
            job.reference = reference,
            result = result.as_str(),
            "received a job"
        );
        // A failure is counted as a rejection.
        let accepted = accepted.map_err(|_| Rejection::Unavailable)?;
        self.metrics.event(result);
        Ok(accepted)
    }

    /// Stores a card callback and waits for its result, for as long as the platform does.
    async fn process_callback(
        &self,
        event_id: &str,
        job: NewJob,
    ) -> Result<EventResponse, Rejection> {
        let over = Instant::now() + STORE_TIMEOUT;
        let expected = self.callbacks.expect(&job.key.origin);
        match (self.store(event_id, job).await?, expected) {
            (Accepted::New, Some(expected)) => match expected.until(over).await {
                Some(answer) => written(&answer),
                None => answer_early(EarlyToast::Working),
            },
            // The first delivery returns the result, or the card changes later.
            (Accepted::New | Accepted::Duplicate, _) => answer_early(EarlyToast::Working),
            (Accepted::TooManyOfChat, _) => answer_early(EarlyToast::TooManyWaiting),
        }
    }

    /// The token that authenticates an event of our app. An event without an app id is for the app
    /// with its token.
    fn admit(&self, token: Option<&str>, app_id: Option<&str>) -> Option<TokenMatch> {
        let matched = self.tokens.admit(token)?;
        let app_id = app_id.unwrap_or_default();
        (app_id.is_empty() || app_id == self.app_id).then_some(matched)
    }
}

/// Whether each database can store the key of a tenant: PostgreSQL stores no NUL, and no very long
/// key in an index.
fn is_usable(tenant_key: &str) -> bool {
    let is_blank = tenant_key.trim().is_empty();
    !is_blank && tenant_key.len() <= LONGEST_TENANT_KEY && !tenant_key.contains('\0')
}

fn answer_early(early: EarlyToast) -> Result<EventResponse, Rejection> {
    written(&CardAnswer {
        toast: Some(early_toast(early)),
        card: None,
    })
}

fn written(answer: &CardAnswer) -> Result<EventResponse, Rejection> {
    let answer = serde_json::to_string(answer);
    answer
        .map(EventResponse::Callback)
        .map_err(|_| Rejection::Unavailable)
}

impl From<Ignored> for EventResult {
    fn from(ignored: Ignored) -> Self {
        match ignored {
            Ignored::OtherEvent | Ignored::Partial => Self::Other,
            Ignored::FromBot => Self::FromBot,
            Ignored::Chatter => Self::Chatter,
        }
    }
}
