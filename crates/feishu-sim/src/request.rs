//! Requests to endpoints, and their responses.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{limits::Exceeded, multipart, refusal::Refusal};

/// A request to an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The port of the address that it was sent to.
    pub(crate) port: u16,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) params: HashMap<String, String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) range: Option<String>,
    /// The number of calls that were served before the body began to arrive.
    pub(crate) began: usize,
    pub(crate) body: Bytes,
}

impl Request {
    /// The token in the header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ")
    }

    /// Whether the body has several parts.
    pub(crate) fn is_multipart(&self) -> bool {
        let sent = self.content_type.as_deref().unwrap_or_default();
        sent.starts_with("multipart/form-data;")
    }

    /// Whether the body is a form.
    pub(crate) fn is_form(&self) -> bool {
        let sent = self.content_type.as_deref().unwrap_or_default();
        let kind = sent.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// A parameter of the path, guaranteed by the route.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// `user_id_type`, by default `open_id`.
    pub(crate) fn user_id_type(&self) -> &str {
        self.query("user_id_type").unwrap_or("open_id")
    }

    /// A numeric query parameter between `least` and `most`.
    pub(crate) fn number(
        &self,
        name: &str,
        default: i64,
        least: i64,
        most: i64,
    ) -> Result<i64, Refusal> {
        let Some(text) = self.query(name) else {
            return Ok(default);
        };
        let number = text
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            Refusal::field(name, &format!("must be a number from {least} to {most}"))
        })
    }

    /// The body in its documented form; any other form is a violation.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let reason = error.to_string();
            let field = reason.split('`').nth(1).unwrap_or_default();
            Refusal::field(field, &reason).violating(format!("body: {reason}"))
        })
    }

    pub(crate) fn recorded_body(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        if self.is_multipart() {
            let content_type = self.content_type.as_deref().unwrap_or_default();
            return multipart::recorded(content_type, &self.body).unwrap_or_default();
        }
        let as_text = |_| Value::String(String::from_utf8_lossy(&self.body).into_owned());
        serde_json::from_slice(&self.body).unwrap_or_else(as_text)
    }
}

/// The fields of a form.
pub(crate) fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    let body = String::from_utf8_lossy(body);
    Url::parse(&format!("http://form/?{body}")).map_or_else(|_| Vec::new(), |url| query_of(&url))
}

/// The query, decoded.
pub(crate) fn query_of(url: &Url) -> Vec<(String, String)> {
    let pairs = url.query_pairs();
    let owned = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
    owned.collect()
}

/// A file in an answer.
#[derive(Debug)]
pub(crate) struct SentFile {
    pub(crate) bytes: Bytes,
    /// `Content-Range` of a part.
    pub(crate) range: Option<String>,
    pub(crate) length_is_told: bool,
    /// It breaks off halfway.
    pub(crate) is_broken: bool,
    /// Counts the bytes that the connection took.
    pub(crate) sent: Arc<AtomicU64>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// Sent in place of `body`.
    pub(crate) file: Option<SentFile>,
    pub(crate) code: Option<i64>,
}

/// The reply to a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// No response; the connection stays open.
    Hang,
    /// No response; the connection is closed.
    Close,
}

/// 99991400 with its headers.
pub(crate) fn rate_limited(exceeded: Exceeded) -> Refusal {
    let mut refusal = Refusal::code(99_991_400);
    refusal.rate_limit = Some((exceeded.limit, exceeded.wait_s));
    refusal
}
