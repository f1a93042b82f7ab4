//! The text of a post that is larger than any client sends.
//!
//! Such a post is read in one pass that keeps only its text. A tree of its elements
//! would take many times the memory of its bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A post of more bytes is read as text only. The platform accepts posts of up to 30 KB.
pub(super) const LARGEST_POST: usize = 32 * 1024;

/// How many bytes of text are kept. No announcement can have more: it is over 100,000
/// UTF-16 units, whatever the characters.
const LARGEST_TEXT: usize = 400_000;

/// Reads the text of a post: a line for the title and one for each paragraph. The
/// first locale with any text is used.
pub(super) fn text(content: &str) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    let mut json = serde_json::Deserializer::from_str(content);
    let part = Part {
        text: &mut text,
        is: Is::Post,
    };
    part.deserialize(&mut json)?;
    json.end()?;
    Ok(text)
}

/// The position of a value in the post.
struct Part<'t> {
    text: &'t mut String,
    is: Is,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// The post, or the object with its locales.
    Post,
    /// The paragraphs.
    Rows,
    Row,
    /// An element, or part of one.
    Element,
    /// A string that is displayed.
    Text,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Title,
    Content,
    #[serde(alias = "user_id")]
    Text,
    Href,
    #[serde(other)]
    Other,
}

/// A string that is displayed on its own.
fn shown(text: &mut String) -> Part<'_> {
    Part { text, is: Is::Text }
}

impl Part<'_> {
    fn push(&mut self, text: &str) {
        let room = LARGEST_TEXT.saturating_sub(self.text.len());
        let end = text.floor_char_boundary(room.min(text.len()));
        self.text.push_str(&text[..end]);
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() {
            self.push("\n");
        }
    }

    fn below(&mut self, is: Is) -> Part<'_> {
        Part {
            text: self.text,
            is,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a post")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        if self.is == Is::Text {
            self.push(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let is = if self.is == Is::Rows {
            Is::Row
        } else {
            Is::Element
        };
        while list.next_element_seed(self.below(is))?.is_some() {}
        if self.is == Is::Row {
            self.end_line();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let begin = self.text.len();
        let (mut title, mut href) = (String::new(), String::new());
        while let Some(key) = map.next_key()? {
            let is = match (key, self.is) {
                (Key::Href, _) => {
                    map.next_value_seed(shown(&mut href))?;
                    continue;
                }
                (Key::Title, Is::Post) => {
                    map.next_value_seed(shown(&mut title))?;
                    continue;
                }
                // Another locale has the same text.
                (Key::Other, Is::Post) if !self.text.is_empty() => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                (Key::Content, Is::Post) => Is::Rows,
                (Key::Other, Is::Post) => Is::Post,
                (Key::Text, _) => Is::Text,
                (Key::Title | Key::Content | Key::Other, _) => Is::Element,
            };
            map.next_value_seed(self.below(is))?;
        }
        if !href.is_empty() && self.text.get(begin..) != Some(&href) {
            self.push(&format!(" ({href})"));
        }
        if !title.is_empty() {
            self.text.insert_str(begin, &format!("{title}\n"));
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(post: &Value, expected: &str) {
        assert_eq!(text(&post.to_string()).unwrap(), expected, "{post}");
    }

    #[test]
    fn every_line_keeps_its_text() {
        let rows = json!([
            [{ "tag": "at", "user_id": "@_user_1", "user_name": "Lin" }, { "tag": "text", "text": " /announce", "style": ["bold"] }],
            [],
            [{ "tag": "a", "text": "menu", "href": "https://a.cn" }, { "tag": "a", "href": "https://b.cn", "text": "https://b.cn" }],
            { "tag": "text", "text": "no list" },
            [{ "tag": "a", "text": "x", "href": 7 }],
            [{ "tag": "img", "image_key": "img_1" }, 7, null, true, 1.5, "bare", [{ "text": "deep" }]],
        ]);
        let lines = "@_user_1 /announce\n\nmenu (https://a.cn)https://b.cn\nno listx\ndeep\n";
        check(&json!({ "content": rows }), lines);
        check(
            &json!({ "title": "Lunch", "content": rows }),
            &format!("Lunch\n{lines}"),
        );
    }

    #[test]
    fn the_first_locale_with_text_counts() {
        let body = |words: &str| json!({ "title": "", "content": [[{ "text": words }]] });
        check(
            &json!({ "a_a": body(""), "b_b": body("b"), "c_c": body("c") }),
            "b\n",
        );
        check(&json!({ "post": { "zh_cn": body("b") } }), "b\n");
        check(&json!({ "content": null }), "");
        check(&json!([]), "");
    }

    #[test]
    fn kept_text_is_bounded_by_an_announcement() {
        let long = "停".repeat(LARGEST_TEXT);
        let kept = text(&json!({ "content": [[{ "text": long }, { "text": "a" }]] }).to_string());
        assert!(LARGEST_TEXT - kept.unwrap().len() < 3);
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        for deep in ["[".repeat(100_000), r#"{"content":"#.repeat(100_000)] {
            assert!(text(&deep).is_err());
        }
    }
}
