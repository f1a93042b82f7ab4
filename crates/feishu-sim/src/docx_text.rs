//! The text of a block of an upgraded announcement.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// UTF-16 units of one text block.
const MAX_UNITS: usize = 100_000;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextBody {
    pub(crate) elements: Vec<Element>,
    #[serde(default)]
    pub(crate) style: Style,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Style {
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
    /// The number of an item. The pages list it for updates, but not for the creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
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
            sequence: None,
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
pub(crate) enum Element {
    TextRun(TextRun),
    MentionUser(MentionUser),
    MentionDoc(MentionDoc),
    Reminder(Reminder),
    Equation(Equation),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextRun {
    content: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MentionUser {
    user_id: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MentionDoc {
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
pub(crate) struct Reminder {
    create_user_id: String,
    #[serde(default)]
    is_notify: bool,
    #[serde(default)]
    is_whole_day: bool,
    expire_time: String,
    notify_time: String,
    #[serde(default)]
    text_element_style: TextElementStyle,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Equation {
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

impl TextBody {
    /// Without styles.
    pub(crate) fn plain(text: &str) -> Self {
        let run = TextRun {
            content: text.to_owned(),
            text_element_style: TextElementStyle::default(),
        };
        Self {
            elements: vec![Element::TextRun(run)],
            style: Style::default(),
        }
    }

    /// What people read.
    pub(crate) fn visible(&self, name_of: impl Fn(&str) -> String) -> String {
        let shown = |element: &Element| match element {
            Element::TextRun(run) => run.content.clone(),
            Element::MentionUser(mention) => format!("@{}", name_of(&mention.user_id)),
            Element::MentionDoc(mention) => {
                mention.title.clone().unwrap_or_else(|| mention.url.clone())
            }
            Element::Reminder(reminder) => reminder.expire_time.clone(),
            Element::Equation(equation) => equation.content.clone(),
        };
        self.elements.iter().map(shown).collect()
    }

    /// Whether it is an item with a number of its own.
    pub(crate) fn has_number(&self) -> bool {
        self.style.sequence.is_some()
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let runs = || self.elements.iter().filter_map(Element::run);
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
        if !(1..=3).contains(&self.style.align) || !styles.into_iter().all(fits) {
            return Err(Refusal::code(1_770_001));
        }
        Ok(())
    }
}

impl Element {
    /// UTF-16 units of a run of text.
    pub(crate) fn units(&self) -> usize {
        self.run().map_or(0, TextRun::units)
    }

    /// The id of a mentioned person.
    pub(crate) fn person(&self) -> Option<&str> {
        match self {
            Self::MentionUser(mention) => Some(&mention.user_id),
            _ => None,
        }
    }

    pub(crate) fn is_document(&self) -> bool {
        matches!(self, Self::MentionDoc(_))
    }

    pub(crate) fn is_reminder(&self) -> bool {
        matches!(self, Self::Reminder(_))
    }

    fn run(&self) -> Option<&TextRun> {
        match self {
            Self::TextRun(run) => Some(run),
            _ => None,
        }
    }
}

impl TextRun {
    /// The length in UTF-16 units.
    fn units(&self) -> usize {
        self.content.encode_utf16().count()
    }
}
