//! Renews grants that are not used: a refresh token expires after some days, and a member who
//! consented once should not have to consent again for that reason.

use std::sync::Arc;
use std::time::Duration;

use feishu::MemberTokenError;

use super::Grants;
use crate::model::grant::{Grant, Member};

const LOOK_EVERY: Duration = Duration::from_hours(1);
/// The platform's examples have refresh tokens of seven days.
const MAX_IDLE: Duration = Duration::from_hours(24);
/// Grants that are renewed in one look, so that the calls of many members are spread.
const BATCH: u32 = 1000;

impl Grants {
    /// Renews idle grants; never ends.
    pub(super) async fn keep_alive(&self) {
        loop {
            let since = self.0.clock.now() - MAX_IDLE;
            let idle = self.0.store.idle_grants(since, BATCH).await;
            for (member, grant) in idle.unwrap_or_default() {
                // If the platform cannot be reached, the next look tries again.
                if !self.renew_idle(member, grant).await {
                    break;
                }
            }
            self.0.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the platform answered.
    async fn renew_idle(&self, member: Member, grant: Grant) -> bool {
        let slot = self.slot(&member);
        let _busy = slot.busy.lock().await;
        let (grants, of_member) = (self.clone(), Arc::clone(&slot));
        let renewal = async move { grants.renew(&member, &grant, &of_member).await };
        match self.uninterrupted(renewal).await {
            Some(Ok(Some(token))) => {
                *slot.token.lock() = Some(token);
                true
            }
            Some(Ok(None) | Err(MemberTokenError::NoGrant)) => true,
            Some(Err(MemberTokenError::Unavailable { .. })) | None => false,
        }
    }
}
