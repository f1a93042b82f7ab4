//! The fields with which every answer tells whether the call succeeded.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codes::{SCOPE_MISSING, USER_SCOPE_MISSING};
use crate::oauth_error::OAuthError;
use crate::wire::or_default;

/// How many characters of the platform's `msg` are kept.
const MAX_MSG: usize = 200;
/// How many characters of a field's name are kept.
const MAX_FIELD: usize = 80;
/// How many names of fields are kept.
const MAX_FIELDS: usize = 5;

/// The fields of every answer.
#[derive(Deserialize)]
pub(crate) struct Verdict<'a> {
    code: Option<i64>,
    msg: Option<String>,
    /// In the form of OAuth instead of `msg`.
    #[serde(default)]
    error_description: Option<String>,
    /// An [`ErrorDetail`], or a name in the form of OAuth.
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The reason of a refusal, bounded and escaped for logs.
pub(crate) struct Reason {
    pub(crate) msg: String,
    pub(crate) fields: Vec<String>,
    pub(crate) missing_scopes: Vec<String>,
    pub(crate) log_id: Option<String>,
}

impl<'a> Verdict<'a> {
    /// `None` if the body is no JSON object with such fields.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    pub(crate) fn has_code(&self) -> bool {
        self.code.is_some()
    }

    /// 0 if absent.
    pub(crate) fn code(&self) -> i64 {
        self.code.unwrap_or(0)
    }

    /// The `error` in the form of OAuth.
    pub(crate) fn oauth_error(&self) -> Option<OAuthError> {
        let error = self.error.map(RawValue::get);
        let error = error.and_then(|error| serde_json::from_str::<String>(error).ok());
        let error = error.filter(|error| !error.is_empty());
        error.as_deref().map(OAuthError::read)
    }

    pub(crate) fn reason(self) -> Reason {
        let code = self.code();
        let msg = self.msg.or(self.error_description).unwrap_or_default();
        let detail: ErrorDetail = self
            .error
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let fields = detail.field_violations.into_iter().take(MAX_FIELDS);
        let fields = fields.map(|one| name(&one.field));
        Reason {
            fields: fields.filter(|name| !name.is_empty()).collect(),
            missing_scopes: missing_scopes(detail.permission_violations, code, &msg),
            msg: short(&msg, MAX_MSG),
            log_id: detail.log_id,
        }
    }
}

/// The optional fields of a refusal.
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

/// Drops the characters that no name of a field or an error has.
fn name(field: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_-.[]".contains(*c);
    field.chars().filter(fits).take(MAX_FIELD).collect()
}

/// The start of a foreign text, escaped for logs.
fn short(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .flat_map(char::escape_debug)
        .take(2 * most)
        .collect()
}

/// The scopes that a refusal lists, or else those between brackets in its message.
fn missing_scopes(listed: Vec<PermissionViolation>, code: i64, msg: &str) -> Vec<String> {
    let is_named = matches!(code, SCOPE_MISSING | USER_SCOPE_MISSING);
    if !listed.is_empty() || !is_named {
        return listed.into_iter().map(|one| one.subject).collect();
    }
    let named = msg
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let scopes = named.map_or("", |(scopes, _)| scopes).split(',');
    let scopes = scopes.map(str::trim).filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}
