//! Small numbers, in digits of either width and in Chinese.

use super::text::{fold, split_word};

/// Chinese digits; `两` counts things.
const DIGITS: &[(&str, u32)] = &[
    ("零, 〇", 0),
    ("一", 1),
    ("二, 两", 2),
    ("三", 3),
    ("四", 4),
    ("五", 5),
    ("六", 6),
    ("七", 7),
    ("八", 8),
    ("九", 9),
];

/// Splits off a number in digits or in Chinese.
pub(super) fn split_number(text: &str) -> Option<(u32, &str)> {
    split_digits(text).or_else(|| split_numeral(text))
}

/// Splits off all leading digits; the value saturates.
pub(super) fn split_digits(text: &str) -> Option<(u32, &str)> {
    let mut rest = text;
    let mut value = None;
    while let Some((digit, after)) = split_digit(rest) {
        let so_far: u32 = value.unwrap_or_default();
        value = Some(so_far.saturating_mul(10).saturating_add(digit));
        rest = after;
    }
    value.map(|value| (value, rest))
}

pub(super) fn split_digit(text: &str) -> Option<(u32, &str)> {
    let mut chars = text.chars();
    let digit = chars.next().map(fold)?.to_digit(10)?;
    Some((digit, chars.as_str()))
}

/// Splits off a Chinese number below a hundred: `两`, `十二`, `三十五`, `零五`.
fn split_numeral(text: &str) -> Option<(u32, &str)> {
    let digit = |text| split_word(text, DIGITS);
    let (tens, rest) = match digit(text) {
        Some((0, rest)) => return Some(digit(rest).unwrap_or((0, rest))),
        Some(found) => found,
        None => (1, text),
    };
    match rest.strip_prefix('十') {
        Some(rest) => {
            let (units, rest) = digit(rest).unwrap_or((0, rest));
            Some((tens * 10 + units, rest))
        }
        None => digit(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_digits_and_in_chinese() {
        for (text, expected) in [
            ("0", Some((0, ""))),
            ("09:30", Some((9, ":30"))),
            ("２０２６年", Some((2026, "年"))),
            ("4294967296x", Some((u32::MAX, "x"))),
            ("一天", Some((1, "天"))),
            ("两小时", Some((2, "小时"))),
            ("十分钟", Some((10, "分钟"))),
            ("十二点", Some((12, "点"))),
            ("三十五", Some((35, ""))),
            ("九十九十", Some((99, "十"))),
            ("零五分", Some((5, "分"))),
            ("零点", Some((0, "点"))),
            ("一百", Some((1, "百"))),
            ("", None),
            ("百", None),
            ("-1", None),
            ("x1", None),
        ] {
            assert_eq!(split_number(text), expected, "{text}");
        }
    }
}
