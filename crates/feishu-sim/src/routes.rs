//! The table of endpoints: route, scopes, limits and the query parameters each one knows.

use serde_json::Value;

use crate::{
    api::{auth, cards, chats, docx, legacy, messages, reactions, top_notice},
    endpoint::Endpoint,
    limits::Limit,
    long_connection,
    refusal::Refusal,
    request::Request,
    state::State,
};

/// How the gateway treats an endpoint.
pub(crate) struct Spec {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: &'static str,
    /// In axum's notation.
    pub(crate) path: &'static str,
    /// Any one of them suffices; none: the call needs no scope.
    pub(crate) scopes: &'static [&'static str],
    pub(crate) limits: &'static [Limit],
    pub(crate) query: &'static [&'static str],
    pub(crate) run: fn(&mut State, &Request) -> Result<Value, Refusal>,
}

/// Tier 4 of the platform's limits.
const TIER_4: &[Limit] = &[Limit::per_second(50), Limit::per_minute(1000)];

const READ_CHAT: &[&str] = &["im:chat", "im:chat:read", "im:chat:readonly"];

const TOP_NOTICE: &[&str] = &["im:chat", "im:chat.top_notice:write_only"];

const READ_DOCX: &[&str] = &["im:chat.announcement:read"];

pub(crate) const WRITE_DOCX: &[&str] = &["im:chat.announcement:write_only"];

const SEND: &[&str] = &["im:message", "im:message:send_as_bot", "im:message:send"];

const REACT: &[&str] = &["im:message", "im:message.reactions:write_only"];

const WRITE_QUERY: &[&str] = &["revision_id", "client_token", "user_id_type"];

/// Every endpoint of the simulator.
pub(crate) const ENDPOINTS: &[Spec] = &[
    Spec {
        endpoint: Endpoint::TenantAccessToken,
        method: "POST",
        path: "/open-apis/auth/v3/tenant_access_token/internal",
        scopes: &[],
        limits: &[],
        query: &[],
        run: auth::tenant_access_token,
    },
    Spec {
        endpoint: Endpoint::BotInfo,
        method: "GET",
        path: "/open-apis/bot/v3/info",
        scopes: &[],
        limits: &[],
        query: &[],
        run: auth::bot_info,
    },
    Spec {
        endpoint: Endpoint::ListScopes,
        method: "GET",
        path: "/open-apis/application/v6/scopes",
        scopes: &[],
        limits: &[],
        query: &[],
        run: auth::scopes,
    },
    Spec {
        endpoint: Endpoint::ListChats,
        method: "GET",
        path: "/open-apis/im/v1/chats",
        scopes: READ_CHAT,
        limits: TIER_4,
        query: &["user_id_type", "sort_type", "page_size", "page_token"],
        run: chats::list,
    },
    Spec {
        endpoint: Endpoint::GetChat,
        method: "GET",
        path: "/open-apis/im/v1/chats/{chat_id}",
        scopes: READ_CHAT,
        limits: TIER_4,
        query: &["user_id_type"],
        run: chats::get,
    },
    Spec {
        endpoint: Endpoint::IsInChat,
        method: "GET",
        path: "/open-apis/im/v1/chats/{chat_id}/members/is_in_chat",
        scopes: READ_CHAT,
        limits: TIER_4,
        query: &[],
        run: chats::is_in_chat,
    },
    Spec {
        endpoint: Endpoint::ListMembers,
        method: "GET",
        path: "/open-apis/im/v1/chats/{chat_id}/members",
        scopes: READ_CHAT,
        limits: TIER_4,
        query: &["member_id_type", "page_size", "page_token"],
        run: chats::members,
    },
    Spec {
        endpoint: Endpoint::PutTopNotice,
        method: "POST",
        path: "/open-apis/im/v1/chats/{chat_id}/top_notice/put_top_notice",
        scopes: TOP_NOTICE,
        limits: TIER_4,
        query: &[],
        run: top_notice::put,
    },
    Spec {
        endpoint: Endpoint::DeleteTopNotice,
        method: "POST",
        path: "/open-apis/im/v1/chats/{chat_id}/top_notice/delete_top_notice",
        scopes: TOP_NOTICE,
        limits: TIER_4,
        query: &[],
        run: top_notice::delete,
    },
    Spec {
        endpoint: Endpoint::GetDocAnnouncement,
        method: "GET",
        path: "/open-apis/im/v1/chats/{chat_id}/announcement",
        scopes: &["im:chat", "im:chat.announcement:read", "im:chat:readonly"],
        limits: TIER_4,
        query: &["user_id_type"],
        run: legacy::get,
    },
    Spec {
        endpoint: Endpoint::PatchDocAnnouncement,
        method: "PATCH",
        path: "/open-apis/im/v1/chats/{chat_id}/announcement",
        scopes: &["im:chat", "im:chat.announcement:write_only"],
        limits: TIER_4,
        query: &[],
        run: legacy::patch,
    },
    Spec {
        endpoint: Endpoint::GetDocxAnnouncement,
        method: "GET",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement",
        scopes: READ_DOCX,
        limits: &[Limit::per_second(20)],
        query: &["user_id_type"],
        run: docx::get,
    },
    Spec {
        endpoint: Endpoint::ListBlocks,
        method: "GET",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks",
        scopes: READ_DOCX,
        limits: &[Limit::per_second(10)],
        query: &["page_size", "page_token", "revision_id", "user_id_type"],
        run: docx::blocks,
    },
    Spec {
        endpoint: Endpoint::GetBlock,
        method: "GET",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}",
        scopes: READ_DOCX,
        limits: &[Limit::per_second(10)],
        query: &["revision_id", "user_id_type"],
        run: docx::block,
    },
    Spec {
        endpoint: Endpoint::ListChildren,
        method: "GET",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children",
        scopes: READ_DOCX,
        limits: &[Limit::per_second(10)],
        query: &["page_size", "page_token", "revision_id", "user_id_type"],
        run: docx::children,
    },
    Spec {
        endpoint: Endpoint::CreateChildren,
        method: "POST",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children",
        scopes: WRITE_DOCX,
        limits: &[],
        query: WRITE_QUERY,
        run: docx::create_children,
    },
    Spec {
        endpoint: Endpoint::DeleteChildren,
        method: "DELETE",
        path: "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children/batch_delete",
        scopes: WRITE_DOCX,
        limits: &[],
        query: &["revision_id", "client_token"],
        run: docx::delete_children,
    },
    Spec {
        endpoint: Endpoint::GetMessage,
        method: "GET",
        path: "/open-apis/im/v1/messages/{message_id}",
        scopes: &["im:message", "im:message:readonly"],
        limits: TIER_4,
        query: &["user_id_type", "card_msg_content_type"],
        run: messages::get,
    },
    Spec {
        endpoint: Endpoint::CreateMessage,
        method: "POST",
        path: "/open-apis/im/v1/messages",
        scopes: SEND,
        limits: TIER_4,
        query: &["receive_id_type"],
        run: messages::create,
    },
    Spec {
        endpoint: Endpoint::ReplyMessage,
        method: "POST",
        path: "/open-apis/im/v1/messages/{message_id}/reply",
        scopes: SEND,
        limits: TIER_4,
        query: &[],
        run: messages::reply,
    },
    Spec {
        endpoint: Endpoint::AddReaction,
        method: "POST",
        path: "/open-apis/im/v1/messages/{message_id}/reactions",
        scopes: REACT,
        limits: TIER_4,
        query: &[],
        run: reactions::add,
    },
    Spec {
        endpoint: Endpoint::DeleteReaction,
        method: "DELETE",
        path: "/open-apis/im/v1/messages/{message_id}/reactions/{reaction_id}",
        scopes: REACT,
        limits: TIER_4,
        query: &[],
        run: reactions::delete,
    },
    Spec {
        endpoint: Endpoint::UpdateCard,
        method: "POST",
        path: "/open-apis/interactive/v1/card/update",
        scopes: &[],
        limits: TIER_4,
        query: &[],
        run: cards::update,
    },
    Spec {
        endpoint: Endpoint::LongConnection,
        method: "POST",
        path: "/callback/ws/endpoint",
        scopes: &[],
        limits: &[],
        query: &[],
        run: long_connection::endpoint,
    },
];
