//! The endpoints by name.

/// An API of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
    /// `POST /open-apis/auth/v3/tenant_access_token`
    StoreTenantAccessToken,
    /// `POST /open-apis/auth/v3/app_access_token`
    AppAccessToken,
    /// `POST /open-apis/auth/v3/app_ticket/resend`
    ResendAppTicket,
    /// `GET /open-apis/bot/v3/info`
    BotInfo,
    /// `GET /open-apis/application/v6/scopes`
    ListScopes,
    /// `GET /open-apis/application/v6/applications/:app_id/app_versions`
    ListAppVersions,
    /// `GET /open-apis/application/v6/applications/:app_id`
    GetApplication,
    /// `GET /open-apis/application/v7/app_slash_commands`
    ListSlashCommands,
    /// `POST /open-apis/application/v7/app_slash_commands`
    CreateSlashCommand,
    /// `PATCH /open-apis/application/v7/app_slash_commands/:command_id`
    UpdateSlashCommand,
    /// `DELETE /open-apis/application/v7/app_slash_commands/:command_id`
    DeleteSlashCommand,
    /// `GET /open-apis/event/v1/connection`
    CountConnections,
    /// `GET /open-apis/im/v1/chats`
    ListChats,
    /// `GET /open-apis/im/v1/chats/:chat_id`
    GetChat,
    /// `GET /open-apis/im/v1/chats/:chat_id/members/is_in_chat`
    IsInChat,
    /// `GET /open-apis/im/v1/chats/:chat_id/members`
    ListMembers,
    /// `POST /open-apis/im/v1/chats/:chat_id/top_notice/put_top_notice`
    PutTopNotice,
    /// `POST /open-apis/im/v1/chats/:chat_id/top_notice/delete_top_notice`
    DeleteTopNotice,
    /// `GET /open-apis/im/v1/chats/:chat_id/announcement`
    GetDocAnnouncement,
    /// `PATCH /open-apis/im/v1/chats/:chat_id/announcement`
    PatchDocAnnouncement,
    /// `GET /open-apis/docx/v1/chats/:chat_id/announcement`
    GetDocxAnnouncement,
    /// `GET /open-apis/docx/v1/chats/:chat_id/announcement/blocks`
    ListBlocks,
    /// `GET /open-apis/docx/v1/chats/:chat_id/announcement/blocks/:block_id`
    GetBlock,
    /// `GET /open-apis/docx/v1/chats/:chat_id/announcement/blocks/:block_id/children`
    ListChildren,
    /// `POST /open-apis/docx/v1/chats/:chat_id/announcement/blocks/:block_id/children`
    CreateChildren,
    /// `PATCH /open-apis/docx/v1/chats/:chat_id/announcement/blocks/batch_update`
    UpdateBlocks,
    /// `DELETE /open-apis/docx/v1/chats/:chat_id/announcement/blocks/:block_id/children/batch_delete`
    DeleteChildren,
    /// `GET /open-apis/im/v1/messages/:message_id`
    GetMessage,
    /// `GET /open-apis/im/v1/messages/:message_id/resources/:file_key`
    GetMessageResource,
    /// `POST /open-apis/drive/v1/medias/upload_all`
    UploadMedia,
    /// `GET /open-apis/drive/v1/medias/:file_token/download`
    DownloadMedia,
    /// `GET /open-apis/im/v1/messages/:message_id/read_users`
    ReadUsers,
    /// `DELETE /open-apis/im/v1/messages/:message_id`
    RecallMessage,
    /// `PATCH /open-apis/im/v1/messages/:message_id`
    PatchCard,
    /// `POST /open-apis/im/v1/messages`
    CreateMessage,
    /// `POST /open-apis/im/v1/messages/:message_id/reply`
    ReplyMessage,
    /// `POST /open-apis/ephemeral/v1/send`
    SendPrivateCard,
    /// `POST /open-apis/ephemeral/v1/delete`
    DeletePrivateCard,
    /// `POST /open-apis/im/v1/messages/:message_id/reactions`
    AddReaction,
    /// `DELETE /open-apis/im/v1/messages/:message_id/reactions/:reaction_id`
    DeleteReaction,
    /// `POST /open-apis/interactive/v1/card/update`
    UpdateCard,
    /// `POST /open-apis/authen/v2/oauth/token`
    UserToken,
    /// `POST /oauth/v3/token`
    UserTokenV3,
    /// `POST /oauth/v1/device_authorization`
    DeviceAuthorization,
    /// `POST /oauth/v1/revoke`
    RevokeUserToken,
    /// `POST /oauth/v1/app/registration`
    AppRegistration,
    /// The same at Lark's host, which is the path `/lark` here.
    LarkAppRegistration,
    /// `GET /open-apis/authen/v1/user_info`
    UserInfo,
    /// `POST /callback/ws/endpoint`
    LongConnection,
}

impl Endpoint {
    /// Whether the app's secret or its own token authenticates the call, in the body.
    pub(crate) fn is_called_with_secret(self) -> bool {
        matches!(
            self,
            Self::TenantAccessToken
                | Self::StoreTenantAccessToken
                | Self::AppAccessToken
                | Self::ResendAppTicket
                | Self::LongConnection
        ) || self.is_oauth()
    }

    /// Whether the call takes a form and refuses in the form of OAuth.
    pub(crate) fn is_oauth(self) -> bool {
        matches!(
            self,
            Self::UserToken
                | Self::UserTokenV3
                | Self::DeviceAuthorization
                | Self::RevokeUserToken
                | Self::AppRegistration
                | Self::LarkAppRegistration
        )
    }

    /// Whether the simulator serves the call in the name of a person.
    pub(crate) fn accepts_user_tokens(self) -> bool {
        matches!(
            self,
            Self::ListChats
                | Self::GetChat
                | Self::IsInChat
                | Self::ListMembers
                | Self::PutTopNotice
                | Self::DeleteTopNotice
                | Self::GetDocAnnouncement
                | Self::PatchDocAnnouncement
                | Self::GetDocxAnnouncement
                | Self::ListBlocks
                | Self::GetBlock
                | Self::ListChildren
                | Self::CreateChildren
                | Self::UpdateBlocks
                | Self::DeleteChildren
                | Self::UploadMedia
                | Self::DownloadMedia
        )
    }
}
