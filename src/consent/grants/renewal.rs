//! Renewal of members' tokens.

use std::time::Duration;

use feishu::codes::Class;
use feishu::{Error, MemberTokenError, UserTokens};
use secrecy::SecretString;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{AccessToken, Grants, MARGIN, STORE_PAUSE, Slot, UNAVAILABLE, unavailable};
use crate::consent::keys::KeyAge;
use crate::model::grant::{Grant, Member};
use crate::store::StoreError;

/// A token with less than this is not used.
const LEAST_LIFE: Duration = Duration::from_secs(10);
/// Pause before the store is asked for all grants again.
const RESEAL_PAUSE: Duration = Duration::from_secs(5);
/// Time for renewals in flight after a stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

impl Grants {
    /// The token in the store, renewed if it is about to expire.
    pub(super) async fn current(
        &self,
        member: &Member,
        slot: &Slot,
    ) -> Result<AccessToken, MemberTokenError> {
        self.save_rest(member, slot).await?;
        let end = self.0.clock.now() + self.0.reservation;
        loop {
            let grant = self.0.store.grant(member).await.map_err(unavailable)?;
            let grant = grant.filter(|grant| !grant.has_ended);
            let grant = grant.ok_or(MemberTokenError::NoGrant)?;
            let Some(access) = self.0.keys.open_access(member, &grant.tokens) else {
                tracing::warn!(
                    "a grant is encrypted with an unknown key: the member has to consent again"
                );
                return Err(MemberTokenError::NoGrant);
            };
            let token = AccessToken {
                value: access,
                expires_at: grant.tokens.access_expires_at,
                read_at: self.0.clock.now(),
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
        if grant.tokens.refresh.is_none() {
            return self.end_with_access(member, grant).await.map(|()| None);
        }
        // A lost key may be found, so the grant is kept.
        let refresh = self.0.keys.open_refresh(member, &grant.tokens);
        let refresh = refresh.ok_or(MemberTokenError::NoGrant)?;
        let reserved = store.reserve_renewal(member, version, self.0.reservation);
        if !reserved.await.map_err(unavailable)? {
            return Ok(None);
        }
        let asked_at = self.0.clock.now();
        match self.ask_for_renewal(&refresh).await {
            Ok(tokens) => {
                let sealed = self
                    .0
                    .keys
                    .seal_tokens(member, &tokens, asked_at, Some(&refresh));
                let sealed = sealed.ok_or(UNAVAILABLE)?;
                *slot.unsaved.lock() = Some((version, sealed));
                self.save_rest(member, slot).await?;
                self.use_renewed(member, &tokens).await
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

    /// Ends a grant without a refresh token if its access token has expired.
    async fn end_with_access(
        &self,
        member: &Member,
        grant: &Grant,
    ) -> Result<(), MemberTokenError> {
        if self.lasts(grant.tokens.access_expires_at, LEAST_LIFE) {
            return Ok(());
        }
        let ended = self.0.store.end_grant(member, grant.version).await;
        ended.map_err(unavailable)?;
        Err(MemberTokenError::NoGrant)
    }

    /// The stored token after a renewal. If the grant was deleted meanwhile, its new tokens, of which
    /// nobody else knows, are revoked.
    async fn use_renewed(
        &self,
        member: &Member,
        renewed: &UserTokens,
    ) -> Result<Option<AccessToken>, MemberTokenError> {
        let grant = self.0.store.grant(member).await.map_err(unavailable)?;
        let Some(grant) = grant else {
            self.discard(renewed).await;
            return Err(MemberTokenError::NoGrant);
        };
        let access = self.0.keys.open_access(member, &grant.tokens);
        Ok(access.map(|value| AccessToken {
            value,
            expires_at: grant.tokens.access_expires_at,
            read_at: self.0.clock.now(),
        }))
    }

    /// After a lost answer the refresh token may be used up, which one retry tells.
    async fn ask_for_renewal(&self, refresh: &SecretString) -> Result<UserTokens, Error> {
        let client = self.client()?;
        match client.refresh_user_token(refresh).await {
            Err(error) if error.may_have_taken_effect() => client.refresh_user_token(refresh).await,
            answer => answer,
        }
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

    /// Encrypts grants with the current key that are encrypted with the previous one, renews idle
    /// ones, and lets renewals in flight finish after `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let work = async {
            self.reseal().await;
            self.keep_alive().await;
        };
        stop.run_until_cancelled(Box::pin(work)).await;
        self.0.tasks.close();
        let _ = timeout(DRAIN_TIMEOUT, self.0.tasks.wait()).await;
    }

    async fn reseal(&self) {
        if !self.0.keys.has_previous() {
            return;
        }
        let grants = loop {
            match self.0.store.grants().await {
                Ok(grants) => break grants,
                Err(_) => self.0.clock.sleep(RESEAL_PAUSE).await,
            }
        };
        let (mut resealed, mut unknown) = (0_u32, 0_u32);
        for (member, grant) in grants {
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
        let keys = &self.0.keys;
        if keys.age(member, grant) == KeyAge::Current {
            return Some(false);
        }
        let sealed = keys.seal_again(member, &grant.tokens)?;
        let (store, version) = (&self.0.store, grant.version);
        // The result of a renewal in flight must not be overwritten.
        let reserved = store.reserve_renewal(member, version, self.0.reservation);
        let is_reserved = reserved.await.unwrap_or(false);
        let renewed = is_reserved && store.renew_grant(member, version, &sealed).await.is_ok();
        Some(renewed)
    }
}
