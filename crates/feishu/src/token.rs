//! The access token: fetched once for all callers, renewed early, dropped when it is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::error::{Error, InvalidResponse, TOKEN_ENDPOINT};
use crate::http::{Http, Request};
use crate::limits::Limits;
use crate::{AppId, Clock};

/// Renewal begins when this much of a token's life remains. The platform hands out the same token
/// again until less than 30 minutes of it remain, so asking before is of no use; from then on the
/// old and the new one are both valid, and ten minutes of distance cover every difference of
/// clocks. The twenty that remain are for renewals that fail: meanwhile the old token serves.
const RENEWAL_MARGIN: Duration = Duration::from_mins(20);

/// After a renewal has failed, the token in hand serves this long before the next try.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// A token whose answer names no life is taken to live this long.
const UNKNOWN_LIFE: Duration = Duration::from_mins(1);
/// A token that lives shorter is used for this long all the same, unless the platform refuses it:
/// so that a wrong life does not double the number of calls.
const SHORTEST_LIFE: Duration = Duration::from_secs(30);
/// The platform's tokens live for two hours; a longer life than this is a mistake.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// By what an app gets its tokens; another kind of app is another variant.
#[derive(Debug, Clone)]
pub(crate) enum Grant {
    /// An app of the tenant's own.
    SelfBuilt {
        app_id: AppId,
        app_secret: SecretString,
    },
}

/// A tenant access token. Shared, since everyone uses the same one.
pub(crate) type AccessToken = Arc<SecretString>;

/// Provides a valid token.
pub(crate) struct Tokens {
    http: Http,
    grant: Grant,
    clock: Clock,
    limits: Arc<Limits>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The request under way, which everybody who needs its result waits for.
    flight: Option<Arc<Flight>>,
}

type Flight = OnceCell<Result<Held, Error>>;

#[derive(Clone)]
struct Held {
    token: AccessToken,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

impl Tokens {
    pub(crate) fn new(http: Http, grant: Grant, clock: Clock, limits: Arc<Limits>) -> Self {
        Self {
            http,
            grant,
            clock,
            limits,
            state: Mutex::default(),
        }
    }

    /// A valid token: the one in hand, or a new one. However many ask at once, one request is
    /// made; if it fails, it fails for those who waited for it and is forgotten.
    pub(crate) async fn get(&self) -> Result<AccessToken, Error> {
        let flight = {
            let mut state = self.state();
            let now = self.clock.machine_now();
            // A flight that only this state still holds was given up by whoever made it.
            let renewing = state.flight.as_ref();
            let renewing = renewing.is_some_and(|flight| Arc::strong_count(flight) > 1);
            if let Some(held) = state.held.as_ref().filter(|held| now < held.expires_at)
                && (now < held.renew_at || renewing)
            {
                return Ok(Arc::clone(&held.token));
            }
            Arc::clone(state.flight.get_or_insert_default())
        };
        // Should the caller who fetches go away, the next one who waits begins anew.
        let landed = flight.get_or_init(|| self.fetch()).await;
        self.settle(&flight, landed)
    }

    /// Drops `token`, which the platform refused, unless another has taken its place already.
    pub(crate) fn evict(&self, token: &AccessToken) {
        let mut state = self.state();
        state.held.take_if(|held| Arc::ptr_eq(&held.token, token));
    }

    /// Whether a valid token is in hand.
    pub(crate) fn is_ready(&self) -> bool {
        let now = self.clock.machine_now();
        let state = self.state();
        state
            .held
            .as_ref()
            .is_some_and(|held| now < held.expires_at)
    }

    /// Takes over what a flight brought; the first of those who waited does that for all.
    fn settle(
        &self,
        flight: &Arc<Flight>,
        landed: &Result<Held, Error>,
    ) -> Result<AccessToken, Error> {
        let mut state = self.state();
        let first = state
            .flight
            .take_if(|current| Arc::ptr_eq(current, flight))
            .is_some();
        match landed {
            Ok(new) => {
                if first {
                    state.held = Some(new.clone());
                }
                Ok(Arc::clone(&new.token))
            }
            Err(error) => {
                let now = self.clock.machine_now();
                let usable = state.held.as_mut().filter(|held| now < held.expires_at);
                let held = usable.ok_or_else(|| error.clone())?;
                if first {
                    held.renew_at = now.checked_add(RENEWAL_PAUSE).unwrap_or(Timestamp::MAX);
                    tracing::warn!(%error, "renewing the access token failed, the old one serves on");
                }
                Ok(Arc::clone(&held.token))
            }
        }
    }

    async fn fetch(&self) -> Result<Held, Error> {
        self.limits.enter(TOKEN_ENDPOINT)?;
        // Life is counted from before the request, so that a slow answer cannot stretch it.
        let asked_at = self.clock.machine_now();
        let answer = self.http.send(&self.grant.request(), None).await;
        self.limits.note(TOKEN_ENDPOINT, &answer);
        let answer = answer?;
        let issued: Issued = answer.whole()?;
        if !is_usable(&issued.tenant_access_token) {
            return Err(answer.invalid(InvalidResponse::Shape));
        }
        let life = life(&issued.expire);
        // A platform that gives short lives is asked again at half of them.
        let renew_after = life.saturating_sub(RENEWAL_MARGIN.min(life / 2));
        let after = |life| asked_at.checked_add(life).unwrap_or(Timestamp::MAX);
        Ok(Held {
            token: Arc::new(issued.tenant_access_token),
            renew_at: after(renew_after.max(SHORTEST_LIFE)),
            expires_at: after(life),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    /// The request for a token, official page `auth-v3/auth/tenant_access_token_internal`.
    fn request(&self) -> Request<'static> {
        let Self::SelfBuilt { app_id, app_secret } = self;
        Request {
            endpoint: TOKEN_ENDPOINT,
            method: Method::POST,
            path: &["auth", "v3", "tenant_access_token", "internal"],
            query: &[],
            body: Some(json!({
                "app_id": app_id,
                "app_secret": app_secret.expose_secret(),
            })),
        }
    }

    /// By what an app gets a long connection.
    pub(crate) fn long_connection_body(&self) -> Value {
        let Self::SelfBuilt { app_id, app_secret } = self;
        json!({ "AppID": app_id, "AppSecret": app_secret.expose_secret() })
    }
}

#[derive(Deserialize)]
struct Issued {
    tenant_access_token: SecretString,
    /// Seconds of life that remain.
    #[serde(default)]
    expire: Value,
}

/// How long a token is used: documented is a number of seconds.
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
    fn a_life_is_read_from_whatever_names_it() {
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
    fn a_token_that_no_header_can_hold_is_none() {
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
