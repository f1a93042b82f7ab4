//! Access tokens of members: encrypted in the store, renewed by one process at a time.
//!
//! A refresh token works once. So the process that renews a grant reserves it in the store first,
//! and stores the new tokens before it uses them. A renewal runs in a task of its own: a command
//! that is interrupted must not discard the answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use feishu::codes::Class;
use feishu::{
    Client, Clock, Error, MemberTokenError, MemberTokens, OpenId, RefusedToken, TenantKey,
    TokenRefusal, TokenTypeHint, UserTokens,
};
use jiff::Timestamp;
use parking_lot::Mutex as SyncMutex;
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::grant::{Grant, Member, SealedTokens};
use crate::model::job::Tenant;
use crate::sealed::TokenKeys;
use crate::store::{Store, StoreError};

/// The remaining life of an access token at which it is renewed. The old one stays valid to its
/// end, so commands do not wait for a renewal by another process.
const MARGIN: Duration = Duration::from_mins(5);
/// A token with less than this is not used.
const LEAST_LIFE: Duration = Duration::from_secs(10);
/// Members whose tokens are kept in memory.
const CAPACITY: usize = 10_000;
/// Pause before the store is asked again.
const STORE_PAUSE: Duration = Duration::from_millis(200);
/// Time for renewals in flight after a stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// The grants of one app. Clones share everything.
#[derive(Clone)]
pub(crate) struct Grants(Arc<Inner>);

struct Inner {
    app: String,
    store: Store,
    clock: Clock,
    keys: TokenKeys,
    /// Longer than a renewal takes.
    reservation: Duration,
    /// Set once; the client itself asks for tokens here.
    client: OnceLock<Client>,
    tokens: Cache<(TenantKey, OpenId), Arc<Slot>>,
    renewals: TaskTracker,
}

/// What this process knows of one grant.
#[derive(Default)]
pub(super) struct Slot {
    /// Held by the task that reads or renews the grant, so that others wait for its result.
    pub(super) busy: Mutex<()>,
    pub(super) token: SyncMutex<Option<AccessToken>>,
    /// Renewed tokens that the store did not take yet, with the version that they replace.
    unsaved: SyncMutex<Option<(i64, SealedTokens)>>,
}

#[derive(Clone)]
pub(super) struct AccessToken {
    value: SecretString,
    expires_at: Timestamp,
}

/// Where the tokens of a member are used in an encrypted form.
#[derive(Clone, Copy)]
enum Use {
    Access,
    Refresh,
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
            keys,
            // A renewal is one call and one retry.
            reservation: 2 * call_timeout + Duration::from_secs(20),
            client: OnceLock::new(),
            tokens: Cache::new(CAPACITY),
            renewals: TaskTracker::new(),
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
        let renewal = self.spawn(async move {
            let token = grants.current(&member, &of_member).await?;
            *of_member.token.lock() = Some(token.clone());
            Ok(token.value)
        });
        renewal.await.unwrap_or(Err(UNAVAILABLE))
    }

    pub(super) fn slot(&self, member: &Member) -> Arc<Slot> {
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
        self.lasts(token.expires_at, MARGIN).then_some(token.value)
    }

    fn lasts(&self, expires_at: Timestamp, time: Duration) -> bool {
        self.0.clock.now() + time < expires_at
    }

    /// The token in the store, renewed if it is about to expire.
    async fn current(&self, member: &Member, slot: &Slot) -> Result<AccessToken, MemberTokenError> {
        self.save_rest(member, slot).await?;
        let end = self.0.clock.now() + self.0.reservation;
        loop {
            let grant = self.0.store.grant(member).await.map_err(unavailable)?;
            let grant = grant.filter(|grant| !grant.has_ended);
            let grant = grant.ok_or(MemberTokenError::NoGrant)?;
            let Some(access) = self.open(member, Use::Access, &grant.tokens.access) else {
                tracing::warn!(
                    "a grant is encrypted with an unknown key: the member has to consent again"
                );
                return Err(MemberTokenError::NoGrant);
            };
            let token = AccessToken {
                value: access,
                expires_at: grant.tokens.access_expires_at,
            };
            if self.lasts(token.expires_at, MARGIN) {
                return Ok(token);
            }
            let renewed = self.renew(member, &grant, slot).await;
            match renewed {
                Ok(Some(token)) => return Ok(token),
                Ok(None) if self.lasts(token.expires_at, LEAST_LIFE) => return Ok(token),
                Err(MemberTokenError::Unavailable { .. })
                    if self.lasts(token.expires_at, LEAST_LIFE) =>
                {
                    return Ok(token);
                }
                // Another process renews it.
                Ok(None) if self.0.clock.now() < end => self.0.clock.sleep(STORE_PAUSE).await,
                Ok(None) => return Err(UNAVAILABLE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Renews a version of a grant. `None` if another process does, or has done so.
    pub(super) async fn renew(
        &self,
        member: &Member,
        grant: &Grant,
        slot: &Slot,
    ) -> Result<Option<AccessToken>, MemberTokenError> {
        let (store, version) = (&self.0.store, grant.version);
        let refresh = grant.tokens.refresh.as_deref();
        let Some(refresh) = refresh.and_then(|sealed| self.open(member, Use::Refresh, sealed))
        else {
            if self.lasts(grant.tokens.access_expires_at, LEAST_LIFE) {
                return Ok(None);
            }
            store
                .end_grant(member, version)
                .await
                .map_err(unavailable)?;
            return Err(MemberTokenError::NoGrant);
        };
        let reserved = store.reserve_renewal(member, version, self.0.reservation);
        if !reserved.await.map_err(unavailable)? {
            return Ok(None);
        }
        let asked_at = self.0.clock.now();
        match self.ask_for_renewal(&refresh).await {
            Ok(tokens) => {
                let sealed = self.sealed(member, &tokens, asked_at, Some(&refresh));
                let sealed = sealed.ok_or(UNAVAILABLE)?;
                *slot.unsaved.lock() = Some((version, sealed.clone()));
                self.save_rest(member, slot).await?;
                Ok(Some(AccessToken {
                    value: tokens.access_token,
                    expires_at: sealed.access_expires_at,
                }))
            }
            Err(error) if error.class() == Some(Class::GrantEnded) => {
                tracing::info!(code = error.code(), "the platform ended a member's grant");
                let ended = store.end_grant(member, version).await;
                if ended.map_err(unavailable)? {
                    Err(MemberTokenError::NoGrant)
                } else {
                    Ok(None)
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    api.log_id = error.log_id(),
                    "could not renew a member's token"
                );
                // If this fails, the reservation expires.
                let _ = store.release_renewal(member, version).await;
                Err(MemberTokenError::Unavailable {
                    retry_after: error.retry_after(),
                })
            }
        }
    }

    /// After a lost answer the refresh token may be used up, which one retry tells.
    async fn ask_for_renewal(&self, refresh: &SecretString) -> Result<UserTokens, Error> {
        let client = self.client()?;
        match client.refresh_user_token(refresh).await {
            Err(error) if error.may_have_taken_effect() => client.refresh_user_token(refresh).await,
            answer => answer,
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Runs a renewal that a stop waits for.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        renewal: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.renewals.spawn(renewal)
    }

    fn client(&self) -> Result<&Client, Error> {
        self.0
            .client
            .get()
            .ok_or(Error::GrantUnavailable { retry_after: None })
    }

    /// Stores renewed tokens, which are the only valid ones, for as long as the reservation lasts.
    /// What is not stored by then is stored before the next use.
    async fn save_rest(&self, member: &Member, slot: &Slot) -> Result<(), MemberTokenError> {
        let Some((version, sealed)) = slot.unsaved.lock().clone() else {
            return Ok(());
        };
        let end = self.0.clock.now() + self.0.reservation;
        loop {
            match self.0.store.renew_grant(member, version, &sealed).await {
                // `false`: it is stored already, and the answer was lost.
                Ok(_) => {
                    *slot.unsaved.lock() = None;
                    return Ok(());
                }
                Err(StoreError::Closed) => return Err(UNAVAILABLE),
                Err(_) if self.0.clock.now() >= end => return Err(UNAVAILABLE),
                Err(_) => self.0.clock.sleep(STORE_PAUSE).await,
            }
        }
    }

    /// Stores the tokens of a new grant, and continues the jobs that wait for it.
    pub(crate) async fn save(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.sealed(member, tokens, asked_at, None);
        let sealed = sealed.ok_or(StoreError::Database)?;
        self.0.store.save_grant(member, &sealed).await?;
        self.forget_locally(member);
        Ok(())
    }

    /// Revokes a grant on the platform. `None` if there is none; `false` if the platform refused.
    pub(crate) async fn revoke(&self, member: &Member) -> Result<Option<bool>, RevokeError> {
        let grant = self.0.store.grant(member).await?;
        let Some(grant) = grant.filter(|grant| !grant.has_ended) else {
            return Ok(None);
        };
        let refresh = grant.tokens.refresh.as_deref();
        let refresh = refresh.and_then(|sealed| self.open(member, Use::Refresh, sealed));
        let access = self.open(member, Use::Access, &grant.tokens.access);
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
        let access = self.open(&member, Use::Access, &grant.tokens.access);
        if !access.is_some_and(|token| is_refused(&token)) {
            return;
        }
        let (store, version) = (&self.0.store, grant.version);
        // If the store fails, the platform refuses the token again.
        match &refused.refusal {
            TokenRefusal::Expired | TokenRefusal::Invalid => {
                let _ = store.expire_access(&member, version).await;
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

    /// Encrypts grants with the current key that are encrypted with the previous one, renews idle
    /// ones, and lets renewals in flight finish after `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let work = async {
            self.reseal().await;
            self.keep_alive().await;
        };
        stop.run_until_cancelled(Box::pin(work)).await;
        self.0.renewals.close();
        let _ = timeout(DRAIN_TIMEOUT, self.0.renewals.wait()).await;
    }

    async fn reseal(&self) {
        if !self.0.keys.has_previous() {
            return;
        }
        let (mut resealed, mut unknown) = (0_u32, 0_u32);
        for (member, grant) in self.0.store.grants().await.unwrap_or_default() {
            match self.reseal_one(&member, &grant).await {
                Some(true) => resealed += 1,
                Some(false) => {}
                None => unknown += 1,
            }
        }
        tracing::info!(
            grants.encrypted = resealed,
            grants.unreadable = unknown,
            "encrypted the grants with the current token key"
        );
    }

    /// Whether the grant was encrypted again; `None` if its key is unknown.
    async fn reseal_one(&self, member: &Member, grant: &Grant) -> Option<bool> {
        let tokens = &grant.tokens;
        let context = context(member, Use::Access);
        if self.0.keys.is_current(&tokens.access, &context) {
            return Some(false);
        }
        let access = self.open(member, Use::Access, &tokens.access)?;
        let refresh = tokens.refresh.as_deref();
        let refresh = refresh.and_then(|sealed| self.open(member, Use::Refresh, sealed));
        let sealed = SealedTokens {
            access: self.seal(member, Use::Access, &access)?,
            refresh: match refresh {
                Some(token) => Some(self.seal(member, Use::Refresh, &token)?),
                None => None,
            },
            access_expires_at: tokens.access_expires_at,
        };
        let (store, version) = (&self.0.store, grant.version);
        // The result of a renewal in flight must not be overwritten.
        let reserved = store.reserve_renewal(member, version, self.0.reservation);
        let is_reserved = reserved.await.unwrap_or(false);
        let renewed = is_reserved && store.renew_grant(member, version, &sealed).await.is_ok();
        Some(renewed)
    }

    /// `kept` is the refresh token that stays valid if the platform returned none.
    fn sealed(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
        kept: Option<&SecretString>,
    ) -> Option<SealedTokens> {
        let refresh = tokens.refresh_token.as_ref().map(|token| &token.value);
        Some(SealedTokens {
            access: self.seal(member, Use::Access, &tokens.access_token)?,
            refresh: match refresh.or(kept) {
                Some(token) => Some(self.seal(member, Use::Refresh, token)?),
                None => None,
            },
            access_expires_at: asked_at + tokens.expires_in,
        })
    }

    fn seal(&self, member: &Member, r#use: Use, token: &SecretString) -> Option<String> {
        self.0.keys.seal(token, &context(member, r#use))
    }

    fn open(&self, member: &Member, r#use: Use, sealed: &str) -> Option<SecretString> {
        self.0.keys.open(sealed, &context(member, r#use))
    }
}

/// Why a grant was not revoked.
#[derive(Debug)]
pub(crate) enum RevokeError {
    Call(Error),
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

/// Binds an encrypted token to its member and use: a row that is copied to another member cannot be
/// opened.
fn context(member: &Member, r#use: Use) -> String {
    let r#use = match r#use {
        Use::Access => "access",
        Use::Refresh => "refresh",
    };
    let Tenant { app, key } = &member.tenant;
    [app, key.as_str(), member.person.as_str(), r#use].join("\n")
}
