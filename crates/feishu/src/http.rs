//! One HTTP exchange with the platform: sends the request, bounds the answer and checks its `code`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Body, Method, RequestBuilder, Response, Url, multipart};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::credentials::AppSecret;
use crate::error::{ApiError, Error, InvalidResponse, TransportFailure};
use crate::verdict::Verdict;
use crate::wire::pairs;
use crate::{Clock, ExtraRoots, headers};

/// The longest answer that is read by default, in bytes.
const MAX_ANSWER: usize = 512 << 10;
/// The longest answer that is read of a call that returns content of people.
pub(crate) const MAX_TEXT: usize = 2 << 20;
/// An answer of more bytes needs a permit for as long as it is held.
const LONG_ANSWER: usize = 64 << 10;
/// How many permits there are.
const LONG_AT_ONCE: usize = 4;

/// The timeout of a download or an upload: the largest upload at 256 KiB a second.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(80);

/// A byte order mark, which proxies put before JSON.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Called after every exchange, for metrics.
pub type OnCall = Arc<dyn Fn(&CallRecord<'_>) + Send + Sync>;

/// One exchange with the platform, successful or not.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// The name of the call, from a fixed set.
    pub endpoint: &'static str,
    /// From the first byte out to the last byte in.
    pub duration: Duration,
    /// The failure, if there was one.
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

/// A request below `open-apis`, before it has a token.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'static str,
    pub(crate) method: Method,
    /// The segments below `open-apis`, not yet percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
    /// The longest answer that is read, in bytes.
    pub(crate) max_answer: usize,
}

/// A POST outside `open-apis`, which needs no token.
pub(crate) struct OutsideRequest<'a> {
    pub(crate) endpoint: &'static str,
    /// The segments of the path, not yet percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) header: (HeaderName, HeaderValue),
    pub(crate) body: Value,
}

/// A POST to an endpoint of OAuth, which needs no token.
pub(crate) struct OAuthRequest<'a> {
    pub(crate) endpoint: &'static str,
    /// The segments of the whole path.
    pub(crate) path: &'a [&'a str],
    pub(crate) body: OAuthBody<'a>,
}

/// The body of an [`OAuthRequest`], and how it names the app.
pub(crate) enum OAuthBody<'a> {
    /// JSON with id and secret.
    Json(Value),
    /// A form with id and secret.
    Form(&'a [(&'a str, &'a str)]),
    /// A form, and the secret in the header `Authorization`.
    FormWithBasic(&'a AppSecret, &'a [(&'a str, &'a str)]),
}

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An object with a `code`.
    Api,
    /// A refusal has a `code` or an `error` or both, a success needs neither and may be empty.
    OAuth,
    /// Any object; the caller judges it with [`Answer::oauth`].
    Unjudged,
}

/// An answer of which the head was read.
struct Begun {
    /// The answer without its body.
    head: Answer,
    response: Response,
    sent_at: Timestamp,
    received_at: Timestamp,
}

/// A file that is being downloaded.
pub(crate) struct Download {
    head: Answer,
    response: Response,
}

/// An answer with code 0.
pub(crate) struct Answer {
    endpoint: &'static str,
    path: String,
    status: u16,
    log_id: Option<String>,
    retry_after: Option<Duration>,
    /// Whether its content type is that of a web page.
    is_page: bool,
    body: Vec<u8>,
    /// The permit of a long one.
    permit: Option<OwnedSemaphorePermit>,
}

impl<'a> Request<'a> {
    fn new(endpoint: &'static str, method: Method, path: &'a [&'a str]) -> Self {
        Self {
            endpoint,
            method,
            path,
            query: &[],
            body: None,
            max_answer: MAX_ANSWER,
        }
    }

    pub(crate) fn get(endpoint: &'static str, path: &'a [&'a str]) -> Self {
        Self::new(endpoint, Method::GET, path)
    }

    pub(crate) fn post(endpoint: &'static str, path: &'a [&'a str]) -> Self {
        Self::new(endpoint, Method::POST, path)
    }

    pub(crate) fn patch(endpoint: &'static str, path: &'a [&'a str]) -> Self {
        Self::new(endpoint, Method::PATCH, path)
    }

    pub(crate) fn delete(endpoint: &'static str, path: &'a [&'a str]) -> Self {
        Self::new(endpoint, Method::DELETE, path)
    }

    pub(crate) fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn body(self, body: Value) -> Self {
        let body = Some(body);
        Self { body, ..self }
    }

    pub(crate) fn max_answer(self, max_answer: usize) -> Self {
        Self { max_answer, ..self }
    }
}

impl Http {
    pub(crate) fn new(
        base_url: &str,
        timeout: Duration,
        extra_roots: &ExtraRoots,
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
            // Shorter than the whole, so that an unreachable host is a failure to connect.
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

    /// Whether the base URL is one without TLS, as only simulators have it.
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
        let mut builder = self.client.request(request.method.clone(), url);
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose_secret());
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        self.exchange(request.endpoint, request.max_answer, builder, Form::Api)
            .await
    }

    /// Begins the download of a file and reports it.
    pub(crate) async fn open(
        &self,
        request: &Request<'_>,
        token: &SecretString,
    ) -> Result<Download, Error> {
        let mut url = self.url(["open-apis"].iter().chain(request.path));
        url.query_pairs_mut().extend_pairs(request.query);
        let builder = self.client.get(url).timeout(TRANSFER_TIMEOUT);
        let builder = builder.bearer_auth(token.expose_secret());
        let download = self.begin_download(request.endpoint, builder);
        self.report(request.endpoint, download, |download| {
            download.head.log_id.as_deref()
        })
        .await
    }

    /// Makes one exchange whose request has a form with a file, and reports it.
    pub(crate) async fn upload(
        &self,
        request: &Request<'_>,
        form: multipart::Form,
        token: &SecretString,
    ) -> Result<Answer, Error> {
        let url = self.url(["open-apis"].iter().chain(request.path));
        let builder = self.client.post(url).timeout(TRANSFER_TIMEOUT);
        let builder = builder.bearer_auth(token.expose_secret()).multipart(form);
        self.exchange(request.endpoint, request.max_answer, builder, Form::Api)
            .await
    }

    /// Makes one exchange outside `open-apis` and reports it.
    pub(crate) async fn send_outside(&self, request: OutsideRequest<'_>) -> Result<Answer, Error> {
        let (name, value) = request.header;
        let builder = self.client.post(self.url(request.path));
        let builder = builder.header(name, value).json(&request.body);
        self.exchange(request.endpoint, MAX_ANSWER, builder, Form::Api)
            .await
    }

    /// Makes one exchange of OAuth and reports it.
    pub(crate) async fn send_oauth(&self, request: OAuthRequest<'_>) -> Result<Answer, Error> {
        self.send_to_oauth(request, Form::OAuth).await
    }

    /// Makes one exchange of OAuth whose refusals the caller reads. It is reported as a success.
    pub(crate) async fn send_unjudged(&self, request: OAuthRequest<'_>) -> Result<Answer, Error> {
        self.send_to_oauth(request, Form::Unjudged).await
    }

    async fn send_to_oauth(&self, request: OAuthRequest<'_>, form: Form) -> Result<Answer, Error> {
        let builder = self.client.post(self.url(request.path));
        let builder = match request.body {
            OAuthBody::Json(body) => builder.json(&body),
            OAuthBody::Form(fields) => with_form(builder, fields),
            OAuthBody::FormWithBasic(app, fields) => with_form(builder, fields)
                .basic_auth(app.app_id.as_str(), Some(app.app_secret.expose_secret())),
        };
        self.exchange(request.endpoint, MAX_ANSWER, builder, form)
            .await
    }

    /// Makes one exchange and reports it.
    async fn exchange(
        &self,
        endpoint: &'static str,
        max_answer: usize,
        builder: RequestBuilder,
        form: Form,
    ) -> Result<Answer, Error> {
        let exchange = async {
            let begun = self.begin(endpoint, builder).await?;
            self.finish(begun, max_answer, form).await
        };
        self.report(endpoint, exchange, Answer::log_id).await
    }

    /// Waits for an exchange and reports it.
    async fn report<T>(
        &self,
        endpoint: &'static str,
        exchange: impl Future<Output = Result<T, Error>>,
        log_id: impl Fn(&T) -> Option<&str>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        // Boxed, because requests are large and part of the futures of all callers.
        let result = Box::pin(exchange).await;
        let record = CallRecord {
            endpoint,
            duration: begun.elapsed(),
            error: result.as_ref().err(),
        };
        let (log_id, msg) = match &result {
            Ok(answer) => (log_id(answer), None),
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
    pub(crate) fn url<'a>(&self, path: impl IntoIterator<Item = &'a &'a str>) -> Url {
        let mut url = self.base_url.clone();
        // Always possible for the two schemes that `new` accepts.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Sends a request and waits for the head of the answer.
    async fn begin(&self, endpoint: &'static str, builder: RequestBuilder) -> Result<Begun, Error> {
        let broken = |source| transport(endpoint, source);
        let request = builder.build().map_err(broken)?;
        let path = request.url().path().to_owned();
        let sent_at = self.clock.machine_now();
        let response = self.client.execute(request).await.map_err(broken)?;
        let received_at = self.clock.machine_now();
        let headers = response.headers();
        let head = Answer {
            endpoint,
            path,
            status: response.status().as_u16(),
            log_id: headers::log_id(headers),
            retry_after: headers::retry_after(headers, self.clock.now()),
            is_page: headers::is_page(headers),
            body: Vec::new(),
            permit: None,
        };
        Ok(Begun {
            head,
            response,
            sent_at,
            received_at,
        })
    }

    /// Reads the rest of an answer, and judges it.
    async fn finish(&self, begun: Begun, max_answer: usize, form: Form) -> Result<Answer, Error> {
        let Begun {
            head: mut answer,
            mut response,
            sent_at,
            received_at,
        } = begun;
        let broken = |source| transport(answer.endpoint, source);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let length = answer.body.len() + chunk.len();
            if length > max_answer {
                let detail = if answer.is_page {
                    InvalidResponse::Foreign
                } else {
                    InvalidResponse::TooLarge
                };
                return Err(answer.invalid(detail));
            }
            if length > LONG_ANSWER && answer.permit.is_none() {
                let permit = Arc::clone(&self.long_answers).acquire_owned();
                answer.permit = permit.await.ok();
            }
            answer.body.extend_from_slice(&chunk);
        }
        if answer.body.starts_with(BOM) {
            answer.body.drain(..BOM.len());
        }
        let judged = answer.judge(form);
        // A proxy that answers for itself has another clock than the platform.
        let is_platform = matches!(judged, Ok(_) | Err(Error::Api(_)));
        if let Some(date) = headers::date(response.headers()).filter(|_| is_platform) {
            self.clock.observe(date, sent_at, received_at);
        }
        judged
    }

    /// An answer that is not a file is a refusal.
    async fn begin_download(
        &self,
        endpoint: &'static str,
        builder: RequestBuilder,
    ) -> Result<Download, Error> {
        let begun = self.begin(endpoint, builder).await?;
        if begun.response.status().is_success() && headers::is_file(begun.response.headers()) {
            let Begun { head, response, .. } = begun;
            return Ok(Download { head, response });
        }
        let answer = self.finish(begun, MAX_ANSWER, Form::Api).await?;
        Err(answer.invalid(InvalidResponse::Shape))
    }
}

impl Download {
    /// The length in bytes, if the platform sent it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Reads the file to its end, but at most `most` bytes and a chunk, and returns the length.
    pub(crate) async fn count(mut self, most: u64) -> Result<u64, Error> {
        let mut length = 0;
        while length <= most {
            let chunk = self.response.chunk().await;
            let chunk = chunk.map_err(|source| transport(self.head.endpoint, source))?;
            let Some(chunk) = chunk else { break };
            length += chunk.len() as u64;
        }
        Ok(length)
    }

    pub(crate) fn too_large(&self) -> Error {
        self.head.invalid(InvalidResponse::TooLarge)
    }

    /// The content, which is read while it is sent.
    pub(crate) fn into_body(self) -> Body {
        self.response.into()
    }
}

impl CallRecord<'_> {
    /// The code of the answer: 0 for success, `None` without a readable answer.
    pub fn code(&self) -> Option<i64> {
        self.error.map_or(Some(0), Error::code)
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn log_id(&self) -> Option<&str> {
        self.log_id.as_deref()
    }

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

    /// Reads an answer with its payload next to `code`, not in `data`.
    pub(crate) fn whole<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.invalid(InvalidResponse::Shape))
    }

    /// An id in the `data` object, if it has one.
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

    /// Judges an answer that was not.
    pub(crate) fn oauth(self) -> Result<Self, Error> {
        self.judge(Form::OAuth)
    }

    /// Success is code 0 with a 2xx status; in the form of OAuth, neither a code nor an error.
    fn judge(self, form: Form) -> Result<Self, Error> {
        let is_error = !(200..300).contains(&self.status);
        if form == Form::OAuth && !is_error && self.body.trim_ascii().is_empty() {
            return Ok(self);
        }
        let verdict = Verdict::read(&self.body);
        let verdict = verdict.filter(|verdict| form != Form::Api || verdict.has_code());
        let Some(verdict) = verdict else {
            return Err(self.invalid(InvalidResponse::NotJson));
        };
        if form == Form::Unjudged {
            return Ok(self);
        }
        let code = verdict.code();
        let oauth_error = match form {
            Form::Api => None,
            Form::OAuth | Form::Unjudged => verdict.oauth_error(),
        };
        // A web page, and an HTTP error that claims success or only repeats its status, do not come
        // from the platform.
        let repeats = code == i64::from(self.status);
        let is_explained = (code != 0 && !repeats) || oauth_error.is_some();
        if self.is_page || (is_error && !is_explained) {
            return Err(self.invalid(InvalidResponse::Foreign));
        }
        if code == 0 && oauth_error.is_none() {
            return Ok(self);
        }
        let told = verdict.reason();
        Err(Error::Api(ApiError {
            endpoint: self.endpoint,
            code,
            oauth_error,
            msg: told.msg.into(),
            fields: told.fields.into(),
            missing_scopes: told.missing_scopes.into(),
            log_id: self.log_id.or(told.log_id),
            status: self.status,
            retry_after: self.retry_after,
        }))
    }
}

/// A body of form fields. Everything is encoded that may be, as both ends agree on it.
fn with_form(builder: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    builder
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(pairs(fields))
}

fn transport(endpoint: &'static str, source: reqwest::Error) -> Error {
    // A timeout while connecting is both a connect error and a timeout; nothing was sent then.
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
