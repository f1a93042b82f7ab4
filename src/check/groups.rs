//! Lists the groups of the bot, with the ids for the configuration and the command line.

use feishu::Client;

use super::Report;
use crate::credentials::in_full;

/// The number of groups that are listed.
const LIMIT: usize = 500;

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
    for chat in listed.chats.iter().take(LIMIT) {
        let external = if chat.external { ", external" } else { "" };
        let name = match chat.name.as_str() {
            "" => "(no name)".to_owned(),
            name => format!("`{name}`"),
        };
        report.good("group", format!("{} {name}{external}", chat.id));
    }
    if listed.has_more || listed.chats.len() > LIMIT {
        report.note(
            NAME,
            format!("only {LIMIT} are listed; `--chat oc_…` checks any group"),
        );
    }
}
