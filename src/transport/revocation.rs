//! Members who withdraw their consent on the platform, or whose consent is withdrawn there.

use feishu::{EventEnvelope, RevokedTokens, USER_TOKEN_REVOKED, UserTokenRevoked};
use tokio::time::timeout;

use super::{EventResponse, Intake, Rejection, STORE_TIMEOUT};
use crate::model::job::Tenant;
use crate::telemetry::EventResult;

impl Intake {
    /// Handles the event that tokens of a member were revoked; `None` for other events, and if the
    /// bot does not act as members.
    pub(super) async fn process_revocation(
        &self,
        envelope: &EventEnvelope<'_>,
        tenant: Option<&Tenant>,
    ) -> Option<Result<EventResponse, Rejection>> {
        let grants = self.grants.as_ref()?;
        if envelope.event_type != USER_TOKEN_REVOKED {
            return None;
        }
        let revoked = envelope.event.and_then(UserTokenRevoked::read);
        let person = revoked
            .as_ref()
            .and_then(|event| event.user.open_id.clone());
        let (Some(revoked), Some(person), Some(tenant)) = (revoked, person, tenant) else {
            tracing::warn!("ignored a revocation that does not name the member");
            self.metrics.event(EventResult::Other);
            return Some(Ok(EventResponse::Empty));
        };
        // A revoked access token alone is noticed at its next use.
        if revoked.tokens == RevokedTokens::Grant {
            let forgetting = grants.forget_revoked(&tenant.key, &person, envelope.create_time);
            if !matches!(timeout(STORE_TIMEOUT, forgetting).await, Ok(Ok(()))) {
                return Some(Err(Rejection::Unavailable));
            }
            tracing::info!(reason = revoked.reason, "a member's consent was withdrawn");
        }
        self.metrics.event(EventResult::Accepted);
        Some(Ok(EventResponse::Empty))
    }
}
