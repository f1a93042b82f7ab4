#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod announcement;
mod card;
mod client;
mod clock;
pub mod codes;
mod copied;
mod creatable;
mod credentials;
mod docx;
mod docx_update;
mod encryption;
mod envelope;
mod error;
mod event;
mod headers;
mod http;
mod ids;
mod lenient;
mod limits;
pub mod long_connection;
mod member_token;
mod message;
mod oauth;
mod oauth_error;
mod person;
mod registration;
mod roots;
mod runs;
mod signature;
mod ticket;
mod token;
#[cfg(test)]
mod vectors;
mod verdict;
mod wire;

pub use announcement::{
    InsertLocation, LegacyBlock, LegacyDocument, LegacyElement, LegacyList, LegacyListType,
    LegacyParagraph, LegacyParagraphStyle, LegacyTextStyle, Operation, PlacedBlock, utf16_len,
};
pub use card::{Card, CardAnswer, InputForm, Toast, ToastKind};
pub use client::{
    AnnouncementInfo, AnnouncementKind, AppVersion, BotInfo, CardForm, Chat, Client, ClientConfig,
    CreateChildren, Created, DeleteChildren, LegacyAnnouncement, ListedChat, ListedChats,
    MAX_SLASH_COMMANDS, MAX_UPLOAD, MediaUpload, Member, Message, MessageResource, MessageSender,
    Readers, Scope, SlashCommand, SlashDescription, TopNotice, UpdateBlocks, UploadKind, Who,
};
pub use clock::{Clock, ClockHand};
pub use copied::{
    Copied, ReadBlock, Unwritable, is_container, is_part, mentions_anybody, without_mentions,
};
pub use creatable::{creatable, with_listed_fields};
pub use credentials::{AppKind, Credentials};
pub use docx::{
    Block, BlockType, Layout, Link, TableSize, TextBlock, TextElement, TextElementStyle,
};
pub use docx_update::{BlockChange, BlockUpdate, Caption, ImageLayout};
pub use encryption::{DecryptError, EmptyKey, EncryptKey};
pub use envelope::{Challenge, EncryptedBody, Envelope, EnvelopeError, EventEnvelope, Version};
pub use error::{
    APP_TOKEN_ENDPOINT, ApiError, Error, InvalidResponse, TOKEN_ENDPOINT, TransportFailure,
};
pub use event::{
    APP_OPEN, APP_STATUS_CHANGE, APP_UNINSTALLED, AppEvent, BOT_ADDED, BOT_DELETED, CARD_ACTION,
    CHAT_DISBANDED, CardAction, ChatEvent, ChatType, MESSAGE_RECALLED, MESSAGE_RECEIVE, Mention,
    MessageBody, MessageHead, MessageRecalled, MessageReceived, REACTION_ADDED, ReactionAdded,
    ReceivedMessage, RevokedTokens, USER_TOKEN_REVOKED, UserTokenRevoked,
};
pub use http::{CallRecord, OnCall};
pub use ids::{
    AppId, BlockId, ChatId, EventId, MessageId, OpenId, ReactionId, TenantKey, ThreadId, UnionId,
    UserId,
};
pub use limits::{NextWriteSlot, OnPause, SharedLimits, WriteSlot};
pub use member_token::{
    FetchMemberToken, MemberTokenError, MemberTokenFuture, MemberTokens, OnTokenRefusal,
    RefusedToken, TokenRefusal,
};
pub use message::{Content, Mark, Media, Medium, MessageKind, Post, PostElement};
pub use oauth::{
    AuthorizationRequest, CodeExchange, CodeVerifier, DeviceAuthorization, DevicePoll, MAX_SCOPES,
    NoRandomness, RefreshToken, TokenTypeHint, UserInfo, UserTokens, accounts_url, random_secret,
};
pub use oauth_error::OAuthError;
pub use person::{IdType, PersonIds, Sender};
pub use registration::{
    Addons, Brand, LinkOptions, NewApp, Registration, RegistrationConfig, RegistrationPoll,
};
pub use roots::{ExtraRoots, RootsError};
pub use runs::{with_short_docx_runs, with_short_legacy_runs};
pub use signature::{
    NONCE_HEADER, SIGNATURE_HEADER, Signature, SignatureError, TIMESTAMP_HEADER, sign,
};
pub use ticket::AppTicket;
pub use wire::HeadingLevel;
