//! Checks the permissions of the bot and of members in one group.

use feishu::{AnnouncementKind, AppId, Chat, ChatId, Client, IdType};

use super::Report;
use super::console::Page;
use super::groups::role;
use super::store::StoreFacts;
use crate::command::Scope;
use crate::config::{ActAs, Config};
use crate::credentials::in_full;
use crate::language::Language;
use crate::model::rights::{BotPermission, GroupSetting};
use crate::policy::{self, GroupPolicy};
use crate::reply;

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    client: &Client,
    facts: &StoreFacts,
    chat: &str,
) {
    const NAME: &str = "chat";
    const REMEDY: &str = "add the bot to the group, and check the id, which the log shows as `chat.id` for each command of the group";
    let chat = ChatId::from(chat);
    let group = match client.get_chat(&chat, IdType::OpenId).await {
        Ok(group) => group,
        Err(error) => {
            let text = format!("could not read `{chat}` ({})", in_full(&error));
            report.bad(NAME, text, REMEDY);
            return;
        }
    };
    if !policy::has_settings(&group) {
        let text = format!("the bot is not in `{}`", group.name);
        report.bad(NAME, text, REMEDY);
        return;
    }
    let bot = AppId::from(config.feishu.app_id.as_str());
    let role = role(&group, &bot);
    report.good(NAME, format!("the bot is in `{}` as {role}", group.name));
    // A bot that acts as members needs no permission of its own.
    if config.feishu.act_as == ActAs::Bot {
        permission(report, &group, &bot, GroupSetting::PinManageSetting);
        permission(report, &group, &bot, GroupSetting::EditPermission);
    }
    // Members are never the senders of that message.
    permission(report, &group, &bot, GroupSetting::AtAllPermission);
    kind(report, client, facts, &chat).await;
    let tenant = client.credentials().tenant();
    let scope = policy::Scope {
        tenant: Some(tenant.as_str()).filter(|key| !key.is_empty()),
        chat: &chat,
    };
    let policy = GroupPolicy {
        config: &config.policy,
        own_mode: facts.group_settings(tenant, &chat).await.mode(),
        own_on_denied: None,
    };
    let rights = policy::group_rights(policy, scope, &group);
    for line in reply::group_rights(&rights, Language::En) {
        report.good("members", line);
    }
}

fn permission(report: &mut Report, group: &Chat, bot: &AppId, setting: GroupSetting) {
    let (name, can, setting_name) = match setting {
        GroupSetting::PinManageSetting => {
            ("top notice", "can change it", "who can manage top notices")
        }
        GroupSetting::EditPermission => {
            ("announcement", "can change it", "who can edit group info")
        }
        GroupSetting::AtAllPermission => ("--notify", "can mention everyone", "who can @ all"),
    };
    let remedy = format!(
        "make the bot an admin of the group, or set \"{setting_name}\" to all members in the group settings, under Group Management"
    );
    let all = format!("all members {can}, including the bot");
    let barred = format!("only the owner and admins {can}, and the bot is neither");
    match policy::bot_permission(bot, setting, group) {
        BotPermission::Open => report.good(name, all),
        BotPermission::Admin => report.good(name, format!("the bot {can} as an admin")),
        // Announcements work without it.
        BotPermission::Barred(GroupSetting::AtAllPermission) => report.hint(name, barred, remedy),
        BotPermission::Barred(_) => report.bad(name, barred, remedy),
        BotPermission::SettingUnknown(_) => {
            let unknown = format!("the platform does not say who {can}, so it may reject the bot");
            report.hint(name, unknown, remedy);
        }
    }
}

async fn kind(report: &mut Report, client: &Client, facts: &StoreFacts, chat: &ChatId) {
    const NAME: &str = "announcement kind";
    match client.get_docx_announcement(chat).await {
        Ok(info) if info.kind == AnnouncementKind::Docx => report.good(NAME, "new (`docx`)"),
        Ok(_) => match facts
            .can_delete_text(client.credentials().tenant(), chat)
            .await {
            Some(true) => report.good(
                NAME,
                "old (`doc`); the last deletion of text succeeded",
            ),
            Some(false) => report.bad(
                NAME,
                "old (`doc`); the platform does not allow the bot to delete text, so `/undo`, `--for` and `--replace` do not work",
                "use a group created since the end of 2024, or one whose announcement was upgraded to the new format",
            ),
            None => report.bad(
                NAME,
                "old (`doc`); in some of these the bot cannot delete text, and it has not tried in this one yet",
                "announce something and undo it with `/undo`; if that fails, use a group created since the end of 2024, or one whose announcement was upgraded to the new format",
            ),
        },
        Err(error) => {
            report.bad(
                NAME,
                format!("could not be read ({})", in_full(&error)),
                "grant the scope `im:chat.announcement:read`, or look the code up",
            );
            let scope = Scope::ReadAnnouncement.as_str().to_owned();
            report.link(Page::Scopes(&[scope]));
        }
    }
}
