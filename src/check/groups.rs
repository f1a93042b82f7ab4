//! Lists the groups of the bot, with the ids for the configuration and the command line, and with
//! the bot's role.

use feishu::{AppId, Chat, Client, IdType, ListedChat};

use super::Report;
use crate::credentials::in_full;

/// The number of groups that are listed.
const LIMIT: usize = 500;
/// The number of groups whose role is read, by one call each; the platform permits 50 a second.
const ROLES: usize = 40;

pub(super) async fn check(report: &mut Report, client: &Client) {
    const NAME: &str = "groups";
    let listed = match client.list_chats().await {
        Ok(listed) => listed,
        Err(error) => {
            let text = format!("could not be listed ({})", in_full(&error));
            report.note(NAME, text);
            return;
        }
    };
    if listed.chats.is_empty() {
        report.hint(
            NAME,
            "the bot is in no group",
            "add the bot in the settings of a group, under Bots",
        );
    }
    for (number, chat) in listed.chats.iter().take(LIMIT).enumerate() {
        let role = if number < ROLES {
            read_role(client, chat).await
        } else {
            None
        };
        report.good("group", line(chat, role));
    }
    if listed.chats.len() > ROLES {
        let text =
            format!("roles are shown for the first {ROLES}; `--chat oc_…` shows that in any group");
        report.note(NAME, text);
    }
    if listed.has_more || listed.chats.len() > LIMIT {
        report.note(
            NAME,
            format!("only {LIMIT} are listed; `--chat oc_…` checks any group"),
        );
    }
}

fn line(chat: &ListedChat, role: Option<&str>) -> String {
    let name = match chat.name.as_str() {
        "" => "(no name)".to_owned(),
        name => format!("`{name}`"),
    };
    let external = if chat.external { ", external" } else { "" };
    let role = role.map_or_else(String::new, |role| format!(", the bot is {role}"));
    format!("{} {name}{external}{role}", chat.id)
}

/// `None` if the group cannot be read; the check of scopes reports the reason.
async fn read_role(client: &Client, chat: &ListedChat) -> Option<&'static str> {
    let group = client.get_chat(&chat.id, IdType::OpenId).await.ok()?;
    Some(role(&group, client.app_id()))
}

/// The role of the bot in a group that it is in. The platform does not name an owner that is a bot.
pub(super) fn role(group: &Chat, bot: &AppId) -> &'static str {
    if group.bot_manager_ids.contains(bot) {
        "an admin"
    } else if group.owner_id.is_none() {
        "its owner, unless another bot is"
    } else {
        "a member"
    }
}
