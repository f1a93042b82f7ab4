//! The frame of each page, and what several pages consist of. Every text goes through maud, which
//! escapes it.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use form_urlencoded::Serializer;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::failure::Failure;
use super::state::Console;
use super::visitor::Visitor;
use crate::language::{Bilingual, Language};

/// The pages in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Jobs,
    Audit,
    Groups,
    Tenants,
    Check,
    Settings,
}

impl Section {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Jobs,
        Self::Audit,
        Self::Groups,
        Self::Tenants,
        Self::Check,
        Self::Settings,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Jobs => "/jobs",
            Self::Audit => "/audit",
            Self::Groups => "/groups",
            Self::Tenants => "/tenants",
            Self::Check => "/check",
            Self::Settings => "/settings",
        }
    }

    fn name(self) -> Bilingual {
        match self {
            Self::Overview => Bilingual::new("概览", "Overview"),
            Self::Jobs => Bilingual::new("任务", "Jobs"),
            Self::Audit => Bilingual::new("审计", "Audit"),
            Self::Groups => Bilingual::new("群组", "Groups"),
            Self::Tenants => Bilingual::new("企业与授权", "Tenants and grants"),
            Self::Check => Bilingual::new("检查", "Check"),
            Self::Settings => Bilingual::new("配置", "Settings"),
        }
    }
}

/// A page with its content, or with why it has none.
pub(super) fn respond(
    visitor: &Visitor,
    section: Section,
    content: Result<Markup, Failure>,
) -> Response {
    let (status, content) = match content {
        Ok(content) => (StatusCode::OK, content),
        Err(failure) => (failure.status(), failure.content(visitor)),
    };
    let [head, tail] = frame(visitor, section);
    answer(status, html! { (head) (content) (tail) })
}

pub(super) fn answer(status: StatusCode, page: Markup) -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    (status, [kind], page.into_string()).into_response()
}

/// What comes before and after the content.
pub(super) fn frame(visitor: &Visitor, section: Section) -> [Markup; 2] {
    let name = section.name().to(visitor.language);
    let before = html! {
        (DOCTYPE)
        (PreEscaped(match visitor.language {
            Language::Zh => "<html lang=\"zh-CN\">",
            Language::En => "<html lang=\"en\">",
        }))
        head { (meta(name)) }
        (PreEscaped("<body>"))
        a.skip href="#content" { (visitor.say("跳到内容", "Skip to content")) }
        header {
            img src="/assets/icon.svg" alt="" width="28" height="28";
            p.title { "noticebot" }
            nav aria-label=(visitor.say("页面", "Pages")) {
                ul role="list" {
                    @for of in Section::ALL {
                        li {
                            a href=(of.path()) aria-current=[(of == section).then_some("page")] {
                                (of.name().to(visitor.language))
                            }
                        }
                    }
                }
            }
            (language_link(visitor))
            @if visitor.can_log_out {
                form method="post" action="/logout" {
                    (csrf(visitor))
                    button { (visitor.say("退出登录", "Log out")) }
                }
            }
        }
        (PreEscaped("<main id=\"content\" tabindex=\"-1\">"))
        h1 { (name) }
    };
    let after = html! { (PreEscaped("</main></body></html>")) };
    [before, after]
}

/// The beginning of the head of every page.
pub(super) fn meta(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (title) " · noticebot" }
        link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
        link rel="stylesheet" href="/assets/base.css";
        link rel="stylesheet" href="/assets/console.css";
        script src="/assets/console.js" defer {}
    }
}

pub(super) fn language_link(visitor: &Visitor) -> Markup {
    let (tag, name) = match visitor.language {
        Language::Zh => ("en", "English"),
        Language::En => ("zh-CN", "中文"),
    };
    let query = query(&[("to", tag), ("back", &visitor.page)]);
    html! {
        a #language href={ "/language" (query) } lang=(tag) hreflang=(tag) { (name) }
    }
}

/// The hidden field that proves that a form comes from one of these pages.
pub(super) fn csrf(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="csrf" value=(visitor.csrf); }
}

/// `?a=1&b=2`, without empty values.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = Serializer::new(String::new());
    text.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    let text = text.finish();
    if text.is_empty() {
        text
    } else {
        format!("?{text}")
    }
}

/// A path whose last segment is any text.
pub(super) fn path(parent: &str, segment: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(segment.as_bytes()).collect();
    // A space is `+` in forms only.
    format!("{parent}/{}", encoded.replace('+', "%20"))
}

pub(super) fn moment(console: &Console, at: Timestamp) -> Markup {
    let text = console.local(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
    html! { time datetime=(at.to_string()) { (text) } }
}

/// A table that scrolls sideways where it is wider than the page.
pub(super) fn table(name: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    table_with_text(name, head, rows, None)
}

/// The same, with text of any length in this column.
pub(super) fn table_with_text(
    name: &str,
    head: &[&str],
    rows: &[Vec<Markup>],
    text: Option<usize>,
) -> Markup {
    html! {
        div.wide role="region" aria-label=(name) tabindex="0" {
            table {
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                td class=[(text == Some(column)).then_some("text")] { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Names with values; those without a value are left out.
pub(super) fn facts(facts: &[(&str, Option<Markup>)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                @if let Some(value) = value {
                    dt { (name) }
                    dd { (value) }
                }
            }
        }
    }
}

/// A link to the next page, or to the further rows of a search.
pub(super) fn next(visitor: &Visitor, href: &str) -> Markup {
    html! {
        nav.pages aria-label=(visitor.say("翻页", "Further rows")) {
            a.chip rel="next" href=(href) { (visitor.say("较早的记录", "Older")) }
        }
    }
}

/// A field of a filter.
pub(super) fn field(name: &str, label: &str, value: &str, hint: &str) -> Markup {
    html! {
        label {
            span { (label) }
            input name=(name) value=(value) placeholder=(hint) autocomplete="off" spellcheck="false";
        }
    }
}

/// A choice of a filter: values with their labels.
pub(super) fn choice(name: &str, label: &str, value: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                @for (option, text) in options {
                    option value=(option) selected[*option == value] { (text) }
                }
            }
        }
    }
}

/// Text that consists of an id or of code.
pub(super) fn code(text: &str) -> Markup {
    html! { code { (text) } }
}
