//! Character classes and prefix matching. Text is folded: lower case, half width, simplified
//! characters; invisible characters count as blanks.

use crate::content::{Mention, split_placeholder};

/// Maximum number of characters that an error quotes.
const QUOTED: usize = 40;

/// Maximum number of characters compared with names; every name is shorter.
pub(super) const LONGEST_NAME: usize = 32;

/// Placeholder in a message's text for an image, a video, a file or a Feishu emoji.
pub(super) const OBJECT: char = '\u{fffc}';

/// [`str::strip_prefix`] for folded text without invisible characters; `prefix` must be folded.
pub(super) fn strip_folded<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    let fits = prefix
        .chars()
        .all(|expected| chars.find(|c| !is_invisible(*c)).map(fold) == Some(expected));
    fits.then_some(chars.as_str())
}

/// The first `most` characters, folded. A message may be a single word of a megabyte, so only its
/// start is compared with names.
pub(super) fn folded_start(text: &str, most: usize) -> String {
    text.chars().take(most).map(fold).collect()
}

/// A name for comparison with others, in any width, case and script.
pub fn fold_name(name: &str) -> String {
    name.chars().map(fold).collect()
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

/// The characters of names, options and times that differ in traditional Chinese.
fn simplified(c: char) -> char {
    match c {
        '頂' => '顶',
        '銷' => '销',
        '記' => '记',
        '紀' => '纪',
        '錄' => '录',
        '輯' => '辑',
        '編' => '编',
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
        '權' => '权',
        '陸' => '陆',
        '註' => '注',
        '機' => '机',
        '給' => '给',
        '帳' => '帐',
        '設' => '设',
        '語' => '语',
        '區' => '区',
        '認' => '认',
        '員' => '员',
        '動' => '动',
        '暫' => '暂',
        '復' => '复',
        '繼' => '继',
        '續' => '续',
        '雙' => '双',
        '東' => '东',
        _ => c,
    }
}

/// Characters trimmed from an announced text: white space, including U+3000, and zero-width
/// characters.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Invisible characters: direction marks, soft hyphens, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Separators of words: white space, invisible characters, and the placeholder for non-text.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c) || c == OBJECT
}

/// Brackets and quotes; the ASCII apostrophe is not among them.
pub(super) fn is_bracket(c: char) -> bool {
    [
        '(', ')', '[', ']', '{', '}', '<', '>', '"', '“', '”', '‘', '’', '「', '」', '『', '』',
        '【', '】', '〔', '〕', '《', '》', '〈', '〉',
    ]
    .contains(&fold(c))
}

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

/// Skips the separator between a name and its text: one punctuation mark, and blanks.
pub(super) fn skip_separator(text: &str) -> &str {
    skip_blanks(text.strip_prefix(is_separator).unwrap_or(text))
}

/// ASCII letters and digits of either width.
pub(super) fn is_ascii_word(c: char) -> bool {
    fold(c).is_ascii_alphanumeric()
}

/// Whether an ASCII name ends before `rest`.
///
/// Blanks, punctuation, emoji, mentions and Chinese end it. Characters of a path, an address or a
/// longer word do not: `/pin/x`, `/pin.sh`, `/pin-board`, `/pin_2`, `/pin's`, `/pin@x`.
pub(super) fn ends_name(rest: &str) -> bool {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else {
        return true;
    };
    let continues = chars.next().is_some_and(is_ascii_word);
    match fold(first) {
        _ if is_blank(first) || split_placeholder(rest, &[]).is_some() => true,
        c if c.is_ascii_alphanumeric() => false,
        '/' | '\\' | '_' | '@' => false,
        '-' | '.' | '\'' | '’' => !continues,
        c => c.is_ascii() || !c.is_alphabetic() || is_cjk(c),
    }
}

/// Chinese, Japanese and Korean characters.
pub(super) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// Whether the word in `typed` continues in `rest`, because an ASCII letter or digit follows
/// another: `2hx`. Chinese needs no blank before the next word: `2天lunch`.
pub(super) fn runs_on(typed: &str, rest: &str) -> bool {
    typed.ends_with(is_ascii_word) && rest.starts_with(is_ascii_word)
}

/// Strips the longest of `words`, which are separated by `", "`; there may be none.
///
/// A word that ends in an ASCII letter must not be followed by another one.
pub(super) fn strip_word<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let is_letter = |c: char| fold(c).is_ascii_alphabetic();
    let found = words.split_terminator(", ").filter_map(|word| {
        let rest = strip_folded(text, word)?;
        (!word.ends_with(is_letter) || !rest.starts_with(is_letter)).then_some(rest)
    });
    found.min_by_key(|rest| rest.len())
}

/// Strips the longest word of all rows; also returns the meaning of its row.
pub(super) fn split_word<'t, T: Copy>(text: &'t str, rows: &[(&str, T)]) -> Option<(T, &'t str)> {
    let found = rows
        .iter()
        .filter_map(|&(words, meaning)| Some((meaning, strip_word(text, words)?)));
    found.min_by_key(|(_, rest)| rest.len())
}

/// The text before the first blank.
pub(super) fn first_word(text: &str) -> &str {
    text.split(is_blank).next().unwrap_or(text)
}

/// A hyphen or dash of any width. Keyboards replace `--` by a long dash, and Chinese keyboards type
/// two long dashes at once.
pub(super) fn is_dash(c: char) -> bool {
    const OTHERS: [char; 24] = [
        '-', '\u{58a}', '\u{5be}', '\u{1400}', '\u{1806}', '\u{2043}', '\u{207b}', '\u{208b}', '−',
        '\u{23af}', '─', '━', '➖', '\u{2e17}', '\u{2e1a}', '⸺', '⸻', '\u{2e40}', '\u{2e5d}',
        '\u{30a0}', '\u{fe31}', '\u{fe32}', '﹘', '﹣',
    ];
    let c = fold(c);
    matches!(c, '\u{2010}'..='\u{2015}') || OTHERS.contains(&c)
}

/// Strips the dashes before an option's name: any number of any kind.
///
/// A dash before a blank, a digit or punctuation is text: `- item`, `-5°C`, `---`, `—— 张三`.
pub(super) fn strip_dashes(text: &str) -> Option<&str> {
    let name = text
        .strip_prefix(is_dash)?
        .trim_start_matches(|c| is_dash(c) || is_invisible(c));
    name.starts_with(char::is_alphabetic).then_some(name)
}

/// Skips blanks and the mentions that `skip` accepts; also returns whether there was one.
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

/// Shortens a member's words for a reply.
pub(super) fn cut(words: &str) -> String {
    match words.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}
