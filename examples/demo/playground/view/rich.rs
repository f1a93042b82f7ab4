//! Text with styles: of messages, and of cards in Markdown.

use feishu_sim::Mention;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::Value;

/// Text with the names of people where their placeholders stand.
pub(super) fn mentioning(text: &str, mentions: &[Mention]) -> Markup {
    // The last ones first: `@_user_1` is also how `@_user_10` begins.
    let first = mentions
        .iter()
        .rev()
        .find_map(|mention| Some((text.split_once(&mention.key)?, mention)));
    match first {
        None => html! { (text) },
        Some(((before, after), mention)) => html! {
            (mentioning(before, mentions))
            span.mention { "@" (mention.name) }
            (mentioning(after, mentions))
        },
    }
}

/// A rich-text message.
pub(super) fn post(content: &Value, mentions: &[Mention]) -> Markup {
    let paragraphs = content["content"].as_array();
    html! {
        @for paragraph in paragraphs.into_iter().flatten() {
            p.text {
                @for element in paragraph.as_array().into_iter().flatten() {
                    (post_element(element, mentions))
                }
            }
        }
    }
}

fn post_element(element: &Value, mentions: &[Mention]) -> Markup {
    let text = |name: &str| element[name].as_str().unwrap_or_default();
    match text("tag") {
        "at" => html! { span.mention { "@" (text("user_name")) } },
        "a" => link(text("href"), &html! { (text("text")) }),
        _ if element["style"][0] == "bold" => html! { b { (text("text")) } },
        _ => mentioning(text("text"), mentions),
    }
}

/// A link where it leads to the web; else what stands on it.
pub(super) fn link(href: &str, inside: &Markup) -> Markup {
    let is_web = ["https://", "http://"]
        .iter()
        .any(|start| href.starts_with(start));
    html! {
        @if is_web {
            a href=(href) target="_blank" rel="noopener noreferrer" { (inside) }
        } @else { (inside) }
    }
}

/// The Markdown of a card. HTML in it is text, as on the platform.
pub(super) fn markdown(text: &str) -> Markup {
    let mut html = String::new();
    for event in Parser::new(text) {
        match event {
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
