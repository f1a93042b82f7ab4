//! One HTTP exchange with the platform: built, sent, bounded and judged by its `code`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::codes::SCOPE_MISSING;
use crate::error::{ApiError, Error, InvalidResponse, TransportFailure};
use crate::wire::or_default;
use crate::{Clock, ExtraRoots, headers};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 512 << 10;
/// The same for calls that answer with what people wrote.
pub(crate) const MAX_TEXT: usize = 2 << 20;
/// An answer of more bytes takes a turn, for as long as it is held.
const LONG_ANSWER: usize = 64 << 10;
/// So many longer answers are held at once.
const LONG_AT_ONCE: usize = 4;

/// A mark of the byte order, which proxies put before JSON.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// So much of the platform's own words is kept, in characters.
const MAX_MSG: usize = 200;
/// So much of the name of a field.
const MAX_FIELD: usize = 80;
/// So many fields.
const MAX_FIELDS: usize = 5;

/// Is told of every exchange; for metrics.
pub type OnCall = Arc<dyn Fn(&CallRecord<'_>) + Send + Sync>;

/// One exchange with the platform, successful or not.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// Which call, from a fixed set of names.
    pub endpoint: &'static str,
    /// From the first byte out to the last byte in.
    pub duration: Duration,
    /// Why it failed, if it did.
    pub error: Option<&'a Error>,
}

/// Sends requests below one base URL.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    base_url: Url,
    clock: Clock,
    on_call: Option<OnCall>,
    long_answers: Arc<Semaphore>,
}

/// A request, before it has a token.
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'static str,
    pub(crate) method: Method,
    /// The segments below `open-apis`, not yet percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
}

/// A request that is not below `open-apis` and needs no token; a POST.
pub(crate) struct Outside<'a> {
    pub(crate) endpoint: &'static str,
    /// The segments of the path, not yet percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) header: (HeaderName, HeaderValue),
    pub(crate) body: Value,
}

/// An answer with code 0.
pub(crate) struct Answer {
    endpoint: &'static str,
    path: String,
    status: u16,
    log_id: Option<String>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
    /// The turn of a long one.
    turn: Option<OwnedSemaphorePermit>,
}

impl Http {
    pub(crate) fn new(
        base_url: &str,
        (timeout, extra_roots): (Duration, &ExtraRoots),
        clock: Clock,
        on_call: Option<OnCall>,
    ) -> Result<Self, Error> {
        let base_url = Url::parse(base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Error::BaseUrl(base_url.to_owned()))?;
        let client = extra_roots
            .http_client(&base_url)
            .timeout(timeout)
            // Below the whole, so that a host that never answers is known as one that got nothing.
            .connect_timeout(timeout / 2)
            .build()
            .map_err(|source| Error::HttpClient(Arc::new(source)))?;
        Ok(Self {
            client,
            base_url,
            clock,
            on_call,
            long_answers: Arc::new(Semaphore::new(LONG_AT_ONCE)),
        })
    }

    /// Whether the base URL is one without TLS, as only stand-ins have it.
    pub(crate) fn is_plain(&self) -> bool {
        self.base_url.scheme() == "http"
    }

    /// Makes one exchange and reports it.
    pub(crate) async fn send(
        &self,
        request: &Request<'_>,
        token: Option<&SecretString>,
    ) -> Result<Answer, Error> {
        let mut url = self.url(["open-apis"].iter().chain(request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let mut builder = self.client.request(request.method.clone(), url.clone());
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose_secret());
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        self.report(request.endpoint, &url, builder).await
    }

    /// Makes one exchange outside `open-apis` and reports it.
    pub(crate) async fn send_outside(&self, request: Outside<'_>) -> Result<Answer, Error> {
        let url = self.url(request.path);
        let (name, value) = request.header;
        let builder = self.client.post(url.clone());
        let builder = builder.header(name, value).json(&request.body);
        self.report(request.endpoint, &url, builder).await
    }

    async fn report(
        &self,
        endpoint: &'static str,
        url: &Url,
        builder: RequestBuilder,
    ) -> Result<Answer, Error> {
        let begun = Instant::now();
        // Boxed, as requests are large and callers of callers hold this in their own futures.
        let result = Box::pin(self.exchange(endpoint, url, builder)).await;
        let record = CallRecord {
            endpoint,
            duration: begun.elapsed(),
            error: result.as_ref().err(),
        };
        let (log_id, msg) = match &result {
            Ok(answer) => (answer.log_id.as_deref(), None),
            Err(Error::Api(error)) => (error.log_id.as_deref(), Some(&*error.msg)),
            Err(error) => (error.log_id(), None),
        };
        tracing::debug!(
            api.endpoint = record.endpoint,
            api.code = record.code(),
            api.log_id = log_id,
            api.msg = msg,
            duration_ms = record.duration.as_secs_f64() * 1000.0,
            "called the platform"
        );
        if let Some(on_call) = &self.on_call {
            on_call(&record);
        }
        result
    }

    /// The base URL with these segments added.
    fn url<'a>(&self, path: impl IntoIterator<Item = &'a &'a str>) -> Url {
        let mut url = self.base_url.clone();
        // Always possible for the two schemes that `new` lets pass.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn exchange(
        &self,
        endpoint: &'static str,
        url: &Url,
        builder: RequestBuilder,
    ) -> Result<Answer, Error> {
        let broken = |source| transport(endpoint, source);
        let sent_at = self.clock.machine_now();
        let mut response = builder.send().await.map_err(broken)?;
        let received_at = self.clock.machine_now();
        let headers = response.headers();
        let mut answer = Answer {
            endpoint,
            path: url.path().to_owned(),
            status: response.status().as_u16(),
            log_id: headers::log_id(headers),
            retry_after: headers::retry_after(headers, self.clock.now()),
            body: Vec::new(),
            turn: None,
        };
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let length = answer.body.len() + chunk.len();
            if length > longest(endpoint) {
                let detail = if headers::is_page(response.headers()) {
                    InvalidResponse::Foreign
                } else {
                    InvalidResponse::TooLarge
                };
                return Err(answer.invalid(detail));
            }
            if length > LONG_ANSWER && answer.turn.is_none() {
                let turn = Arc::clone(&self.long_answers).acquire_owned();
                answer.turn = turn.await.ok();
            }
            answer.body.extend_from_slice(&chunk);
        }
        if answer.body.starts_with(BOM) {
            answer.body.drain(..BOM.len());
        }
        let judged = answer.judge(response.headers());
        // The clock of a proxy that answers for itself is not the platform's.
        if let (Ok(_) | Err(Error::Api(_)), Some(told)) =
            (&judged, headers::date(response.headers()))
        {
            self.clock.observe(told, sent_at, received_at);
        }
        judged
    }
}

/// The longest answer of a call that is read, in bytes.
fn longest(endpoint: &str) -> usize {
    match endpoint {
        "get_message" | "get_announcement" | "list_docx_blocks" => MAX_TEXT,
        _ => MAX_ANSWER,
    }
}

impl CallRecord<'_> {
    /// The code of the answer: 0 for success, `None` if no readable answer came.
    pub fn code(&self) -> Option<i64> {
        self.error.map_or(Some(0), Error::code)
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The platform's name for this exchange.
    pub(crate) fn log_id(&self) -> Option<&str> {
        self.log_id.as_deref()
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    /// Reads the `data` object.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        #[derive(Deserialize)]
        struct Wrapped<T> {
            data: T,
        }
        self.whole().map(|wrapped: Wrapped<T>| wrapped.data)
    }

    /// Reads the answer where the payload stands beside `code`.
    pub(crate) fn whole<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.invalid(InvalidResponse::Shape))
    }

    /// An id in the `data` object, if there is one.
    pub(crate) fn id<T: From<String>>(&self, name: &str) -> Option<T> {
        let data: Value = self.data().ok()?;
        data[name].as_str().map(|id| T::from(id.to_owned()))
    }

    pub(crate) fn invalid(&self, detail: InvalidResponse) -> Error {
        Error::InvalidResponse {
            endpoint: self.endpoint,
            path: self.path.clone(),
            status: self.status,
            log_id: self.log_id.clone(),
            detail,
            retry_after: self.retry_after,
        }
    }

    /// Success is code 0 under a status of success. What no platform answers came from something on
    /// the way: a web page, an HTTP error that claims success or merely repeats its status.
    fn judge(self, headers: &HeaderMap) -> Result<Self, Error> {
        let Ok(verdict) = serde_json::from_slice::<Verdict<'_>>(&self.body) else {
            return Err(self.invalid(InvalidResponse::NotJson));
        };
        let is_error = !(200..300).contains(&self.status);
        let repeats = verdict.code == i64::from(self.status);
        if headers::is_page(headers) || (is_error && (verdict.code == 0 || repeats)) {
            return Err(self.invalid(InvalidResponse::Foreign));
        }
        if verdict.code == 0 {
            return Ok(self);
        }
        let msg = verdict.msg.unwrap_or_default();
        let detail: ErrorDetail = verdict
            .error
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let fields = detail.field_violations.into_iter().take(MAX_FIELDS);
        let fields = fields.map(|one| name(&one.field));
        Err(Error::Api(ApiError {
            endpoint: self.endpoint,
            code: verdict.code,
            missing_scopes: missing_scopes(detail.permission_violations, verdict.code, &msg).into(),
            fields: fields.filter(|name| !name.is_empty()).collect(),
            msg: short(&msg, MAX_MSG).into(),
            log_id: self.log_id.or(detail.log_id),
            status: self.status,
            retry_after: self.retry_after,
        }))
    }
}

/// What every answer has.
#[derive(Deserialize)]
struct Verdict<'a> {
    code: i64,
    msg: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a refusal may add. All of it is optional.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    log_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    permission_violations: Vec<PermissionViolation>,
    #[serde(deserialize_with = "or_default")]
    field_violations: Vec<FieldViolation>,
}

#[derive(Deserialize)]
struct PermissionViolation {
    subject: String,
}

#[derive(Deserialize)]
struct FieldViolation {
    #[serde(default)]
    field: String,
}

/// The name of a field without anything that no name has.
fn name(field: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_-.[]".contains(*c);
    field.chars().filter(fits).take(MAX_FIELD).collect()
}

/// The start of a text from outside, fit for a log.
fn short(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .flat_map(char::escape_debug)
        .take(2 * most)
        .collect()
}

/// The scopes that a refusal lists, or those that its message names between brackets.
fn missing_scopes(listed: Vec<PermissionViolation>, code: i64, msg: &str) -> Vec<String> {
    if !listed.is_empty() || code != SCOPE_MISSING {
        return listed.into_iter().map(|one| one.subject).collect();
    }
    let named = msg
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let scopes = named.map_or("", |(scopes, _)| scopes).split(',');
    let scopes = scopes.map(str::trim).filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}

fn transport(endpoint: &'static str, source: reqwest::Error) -> Error {
    // A time-out while connecting is both; nothing was sent then.
    let failure = if source.is_builder() {
        TransportFailure::Request
    } else if source.is_connect() {
        TransportFailure::Connect
    } else if source.is_timeout() {
        TransportFailure::Timeout
    } else {
        TransportFailure::Broken
    };
    Error::Transport {
        endpoint,
        failure,
        source: Arc::new(source.without_url()),
    }
}
