//! Blocks of a legacy document in their documented form, and their lengths in UTF-16 units.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// One block; exactly the key that `type` names is present.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Block {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    paragraph: Option<Paragraph>,
    #[serde(skip_serializing_if = "Option::is_none")]
    horizontal_line: Option<HorizontalLine>,
    /// Pictures that a person inserted; requests cannot.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    gallery: Option<Gallery>,
}

#[derive(Clone, Debug, Serialize)]
struct Gallery {}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Paragraph {
    pub(crate) elements: Vec<Element>,
    /// If present, even as `{}`, the line begins with a placeholder of one unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) style: Option<ParagraphStyle>,
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct HorizontalLine {
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ParagraphStyle {
    #[serde(skip_serializing_if = "Option::is_none")]
    heading_level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<List>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    align: Option<Align>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Align {
    Left,
    Right,
    Center,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct List {
    r#type: ListType,
    #[serde(skip_serializing_if = "Option::is_none")]
    indent_level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum ListType {
    Number,
    Bullet,
    CheckBox,
    CheckedBox,
    Code,
}

/// One inline element; exactly the key that `type` names is present.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Element {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_run: Option<TextRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docs_link: Option<DocsLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PersonElement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equation: Option<Equation>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TextRun {
    text: String,
    #[serde(default)]
    style: TextStyle,
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TextStyle {
    #[serde(skip_serializing_if = "Option::is_none")]
    bold: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    italic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strike_through: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    under_line: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_inline: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_color: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_color: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Color {
    red: u8,
    green: u8,
    blue: u8,
    alpha: f64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DocsLink {
    url: String,
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PersonElement {
    open_id: String,
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Equation {
    equation: String,
    #[serde(rename = "location", skip_serializing)]
    _location: Option<IgnoredAny>,
}

/// Length in UTF-16 code units, the unit of every index.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

impl Block {
    /// A paragraph of plain text; without style there is no placeholder.
    pub(crate) fn plain(text: &str) -> Self {
        let elements = if text.is_empty() {
            Vec::new()
        } else {
            vec![Element::plain(text)]
        };
        let paragraph = Paragraph {
            elements,
            ..Paragraph::default()
        };
        Self {
            r#type: "paragraph".to_owned(),
            paragraph: Some(paragraph),
            horizontal_line: None,
            gallery: None,
        }
    }

    /// A picture, which only a person can insert.
    pub(crate) fn picture() -> Self {
        Self {
            r#type: "gallery".to_owned(),
            paragraph: None,
            horizontal_line: None,
            gallery: Some(Gallery {}),
        }
    }

    /// The reason why the block cannot be inserted, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        match (self.r#type.as_str(), &self.paragraph, &self.horizontal_line) {
            ("paragraph", Some(paragraph), None) => {
                let style = paragraph.style.as_ref().and_then(ParagraphStyle::fault);
                style.or_else(|| paragraph.elements.iter().find_map(Element::fault))
            }
            ("horizontalLine", None, Some(_)) => None,
            (kind, _, _) => Some(format!("block of type `{kind}` without just its own key")),
        }
    }

    /// The open ids of mentioned people.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        let elements = self
            .paragraph
            .iter()
            .flat_map(|paragraph| &paragraph.elements);
        elements.filter_map(|element| Some(element.person.as_ref()?.open_id.as_str()))
    }

    /// UTF-16 units of the longest run of text.
    pub(crate) fn longest_run(&self) -> usize {
        let elements = self
            .paragraph
            .iter()
            .flat_map(|paragraph| &paragraph.elements);
        let runs = elements.filter_map(Element::run_text);
        runs.map(units).max().unwrap_or(0)
    }

    /// Units without the trailing newline; everything except text counts as one.
    pub(crate) fn units(&self) -> usize {
        self.paragraph.as_ref().map_or(1, |paragraph| {
            usize::from(paragraph.style.is_some())
                + paragraph.elements.iter().map(Element::units).sum::<usize>()
        })
    }

    /// An empty line without style, as at the end of every new document.
    pub(crate) fn is_empty_line(&self) -> bool {
        self.paragraph.is_some() && self.units() == 0
    }

    /// The visible text.
    pub(crate) fn text(&self, name_of: impl Fn(&str) -> String) -> String {
        let Some(paragraph) = &self.paragraph else {
            let sign = self.gallery.as_ref().map_or("---", |_| "[picture]");
            return sign.to_owned();
        };
        paragraph
            .elements
            .iter()
            .map(|element| element.text(&name_of))
            .collect()
    }

    /// The block as the API shows it, starting at `start`.
    pub(crate) fn content(&self, start: usize) -> Value {
        let mut content = json!(self);
        let place = location(start, start + self.units());
        if let Some(paragraph) = &self.paragraph {
            let mut at = start + usize::from(paragraph.style.is_some());
            for (index, element) in paragraph.elements.iter().enumerate() {
                let end = at + element.units();
                content["paragraph"]["elements"][index][&element.r#type]["location"] =
                    location(at, end);
                at = end;
            }
        }
        content[&self.r#type]["location"] = place;
        content
    }
}

impl ParagraphStyle {
    fn fault(&self) -> Option<String> {
        let level = self.heading_level.filter(|level| !(1..=9).contains(level));
        let indent = self.list.as_ref().and_then(|list| list.indent_level);
        let indent = indent.filter(|indent| !(1..=16).contains(indent));
        level
            .map(|level| format!("headingLevel {level} is not 1 to 9"))
            .or_else(|| indent.map(|indent| format!("indentLevel {indent} is not 1 to 16")))
    }
}

impl Element {
    pub(crate) fn plain(text: &str) -> Self {
        let style = TextStyle::default();
        let text_run = TextRun {
            text: text.to_owned(),
            style,
            _location: None,
            line_id: None,
        };
        Self {
            r#type: "textRun".to_owned(),
            text_run: Some(text_run),
            docs_link: None,
            person: None,
            equation: None,
        }
    }

    fn fault(&self) -> Option<String> {
        let keys = [
            ("textRun", self.text_run.is_some()),
            ("docsLink", self.docs_link.is_some()),
            ("person", self.person.is_some()),
            ("equation", self.equation.is_some()),
        ];
        if keys
            .iter()
            .any(|(key, present)| (*key == self.r#type) != *present)
        {
            return Some(format!(
                "element of type `{}` without just its own key",
                self.r#type
            ));
        }
        let run = self.text_run.as_ref()?;
        if run.text.contains('\n') {
            return Some("a line break inside a textRun".to_owned());
        }
        let link = run.style.link.as_ref()?;
        link.url
            .contains("://")
            .then(|| format!("link `{}` is not percent-encoded", link.url))
    }

    fn units(&self) -> usize {
        self.text_run.as_ref().map_or(1, |run| units(&run.text))
    }

    fn text(&self, name_of: impl Fn(&str) -> String) -> String {
        if let Some(run) = &self.text_run {
            return run.text.clone();
        }
        if let Some(person) = &self.person {
            return format!("@{}", name_of(&person.open_id));
        }
        let link = self.docs_link.as_ref().map(|link| link.url.clone());
        link.or_else(|| Some(self.equation.as_ref()?.equation.clone()))
            .unwrap_or_default()
    }

    /// The text of a run; titles consist of runs.
    pub(crate) fn run_text(&self) -> Option<&str> {
        Some(&self.text_run.as_ref()?.text)
    }
}

/// A range of the document's body.
pub(crate) fn location(start: usize, end: usize) -> Value {
    json!({"zoneId": "0", "startIndex": start, "endIndex": end})
}
