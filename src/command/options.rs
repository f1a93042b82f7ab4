//! Options and their values: `--at 9:00`.

use super::input::Input;
use super::number::split_number;
use super::recurrence::{NoRecurrence, split_recurrence};
use super::span::split_span;
use super::spec::OptionName;
use super::text::{
    LONGEST_NAME, cut, first_word, fold, folded_start, is_ascii_word, is_blank, is_cjk, is_dash,
    is_separator, skip_blanks, strip_dashes, strip_folded,
};
use super::when::{NoTime, split_when};
use super::{CommandName, ParseError, Recurrence, RecurrenceError, Span, SpanError, When};
use crate::config::{is_list_name, list_name_length};
use crate::content::split_placeholder;

/// Begins many sentences, so after a long dash it is an option only before a recurrence.
const EACH: &str = "每";

/// Every spelling, without the dashes.
const SPELLINGS: &[(&str, OptionName)] = &[
    ("replace", OptionName::Replace),
    ("替换", OptionName::Replace),
    ("replace!", OptionName::ReplaceInsisting),
    ("替换!", OptionName::ReplaceInsisting),
    ("at", OptionName::At),
    ("定时", OptionName::At),
    ("every", OptionName::Every),
    (EACH, OptionName::Every),
    ("for", OptionName::For),
    ("限时", OptionName::For),
    ("top", OptionName::Top),
    ("置顶", OptionName::Top),
    ("notify", OptionName::Notify),
    ("通知", OptionName::Notify),
    ("to", OptionName::To),
    ("发到", OptionName::To),
    ("preview", OptionName::Preview),
    ("预览", OptionName::Preview),
    ("ask", OptionName::Ask),
    ("审批", OptionName::Ask),
];

/// Synonyms whose spelling is not similar to the option's.
const SYNONYMS: &[(&str, &str)] = &[
    ("when, time, schedule", "at"),
    ("repeat, recurring, daily, weekly, monthly", "every"),
    ("until, duration, expire", "for"),
    ("pin", "top"),
    ("overwrite", "replace"),
    ("mention, remind", "notify"),
    ("groups, group, list", "to"),
    ("draft, show", "preview"),
    ("approve, approval, propose", "ask"),
    ("时间, 定点", "定时"),
    ("重复, 循环, 周期, 定期", "每"),
    ("时限, 期限, 有效期", "限时"),
    ("覆盖, 替代", "替换"),
    ("顶置", "置顶"),
    ("提醒", "通知"),
    ("发送到, 群发, 发给, 发送, 群组", "发到"),
    ("预看, 草稿", "预览"),
    ("请示, 送审, 申请, 审核, 提交审批", "审批"),
];

/// Options of other releases and tools; they are not text either, but errors.
const FOREIGN: &[&str] = &["all", "help", "帮助"];

impl OptionName {
    fn takes_value(self) -> bool {
        match self {
            Self::At | Self::Every | Self::For | Self::To => true,
            Self::Replace
            | Self::ReplaceInsisting
            | Self::Top
            | Self::Notify
            | Self::Preview
            | Self::Ask => false,
        }
    }
}

/// An option at the start of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypedOption<'t> {
    pub(super) name: OptionName,
    /// With the dashes.
    pub(super) typed: &'t str,
    /// What follows: the value, if the option takes one.
    pub(super) rest: &'t str,
}

/// Splits off the longest option with an exact name.
pub(super) fn split_option(text: &str) -> Option<TypedOption<'_>> {
    split_name(text, strip_dashes(text)?)
}

/// Like [`split_option`], but without the dashes.
pub(super) fn split_named_option(text: &str) -> Option<TypedOption<'_>> {
    split_name(text, text)
}

fn split_name<'t>(text: &'t str, dashless: &'t str) -> Option<TypedOption<'t>> {
    let found = SPELLINGS.iter().filter_map(|&(spelling, name)| {
        let rest = strip_folded(dashless, spelling)?;
        let is_option = ends_option(spelling, name, rest)
            && (spelling != EACH || is_hyphens(text) || split_recurrence(rest).is_ok());
        is_option.then_some((name, rest))
    });
    let (name, rest) = found.min_by_key(|(_, rest)| rest.len())?;
    let typed = &text[..text.len() - rest.len()];
    let after = if name.takes_value() {
        let mut marks = [":", "="].into_iter();
        let after = marks.find_map(|mark| strip_folded(rest, mark));
        after.unwrap_or(rest)
    } else {
        rest.trim_start_matches(is_separator)
    };
    let rest = skip_blanks(after);
    Some(TypedOption { name, typed, rest })
}

/// Whether the option ends before `rest`. As with commands, a Chinese name needs no space after it,
/// and Chinese ends an English one.
fn ends_option(spelling: &str, name: OptionName, rest: &str) -> bool {
    let mut chars = rest.chars();
    let Some(next) = chars.next() else {
        return true;
    };
    let after = chars.next();
    let is_joined = after.is_some_and(is_ascii_word);
    match fold(next) {
        '=' => name.takes_value(),
        ':' => name.takes_value() || !is_joined,
        _ if !spelling.is_ascii() => true,
        _ if is_blank(next) || is_dash(next) || split_placeholder(rest, &[]).is_some() => true,
        c if c.is_ascii_digit() => name.takes_value(),
        c if is_separator(c) => {
            let beyond = rest.trim_start_matches(is_separator).chars().next();
            beyond.is_none_or(|beyond| is_blank(beyond) || !beyond.is_ascii())
        }
        c => !c.is_ascii() && (is_cjk(c) || !c.is_alphabetic()),
    }
}

/// Whether the first word of `text` begins with a dash and is an option or similar to one.
pub(super) fn is_near_option(text: &str) -> bool {
    let Some(name) = strip_dashes(text) else {
        return false;
    };
    // A long dash may begin an aside: `— or so`.
    let is_hyphens = is_hyphens(text);
    let is_foreign = FOREIGN.iter().any(|known| match strip_folded(name, known) {
        Some(rest) if known.is_ascii() => !rest.starts_with(is_ascii_word),
        Some(rest) => is_hyphens || !rest.starts_with(is_cjk),
        None => false,
    });
    // So may `— not`, which begins like `notify`.
    let is_long = option_name(name).len() > 3;
    is_foreign
        || split_option(text).is_some()
        || nearest_option(name)
            .is_some_and(|near| is_hyphens || !near.is_ascii() || (near.len() > 3 && is_long))
}

fn is_hyphens(text: &str) -> bool {
    text.chars().take(2).all(|c| fold(c) == '-')
}

/// The most similar spelling of an option.
fn nearest_option(name: &str) -> Option<&'static str> {
    let name = option_name(name);
    let typed = folded_start(name, LONGEST_NAME);
    let is_typed = |synonyms: &str| synonyms.split(", ").any(|synonym| synonym == typed);
    if let Some((_, spelling)) = SYNONYMS.iter().find(|(synonyms, _)| is_typed(synonyms)) {
        return Some(spelling);
    }
    let near = SPELLINGS.iter().filter_map(|&(spelling, _)| {
        let distance = strsim::damerau_levenshtein(&typed, spelling);
        let length = spelling.chars().count();
        let is_prefix = typed.chars().count() > 1 && spelling.starts_with(&typed);
        let is_near = distance <= (length / 3).max(1) && distance < length.max(2);
        // Anything is similar to a single character.
        (length > 1).then_some(())?;
        (is_near || is_prefix || (length > 2 && typed.starts_with(spelling)))
            .then_some((distance, spelling))
    });
    near.min_by_key(|&(distance, _)| distance)
        .map(|(_, spelling)| spelling)
}

/// Without the value.
fn option_name(text: &str) -> &str {
    let word = first_word(text);
    let end = word.find(|c| matches!(fold(c), ':' | '=') || (is_separator(c) && fold(c) != '!'));
    &word[..end.unwrap_or(word.len())]
}

pub(super) fn unknown_option(command: CommandName, text: &str) -> ParseError {
    let suggestion = strip_dashes(text)
        .and_then(nearest_option)
        .filter(|spelling| offers(command, spelling));
    ParseError::UnknownOption {
        command,
        option: cut(first_word(text)),
        suggestion: suggestion.map(|spelling| format!("--{spelling}")),
    }
}

pub(super) fn undashed_option(command: CommandName, option: TypedOption<'_>) -> ParseError {
    ParseError::UnknownOption {
        command,
        option: cut(option.typed),
        suggestion: Some(format!("--{}", option.typed)),
    }
}

/// Whether the command has the option with this spelling, with or without dashes.
pub(super) fn offers(command: CommandName, spelling: &str) -> bool {
    let spelling = spelling.trim_start_matches('-');
    let mut known = SPELLINGS.iter().filter(|(known, _)| *known == spelling);
    known.any(|(_, name)| command.spec().options.contains(name))
}

/// Strips the `--` that ends the options.
pub(super) fn strip_end_of_options(text: &str) -> Option<&str> {
    strip_folded(text, "--").filter(|rest| rest.is_empty() || rest.starts_with(is_blank))
}

fn is_missing(value: &str) -> bool {
    value.is_empty() || split_option(value).is_some() || strip_end_of_options(value).is_some()
}

/// Parses the value of `--at`; also returns what follows it.
pub(super) fn read_when<'t>(
    command: CommandName,
    value: &'t str,
    input: Input<'_>,
) -> Result<(When, &'t str), ParseError> {
    if is_missing(value) {
        return Err(ParseError::MissingTime { command });
    }
    if let Some((inner, rest)) = split_quoted(value)
        && let Ok((when, "")) = split_when(inner)
    {
        return Ok((when, rest));
    }
    split_when(value).map_err(|no_time| match no_time {
        NoTime::Unknown(typed) => ParseError::BadTime {
            command,
            typed: input.quote(typed),
        },
        NoTime::WithoutHour(typed) => ParseError::MissingHour {
            command,
            typed: input.quote(typed),
        },
    })
}

/// Parses the value of `--to`, the name of a list; also returns what follows it.
pub(super) fn read_list<'t>(
    command: CommandName,
    value: &'t str,
    input: Input<'_>,
) -> Result<(String, &'t str), ParseError> {
    if is_missing(value) {
        return Err(ParseError::MissingList { command });
    }
    if let Some((name, rest)) = split_quoted(value)
        && is_list_name(name)
    {
        return Ok((name.to_owned(), rest));
    }
    let (name, rest) = value.split_at(list_name_length(value));
    let is_end = |c| is_blank(c) || is_separator(c);
    if is_list_name(name) && (rest.is_empty() || rest.starts_with(is_end)) {
        return Ok((name.to_owned(), rest));
    }
    Err(ParseError::BadList {
        command,
        typed: input.quote(first_word(value)),
    })
}

/// Parses the value of `--every`; also returns what follows it.
pub(super) fn read_recurrence<'t>(
    command: CommandName,
    value: &'t str,
    input: Input<'_>,
) -> Result<(Recurrence, &'t str), ParseError> {
    let failed = |error| ParseError::Recurrence { command, error };
    if is_missing(value) {
        return Err(failed(RecurrenceError::Missing));
    }
    if let Some((inner, rest)) = split_quoted(value)
        && let Ok((recurrence, "")) = split_recurrence(inner)
    {
        return Ok((recurrence, rest));
    }
    split_recurrence(value).map_err(|no_recurrence| {
        let quote = |words| input.quote(words);
        failed(match no_recurrence {
            NoRecurrence::Unknown(words) => RecurrenceError::Unknown {
                typed: quote(words),
            },
            NoRecurrence::WithoutHour(words) => RecurrenceError::WithoutHour {
                typed: quote(words),
            },
            NoRecurrence::WithoutDay(words) => RecurrenceError::WithoutDay {
                typed: quote(words),
            },
        })
    })
}

/// Splits off a quoted value: `"tomorrow 9:00"`.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let is_quote = |c| matches!(fold(c), '"' | '“' | '”' | '「' | '」');
    let inner = text.strip_prefix(is_quote)?;
    let (inner, rest) = inner.split_once(is_quote)?;
    Some((inner.trim_matches(is_blank), rest))
}

/// Parses the value of `--for`, or the duration of `/pin`; also returns what follows it.
pub(super) fn read_span<'t>(
    command: CommandName,
    value: &'t str,
    input: Input<'_>,
) -> Result<(Span, &'t str), ParseError> {
    if is_missing(value) {
        return Err(ParseError::MissingSpan { command });
    }
    let quoted = split_quoted(value).and_then(|(inner, rest)| {
        let (minutes, after) = split_span(inner)?;
        after.is_empty().then_some((minutes, rest))
    });
    let Some((minutes, rest)) = quoted.or_else(|| split_span(value)) else {
        let after = split_number(value).map_or(value, |(_, rest)| skip_blanks(rest));
        let typed = value[..value.len() - after.len() + first_word(after).len()].trim_end();
        let typed = input.quote(typed);
        return Err(ParseError::BadSpan { command, typed });
    };
    match Span::try_from(minutes) {
        Ok(span) => Ok((span, rest)),
        Err(error) => {
            let typed = input.quote(&value[..value.len() - rest.len()]);
            Err(match error {
                SpanError::TooShort => ParseError::SpanTooShort { command, typed },
                SpanError::TooLong => ParseError::SpanTooLong { command, typed },
            })
        }
    }
}

/// Sets an option's value; fails if it is set already.
pub(super) fn set<T>(
    slot: &mut Option<T>,
    value: T,
    command: CommandName,
    option: TypedOption<'_>,
) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(repeated(command, option)),
    }
}

/// Sets an option without a value; fails if it is set already.
pub(super) fn set_flag(
    flag: &mut bool,
    command: CommandName,
    option: TypedOption<'_>,
) -> Result<(), ParseError> {
    if std::mem::replace(flag, true) {
        return Err(repeated(command, option));
    }
    Ok(())
}

fn repeated(command: CommandName, option: TypedOption<'_>) -> ParseError {
    // Any number of dashes is accepted.
    let option = cut(option.typed);
    ParseError::RepeatedOption { command, option }
}
