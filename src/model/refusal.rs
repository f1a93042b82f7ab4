//! Refusals: why a command failed, in whole or in part.

use feishu::{ApiError, MessageKind, OAuthError, Unwritable, codes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::command::{CommandName, ParseError, ScheduleTimeError};
use crate::model::rights::{BotPermission, Denied};
use crate::model::settings::Setting;

/// A command that failed, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default, skip_serializing_if = "Stage::is_whole")]
    pub(crate) stage: Stage,
    pub(crate) cause: Cause,
}

/// The part of a command that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    #[default]
    Whole,
    /// Only the first lines of an announcement were written.
    Partly {
        /// Lines that were written.
        lines: usize,
        /// All lines.
        of: usize,
    },
    /// The announcement was written; the rest of the command was not done completely.
    Incomplete(Unfinished),
    /// The edited text was written, and the former one could not be deleted.
    FormerTextLeft,
    /// A scheduled announcement was due and could not be published.
    NotPublished,
    /// A run of a series was due and could not be published.
    RunNotPublished(NextRun),
    /// A change could not be reverted when its duration had passed.
    NotReverted,
    /// A run of a series was published, and the entry of the one before could not be removed.
    FormerRunLeft,
}

/// What becomes of a series after a run that was not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// The number of the schedule.
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    /// When the next run is due; `None` if the series is paused.
    pub(crate) due: Option<Timestamp>,
}

/// What was not done after an announcement was written. If it is more than one thing, only one has
/// the cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate part of the command"
)]
pub struct Unfinished {
    /// The old content was not deleted.
    pub(crate) not_replaced: bool,
    /// The announcement was not pinned.
    pub(crate) not_on_top: bool,
    /// Nobody was notified.
    pub(crate) not_notified: bool,
    /// It is unknown whether everybody was notified.
    pub(crate) maybe_notified: bool,
    /// Whether a card was posted instead of the announcement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) of_notice: bool,
}

impl Unfinished {
    pub(crate) fn is_only_replacement(self) -> bool {
        let only = Self {
            not_replaced: true,
            ..Self::default()
        };
        self == only
    }
}

impl Stage {
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// The text is a command with invalid arguments.
    Misunderstood(ParseError),
    /// The time is valid, but nothing can be scheduled for it.
    CannotSchedule(ScheduleTimeError),
    /// The command was sent in a direct chat and needs a group.
    NeedsGroup(CommandName),
    /// `/pin` was not a reply to a message.
    NotAReply,
    /// `/announce` came without text and was not a reply.
    NothingToAnnounce,
    /// `/announce` came with a picture or a file and no text.
    OnlyMedia,
    /// `/announce` replied to a message without text (a picture, a file).
    RepliedToHasNoText,
    /// `/announce` replied to a message of a kind that has no text.
    RepliedToKind { kind: MessageKind },
    /// `/announce` replied to a message of a kind that the bot does not know.
    RepliedToUnknown {
        /// The platform's name of it.
        kind: String,
    },
    /// `/announce` replied to a card whose text the platform does not return.
    RepliedToIsCard,
    /// `/announce` replied to a bundle of forwarded messages without text.
    RepliedToIsForward,
    /// The message replied to is in another chat.
    RepliedElsewhere,
    /// The platform did not return the chat of the message replied to.
    RepliedToChatMissing,
    /// The platform does not pin messages of this kind.
    NotPinnable(NotPinnable),
    /// The platform did not send the chat of the command.
    ChatIdMissing,
    /// The message mentions the bot and its content cannot be parsed.
    Unreadable,
    /// The message replied to was recalled or deleted.
    RepliedToIsGone,
    /// The text is longer than one announcement may be.
    TextTooLong {
        /// In UTF-16 code units.
        limit: usize,
    },
    /// The text has more lines than one announcement may have.
    TooManyLines { limit: usize },
    /// The command expired in the queue.
    TooLate {
        /// Whether an attempt was interrupted before, so that its effect is unknown.
        begun: bool,
    },
    /// The queue of the chat is full.
    TooManyWaiting,
    /// The bot is not in the group, so the platform does not return the group's settings.
    BotOutside,
    /// The member lacks the permission in this group.
    Denied(Denied),
    /// The platform returned an error that a retry does not fix.
    Platform(PlatformRefusal),
    /// The platform did not respond, or asked to wait, for longer than `worker.give_up_after`.
    Unreachable {
        call: Call,
        /// The platform's log id of the last response.
        log_id: Option<String>,
        /// Whether certainly no call changed anything.
        unchanged: bool,
    },
    /// No recent change of the bot in this chat can be undone.
    NothingToUndo,
    /// The top notice before the bot removed it is unknown.
    TopUnknown,
    /// A member has edited the entry, so the bot does not remove it.
    EntryChanged,
    /// The entry to edit is no longer in the announcement.
    EntryGone,
    /// Pictures or files of an entry could not be copied again, so its text stays.
    FilesNotCopied,
    /// `/edit` neither replied to the command of an announcement nor named a number.
    NothingNamedToEdit,
    /// `/edit` named a number, and replied to the command of another announcement.
    TwoNamedToEdit,
    /// What `/edit` named is no text of the bot's, or no longer one that it can edit.
    NotEditable,
    /// The platform does not allow deleting from this announcement.
    CannotDelete,
    /// The entry was written with its parts in the wrong order, and deletion is not possible.
    Disordered,
    /// An announcement with a duration was refused, because deletion is known not to be possible.
    CannotExpire,
    /// The announcement was converted to the new kind after the entry was written.
    AnnouncementMoved,
    /// The chat has the maximum number of scheduled announcements.
    TooManySchedules { limit: usize },
    /// A scheduled announcement is later than `worker.plan_grace`.
    ScheduleTooLate {
        due: Timestamp,
        /// When it was claimed.
        at: Timestamp,
    },
    /// The announcement contains things that could not be restored, so it is not replaced.
    CannotRestore { things: Vec<Unwritable> },
    /// The announcement is too long to save, so it is not replaced.
    SnapshotTooLong {
        /// In blocks.
        limit: usize,
    },
    /// The announcement is larger than the maximum response size.
    AnnouncementTooLong,
    /// A response was lost and a member has edited the announcement since, so it is unknown whether
    /// it was replaced.
    Unclear,
    /// A message that mentions everybody may have been sent, and the platform would send it again.
    NotificationUnclear,
    /// No card was posted, or that is unknown.
    Notice(NotPosted),
    /// The chat has no schedule with that number.
    NoSuchSchedule,
    /// A series cannot be paused, resumed or continued.
    #[strum(transparent)]
    Series(SeriesRefusal),
    /// The change of a button was undone already, or is no longer the latest.
    NotLatest,
    /// The settings card of a button no longer shows the present value, or is of another group.
    CardOutdated,
    /// The bot's admin has set it for this group.
    SettingFixed(Setting),
    /// A proposal was decided or withdrawn before, or its time is over.
    ProposalOver,
    /// The group has the maximum number of open proposals.
    TooManyProposals { limit: usize },
    /// Somebody with the right declined a proposal.
    Declined {
        /// Their name, if the platform returns it.
        by: Option<String>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The author of a proposal tried to approve it.
    OwnProposal,
    /// A member asked for approval, and nobody else may give it.
    NobodyToAsk,
    /// The text was changed after somebody asked to edit it.
    TextChanged,
    /// A preview was published or discarded before, or its time is over.
    PreviewOver,
    /// The preview is of somebody else.
    NotYourPreview,
    /// Nobody decided on a proposal in time.
    NotApproved,
    /// What concerns announcements to several groups.
    #[strum(transparent)]
    Broadcast(BroadcastRefusal),
    /// While `/undo` waited for consent, another command changed something.
    NewerChange,
    /// The member has not consented to the bot acting as them.
    ConsentMissing {
        /// Whether the member refused, rather than let the time pass.
        declined: bool,
    },
    /// The member has the maximum number of commands that wait for consent.
    TooManyAwaitingConsent { limit: usize },
    /// The command is about acting as the member, and the bot acts as itself.
    ActsAsBot(CommandName),
    /// The member has not consented, so there is nothing to withdraw.
    NoConsent,
    /// The platform did not send the open id of the member to act as.
    AuthorUnknown,
    /// A bug in the bot. The log has the details under the command's reference.
    Internal,
}

impl Refusal {
    /// A word for the log.
    pub(crate) fn label(&self) -> &'static str {
        match self.stage {
            Stage::Whole => self.cause.label(),
            stage => stage.into(),
        }
    }

    /// The reason in the table of changes. Unlike the label, it is the same for scheduled and
    /// immediate work.
    pub(crate) fn reason(&self) -> &'static str {
        match self.stage {
            Stage::NotReverted
            | Stage::NotPublished
            | Stage::RunNotPublished(_)
            | Stage::FormerRunLeft => self.cause.label(),
            _ => self.label(),
        }
    }

    /// Whether only the author has to know: nothing was changed, and the author can do something
    /// about it. A failure concerns the group, because it may have had an effect, or because others
    /// have to help and read the reference. So does the end of a schedule.
    pub(crate) fn concerns_only_author(&self) -> bool {
        self.stage == Stage::Whole
            && !self.cause.is_failure()
            && !matches!(
                self.cause,
                Cause::TooManyWaiting
                    | Cause::BotOutside
                    | Cause::ChatIdMissing
                    | Cause::Disordered
                    | Cause::AuthorUnknown
                    | Cause::Declined { .. }
                    | Cause::NotApproved
                    | Cause::Denied(Denied::Unidentified)
            )
    }

    /// Whether nothing was done because of a fault of the bot or the platform, so that an admin may
    /// retry the job.
    pub(crate) fn is_given_up(&self) -> bool {
        self.stage == Stage::Whole
            && matches!(self.cause, Cause::Unreachable { .. } | Cause::Internal)
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        let stage = Stage::Whole;
        Self { stage, cause }
    }
}

impl Cause {
    /// A word for the log and the table of changes.
    pub(crate) fn label(&self) -> &'static str {
        self.into()
    }

    /// Marks the effect as unknown, because an earlier call changed something.
    pub(crate) fn with_unknown_effect(mut self) -> Self {
        if let Self::Unreachable { unchanged, .. } = &mut self {
            *unchanged = false;
        }
        self
    }

    /// Whether undoing the change will fail for this reason every time.
    pub(crate) fn is_final_for_undo(&self) -> bool {
        matches!(
            self,
            Self::EntryChanged
                | Self::EntryGone
                | Self::CannotDelete
                | Self::AnnouncementMoved
                | Self::TopUnknown
        )
    }

    /// Whether an entry of a series stays, because somebody has edited or moved it.
    pub(crate) fn leaves_entry(&self) -> bool {
        matches!(
            self,
            Self::EntryChanged | Self::EntryGone | Self::AnnouncementMoved
        )
    }

    /// The platform's error code.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Platform(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Why a member declined a proposal, in their words.
    pub(crate) fn reason_given(&self) -> Option<&str> {
        match self {
            Self::Declined { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// The platform's log id.
    pub(crate) fn log_id(&self) -> Option<&str> {
        match self {
            Self::Platform(refusal) => refusal.log_id.as_deref(),
            Self::Unreachable { log_id, .. } => log_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the log may help the bot's admin to find the cause. Other refusals are complete
    /// explanations.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Platform(_)
                | Self::Unreachable { .. }
                | Self::Internal
                | Self::Unclear
                | Self::NotificationUnclear
                | Self::Notice(NotPosted::Unclear)
                | Self::TooLate { .. }
                | Self::ScheduleTooLate { .. }
        )
    }
}

/// Why an announcement was not sent to several groups, or not reverted there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BroadcastRefusal {
    /// No list of groups has this name.
    UnknownList {
        name: String,
        /// The most similar name of a list.
        near: Option<String>,
        /// The first lists.
        known: Vec<String>,
    },
    /// The list of groups is empty.
    EmptyList { name: String },
    /// The list has too many groups.
    ListTooLong { name: String, limit: usize },
    /// The group is on the list already.
    OnListAlready { name: String },
    /// The group is not on the list.
    NotOnList { name: String },
    /// The configuration has the group on the list.
    OnListByConfiguration { name: String },
    /// There are too many lists.
    TooManyLists { limit: usize },
    /// The member has the maximum number of broadcasts that are not finished.
    TooManyBroadcasts { limit: usize },
    /// Other broadcasts have to be finished first.
    BroadcastQueueFull,
    /// The text was erased before it was posted.
    BroadcastGone,
    /// It was undone before, or nothing of it failed.
    BroadcastOver,
    /// Only the author can repeat it.
    NotAuthorOfBroadcast,
    /// `/edit` named a broadcast, which is edited in each group.
    BroadcastNotEditable,
    /// Content was replaced, and later changes depend on it.
    LaterChanges,
}

impl From<BroadcastRefusal> for Cause {
    fn from(refusal: BroadcastRefusal) -> Self {
        Self::Broadcast(refusal)
    }
}

/// Why a series is not paused, resumed or continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SeriesRefusal {
    /// The schedule runs once.
    NotRecurring,
    /// It is paused already.
    PausedAlready,
    /// It is not paused.
    NotPaused,
}

/// Why a card was not posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPosted {
    /// `/notice` came without text and was not a reply.
    NoText,
    /// The text is too long for a card.
    TooLong,
    /// A card may have been posted, and the platform would post it again.
    Unclear,
}

/// Why a message cannot be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPinnable {
    /// A system message.
    System,
    /// A reply in a topic.
    InThread,
}

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
