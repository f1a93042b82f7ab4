//! What can go wrong in a call, and what that means for the caller.

use std::{sync::Arc, time::Duration};

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The platform answered and refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No answer came, or not the whole of it.
    #[error("calling `{endpoint}`: {failure}")]
    Transport {
        /// Which call.
        endpoint: &'static str,
        /// How it failed.
        failure: TransportFailure,
        /// What the HTTP client says, without the URL.
        source: Arc<reqwest::Error>,
    },
    /// An answer came that is not what this call answers with.
    #[error("`{endpoint}` answered {detail} (HTTP {status} at `{path}`)")]
    InvalidResponse {
        /// Which call.
        endpoint: &'static str,
        /// The path that was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The platform's name for this exchange.
        log_id: Option<String>,
        /// What was wrong with it.
        detail: InvalidResponse,
    },
    /// The call was not made: the platform asked to leave this API alone for a
    /// while, or its documented pace is used up.
    #[error("`{endpoint}` is not to be called for another {} ms", retry_after.as_millis())]
    Waiting {
        /// Which call.
        endpoint: &'static str,
        /// How long still.
        retry_after: Duration,
    },
    /// The base URL is not an absolute `http` or `https` URL.
    #[error("the base URL `{0}` is not an absolute http or https URL")]
    BaseUrl(String),
    /// The HTTP client could not be built, for instance for want of root certificates.
    #[error("preparing the HTTP client")]
    HttpClient(#[source] Arc<reqwest::Error>),
}

/// A refusal by the platform: any answer whose `code` is not 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{endpoint}` answered code {code}: {msg}")]
pub struct ApiError {
    /// Which call.
    pub endpoint: &'static str,
    /// The platform's error code.
    pub code: i64,
    /// The platform's own words.
    pub msg: String,
    /// The platform's name for this exchange, which its support asks for.
    pub log_id: Option<String>,
    /// The HTTP status; some refusals come with 200.
    pub status: u16,
    /// The scopes of which the app lacks one, if that is the reason.
    pub missing_scopes: Vec<String>,
    /// How long to wait before another try, from `x-ogw-ratelimit-reset`.
    pub retry_after: Option<Duration>,
}

/// How a call failed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFailure {
    /// No connection: nothing was sent.
    Connect,
    /// The request was sent but no whole answer came in time.
    Timeout,
    /// The connection broke.
    Broken,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidResponse {
    /// Not a JSON object with a `code`.
    NotJson,
    /// Code 0, but a field that this call must return is not there or not readable.
    Shape,
    /// Over 8 MiB.
    TooLarge,
}

impl std::fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection broke",
        })
    }
}

impl std::fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotJson => "without a code",
            Self::Shape => "without what it promises",
            Self::TooLarge => "more than 8 MiB",
        })
    }
}

impl Error {
    /// The platform's error code, if the platform refused.
    pub fn code(&self) -> Option<i64> {
        self.api().map(|error| error.code)
    }

    /// The platform's name for this exchange.
    pub fn log_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.log_id.as_deref(),
            Self::InvalidResponse { log_id, .. } => log_id.as_deref(),
            Self::Transport { .. }
            | Self::Waiting { .. }
            | Self::BaseUrl(_)
            | Self::HttpClient(_) => None,
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Transport { .. } | Self::Waiting { .. } => true,
            Self::InvalidResponse { status, .. } => *status == 429 || *status >= 500,
            Self::BaseUrl(_) | Self::HttpClient(_) => false,
        }
    }

    /// How long the platform asks us to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Waiting { retry_after, .. } => Some(*retry_after),
            _ => self.api().and_then(|error| error.retry_after),
        }
    }

    /// Whether the platform may have done what was asked although the call failed. A failure to
    /// get a token never is one of those: the call itself was not made.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Api(error) => {
                error.endpoint != TOKEN_ENDPOINT && (error.status >= 500 || error.code == 2200)
            }
            Self::Transport {
                endpoint, failure, ..
            } => *endpoint != TOKEN_ENDPOINT && *failure != TransportFailure::Connect,
            // A 4xx without our JSON comes from a gateway or proxy that did not know the path.
            Self::InvalidResponse {
                endpoint, status, ..
            } => *endpoint != TOKEN_ENDPOINT && !(400..500).contains(status),
            Self::Waiting { .. } | Self::BaseUrl(_) | Self::HttpClient(_) => false,
        }
    }

    /// Whether the app lacks a scope for this call; [`ApiError::missing_scopes`] names it.
    pub fn is_scope_missing(&self) -> bool {
        self.code() == Some(ApiError::SCOPE_MISSING)
    }

    /// Whether the platform refused the app itself: its id, its secret, or every token that it gets.
    /// Nothing that the app asks for can succeed until its administrator mends that.
    pub fn is_app_refused(&self) -> bool {
        self.is_token_rejected()
            || self
                .api()
                .is_some_and(|error| error.endpoint == TOKEN_ENDPOINT)
    }

    /// Whether the platform did not take the token; another one may do.
    pub fn is_token_rejected(&self) -> bool {
        matches!(
            self.code(),
            Some(99_991_661 | 99_991_663 | 99_991_664 | 99_991_665 | 99_991_668 | 99_991_671)
        )
    }

    fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}

impl ApiError {
    /// "Access denied. One of the following scopes is required".
    pub(crate) const SCOPE_MISSING: i64 = 99_991_672;

    fn is_retryable(&self) -> bool {
        match self.code {
            // The tenant's monthly quota is used up: no waiting helps.
            99_991_403 => false,
            // Rate limits of the gateway, of messages and of chats; a message or reaction that is
            // still being sent; internal errors.
            99_991_400 | 230_020 | 232_019 | 230_049 | 231_015 | 2_200 | 1_771_001..=1_771_005 => {
                true
            }
            _ => self.status == 429 || self.status >= 500,
        }
    }
}

/// The name of the call that gets a token.
pub const TOKEN_ENDPOINT: &str = "tenant_access_token";

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(endpoint: &'static str, code: i64, status: u16) -> Error {
        Error::Api(ApiError {
            endpoint,
            code,
            msg: "no".to_owned(),
            log_id: None,
            status,
            missing_scopes: Vec::new(),
            retry_after: None,
        })
    }

    #[test]
    fn a_code_tells_whether_to_try_again() {
        let check = |code, status, expected| {
            let retryable = refusal("reply", code, status).is_retryable();
            assert_eq!(retryable, expected, "{code} with {status}");
        };
        for code in [
            99_991_400, 230_020, 232_019, 230_049, 231_015, 2_200, 1_771_001, 1_771_005,
        ] {
            check(code, 400, true);
        }
        for code in [232_014, 230_002, 1_771_006, 99_991_663, 99_991_672] {
            check(code, 400, false);
        }
        check(1, 429, true);
        check(1, 503, true);
        check(99_991_403, 429, false);
    }

    #[test]
    fn only_an_answer_that_leaves_it_open_may_have_taken_effect() {
        let check = |error: &Error, expected| {
            assert_eq!(error.may_have_taken_effect(), expected, "{error}");
        };
        let unreadable = |endpoint, status| Error::InvalidResponse {
            endpoint,
            path: "/open-apis/x".to_owned(),
            status,
            log_id: None,
            detail: InvalidResponse::NotJson,
        };
        check(&refusal("reply", 230_002, 400), false);
        check(&refusal("reply", 99_991_400, 429), false);
        check(&refusal("reply", 1_771_001, 500), true);
        check(&refusal("reply", 2_200, 400), true);
        check(&refusal(TOKEN_ENDPOINT, 2_200, 500), false);
        check(&unreadable("reply", 200), true);
        check(&unreadable("reply", 502), true);
        check(&unreadable("reply", 404), false);
        check(&unreadable(TOKEN_ENDPOINT, 502), false);
        check(&Error::BaseUrl("nowhere".to_owned()), false);
    }

    #[test]
    fn a_refused_token_is_known_by_its_code() {
        for code in [
            99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_668, 99_991_671,
        ] {
            assert!(refusal("reply", code, 200).is_token_rejected(), "{code}");
        }
        for code in [99_991_662, 99_991_672, 10_014] {
            assert!(!refusal("reply", code, 400).is_token_rejected(), "{code}");
        }
    }
}
