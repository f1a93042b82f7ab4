//! Reading what a member typed: letters have one case and one width here, traditional characters
//! are read as simplified ones, and much counts as a space that does not look like one.

use crate::content::{Mention, split_placeholder};

/// The most characters of a member's words that an error keeps.
const QUOTED: usize = 40;

/// The most characters of a word that are compared with names; every name is shorter.
pub(super) const LONGEST_NAME: usize = 32;

/// What a message's text has in the place of a picture, a video, a file or an emoji of Feishu's.
pub(super) const OBJECT: char = '\u{fffc}';

/// [`str::strip_prefix`] for folded text without the marks that nobody sees; `prefix` is written
/// plainly.
pub(super) fn strip_folded<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    let fits = prefix
        .chars()
        .all(|expected| chars.find(|c| !is_invisible(*c)).map(fold) == Some(expected));
    fits.then_some(chars.as_str())
}

/// The first characters of a text, folded. A message may be a single word of a megabyte, so that
/// only its beginning is compared with names.
pub(super) fn folded_start(text: &str, most: usize) -> String {
    text.chars().take(most).map(fold).collect()
}

/// Lower case, half width for the full-width forms of ASCII that Chinese input yields (`／Ｐ：`),
/// and the simplified character for a traditional one.
pub(super) fn fold(c: char) -> char {
    let plain = match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '∶' | '︰' | '﹕' => ':',
        '⁄' | '∕' | '⧸' => '/',
        _ => simplified(c),
    };
    plain.to_ascii_lowercase()
}

/// The characters of names, options and times that traditional Chinese writes differently.
fn simplified(c: char) -> char {
    match c {
        '頂' => '顶',
        '銷' => '销',
        '記' => '记',
        '紀' => '纪',
        '錄' => '录',
        '幫' => '帮',
        '換' => '换',
        '時' => '时',
        '點' => '点',
        '鐘' | '鍾' => '钟',
        '週' => '周',
        '禮' => '礼',
        '後' => '后',
        '號' => '号',
        '個' => '个',
        '兩' => '两',
        '這' => '这',
        '發' => '发',
        '佈' => '布',
        '歷' => '历',
        '預' => '预',
        '覽' => '览',
        '間' => '间',
        '淩' => '凌',
        '項' => '项',
        '計' => '计',
        '劃' => '划',
        '條' => '条',
        '則' => '则',
        '訊' => '讯',
        '請' => '请',
        '謝' => '谢',
        '煩' => '烦',
        '託' => '托',
        '剛' => '刚',
        _ => c,
    }
}

/// What an announced text neither begins nor ends with: white space, U+3000 included, and what
/// clients leave between words without showing it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Marks that nobody sees: of direction, of hyphenation, of the form of the character before.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// What separates the words of a command: white space, marks that nobody sees, and what is no text.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c) || c == OBJECT
}

/// Whether the character opens or closes brackets or quotes. The apostrophe of ASCII does neither.
pub(super) fn is_bracket(c: char) -> bool {
    matches!(
        fold(c),
        '(' | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '"'
            | '“'
            | '”'
            | '‘'
            | '’'
            | '「'
            | '」'
            | '『'
            | '』'
            | '【'
            | '】'
            | '〔'
            | '〕'
            | '《'
            | '》'
            | '〈'
            | '〉'
    )
}

/// Whether the character is a picture, or part of one.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{200d}' | '\u{20e3}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
        | '\u{e0020}'..='\u{e007f}')
}

pub(super) fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// Punctuation that may separate a name from its text: `/pin.`, `/公告，今晚停电`.
pub(super) fn is_separator(c: char) -> bool {
    matches!(
        fold(c),
        ':' | ',' | ';' | '.' | '!' | '?' | '~' | '。' | '、' | '…'
    )
}

/// Skips what separates a name from its text: one punctuation mark right after it, and blanks.
pub(super) fn skip_separator(text: &str) -> &str {
    skip_blanks(text.strip_prefix(is_separator).unwrap_or(text))
}

/// Whether a letter of ASCII or a digit follows, in either width.
pub(super) fn is_ascii_word(c: char) -> bool {
    fold(c).is_ascii_alphanumeric()
}

/// Whether a name of ASCII letters before `rest` ends there.
///
/// Blanks, punctuation, emoji, mentions and Chinese end it. Signs of a path, an address or a longer
/// word do not: `/pin/x`, `/pin.sh`, `/pin-board`, `/pin_2`, `/pin's`, `/pin@x`.
pub(super) fn ends_name(rest: &str) -> bool {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else {
        return true;
    };
    let goes_on = chars.next().is_some_and(is_ascii_word);
    match fold(first) {
        _ if is_blank(first) || split_placeholder(rest, &[]).is_some() => true,
        c if c.is_ascii_alphanumeric() => false,
        '/' | '\\' | '_' | '@' => false,
        '-' | '.' | '\'' | '’' => !goes_on,
        c => c.is_ascii() || !c.is_alphabetic() || is_cjk(c),
    }
}

/// A Chinese character, or one of the scripts that are written with them.
pub(super) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// Whether what was `typed` does not end before `rest`, as a letter or digit of ASCII follows
/// another: `2hx`. Chinese needs no blank before the next word: `2天lunch`.
pub(super) fn runs_on(typed: &str, rest: &str) -> bool {
    typed.ends_with(is_ascii_word) && rest.starts_with(is_ascii_word)
}

/// Splits the longest of some words off the text.
///
/// A word that ends in a letter of ASCII ends only where no further one follows; Chinese needs no
/// such sign.
pub(super) fn split_word<'t, T: Copy>(text: &'t str, words: &[(&str, T)]) -> Option<(T, &'t str)> {
    let is_letter = |c: char| fold(c).is_ascii_alphabetic();
    let found = words.iter().filter_map(|&(word, meaning)| {
        let rest = strip_folded(text, word)?;
        (!word.ends_with(is_letter) || !rest.starts_with(is_letter)).then_some((meaning, rest))
    });
    found.min_by_key(|(_, rest)| rest.len())
}

/// The first word of the text: what stands before a blank.
pub(super) fn first_word(text: &str) -> &str {
    text.split(is_blank).next().unwrap_or(text)
}

/// A hyphen or dash of any width: keyboards turn `--` into one of the long ones, of which Chinese
/// keyboards type two at once.
pub(super) fn is_dash(c: char) -> bool {
    matches!(
        fold(c),
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{207b}'
                | '\u{208b}'
                | '−'
                | '\u{23af}'
                | '─'
                | '━'
                | '➖'
                | '\u{2e17}'
                | '\u{2e1a}'
                | '⸺'
                | '⸻'
                | '\u{2e40}'
                | '\u{2e5d}'
                | '\u{30a0}'
                | '\u{fe31}'
                | '\u{fe32}'
                | '﹘'
                | '﹣'
    )
}

/// Strips the dashes before the name of an option: any number of any kind.
///
/// A dash before a blank, a digit or punctuation is text: `- item`, `-5°C`, `---`, `—— 张三`.
pub(super) fn strip_dashes(text: &str) -> Option<&str> {
    let name = text
        .strip_prefix(is_dash)?
        .trim_start_matches(|c| is_dash(c) || is_invisible(c));
    name.starts_with(char::is_alphabetic).then_some(name)
}

/// Skips blanks and the mentions that `skip` accepts; also says whether there was one.
pub(super) fn skip_mentions<'t>(
    text: &'t str,
    mentions: &[Mention],
    skip: impl Fn(&str) -> bool,
) -> (&'t str, bool) {
    let mut rest = skip_blanks(text);
    let mut mentioned = false;
    while let Some((_, after)) = split_placeholder(rest, mentions).filter(|(key, _)| skip(key)) {
        rest = skip_blanks(after);
        mentioned = true;
    }
    (rest, mentioned)
}

/// Shortens a member's words for an answer.
pub(super) fn cut(words: &str) -> String {
    match words.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}
