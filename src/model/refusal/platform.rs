//! Refusals of the platform: the call, its code, and what that means.

use feishu::{ApiError, OAuthError, codes};
use serde::{Deserialize, Serialize};

use crate::model::rights::BotPermission;

/// A response with an error code that a retry does not fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRefusal {
    pub(crate) call: Call,
    pub(crate) code: i64,
    /// The platform's log id, which its support asks for.
    pub(crate) log_id: Option<String>,
    /// The scopes that the app lacks, if the platform listed them.
    pub(crate) missing_scopes: Vec<String>,
    /// The invalid fields of the request, if the platform listed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<String>,
    /// The meaning of a code that has several, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<Meaning>,
    /// The bot's permission by the group's settings, if that can be the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bot: Option<BotPermission>,
    /// Whether the bot made the call as the member, so that the platform refused the member.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) as_member: bool,
}

/// The meaning of a code that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Meaning {
    /// The message or its people belong to another tenant.
    OtherTenant,
    /// The call does not accept this kind of token.
    TokenKind,
    UnknownApp,
    WrongSecret,
    /// The app is disabled or not installed.
    AppDisabled,
    /// The app cannot ask members for some of the scopes.
    ScopesNotOffered,
}

impl Meaning {
    /// Uses the platform's message, then whether the group is external.
    pub(crate) fn of(api: &ApiError, is_external: bool) -> Option<Self> {
        let msg = api.msg.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| msg.contains(word));
        match api.code {
            codes::MESSAGE_FORBIDDEN => {
                let other = says(&["tenant", "external", "cross"]);
                let scope = !api.missing_scopes.is_empty() || says(&["scope"]);
                (other || (is_external && !scope)).then_some(Self::OtherTenant)
            }
            codes::USER_TOKEN_INVALID => api.is_token_kind_unsupported().then_some(Self::TokenKind),
            codes::UNKNOWN_APP => {
                says(&["app not", "no such app", "app_id", "app id", "not exist"])
                    .then_some(Self::UnknownApp)
            }
            codes::oauth::WRONG_SECRET => Some(Self::WrongSecret),
            codes::oauth::APP_UNKNOWN => Some(Self::UnknownApp),
            codes::oauth::APP_NOT_INSTALLED | codes::oauth::APP_DISABLED => Some(Self::AppDisabled),
            codes::oauth::SCOPES_DUPLICATE | codes::oauth::SCOPES_REFUSED => {
                Some(Self::ScopesNotOffered)
            }
            codes::APP_UNAUTHORIZED if says(&["secret"]) => Some(Self::WrongSecret),
            codes::APP_UNAUTHORIZED => {
                says(&["unauthorized", "unavailable", "disabled", "not enabled"])
                    .then_some(Self::AppDisabled)
            }
            _ => Self::of_oauth(api.oauth_error?),
        }
    }

    /// Refusals to ask a member for consent, which have no code.
    fn of_oauth(error: OAuthError) -> Option<Self> {
        match error {
            OAuthError::InvalidClient => Some(Self::WrongSecret),
            OAuthError::UnauthorizedClient => Some(Self::AppDisabled),
            OAuthError::InvalidScope => Some(Self::ScopesNotOffered),
            _ => None,
        }
    }
}

/// The call that failed, as far as the reply depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    PutMessage,
    PutAnnouncement,
    DeleteTopNotice,
    ReadAnnouncement,
    WriteAnnouncement,
    ReadChat,
    /// The message that was replied to.
    ReadMessage,
    /// Asks the member for consent.
    RequestConsent,
    /// Ends the member's consent.
    RevokeConsent,
    /// Sends the message that mentions everybody.
    Notify,
    /// Posts a card.
    PostNotice,
    /// Gives a card another text.
    UpdateNotice,
}

impl Call {
    /// Whether the bot makes the call as itself where it acts as members.
    pub(crate) fn is_of_bot(self) -> bool {
        matches!(
            self,
            Self::ReadChat
                | Self::ReadMessage
                | Self::Notify
                | Self::PostNotice
                | Self::UpdateNotice
        )
    }

    /// Whether the call changes nothing that members see in the group.
    pub(crate) fn is_read(self) -> bool {
        matches!(
            self,
            Self::ReadAnnouncement | Self::ReadChat | Self::ReadMessage | Self::RequestConsent
        )
    }
}
