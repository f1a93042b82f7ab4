//! Where to connect: asked of the platform with app id and secret, before every connection.

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
/// Chooses the language of the platform's `msg`; the official SDKs send this one.
const LOCALE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("locale"),
    HeaderValue::from_static("zh"),
);

/// Where the platform wants to be called, good for one connection.
#[derive(Clone)]
pub struct Endpoint {
    /// Holds the credentials of the connection.
    url: SecretString,
    device_id: String,
    service_id: i32,
    config: ClientConfig,
}

/// Why there is no endpoint.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EndpointError {
    /// No answer came, or none that could be read.
    #[error(transparent)]
    Call(Error),
    /// The answer's status was not 200, whatever else it said.
    #[error("asking for a long connection was answered with HTTP {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The platform's name for this exchange.
        log_id: Option<String>,
    },
    /// The platform answered and refused.
    #[error("the platform refused a long connection: {reason} (code {code}: {msg})")]
    Refused {
        /// The platform's error code.
        code: i64,
        /// What the code means.
        reason: EndpointReason,
        /// The platform's own words.
        msg: String,
        /// The platform's name for this exchange.
        log_id: Option<String>,
    },
    /// The platform agreed but named no place that a client could connect to.
    #[error("the platform named no usable address for a long connection: {0}")]
    Url(&'static str),
}

/// What the platform refuses a long connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointReason {
    /// It is busy.
    SystemBusy,
    /// An internal error.
    InternalError,
    /// The app may not have one.
    Forbidden,
    /// App id and secret do not match.
    AuthFailed,
    /// App id or secret was not sent.
    NoCredential,
    /// The app has as many connections as it may have.
    TooManyConnections,
    /// The app belongs to the other brand, Feishu or Lark.
    WrongDomain,
    /// An undocumented code.
    Other,
}

impl Client {
    /// Asks where to open a long connection. Only apps of a tenant's own may have one.
    pub async fn long_connection_endpoint(&self) -> Result<Endpoint, EndpointError> {
        let http = self.http();
        let answer = http.send_outside(OutsideRequest {
            endpoint: ENDPOINT,
            path: &["callback", "ws", "endpoint"],
            header: LOCALE,
            body: self.credentials().long_connection_body(),
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
    /// The platform's name for the connection that is to be made.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// The settings that hold until the platform changes them.
    pub fn config(&self) -> ClientConfig {
        self.config
    }

    pub(super) fn service_id(&self) -> i32 {
        self.service_id
    }

    /// Not to be shown: who knows it can receive the app's events.
    pub(super) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// `may_be_plain`: the platform is a stand-in that speaks without TLS itself.
    fn read(data: &Data, may_be_plain: bool) -> Result<Self, EndpointError> {
        let text = data.url.expose_secret();
        if text.is_empty() {
            return Err(EndpointError::Url("it is empty"));
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Url("it is no URL"))?;
        if url.scheme() != "wss" && !(may_be_plain && url.scheme() == "ws") {
            return Err(EndpointError::Url("it is not a wss URL"));
        }
        let query = |name| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let service_id = query("service_id").and_then(|id| id.parse().ok());
        Ok(Self {
            url: data.url.clone(),
            device_id: query("device_id").unwrap_or_default(),
            service_id: service_id.ok_or(EndpointError::Url("it names no service"))?,
            config: data.config.unwrap_or_default(),
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("device_id", &self.device_id)
            .field("service_id", &self.service_id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl EndpointError {
    /// Whether asking again later may help. Where it does not, the app's administrator has to mend
    /// something first.
    pub fn is_retryable(&self) -> bool {
        match self {
            // The client's own making never gets better by waiting; whatever came over the wire may.
            Self::Call(error) => !matches!(error, Error::BaseUrl(_) | Error::HttpClient(_)),
            Self::Status { .. } | Self::Url(_) => true,
            Self::Refused { reason, .. } => reason.is_retryable(),
        }
    }

    /// The platform's name for this exchange.
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

    /// Whether asking again later may help.
    pub fn is_retryable(self) -> bool {
        // The platform adds codes, and one that no table has may well pass.
        matches!(self, Self::SystemBusy | Self::InternalError | Self::Other)
    }
}

impl fmt::Display for EndpointReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SystemBusy => "it is busy",
            Self::InternalError => "it failed inside",
            Self::Forbidden => "the app may not have one",
            Self::AuthFailed => "app id and secret do not fit",
            Self::NoCredential => "app id or secret is missing",
            Self::TooManyConnections => "the app has too many connections",
            Self::WrongDomain => "the app belongs to the other brand, Feishu or Lark",
            Self::Other => "for a reason that is not documented",
        })
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
    fn the_url_says_who_connects_and_is_not_shown() {
        let endpoint = read(URL, false).unwrap();
        assert_eq!(
            (endpoint.device_id(), endpoint.service_id()),
            ("7", 33_554_678)
        );
        assert_eq!(endpoint.config().ping_interval.as_secs(), 9);
        assert_eq!(endpoint.url(), URL);
        let shown = format!("{endpoint:?}");
        assert!(
            shown.contains("33554678") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn a_url_that_nobody_should_connect_to_is_an_error_to_try_again_after() {
        let plain = URL.replace("wss:", "ws:");
        assert!(read(&plain, true).is_ok());
        for (url, why) in [
            ("", "it is empty"),
            ("nowhere", "it is no URL"),
            (&plain, "it is not a wss URL"),
            ("https://h/?service_id=1", "it is not a wss URL"),
            ("wss://h/ws/v2?service_id=x", "it names no service"),
            ("wss://h/ws/v2", "it names no service"),
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
    fn each_documented_code_has_its_reason_and_says_whether_to_try_again() {
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
                code: told,
                reason: read,
                msg,
                log_id,
            } = &error
            else {
                panic!("{error:?}")
            };
            assert_eq!((*read, *told), (reason, code));
            assert_eq!((&**msg, log_id.as_deref()), ("no", Some("l")));
            assert_eq!(error.is_retryable(), is_retryable, "{code}");
        }
    }

    #[test]
    fn any_other_status_than_200_and_no_answer_at_all_are_tried_again() {
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
            msg: "no".into(),
            log_id: Some("l".to_owned()),
            status,
            missing_scopes: Box::default(),
            retry_after: None,
        })
    }
}
