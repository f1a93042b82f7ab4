//! Permissions by the group's settings: before an action, after a refusal, and for `/help`.

use std::sync::Arc;

use feishu::codes::Class;
use feishu::{AppId, Chat, ChatId, Error, IdType};

use super::Dispatcher;
use crate::action::Failure;
use crate::event::StoredMessage;
use crate::model::action::Action;
use crate::model::outcome::{GroupHelp, Outcome};
use crate::model::refusal::{Call, Cause, PlatformRefusal};
use crate::model::rights::{Actor, Denied, GroupSetting, Right};
use crate::platform::ChatSettings;
use crate::policy::{self, Decision, Permit, Scope};
use crate::store::Job;

/// Who applies a group's settings to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforcer {
    /// The platform, when the bot acts as the member.
    Platform,
    Bot,
}

impl Dispatcher {
    /// Who applies the settings to a change that is made now.
    pub(super) fn enforcer(&self) -> Enforcer {
        if self.acting.is_some() {
            Enforcer::Platform
        } else {
            Enforcer::Bot
        }
    }

    /// Asks the policy. A denial by cached settings is repeated with fresh ones, because they may
    /// have been changed for this command.
    pub(super) async fn authorize(
        &self,
        actor: Actor<'_>,
        action: Action,
        by: Enforcer,
    ) -> Result<Permit, Failure> {
        let decision = policy::consider(self.policy(), actor, action);
        let request = match decision.map_err(Cause::Denied)? {
            Decision::Permitted(permit) => return Ok(permit),
            Decision::Open(request) => request,
        };
        let request = match by {
            Enforcer::Platform => match request.leave_to_platform() {
                Ok(permit) => return Ok(permit),
                Err(request) => request,
            },
            Enforcer::Bot => request,
        };
        let failed = |error| Failure::Call(Call::ReadChat, error);
        let people = actor.id_type();
        let settings = self.platform.settings(actor.chat, people).await;
        let ChatSettings { group, fresh, .. } = settings.map_err(failed)?;
        let request = match request.decide(&group) {
            Ok(permit) => return Ok(permit),
            Err((reason, _)) if fresh => return Err(denial(reason, &group).into()),
            Err((_, request)) => request,
        };
        let settings = self.platform.read_settings(actor.chat, people).await;
        let ChatSettings { group, .. } = settings.map_err(failed)?;
        let decided = request.decide(&group);
        decided.map_err(|(reason, _)| denial(reason, &group).into())
    }

    /// Explains a refusal by the platform of a call that the policy allowed. If a group setting can
    /// be the reason, fresh settings show whom it restricts: the member, who may just have lost the
    /// permission, or the bot.
    pub(super) async fn explain_denial(
        &self,
        job: &Job,
        actor: Actor<'_>,
        right: Option<Right>,
        failure: Failure,
    ) -> Failure {
        let (call, api) = match failure {
            Failure::Call(call, Error::Api(api)) => (call, api),
            Failure::Partway {
                stage,
                cause,
                effect: Some(effect),
            } => {
                let right = match *cause {
                    Failure::Call(Call::PutAnnouncement | Call::PutMessage, _) => Some(Right::Pin),
                    _ => right.and(Some(Right::Announce)),
                };
                let cause = Box::pin(self.explain_denial(job, actor, right, *cause)).await;
                return Failure::incomplete(stage, cause, *effect);
            }
            failure => return failure,
        };
        let Some(setting) = setting_behind(api.code) else {
            return Failure::Call(call, Error::Api(api));
        };
        let read = self
            .platform
            .read_settings(actor.chat, actor.id_type())
            .await;
        let group = match read {
            Ok(ChatSettings { group, .. }) if policy::has_settings(&group) => group,
            Ok(_) | Err(_) => return Failure::Call(call, Error::Api(api)),
        };
        tracing::warn!(
            code = api.code,
            api.log_id = api.log_id,
            "the platform refused a call that the policy allowed"
        );
        let judged = match (setting, right) {
            (GroupSetting::AtAllPermission, _) => policy::judge_mention(actor, &group),
            (_, Some(right)) => policy::judge(self.policy(), actor, right, &group),
            (_, None) => Ok(()),
        };
        if let Err(denied) = judged {
            return Cause::Denied(denied).into();
        }
        let bot = AppId::from(job.key.tenant.app.as_str());
        let is_bot = self.acting.is_none() || call.is_of_bot();
        let refusal = PlatformRefusal {
            bot: is_bot.then(|| policy::bot_permission(&bot, setting, &group)),
            ..self.refusal_of(actor.chat, call, api)
        };
        Cause::Platform(refusal).into()
    }

    /// The reply to `/help`, with the member's permissions where they are known.
    pub(super) async fn help(&self, stored: &StoredMessage) -> Outcome {
        let message = &stored.event.message;
        if message.chat_type.is_p2p() {
            return Outcome::Help;
        }
        let actor = stored.actor();
        let Some(group) = self.group(actor.chat, actor.id_type()).await else {
            return Outcome::Help;
        };
        let may = |right: &Right| policy::judge(self.policy(), actor, *right, &group).is_ok();
        Outcome::HelpInGroup(GroupHelp {
            allowed: Right::all().filter(may).collect(),
            rights: policy::group_rights(self.policy(), Scope::of(actor), &group),
        })
    }

    /// All commands, with the group's permissions where they are known.
    pub(super) async fn all_commands(&self, actor: Actor<'_>) -> Outcome {
        let group = self.group(actor.chat, IdType::OpenId).await;
        Outcome::AllCommands(
            group.map(|group| policy::group_rights(self.policy(), Scope::of(actor), &group)),
        )
    }

    /// The settings of a group; `None` if the chat has none or they cannot be read.
    async fn group(&self, chat: &ChatId, people: IdType) -> Option<Arc<Chat>> {
        match self.platform.settings(chat, people).await {
            Ok(ChatSettings { group, .. }) => {
                Some(group).filter(|group| policy::has_settings(group))
            }
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    api.log_id = error.log_id(),
                    "failed to read the group's settings; help omits permissions"
                );
                None
            }
        }
    }
}

/// Why a member is denied. A group without settings is one that the bot is not in.
fn denial(reason: Denied, group: &Chat) -> Cause {
    if policy::has_settings(group) {
        Cause::Denied(reason)
    } else {
        Cause::BotOutside
    }
}

/// The setting that may be the reason for an error code, if the bot is neither owner nor admin.
/// Documented on the pages `group/chat/put_top_notice`, which does not name the setting,
/// `group/chat-announcement/patch`, `group/upgraded-group-announcement` and `im-v1/message/create`,
/// which does not name the setting either.
fn setting_behind(code: i64) -> Option<GroupSetting> {
    match Class::of(code)? {
        Class::TopNoticeDenied => Some(GroupSetting::PinManageSetting),
        Class::EditDenied => Some(GroupSetting::EditPermission),
        // Among actions, only one that mentions everybody sends a message.
        Class::MessageForbidden => Some(GroupSetting::AtAllPermission),
        _ => None,
    }
}
