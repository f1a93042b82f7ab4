//! The content of messages that a bot sends: forms and sizes (official page `create_json`).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{card, refusal::Refusal};

// In bytes: 150 KB for a text, 30 KB for a post or card.
const MAX_TEXT: usize = 150 << 10;
const MAX_RICH: usize = 30 << 10;
const LOCALES: [&str; 3] = ["zh_cn", "en_us", "ja_jp"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Post {
    #[serde(default, rename = "title")]
    _title: String,
    content: Vec<Vec<Element>>,
}

/// An element; other fields depend on its tag.
#[derive(Deserialize)]
struct Element {
    tag: String,
}

/// Refuses content that does not match its type.
pub(crate) fn check(msg_type: &str, content: &str) -> Result<(), Refusal> {
    let most = if msg_type == "text" {
        MAX_TEXT
    } else {
        MAX_RICH
    };
    if content.len() > most {
        return Err(Refusal::code(230_025));
    }
    let fits = match msg_type {
        "text" => serde_json::from_str(content).map(|Text { text }| !text.is_empty()),
        "post" => serde_json::from_str(content).map(|locales| is_post(&locales)),
        "interactive" => {
            return card::check(content)
                .map_err(|wrong| Refusal::code(230_099).violating(format!("card: {wrong}")));
        }
        _ => {
            return Err(Refusal::code(230_001)
                .violating(format!("message type `{msg_type}` is not simulated")));
        }
    };
    match fits {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Refusal::code(230_001).violating(format!("{msg_type} content: {content}")))
        }
        Err(error) => Err(Refusal::code(230_001).violating(format!("{msg_type} content: {error}"))),
    }
}

/// A sent post has one object per locale, unlike a received one.
fn is_post(locales: &Map<String, Value>) -> bool {
    const TAGS: &str = "text a at img media emotion hr code_block md";
    let fits = |value: &Value| {
        let post: Option<Post> = serde_json::from_value(value.clone()).ok();
        post.is_some_and(|post| {
            let mut elements = post.content.iter().flatten();
            elements.all(|element| TAGS.split(' ').any(|tag| tag == element.tag))
        })
    };
    !locales.is_empty()
        && locales
            .iter()
            .all(|(locale, post)| LOCALES.contains(&locale.as_str()) && fits(post))
}
