//! Access tokens: each fetched once for all callers, renewed early, dropped when it is rejected.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::codes::Class;
use crate::credentials::{AppKind, AppSecret, Credentials};
use crate::error::{APP_TOKEN_ENDPOINT, Error, InvalidResponse, RESEND_ENDPOINT, TOKEN_ENDPOINT};
use crate::http::{Answer, Http, Request};
use crate::limits::Limits;
use crate::member_token::{MemberTokenError, MemberTokens, RefusedToken, TokenRefusal};
use crate::ticket::Tickets;
use crate::wire::seconds;
use crate::{Clock, OpenId, TenantKey};

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
/// From this number of tenants on, and at each doubling, expired tokens are dropped.
const SWEEP_AT: usize = 1024;

/// An access token, shared by all callers.
pub(crate) type AccessToken = Arc<SecretString>;

/// The tokens of one app: the only place that knows how a call's [`Credentials`] become a token.
pub(crate) struct Tokens {
    source: Source,
    /// The `app_access_token` of a store app.
    app: SharedToken,
    tenants: Mutex<HashMap<TenantKey, Arc<SharedToken>>>,
    members: Option<MemberTokens>,
}

/// How tokens are fetched.
struct Source {
    http: Http,
    secret: AppSecret,
    kind: AppKind,
    clock: Clock,
    limits: Arc<Limits>,
    tickets: Tickets,
}

impl Tokens {
    pub(crate) fn new(
        http: Http,
        secret: AppSecret,
        kind: AppKind,
        clock: Clock,
        limits: Arc<Limits>,
        members: Option<MemberTokens>,
    ) -> Self {
        Self {
            source: Source {
                http,
                secret,
                kind,
                tickets: Tickets::new(clock.clone()),
                clock,
                limits,
            },
            app: SharedToken::default(),
            tenants: Mutex::default(),
            members,
        }
    }

    pub(crate) fn secret(&self) -> &AppSecret {
        &self.source.secret
    }

    pub(crate) fn kind(&self) -> AppKind {
        self.source.kind
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.source.tickets
    }

    /// A valid token for these credentials.
    pub(crate) async fn get(&self, credentials: &Credentials) -> Result<AccessToken, Error> {
        let tenant = match credentials {
            Credentials::Bot(tenant) => tenant,
            Credentials::Member(tenant, member) => return self.of_member(tenant, member).await,
        };
        let clock = &self.source.clock;
        let token = self.of_tenant(tenant);
        // Erased, because the futures of all callers contain it.
        let fetch = || -> Fetch<'_> {
            match self.source.kind {
                AppKind::Custom => Box::pin(self.source.fetch_own()),
                AppKind::Store => Box::pin(self.fetch_for(tenant)),
            }
        };
        token.get(clock, fetch).await
    }

    /// Notes that the platform refused a call with this token. Whether another token may be
    /// accepted.
    pub(crate) async fn note_refusal(
        &self,
        credentials: &Credentials,
        token: &AccessToken,
        error: &Error,
    ) -> bool {
        let (tenant, member) = match credentials {
            Credentials::Bot(tenant) => {
                if error.is_token_rejected() {
                    self.of_tenant(tenant).evict(token);
                }
                return error.is_token_rejected();
            }
            Credentials::Member(tenant, member) => (tenant, member),
        };
        let Some(refusal) = refusal_of(error) else {
            return false;
        };
        let is_curable = !matches!(refusal, TokenRefusal::ScopesMissing(_));
        self.report((tenant, member), token, refusal).await;
        is_curable
    }

    /// Tells the keeper of members' tokens about a refusal.
    async fn report(
        &self,
        (tenant, member): (&TenantKey, &OpenId),
        token: &AccessToken,
        refusal: TokenRefusal,
    ) {
        let Some(members) = &self.members else { return };
        (members.on_refusal)(RefusedToken {
            tenant: tenant.clone(),
            member: member.clone(),
            token: SecretString::clone(token),
            refusal,
        })
        .await;
    }

    /// The error of a call that was refused again with a new token: the consent of a member is
    /// worth nothing then.
    pub(crate) async fn second_refusal(
        &self,
        credentials: &Credentials,
        token: &AccessToken,
        error: Error,
    ) -> Error {
        let Credentials::Member(tenant, member) = credentials else {
            return error;
        };
        match refusal_of(&error) {
            None => error,
            Some(refusal @ TokenRefusal::ScopesMissing(_)) => {
                self.report((tenant, member), token, refusal).await;
                error
            }
            Some(_) => {
                let refusal = TokenRefusal::Repeated;
                self.report((tenant, member), token, refusal).await;
                let member = member.clone();
                Error::NoGrant { member }
            }
        }
    }

    async fn of_member(&self, tenant: &TenantKey, member: &OpenId) -> Result<AccessToken, Error> {
        let no_grant = || MemberTokenError::NoGrant.of_call(member);
        let members = self.members.as_ref().ok_or_else(no_grant)?;
        match (members.fetch)(tenant, member).await {
            Ok(token) if is_usable(&token) => Ok(Arc::new(token)),
            Ok(_) => Err(no_grant()),
            Err(error) => Err(error.of_call(member)),
        }
    }

    /// Drops the tokens of a tenant that has removed the app.
    pub(crate) fn forget(&self, tenant: &TenantKey) {
        self.tenants.lock().remove(tenant);
    }

    /// The token of a store app in a tenant. The platform refuses a bad `app_access_token` with the
    /// same code as a tenant that has not installed the app, so the former is renewed once.
    async fn fetch_for(&self, tenant: &TenantKey) -> Result<Issued, Error> {
        let app_token = self.app_token().await?;
        let result = self.source.fetch_tenant(&app_token, tenant).await;
        if matches!(&result, Err(error) if error.class() == Some(Class::TenantTokenRefused)) {
            self.app.evict(&app_token);
            let renewed = self.app_token().await?;
            if renewed.expose_secret() != app_token.expose_secret() {
                return self.source.fetch_tenant(&renewed, tenant).await;
            }
        }
        result
    }

    async fn app_token(&self) -> Result<AccessToken, Error> {
        let fetch = || self.source.fetch_app();
        self.app.get(&self.source.clock, fetch).await
    }

    fn of_tenant(&self, tenant: &TenantKey) -> Arc<SharedToken> {
        let mut tenants = self.tenants.lock();
        if let Some(token) = tenants.get(tenant) {
            return Arc::clone(token);
        }
        if tenants.len() >= SWEEP_AT && tenants.len().is_power_of_two() {
            let now = self.source.clock.machine_now();
            tenants.retain(|_, token| token.is_in_use(now));
        }
        Arc::clone(tenants.entry(tenant.clone()).or_default())
    }
}

/// A token that is fetched once for all callers.
#[derive(Default)]
struct SharedToken(Mutex<State>);

#[derive(Default)]
struct State {
    current: Option<Issued>,
    /// The request in flight, which all callers wait for.
    flight: Option<Arc<Flight>>,
}

type Flight = OnceCell<Result<Issued, Error>>;

/// A request for a token.
type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Issued, Error>> + Send + 'a>>;

#[derive(Clone)]
struct Issued {
    token: AccessToken,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

impl SharedToken {
    /// A valid token: the current one, or a new one. Concurrent callers share one request; if it
    /// fails, it fails for all of them.
    async fn get<F: Future<Output = Result<Issued, Error>>>(
        &self,
        clock: &Clock,
        fetch: impl FnOnce() -> F,
    ) -> Result<AccessToken, Error> {
        let flight = {
            let mut state = self.0.lock();
            let now = clock.machine_now();
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
        let result = flight.get_or_init(fetch).await;
        self.settle(&flight, result, clock)
    }

    /// Drops `token`, which the platform rejected, unless it has been replaced already.
    fn evict(&self, token: &AccessToken) {
        let mut state = self.0.lock();
        let rejected = |current: &mut Issued| Arc::ptr_eq(&current.token, token);
        state.current.take_if(rejected);
    }

    fn is_in_use(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock();
        state.flight.is_some() || state.valid(now).is_some()
    }

    /// The token after a request; the first of its callers updates the state for all.
    fn settle(
        &self,
        flight: &Arc<Flight>,
        result: &Result<Issued, Error>,
        clock: &Clock,
    ) -> Result<AccessToken, Error> {
        let mut state = self.0.lock();
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
                let now = clock.machine_now();
                let current = state.valid(now).ok_or_else(|| error.clone())?;
                if first {
                    current.renew_at = now.checked_add(RENEWAL_PAUSE).unwrap_or(Timestamp::MAX);
                    tracing::warn!(%error, "failed to renew the access token; the current one is still valid");
                }
                Ok(Arc::clone(&current.token))
            }
        }
    }
}

impl State {
    fn valid(&mut self, now: Timestamp) -> Option<&mut Issued> {
        self.current
            .as_mut()
            .filter(|current| now < current.expires_at)
    }
}

impl Source {
    /// The tenant token of a custom app. Official page
    /// `auth-v3/auth/tenant_access_token_internal`.
    async fn fetch_own(&self) -> Result<Issued, Error> {
        const PATH: &[&str] = &["auth", "v3", "tenant_access_token", "internal"];
        let request = Request::post(TOKEN_ENDPOINT, PATH).body(self.secret.with(&[]));
        self.fetch(&TenantKey::OWN, request, |body: TenantToken| {
            (body.tenant_access_token, body.expire)
        })
        .await
    }

    /// The app token of a store app. Official page `auth-v3/auth/app_access_token`.
    async fn fetch_app(&self) -> Result<Issued, Error> {
        const PATH: &[&str] = &["auth", "v3", "app_access_token"];
        loop {
            let ticket = self.tickets.current()?;
            let body = self
                .secret
                .with(&[("app_ticket", ticket.value.expose_secret())]);
            let request = Request::post(APP_TOKEN_ENDPOINT, PATH).body(body);
            let own = TenantKey::OWN;
            let issued = self.fetch(&own, request, |body: AppToken| {
                (body.app_access_token, body.expire)
            });
            match issued.await {
                // The ticket is stale; an older one may still be valid.
                Err(error) if error.class() == Some(Class::TicketRejected) => {
                    self.tickets.reject(&ticket);
                }
                result => return result,
            }
        }
    }

    /// The tenant token of a store app. Official page `auth-v3/auth/tenant_access_token`.
    async fn fetch_tenant(
        &self,
        app_token: &SecretString,
        tenant: &TenantKey,
    ) -> Result<Issued, Error> {
        const PATH: &[&str] = &["auth", "v3", "tenant_access_token"];
        let request = Request::post(TOKEN_ENDPOINT, PATH).body(json!({
            "app_access_token": app_token.expose_secret(),
            "tenant_key": tenant,
        }));
        self.fetch(tenant, request, |body: TenantToken| {
            (body.tenant_access_token, body.expire)
        })
        .await
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        tenant: &TenantKey,
        request: Request<'_>,
        read: fn(T) -> (SecretString, Value),
    ) -> Result<Issued, Error> {
        // The life is counted from before the request, so that a slow answer does not extend it.
        let asked_at = self.clock.machine_now();
        let answer = self.send(tenant, &request).await?;
        let (token, expire) = read(answer.whole()?);
        if !is_usable(&token) {
            return Err(answer.invalid(InvalidResponse::Shape));
        }
        let life = life(&expire);
        // A token with a short life is renewed after half of it.
        let renew_after = life.saturating_sub(RENEWAL_MARGIN.min(life / 2));
        let after = |life| asked_at.checked_add(life).unwrap_or(Timestamp::MAX);
        Ok(Issued {
            token: Arc::new(token),
            renew_at: after(renew_after.max(SHORTEST_LIFE)),
            expires_at: after(life),
        })
    }

    /// Asks the platform to push a ticket, which takes up to two minutes. Official page
    /// `auth-v3/auth/app_ticket_resend`.
    async fn resend_ticket(&self) -> Result<(), Error> {
        const PATH: &[&str] = &["auth", "v3", "app_ticket", "resend"];
        let request = Request::post(RESEND_ENDPOINT, PATH).body(self.secret.with(&[]));
        self.send(&TenantKey::OWN, &request).await.map(drop)
    }

    async fn send(&self, tenant: &TenantKey, request: &Request<'_>) -> Result<Answer, Error> {
        let api = (tenant, request.endpoint);
        let call = self.http.send(request, None);
        self.limits.observe(api, call).await
    }
}

impl Tokens {
    pub(crate) async fn resend_ticket(&self) -> Result<(), Error> {
        self.source.resend_ticket().await
    }
}

#[derive(Deserialize)]
struct TenantToken {
    tenant_access_token: SecretString,
    /// Remaining life in seconds.
    #[serde(default)]
    expire: Value,
}

#[derive(Deserialize)]
struct AppToken {
    app_access_token: SecretString,
    /// Remaining life in seconds.
    #[serde(default)]
    expire: Value,
}

/// How long a token is used. The documented type is a number of seconds.
pub(crate) fn life(expire: &Value) -> Duration {
    let life = seconds(expire).unwrap_or(UNKNOWN_LIFE);
    life.clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

/// Why the platform refused the token of a member, if that was the reason.
fn refusal_of(error: &Error) -> Option<TokenRefusal> {
    Some(match error {
        Error::Api(refusal) if error.class() == Some(Class::UserScopeMissing) => {
            TokenRefusal::ScopesMissing(refusal.missing_scopes.clone())
        }
        _ if error.class() == Some(Class::UserTokenExpired) => TokenRefusal::Expired,
        _ if error.is_token_rejected() => TokenRefusal::Invalid,
        _ => return None,
    })
}

/// Whether a header can hold the token.
pub(crate) fn is_usable(token: &SecretString) -> bool {
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
