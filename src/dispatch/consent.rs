//! Acting as members: commands that wait for the consent of their author, `/login` and `/logout`.

use feishu::codes::Class;
use feishu::{Error, MemberTokenError, MessageId};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{Dispatcher, may_try_again};
use crate::action::Failure;
use crate::command::CommandName;
use crate::consent::{ConsentError, ConsentLink, Members, RevokeError};
use crate::event::Stored;
use crate::model::grant::Member;
use crate::model::job::JobKind;
use crate::model::outcome::{Done, Outcome};
use crate::model::refusal::{Call, Cause};
use crate::reply;
use crate::store::{Conclusion, Job, Release};

/// How many commands of one member wait at a time.
const MAX_WAITING: usize = 20;

impl Dispatcher {
    /// The dispatcher for the calls of a job, if the bot acts as the job's author, or as the member who
    /// approved it.
    pub(super) fn acting_for(&self, stored: &Stored) -> Option<Self> {
        self.members.as_ref()?;
        let author = stored.authority().sender.open_id.as_ref()?;
        Some(Self {
            acting: Some(self.platform.as_member(author)),
            ..self.clone()
        })
    }

    fn member(&self, job: &Job, stored: &Stored) -> Option<(&Members, Member)> {
        let person = stored.authority().sender.open_id.clone()?;
        let tenant = job.key.tenant.clone();
        Some((self.members.as_ref()?, Member { tenant, person }))
    }

    /// Suspends a job whose author has to consent; returns any other failure.
    pub(super) async fn wait_for_consent(
        &self,
        job: &Job,
        stored: &Stored,
        failure: Failure,
    ) -> Result<Failure, Release> {
        let (Some((members, member)), Some(error)) =
            (self.member(job, stored), failure.lack_of_consent())
        else {
            return Ok(failure);
        };
        if job.key.kind.is_of_broadcast() {
            // The author was asked when the broadcast started, and not once for each group.
            return Ok(failure);
        }
        // Less was granted than asked for; another consent would be the same.
        let lacks_scopes = error.class() == Some(Class::UserScopeMissing);
        if job.suspended_until.is_some() && !job.waited_in_vain && lacks_scopes {
            return Ok(failure);
        }
        match self.suspension(job, stored, members, &member).await {
            Ok(until) => {
                tracing::info!("the command waits for its author's consent");
                Err(Release::Suspended { member, until })
            }
            Err(failure) => Ok(failure),
        }
    }

    /// Asks the author for consent; returns how long the job waits.
    async fn suspension(
        &self,
        job: &Job,
        stored: &Stored,
        members: &Members,
        member: &Member,
    ) -> Result<Timestamp, Failure> {
        // A grant that ended again is no refusal of the member, who is asked again.
        if let (Some(until), true) = (job.suspended_until, job.waited_in_vain) {
            let is_over = self.clock.now() >= until;
            if is_over || !members.consents.is_pending(member).await? {
                let declined = !is_over;
                return Err(Cause::ConsentMissing { declined }.into());
            }
        }
        if self.store.count_suspended(member).await? >= MAX_WAITING {
            let limit = MAX_WAITING;
            return Err(Cause::TooManyAwaitingConsent { limit }.into());
        }
        let link = members.consents.request(member).await?;
        let continues = Some(link.expires_at);
        self.send_link(job, stored, member, &link, continues)
            .await?;
        Ok(link.expires_at)
    }

    /// Fails unless the bot may act as the author at once, or need not.
    pub(super) async fn require_consent(&self, job: &Job, stored: &Stored) -> Result<(), Failure> {
        let Some((members, member)) = self.member(job, stored) else {
            return Ok(());
        };
        match members.grants.token(&member).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = error.of_call(&member.person);
                Err(Failure::Call(Call::RequestConsent, error))
            }
        }
    }

    /// Sends the link so that only the author sees it, if the chat allows that. Another member who
    /// opens it cannot consent.
    async fn send_link(
        &self,
        job: &Job,
        stored: &Stored,
        member: &Member,
        link: &ConsentLink,
        continues: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let (language, time_zone) = (self.language_of_request(stored), self.time_zone());
        let url = link.url.expose_secret();
        let card = reply::consent_card(url, continues, language, time_zone);
        let client = &self.platform.client;
        // Another link is another message.
        let call = format!("consent {}", link.expires_at);
        let uuid = job.key.idempotency_key(&call).to_string();
        let (chat, person) = (stored.actor().chat, &member.person);
        // Only a person who is there sees a private card, and the author of a schedule may not be.
        let is_there = [
            JobKind::Command,
            JobKind::Press,
            JobKind::Preview,
            JobKind::ReactionPin,
        ];
        if is_there.contains(&job.key.kind) {
            let shown = self.show_privately(chat, person, &card).await;
            if shown.map_err(|error| Failure::Call(Call::RequestConsent, error))? {
                return Ok(());
            }
        }
        match client.send_card_to(person, &card, &uuid).await {
            Ok(_) => return Ok(()),
            Err(error) => rejected(error)?,
        }
        let text = reply::consent_text(url, continues, language, time_zone);
        let Some(message) = message_of(stored) else {
            return Err(Cause::Internal.into());
        };
        let replied = client.reply(message, &text, &uuid).await;
        replied
            .map(drop)
            .map_err(|error| Failure::Call(Call::RequestConsent, error))
    }

    /// `/login`: asks for consent at once.
    pub(super) async fn sign_in(&self, job: &Job, stored: &Stored) -> Result<Conclusion, Failure> {
        let (members, member) = self.member_of_command(job, stored, CommandName::Login)?;
        match members.grants.token(&member).await {
            Ok(_) => return Ok(Conclusion::of(Outcome::Done(Done::AlreadyConsented))),
            // A grant that cannot be renewed may be worthless.
            Err(MemberTokenError::NoGrant | MemberTokenError::Unavailable { .. }) => {}
        }
        let link = members.consents.request(&member).await?;
        self.send_link(job, stored, &member, &link, None).await?;
        Ok(Conclusion::of(Outcome::Done(Done::ConsentRequested)))
    }

    /// `/logout`: revokes the grant and deletes it.
    pub(super) async fn sign_out(&self, job: &Job, stored: &Stored) -> Result<Conclusion, Failure> {
        let (members, member) = self.member_of_command(job, stored, CommandName::Logout)?;
        let revoked = members.grants.revoke(&member).await?;
        members.grants.forget(&member).await?;
        let revoked = revoked.ok_or(Cause::NoConsent)?;
        let done = Done::ConsentWithdrawn { revoked };
        Ok(Conclusion::of(Outcome::Done(done)))
    }

    fn member_of_command(
        &self,
        job: &Job,
        stored: &Stored,
        name: CommandName,
    ) -> Result<(&Members, Member), Failure> {
        if self.members.is_none() {
            return Err(Cause::ActsAsBot(name).into());
        }
        let member = self.member(job, stored);
        member.ok_or_else(|| Cause::AuthorUnknown.into())
    }
}

/// Ignores the rejection of a link, which is sent in another way then; fails if the same call may
/// succeed later.
fn rejected(error: Error) -> Result<(), Failure> {
    if may_try_again(&error) {
        return Err(Failure::Call(Call::RequestConsent, error));
    }
    tracing::info!(error = %error, api.log_id = error.log_id(), "the link was rejected");
    Ok(())
}

/// The message to reply to.
fn message_of(stored: &Stored) -> Option<&MessageId> {
    match stored {
        Stored::Message(message) => Some(&message.event.message.message_id),
        Stored::Press(press) => press.message_id.as_ref(),
        Stored::Reaction(_) | Stored::Retraction(_) => None,
    }
}

impl From<ConsentError> for Failure {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::Call(error) => Self::Call(Call::RequestConsent, error),
            ConsentError::Store => Self::Store,
            ConsentError::Internal => Cause::Internal.into(),
        }
    }
}

impl From<RevokeError> for Failure {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Call(error) => Self::Call(Call::RevokeConsent, error),
            RevokeError::Store => Self::Store,
        }
    }
}
