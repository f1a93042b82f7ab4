//! A chat's settings and roles.
//!
//! Official page `group/chat/get`.

use serde::Deserialize;

use super::Client;
use super::pages::Page;
use crate::Error;
use crate::http::Request;
use crate::ids::{AppId, ChatId, OpenId, TenantKey};
use crate::person::IdType;
use crate::wire::{optional_id, or_default};

/// The settings and roles of a chat. Of a chat that the bot is not in the platform tells little
/// more than the name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Chat {
    /// Empty if absent.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The owner, by the type of id that was asked for; `None` if the owner is a bot.
    #[serde(default, deserialize_with = "optional_id")]
    pub owner_id: Option<String>,
    /// The admins other than bots, by the same type of id.
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
    /// Who may manage the top notice. The official page does not list it though the platform sends
    /// it, so absence means nothing.
    pub pin_manage_setting: Option<Who>,
    /// Who may mention everybody; `None` if absent.
    pub at_all_permission: Option<Who>,
    /// `normal`, `dissolved` or `dissolved_save`.
    pub chat_status: Option<String>,
    /// The tenant that the chat belongs to.
    #[serde(default, deserialize_with = "optional_id")]
    pub tenant_key: Option<TenantKey>,
    /// Whether people of other tenants may be in it.
    #[serde(default, deserialize_with = "or_default")]
    pub external: bool,
}

/// The members with a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub enum Who {
    /// Every member.
    AllMembers,
    /// The owner and the admins, despite the name.
    OnlyOwner,
    /// Some other selection, or a value that this crate does not know: not every member.
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
    /// The id that this app uses.
    #[serde(rename = "member_id")]
    pub id: OpenId,
    /// The display name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The tenant that the person belongs to.
    #[serde(default, deserialize_with = "optional_id")]
    pub tenant_key: Option<TenantKey>,
}

/// A group that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedChat {
    /// The id of the group.
    #[serde(rename = "chat_id")]
    pub id: ChatId,
    /// The name of the group.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Whether people of other tenants may be in it.
    #[serde(default, deserialize_with = "or_default")]
    pub external: bool,
}

/// The beginning of the list of groups that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChats {
    /// The oldest groups.
    pub chats: Vec<ListedChat>,
    /// Whether there are more.
    pub has_more: bool,
}

/// How many pages of groups are read.
const MAX_CHAT_PAGES: usize = 20;
/// How many pages of members are read.
const MAX_MEMBER_PAGES: usize = 10;
/// How many pages of members are searched for one.
const MAX_SEARCHED_PAGES: usize = 100;

impl Client {
    /// The people in a chat, the first thousand.
    ///
    /// Official page `group/chat-member/get`.
    ///
    /// Tokens: tenant, user.
    pub async fn list_members(&self, chat: &ChatId) -> Result<Vec<Member>, Error> {
        let path = ["im", "v1", "chats", chat.as_str(), "members"];
        let query = [("member_id_type", "open_id"), ("page_size", "100")];
        let request = Request::get("list_members", &path).query(&query);
        Ok(self.first_pages(request, MAX_MEMBER_PAGES).await?.items)
    }

    /// Whether a person is among the members of a chat, of which the first ten thousand are read.
    ///
    /// Official page `group/chat-member/get`.
    ///
    /// Tokens: tenant, user.
    pub async fn is_member(
        &self,
        chat: &ChatId,
        id_type: IdType,
        person: &str,
    ) -> Result<bool, Error> {
        let path = ["im", "v1", "chats", chat.as_str(), "members"];
        let query = [("member_id_type", id_type.as_str()), ("page_size", "100")];
        let request = Request::get("list_members", &path).query(&query);
        let mut next = String::new();
        for _ in 0..MAX_SEARCHED_PAGES {
            let page: Page<Member> = self.page(&request, &next).await?.data()?;
            if page.items.iter().any(|member| member.id.as_str() == person) {
                return Ok(true);
            }
            if !page.has_more || page.next.is_empty() {
                break;
            }
            next = page.next;
        }
        Ok(false)
    }

    /// The groups that the bot is in, the oldest two thousand.
    ///
    /// Official page `group/chat/list`.
    ///
    /// Tokens: tenant, user.
    pub async fn list_chats(&self) -> Result<ListedChats, Error> {
        let query = [("sort_type", "ByCreateTimeAsc"), ("page_size", "100")];
        let request = Request::get("list_chats", &["im", "v1", "chats"]).query(&query);
        let listed = self.first_pages(request, MAX_CHAT_PAGES).await?;
        Ok(ListedChats {
            chats: listed.items,
            has_more: listed.has_more,
        })
    }

    /// Reads the settings and roles of a chat; people are named by this type of id.
    ///
    /// Tokens: tenant, user.
    pub async fn get_chat(&self, chat: &ChatId, people: IdType) -> Result<Chat, Error> {
        let path = ["im", "v1", "chats", chat.as_str()];
        let query = [("user_id_type", people.as_str())];
        let request = Request::get("get_chat", &path).query(&query);
        self.call(request).await?.data()
    }
}
