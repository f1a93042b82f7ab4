//! Recognizes typed command names.

use super::CommandName;
use super::number::split_digits;
use super::span::split_span;
use super::spec::AttachedValue;
use super::text::{
    LONGEST_NAME, ends_name, fold, folded_start, is_ascii_word, is_blank, is_cjk, is_separator,
    strip_folded,
};
use crate::content::split_placeholder;
use crate::language::Language;

/// The command name at the start of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypedName<'t> {
    /// A known name, and what follows it.
    Command(CommandName, &'t str),
    /// A known name after a slash and a blank, `/ pin`. The rest decides whether it is a command.
    Spaced(CommandName, &'t str),
    /// An unambiguous misspelling of a name.
    Misspelt {
        /// Without the slash.
        typed: &'t str,
        correct: &'static str,
    },
    /// An unknown name: a command of another bot, or a path.
    Unknown(&'t str),
    /// No slash, or no name after it.
    Missing,
}

/// Maximum number of characters searched for a command name.
const LONGEST_SENTENCE: usize = 400;

/// Ordinary words that are one letter away from a command. Without a mention the bot ignores them.
const ORDINARY_WORDS: &[&str] = &[
    "ping", "bin", "in", "pi", "pic", "pid", "pie", "pig", "pip", "pit", "pix", "pan", "pen",
    "pun", "pwn", "pain", "pine", "pink", "pint", "spin", "din", "fin", "gin", "jin", "kin", "lin",
    "min", "sin", "tin", "vin", "win", "yin", "zin", "helm", "heap", "held", "hell", "hemp",
    "kelp", "yelp", "whelp", "cancer", "unspin", "logic", "logit", "logan", "loin",
];

/// Strips the slash before a name, in either width; also returns whether it is a real slash.
///
/// Chinese keyboards type `、` for the slash key. Such a substitute counts only before an exact
/// name.
pub(super) fn strip_slash(text: &str) -> Option<(&str, bool)> {
    let is_like_slash = |c| matches!(fold(c), '\\' | '、' | '÷' | '﹨');
    match strip_folded(text, "/") {
        Some(rest) => Some((rest, true)),
        None => Some((text.strip_prefix(is_like_slash)?, false)),
    }
}

impl<'t> TypedName<'t> {
    /// Parses the start of a message.
    pub(super) fn read(text: &'t str) -> Self {
        let Some((after, is_slash)) = strip_slash(text) else {
            return Self::Missing;
        };
        let command = split_name(after);
        if !is_slash {
            return command.map_or(Self::Missing, |(name, rest)| Self::Command(name, rest));
        }
        let misspelt = split_misspelt(after);
        match (command, misspelt) {
            (Some((name, rest)), None) => Self::Command(name, rest),
            (Some((name, rest)), Some((typed, _))) if after.len() - rest.len() >= typed.len() => {
                Self::Command(name, rest)
            }
            (_, Some((typed, correct))) => Self::Misspelt { typed, correct },
            (None, None) if after.starts_with(is_gap) => {
                let name = split_bare_name(after.trim_start_matches(is_gap));
                name.map_or(Self::Missing, |(name, rest)| Self::Spaced(name, rest))
            }
            (None, None) => unknown_name(after).map_or(Self::Missing, Self::Unknown),
        }
    }
}

fn is_gap(c: char) -> bool {
    is_blank(c) && !matches!(c, '\n' | '\r')
}

/// Splits a known name off a text; the longest wins (`取消置顶` over `取消`).
fn split_name(text: &str) -> Option<(CommandName, &str)> {
    split_one_of(spellings(), text)
}

fn split_one_of(
    spellings: impl Iterator<Item = (CommandName, &'static str)>,
    text: &str,
) -> Option<(CommandName, &str)> {
    let found = spellings.filter_map(|(name, spelling)| {
        let rest = strip_folded(text, spelling)?;
        let ends = if spelling.is_ascii() {
            ends_name(rest) || begins_with_value(name, rest)
        } else {
            // A Chinese name needs no space after it: `/公告今晚停电`. Its synonyms do, because they may
            // begin another word: `/历史上的今天`.
            name == CommandName::Announce || spelling == name.spec().chinese || ends_word(rest)
        };
        ends.then_some((name, rest))
    });
    found.min_by_key(|(_, rest)| rest.len())
}

/// Whether no Chinese word continues in `rest`.
fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| is_cjk(c) && c.is_alphabetic())
}

/// Whether an argument follows the name without a space: `/pin2h`, `/cancel3`.
fn begins_with_value(name: CommandName, rest: &str) -> bool {
    match name.spec().attached_value {
        Some(AttachedValue::Span) => split_span(rest).is_some(),
        Some(AttachedValue::Number) => split_digits(rest).is_some_and(|(_, rest)| ends_name(rest)),
        None => false,
    }
}

/// Splits off a misspelled name; also returns the correct name.
fn split_misspelt(text: &str) -> Option<(&str, &'static str)> {
    let chinese = misspellings().filter_map(|(name, typed)| {
        let rest = strip_folded(text, typed)?;
        let ends = name == CommandName::Announce || ends_word(rest);
        let typed = &text[..text.len() - rest.len()];
        ends.then(|| (typed, name.spelling(Language::Zh)))
    });
    chinese
        .chain(split_spaced(text))
        .max_by_key(|(typed, _)| typed.len())
        .or_else(|| split_misspelt_english(text).filter(|_| split_name(text).is_none()))
}

/// A name with blanks between its characters: `取消 置顶`, `un pin`.
fn split_spaced(text: &str) -> Option<(&str, &'static str)> {
    let found = spellings().filter_map(|(_, spelling)| {
        let mut rest = text;
        for (at, expected) in spelling.char_indices() {
            if at > 0 {
                rest = rest.trim_start_matches(is_gap);
            }
            rest = rest.strip_prefix(|c| fold(c) == expected)?;
        }
        let typed = &text[..text.len() - rest.len()];
        let ends = if spelling.is_ascii() {
            ends_name(rest)
        } else {
            ends_word(rest)
        };
        let has_gap = typed.contains(char::is_whitespace);
        (ends && has_gap).then_some((typed, main_spelling(spelling)))
    });
    found.max_by_key(|(typed, _)| typed.len())
}

/// An English name with one wrong letter, or two swapped ones, that matches exactly one command.
fn split_misspelt_english(text: &str) -> Option<(&str, &'static str)> {
    let is_letter = |c: char| c.is_alphabetic() && !is_cjk(c);
    let rest = text.trim_start_matches(|c| is_letter(fold(c)));
    let word = folded_start(&text[..text.len() - rest.len()], LONGEST_NAME);
    let word: String = word.chars().map(plain_letter).collect();
    if !word.starts_with(|c: char| c.is_ascii()) {
        return None;
    }
    let rest = rest.trim_start_matches(|c| fold(c).is_ascii_digit());
    let typed = &text[..text.len() - rest.len()];
    let ends = ends_name(rest);
    if !ends || word.len() < 2 || ORDINARY_WORDS.contains(&word.as_str()) {
        return None;
    }
    let is_near = |name: &str| strsim::damerau_levenshtein(&word, name) <= 1;
    let mut near = CommandName::all()
        .map(CommandName::as_str)
        .filter(|name| is_near(name));
    let correct = near.next()?;
    near.next().is_none().then_some((typed, correct))
}

/// Maps look-alikes from other alphabets to ASCII: `pіn` with a Cyrillic `і`.
fn plain_letter(c: char) -> char {
    match c {
        'а' | 'α' | 'á' | 'à' | 'ä' => 'a',
        'с' | 'ϲ' | 'ç' => 'c',
        'ԁ' => 'd',
        'е' | 'є' | 'ё' | 'é' | 'è' => 'e',
        'һ' | 'Н' | 'н' => 'h',
        'і' | 'І' | 'ı' | 'ι' | 'ї' | 'í' | 'ì' | 'ï' => 'i',
        'ӏ' | 'Ӏ' => 'l',
        'п' | 'η' | 'ո' | 'ñ' => 'n',
        'о' | 'О' | 'ο' | 'ö' => 'o',
        'р' | 'Р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' | 'ü' | 'ú' => 'u',
        'у' | 'γ' => 'y',
        '\u{1d400}'..='\u{1d6a3}' => {
            let place = (u32::from(c) - 0x1d400) % 26;
            char::from_u32(u32::from('a') + place).unwrap_or(c)
        }
        _ => c,
    }
}

/// The text after the slash up to a separator, if it looks like a name.
fn unknown_name(text: &str) -> Option<&str> {
    let mut offsets = text.char_indices().map(|(at, _)| at);
    let end = offsets.find(|&at| is_separated(&text[at..]));
    let name = &text[..end.unwrap_or(text.len())];
    name.starts_with(char::is_alphanumeric).then_some(name)
}

/// Whether a separator or a mention follows.
fn is_separated(rest: &str) -> bool {
    rest.starts_with(|c| is_blank(c) || is_separator(c)) || split_placeholder(rest, &[]).is_some()
}

/// The most similar spelling: one or two letters off, truncated, or joined to its text.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    if let Some((_, correct)) = split_misspelt(name) {
        return Some(correct);
    }
    let name = folded_start(name, LONGEST_NAME);
    if name.is_empty() {
        return None;
    }
    // Two letters are too short for a prefix: `hi` is not `history`.
    let is_short = name.is_ascii() && name.len() < 3;
    let near = spellings().filter_map(|(_, spelling)| {
        let distance = strsim::damerau_levenshtein(&name, spelling);
        let near = distance <= (spelling.chars().count() / 4).max(1)
            || (spelling.starts_with(&name) && !is_short)
            || name.starts_with(spelling);
        near.then_some((distance, spelling))
    });
    near.min_by_key(|&(distance, _)| distance)
        .map(|(_, spelling)| main_spelling(spelling))
}

/// The command that a sentence mentions.
pub(super) fn mentioned_name(text: &str) -> Option<&'static str> {
    let text = folded_start(text, LONGEST_SENTENCE);
    let found = spellings().filter(|(_, spelling)| {
        if spelling.is_ascii() {
            let mut words = text.split(|c: char| !is_ascii_word(c));
            words.any(|word| word == *spelling)
        } else {
            text.contains(spelling)
        }
    });
    let (_, longest) = found.max_by_key(|(_, spelling)| spelling.len())?;
    Some(main_spelling(longest))
}

/// The main spelling in the same script: `记录` for `纪录`.
fn main_spelling(spelling: &'static str) -> &'static str {
    let language = if spelling.contains(is_cjk) {
        Language::Zh
    } else {
        Language::En
    };
    let known = spellings().find(|(_, known)| *known == spelling);
    known.map_or(spelling, |(name, _)| name.spelling(language))
}

fn spellings() -> impl Iterator<Item = (CommandName, &'static str)> {
    CommandName::all().flat_map(|name| name.spellings().map(move |spelling| (name, spelling)))
}

fn misspellings() -> impl Iterator<Item = (CommandName, &'static str)> {
    CommandName::all().flat_map(|name| {
        name.spec()
            .misspellings
            .iter()
            .map(move |typed| (name, *typed))
    })
}

/// Splits a known name without a slash off a message to the bot.
///
/// A text to announce needs a separator after the name: `公告栏在哪里` is not a command. In English only
/// the exact name counts, not synonyms such as `announcement`.
pub(super) fn split_bare_name(text: &str) -> Option<(CommandName, &str)> {
    let text = text.trim_start_matches(|c| is_blank(c) || matches!(fold(c), '/' | '、' | '\\'));
    let names = spellings().filter(|(name, word)| !word.is_ascii() || *word == name.as_str());
    split_one_of(names, text).filter(|&(name, rest)| {
        name != CommandName::Announce || rest.is_empty() || is_separated(rest)
    })
}
