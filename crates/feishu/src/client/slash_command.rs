//! The commands in the `/` panel of the input box.
//!
//! Official page `mcp_open_tools/agent-best-practices/agent-supports-slash-commands`. The names of the
//! fields in answers are those of larksuite/cli.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Client;
use crate::Error;
use crate::http::Request;
use crate::wire::{optional_id, or_default, parse_time};

/// How many commands an app can have.
pub const MAX_SLASH_COMMANDS: usize = 100;

/// The path below `open-apis`.
const PATH: [&str; 3] = ["application", "v7", "app_slash_commands"];

/// A command in the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashCommand {
    /// The id that the platform gave it.
    pub id: String,
    /// Without the slash.
    pub name: String,
    /// The text next to it.
    pub description: SlashDescription,
    /// The panel shows the newest first; `None` if the platform does not tell.
    pub created_at: Option<Timestamp>,
}

/// The text next to a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlashDescription {
    /// For languages that are not in [`SlashDescription::i18n`].
    #[serde(default, deserialize_with = "or_default")]
    pub default_value: String,
    /// By language, such as `zh_cn`.
    #[serde(default, deserialize_with = "or_default")]
    pub i18n: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default, deserialize_with = "optional_id")]
    command_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    command: String,
    #[serde(default, deserialize_with = "or_default")]
    description: SlashDescription,
    /// In a form that no page shows.
    #[serde(default)]
    create_time: Value,
}

impl Listed {
    /// `None` without an id, by which alone a command can be changed.
    fn read(self) -> Option<SlashCommand> {
        Some(SlashCommand {
            id: self.command_id?,
            name: self.command,
            description: self.description,
            created_at: match &self.create_time {
                Value::String(digits) => parse_time(digits),
                Value::Number(number) => parse_time(&number.to_string()),
                _ => None,
            },
        })
    }
}

impl Client {
    /// All commands of the app, those that others made included.
    ///
    /// Tokens: tenant, user.
    pub async fn list_slash_commands(&self) -> Result<Vec<SlashCommand>, Error> {
        #[derive(Deserialize)]
        struct Payload {
            #[serde(default, deserialize_with = "or_default")]
            items: Vec<Listed>,
        }
        let request = Request::get("list_slash_commands", &PATH);
        let Payload { items } = self.call(request).await?.data()?;
        Ok(items.into_iter().filter_map(Listed::read).collect())
    }

    /// Adds a command above all others. Returns its id; `None` if the platform does not tell.
    ///
    /// Tokens: tenant, user.
    pub async fn create_slash_command(
        &self,
        name: &str,
        description: &SlashDescription,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Payload {
            #[serde(default, deserialize_with = "optional_id")]
            command_id: Option<String>,
        }
        let body = json!({"command": name, "description": description});
        let request = Request::post("create_slash_command", &PATH).body(body);
        let answer = self.call(request).await?;
        answer.data().map(|created: Payload| created.command_id)
    }

    /// Replaces the description of a command; its name cannot be changed.
    ///
    /// Tokens: tenant, user.
    pub async fn update_slash_command(
        &self,
        id: &str,
        description: &SlashDescription,
    ) -> Result<(), Error> {
        let [application, version, commands] = PATH;
        let path = [application, version, commands, id];
        let request = Request::patch("update_slash_command", &path);
        let request = request.body(json!({"description": description}));
        self.call(request).await.map(drop)
    }

    /// Removes a command.
    ///
    /// Tokens: tenant, user.
    pub async fn delete_slash_command(&self, id: &str) -> Result<(), Error> {
        let [application, version, commands] = PATH;
        let path = [application, version, commands, id];
        let request = Request::delete("delete_slash_command", &path);
        self.call(request).await.map(drop)
    }
}
