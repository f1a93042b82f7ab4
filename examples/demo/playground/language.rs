//! The page's texts in English and Chinese, except the bot's messages.

mod chinese;
mod english;

use feishu_sim::Endpoint;

use crate::language::Language;

impl Language {
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::En => &english::WORDS,
            Self::Zh => &chinese::WORDS,
        }
    }

    /// The purpose of an API call.
    pub(crate) fn call(self, endpoint: Endpoint) -> &'static str {
        let (en, zh) = match endpoint {
            Endpoint::TenantAccessToken
            | Endpoint::StoreTenantAccessToken
            | Endpoint::AppAccessToken => ("get a token", "获取令牌"),
            Endpoint::UserToken | Endpoint::UserTokenV3 => ("get a member’s token", "获取成员令牌"),
            Endpoint::DeviceAuthorization => ("ask for consent", "请求授权"),
            Endpoint::RevokeUserToken => ("revoke a member’s token", "撤销成员令牌"),
            Endpoint::AppRegistration | Endpoint::LarkAppRegistration => {
                ("create an app", "创建应用")
            }
            Endpoint::UserInfo => ("check who consented", "核对授权人"),
            Endpoint::ResendAppTicket => ("ask for a ticket", "重新推送 ticket"),
            Endpoint::BotInfo => ("get the bot’s identity", "获取机器人信息"),
            Endpoint::ListScopes => ("list scopes", "获取权限列表"),
            Endpoint::ListAppVersions => ("list versions of the app", "获取应用版本列表"),
            Endpoint::GetApplication => ("get the app’s settings", "获取应用信息"),
            Endpoint::ListSlashCommands => ("list the “/” panel", "获取斜杠指令列表"),
            Endpoint::CreateSlashCommand => ("add to the “/” panel", "新增斜杠指令"),
            Endpoint::UpdateSlashCommand => ("update the “/” panel", "更新斜杠指令"),
            Endpoint::DeleteSlashCommand => ("remove from the “/” panel", "删除斜杠指令"),
            Endpoint::CountConnections => ("count connections", "获取长连接数量"),
            Endpoint::ListChats => ("list groups", "获取群列表"),
            Endpoint::GetChat => ("get the group’s settings", "获取群设置"),
            Endpoint::IsInChat => ("check membership", "检查机器人是否在群内"),
            Endpoint::ListMembers => ("list members", "获取群成员列表"),
            Endpoint::PutTopNotice => ("set the top notice", "置顶"),
            Endpoint::DeleteTopNotice => ("remove the top notice", "取消置顶"),
            Endpoint::GetDocAnnouncement => ("get the announcement", "获取公告"),
            Endpoint::PatchDocAnnouncement => ("update the announcement", "更新公告"),
            Endpoint::GetDocxAnnouncement => ("get announcement info", "获取公告信息"),
            Endpoint::ListBlocks | Endpoint::GetBlock | Endpoint::ListChildren => {
                ("get announcement blocks", "获取公告块")
            }
            Endpoint::CreateChildren => ("create blocks", "创建块"),
            Endpoint::UpdateBlocks => ("update the announcement", "更新公告中的块"),
            Endpoint::DeleteChildren => ("delete blocks", "删除块"),
            Endpoint::GetMessage => ("get a message", "获取消息"),
            Endpoint::GetMessageResource => ("download a file", "下载消息中的文件"),
            Endpoint::UploadMedia => ("upload a file", "上传文件"),
            Endpoint::DownloadMedia => ("download from the announcement", "下载公告中的文件"),
            Endpoint::ReadUsers => ("list who has read a message", "获取消息已读成员"),
            Endpoint::RecallMessage => ("recall a message", "撤回消息"),
            Endpoint::CreateMessage => ("send a message", "发送消息"),
            Endpoint::ReplyMessage => ("reply", "回复"),
            Endpoint::SendPrivateCard => ("send a private card", "发送仅特定人可见的卡片"),
            Endpoint::AddReaction => ("add a reaction", "添加表情回复"),
            Endpoint::DeleteReaction => ("delete a reaction", "删除表情回复"),
            Endpoint::UpdateCard => ("update a card", "更新卡片"),
            Endpoint::LongConnection => ("get a connection URL", "获取长连接地址"),
        };
        self.pick(en, zh)
    }

    /// How a job ended, by the label in the bot's log.
    pub(crate) fn outcome(self, label: &str) -> &'static str {
        let (en, zh) = match label {
            "done" => ("done", "已完成"),
            "help" => ("help", "帮助"),
            "history" => ("history", "记录"),
            "scheduled" => ("scheduled", "已定时"),
            _ => ("not executed", "未执行"),
        };
        self.pick(en, zh)
    }

    /// Example messages.
    pub(crate) fn suggestions(self) -> &'static [&'static str] {
        match self {
            Self::En => &[
                "/announce Power cut at 22:00",
                "/announce --at 9:00 **Stand-up**",
                "/history",
                "/undo",
                "/help",
            ],
            Self::Zh => &[
                "/公告 今晚十点停电",
                "/公告 --定时 9:00 **晨会**",
                "/记录",
                "/撤销",
                "/帮助",
            ],
        }
    }
}

/// The page's texts in one language.
pub(crate) struct Words {
    pub(crate) page_title: &'static str,
    pub(crate) what_is_this: &'static str,
    pub(crate) other_language: &'static str,
    pub(crate) comma: &'static str,
    pub(crate) colon: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) panes: &'static str,
    pub(crate) pane_chat: &'static str,
    pub(crate) pane_announcement: &'static str,
    pub(crate) pane_log: &'static str,
    pub(crate) pane_faults: &'static str,
    pub(crate) groups: &'static str,
    pub(crate) docx: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) second_organization: &'static str,
    pub(crate) open_group: &'static str,
    pub(crate) closed_group: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) admin: &'static str,
    pub(crate) member: &'static str,
    pub(crate) guest: &'static str,
    pub(crate) bot: &'static str,
    pub(crate) you_are: &'static str,
    pub(crate) top_notice: &'static str,
    pub(crate) nothing_on_top: &'static str,
    pub(crate) top_announcement: &'static str,
    pub(crate) top_is_gone: &'static str,
    pub(crate) messages: &'static str,
    pub(crate) reactions: &'static str,
    pub(crate) reply: &'static str,
    pub(crate) pin: &'static str,
    pub(crate) pin_command: &'static str,
    pub(crate) recall: &'static str,
    pub(crate) recalled: &'static str,
    pub(crate) recalled_message: &'static str,
    pub(crate) edited: &'static str,
    pub(crate) replying_to: &'static str,
    pub(crate) cancel_reply: &'static str,
    pub(crate) message_field: &'static str,
    pub(crate) message_hint: &'static str,
    pub(crate) rich: &'static str,
    pub(crate) send: &'static str,
    pub(crate) send_hint: &'static str,
    pub(crate) try_it: &'static str,
    pub(crate) say_what: &'static str,
    pub(crate) button_is_gone: &'static str,
    pub(crate) press_failed: &'static str,
    pub(crate) only_you: &'static str,
    pub(crate) direct_message: &'static str,
    pub(crate) steps: &'static str,
    pub(crate) step_pin: &'static str,
    pub(crate) step_announce: &'static str,
    pub(crate) step_kill: &'static str,
    pub(crate) step_is_done: &'static str,
    pub(crate) steps_done: &'static str,
    pub(crate) not_delivered_yet: &'static str,
    pub(crate) not_delivered: &'static str,
    pub(crate) announcement: &'static str,
    pub(crate) revision: &'static str,
    pub(crate) announcement_is_empty: &'static str,
    pub(crate) picture: &'static str,
    pub(crate) write_line: &'static str,
    pub(crate) write_hint: &'static str,
    pub(crate) write: &'static str,
    pub(crate) log: &'static str,
    pub(crate) log_is_empty: &'static str,
    pub(crate) event: &'static str,
    pub(crate) callback: &'static str,
    pub(crate) on_its_way: &'static str,
    pub(crate) no_answer: &'static str,
    pub(crate) times: &'static str,
    pub(crate) attempt: &'static str,
    pub(crate) frames: &'static str,
    pub(crate) nowhere: &'static str,
    pub(crate) decrypted: &'static str,
    pub(crate) call: &'static str,
    pub(crate) one_call: &'static str,
    pub(crate) calls: &'static str,
    pub(crate) as_whom: &'static str,
    pub(crate) lost: &'static str,
    pub(crate) body: &'static str,
    pub(crate) log_id: &'static str,
    pub(crate) status: &'static str,
    pub(crate) code: &'static str,
    pub(crate) job: &'static str,
    pub(crate) command: &'static str,
    pub(crate) in_work: &'static str,
    pub(crate) tries_again: &'static str,
    pub(crate) bot_log: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) bot_started: &'static str,
    pub(crate) bot_killed: &'static str,
    pub(crate) turned_on: &'static str,
    pub(crate) turned_off: &'static str,
    pub(crate) process: &'static str,
    pub(crate) faults: &'static str,
    pub(crate) faults_hint: &'static str,
    pub(crate) the_bot: &'static str,
    pub(crate) bot_gone: &'static str,
    pub(crate) bot_starting: &'static str,
    pub(crate) bot_serving: &'static str,
    pub(crate) kill: &'static str,
    pub(crate) kill_about: &'static str,
    pub(crate) start: &'static str,
    pub(crate) start_about: &'static str,
    pub(crate) receive: &'static str,
    pub(crate) webhook: &'static str,
    pub(crate) long_connection: &'static str,
    pub(crate) acts_as: &'static str,
    pub(crate) as_bot: &'static str,
    pub(crate) as_member: &'static str,
    pub(crate) as_member_about: &'static str,
    pub(crate) acting_as_member: &'static str,
    pub(crate) app: &'static str,
    pub(crate) custom_app: &'static str,
    pub(crate) store_app: &'static str,
    pub(crate) store_app_about: &'static str,
    pub(crate) on: &'static str,
    pub(crate) seconds_left: &'static str,
    pub(crate) rate_limit: &'static str,
    pub(crate) rate_limit_about: &'static str,
    pub(crate) lost_answer: &'static str,
    pub(crate) lost_answer_about: &'static str,
    pub(crate) no_right: &'static str,
    pub(crate) no_right_about: &'static str,
    pub(crate) expired_token: &'static str,
    pub(crate) expired_token_about: &'static str,
    pub(crate) revocation: &'static str,
    pub(crate) revocation_about: &'static str,
    pub(crate) redelivery: &'static str,
    pub(crate) redelivery_about: &'static str,
    pub(crate) do_it: &'static str,
    pub(crate) switch_on: &'static str,
    pub(crate) switch_off: &'static str,
    pub(crate) offline: &'static str,
    pub(crate) no_script: &'static str,
}
