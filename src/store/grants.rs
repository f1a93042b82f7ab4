//! Grants of members, requests for them, and the jobs that wait for one.

use std::time::Duration;

use feishu::MessageId;
use jiff::Timestamp;

use super::statements::{consents, grants};
use super::{Store, StoreError};
use crate::model::grant::{Grant, Member, PendingConsent, SealedTokens};
use crate::model::job::Tenant;

impl Store {
    /// A member's grant, also if it has ended.
    pub(crate) async fn grant(&self, member: &Member) -> Result<Option<Grant>, StoreError> {
        self.first("grant", grants::get(member)).await
    }

    /// Stores a new grant, which answers the request for it, and continues the jobs that wait for
    /// it.
    pub(crate) async fn save_grant(
        &self,
        member: &Member,
        tokens: &SealedTokens,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let statements = [
            grants::save(member, tokens, now),
            consents::delete(member),
            grants::resume(member, now),
        ];
        self.transact("save_grant", statements).await?;
        // A job that was suspended meanwhile did not see the grant, nor was it seen. If this fails,
        // it continues as one without a request.
        let _ = self.resume_if_granted(member).await;
        Ok(())
    }

    /// Deletes the grant and the request for one. The jobs that wait for it find that out.
    pub(crate) async fn forget_member(&self, member: &Member) -> Result<(), StoreError> {
        let statements = [
            grants::delete(member),
            consents::delete(member),
            grants::give_up(member, self.now()),
        ];
        self.transact("forget_member", statements).await
    }

    /// Deletes a grant that was given before then.
    pub(crate) async fn delete_grant(
        &self,
        member: &Member,
        given_before: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = grants::delete_older(member, given_before);
        self.execute("delete_grant", statement).await.map(drop)
    }

    /// Ends the request for consent, which the member declined, and continues the jobs that wait for
    /// it.
    pub(crate) async fn end_consent(&self, member: &Member) -> Result<(), StoreError> {
        let statements = [
            consents::delete(member),
            grants::give_up(member, self.now()),
        ];
        self.transact("end_consent", statements).await
    }

    /// Ends the request for consent and the time for which jobs wait for it.
    pub(crate) async fn give_up_consent(&self, member: &Member) -> Result<(), StoreError> {
        let statements = [
            consents::delete(member),
            grants::end_wait(member, self.now()),
        ];
        self.transact("give_up_consent", statements).await
    }

    /// Reserves the renewal of a version for this process; `false` if another has it, or the
    /// version is old.
    pub(crate) async fn reserve_renewal(
        &self,
        member: &Member,
        version: i64,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = grants::reserve_renewal(member, version, now, now + duration);
        Ok(self.execute("reserve_renewal", statement).await? > 0)
    }

    pub(crate) async fn release_renewal(
        &self,
        member: &Member,
        version: i64,
    ) -> Result<(), StoreError> {
        let statement = grants::release_renewal(member, version);
        self.execute("release_renewal", statement).await.map(drop)
    }

    /// Stores renewed tokens; `false` if the version is old.
    pub(crate) async fn renew_grant(
        &self,
        member: &Member,
        version: i64,
        tokens: &SealedTokens,
    ) -> Result<bool, StoreError> {
        let statement = grants::renew(member, version, tokens, self.now());
        Ok(self.execute("renew_grant", statement).await? > 0)
    }

    /// Notes that the platform refuses the access token of a version.
    pub(crate) async fn expire_access(
        &self,
        member: &Member,
        version: i64,
    ) -> Result<(), StoreError> {
        let statement = grants::expire_access(member, version, Timestamp::UNIX_EPOCH);
        self.execute("expire_access", statement).await.map(drop)
    }

    /// Notes that the platform has ended a version; `false` if the version is old.
    pub(crate) async fn end_grant(
        &self,
        member: &Member,
        version: i64,
    ) -> Result<bool, StoreError> {
        let statement = grants::end(member, version, self.now());
        Ok(self.execute("end_grant", statement).await? > 0)
    }

    /// The request for a member's consent, if it is valid until then.
    pub(crate) async fn consent(
        &self,
        member: &Member,
        valid_until: Timestamp,
    ) -> Result<Option<PendingConsent>, StoreError> {
        let query = consents::of_member(member, valid_until);
        self.first("consent", query).await
    }

    /// Stores a request, unless the member has one that is valid until then.
    pub(crate) async fn save_consent(
        &self,
        consent: &PendingConsent,
        valid_until: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = consents::save(consent, valid_until);
        self.execute("save_consent", statement).await.map(drop)
    }

    /// The request to which the hash of the secret in a link belongs.
    pub(crate) async fn consent_by_ticket(
        &self,
        ticket: &str,
    ) -> Result<Option<PendingConsent>, StoreError> {
        let query = consents::by_ticket(&self.app, ticket, self.now());
        self.first("consent", query).await
    }

    /// The device flows to poll now.
    pub(crate) async fn due_polls(&self) -> Result<Vec<PendingConsent>, StoreError> {
        let query = consents::due_polls(&self.app, self.now());
        self.rows("due_polls", query).await
    }

    /// Reserves a poll for this process; `false` if another has it.
    pub(crate) async fn reserve_poll(
        &self,
        member: &Member,
        due: Timestamp,
        next: Timestamp,
        interval: Duration,
    ) -> Result<bool, StoreError> {
        let statement = consents::reserve_poll(member, due, interval, next);
        Ok(self.execute("reserve_poll", statement).await? > 0)
    }

    /// Continues the jobs that have waited long enough or wait for nothing, and removes old requests
    /// and grants. Returns when there is something to do next.
    pub(crate) async fn end_overdue_consents(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.now();
        let statements = [
            consents::forget(&self.app, now),
            grants::forget_ended(&self.app, now),
        ];
        for statement in statements {
            self.execute("forget_consents", statement).await?;
        }
        let resumed = [
            grants::resume_overdue(&self.app, now),
            grants::resume_unasked(&self.app, now),
        ];
        for statement in resumed {
            if self.execute("resume", statement).await? > 0 {
                self.wake();
            }
        }
        let overdue = self.first("resume", grants::next_overdue(&self.app));
        let poll = self.first("due_polls", consents::next_poll(&self.app));
        let (overdue, poll) = (overdue.await?.flatten(), poll.await?.flatten());
        Ok(overdue.into_iter().chain(poll).min())
    }

    /// Continues a job that was suspended just after its member consented.
    pub(crate) async fn resume_if_granted(&self, member: &Member) -> Result<(), StoreError> {
        let statement = grants::resume_if_granted(member, self.now());
        if self.execute("resume", statement).await? > 0 {
            self.wake();
        }
        Ok(())
    }

    /// The grants that were not renewed since then, the longest idle first.
    pub(crate) async fn idle_grants(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Member, Grant)>, StoreError> {
        let query = grants::idle(&self.app, since, limit);
        self.rows("idle_grants", query).await
    }

    /// Ends the command in a recalled message if it waits for consent or for its author, who sees a
    /// preview, and has not begun.
    pub(crate) async fn withdraw(
        &self,
        tenant: &Tenant,
        message: &MessageId,
    ) -> Result<bool, StoreError> {
        let statement = grants::withdraw(tenant, message.as_str(), self.now());
        Ok(self.erase("withdraw", statement).await? > 0)
    }

    /// The grants of the app that have not ended, with their members.
    pub(crate) async fn grants(&self) -> Result<Vec<(Member, Grant)>, StoreError> {
        self.rows("grants", grants::all(&self.app)).await
    }

    /// How many jobs wait for a member.
    pub(crate) async fn count_suspended(&self, member: &Member) -> Result<usize, StoreError> {
        let count = self.first("count_suspended", grants::count_suspended(member));
        Ok(count.await?.unwrap_or_default())
    }
}
