//! A chat's settings and roles.
//!
//! Official page `group/chat/get`.

use reqwest::Method;
use serde::Deserialize;

use super::Client;
use crate::Error;
use crate::http::Request;
use crate::ids::{AppId, ChatId, OpenId, TenantKey};
use crate::person::IdType;
use crate::wire::{optional_id, or_default};

/// A chat as the platform describes it to the app. One that the bot is not in tells little more
/// than its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Chat {
    /// The group's name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The owner, by the kind of id that was asked for; none if the owner is a bot.
    #[serde(default, deserialize_with = "optional_id")]
    pub owner_id: Option<String>,
    /// The people who are admins, by the same kind of id.
    #[serde(
        default,
        rename = "user_manager_id_list",
        deserialize_with = "or_default"
    )]
    pub user_manager_ids: Vec<String>,
    /// The bots that are admins.
    #[serde(
        default,
        rename = "bot_manager_id_list",
        deserialize_with = "or_default"
    )]
    pub bot_manager_ids: Vec<AppId>,
    /// Who may edit the group's information, the announcement included.
    pub edit_permission: Option<Who>,
    /// Who may manage the top notice. Not in the official page, though the platform sends it:
    /// absence tells nothing.
    pub pin_manage_setting: Option<Who>,
    /// Who may speak.
    pub moderation_permission: Option<Who>,
    /// `group`, `topic` or `p2p`.
    pub chat_mode: Option<String>,
    /// `chat`, or `thread` where every message is a topic; only in a `group`.
    pub group_message_type: Option<String>,
    /// `normal`, `dissolved` or `dissolved_save`.
    pub chat_status: Option<String>,
    /// The tenant that the chat belongs to.
    #[serde(default, deserialize_with = "optional_id")]
    pub tenant_key: Option<TenantKey>,
    /// Whether people of other tenants may be in it.
    #[serde(default, deserialize_with = "or_default")]
    pub external: bool,
}

/// Whom a setting of a chat lets do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub enum Who {
    /// Every member.
    AllMembers,
    /// The owner and the admins, in spite of the name.
    OnlyOwner,
    /// Some others, or something that this crate does not know: not every member, at any rate.
    Other,
}

impl From<String> for Who {
    fn from(wire: String) -> Self {
        match wire.as_str() {
            "all_members" => Self::AllMembers,
            "only_owner" => Self::OnlyOwner,
            _ => Self::Other,
        }
    }
}

/// A person in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// As this app knows them.
    #[serde(rename = "member_id")]
    pub id: OpenId,
    /// What they are called.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

/// A group that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedChat {
    /// Its id.
    #[serde(rename = "chat_id")]
    pub id: ChatId,
    /// Its name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Whether people of other tenants may be in it.
    #[serde(default, deserialize_with = "or_default")]
    pub external: bool,
}

/// The groups that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChats {
    /// The first ones.
    pub chats: Vec<ListedChat>,
    /// Whether there are more.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct ChatPage {
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<ListedChat>,
    #[serde(default)]
    has_more: bool,
    #[serde(default, deserialize_with = "or_default")]
    page_token: String,
}

/// Pages of groups are read up to this one.
const MAX_CHAT_PAGES: usize = 20;
/// Pages of members are read up to this one.
const MAX_PAGES: usize = 10;

#[derive(Deserialize)]
struct Members {
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<Member>,
    #[serde(default)]
    has_more: bool,
    #[serde(default, deserialize_with = "or_default")]
    page_token: String,
}

impl Client {
    /// The people in a chat, the first thousand.
    ///
    /// Official page `group/chat-member/get`.
    pub async fn list_members(&self, chat: &ChatId) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        let mut page_token = String::new();
        for _ in 0..MAX_PAGES {
            let mut query = vec![("member_id_type", "open_id"), ("page_size", "100")];
            if !page_token.is_empty() {
                query.push(("page_token", &page_token));
            }
            let answer = self
                .call(Request {
                    endpoint: "list_members",
                    method: Method::GET,
                    path: &["im", "v1", "chats", chat.as_str(), "members"],
                    query: &query,
                    body: None,
                })
                .await?;
            let page: Members = answer.data()?;
            members.extend(page.items);
            if !page.has_more || page.page_token.is_empty() {
                break;
            }
            page_token = page.page_token;
        }
        Ok(members)
    }

    /// The groups that the bot is in, the first two thousand by the time of their making.
    ///
    /// Official page `group/chat/list`.
    pub async fn list_chats(&self) -> Result<ListedChats, Error> {
        let mut chats = Vec::new();
        let mut page_token = String::new();
        let mut has_more = true;
        for _ in 0..MAX_CHAT_PAGES {
            let mut query = vec![("sort_type", "ByCreateTimeAsc"), ("page_size", "100")];
            if !page_token.is_empty() {
                query.push(("page_token", &page_token));
            }
            let answer = self
                .call(Request {
                    endpoint: "list_chats",
                    method: Method::GET,
                    path: &["im", "v1", "chats"],
                    query: &query,
                    body: None,
                })
                .await?;
            let page: ChatPage = answer.data()?;
            chats.extend(page.items);
            has_more = page.has_more && !page.page_token.is_empty();
            if !has_more {
                break;
            }
            page_token = page.page_token;
        }
        Ok(ListedChats { chats, has_more })
    }

    /// Reads a chat's settings and roles; people go by this kind of id.
    pub async fn get_chat(&self, chat: &ChatId, people: IdType) -> Result<Chat, Error> {
        self.call(Request {
            endpoint: "get_chat",
            method: Method::GET,
            path: &["im", "v1", "chats", chat.as_str()],
            query: &[("user_id_type", people.as_str())],
            body: None,
        })
        .await?
        .data()
    }
}
