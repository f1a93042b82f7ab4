//! A group: what the bot may do there, and who may have it done.

use feishu::{AnnouncementKind, AppId, Chat, ChatId, Client, IdType};

use super::Report;
use super::store::Kept;
use crate::config::Config;
use crate::credentials::in_full;
use crate::language::Language;
use crate::model::rights::{BotPermission, GroupSetting};
use crate::policy;
use crate::reply;

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    client: &Client,
    kept: &Kept,
    chat: &str,
) {
    const NAME: &str = "chat";
    const REMEDY: &str = "add the bot to the group, and check the id, which the log names at each command of the group as `chat.id`";
    let chat = ChatId::from(chat);
    let group = match client.get_chat(&chat, IdType::OpenId).await {
        Ok(group) => group,
        Err(error) => {
            let text = format!("`{chat}` cannot be read ({})", in_full(&error));
            report.bad(NAME, text, REMEDY);
            return;
        }
    };
    if !policy::is_told(&group) {
        let text = format!("the bot is not in `{}`", group.name);
        report.bad(NAME, text, REMEDY);
        return;
    }
    let bot = AppId::from(config.feishu.app_id.as_str());
    let role = if group.bot_manager_ids.contains(&bot) {
        "an admin"
    } else {
        "no admin"
    };
    report.good(NAME, format!("the bot is in `{}`, as {role}", group.name));
    standing(
        report,
        "top notice",
        &group,
        &bot,
        GroupSetting::PinManageSetting,
    );
    standing(
        report,
        "announcement",
        &group,
        &bot,
        GroupSetting::EditPermission,
    );
    kind(report, client, kept, &chat).await;
    let rights = policy::group_rights(&config.policy, &chat, &group);
    for line in reply::group_rights(&rights, Language::En) {
        report.good("members", line);
    }
}

fn standing(
    report: &mut Report,
    name: &'static str,
    group: &Chat,
    bot: &AppId,
    setting: GroupSetting,
) {
    let called = match setting {
        GroupSetting::PinManageSetting => "who can manage top notices",
        GroupSetting::EditPermission => "who can edit group info",
    };
    let remedy = format!(
        "make the bot an admin of the group, or set \"{called}\" to all members in the group settings, under Group Management"
    );
    match policy::bot_standing(bot, setting, group) {
        BotPermission::Open => report.good(name, "every member may change it, and so may the bot"),
        BotPermission::Admin => report.good(name, "the bot may change it, as an admin"),
        BotPermission::Barred(_) => report.bad(
            name,
            "the group leaves it to its owner and admins, and the bot is neither",
            remedy,
        ),
        BotPermission::Untold(_) => report.hint(
            name,
            "the platform does not say who may change it, so the bot may be refused",
            remedy,
        ),
    }
}

async fn kind(report: &mut Report, client: &Client, kept: &Kept, chat: &ChatId) {
    const NAME: &str = "announcement kind";
    match client.get_docx_announcement(chat).await {
        Ok(info) if info.kind == AnnouncementKind::Docx => report.good(NAME, "new (`docx`)"),
        Ok(_) => match kept.can_delete_text(chat).await {
            Some(true) => report.good(
                NAME,
                "old (`doc`), and text could be taken out of it the last time",
            ),
            Some(false) => report.bad(
                NAME,
                "old (`doc`), and the platform lets no text be taken out of it, so `/undo`, `--for` and `--replace` do not work there",
                "use a group made since the end of 2024, or one whose announcement was moved to the new kind",
            ),
            None => report.bad(
                NAME,
                "old (`doc`), of which some let no text be taken out, and here it was not tried yet",
                "announce something there and take it back by `/undo`; if that is refused, use a group made since the end of 2024, or one whose announcement was moved to the new kind",
            ),
        },
        Err(error) => report.bad(
            NAME,
            format!("cannot be read ({})", in_full(&error)),
            "grant the scope `im:chat.announcement:read`, or see what the code means",
        ),
    }
}
