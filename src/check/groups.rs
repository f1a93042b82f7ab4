//! The groups that the bot is in, with the ids by which the configuration and the command line name
//! them.

use feishu::Client;

use super::Report;
use crate::credentials::in_full;

/// So many are listed.
const MOST: usize = 500;

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
            "the bot is in none",
            "add it in the settings of a group, under Bots",
        );
    }
    for chat in listed.chats.iter().take(MOST) {
        let external = if chat.external { ", external" } else { "" };
        let name = match chat.name.as_str() {
            "" => "without a name".to_owned(),
            name => format!("`{name}`"),
        };
        report.good("group", format!("{} {name}{external}", chat.id));
    }
    if listed.has_more || listed.chats.len() > MOST {
        report.note(
            NAME,
            format!("there are more than {MOST}; `--chat oc_…` looks at any of them"),
        );
    }
}
