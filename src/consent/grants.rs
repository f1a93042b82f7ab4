//! Access tokens of members: encrypted in the store, renewed by one process at a time.
//!
//! A refresh token works once. So the process that renews a grant reserves it in the store first,
//! and stores the new tokens before it uses them. A renewal runs in a task of its own: a command
//! that is interrupted must not discard the answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use feishu::{
    Client, Clock, Error, MemberTokenError, MemberTokens, OpenId, RefusedToken, TenantKey,
    TokenRefusal, TokenTypeHint, UserTokens,
};
use jiff::Timestamp;
use parking_lot::Mutex as SyncMutex;
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::keys::GrantKeys;
use crate::model::grant::{Member, SealedTokens};
use crate::model::job::Tenant;
use crate::sealed::TokenKeys;
use crate::store::{Store, StoreError};

mod keep_alive;
mod renewal;

/// The remaining life of an access token at which it is renewed. The old one stays valid to its
/// end, so commands do not wait for a renewal by another process.
const MARGIN: Duration = Duration::from_mins(5);
/// How long a token is used without a look at the store, where another replica may have deleted the
/// grant.
const TRUSTED: Duration = Duration::from_secs(10);
/// Members whose tokens are kept in memory.
const CAPACITY: usize = 10_000;
/// Pause before the store is asked again.
const STORE_PAUSE: Duration = Duration::from_millis(200);
/// Time to store a new grant; its member waits for the page.
const SAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The grants of one app. Clones share everything.
#[derive(Clone)]
pub(crate) struct Grants(Arc<Inner>);

struct Inner {
    app: String,
    store: Store,
    clock: Clock,
    keys: GrantKeys,
    /// Longer than a renewal takes.
    reservation: Duration,
    /// Set once; the client itself asks for tokens here.
    client: OnceLock<Client>,
    tokens: Cache<(TenantKey, OpenId), Arc<Slot>>,
    /// Renewals, and exchanges of codes that work once.
    tasks: TaskTracker,
}

/// What this process knows of one grant.
#[derive(Default)]
struct Slot {
    /// Held by the task that reads or renews the grant, so that others wait for its result.
    busy: Mutex<()>,
    token: SyncMutex<Option<AccessToken>>,
    /// Renewed tokens that the store did not take yet, with the version that they replace.
    unsaved: SyncMutex<Option<(i64, SealedTokens)>>,
}

#[derive(Clone)]
struct AccessToken {
    value: SecretString,
    expires_at: Timestamp,
    read_at: Timestamp,
}

impl Grants {
    /// `call_timeout` limits one call to the platform.
    pub(crate) fn new(
        app_id: &str,
        store: Store,
        clock: Clock,
        keys: TokenKeys,
        call_timeout: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            app: app_id.to_owned(),
            store,
            clock,
            keys: GrantKeys::new(keys),
            // A renewal is one call and one retry.
            reservation: 2 * call_timeout + Duration::from_secs(20),
            client: OnceLock::new(),
            tokens: Cache::new(CAPACITY),
            tasks: TaskTracker::new(),
        }))
    }

    /// For the configuration of the client.
    pub(crate) fn member_tokens(&self) -> MemberTokens {
        // The client is kept here, so it must not keep this alive.
        let (fetching, refused) = (Arc::downgrade(&self.0), Arc::downgrade(&self.0));
        MemberTokens {
            fetch: Arc::new(move |tenant, person| {
                let grants = fetching.upgrade().map(Self);
                let (tenant, person) = (tenant.clone(), person.clone());
                Box::pin(async move {
                    let grants = grants.ok_or(UNAVAILABLE)?;
                    grants.token(&grants.member(&tenant, &person)).await
                })
            }),
            on_refusal: Arc::new(move |token| {
                let grants = refused.upgrade().map(Self);
                Box::pin(async move {
                    if let Some(grants) = grants {
                        grants.note_refusal(&token).await;
                    }
                })
            }),
        }
    }

    /// Sets the client that renews tokens.
    pub(crate) fn attach(&self, client: Client) {
        // A second client would be the same.
        let _ = self.0.client.set(client);
    }

    fn member(&self, tenant: &TenantKey, person: &OpenId) -> Member {
        Member {
            tenant: Tenant {
                app: self.0.app.clone(),
                key: tenant.clone(),
            },
            person: person.clone(),
        }
    }

    /// An access token of the member that is valid for a while.
    pub(crate) async fn token(&self, member: &Member) -> Result<SecretString, MemberTokenError> {
        let slot = self.slot(member);
        if let Some(token) = self.in_memory(&slot) {
            return Ok(token);
        }
        let _busy = slot.busy.lock().await;
        if let Some(token) = self.in_memory(&slot) {
            return Ok(token);
        }
        let (grants, member, of_member) = (self.clone(), member.clone(), Arc::clone(&slot));
        let renewal = self.uninterrupted(async move {
            let token = grants.current(&member, &of_member).await?;
            *of_member.token.lock() = Some(token.clone());
            Ok(token.value)
        });
        renewal.await.unwrap_or(Err(UNAVAILABLE))
    }

    /// Runs work to its end, also if the caller is dropped, and at a stop for a while; `None` after a
    /// panic.
    pub(super) async fn uninterrupted<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.0.tasks.spawn(Box::pin(work)).await.ok()
    }

    fn slot(&self, member: &Member) -> Arc<Slot> {
        let key = (member.tenant.key.clone(), member.person.clone());
        let slot = self
            .0
            .tokens
            .get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(slot) = slot;
        slot
    }

    fn in_memory(&self, slot: &Slot) -> Option<SecretString> {
        let token = slot.token.lock().clone()?;
        let age = self.0.clock.now().duration_since(token.read_at);
        let is_trusted = age.unsigned_abs() < TRUSTED;
        (is_trusted && self.lasts(token.expires_at, MARGIN)).then_some(token.value)
    }

    fn lasts(&self, expires_at: Timestamp, time: Duration) -> bool {
        self.0.clock.now() + time < expires_at
    }

    /// Revokes tokens that are not stored, with the whole grant.
    pub(super) async fn discard(&self, tokens: &UserTokens) {
        let (token, hint) = match &tokens.refresh_token {
            Some(refresh) => (&refresh.value, TokenTypeHint::RefreshToken),
            None => (&tokens.access_token, TokenTypeHint::AccessToken),
        };
        self.discard_token(token, hint).await;
    }

    pub(super) async fn discard_token(&self, token: &SecretString, hint: TokenTypeHint) {
        let revoked = match self.client() {
            Ok(client) => client.revoke_user_token(token, hint).await,
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            tracing::warn!(error = %error, "could not revoke tokens that are not used");
        }
    }

    /// Whether the member has a grant that has not ended.
    pub(crate) async fn is_granted(&self, member: &Member) -> Result<bool, StoreError> {
        let grant = self.0.store.grant(member).await?;
        Ok(grant.is_some_and(|grant| !grant.has_ended))
    }

    pub(super) fn keys(&self) -> &TokenKeys {
        self.0.keys.others()
    }

    fn client(&self) -> Result<&Client, Error> {
        self.0
            .client
            .get()
            .ok_or(Error::GrantUnavailable { retry_after: None })
    }

    /// Stores the tokens of a new grant, and continues the jobs that wait for it. If the store fails
    /// for a while, the tokens are revoked, because a code works only once.
    pub(crate) async fn save(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let saved = match self.0.keys.seal_tokens(member, tokens, asked_at, None) {
            Some(sealed) => self.save_sealed(member, &sealed).await,
            None => Err(StoreError::Database),
        };
        if saved.is_err() {
            self.discard(tokens).await;
        }
        self.forget_locally(member);
        saved
    }

    async fn save_sealed(&self, member: &Member, sealed: &SealedTokens) -> Result<(), StoreError> {
        let end = self.0.clock.now() + SAVE_TIMEOUT;
        loop {
            match self.0.store.save_grant(member, sealed).await {
                Err(StoreError::Database) if self.0.clock.now() < end => {
                    self.0.clock.sleep(STORE_PAUSE).await;
                }
                saved => return saved,
            }
        }
    }

    /// Revokes a grant on the platform. `None` if there is none; `false` if the platform refused.
    pub(crate) async fn revoke(&self, member: &Member) -> Result<Option<bool>, RevokeError> {
        let grant = self.0.store.grant(member).await?;
        let Some(grant) = grant.filter(|grant| !grant.has_ended) else {
            return Ok(None);
        };
        let refresh = self.0.keys.open_refresh(member, &grant.tokens);
        let access = self.0.keys.open_access(member, &grant.tokens);
        let token = match (refresh, access) {
            (Some(token), _) => Some((token, TokenTypeHint::RefreshToken)),
            (None, Some(token)) => Some((token, TokenTypeHint::AccessToken)),
            (None, None) => None,
        };
        let Some((token, hint)) = token else {
            return Ok(Some(false));
        };
        match self.client()?.revoke_user_token(&token, hint).await {
            Ok(()) => Ok(Some(true)),
            Err(error) if error.is_retryable() => Err(error.into()),
            Err(error) => {
                tracing::warn!(error = %error, "the platform did not revoke a member's token");
                Ok(Some(false))
            }
        }
    }

    /// Deletes a grant. The jobs that wait for it find that out.
    pub(crate) async fn forget(&self, member: &Member) -> Result<(), StoreError> {
        self.0.store.forget_member(member).await?;
        self.forget_locally(member);
        Ok(())
    }

    /// Deletes a grant that was revoked at that time. A later one stays: events are redelivered for
    /// hours.
    pub(crate) async fn forget_revoked(
        &self,
        tenant: &TenantKey,
        person: &OpenId,
        revoked_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let member = self.member(tenant, person);
        let revoked_at = revoked_at.unwrap_or_else(|| self.0.clock.now());
        self.0.store.delete_grant(&member, revoked_at).await?;
        self.forget_locally(&member);
        Ok(())
    }

    fn forget_locally(&self, member: &Member) {
        let key = (member.tenant.key.clone(), member.person.clone());
        self.0.tokens.remove(&key);
    }

    async fn note_refusal(&self, refused: &RefusedToken) {
        let member = self.member(&refused.tenant, &refused.member);
        let slot = self.slot(&member);
        let _busy = slot.busy.lock().await;
        let is_refused =
            |token: &SecretString| token.expose_secret() == refused.token.expose_secret();
        slot.token.lock().take_if(|token| is_refused(&token.value));
        let Ok(Some(grant)) = self.0.store.grant(&member).await else {
            return;
        };
        let access = self.0.keys.open_access(&member, &grant.tokens);
        if !access.is_some_and(|token| is_refused(&token)) {
            return;
        }
        let (store, version) = (&self.0.store, grant.version);
        // If the store fails, the platform refuses the token again.
        match &refused.refusal {
            TokenRefusal::Expired | TokenRefusal::Invalid => {
                let _ = store.expire_access(&member, version).await;
            }
            TokenRefusal::Repeated => {
                tracing::warn!("the platform refuses each token of a member's grant");
                let _ = store.end_grant(&member, version).await;
            }
            TokenRefusal::ScopesMissing(scopes) => {
                tracing::warn!(
                    ?scopes,
                    "a member's grant lacks scopes: the member has to consent again"
                );
                let _ = store.end_grant(&member, version).await;
            }
        }
    }
}

/// Why a grant was not revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeError {
    #[error("the platform did not answer: {0}")]
    Call(Error),
    #[error("the store does not answer")]
    Store,
}

impl From<Error> for RevokeError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<StoreError> for RevokeError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

const UNAVAILABLE: MemberTokenError = MemberTokenError::Unavailable { retry_after: None };

fn unavailable(_: StoreError) -> MemberTokenError {
    UNAVAILABLE
}
