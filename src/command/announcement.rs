//! The arguments of `/announce`, and of other commands with a text.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::input::Input;
use super::name::TypedName;
use super::options::{
    TypedOption, is_near_option, offers, read_list, read_recurrence, read_span, read_when, set,
    set_flag, split_named_option, split_option, strip_end_of_options, undashed_option,
    unknown_option,
};
use super::spec::OptionName;
use super::text::{
    LONGEST_NAME, OBJECT, cut, first_word, fold, folded_start, is_blank, is_cjk, is_dash, is_emoji,
    is_separator, is_space, skip_blanks, skip_separator, strip_dashes,
};
use super::{CommandName, ParseError, Recurrence, RecurrenceError, Span, When};

/// Options are searched in this many bytes at the end of a text; all options together are shorter.
const TAIL: usize = 300;

/// Maximum number of words between a misplaced option and the end of the text.
const WORDS_OF_OPTION: usize = 6;

const ANNOUNCE: CommandName = CommandName::Announce;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Announcement {
    /// Byte range of the announced text in the message. `None` announces the replied-to message.
    pub text: Option<Range<usize>>,
    /// `None` adds the text and keeps the rest of the announcement.
    pub replace: Option<Replace>,
    /// `None` publishes now.
    pub at: Option<When>,
    /// `None` publishes once.
    pub every: Option<Recurrence>,
    /// `None` keeps the text until it is removed.
    pub duration: Option<Span>,
    /// Whether to pin the announcement to the top of the chat as well.
    pub top: bool,
    /// Whether to send a message that mentions everybody as well.
    pub notify: bool,
    /// The list of groups to send it to; `None` is this group.
    pub to: Option<String>,
    /// Whether to show it to the author first.
    pub preview: bool,
    /// Whether somebody else has to approve it first.
    pub ask: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// `--replace`: only if the previous content can be restored.
    IfRestorable,
    /// `--replace!`: even if the previous content cannot be restored in full.
    Always,
}

impl Announcement {
    /// The announced part of the parsed `message`; mentions are still placeholders.
    pub fn text<'t>(&self, message: &'t str) -> Option<&'t str> {
        message.get(self.text.clone()?)
    }

    pub fn has_options(&self) -> bool {
        let text = self.text.clone();
        *self
            != Self {
                text,
                ..Self::default()
            }
    }

    /// Parses what follows the name of a command with a text: options of the command, a text,
    /// options.
    ///
    /// Rejects a first or last word that looks like an unknown option, and an option with text on
    /// both sides. After a separate `--` everything is text.
    pub(super) fn read(
        command: CommandName,
        rest: &str,
        input: Input<'_>,
    ) -> Result<Self, ParseError> {
        let announcement = Self::read_text(command, rest, input).and_then(Self::with_one_time);
        announcement.map_err(|error| in_text_of(command, error))
    }

    fn read_text(command: CommandName, rest: &str, input: Input<'_>) -> Result<Self, ParseError> {
        let mut announcement = Self::default();
        let mut rest = input.skip_me_and_separator(rest);
        while let Some(option) = split_option(rest) {
            rest = announcement.take(command, option, input)?;
            rest = input.skip_me_and_separator(skip_separator(rest));
        }
        announcement.text = match strip_end_of_options(rest) {
            Some(text) => range(text, text.len(), input),
            None if strip_dashes(rest).is_some() => return Err(unknown_option(ANNOUNCE, rest)),
            None => {
                reject_command(rest)?;
                reject_option_without_dashes(rest, input)?;
                let text = announcement.take_from_end(command, rest, input)?;
                reject_options_in(text)?;
                range(rest, text.len(), input)
            }
        };
        Ok(announcement)
    }

    /// Rejects a recurrence together with a time.
    fn with_one_time(self) -> Result<Self, ParseError> {
        if self.every.is_some() && self.at.is_some() {
            return Err(ParseError::Recurrence {
                command: ANNOUNCE,
                error: RecurrenceError::AndTime,
            });
        }
        Ok(self)
    }

    /// Parses the options at the end of a text; returns the text before them.
    fn take_from_end<'t>(
        &mut self,
        command: CommandName,
        text: &'t str,
        input: Input<'t>,
    ) -> Result<&'t str, ParseError> {
        let tail = text.ceil_char_boundary(text.len().saturating_sub(TAIL));
        for (at, dashed) in dashed_words(text).filter(|&(at, _)| at >= tail && at > 0) {
            let before = &text[..at];
            let mut with_options = self.clone();
            match with_options.take_all(command, dashed, input) {
                // `text -- --top` is ambiguous: the dashes may be text.
                Some(Ok(())) if last_word(before).and_then(strip_end_of_options) == Some("") => {
                    return Err(misplaced(dashed));
                }
                // `text⏎- --top` would leave an empty list item behind.
                Some(Ok(())) if before.lines().next_back().is_some_and(is_line_mark) => {
                    return Err(formatted(dashed));
                }
                Some(Ok(())) => {
                    *self = with_options;
                    return Ok(before);
                }
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        Ok(text)
    }

    /// Parses options up to the end of a text; `None` if other text follows.
    fn take_all<'t>(
        &mut self,
        command: CommandName,
        text: &'t str,
        input: Input<'t>,
    ) -> Option<Result<(), ParseError>> {
        let mut rest = text;
        while let Some(option) = split_option(rest) {
            rest = match self.take(command, option, input) {
                Ok(rest) => rest,
                Err(error) => {
                    let is_last = words(option.rest).count() < WORDS_OF_OPTION;
                    return is_last.then_some(Err(error));
                }
            };
            rest = input.skip_me_and_separator(skip_separator(rest));
        }
        let is_end = |c| is_blank(c) || is_separator(c) || is_emoji(c);
        (rest.len() < text.len() && rest.chars().all(is_end)).then_some(Ok(()))
    }

    /// Stores an option; returns what follows it.
    fn take<'t>(
        &mut self,
        command: CommandName,
        option: TypedOption<'t>,
        input: Input<'_>,
    ) -> Result<&'t str, ParseError> {
        if !command.spec().options.contains(&option.name) {
            return Err(unknown_option(command, option.typed));
        }
        let mut rest = option.rest;
        match option.name {
            OptionName::Replace => set(&mut self.replace, Replace::IfRestorable, ANNOUNCE, option)?,
            OptionName::ReplaceInsisting => {
                set(&mut self.replace, Replace::Always, ANNOUNCE, option)?;
            }
            OptionName::Top => set_flag(&mut self.top, ANNOUNCE, option)?,
            OptionName::Notify => set_flag(&mut self.notify, ANNOUNCE, option)?,
            OptionName::Preview => set_flag(&mut self.preview, ANNOUNCE, option)?,
            OptionName::Ask => set_flag(&mut self.ask, ANNOUNCE, option)?,
            OptionName::At => {
                let when;
                (when, rest) = read_when(ANNOUNCE, rest, input)?;
                set(&mut self.at, when, ANNOUNCE, option)?;
            }
            OptionName::Every => {
                let every;
                (every, rest) = read_recurrence(ANNOUNCE, rest, input)?;
                set(&mut self.every, every, ANNOUNCE, option)?;
            }
            OptionName::To => {
                let list;
                (list, rest) = read_list(ANNOUNCE, rest, input)?;
                set(&mut self.to, list, ANNOUNCE, option)?;
            }
            OptionName::For => {
                let span;
                (span, rest) = read_span(ANNOUNCE, rest, input)?;
                set(&mut self.duration, span, ANNOUNCE, option)?;
            }
        }
        Ok(rest)
    }
}

/// Rejects `range` of a message if its text without Markdown begins or ends like an option, or
/// begins with a command: `**--top** text`, `- --top`.
///
/// After a separate `--` everything is text.
pub fn reject_formatted_options(
    command: CommandName,
    message: &str,
    range: &Range<usize>,
    shown: &str,
) -> Result<(), ParseError> {
    let before = message.get(..range.start).unwrap_or_default();
    if last_word(before).and_then(strip_end_of_options) == Some("") {
        return Ok(());
    }
    let shown = skip_blanks(shown);
    let result = match strip_dashes(shown) {
        Some(_) => Err(unknown_option(ANNOUNCE, shown)),
        None => reject_command(shown)
            .and_then(|()| reject_option_without_dashes(shown, Input::new(shown, &[])))
            .and_then(|()| reject_options_in(shown)),
    };
    result.map_err(|error| match error {
        ParseError::UnknownOption { option, .. } | ParseError::MisplacedOption { option, .. }
            if split_option(&option).is_some() =>
        {
            in_text_of(command, formatted(&option))
        }
        error => in_text_of(command, error),
    })
}

/// The same error in the text of another command than `/announce`.
fn in_text_of(command: CommandName, error: ParseError) -> ParseError {
    let mut error = error.in_text_of(command);
    if let ParseError::UnknownOption { suggestion, .. } = &mut error {
        suggestion.take_if(|near| !offers(command, near));
    }
    error
}

/// An option, or a near miss, inside formatting.
fn not_plain(option: &str) -> ParseError {
    match split_option(option) {
        Some(_) => formatted(option),
        None => unknown_option(ANNOUNCE, option),
    }
}

fn formatted(dashed: &str) -> ParseError {
    ParseError::FormattedOption {
        command: ANNOUNCE,
        option: cut(first_word(dashed)),
    }
}

/// Whether a line is only the marker of a list item, a quote or a heading.
fn is_line_mark(line: &str) -> bool {
    let mark = line.trim_matches(is_blank);
    let number = mark.strip_suffix(['.', ')', '、', '．', '）']);
    let is_number = number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|c| fold(c).is_ascii_digit())
    });
    let is_sign = |c| matches!(fold(c), '-' | '*' | '+' | '>' | '#' | '•' | '◦' | '▪' | '·');
    is_number || (!mark.is_empty() && mark.chars().all(|c| is_sign(c) || is_blank(c)))
}

/// The byte range of the text in the message: the first `length` bytes of `rest`, and the images
/// right before them.
fn range(rest: &str, length: usize, input: Input<'_>) -> Option<Range<usize>> {
    let start = input.position(rest);
    let before = input.before(start);
    let blanks = before.trim_end_matches(is_blank).len();
    let picture = before[blanks..].find(OBJECT).map(|at| blanks + at);
    let message = input.before(start + length);
    let part = &message[picture.unwrap_or(start)..];
    let start = message.len() - part.trim_start_matches(is_space).len();
    let end = start + part.trim_matches(is_space).len();
    (start < end).then_some(start..end)
}

fn reject_command(text: &str) -> Result<(), ParseError> {
    match TypedName::read(text) {
        TypedName::Command(..) if text.starts_with(['/', '／']) => {
            Err(ParseError::CommandInText {
                command: ANNOUNCE,
                typed: cut(first_word(text)),
            })
        }
        _ => Ok(()),
    }
}

/// Rejects a text that begins like an option: in brackets as in manuals, `[--top]`, or in Chinese
/// without dashes, `定时 明天9点`.
fn reject_option_without_dashes(text: &str, input: Input<'_>) -> Result<(), ParseError> {
    if let Some(option) = bracketed_option(first_word(text)) {
        return Err(not_plain(option));
    }
    if is_cjk(text.chars().next().unwrap_or(' '))
        && let Some(option) = split_named_option(text)
        && match option.name {
            OptionName::At => read_when(ANNOUNCE, option.rest, input).is_ok(),
            OptionName::For => read_span(ANNOUNCE, option.rest, input).is_ok(),
            // Common beginnings: `通知 今晚停电`, `每周一例会`, `审批 流程调整`. `发到 …` may be a
            // sentence.
            OptionName::Notify | OptionName::Every | OptionName::Ask | OptionName::To => false,
            OptionName::Top
            | OptionName::Replace
            | OptionName::ReplaceInsisting
            | OptionName::Preview => text[option.typed.len()..].starts_with(is_blank),
        }
        && !option.rest.is_empty()
    {
        return Err(undashed_option(ANNOUNCE, option));
    }
    Ok(())
}

/// Rejects a text that still contains something like an option: as its last word, among the last
/// words, or at the end of its first line.
fn reject_options_in(text: &str) -> Result<(), ParseError> {
    let text = text.trim_end_matches(is_blank);
    if is_form(text) {
        return Err(ParseError::MissingText { command: ANNOUNCE });
    }
    if let Some(option) = last_word(text).and_then(bracketed_option) {
        return Err(not_plain(option));
    }
    if let Some(last) = last_word(text)
        && strip_dashes(last).is_some()
        && !is_signature(text, last)
    {
        return Err(unknown_option(ANNOUNCE, last));
    }
    let last_line = text.lines().next_back().unwrap_or_default();
    let near_end = dashed_words(last_line)
        .map(|(_, dashed)| dashed)
        .find(|dashed| is_near_option(dashed) && words(dashed).count() <= WORDS_OF_OPTION);
    let first_line = text.lines().next().unwrap_or_default();
    let ends_first_line = last_word(first_line).filter(|last| is_near_option(last));
    match near_end.or(ends_first_line) {
        Some(dashed) if split_option(dashed).is_some() => Err(misplaced(dashed)),
        Some(dashed) => Err(unknown_option(ANNOUNCE, dashed)),
        None => Ok(()),
    }
}

/// Brackets that manuals put around placeholders. Quotes are not among them: quoted words are text.
fn is_manual_bracket(c: char) -> bool {
    matches!(
        fold(c),
        '[' | ']' | '<' | '>' | '(' | ')' | '{' | '}' | '【' | '】'
    )
}

/// Characters that format a word in Markdown, or escape it.
fn is_format_mark(c: char) -> bool {
    matches!(fold(c), '*' | '_' | '`' | '~' | '\\' | '|' | '#' | '+')
}

fn bracketed_option(word: &str) -> Option<&str> {
    let is_mark = |c| is_manual_bracket(c) || is_format_mark(c);
    let inner = word.trim_matches(is_mark);
    (word.starts_with(is_mark) && is_near_option(inner)).then_some(inner)
}

/// Whether the text is a placeholder copied from a manual: `[text]`, `<内容>`.
fn is_form(text: &str) -> bool {
    let inner = text.trim_matches(is_manual_bracket);
    let word = folded_start(inner, LONGEST_NAME);
    inner.len() < text.len() && ["text", "内容", "內容", "正文"].contains(&word.as_str())
}

fn misplaced(dashed: &str) -> ParseError {
    ParseError::MisplacedOption {
        command: ANNOUNCE,
        option: cut(first_word(dashed)),
    }
}

/// Whether the last word is a signature on a separate line: `——行政部`.
fn is_signature(text: &str, last: &str) -> bool {
    let before = text[..text.len() - last.len()].trim_end_matches([' ', '\t', '\u{3000}']);
    let is_own_line = before.ends_with(['\n', '\r', '\u{2028}']);
    let is_long = last.starts_with(|c| is_dash(c) && fold(c) != '-');
    let is_chinese = strip_dashes(last).is_some_and(|name| name.starts_with(is_cjk));
    is_own_line && is_long && is_chinese && !is_near_option(last)
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}

fn last_word(text: &str) -> Option<&str> {
    words(text).next_back()
}

/// The offsets where a word begins with a dash and a letter, each with the rest of the text.
///
/// After Chinese no space is needed, but only an exact option name counts: `今晚停电--置顶`.
fn dashed_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut before = None;
    text.char_indices().filter_map(move |(at, c)| {
        let previous = before.replace(c);
        let dashed = &text[at..];
        let begins = is_dash(c)
            && match previous {
                None => true,
                Some(previous) if is_blank(previous) => true,
                Some(previous) if is_dash(previous) => false,
                Some(previous) => {
                    (is_cjk(previous) || is_separator(previous))
                        && dashed.chars().nth(1).is_some_and(is_dash)
                        && split_option(dashed).is_some()
                }
            };
        (begins && strip_dashes(dashed).is_some()).then_some((at, dashed))
    })
}
