//! The words of a card: of versions 1 and 2 as they were sent, and of the plain form in which the
//! platform shows any card unless it is asked for the card itself.

use super::elements::{Rows, text_in};
use super::post::says_anything;
use super::{Post, PostElement};
use crate::lenient::Json;

/// The maximum number of objects around a card.
const WRAPPED: u8 = 4;
/// Shown by the platform in place of a card that has no plain form.
const UPGRADE: [&str; 2] = ["请升级至最新版本客户端", "upgrade to the latest version"];

/// Reads a card; one without words is empty, as one that names only its template.
pub(super) fn read(json: Json<'_>) -> Post {
    find(json, WRAPPED).unwrap_or_default()
}

fn find(json: Json<'_>, wrapped: u8) -> Option<Post> {
    for inner in json.fields(["user_dsl", "json_card", "card", "data"]) {
        let (Some(inner), Some(wrapped)) = (inner, wrapped.checked_sub(1)) else {
            continue;
        };
        // The card itself may be JSON in a string.
        let text = inner.string();
        let parsed = text.as_deref().and_then(Json::parse).unwrap_or(inner);
        if let Some(post) = find(parsed, wrapped) {
            return Some(post);
        }
    }
    let post = Post {
        title: title(json),
        paragraphs: paragraphs(json),
    };
    (post.says_something() && !is_upgrade_notice(&post)).then_some(post)
}

fn title(card: Json<'_>) -> String {
    let [header, title] = card.fields(["header", "title"]);
    let from_header = header.map(header_title).filter(|title| !title.is_empty());
    from_header
        .or_else(|| title.and_then(text_in).map(Into::into))
        .unwrap_or_default()
}

/// The content of the card, or of its first language that is not empty.
fn paragraphs(card: Json<'_>) -> Vec<Vec<PostElement>> {
    let [body, elements, i18n] = card.fields(["body", "elements", "i18n_elements"]);
    let body = body.and_then(|body| body.field("elements").or(body.field("property")));
    let mut rows = Rows::default();
    for elements in [body, elements].into_iter().flatten() {
        rows.paragraphs(elements);
    }
    let mut found = rows.finish();
    if let Some(i18n) = i18n {
        i18n.each_field(|_, elements| {
            if !says_anything(&found) {
                let mut rows = Rows::default();
                rows.paragraphs(elements);
                found = rows.finish();
            }
        });
    }
    found
}

fn header_title(header: Json<'_>) -> String {
    let [title, subtitle, property] = header.fields(["title", "subtitle", "property"]);
    let [inner_title, inner_subtitle] =
        property.map_or([None; 2], |property| property.fields(["title", "subtitle"]));
    let parts = [title.or(inner_title), subtitle.or(inner_subtitle)];
    let text = |part: Json<'_>| {
        let text = text_in(part).or_else(|| part.field("property").and_then(text_in));
        text.map(|text| text.trim().to_owned())
    };
    let parts: Vec<String> = parts.into_iter().flatten().filter_map(text).collect();
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn is_upgrade_notice(post: &Post) -> bool {
    let text = |element: &PostElement| match element {
        PostElement::Text { text, .. } | PostElement::Markdown(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    let mut said: Vec<String> = post.paragraphs.iter().flatten().map(text).collect();
    said.retain(|text| !text.is_empty());
    let is_notice = |said: &str| UPGRADE.iter().any(|notice| said.contains(notice));
    post.title.trim().is_empty() && matches!(&said[..], [said] if is_notice(said))
}
