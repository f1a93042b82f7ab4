//! The access token: fetched once for all callers, renewed early, dropped when it is rejected.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::error::{Error, InvalidResponse, TOKEN_ENDPOINT};
use crate::http::{Http, Request};
use crate::limits::Limits;
use crate::{AppId, Clock};

/// The remaining life of a token at which it is renewed. The platform returns the same token until
/// less than 30 minutes of it remain; from then on the old and the new one are both valid. Ten
/// minutes cover a difference of clocks, twenty are left for renewals that fail.
const RENEWAL_MARGIN: Duration = Duration::from_mins(20);

/// The time from a failed renewal to the next try; until then the current token is used.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// The assumed life of a token without `expire`.
const UNKNOWN_LIFE: Duration = Duration::from_mins(1);
/// A token with a shorter life is used for this long unless the platform rejects it, so that a
/// wrong life does not double the number of calls.
const SHORTEST_LIFE: Duration = Duration::from_secs(30);
/// Tokens of the platform live for two hours; a longer life than this is a mistake.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The credentials of a self-built app.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) app_id: AppId,
    pub(crate) app_secret: SecretString,
}

/// A tenant access token, shared by all callers.
pub(crate) type AccessToken = Arc<SecretString>;

/// Keeps the token of one app.
pub(crate) struct Tokens {
    http: Http,
    credentials: Credentials,
    clock: Clock,
    limits: Arc<Limits>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// The request in flight, which all callers wait for.
    flight: Option<Arc<Flight>>,
}

type Flight = OnceCell<Result<Current, Error>>;

#[derive(Clone)]
struct Current {
    token: AccessToken,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

impl Tokens {
    pub(crate) fn new(
        http: Http,
        credentials: Credentials,
        clock: Clock,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            http,
            credentials,
            clock,
            limits,
            state: Mutex::default(),
        }
    }

    /// A valid token: the current one, or a new one. Concurrent callers share one request; if it
    /// fails, it fails for all of them.
    pub(crate) async fn get(&self) -> Result<AccessToken, Error> {
        let flight = {
            let mut state = self.state.lock();
            let now = self.clock.machine_now();
            // A request that only this state refers to was abandoned by its caller.
            let renewing = state.flight.as_ref();
            let renewing = renewing.is_some_and(|flight| Arc::strong_count(flight) > 1);
            if let Some(current) = state.valid(now)
                && (now < current.renew_at || renewing)
            {
                return Ok(Arc::clone(&current.token));
            }
            Arc::clone(state.flight.get_or_insert_default())
        };
        // If the fetching caller is dropped, the next one that waits starts over.
        let result = flight.get_or_init(|| self.fetch()).await;
        self.settle(&flight, result)
    }

    /// Drops `token`, which the platform rejected, unless it has been replaced already.
    pub(crate) fn evict(&self, token: &AccessToken) {
        let mut state = self.state.lock();
        let rejected = |current: &mut Current| Arc::ptr_eq(&current.token, token);
        state.current.take_if(rejected);
    }

    /// The token after a request; the first of its callers updates the state for all.
    fn settle(
        &self,
        flight: &Arc<Flight>,
        result: &Result<Current, Error>,
    ) -> Result<AccessToken, Error> {
        let mut state = self.state.lock();
        let first = state
            .flight
            .take_if(|current| Arc::ptr_eq(current, flight))
            .is_some();
        match result {
            Ok(new) => {
                if first {
                    state.current = Some(new.clone());
                }
                Ok(Arc::clone(&new.token))
            }
            Err(error) => {
                let now = self.clock.machine_now();
                let current = state.valid(now).ok_or_else(|| error.clone())?;
                if first {
                    current.renew_at = now.checked_add(RENEWAL_PAUSE).unwrap_or(Timestamp::MAX);
                    tracing::warn!(%error, "failed to renew the access token; the current one is still valid");
                }
                Ok(Arc::clone(&current.token))
            }
        }
    }

    async fn fetch(&self) -> Result<Current, Error> {
        self.limits.enter(TOKEN_ENDPOINT)?;
        // The life is counted from before the request, so that a slow answer does not extend it.
        let asked_at = self.clock.machine_now();
        let answer = self
            .http
            .send(&self.credentials.token_request(), None)
            .await;
        self.limits.note(TOKEN_ENDPOINT, &answer);
        let answer = answer?;
        let issued: Issued = answer.whole()?;
        if !is_usable(&issued.tenant_access_token) {
            return Err(answer.invalid(InvalidResponse::Shape));
        }
        let life = life(&issued.expire);
        // A token with a short life is renewed after half of it.
        let renew_after = life.saturating_sub(RENEWAL_MARGIN.min(life / 2));
        let after = |life| asked_at.checked_add(life).unwrap_or(Timestamp::MAX);
        Ok(Current {
            token: Arc::new(issued.tenant_access_token),
            renew_at: after(renew_after.max(SHORTEST_LIFE)),
            expires_at: after(life),
        })
    }
}

impl State {
    fn valid(&mut self, now: Timestamp) -> Option<&mut Current> {
        self.current
            .as_mut()
            .filter(|current| now < current.expires_at)
    }
}

impl Credentials {
    /// Official page `auth-v3/auth/tenant_access_token_internal`.
    fn token_request(&self) -> Request<'static> {
        const PATH: &[&str] = &["auth", "v3", "tenant_access_token", "internal"];
        Request::post(TOKEN_ENDPOINT, PATH).body(json!({
            "app_id": self.app_id,
            "app_secret": self.app_secret.expose_secret(),
        }))
    }

    /// The body of the request for the endpoint of a long connection.
    pub(crate) fn long_connection_body(&self) -> Value {
        json!({ "AppID": self.app_id, "AppSecret": self.app_secret.expose_secret() })
    }
}

#[derive(Deserialize)]
struct Issued {
    tenant_access_token: SecretString,
    /// Remaining life in seconds.
    #[serde(default)]
    expire: Value,
}

/// How long a token is used. The documented type is a number of seconds.
fn life(expire: &Value) -> Duration {
    let seconds = match expire {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) else {
        return UNKNOWN_LIFE;
    };
    let life = Duration::try_from_secs_f64(seconds.floor()).unwrap_or(LONGEST_LIFE);
    life.clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

/// Whether a header can hold the token.
fn is_usable(token: &SecretString) -> bool {
    let token = token.expose_secret();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_is_read_from_numbers_or_texts() {
        let check = |expire: Value, seconds: u64| {
            assert_eq!(life(&expire), Duration::from_secs(seconds), "{expire}");
        };
        check(json!(7200), 7200);
        check(json!("7200"), 7200);
        check(json!(" 7200 "), 7200);
        check(json!(7199.9), 7199);
        check(json!("7199.9"), 7199);
        check(json!(1), 30);
        check(json!(0.5), 30);
        check(json!(86_401), 86_400);
        check(json!(u64::MAX), 86_400);
        check(json!(1e300), 86_400);
        check(json!("inf"), 86_400);
        for unknown in [
            json!(null),
            json!(0),
            json!(-1),
            json!("-1"),
            json!(""),
            json!("soon"),
            json!("NaN"),
            json!([7200]),
            json!({}),
            json!(true),
        ] {
            check(unknown, 60);
        }
    }

    #[test]
    fn a_token_invalid_in_headers_is_unusable() {
        for (token, usable) in [
            ("t-1", true),
            ("", false),
            ("t 1", false),
            ("t-\n", false),
            ("令牌", false),
        ] {
            assert_eq!(is_usable(&token.into()), usable, "{token:?}");
        }
    }
}
