//! The new group announcement (`docx`): its blocks, as sent and as read.
//!
//! Official pages `group/upgraded-group-announcement/**`.

use serde::{Deserialize, Serialize};

use crate::ids::{BlockId, OpenId};
use crate::wire::{optional_id, or_default, percent_encode};

/// One block of a document. Blocks other than text keep their type and children only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Given by the platform; the page block has the chat's id.
    #[serde(
        default,
        deserialize_with = "optional_id",
        skip_serializing_if = "Option::is_none"
    )]
    pub block_id: Option<BlockId>,
    /// What kind of block it is: [`Block::PAGE`], [`Block::TEXT`] or another number.
    pub block_type: u16,
    /// The blocks directly below, in order.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub children: Vec<BlockId>,
    /// The text, if it is a text block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextBlock>,
}

/// The inside of a text block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextBlock {
    /// What stands in it, in order; a `\n` in it is a soft line break.
    #[serde(default, deserialize_with = "or_default")]
    pub elements: Vec<TextElement>,
}

/// A part of a text block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WireElement", into = "WireElement")]
pub enum TextElement {
    /// Text in one style.
    TextRun {
        content: String,
        style: TextElementStyle,
    },
    /// A mention; made through the API it notifies nobody.
    MentionUser { open_id: OpenId },
    /// An element that this crate does not know; it cannot be sent.
    Other,
}

/// The style of a run of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the platform's five switches"
)]
pub struct TextElementStyle {
    /// Heavy type.
    #[serde(skip_serializing_if = "is_off")]
    pub bold: bool,
    /// Slanted type.
    #[serde(skip_serializing_if = "is_off")]
    pub italic: bool,
    /// Struck out.
    #[serde(skip_serializing_if = "is_off")]
    pub strikethrough: bool,
    /// Underlined.
    #[serde(skip_serializing_if = "is_off")]
    pub underline: bool,
    /// Set as code.
    #[serde(skip_serializing_if = "is_off")]
    pub inline_code: bool,
    /// Where the text leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The address, percent-encoded; [`Link::to`] does that.
    pub url: String,
}

impl Block {
    /// The block type of the page, the root of a document.
    pub const PAGE: u16 = 1;
    /// The block type of a paragraph of text.
    pub const TEXT: u16 = 2;

    /// A paragraph to insert.
    pub fn paragraph(elements: Vec<TextElement>) -> Self {
        Self {
            block_id: None,
            block_type: Self::TEXT,
            children: Vec::new(),
            text: Some(TextBlock { elements }),
        }
    }
}

impl TextElement {
    /// A run of text without style.
    pub fn plain(content: impl Into<String>) -> Self {
        Self::TextRun {
            content: content.into(),
            style: TextElementStyle::default(),
        }
    }
}

impl Link {
    /// A link to an address that is not yet percent-encoded.
    pub fn to(address: &str) -> Self {
        Self {
            url: percent_encode(address),
        }
    }
}

/// An element on the wire: an object in which one of many keys is set.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WireElement {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_run: Option<WireTextRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mention_user: Option<WireMention>,
}

#[derive(Serialize, Deserialize)]
struct WireTextRun {
    #[serde(default)]
    content: String,
    #[serde(default, rename = "text_element_style")]
    style: TextElementStyle,
}

#[derive(Serialize, Deserialize)]
struct WireMention {
    user_id: OpenId,
}

impl From<WireElement> for TextElement {
    fn from(wire: WireElement) -> Self {
        match (wire.text_run, wire.mention_user) {
            (Some(WireTextRun { content, style }), _) => Self::TextRun { content, style },
            (None, Some(mention)) => Self::MentionUser {
                open_id: mention.user_id,
            },
            (None, None) => Self::Other,
        }
    }
}

impl From<TextElement> for WireElement {
    fn from(element: TextElement) -> Self {
        let mut wire = Self::default();
        match element {
            TextElement::TextRun { content, style } => {
                wire.text_run = Some(WireTextRun { content, style });
            }
            TextElement::MentionUser { open_id } => {
                wire.mention_user = Some(WireMention { user_id: open_id });
            }
            TextElement::Other => {}
        }
        wire
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_block_to_insert_holds_only_what_is_set() {
        let style = TextElementStyle {
            bold: true,
            link: Some(Link::to("https://x.y")),
            ..TextElementStyle::default()
        };
        let block = Block::paragraph(vec![
            TextElement::plain("a"),
            TextElement::TextRun {
                content: "b".to_owned(),
                style,
            },
            TextElement::MentionUser {
                open_id: "ou_1".into(),
            },
        ]);
        let wire = json!({ "block_type": 2, "text": { "elements": [
            { "text_run": { "content": "a", "text_element_style": {} } },
            { "text_run": { "content": "b", "text_element_style":
                { "bold": true, "link": { "url": "https%3A%2F%2Fx.y" } } } },
            { "mention_user": { "user_id": "ou_1" } },
        ] } });
        assert_eq!(serde_json::to_value(&block).unwrap(), wire);
        assert_eq!(serde_json::from_value::<Block>(wire).unwrap(), block);
    }

    #[test]
    fn a_block_is_read_whatever_the_platform_adds() {
        let page: Block = serde_json::from_value(json!({
            "block_id": "oc_1", "block_type": 1, "parent_id": "", "children": ["dox1"],
            "page": { "elements": [], "style": { "align": 1 } },
        }))
        .unwrap();
        assert_eq!(page.block_type, Block::PAGE);
        assert_eq!(
            (page.block_id, page.children),
            (Some("oc_1".into()), vec!["dox1".into()])
        );

        let text: Block = serde_json::from_value(json!({
            "block_id": "dox1", "block_type": 2, "parent_id": "oc_1", "children": null,
            "text": { "style": { "align": 1, "folded": false }, "elements": [
                { "text_run": { "content": "x", "text_element_style": { "bold": false, "text_color": 3 } } },
                { "equation": { "content": "e=mc^2" } },
            ] },
        }))
        .unwrap();
        let elements = text.text.unwrap().elements;
        assert_eq!(elements, [TextElement::plain("x"), TextElement::Other]);
    }
}
