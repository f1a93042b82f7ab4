//! Explains failed calls.

use feishu::{ApiError, ChatId, Error};

use super::Dispatcher;
use crate::command::CommandName;
use crate::model::refusal::{Call, Cause, Meaning, PlatformRefusal, Refusal};
use crate::store::{Job, Release};
use crate::telemetry::EXPIRE;

impl Dispatcher {
    pub(super) fn explain(&self, job: &Job, call: Call, error: Error, unchanged: bool) -> Cause {
        let log_id = error.log_id().map(str::to_owned);
        if error.is_retryable() {
            return Cause::Unreachable {
                call,
                log_id,
                unchanged,
            };
        }
        match error {
            Error::Api(api) => {
                let chat = ChatId::from(job.chat.as_str());
                Cause::Platform(self.refusal_of(&chat, call, api))
            }
            Error::NoGrant { .. } => Cause::ConsentMissing { declined: false },
            _ => Cause::Internal,
        }
    }

    pub(super) fn refusal_of(&self, chat: &ChatId, call: Call, api: ApiError) -> PlatformRefusal {
        let is_external = self.platform.is_external(chat);
        PlatformRefusal {
            call,
            code: api.code,
            meaning: Meaning::of(&api, is_external),
            fields: api.fields.into_vec(),
            log_id: api.log_id,
            missing_scopes: api.missing_scopes.into_vec(),
            bot: None,
            as_member: self.acting.is_some() && !call.is_of_bot(),
        }
    }

    /// Claims that nothing was changed only if no earlier call, of any attempt, can have had an
    /// effect.
    pub(super) async fn verify_unchanged(
        &self,
        job: &Job,
        name: &str,
        mut refusal: Refusal,
    ) -> Result<Refusal, Release> {
        let Cause::Unreachable {
            call,
            unchanged: true,
            ..
        } = refusal.cause
        else {
            return Ok(refusal);
        };
        let progress = self.store.progress(job).await;
        let progress = progress.map_err(|_| self.retry(job))?;
        // Reverting may take several calls, and the store knows only some of them.
        let takes_several = [
            CommandName::Undo.as_str(),
            CommandName::Edit.as_str(),
            EXPIRE,
        ]
        .contains(&name)
            && matches!(call, Call::WriteAnnouncement | Call::ReadAnnouncement);
        if takes_several || progress.is_some_and(|progress| progress.may_have_changed()) {
            refusal.cause = refusal.cause.with_unknown_effect();
        }
        Ok(refusal)
    }
}
