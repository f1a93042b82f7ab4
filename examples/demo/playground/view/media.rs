//! Pictures and files, in messages and in the announcement.

use feishu_sim::State;
use maud::{Markup, html};

use super::super::language::Words;
use super::super::picture;
use super::icon::{Icon, icon};

/// A picture, by its key or token; its name if the page may not show its content.
pub(super) fn picture(state: &State, key: &str, words: &Words) -> Markup {
    let content = state.file(key);
    let shown = content.filter(|content| picture::content_type(content).is_some());
    let size = shown.as_deref().map(picture::size);
    html! {
        @match size {
            Some(size) => img.picture src={ "/picture/" (key) } alt=(words.picture)
                width=[size.map(|(width, _)| width)] height=[size.map(|(_, height)| height)];,
            None => span.missing { (picture_name(words)) },
        }
    }
}

/// A file, which cannot be opened here.
pub(super) fn file(name: &str, words: &Words) -> Markup {
    html! {
        span.file { (icon(Icon::File)) span.hidden { (words.file) (words.colon) } span { (name) } }
    }
}

/// A picture as text.
pub(super) fn picture_name(words: &Words) -> String {
    format!("[{}]", words.picture)
}

/// A file as text.
pub(super) fn file_name(name: &str, words: &Words) -> String {
    format!("[{}] {name}", words.file)
}
