//! The table of endpoints: route, scopes, limits and query parameters.

use serde_json::Value;

use crate::{
    api::{
        application, auth, cards, chats, docx, legacy, medias, messages, notifications, oauth,
        private_cards, reactions, registration, slash_commands, top_notice,
    },
    endpoint::Endpoint,
    limits::Limit,
    long_connection,
    refusal::Refusal,
    request::Request,
    state::State,
};

/// An endpoint, and the checks of the gateway.
pub(crate) struct Spec {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: &'static str,
    /// In axum's notation.
    pub(crate) path: &'static str,
    /// Any one of them is sufficient; empty if none is required.
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

const UPLOAD: &[&str] = &[
    "docs:document.media:upload",
    "drive:drive",
    "docs:doc",
    "bitable:app",
    "sheets:spreadsheet",
];

const SEND: &[&str] = &["im:message", "im:message:send_as_bot", "im:message:send"];

const REACT: &[&str] = &["im:message", "im:message.reactions:write_only"];

const READ_PANEL: &[&str] = &["application:app_slash_command:read"];

const WRITE_PANEL: &[&str] = &["application:app_slash_command:write"];

const WRITE_QUERY: &[&str] = &["revision_id", "client_token", "user_id_type"];

macro_rules! endpoints {
    ($($endpoint:ident: $method:ident $path:literal => $run:path,
        $scopes:expr, $limits:expr, $query:expr;)*) => {
        &[$(Spec {
            endpoint: Endpoint::$endpoint,
            method: stringify!($method),
            path: $path,
            scopes: $scopes,
            limits: $limits,
            query: $query,
            run: $run,
        }),*]
    };
}

/// Every endpoint of the simulator: method, path and implementation, then scopes, limits and query
/// parameters.
pub(crate) const ENDPOINTS: &[Spec] = endpoints! {
    TenantAccessToken: POST "/open-apis/auth/v3/tenant_access_token/internal" => auth::tenant_access_token,
        &[], &[], &[];
    StoreTenantAccessToken: POST "/open-apis/auth/v3/tenant_access_token" => auth::store_tenant_access_token,
        &[], &[], &[];
    AppAccessToken: POST "/open-apis/auth/v3/app_access_token" => auth::app_access_token,
        &[], &[], &[];
    ResendAppTicket: POST "/open-apis/auth/v3/app_ticket/resend" => auth::resend_app_ticket,
        &[], &[], &[];
    BotInfo: GET "/open-apis/bot/v3/info" => auth::bot_info,
        &[], &[], &[];
    ListScopes: GET "/open-apis/application/v6/scopes" => auth::scopes,
        &[], &[], &[];
    ListAppVersions: GET "/open-apis/application/v6/applications/{app_id}/app_versions" => application::versions,
        &["application:application:self_manage", "application:application.app_version:readonly"],
        &[Limit::per_minute(100)], &["lang", "page_size", "page_token", "order", "user_id_type"];
    GetApplication: GET "/open-apis/application/v6/applications/{app_id}" => application::get,
        &["application:application:self_manage", "admin:app.info:readonly"], &[Limit::per_second(50)],
        &["lang", "user_id_type"];
    ListSlashCommands: GET "/open-apis/application/v7/app_slash_commands" => slash_commands::list,
        READ_PANEL, &[], &[];
    CreateSlashCommand: POST "/open-apis/application/v7/app_slash_commands" => slash_commands::create,
        WRITE_PANEL, &[], &[];
    UpdateSlashCommand: PATCH "/open-apis/application/v7/app_slash_commands/{command_id}" => slash_commands::update,
        WRITE_PANEL, &[], &[];
    DeleteSlashCommand: DELETE "/open-apis/application/v7/app_slash_commands/{command_id}" => slash_commands::delete,
        WRITE_PANEL, &[], &[];
    CountConnections: GET "/open-apis/event/v1/connection" => application::connections,
        &[], &[Limit::per_second(10)], &[];
    ListChats: GET "/open-apis/im/v1/chats" => chats::list,
        READ_CHAT, TIER_4, &["user_id_type", "sort_type", "page_size", "page_token"];
    GetChat: GET "/open-apis/im/v1/chats/{chat_id}" => chats::get,
        READ_CHAT, TIER_4, &["user_id_type"];
    IsInChat: GET "/open-apis/im/v1/chats/{chat_id}/members/is_in_chat" => chats::is_in_chat,
        READ_CHAT, TIER_4, &[];
    ListMembers: GET "/open-apis/im/v1/chats/{chat_id}/members" => chats::members,
        READ_CHAT, TIER_4, &["member_id_type", "page_size", "page_token"];
    PutTopNotice: POST "/open-apis/im/v1/chats/{chat_id}/top_notice/put_top_notice" => top_notice::put,
        TOP_NOTICE, TIER_4, &[];
    DeleteTopNotice: POST "/open-apis/im/v1/chats/{chat_id}/top_notice/delete_top_notice" => top_notice::delete,
        TOP_NOTICE, TIER_4, &[];
    GetDocAnnouncement: GET "/open-apis/im/v1/chats/{chat_id}/announcement" => legacy::get,
        &["im:chat", "im:chat.announcement:read", "im:chat:readonly"], TIER_4, &["user_id_type"];
    PatchDocAnnouncement: PATCH "/open-apis/im/v1/chats/{chat_id}/announcement" => legacy::patch,
        &["im:chat", "im:chat.announcement:write_only"], TIER_4, &[];
    GetDocxAnnouncement: GET "/open-apis/docx/v1/chats/{chat_id}/announcement" => docx::get,
        READ_DOCX, &[Limit::per_second(20)], &["user_id_type"];
    ListBlocks: GET "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks" => docx::blocks,
        READ_DOCX, &[Limit::per_second(10)], &["page_size", "page_token", "revision_id", "user_id_type"];
    GetBlock: GET "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}" => docx::block,
        READ_DOCX, &[Limit::per_second(10)], &["revision_id", "user_id_type"];
    ListChildren: GET "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children" => docx::children,
        READ_DOCX, &[Limit::per_second(10)], &["page_size", "page_token", "revision_id", "user_id_type"];
    CreateChildren: POST "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children" => docx::create_children,
        WRITE_DOCX, &[], WRITE_QUERY;
    UpdateBlocks: PATCH "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/batch_update" => docx::batch_update,
        WRITE_DOCX, &[], WRITE_QUERY;
    DeleteChildren: DELETE "/open-apis/docx/v1/chats/{chat_id}/announcement/blocks/{block_id}/children/batch_delete" => docx::delete_children,
        WRITE_DOCX, &[], &["revision_id", "client_token"];
    GetMessage: GET "/open-apis/im/v1/messages/{message_id}" => messages::get,
        &["im:message", "im:message:readonly"], TIER_4, &["user_id_type", "card_msg_content_type"];
    GetMessageResource: GET "/open-apis/im/v1/messages/{message_id}/resources/{file_key}" => medias::resource,
        &["im:message", "im:message:readonly", "im:message.history:readonly"], TIER_4, &["type"];
    UploadMedia: POST "/open-apis/drive/v1/medias/upload_all" => medias::upload,
        UPLOAD, &[], &[];
    DownloadMedia: GET "/open-apis/drive/v1/medias/{file_token}/download" => medias::download,
        &["docs:document.media:download", "drive:drive", "drive:drive:readonly"], &[Limit::per_second(5)], &["extra"];
    ReadUsers: GET "/open-apis/im/v1/messages/{message_id}/read_users" => notifications::read_users,
        &["im:message", "im:message:readonly", "im:message:basic"], TIER_4,
        &["user_id_type", "page_size", "page_token"];
    RecallMessage: DELETE "/open-apis/im/v1/messages/{message_id}" => notifications::recall,
        &["im:message", "im:message:recall", "im:message:send_as_bot"], TIER_4, &[];
    PatchCard: PATCH "/open-apis/im/v1/messages/{message_id}" => cards::patch,
        &["im:message", "im:message:send_as_bot", "im:message:update"], TIER_4, &[];
    CreateMessage: POST "/open-apis/im/v1/messages" => messages::create,
        SEND, TIER_4, &["receive_id_type"];
    ReplyMessage: POST "/open-apis/im/v1/messages/{message_id}/reply" => messages::reply,
        SEND, TIER_4, &[];
    SendPrivateCard: POST "/open-apis/ephemeral/v1/send" => private_cards::send,
        &["im:message", "im:message:send_as_bot", "im:message:update"], TIER_4, &[];
    DeletePrivateCard: POST "/open-apis/ephemeral/v1/delete" => private_cards::delete,
        &["im:message", "im:message:send_as_bot", "im:message:update"], TIER_4, &[];
    AddReaction: POST "/open-apis/im/v1/messages/{message_id}/reactions" => reactions::add,
        REACT, TIER_4, &[];
    DeleteReaction: DELETE "/open-apis/im/v1/messages/{message_id}/reactions/{reaction_id}" => reactions::delete,
        REACT, TIER_4, &[];
    UpdateCard: POST "/open-apis/interactive/v1/card/update" => cards::update,
        &[], TIER_4, &[];
    UserToken: POST "/open-apis/authen/v2/oauth/token" => oauth::token,
        &[], TIER_4, &[];
    UserTokenV3: POST "/oauth/v3/token" => oauth::token,
        &[], TIER_4, &[];
    DeviceAuthorization: POST "/oauth/v1/device_authorization" => oauth::device_authorization,
        &[], &[], &[];
    RevokeUserToken: POST "/oauth/v1/revoke" => oauth::revoke,
        &[], &[], &[];
    AppRegistration: POST "/oauth/v1/app/registration" => registration::register,
        &[], &[], &[];
    LarkAppRegistration: POST "/lark/oauth/v1/app/registration" => registration::register,
        &[], &[], &[];
    UserInfo: GET "/open-apis/authen/v1/user_info" => oauth::user_info,
        &[], &[], &[];
    LongConnection: POST "/callback/ws/endpoint" => long_connection::endpoint,
        &[], &[], &[];
};
