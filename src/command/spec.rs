//! The specification of a command; `table` lists all of them.

use strum::{IntoStaticStr, VariantArray};

use super::{ChangeKind, CommandName};
use crate::config::{ActAs, Right};
use crate::language::{Bilingual, Language};

#[derive(Debug)]
pub struct CommandSpec {
    /// The Chinese name without the slash.
    pub chinese: &'static str,
    /// Synonyms and common misspellings, without the slash; they are accepted like the name.
    pub synonyms: &'static [&'static str],
    /// Misspellings of the Chinese name, which the bot does not accept but corrects: a character
    /// that looks or sounds alike, or two swapped ones. Half of a two-character name is not enough:
    /// `/公司`, `/取件`.
    pub misspellings: &'static [&'static str],
    /// The argument that needs no space after the name.
    pub attached_value: Option<AttachedValue>,
    pub options: &'static [OptionName],
    /// `None` if everybody may use the command, if it takes the right of another command, or if the
    /// right depends on the change that it undoes or cancels.
    pub right: Option<Right>,
    pub changes: &'static [ChangeKind],
    /// Whether `/undo` can revert the command's changes.
    pub undoable: bool,
    /// Scopes beyond those that every command needs.
    pub scopes: &'static [Scope],
    /// Whether the command is useful only if the bot acts as the member.
    pub only_as_member: bool,
    pub brief: Bilingual,
    /// The simplest first.
    pub usages: &'static [Usage],
}

#[derive(Debug)]
pub struct Usage {
    pub form: Bilingual,
    pub meaning: Bilingual,
}

/// An argument that may follow the name without a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachedValue {
    /// `/pin2h`
    Span,
    /// `/cancel3`
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionName {
    /// `--replace`
    Replace,
    /// `--replace!`
    ReplaceInsisting,
    /// `--at`
    At,
    /// `--every`
    Every,
    /// `--for`
    For,
    /// `--top`
    Top,
    /// `--notify`
    Notify,
    /// `--to`
    To,
    /// `--preview`
    Preview,
    /// `--ask`
    Ask,
}

/// A permission scope of the Feishu app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
pub enum Scope {
    /// The group's settings and members.
    #[strum(serialize = "im:chat:readonly")]
    ReadChat,
    /// Top notices.
    #[strum(serialize = "im:chat.top_notice:write_only")]
    WriteTopNotice,
    /// The announcement and its format.
    #[strum(serialize = "im:chat.announcement:read")]
    ReadAnnouncement,
    /// The announcement.
    #[strum(serialize = "im:chat.announcement:write_only")]
    WriteAnnouncement,
    /// The replied-to message.
    #[strum(serialize = "im:message:readonly")]
    ReadMessage,
    /// Replies.
    #[strum(serialize = "im:message:send_as_bot")]
    Send,
    /// Reactions.
    #[strum(serialize = "im:message.reactions:write_only")]
    React,
    /// Messages that mention the bot.
    #[strum(serialize = "im:message.group_at_msg:readonly")]
    ReceiveMentions,
    /// All messages of a group.
    #[strum(serialize = "im:message.group_msg")]
    ReceiveGroups,
    /// Direct messages.
    #[strum(serialize = "im:message.p2p_msg:readonly")]
    ReceiveDirect,
    /// Uploads of pictures and files into announcements.
    #[strum(serialize = "docs:document.media:upload")]
    UploadMedia,
    /// The published version of the app, for `noticebot check`.
    #[strum(serialize = "application:application:self_manage")]
    ReadApp,
    /// The commands in the `/` panel.
    #[strum(serialize = "application:app_slash_command:read")]
    ReadPanel,
    /// The commands in the `/` panel.
    #[strum(serialize = "application:app_slash_command:write")]
    WritePanel,
}

impl Scope {
    /// In the order of the checks.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Needed by every command: to receive it, to check permissions and to reply.
    pub const COMMON: &[Self] = &[
        Self::ReadChat,
        Self::Send,
        Self::React,
        Self::ReceiveMentions,
        Self::ReceiveGroups,
        Self::ReceiveDirect,
    ];

    /// The bot works without them, but offers or checks less.
    pub const OPTIONAL: &[Self] = &[
        Self::UploadMedia,
        Self::ReadApp,
        Self::ReadPanel,
        Self::WritePanel,
    ];

    /// Whether commands use it as the member where the bot acts as members. All others are the
    /// bot's.
    pub fn is_of_members(self) -> bool {
        matches!(
            self,
            Self::WriteTopNotice | Self::ReadAnnouncement | Self::WriteAnnouncement
        )
    }

    /// The scope's name on the platform.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl CommandName {
    pub fn of(right: Right) -> Option<Self> {
        Self::all().find(|name| name.spec().right == Some(right))
    }

    /// The useful commands, in the order of `/help`.
    pub fn offered(act_as: ActAs) -> impl Iterator<Item = Self> {
        Self::all().filter(move |name| act_as == ActAs::Member || !name.spec().only_as_member)
    }

    /// Without the slash.
    pub fn spellings(self) -> impl Iterator<Item = &'static str> {
        let spec = self.spec();
        let names = [self.as_str(), spec.chinese].into_iter();
        names.chain(spec.synonyms.iter().copied())
    }

    /// Without the slash.
    pub fn spelling(self, language: Language) -> &'static str {
        match language {
            Language::Zh => self.spec().chinese,
            Language::En => self.as_str(),
        }
    }

    pub fn simplest_form(self, language: Language) -> &'static str {
        let usage = self.spec().usages.first();
        usage.map_or("", |usage| usage.form.to(language))
    }
}

impl ChangeKind {
    /// The command that makes such a change; `None` if the bot makes it without a command.
    fn command(self) -> Option<&'static CommandSpec> {
        let mut specs = CommandName::all().map(CommandName::spec);
        specs.find(|spec| spec.changes.contains(&self))
    }

    /// Whether a member's command caused it.
    pub(crate) fn is_commanded(self) -> bool {
        self.command().is_some()
    }

    /// The kinds that `/undo` can revert.
    pub(crate) fn undoable() -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(|kind| kind.command().is_some_and(|spec| spec.undoable))
    }

    /// As a list in SQL.
    pub(crate) fn undoable_in_sql() -> String {
        let words = Self::undoable().map(|kind| format!("'{}'", kind.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The right to make such a change, and to revert it.
    pub(crate) fn right(self) -> Option<Right> {
        match self {
            Self::Edit => Self::Announce.right(),
            Self::Notice => Self::Pin.right(),
            _ => self.command()?.right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_belong_to_at_most_one_command() {
        for kind in ChangeKind::VARIANTS {
            let specs = CommandName::all().map(CommandName::spec);
            let makers = specs.filter(|spec| spec.changes.contains(kind)).count();
            let by_itself = matches!(kind, ChangeKind::Expire | ChangeKind::Recalled);
            assert_eq!(makers, usize::from(!by_itself), "{kind:?}");
        }
    }

    #[test]
    fn undoable_changes_need_a_right() {
        let undoable: Vec<_> = ChangeKind::undoable().collect();
        let changes = [
            ChangeKind::Pin,
            ChangeKind::Unpin,
            ChangeKind::Announce,
            ChangeKind::Replace,
            ChangeKind::Notice,
            ChangeKind::Edit,
        ];
        assert_eq!(undoable, changes);
        for kind in undoable {
            assert!(kind.right().is_some(), "{kind:?}");
        }
    }
}
