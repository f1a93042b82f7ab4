//! Escapes untrusted text for terminals, messages and cards.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes characters that move the cursor, color text, end a line or change the direction of text,
/// for example as `\u{202e}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let shown = |character: char| {
        if is_unsafe(character) {
            character.escape_default().collect()
        } else {
            String::from(character)
        }
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Escapes the same characters in JSON, except for line breaks between values.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    let escaped = |character: char| is_unsafe(character) && character != '\n';
    if !json.contains(escaped) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if escaped(character) {
            // All of them are in the basic plane, and writing to a string cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Like [`printable`], with spaces instead of line breaks and tabs.
pub(crate) fn on_one_line(text: &str) -> String {
    printable(&text.replace("\r\n", " ").replace(is_break, " ")).into_owned()
}

/// Removes the characters that [`printable`] escapes.
pub(crate) fn plain_name(name: &str) -> String {
    let name: String = name
        .chars()
        .filter(|character| !is_unsafe(*character))
        .collect();
    name.trim().to_owned()
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_separator(character) || is_directional(character)
}

fn is_break(character: char) -> bool {
    matches!(character, '\t'..='\r' | '\u{85}') || is_separator(character)
}

/// Line and paragraph separators.
fn is_separator(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

/// The Unicode property `Bidi_Control`.
fn is_directional(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_keeps_its_value() {
        let value =
            serde_json::json!({"name": "a\u{202e}b\u{85}\u{2028}\u{1b}\n运维 🙂", "n": [1, 2]});
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_json(&pretty);
        assert!(
            shown.contains(r"a\u202eb\u0085\u2028\u001b\n运维 🙂"),
            "{shown}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
        assert_eq!(shown.lines().count(), pretty.lines().count());
    }

    #[test]
    fn ordinary_text_is_unchanged() {
        for text in ["Ops 运维 🙂", "👩‍👩‍👧", "متجر", "e\u{301}", "a\u{a0}b"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
            assert_eq!(on_one_line(text), text);
        }
    }

    #[test]
    fn control_and_direction_marks_are_escaped() {
        for (text, shown) in [
            ("Ops\u{1b}[31m\n✓ all good", "Ops\\u{1b}[31m\\n✓ all good"),
            ("a\u{9b}0mb\0\t", "a\\u{9b}0mb\\u{0}\\t"),
            ("a\u{85}b\u{2028}c\u{7f}", "a\\u{85}b\\u{2028}c\\u{7f}"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{2067}x\u{2069}\u{200f}", "\\u{2067}x\\u{2069}\\u{200f}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn plain_name_removes_marks() {
        assert_eq!(plain_name(" \u{202e}Eve\u{2069}\n\u{1b}👩‍👧 "), "Eve👩‍👧");
    }

    #[test]
    fn on_one_line_replaces_line_breaks() {
        let text = "a\r\nb\nc\td\u{2028}e\u{2029}f\u{85}g\u{b}h\u{c}i\u{202e}\u{1b}";
        assert_eq!(on_one_line(text), "a b c d e f g h i\\u{202e}\\u{1b}");
    }

    proptest! {
        #[test]
        fn no_unsafe_character_remains(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(is_unsafe));
            prop_assert!(!on_one_line(&text).contains(is_unsafe));
        }
    }
}
