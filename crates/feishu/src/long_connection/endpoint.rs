//! The endpoint of a long connection, requested with app id and secret before every connection.

use std::fmt;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::ClientConfig;
use crate::codes::long_connection as codes;
use crate::error::Error;
use crate::http::OutsideRequest;
use crate::{ApiError, Client};

/// The name of the call.
const ENDPOINT: &str = "long_connection_endpoint";
/// The language of the platform's `msg`; the value of the official SDKs.
const LOCALE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("locale"),
    HeaderValue::from_static("zh"),
);

/// The address and settings of one connection.
#[derive(Clone)]
pub struct Endpoint {
    /// Contains the credentials of the connection.
    url: SecretString,
    service_id: i32,
    config: ClientConfig,
}

/// Why the platform returned no endpoint.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EndpointError {
    /// The call failed.
    #[error(transparent)]
    Call(Error),
    /// The status was not 200.
    #[error("requesting a long connection: HTTP {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The id of the exchange in the platform's logs.
        log_id: Option<String>,
    },
    /// The platform refused.
    #[error("the platform refused a long connection: {reason} (code {code}: {msg})")]
    Refused {
        /// The platform's error code.
        code: i64,
        /// The meaning of the code.
        reason: EndpointReason,
        /// The platform's message.
        msg: String,
        /// The id of the exchange in the platform's logs.
        log_id: Option<String>,
    },
    /// The platform returned an unusable address.
    #[error("requesting a long connection: unusable address, {0}")]
    Url(&'static str),
}

/// Why the platform refused a long connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointReason {
    /// The platform is busy.
    #[error("the platform is busy")]
    SystemBusy,
    /// An internal error.
    #[error("internal error")]
    InternalError,
    /// The app may not have one.
    #[error("the app may not have one")]
    Forbidden,
    /// App id and secret do not match.
    #[error("app id and secret do not match")]
    AuthFailed,
    /// App id or secret was not sent.
    #[error("app id or secret is missing")]
    NoCredential,
    /// The app has as many connections as it may have.
    #[error("the app has too many connections")]
    TooManyConnections,
    /// The app belongs to the other brand, Feishu or Lark.
    #[error("the app belongs to the other brand, Feishu or Lark")]
    WrongDomain,
    /// An undocumented code.
    #[error("undocumented reason")]
    Other,
}

impl Client {
    /// Requests the address of a new long connection. Only self-built apps may have one.
    pub async fn long_connection_endpoint(&self) -> Result<Endpoint, EndpointError> {
        let http = self.http();
        let answer = http.send_outside(OutsideRequest {
            endpoint: ENDPOINT,
            path: &["callback", "ws", "endpoint"],
            header: LOCALE,
            body: self.secret().long_connection_body(),
        });
        let answer = answer.await.map_err(EndpointError::from_call)?;
        if answer.status() != 200 {
            return Err(EndpointError::Status {
                status: answer.status(),
                log_id: answer.log_id().map(str::to_owned),
            });
        }
        let data: Data = answer.data().map_err(EndpointError::Call)?;
        Endpoint::read(&data, http.is_plain())
    }
}

impl Endpoint {
    /// The settings at the start of the connection.
    pub fn config(&self) -> ClientConfig {
        self.config
    }

    pub(super) fn service_id(&self) -> i32 {
        self.service_id
    }

    /// A secret: with it anyone can receive the app's events.
    pub(super) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// `may_be_plain`: the platform is a simulator without TLS.
    fn read(data: &Data, may_be_plain: bool) -> Result<Self, EndpointError> {
        let text = data.url.expose_secret();
        if text.is_empty() {
            return Err(EndpointError::Url("empty"));
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Url("not a URL"))?;
        if url.scheme() != "wss" && !(may_be_plain && url.scheme() == "ws") {
            return Err(EndpointError::Url("not a wss URL"));
        }
        let query = |name| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let service_id = query("service_id").and_then(|id| id.parse().ok());
        Ok(Self {
            url: data.url.clone(),
            service_id: service_id.ok_or(EndpointError::Url("no service id"))?,
            config: data.config.unwrap_or_default(),
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("service_id", &self.service_id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl EndpointError {
    /// Whether a retry may help. If not, the app's administrator has to
    /// act.
    pub fn is_retryable(&self) -> bool {
        match self {
            // An invalid configuration stays invalid; anything from the network may change.
            Self::Call(error) => !matches!(error, Error::BaseUrl(_) | Error::HttpClient(_)),
            Self::Status { .. } | Self::Url(_) => true,
            Self::Refused { reason, .. } => reason.is_retryable(),
        }
    }

    /// The id of the exchange in the platform's logs.
    pub fn log_id(&self) -> Option<&str> {
        match self {
            Self::Call(error) => error.log_id(),
            Self::Status { log_id, .. } | Self::Refused { log_id, .. } => log_id.as_deref(),
            Self::Url(_) => None,
        }
    }

    fn from_call(error: Error) -> Self {
        match error {
            Error::Api(ApiError { status, log_id, .. })
            | Error::InvalidResponse { status, log_id, .. }
                if status != 200 =>
            {
                Self::Status { status, log_id }
            }
            Error::Api(ApiError {
                code, msg, log_id, ..
            }) => Self::Refused {
                code,
                reason: EndpointReason::of(code),
                msg: msg.into(),
                log_id,
            },
            error => Self::Call(error),
        }
    }
}

impl EndpointReason {
    fn of(code: i64) -> Self {
        match code {
            codes::BUSY => Self::SystemBusy,
            codes::INTERNAL => Self::InternalError,
            codes::FORBIDDEN => Self::Forbidden,
            codes::AUTH_FAILED => Self::AuthFailed,
            codes::NO_CREDENTIAL => Self::NoCredential,
            codes::TOO_MANY_CONNECTIONS => Self::TooManyConnections,
            codes::WRONG_DOMAIN => Self::WrongDomain,
            _ => Self::Other,
        }
    }

    /// Whether a retry may help.
    pub fn is_retryable(self) -> bool {
        // The platform adds codes, and an unknown one may be temporary.
        matches!(self, Self::SystemBusy | Self::InternalError | Self::Other)
    }
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "URL")]
    url: SecretString,
    #[serde(rename = "ClientConfig")]
    config: Option<ClientConfig>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InvalidResponse;

    const URL: &str = "wss://msg-frontier.feishu.cn/ws/v2?fpid=493&aid=552564&device_id=7&\
        access_key=hidden&service_id=33554678&ticket=hidden";

    fn read(url: &str, may_be_plain: bool) -> Result<Endpoint, EndpointError> {
        let data = serde_json::json!({ "URL": url, "ClientConfig": { "PingInterval": 9 } });
        Endpoint::read(&serde_json::from_value(data).unwrap(), may_be_plain)
    }

    #[test]
    fn the_url_stays_secret() {
        let endpoint = read(URL, false).unwrap();
        assert_eq!(endpoint.service_id(), 33_554_678);
        assert_eq!(endpoint.config().ping_interval.as_secs(), 9);
        assert_eq!(endpoint.url(), URL);
        let shown = format!("{endpoint:?}");
        assert!(
            shown.contains("33554678") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn an_unusable_url_is_a_retryable_error() {
        let plain = URL.replace("wss:", "ws:");
        assert!(read(&plain, true).is_ok());
        for (url, why) in [
            ("", "empty"),
            ("nowhere", "not a URL"),
            (&plain, "not a wss URL"),
            ("https://h/?service_id=1", "not a wss URL"),
            ("wss://h/ws/v2?service_id=x", "no service id"),
            ("wss://h/ws/v2", "no service id"),
        ] {
            let error = read(url, false).unwrap_err();
            assert!(
                matches!(error, EndpointError::Url(said) if said == why),
                "{url}"
            );
            assert!(error.is_retryable());
        }
    }

    #[test]
    fn each_documented_code_has_its_reason() {
        use EndpointReason as Reason;
        for (code, reason, is_retryable) in [
            (1, Reason::SystemBusy, true),
            (1_000_040_343, Reason::InternalError, true),
            (403, Reason::Forbidden, false),
            (514, Reason::AuthFailed, false),
            (1_000_040_344, Reason::NoCredential, false),
            (1_000_040_350, Reason::TooManyConnections, false),
            (1_000_040_351, Reason::WrongDomain, false),
            (42, Reason::Other, true),
        ] {
            let error = EndpointError::from_call(refusal(code, 200));
            let EndpointError::Refused {
                code: received,
                reason: read,
                msg,
                log_id,
            } = &error
            else {
                panic!("{error:?}")
            };
            assert_eq!((*read, *received), (reason, code));
            assert_eq!((&**msg, log_id.as_deref()), ("no", Some("l")));
            assert_eq!(error.is_retryable(), is_retryable, "{code}");
        }
    }

    #[test]
    fn other_statuses_than_200_are_retried() {
        let unreadable = |status| Error::InvalidResponse {
            endpoint: ENDPOINT,
            path: String::new(),
            status,
            log_id: Some("l".to_owned()),
            retry_after: None,
            detail: InvalidResponse::NotJson,
        };
        for error in [refusal(403, 403), unreadable(502)] {
            let error = EndpointError::from_call(error);
            assert!(matches!(error, EndpointError::Status { .. }), "{error:?}");
            assert!(error.is_retryable());
            assert_eq!(error.log_id(), Some("l"));
        }
        assert!(EndpointError::from_call(unreadable(200)).is_retryable());
        let no_url = Error::BaseUrl("nowhere".to_owned());
        assert!(!EndpointError::from_call(no_url).is_retryable());
    }

    fn refusal(code: i64, status: u16) -> Error {
        Error::Api(ApiError {
            endpoint: ENDPOINT,
            code,
            fields: Box::default(),
            oauth_error: None,
            msg: "no".into(),
            log_id: Some("l".to_owned()),
            status,
            missing_scopes: Box::default(),
            retry_after: None,
        })
    }
}
