//! Errors of calls, and their consequences for the caller.

use std::{sync::Arc, time::Duration};

use crate::OpenId;
use crate::codes::{self, Class};
use crate::oauth_error::OAuthError;

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The platform refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No complete answer arrived.
    #[error("calling `{endpoint}`: {failure}")]
    Transport {
        /// The name of the call.
        endpoint: &'static str,
        /// The kind of failure.
        failure: TransportFailure,
        /// The error of the HTTP client, without the URL.
        source: Arc<reqwest::Error>,
    },
    /// The answer is not one of this call.
    #[error("`{endpoint}` returned {detail} (HTTP {status} at `{path}`)")]
    InvalidResponse {
        /// The name of the call.
        endpoint: &'static str,
        /// The path of the request.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The id of the exchange in the platform's logs.
        log_id: Option<String>,
        /// The error in the answer.
        detail: InvalidResponse,
        /// How long to wait before a retry, from a header.
        retry_after: Option<Duration>,
    },
    /// The call was not made: the API is rate limited, or its documented limit is used up.
    #[error("`{endpoint}` is rate limited; retry in {} ms", retry_after.as_millis())]
    Waiting {
        /// The name of the call.
        endpoint: &'static str,
        /// The remaining wait.
        retry_after: Duration,
    },
    /// The call was not made: the platform has not pushed a ticket to this store app yet, or none
    /// that is still valid.
    #[error("no valid app ticket; the platform pushes one within minutes")]
    NoAppTicket,
    /// The call was not made, or was refused: the app may not act in the name of this member, who
    /// has to consent.
    #[error("the member has not consented that the app acts in their name")]
    NoGrant {
        /// The member.
        member: OpenId,
    },
    /// The call was not made: the token of the member could not be renewed for now.
    #[error("the access token of the member could not be renewed")]
    GrantUnavailable {
        /// How long to wait before a retry, if that is known.
        retry_after: Option<Duration>,
    },
    /// The base URL is not an absolute `http` or `https` URL.
    #[error("parsing the base URL `{0}`: not an absolute http or https URL")]
    BaseUrl(String),
    /// The HTTP client could not be built, for instance because there are no root certificates.
    #[error("building the HTTP client")]
    HttpClient(#[source] Arc<reqwest::Error>),
}

/// A refusal by the platform: any answer whose `code` is not 0, and any error in the form of OAuth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{endpoint}` answered {}", self.reason())]
pub struct ApiError {
    /// The name of the call.
    pub endpoint: &'static str,
    /// The platform's error code; 0 if there is none, only an [`ApiError::oauth_error`].
    pub code: i64,
    /// The `error` of the endpoints for tokens of users.
    pub oauth_error: Option<OAuthError>,
    /// The platform's message, which may quote the request: at most 200 characters, without
    /// control characters, and not part of the error's text.
    pub msg: Box<str>,
    /// The fields of the request that the platform names as the reason.
    pub fields: Box<[String]>,
    /// The id of the exchange in the platform's logs, for its support.
    pub log_id: Option<String>,
    /// The HTTP status; some refusals have 200.
    pub status: u16,
    /// The scopes any one of which is missing, if that is the reason.
    pub missing_scopes: Box<[String]>,
    /// How long to wait before a retry, from `x-ogw-ratelimit-reset`.
    pub retry_after: Option<Duration>,
}

/// How the transport of a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// No connection: nothing was sent.
    #[error("connection failed")]
    Connect,
    /// The request was sent, but the answer timed out.
    #[error("timeout")]
    Timeout,
    /// The connection broke.
    #[error("connection lost")]
    Broken,
    /// The request could not be built: nothing was sent, and a retry fails the same way.
    #[error("invalid request")]
    Request,
}

/// The error in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponse {
    /// Not a JSON object with a `code`.
    #[error("no JSON object with a code")]
    NotJson,
    /// A proxy or gateway answered: a web page, or an HTTP error that no code of the platform
    /// explains.
    #[error("a response that is not from the platform")]
    Foreign,
    /// Code 0, but a required field is missing or invalid.
    #[error("an unexpected response body")]
    Shape,
    /// Longer than the client reads.
    #[error("a response that is too long")]
    TooLarge,
    /// A listing with too many pages.
    #[error("endless pages")]
    Endless,
}

impl Error {
    /// The platform's error code, if the platform refused.
    pub fn code(&self) -> Option<i64> {
        let code = self.api().map(|error| error.code);
        code.filter(|code| *code != 0)
    }

    /// The class of the platform's code, if the platform refused.
    pub fn class(&self) -> Option<Class> {
        self.api().and_then(ApiError::class)
    }

    /// The id of the exchange in the platform's logs.
    pub fn log_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.log_id.as_deref(),
            Self::InvalidResponse { log_id, .. } => log_id.as_deref(),
            Self::Transport { .. }
            | Self::Waiting { .. }
            | Self::NoAppTicket
            | Self::NoGrant { .. }
            | Self::GrantUnavailable { .. }
            | Self::BaseUrl(_)
            | Self::HttpClient(_) => None,
        }
    }

    /// Whether a retry of the same call may succeed. An answer that is not from the platform is
    /// like a broken connection.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Transport { failure, .. } => *failure != TransportFailure::Request,
            Self::InvalidResponse { detail, .. } => *detail != InvalidResponse::Endless,
            Self::Waiting { .. } | Self::NoAppTicket | Self::GrantUnavailable { .. } => true,
            Self::NoGrant { .. } | Self::BaseUrl(_) | Self::HttpClient(_) => false,
        }
    }

    /// How long to wait before a retry: at most a minute, whatever the platform asks for. No rate limit
    /// of the platform has a longer window, so a longer wait is probed.
    pub fn retry_after(&self) -> Option<Duration> {
        Some(self.asked_wait()?.min(LONGEST_WAIT))
    }

    /// How long the platform asks to wait, however long that is.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Waiting { retry_after, .. } => Some(*retry_after),
            Self::InvalidResponse { retry_after, .. } | Self::GrantUnavailable { retry_after } => {
                *retry_after
            }
            _ => self.api().and_then(|error| error.retry_after),
        }
    }

    /// Whether the platform, or a gateway before it, limited the rate.
    pub fn is_rate_limited(&self) -> bool {
        match self {
            Self::Api(error) => error.status == 429 || error.class() == Some(Class::RateLimited),
            Self::InvalidResponse { status, .. } => *status == 429,
            _ => false,
        }
    }

    /// Whether the answer was longer than the client reads.
    pub fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::InvalidResponse {
                detail: InvalidResponse::TooLarge | InvalidResponse::Endless,
                ..
            }
        )
    }

    /// The name of the failed call, if there was one.
    pub fn endpoint(&self) -> Option<&'static str> {
        match self {
            Self::Api(error) => Some(error.endpoint),
            Self::Transport { endpoint, .. }
            | Self::InvalidResponse { endpoint, .. }
            | Self::Waiting { endpoint, .. } => Some(endpoint),
            Self::NoAppTicket
            | Self::NoGrant { .. }
            | Self::GrantUnavailable { .. }
            | Self::BaseUrl(_)
            | Self::HttpClient(_) => None,
        }
    }

    /// Whether the failed call may have taken effect. After a failure to get a token, the call
    /// itself was not made.
    pub fn may_have_taken_effect(&self) -> bool {
        if self.endpoint().is_some_and(is_for_token) {
            return false;
        }
        match self {
            Self::Api(error) => error.status >= 500 || error.class() == Some(Class::RetryInDoubt),
            Self::Transport { failure, .. } => matches!(
                failure,
                TransportFailure::Timeout | TransportFailure::Broken
            ),
            // A proxy that answered may have forwarded the request.
            Self::InvalidResponse { status, .. } => *status != 429,
            Self::Waiting { .. }
            | Self::NoAppTicket
            | Self::NoGrant { .. }
            | Self::GrantUnavailable { .. }
            | Self::BaseUrl(_)
            | Self::HttpClient(_) => false,
        }
    }

    /// Whether the app lacks a scope; see [`ApiError::missing_scopes`].
    pub fn is_scope_missing(&self) -> bool {
        self.class() == Some(Class::ScopeMissing)
    }

    /// Whether the member has to consent before the call can succeed: for the first time, again, or
    /// to the [`ApiError::missing_scopes`].
    pub fn needs_consent(&self) -> bool {
        matches!(self, Self::NoGrant { .. }) || self.class() == Some(Class::UserScopeMissing)
    }

    /// Whether the platform rejected the app itself: its id, its secret, or every token. No call can
    /// succeed until an administrator fixes that.
    pub fn is_app_refused(&self) -> bool {
        self.is_token_rejected() || self.api().is_some_and(|error| is_for_token(error.endpoint))
    }

    /// Whether the platform rejected the token; another one may be accepted.
    pub fn is_token_rejected(&self) -> bool {
        self.api().is_some_and(|error| {
            error.class() == Some(Class::TokenRejected) && !error.is_token_kind_unsupported()
        })
    }

    fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}

impl ApiError {
    /// The class of the code.
    pub fn class(&self) -> Option<Class> {
        Class::of(self.code)
    }

    /// Whether the call does not accept tokens of the kind that it was made with.
    pub fn is_token_kind_unsupported(&self) -> bool {
        self.code == codes::USER_TOKEN_INVALID && self.msg.to_lowercase().contains("not support")
    }

    /// The code, or else the error of OAuth.
    fn reason(&self) -> String {
        match self.oauth_error {
            Some(error) if self.code == 0 => format!("`{error}`"),
            _ => format!("code {}", self.code),
        }
    }

    fn is_retryable(&self) -> bool {
        match self.class() {
            Some(Class::QuotaExhausted) => false,
            Some(Class::Retry | Class::RetryInDoubt | Class::RetryOnce | Class::RateLimited) => {
                true
            }
            _ => {
                let is_passing = self.oauth_error.is_some_and(OAuthError::is_retryable);
                is_passing || self.status == 429 || self.status >= 500
            }
        }
    }
}

/// The longest window of a rate limit of the platform.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The name of the call for a tenant's token.
pub const TOKEN_ENDPOINT: &str = "tenant_access_token";
/// The name of the call for a store app's own token.
pub const APP_TOKEN_ENDPOINT: &str = "app_access_token";
/// The name of the call for a ticket.
pub(crate) const RESEND_ENDPOINT: &str = "resend_app_ticket";

/// Whether the call fetches a token, so that it changes nothing.
fn is_for_token(endpoint: &str) -> bool {
    matches!(
        endpoint,
        TOKEN_ENDPOINT | APP_TOKEN_ENDPOINT | RESEND_ENDPOINT
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(endpoint: &'static str, code: i64, status: u16) -> Error {
        Error::Api(ApiError {
            endpoint,
            code,
            oauth_error: None,
            msg: "no".into(),
            fields: Box::default(),
            log_id: None,
            status,
            missing_scopes: Box::default(),
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
    fn only_ambiguous_failures_may_have_taken_effect() {
        let check = |error: &Error, expected| {
            assert_eq!(error.may_have_taken_effect(), expected, "{error}");
        };
        let unreadable = |endpoint, status| Error::InvalidResponse {
            endpoint,
            path: "/open-apis/x".to_owned(),
            status,
            log_id: None,
            detail: InvalidResponse::NotJson,
            retry_after: None,
        };
        check(&refusal("reply", 230_002, 400), false);
        check(&refusal("reply", 99_991_400, 429), false);
        check(&refusal("reply", 1_771_001, 500), true);
        check(&refusal("reply", 2_200, 400), true);
        check(&refusal(TOKEN_ENDPOINT, 2_200, 500), false);
        check(&unreadable("reply", 200), true);
        check(&unreadable("reply", 502), true);
        check(&unreadable("reply", 302), true);
        check(&unreadable("reply", 404), true);
        check(&unreadable("reply", 429), false);
        check(&unreadable(TOKEN_ENDPOINT, 502), false);
        check(&Error::BaseUrl("nowhere".to_owned()), false);
    }

    #[test]
    fn foreign_answers_are_retried() {
        let answer = |status, detail| Error::InvalidResponse {
            endpoint: "reply",
            path: String::new(),
            status,
            log_id: None,
            detail,
            retry_after: Some(Duration::from_hours(1)),
        };
        for status in [200, 204, 302, 307, 401, 403, 404, 407, 429, 502] {
            for detail in [
                InvalidResponse::NotJson,
                InvalidResponse::Foreign,
                InvalidResponse::Shape,
                InvalidResponse::TooLarge,
            ] {
                let error = answer(status, detail);
                assert!(error.is_retryable(), "{error}");
                assert_eq!(error.retry_after(), Some(LONGEST_WAIT));
                assert_eq!(error.is_rate_limited(), status == 429);
            }
        }
        assert!(!answer(200, InvalidResponse::Endless).is_retryable());
    }

    #[test]
    fn a_token_of_an_unsupported_kind_is_kept() {
        let Error::Api(error) = refusal("reply", 99_991_668, 400) else {
            panic!("no refusal")
        };
        let unsupported = Error::Api(ApiError {
            msg: "User access token NOT support".into(),
            ..error
        });
        assert!(!unsupported.is_token_rejected());
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
