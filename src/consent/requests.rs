//! How members consent that the bot acts as them.
//!
//! With a public URL, the member follows a link to this bot, which redirects to the platform's page
//! and gets a code back (authorization code with PKCE). Otherwise the link leads to the platform at
//! once, and the bot polls for the result (device flow). Either way, the tokens are stored only if
//! they belong to the member who was asked.

use std::sync::Arc;
use std::time::Duration;

use feishu::{
    AuthorizationRequest, Client, Clock, CodeExchange, CodeVerifier, DevicePoll, Error, TenantKey,
    TokenTypeHint, UserTokens, random_secret,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::grants::Grants;
use crate::command::CommandName;
use crate::model::grant::{ConsentFlow, Member, PendingConsent};
use crate::sealed::TokenKeys;
use crate::store::{Store, StoreError};

/// A request that ends sooner than this is replaced: its member would not have enough time.
const LEAST_TIME: Duration = Duration::from_mins(1);
/// How often a replica looks for requests of others.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The shortest pause between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// By how much a poll becomes rarer when the platform says so.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// What keeps a grant alive after the first access token.
const OFFLINE: &str = "offline_access";
/// Separates the parts of a cookie.
const SEPARATOR: char = ' ';

/// The requests of one app for consent. Clones share everything.
#[derive(Clone)]
pub(crate) struct Consents(Arc<Inner>);

struct Inner {
    app: String,
    store: Store,
    clock: Clock,
    client: Client,
    grants: Grants,
    keys: TokenKeys,
    /// Without a trailing slash; `None` for the device flow.
    public_url: Option<String>,
    /// How long a command waits.
    wait: Duration,
    requested: Notify,
}

/// What the module needs.
pub(crate) struct ConsentSettings {
    pub(crate) app_id: String,
    pub(crate) keys: TokenKeys,
    pub(crate) public_url: Option<String>,
    pub(crate) wait: Duration,
}

/// A link to consent.
#[derive(Debug, Clone)]
pub(crate) struct ConsentLink {
    pub(crate) url: SecretString,
    pub(crate) expires_at: Timestamp,
}

/// Why consent could not be requested.
#[derive(Debug)]
pub(crate) enum ConsentError {
    Call(Error),
    Store,
    Internal,
}

/// The start of a visit: where the browser goes, and the cookie that it brings back.
pub(crate) struct Visit {
    pub(crate) location: String,
    pub(crate) cookie: String,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisitEnd {
    Granted,
    Declined,
    /// The link or the visit is over, or belongs to another browser.
    Invalid,
    /// Somebody else consented.
    WrongPerson,
    /// The platform refused the code or did not answer; the link is still valid.
    Failed,
}

impl Consents {
    pub(crate) fn new(
        settings: ConsentSettings,
        store: Store,
        clock: Clock,
        client: Client,
        grants: Grants,
    ) -> Self {
        Self(Arc::new(Inner {
            app: settings.app_id,
            store,
            clock,
            client,
            grants,
            keys: settings.keys,
            public_url: settings.public_url,
            wait: settings.wait,
            requested: Notify::new(),
        }))
    }

    /// Whether members reach the bot over an encrypted connection.
    pub(crate) fn is_https(&self) -> bool {
        let url = self.0.public_url.as_deref();
        url.is_some_and(|url| url.starts_with("https:"))
    }

    /// Whether consent takes the redirect flow, which needs pages of the bot.
    pub(crate) fn redirects(&self) -> bool {
        self.0.public_url.is_some()
    }

    /// The page to which the platform redirects.
    fn redirect_uri(&self) -> Option<String> {
        let url = self.0.public_url.as_ref()?;
        Some(format!("{url}/oauth/callback"))
    }

    /// The link for a member, from the request that is not answered or from a new one.
    pub(crate) async fn request(&self, member: &Member) -> Result<ConsentLink, ConsentError> {
        let enough = self.0.clock.now() + LEAST_TIME;
        if let Some(link) = self.pending(member, enough).await? {
            return Ok(link);
        }
        let consent = match &self.0.public_url {
            Some(url) => self.redirect_request(member, url)?,
            None => self.device_request(member).await?,
        };
        // Another replica may have stored a request meanwhile, which is used then.
        self.0.store.save_consent(&consent, enough).await?;
        self.0.requested.notify_one();
        let link = self.pending(member, self.0.clock.now()).await?;
        link.ok_or(ConsentError::Internal)
    }

    /// Whether the member has been asked and has not answered.
    pub(crate) async fn is_pending(&self, member: &Member) -> Result<bool, StoreError> {
        let pending = self.0.store.consent(member, self.0.clock.now()).await?;
        Ok(pending.is_some())
    }

    async fn pending(
        &self,
        member: &Member,
        until: Timestamp,
    ) -> Result<Option<ConsentLink>, StoreError> {
        let pending = self.0.store.consent(member, until).await?;
        Ok(pending.and_then(|consent| {
            Some(ConsentLink {
                url: self.0.keys.open(&consent.link, &context(member, "link"))?,
                expires_at: consent.expires_at,
            })
        }))
    }

    fn redirect_request(
        &self,
        member: &Member,
        public_url: &str,
    ) -> Result<PendingConsent, ConsentError> {
        let ticket = random_secret().map_err(|_| ConsentError::Internal)?;
        let link = format!("{public_url}/oauth/start?ticket={}", ticket.expose_secret());
        Ok(PendingConsent {
            member: member.clone(),
            link: self.seal(&link.into(), &context(member, "link"))?,
            expires_at: self.0.clock.now() + self.0.wait,
            flow: ConsentFlow::Redirect {
                ticket: hash(&ticket),
            },
        })
    }

    async fn device_request(&self, member: &Member) -> Result<PendingConsent, ConsentError> {
        let scopes = scopes();
        let flow = self.0.client.start_device_flow(&scopes).await?;
        let now = self.0.clock.now();
        let link = flow.verification_uri_complete.into();
        Ok(PendingConsent {
            member: member.clone(),
            link: self.seal(&link, &context(member, "link"))?,
            expires_at: now + flow.expires_in.min(self.0.wait),
            flow: ConsentFlow::Device {
                code: self.seal(&flow.device_code, &context(member, "device"))?,
                interval: flow.interval,
                next_poll_at: now + flow.interval,
            },
        })
    }

    fn seal(&self, value: &SecretString, context: &str) -> Result<String, ConsentError> {
        self.0
            .keys
            .seal(value, context)
            .ok_or(ConsentError::Internal)
    }

    /// Starts a visit with the secret of a link. Nothing is stored: programs that preview links
    /// visit them, too.
    pub(crate) async fn visit(&self, ticket: &SecretString) -> Result<Option<Visit>, ConsentError> {
        let ticket = hash(ticket);
        let consent = self.0.store.consent_by_ticket(&ticket).await?;
        let (Some(_), Some(redirect_uri)) = (consent, self.redirect_uri()) else {
            return Ok(None);
        };
        let state = random_secret().map_err(|_| ConsentError::Internal)?;
        let verifier = CodeVerifier::random().map_err(|_| ConsentError::Internal)?;
        let scopes = scopes();
        let location = self.0.client.authorize_url(&AuthorizationRequest {
            redirect_uri: &redirect_uri,
            scopes: &scopes,
            state: state.expose_secret(),
            verifier: &verifier,
        });
        let parts = [
            &*ticket,
            state.expose_secret(),
            verifier.secret().expose_secret(),
        ];
        let cookie = parts.join(&SEPARATOR.to_string());
        Ok(Some(Visit {
            location,
            cookie: self.seal(&cookie.into(), &self.cookie_context())?,
        }))
    }

    fn cookie_context(&self) -> String {
        format!("{}\ncookie", self.0.app)
    }

    /// Ends a visit: `cookie` and `state` must belong together, and `code` is `None` if the member
    /// declined.
    pub(crate) async fn finish(
        &self,
        cookie: &str,
        state: &SecretString,
        code: Option<&SecretString>,
    ) -> Result<VisitEnd, ConsentError> {
        let cookie = self.0.keys.open(cookie, &self.cookie_context());
        let Some(cookie) = cookie else {
            return Ok(VisitEnd::Invalid);
        };
        let mut parts = cookie.expose_secret().split(SEPARATOR);
        let (Some(ticket), Some(known), Some(verifier)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Ok(VisitEnd::Invalid);
        };
        if !bool::from(known.as_bytes().ct_eq(state.expose_secret().as_bytes())) {
            return Ok(VisitEnd::Invalid);
        }
        let consent = self.0.store.consent_by_ticket(ticket).await?;
        let (Some(consent), Some(redirect_uri)) = (consent, self.redirect_uri()) else {
            return Ok(VisitEnd::Invalid);
        };
        let Some(code) = code else {
            self.0.store.end_consent(&consent.member).await?;
            return Ok(VisitEnd::Declined);
        };
        let asked_at = self.0.clock.now();
        let exchange = CodeExchange {
            code,
            redirect_uri: &redirect_uri,
            verifier: &CodeVerifier::stored(verifier.into()),
        };
        match self.0.client.exchange_code(&exchange).await {
            Ok(tokens) => self.keep(&consent.member, &tokens, asked_at).await,
            Err(error) => {
                tracing::warn!(error = %error, "could not exchange a code for a member's tokens");
                Ok(VisitEnd::Failed)
            }
        }
    }

    /// Stores new tokens if they belong to the member.
    async fn keep(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
    ) -> Result<VisitEnd, ConsentError> {
        let info = match self.0.client.user_info(&tokens.access_token).await {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(error = %error, "could not read to whom new tokens belong");
                self.discard(tokens).await;
                return Ok(VisitEnd::Failed);
            }
        };
        let tenant = &member.tenant.key;
        // A custom app has one tenant, whose key it does not know.
        let same_tenant = *tenant == TenantKey::OWN || *tenant == info.tenant_key;
        if info.open_id != member.person || !same_tenant {
            tracing::warn!("somebody consented in the place of another member");
            self.discard(tokens).await;
            return Ok(VisitEnd::WrongPerson);
        }
        self.0.grants.save(member, tokens, asked_at).await?;
        tracing::info!("a member consented");
        Ok(VisitEnd::Granted)
    }

    /// Revokes tokens that are not stored.
    async fn discard(&self, tokens: &UserTokens) {
        let (token, hint) = match &tokens.refresh_token {
            Some(refresh) => (&refresh.value, TokenTypeHint::RefreshToken),
            None => (&tokens.access_token, TokenTypeHint::AccessToken),
        };
        if let Err(error) = self.0.client.revoke_user_token(token, hint).await {
            tracing::warn!(error = %error, "could not revoke tokens that are not used");
        }
    }

    /// Polls device flows and continues jobs that have waited long enough, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                let next = self
                    .0
                    .store
                    .end_overdue_consents()
                    .await
                    .unwrap_or_default();
                for consent in self.0.store.due_polls().await.unwrap_or_default() {
                    self.poll(&consent).await;
                }
                let now = self.0.clock.now();
                let pause = next.map_or(LOOK_EVERY, |at| {
                    now.duration_until(at).try_into().unwrap_or_default()
                });
                let pause = pause.clamp(SHORTEST_PAUSE, LOOK_EVERY);
                tokio::select! {
                    () = self.0.clock.sleep(pause) => {}
                    () = self.0.requested.notified() => {}
                }
            }
        };
        stop.run_until_cancelled(Box::pin(work)).await;
    }

    async fn poll(&self, consent: &PendingConsent) {
        let (store, member) = (&self.0.store, &consent.member);
        let ConsentFlow::Device {
            code,
            interval,
            next_poll_at,
        } = &consent.flow
        else {
            return;
        };
        let now = self.0.clock.now();
        let reserved = store.reserve_poll(member, *next_poll_at, now + *interval, *interval);
        if !reserved.await.unwrap_or(false) {
            return;
        }
        let Some(code) = self.0.keys.open(code, &context(member, "device")) else {
            return;
        };
        // A result that the store does not take is lost; the member may send `/login`.
        let _ = match self.0.client.poll_device_flow(&code).await {
            Ok(DevicePoll::Granted(tokens)) => match self.keep(member, &tokens, now).await {
                Ok(VisitEnd::Granted) => Ok(()),
                Ok(_) | Err(_) => store.end_consent(member).await,
            },
            Ok(DevicePoll::Pending) => Ok(()),
            Ok(DevicePoll::SlowDown) => {
                let slower = *interval + SLOW_DOWN;
                let reserved = store.reserve_poll(member, now + *interval, now + slower, slower);
                reserved.await.map(drop)
            }
            Ok(DevicePoll::Denied | DevicePoll::Expired) => store.end_consent(member).await,
            Err(error) => {
                tracing::warn!(error = %error, "could not poll for a member's consent");
                Ok(())
            }
        };
    }
}

impl From<Error> for ConsentError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<StoreError> for ConsentError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// What a member is asked for: all that the commands do as the member.
fn scopes() -> Vec<&'static str> {
    let used = CommandName::all().flat_map(|name| name.spec().scopes);
    let mut scopes: Vec<_> = used
        .filter(|scope| scope.is_of_members())
        .map(|scope| scope.as_str())
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes.push(OFFLINE);
    scopes
}

/// Binds an encrypted value to its member and use.
fn context(member: &Member, r#use: &str) -> String {
    let tenant = &member.tenant;
    [
        &tenant.app,
        tenant.key.as_str(),
        member.person.as_str(),
        r#use,
    ]
    .join("\n")
}

/// What is stored of the secret in a link.
fn hash(ticket: &SecretString) -> String {
    let hash = Sha256::digest(ticket.expose_secret());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(hash)
}
