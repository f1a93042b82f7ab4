//! The platform's error codes by name, and their classes.
//!
//! The wording in quotes is the platform's own, from the error tables of the official pages
//! `group/chat/{get,put_top_notice}`, `group/chat-announcement/patch`,
//! `group/upgraded-group-announcement/**`, `im-v1/message/**`, `auth-v3/**` and the generic error
//! codes, to which the page of cards that one member sees refers.

/// The token endpoint does not know the app id: "invalid param".
pub const UNKNOWN_APP: i64 = 10_003;
/// "get app access token fail": the ticket is stale or unknown.
pub const TICKET_REJECTED: i64 = 10_012;
/// "get tenant access token fail": the app's token is bad, or the tenant has not installed the app.
pub const TENANT_TOKEN_REFUSED: i64 = 10_013;
/// The app is not in use, or the secret is wrong: "app unauthorized", "app secret invalid".
pub const APP_UNAUTHORIZED: i64 = 10_014;
/// "wrong app secret".
pub const WRONG_SECRET: i64 = 10_015;

/// "bot not in chat", for a card that one member sees.
pub const PRIVATE_BOT_OUTSIDE: i64 = 10_030;
/// "user not in chat", for a card that one member sees.
pub const PRIVATE_MEMBER_OUTSIDE: i64 = 11_206;
/// "the bot is invisible to the user", for a card that one member sees.
pub const PRIVATE_BOT_INVISIBLE: i64 = 11_225;
/// "create message service trigger rate limit", for a card that one member sees.
pub const PRIVATE_SERVICE_BUSY: i64 = 11_232;
/// "create message chat trigger rate limit", for a card that one member sees.
pub const PRIVATE_CHAT_BUSY: i64 = 11_233;
/// "internal send message trigger rate limit", for a card that one member sees.
pub const PRIVATE_SENDER_BUSY: i64 = 11_247;
/// "create message fail": a card that one member sees was sent to a group of topics or to a direct
/// chat, where reports show the text "chat can not be thread".
pub const PRIVATE_CARD_REFUSED: i64 = 18_053;

/// An internal error after which the call may have taken effect.
pub const INTERNAL: i64 = 2_200;

/// "Your request contains an invalid request parameter.", in a call on messages.
pub const MESSAGE_INVALID_PARAMETER: i64 = 230_001;
/// "Bot ability is not activated." in a call on messages.
pub const MESSAGES_BOT_DISABLED: i64 = 230_006;
/// The time in which the message could be recalled is over.
pub const RECALL_TOO_LATE: i64 = 230_009;
/// "The message is recalled."
pub const MESSAGE_RECALLED: i64 = 230_011;
/// "Bot is NOT the sender of the message."
pub const MESSAGE_NOT_OWN: i64 = 230_012;
/// "Bot has NO availability to this user."
pub const UNAVAILABLE_TO_PERSON: i64 = 230_013;
/// "These operations are NOT allowed at current group settings."
pub const GROUP_FORBIDS_MESSAGE: i64 = 230_018;
/// "This operation triggers the frequency limit.", counted per chat or user.
pub const MESSAGES_RATE_LIMITED: i64 = 230_020;
/// "The length of the message content reaches its limit."
pub const MESSAGE_TOO_LONG: i64 = 230_025;
/// The bot may not recall the message.
pub const RECALL_DENIED: i64 = 230_026;
/// "Lack of necessary permissions.": a scope is missing, or the message is another tenant's.
pub const MESSAGE_FORBIDDEN: i64 = 230_027;
/// "The messages do NOT pass the audit."
pub const MESSAGE_NOT_APPROVED: i64 = 230_028;
/// "User has resigned."
pub const RECEIVER_RESIGNED: i64 = 230_029;
/// The card is older than the 14 days in which it can be updated.
pub const CARD_TOO_OLD: i64 = 230_031;
/// "Get the reading status must be done within 7 days after the message is sent."
pub const READERS_UNKNOWN: i64 = 230_033;
/// "The `receive_id` is invalid."
pub const RECEIVER_UNKNOWN: i64 = 230_034;
/// "Send Message Permission deny.": the group or the organization lets the bot send nothing.
pub const SENDING_DENIED: i64 = 230_035;
/// The person and the bot belong to different tenants.
pub const RECEIVER_OF_OTHER_TENANT: i64 = 230_038;
/// "The message is being sent."
pub const MESSAGE_BEING_SENT: i64 = 230_049;
/// The person has stopped the bot.
pub const BOT_STOPPED_BY_PERSON: i64 = 230_053;
/// "Failed to create card content."
pub const CARD_REFUSED: i64 = 230_099;
/// "Action unavailable as the message has been deleted."
pub const MESSAGE_DELETED: i64 = 230_110;
/// The message of a reaction is still being sent.
pub const REACTION_TOO_EARLY: i64 = 231_015;

/// "Your request contains an invalid request parameter.", in a call on a chat.
pub const CHAT_INVALID_PARAMETER: i64 = 232_001;
/// "Only chat owner or admin can edit chat information in the current situation."
pub const CHAT_EDIT_DENIED: i64 = 232_002;
/// "Your request specifies a chat which has already been dissolved."
pub const CHAT_DISSOLVED: i64 = 232_009;
/// "Operator can NOT be out of the chat."
pub const OUTSIDE_CHAT: i64 = 232_011;
/// "The token used in the request does NOT have the permissions necessary to complete the
/// request.", for the top notice.
pub const TOP_NOTICE_DENIED: i64 = 232_014;
/// "Updating announcement failed.": the revision is too old, or the document rejects the content.
pub const LEGACY_UPDATE_FAILED: i64 = 232_018;
/// "The request has been rate limited.", in a call on a chat.
pub const CHAT_RATE_LIMITED: i64 = 232_019;
/// "Bot ability is not activated.", in a call on a chat.
pub const CHAT_BOT_DISABLED: i64 = 232_025;
/// "The app is unavailable or inactivate in the tenant.", in a call on a chat.
pub const CHAT_APP_UNAVAILABLE: i64 = 232_034;
/// "Unable to operate docx type chat announcement."
pub const ANNOUNCEMENT_IS_DOCX: i64 = 232_097;

/// "invalid param" of a document: among others, a mention of a person whom the bot cannot see.
pub const DOCX_INVALID_PARAM: i64 = 1_770_001;
/// The block does not exist.
pub const DOCX_NOT_FOUND: i64 = 1_770_002;
/// "schema mismatch"
pub const DOCX_SCHEMA_MISMATCH: i64 = 1_770_006;
/// "too big file size".
pub const DOCX_FILE_TOO_LARGE: i64 = 1_770_008;
/// "too old document": somebody has written since the revision was read.
pub const DOCX_OUTDATED: i64 = 1_770_021;
/// "block not support to create".
pub const DOCX_NOT_CREATABLE: i64 = 1_770_029;
/// "forbidden": the caller may not edit the announcement.
pub const DOCX_EDIT_DENIED: i64 = 1_770_032;
/// "raw content size exceed limited".
pub const DOCX_CONTENT_TOO_LARGE: i64 = 1_770_033;
/// "operation count exceed limited".
pub const DOCX_TOO_MANY_OPERATIONS: i64 = 1_770_034;
/// "resource count exceed limit".
pub const DOCX_TOO_MANY_RESOURCES: i64 = 1_770_035;
/// "server internal error", the first of five codes for faults of the document service.
pub const DOCX_INTERNAL: i64 = 1_771_001;
/// "system under maintenance", the last of them.
pub const DOCX_MAINTENANCE: i64 = 1_771_005;
/// "Only chat owner or admin can edit chat information in the current situation."
pub const ANNOUNCEMENT_EDIT_DENIED: i64 = 1_772_005;
/// "announcement type is not supported": a docx call on a legacy announcement.
pub const ANNOUNCEMENT_IS_LEGACY: i64 = 1_772_006;
/// "Bot ability is not activated.", in a call on a docx announcement.
pub const ANNOUNCEMENT_BOT_DISABLED: i64 = 1_772_025;
/// "The app is unavailable or inactivated by the tenant.", in a call on a docx announcement.
pub const ANNOUNCEMENT_APP_UNAVAILABLE: i64 = 1_772_034;

/// "internal error." of an upload.
pub const MEDIA_INTERNAL: i64 = 1_061_001;
/// "forbidden." of an upload: the caller may not edit the announcement.
pub const MEDIA_FORBIDDEN: i64 = 1_061_004;
/// "internal time out." of an upload.
pub const MEDIA_TIMEOUT: i64 = 1_061_006;
/// "file size beyond limit." of an upload.
pub const MEDIA_TOO_LARGE: i64 = 1_061_043;
/// "parent node not exist.": the block is unknown, or the upload does not name the document.
pub const MEDIA_PARENT_UNKNOWN: i64 = 1_061_044;
/// "can retry.": another upload to the same block is running.
pub const MEDIA_BUSY: i64 = 1_061_045;
/// "user quota exceeded."
pub const MEDIA_USER_QUOTA: i64 = 1_061_061;
/// "no scope auth." of an upload.
pub const MEDIA_SCOPE_MISSING: i64 = 1_061_073;
/// "file quota exceeded."
pub const MEDIA_FILE_QUOTA: i64 = 1_061_101;

/// The resource of a message is larger than 100 MB.
pub const RESOURCE_TOO_LARGE: i64 = 234_037;
/// The message is in a chat in restricted mode.
pub const RESOURCE_RESTRICTED: i64 = 234_038;
/// "Unsupported message type.": resources of cards and forwarded bundles are not sent.
pub const RESOURCE_OF_OTHER_KIND: i64 = 234_043;

/// "request trigger frequency limit", by the gateway.
pub const RATE_LIMITED: i64 = 99_991_400;
/// The caller's address is not on the app's allow list.
pub const IP_DENIED: i64 = 99_991_401;
/// The tenant's monthly quota of calls is used up.
pub const QUOTA_EXHAUSTED: i64 = 99_991_403;
/// "Missing access token for authorization."
pub const TOKEN_MISSING: i64 = 99_991_661;
/// "Invalid access token for authorization.", of a tenant.
pub const TENANT_TOKEN_INVALID: i64 = 99_991_663;
/// A scope for the `/` panel is missing, according to reports; others name [`SCOPE_MISSING`].
pub const SLASH_COMMANDS_DENIED: i64 = 99_991_640;
/// An invalid token of an app.
pub const APP_TOKEN_INVALID: i64 = 99_991_664;
/// An invalid tenant code.
pub const TENANT_INVALID: i64 = 99_991_665;
/// "Invalid access token", of a user; also "user access token not support", which another token
/// does not cure.
pub const USER_TOKEN_INVALID: i64 = 99_991_668;
/// The token begins with neither `t-` nor `u-`.
pub const TOKEN_MALFORMED: i64 = 99_991_671;
/// "Access denied. One of the following scopes is required".
pub const SCOPE_MISSING: i64 = 99_991_672;
/// "Authentication token expired.", of a user; with HTTP 401.
pub const USER_TOKEN_EXPIRED: i64 = 99_991_677;
/// "required one of these privileges under the user identity": the user has not granted a scope.
pub const USER_SCOPE_MISSING: i64 = 99_991_679;
/// "field validation failed", by the gateway.
pub const FIELD_INVALID: i64 = 99_992_402;

/// Codes of the long connection: its endpoint answers with them, and its handshake names some of
/// them in headers.
pub mod long_connection {
    /// "system busy".
    pub const BUSY: i64 = 1;
    /// "forbidden".
    pub const FORBIDDEN: i64 = 403;
    /// "auth failed".
    pub const AUTH_FAILED: i64 = 514;
    /// An internal error.
    pub const INTERNAL: i64 = 1_000_040_343;
    /// The request named no app id or no secret.
    pub const NO_CREDENTIAL: i64 = 1_000_040_344;
    /// The app has as many connections as it may have.
    pub const TOO_MANY_CONNECTIONS: i64 = 1_000_040_350;
    /// The app belongs to the other brand, Feishu or Lark.
    pub const WRONG_DOMAIN: i64 = 1_000_040_351;
}

/// Codes of the endpoints that issue tokens of users, and of `user_info`.
///
/// Official pages `authentication-management/access-token/{get,refresh}-user-access-token` and
/// `login-state-management/get`.
pub mod oauth {
    /// "The request is missing a required parameter."
    pub const PARAMETER_MISSING: i64 = 20_001;
    /// "The client secret is invalid."
    pub const WRONG_SECRET: i64 = 20_002;
    /// "The authorization code is not found."
    pub const CODE_UNKNOWN: i64 = 20_003;
    /// "The authorization code has expired."
    pub const CODE_EXPIRED: i64 = 20_004;
    /// "The user access token passed is invalid.", of `user_info`.
    pub const USER_TOKEN_INVALID: i64 = 20_005;
    /// "The user does not exist."
    pub const USER_UNKNOWN: i64 = 20_008;
    /// "The specified app is not installed."
    pub const APP_NOT_INSTALLED: i64 = 20_009;
    /// "The user does not have permission to use this app."
    pub const USER_EXCLUDED: i64 = 20_010;
    /// "User resigned", of `user_info`.
    pub const USER_RESIGNED: i64 = 20_021;
    /// "User frozen", of `user_info`.
    pub const USER_FROZEN: i64 = 20_022;
    /// "User not registered", of `user_info`.
    pub const USER_NOT_REGISTERED: i64 = 20_023;
    /// The code or refresh token "does not match the provided client ID."
    pub const OTHER_APP: i64 = 20_024;
    /// "The refresh token passed is invalid."
    pub const REFRESH_TOKEN_INVALID: i64 = 20_026;
    /// "The specified `grant_type` is not supported."
    pub const GRANT_TYPE_UNSUPPORTED: i64 = 20_036;
    /// "The refresh token passed has expired.", or the consent is older than 365 days.
    pub const REFRESH_TOKEN_EXPIRED: i64 = 20_037;
    /// "The specified app does not exist."
    pub const APP_UNKNOWN: i64 = 20_048;
    /// "PKCE code challenge failed."
    pub const PKCE_FAILED: i64 = 20_049;
    /// "An unexpected server error occurred. Please retry your request."
    pub const SERVER_ERROR: i64 = 20_050;
    /// "The request is malformed."
    pub const MALFORMED: i64 = 20_063;
    /// "The refresh token has been revoked.", which a used one gets, too.
    pub const REFRESH_TOKEN_REVOKED: i64 = 20_064;
    /// "The authorization code has been used."
    pub const CODE_USED: i64 = 20_065;
    /// "The user status is invalid."
    pub const USER_STATUS: i64 = 20_066;
    /// Scopes are named twice.
    pub const SCOPES_DUPLICATE: i64 = 20_067;
    /// Scopes are not permitted.
    pub const SCOPES_REFUSED: i64 = 20_068;
    /// "The specified app is not enabled."
    pub const APP_DISABLED: i64 = 20_069;
    /// "Multiple authentication methods were provided."
    pub const TWO_AUTHENTICATIONS: i64 = 20_070;
    /// "The provided redirect URI does not match the one used during authorization."
    pub const REDIRECT_MISMATCH: i64 = 20_071;
    /// "The server is temporarily unavailable. Please retry your request."
    pub const UNAVAILABLE: i64 = 20_072;
    /// "The refresh token has been used."
    pub const REFRESH_TOKEN_USED: i64 = 20_073;
    /// "The specified app is not allowed to refresh token.": a switch of the developer console.
    pub const REFRESH_NOT_ALLOWED: i64 = 20_074;
}

/// The class of a code. Codes without consequences, and those whose meaning depends on
/// the call, have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may succeed a little later.
    Retry,
    /// The same, and the call may already have taken effect.
    RetryInDoubt,
    /// The API must not be called for a while; then the same call may succeed.
    RateLimited,
    /// No wait within reason helps.
    QuotaExhausted,
    /// Another ticket may be accepted.
    TicketRejected,
    /// Another token of the app may be accepted; otherwise the tenant has not installed it.
    TenantTokenRefused,
    /// Another token may be accepted.
    TokenRejected,
    /// The token of a user has expired; another one may be accepted.
    UserTokenExpired,
    /// The user has not granted a scope, but may do so.
    UserScopeMissing,
    /// No refresh of this grant will succeed again: the user has to consent once more.
    GrantEnded,
    /// The endpoint for tokens of users failed; one retry is allowed.
    RetryOnce,
    /// Refused because of the request, the app or the state of the user; a grant is as valid as
    /// before.
    GrantKept,
    /// The app lacks a scope.
    ScopeMissing,
    /// The bot cannot work at all: it is disabled, or the tenant keeps the app out.
    BotUnavailable,
    /// The group's setting for the top notice keeps the bot out.
    TopNoticeDenied,
    /// The group's setting for editing its information keeps the bot out.
    EditDenied,
    /// The group's settings keep the bot from sending this message.
    MessageForbidden,
    /// The announcement is of the other kind.
    OtherAnnouncementKind,
    /// The message was recalled or deleted.
    MessageGone,
    /// The chat is dissolved, or the bot is not in it.
    ChatGone,
}

impl Class {
    /// The class of a code.
    pub fn of(code: i64) -> Option<Self> {
        Some(match code {
            MESSAGES_RATE_LIMITED
            | PRIVATE_SERVICE_BUSY
            | PRIVATE_CHAT_BUSY
            | PRIVATE_SENDER_BUSY
            | MESSAGE_BEING_SENT
            | REACTION_TOO_EARLY
            | CHAT_RATE_LIMITED
            | MEDIA_INTERNAL
            | MEDIA_TIMEOUT
            | MEDIA_BUSY
            | DOCX_INTERNAL..=DOCX_MAINTENANCE => Self::Retry,
            INTERNAL => Self::RetryInDoubt,
            RATE_LIMITED => Self::RateLimited,
            QUOTA_EXHAUSTED => Self::QuotaExhausted,
            TICKET_REJECTED => Self::TicketRejected,
            TENANT_TOKEN_REFUSED => Self::TenantTokenRefused,
            TOKEN_MISSING | TENANT_TOKEN_INVALID | APP_TOKEN_INVALID | TENANT_INVALID
            | USER_TOKEN_INVALID | TOKEN_MALFORMED => Self::TokenRejected,
            USER_TOKEN_EXPIRED => Self::UserTokenExpired,
            USER_SCOPE_MISSING => Self::UserScopeMissing,
            SCOPE_MISSING => Self::ScopeMissing,
            MESSAGES_BOT_DISABLED
            | CHAT_BOT_DISABLED
            | CHAT_APP_UNAVAILABLE
            | ANNOUNCEMENT_BOT_DISABLED
            | ANNOUNCEMENT_APP_UNAVAILABLE
            | IP_DENIED => Self::BotUnavailable,
            TOP_NOTICE_DENIED => Self::TopNoticeDenied,
            CHAT_EDIT_DENIED | DOCX_EDIT_DENIED | ANNOUNCEMENT_EDIT_DENIED => Self::EditDenied,
            GROUP_FORBIDS_MESSAGE => Self::MessageForbidden,
            ANNOUNCEMENT_IS_DOCX | ANNOUNCEMENT_IS_LEGACY => Self::OtherAnnouncementKind,
            MESSAGE_RECALLED | MESSAGE_DELETED => Self::MessageGone,
            CHAT_DISSOLVED | OUTSIDE_CHAT => Self::ChatGone,
            _ => return Self::of_oauth(code),
        })
    }

    /// The class of a code of [`oauth`].
    fn of_oauth(code: i64) -> Option<Self> {
        Some(match code {
            oauth::REFRESH_TOKEN_INVALID
            | oauth::REFRESH_TOKEN_EXPIRED
            | oauth::REFRESH_TOKEN_REVOKED
            | oauth::REFRESH_TOKEN_USED
            | oauth::REFRESH_NOT_ALLOWED => Self::GrantEnded,
            oauth::SERVER_ERROR | oauth::UNAVAILABLE => Self::RetryOnce,
            oauth::PARAMETER_MISSING..=oauth::USER_TOKEN_INVALID
            | oauth::USER_UNKNOWN..=oauth::USER_EXCLUDED
            | oauth::USER_RESIGNED..=oauth::OTHER_APP
            | oauth::GRANT_TYPE_UNSUPPORTED
            | oauth::APP_UNKNOWN
            | oauth::PKCE_FAILED
            | oauth::MALFORMED
            | oauth::CODE_USED..=oauth::REDIRECT_MISMATCH => Self::GrantKept,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_grants_have_a_class() {
        let check = |codes: &[i64], class| {
            for code in codes {
                assert_eq!(Class::of(*code), class, "{code}");
            }
        };
        let ended = [20_026, 20_037, 20_064, 20_073, 20_074];
        check(&ended, Some(Class::GrantEnded));
        check(&[20_050, 20_072], Some(Class::RetryOnce));
        let kept = [
            20_001, 20_002, 20_003, 20_004, 20_005, 20_008, 20_009, 20_010, 20_021, 20_022, 20_023,
            20_024, 20_036, 20_048, 20_049, 20_063, 20_065, 20_066, 20_067, 20_068, 20_069, 20_070,
            20_071,
        ];
        check(&kept, Some(Class::GrantKept));
        check(
            &[oauth::PARAMETER_MISSING - 1, oauth::REFRESH_NOT_ALLOWED + 1],
            None,
        );
    }
}
