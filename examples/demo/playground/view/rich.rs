//! Styled text of messages and cards.

use std::collections::HashMap;

use feishu_sim::{Mention, Message, State};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::Value;

use super::super::language::Words;
use super::media;

/// A link; `{}` is its address.
const LINK: (&str, &str) = (
    r#"<a href="{}" target="_blank" rel="noopener noreferrer">"#,
    "</a>",
);
/// The start of a placeholder of a mention; a number follows.
const PLACEHOLDER: &str = "@_user_";

/// Text with names in place of placeholders.
pub(super) fn mentioning(text: &str, mentions: &[Mention]) -> Markup {
    html! {
        @for (text, name) in parts(text, mentions) {
            (text)
            @if let Some(name) = name { span.mention { "@" (name) } }
        }
    }
}

/// The parts of the text, each with the name of the person mentioned after it. One pass, because a
/// message may contain thousands of mentions.
pub(super) fn parts<'t>(text: &'t str, mentions: &'t [Mention]) -> Vec<(&'t str, Option<&'t str>)> {
    let names: HashMap<&str, &str> = mentions
        .iter()
        .map(|mention| (&*mention.key, &*mention.name))
        .collect();
    let (mut parts, mut begin) = (Vec::new(), 0);
    for (at, _) in text.match_indices(PLACEHOLDER) {
        let number = &text[at + PLACEHOLDER.len()..];
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let end = at + PLACEHOLDER.len() + digits;
        if let Some(name) = names.get(&text[at..end]) {
            parts.push((&text[begin..at], Some(*name)));
            begin = end;
        }
    }
    parts.push((&text[begin..], None));
    parts
}

/// A rich-text message.
pub(super) fn post(state: &State, message: &Message, content: &Value, words: &Words) -> Markup {
    let paragraphs = content["content"].as_array();
    html! {
        @for paragraph in paragraphs.into_iter().flatten() {
            p.text {
                @for element in paragraph.as_array().into_iter().flatten() {
                    @match element["tag"].as_str() {
                        Some("img") => (media::picture(state, text(&element["image_key"]), words)),
                        _ => (post_element(element, &message.mentions)),
                    }
                }
            }
        }
    }
}

fn post_element(element: &Value, mentions: &[Mention]) -> Markup {
    let text = |name: &str| text(&element[name]);
    match text("tag") {
        "at" => html! { span.mention { "@" (text("user_name")) } },
        "a" => link(text("href"), &html! { (text("text")) }),
        _ if element["style"][0] == "bold" => html! { b { (text("text")) } },
        _ => mentioning(text("text"), mentions),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A link if the URL is a web address; otherwise its text.
pub(super) fn link(href: &str, inside: &Markup) -> Markup {
    html! {
        @if is_web(href) {
            a href=(href) target="_blank" rel="noopener noreferrer" { (inside) }
        } @else { (inside) }
    }
}

fn is_web(href: &str) -> bool {
    let mut schemes = ["https://", "http://"].iter();
    schemes.any(|scheme| href.starts_with(scheme))
}

/// Markdown of a card. HTML in it is shown as text, as on the platform.
pub(super) fn markdown(text: &str) -> Markup {
    let mut html = String::new();
    // Links are not nested.
    let mut is_linked = false;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) if is_web(&dest_url) => {
                let (start, _) = LINK;
                let href = html! { (dest_url.as_ref()) }.0;
                html.push_str(&start.replace("{}", &href));
                is_linked = true;
            }
            Event::End(TagEnd::Link) if std::mem::take(&mut is_linked) => html.push_str(LINK.1),
            Event::Start(tag) => html.push_str(opening(&tag)),
            Event::End(tag) => html.push_str(closing(tag)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                html.push_str(&html! { (text.as_ref()) }.0);
            }
            Event::Code(text) => html.push_str(&html! { code { (text.as_ref()) } }.0),
            Event::SoftBreak | Event::HardBreak => html.push_str("<br>"),
            Event::Rule => html.push_str("<hr>"),
            Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }
    PreEscaped(html)
}

fn opening(tag: &Tag<'_>) -> &'static str {
    match tag {
        Tag::Paragraph => "<p>",
        Tag::Heading { .. } => "<p><b>",
        Tag::List(None) => "<ul>",
        Tag::List(Some(_)) => "<ol>",
        Tag::Item => "<li>",
        Tag::CodeBlock(_) => "<pre>",
        Tag::BlockQuote(_) => "<blockquote>",
        Tag::Emphasis => "<em>",
        Tag::Strong => "<b>",
        Tag::Strikethrough => "<s>",
        _ => "",
    }
}

fn closing(tag: TagEnd) -> &'static str {
    match tag {
        TagEnd::Paragraph => "</p>",
        TagEnd::Heading(_) => "</b></p>",
        TagEnd::List(false) => "</ul>",
        TagEnd::List(true) => "</ol>",
        TagEnd::Item => "</li>",
        TagEnd::CodeBlock => "</pre>",
        TagEnd::BlockQuote(_) => "</blockquote>",
        TagEnd::Emphasis => "</em>",
        TagEnd::Strong => "</b>",
        TagEnd::Strikethrough => "</s>",
        _ => "",
    }
}
