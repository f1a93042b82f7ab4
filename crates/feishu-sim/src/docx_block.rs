//! Blocks of an upgraded announcement, with the defaults of the server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// UTF-16 units of one text block.
const MAX_UNITS: usize = 100_000;

/// A block to be created; exactly the key that `block_type` names is present.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock {
    block_type: u16,
    text: Option<TextBody>,
    heading1: Option<TextBody>,
    heading2: Option<TextBody>,
    heading3: Option<TextBody>,
    heading4: Option<TextBody>,
    heading5: Option<TextBody>,
    heading6: Option<TextBody>,
    heading7: Option<TextBody>,
    heading8: Option<TextBody>,
    heading9: Option<TextBody>,
    bullet: Option<TextBody>,
    ordered: Option<TextBody>,
    code: Option<TextBody>,
    quote: Option<TextBody>,
    todo: Option<TextBody>,
    divider: Option<Divider>,
}

/// The content of a checked block.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) block_type: u16,
    pub(crate) key: &'static str,
    pub(crate) body: BlockBody,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum BlockBody {
    Text(TextBody),
    Divider(Divider),
    Image(Image),
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextBody {
    elements: Vec<Element>,
    #[serde(default)]
    style: Style,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Divider {}

/// A picture that a person inserted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Style {
    #[serde(default = "left")]
    align: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<bool>,
    #[serde(default)]
    folded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    indentation_level: Option<String>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            align: left(),
            done: None,
            folded: false,
            language: None,
            wrap: None,
            background_color: None,
            indentation_level: None,
        }
    }
}

/// `align` 1.
fn left() -> u8 {
    1
}

/// One inline element; exactly one key is present.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Element {
    TextRun(TextRun),
    MentionUser(MentionUser),
    MentionDoc(MentionDoc),
    Equation(Equation),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TextRun {
    content: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MentionUser {
    user_id: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MentionDoc {
    token: String,
    obj_type: u16,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Equation {
    content: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has five of them")]
struct TextElementStyle {
    bold: bool,
    inline_code: bool,
    italic: bool,
    strikethrough: bool,
    underline: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    background_color: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_color: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

impl NewBlock {
    /// Checks that the block can be created and has only the key of its type.
    pub(crate) fn check(self) -> Result<Content, Refusal> {
        let block_type = self.block_type;
        let texts = [
            (2, "text", self.text),
            (3, "heading1", self.heading1),
            (4, "heading2", self.heading2),
            (5, "heading3", self.heading3),
            (6, "heading4", self.heading4),
            (7, "heading5", self.heading5),
            (8, "heading6", self.heading6),
            (9, "heading7", self.heading7),
            (10, "heading8", self.heading8),
            (11, "heading9", self.heading9),
            (12, "bullet", self.bullet),
            (13, "ordered", self.ordered),
            (14, "code", self.code),
            (15, "quote", self.quote),
            (17, "todo", self.todo),
        ];
        if block_type != 22 && texts.iter().all(|(number, ..)| *number != block_type) {
            return Err(Refusal::code(1_770_029));
        }
        let texts = texts
            .into_iter()
            .filter_map(|(number, key, body)| Some((number, key, BlockBody::Text(body?))));
        let divider = self
            .divider
            .map(|divider| (22, "divider", BlockBody::Divider(divider)));
        let mut present = texts.chain(divider);
        match (present.next(), present.next()) {
            (Some((number, key, body)), None) if number == block_type => {
                body.check()?;
                Ok(Content {
                    block_type,
                    key,
                    body,
                })
            }
            _ => {
                let what = format!("block of type {block_type} without just its own key");
                Err(Refusal::code(1_770_006).violating(what))
            }
        }
    }
}

impl Content {
    /// A text block without styles, as the client creates it.
    pub(crate) fn plain(text: &str) -> Self {
        let run = TextRun {
            content: text.to_owned(),
            text_element_style: TextElementStyle::default(),
        };
        let body = TextBody {
            elements: vec![Element::TextRun(run)],
            style: Style::default(),
        };
        Self {
            block_type: 2,
            key: "text",
            body: BlockBody::Text(body),
        }
    }

    /// A picture, which only a person can insert.
    pub(crate) fn picture() -> Self {
        Self {
            block_type: 27,
            key: "image",
            body: BlockBody::Image(Image {}),
        }
    }

    /// UTF-16 units of the longest run of text.
    pub(crate) fn longest_run(&self) -> usize {
        let runs = self.elements().iter().filter_map(Element::run);
        runs.map(TextRun::units).max().unwrap_or(0)
    }

    /// The ids of mentioned people.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        self.elements().iter().filter_map(|element| match element {
            Element::MentionUser(mention) => Some(mention.user_id.as_str()),
            Element::TextRun(_) | Element::MentionDoc(_) | Element::Equation(_) => None,
        })
    }

    /// The number of mentioned documents.
    pub(crate) fn documents(&self) -> usize {
        self.elements()
            .iter()
            .filter(|element| matches!(element, Element::MentionDoc(_)))
            .count()
    }

    /// The visible text.
    pub(crate) fn text(&self, name_of: impl Fn(&str) -> String) -> String {
        let body = match &self.body {
            BlockBody::Text(body) => body,
            BlockBody::Divider(_) => return "---".to_owned(),
            BlockBody::Image(_) => return "[picture]".to_owned(),
        };
        let element = |element: &Element| match element {
            Element::TextRun(run) => run.content.clone(),
            Element::MentionUser(mention) => format!("@{}", name_of(&mention.user_id)),
            Element::MentionDoc(mention) => {
                mention.title.clone().unwrap_or_else(|| mention.url.clone())
            }
            Element::Equation(equation) => equation.content.clone(),
        };
        body.elements.iter().map(element).collect()
    }

    /// The block as the API shows it.
    pub(crate) fn show(&self, block_id: &str, parent_id: &str, children: &[String]) -> Value {
        let mut block =
            json!({"block_id": block_id, "parent_id": parent_id, "block_type": self.block_type});
        block[self.key] = json!(self.body);
        if !children.is_empty() {
            block["children"] = json!(children);
        }
        block
    }

    /// Text, headings, list items and to-dos can have children.
    pub(crate) fn takes_children(&self) -> bool {
        matches!(self.block_type, 2..=13 | 17)
    }

    fn elements(&self) -> &[Element] {
        match &self.body {
            BlockBody::Text(body) => &body.elements,
            BlockBody::Divider(_) | BlockBody::Image(_) => &[],
        }
    }
}

impl Element {
    fn run(&self) -> Option<&TextRun> {
        match self {
            Self::TextRun(run) => Some(run),
            Self::MentionUser(_) | Self::MentionDoc(_) | Self::Equation(_) => None,
        }
    }
}

impl TextRun {
    /// The length in UTF-16 units.
    fn units(&self) -> usize {
        self.content.encode_utf16().count()
    }
}

impl BlockBody {
    fn check(&self) -> Result<(), Refusal> {
        let Self::Text(body) = self else {
            return Ok(());
        };
        let runs = || body.elements.iter().filter_map(Element::run);
        if runs().map(TextRun::units).sum::<usize>() > MAX_UNITS {
            return Err(Refusal::code(1_770_033));
        }
        let mut links = runs().filter_map(|run| run.text_element_style.link.as_ref());
        if let Some(link) = links.find(|link| link.url.contains("://")) {
            let what = format!("link `{}` is not percent-encoded", link.url);
            return Err(Refusal::code(1_770_001).violating(what));
        }
        let styles = runs().map(|run| &run.text_element_style);
        let fits = |style: &TextElementStyle| {
            style
                .background_color
                .is_none_or(|color| (1..=15).contains(&color))
                && style
                    .text_color
                    .is_none_or(|color| (1..=7).contains(&color))
        };
        if !(1..=3).contains(&body.style.align) || !styles.into_iter().all(fits) {
            return Err(Refusal::code(1_770_001));
        }
        Ok(())
    }
}
