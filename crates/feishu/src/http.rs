//! One HTTP exchange with the platform: built, sent, bounded and judged by its `code`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ExtraRoots;
use crate::error::{ApiError, Error, InvalidResponse, TransportFailure};
use crate::wire::or_default;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 8 << 20;

/// Whatever the platform asks for, it is asked again after this time.
const LONGEST_RESET: Duration = Duration::from_hours(1);

const LOG_ID: HeaderName = HeaderName::from_static("x-tt-logid");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ogw-ratelimit-reset");

/// Is told of every exchange; for metrics.
pub type OnCall = Arc<dyn Fn(&CallRecord<'_>) + Send + Sync>;

/// One exchange with the platform, successful or not.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// Which call, from a fixed set of names.
    pub endpoint: &'static str,
    /// From the first byte out to the last byte in.
    pub duration: Duration,
    /// When it was answered, by the platform's clock, in whole seconds; if an answer says so.
    pub answered_at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub error: Option<&'a Error>,
}

/// Sends requests below one base URL.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    base_url: Url,
    on_call: Option<OnCall>,
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
    body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(
        base_url: &str,
        timeout: Duration,
        extra_roots: &ExtraRoots,
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
            on_call,
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
        let mut answered_at = None;
        let result = Box::pin(exchange(endpoint, url, builder, &mut answered_at)).await;
        let record = CallRecord {
            endpoint,
            duration: begun.elapsed(),
            answered_at,
            error: result.as_ref().err(),
        };
        let log_id = match &result {
            Ok(answer) => answer.log_id.as_deref(),
            Err(error) => error.log_id(),
        };
        tracing::debug!(
            api.endpoint = record.endpoint,
            api.code = record.code(),
            api.log_id = log_id,
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
}

async fn exchange(
    endpoint: &'static str,
    url: &Url,
    builder: RequestBuilder,
    answered_at: &mut Option<Timestamp>,
) -> Result<Answer, Error> {
    let broken = |source| transport(endpoint, source);
    let mut response = builder.send().await.map_err(broken)?;
    *answered_at = date(&response);
    let mut answer = Answer {
        endpoint,
        path: url.path().to_owned(),
        status: response.status().as_u16(),
        log_id: header(&response, &[LOG_ID, REQUEST_ID]),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if answer.body.len() + chunk.len() > MAX_ANSWER {
            return Err(answer.invalid(InvalidResponse::TooLarge));
        }
        answer.body.extend_from_slice(&chunk);
    }
    answer.judge(response.headers())
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
        }
    }

    /// Success is code 0 and nothing else; the HTTP status says too little.
    fn judge(self, headers: &HeaderMap) -> Result<Self, Error> {
        let Ok(verdict) = serde_json::from_slice::<Verdict<'_>>(&self.body) else {
            return Err(self.invalid(InvalidResponse::NotJson));
        };
        if verdict.code == 0 {
            return Ok(self);
        }
        let msg = verdict.msg.unwrap_or_default();
        let detail: ErrorDetail = verdict
            .error
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        Err(Error::Api(ApiError {
            endpoint: self.endpoint,
            code: verdict.code,
            missing_scopes: missing_scopes(detail.permission_violations, verdict.code, &msg),
            msg,
            log_id: self.log_id.or(detail.log_id),
            status: self.status,
            retry_after: seconds(headers),
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
}

#[derive(Deserialize)]
struct PermissionViolation {
    subject: String,
}

/// The scopes that a refusal lists, or those that its message names between brackets.
fn missing_scopes(listed: Vec<PermissionViolation>, code: i64, msg: &str) -> Vec<String> {
    if !listed.is_empty() || code != ApiError::SCOPE_MISSING {
        return listed.into_iter().map(|one| one.subject).collect();
    }
    let named = msg
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let scopes = named.map_or("", |(scopes, _)| scopes).split(',');
    let scopes = scopes.map(str::trim).filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}

fn header(response: &Response, names: &[HeaderName]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| response.headers().get(name));
    values.find_map(|value| value.to_str().ok().map(str::to_owned))
}

fn date(response: &Response) -> Option<Timestamp> {
    let date = response.headers().get(DATE)?.to_str().ok()?;
    let date = rfc2822::parse(date).ok()?;
    Some(date.timestamp())
}

fn seconds(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RATE_LIMIT_RESET)?.to_str().ok()?;
    let asked = value.trim().parse().map(Duration::from_secs).ok()?;
    Some(asked.min(LONGEST_RESET))
}

fn transport(endpoint: &'static str, source: reqwest::Error) -> Error {
    // A time-out while connecting is both; nothing was sent then.
    let failure = if source.is_connect() || source.is_builder() {
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
