//! The scopes that the tenant has granted.
//!
//! Official page `application-v6/scope/list`.

use serde::Deserialize;

use super::Client;
use crate::Error;
use crate::http::Request;

/// A scope that the app has requested.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Scope {
    /// For example `im:message:send_as_bot`.
    pub scope_name: String,
    /// See [`Scope::GRANTED`].
    pub grant_status: i64,
}

impl Scope {
    /// The `grant_status` of a scope that the tenant has granted.
    pub const GRANTED: i64 = 1;
}

impl Client {
    /// The scopes that the app has requested; needs no scope itself.
    ///
    /// Tokens: tenant.
    pub async fn list_scopes(&self) -> Result<Vec<Scope>, Error> {
        #[derive(Deserialize)]
        struct Payload {
            scopes: Vec<Scope>,
        }
        let path = ["application", "v6", "scopes"];
        let answer = self.call(Request::get("list_scopes", &path)).await?;
        answer.data().map(|payload: Payload| payload.scopes)
    }
}
