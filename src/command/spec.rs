//! What there is to say about a command; `table` says it of each.

use strum::{IntoStaticStr, VariantArray};

use super::{ChangeKind, CommandName};
use crate::config::Right;
use crate::language::{Bilingual, Language};

/// One command.
#[derive(Debug)]
pub struct CommandSpec {
    /// Its Chinese spellings, without the slash, the usual one first.
    pub aliases: &'static [&'static str],
    /// What else people type for it: common misspellings, and other words for the same.
    pub also: &'static [&'static str],
    /// What people type who mean its Chinese name: a character that looks or sounds alike, or two
    /// that are swapped. Half of a name of two characters is no sign of it: `/公司`, `/取件`.
    pub misspelt: &'static [&'static str],
    /// What needs no space after the name.
    pub attached: Option<Attached>,
    /// Its options.
    pub options: &'static [OptionName],
    /// The right that it needs; without one everybody may use it, or the right depends on what it
    /// takes back or drops.
    pub right: Option<Right>,
    /// The kinds of change that it makes.
    pub deeds: &'static [ChangeKind],
    /// Whether `/undo` can take those back.
    pub undoable: bool,
    /// What the app must be granted for it, besides what every command needs.
    pub scopes: &'static [Scope],
    /// What it does, in a few words.
    pub brief: Bilingual,
    /// The ways to write it, the simplest first.
    pub usages: &'static [Usage],
}

/// One way to write a command.
#[derive(Debug)]
pub struct Usage {
    /// What to type.
    pub form: Bilingual,
    /// What it does, in one line.
    pub meaning: Bilingual,
}

/// An argument that may stand right behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// `/pin2h`
    Span,
    /// `/cancel3`
    Number,
}

/// What an option asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionName {
    /// `--replace`
    Replace,
    /// `--replace!`
    ReplaceInsisting,
    /// `--at`
    At,
    /// `--for`
    For,
    /// `--top`
    Top,
}

/// A scope of the platform's that the bot uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
pub enum Scope {
    /// The group's settings and members.
    #[strum(serialize = "im:chat:readonly")]
    ReadChat,
    /// What stands at the top.
    #[strum(serialize = "im:chat.top_notice:write_only")]
    WriteTopNotice,
    /// The announcement and its kind.
    #[strum(serialize = "im:chat.announcement:read")]
    ReadAnnouncement,
    /// The announcement.
    #[strum(serialize = "im:chat.announcement:write_only")]
    WriteAnnouncement,
    /// A message that is replied to.
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
    HearMentions,
    /// All messages of a group.
    #[strum(serialize = "im:message.group_msg")]
    HearGroups,
    /// Direct messages.
    #[strum(serialize = "im:message.p2p_msg:readonly")]
    HearDirect,
}

impl Scope {
    /// All of them, in the order in which they are checked.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// What every command needs, whatever it does: to be heard, to be permitted and to be answered.
    pub const COMMON: &[Self] = &[
        Self::ReadChat,
        Self::Send,
        Self::React,
        Self::HearMentions,
        Self::HearGroups,
        Self::HearDirect,
    ];

    /// Its name on the platform.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl CommandName {
    /// The command that needs a right.
    pub fn of(right: Right) -> Option<Self> {
        Self::all().find(|name| name.spec().right == Some(right))
    }

    /// Every spelling, without the slash.
    pub fn spellings(self) -> impl Iterator<Item = &'static str> {
        let spec = self.spec();
        let others = spec.aliases.iter().chain(spec.also).copied();
        std::iter::once(self.as_str()).chain(others)
    }

    /// The spelling in the script of one language, without the slash.
    pub fn spelling(self, language: Language) -> &'static str {
        match (language, self.spec().aliases) {
            (Language::Zh, [alias, ..]) => alias,
            (Language::Zh, []) | (Language::En, _) => self.as_str(),
        }
    }

    /// The simplest way to write it.
    pub fn simplest_form(self, language: Language) -> &'static str {
        let usage = self.spec().usages.first();
        usage.map_or("", |usage| usage.form.to(language))
    }
}

impl ChangeKind {
    /// The command that makes such a change; `None` if it happens by itself.
    fn command(self) -> Option<&'static CommandSpec> {
        let mut specs = CommandName::all().map(CommandName::spec);
        specs.find(|spec| spec.deeds.contains(&self))
    }

    /// Whether a member asked for it; otherwise it happened by itself.
    pub(crate) fn is_commanded(self) -> bool {
        self.command().is_some()
    }

    /// The kinds that `/undo` can take back.
    pub(crate) fn undoable() -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(|kind| kind.command().is_some_and(|spec| spec.undoable))
    }

    /// Their words, as a list in SQL.
    pub(crate) fn undoable_in_sql() -> String {
        let words = Self::undoable().map(|kind| format!("'{}'", kind.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The right to make such a change, which is also the right to take it back.
    pub(crate) fn right(self) -> Option<Right> {
        self.command()?.right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_belongs_to_one_command_or_to_none() {
        for kind in ChangeKind::VARIANTS {
            let specs = CommandName::all().map(CommandName::spec);
            let makers = specs.filter(|spec| spec.deeds.contains(kind)).count();
            let by_itself = matches!(kind, ChangeKind::Expire | ChangeKind::Recalled);
            assert_eq!(makers, usize::from(!by_itself), "{kind:?}");
        }
    }

    #[test]
    fn what_can_be_undone_needs_a_right() {
        let undoable: Vec<_> = ChangeKind::undoable().collect();
        let changes = [
            ChangeKind::Pin,
            ChangeKind::Unpin,
            ChangeKind::Announce,
            ChangeKind::Replace,
        ];
        assert_eq!(undoable, changes);
        for kind in undoable {
            assert!(kind.right().is_some(), "{kind:?}");
        }
    }
}
