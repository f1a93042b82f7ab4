//! Rich text: plain as received, keyed by locale as sent, or wrapped once more.

use std::borrow::Cow;

use super::elements::{Rows, text_in};
use super::{Content, Mark, MessageKind, Post, PostElement};
use crate::lenient::Json;

/// How many objects may wrap a post.
pub(crate) const WRAPPED: u8 = 3;

/// Reads the content of a `post` message.
pub(crate) fn read_content(json: Option<Json<'_>>, content: &str) -> Option<Content> {
    let Some(json) = json else {
        return plain_words(content).map(Content::Text);
    };
    let text = || json.field("text").and_then(Json::text);
    match read(json) {
        Some(post) => Some(Content::Post(post)),
        None => text().map(|text| Content::Text(text.into_owned())),
    }
}

/// The first body with text, or else the first with any content. `None` if nothing in it
/// looks like rich text.
pub(crate) fn read(json: Json<'_>) -> Option<Post> {
    let mut first = None;
    find(json, WRAPPED, &mut first).or(first)
}

pub(crate) fn find(json: Json<'_>, wrapped: u8, first: &mut Option<Post>) -> Option<Post> {
    let [title, content, content_v2] = json.fields(["title", "content", "content_v2"]);
    let title = title.and_then(text_in).unwrap_or_default();
    let list = json.is_array().then_some(json);
    let mut own = Vec::new();
    for content in [list, content, content_v2].into_iter().flatten() {
        let mut rows = Rows::default();
        rows.paragraphs(content);
        let rows = rows.finish();
        let is_better = own.is_empty() || says_anything(&rows);
        if is_better && !says_anything(&own) {
            own = rows;
        }
    }
    let own = Post {
        title: title.into_owned(),
        paragraphs: own,
    };
    if says_anything(&own.paragraphs) {
        return Some(own);
    }
    let mut found = None;
    if let Some(wrapped) = wrapped.checked_sub(1) {
        json.each_field(|key, value| {
            let may_be_locale = !matches!(key, "title" | "content" | "content_v2");
            if found.is_none() && may_be_locale && value.is_object() {
                found = find(value, wrapped, first);
            }
        });
    }
    if found.is_none() && own.says_something() {
        return Some(own);
    }
    if !own.paragraphs.is_empty() && first.is_none() {
        *first = Some(own);
    }
    found
}

pub(crate) fn says_anything(paragraphs: &[Vec<PostElement>]) -> bool {
    paragraphs.iter().any(|row| says_something(row))
}

/// Whether a row has text.
pub(crate) fn says_something(row: &[PostElement]) -> bool {
    row.iter().any(|element| match element {
        PostElement::Text { text, .. }
        | PostElement::Markdown(text)
        | PostElement::CodeBlock { text, .. } => !is_blank(text),
        PostElement::Link { text, href, .. } => !is_blank(text) || !href.is_empty(),
        PostElement::At { .. } => true,
        PostElement::Mark(_)
        | PostElement::Media(_)
        | PostElement::Emotion { .. }
        | PostElement::Rule
        | PostElement::Other { .. } => false,
    })
}

impl Post {
    /// Whether it has any text.
    pub fn says_something(&self) -> bool {
        !is_blank(&self.title) || says_anything(&self.paragraphs)
    }
}

/// Whether a text is invisible: white space and characters without width.
pub(crate) fn is_blank(text: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().all(is_unseen)
}

/// The text of a message that is not typed; `None` for an unknown type.
pub(crate) fn words(message_type: &str, json: Option<Json<'_>>) -> Option<(MessageKind, Post)> {
    let field = |key: &str| json.and_then(|json| json.field(key));
    let line = |key: &str| {
        field(key)
            .and_then(text_in)
            .unwrap_or_default()
            .into_owned()
    };
    let titled = |title: String| Post {
        title,
        paragraphs: Vec::new(),
    };
    Some(match message_type {
        "todo" => {
            let summary = field("summary").and_then(read).unwrap_or_default();
            (MessageKind::Task, summary)
        }
        "location" => (MessageKind::Location, titled(line("name"))),
        "video_chat" => (MessageKind::Meeting, titled(line("topic"))),
        "calendar" | "share_calendar_event" | "general_calendar" => {
            (MessageKind::Event, titled(line("summary")))
        }
        "hongbao" => {
            // The text is the name of the kind in brackets.
            let text = line("text");
            let is_name = text.starts_with('[') && text.ends_with(']');
            (
                MessageKind::RedPacket,
                titled(if is_name { String::new() } else { text }),
            )
        }
        "share_chat" => (MessageKind::GroupCard, Post::default()),
        "share_user" => {
            let person = field("user_id")
                .and_then(Json::non_empty)
                .map(|id| PostElement::At {
                    user_id: id.into_owned(),
                    user_name: String::new(),
                    style: Vec::new(),
                });
            let mut post = Post::default();
            post.paragraphs.extend(person.map(|person| vec![person]));
            (MessageKind::PersonCard, post)
        }
        "system" => (MessageKind::System, titled(filled(json))),
        "vote" => {
            let mut post = titled(line("topic"));
            if let Some(options) = field("options") {
                options.each_item(|option| post.paragraphs.extend(text_in(option).map(item)));
            }
            (MessageKind::Poll, post)
        }
        _ => return None,
    })
}

/// The text of a message of the platform: a template with its values, which are lists of names.
fn filled(json: Option<Json<'_>>) -> String {
    let template = json.and_then(|json| json.field("template"));
    let mut text = template
        .and_then(Json::text)
        .unwrap_or_default()
        .into_owned();
    let Some(json) = json else { return text };
    json.each_field(|key, value| {
        let place = format!("{{{key}}}");
        if !text.contains(&place) {
            return;
        }
        let mut names: Vec<String> = Vec::new();
        if value.is_array() {
            value.each_item(|name| names.extend(text_in(name).map(Cow::into_owned)));
        } else {
            names.extend(text_in(value).map(Cow::into_owned));
        }
        text = text.replace(&place, &names.join(", "));
    });
    without_places(&text)
}

/// Drops places without a value, `{from_user}`.
fn without_places(template: &str) -> String {
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        rest = match after.split_once('}') {
            Some((name, after)) if is_name(name) => after,
            _ => {
                text.push('{');
                after
            }
        };
    }
    text + rest
}

pub(crate) fn item(text: Cow<'_, str>) -> Vec<PostElement> {
    let mark = Mark::Item {
        depth: 0,
        number: None,
    };
    let text = PostElement::Text {
        text: text.into_owned(),
        style: Vec::new(),
    };
    vec![PostElement::Mark(mark), text]
}

/// The text of content that is not JSON, unless it is truncated JSON.
pub(crate) fn plain_words(content: &str) -> Option<String> {
    let is_cut = content.trim_start().starts_with(['{', '[', '"']);
    (!is_cut && !content.trim().is_empty()).then(|| content.to_owned())
}
