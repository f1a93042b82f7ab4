//! Who looks at a page, and in which language.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use tokio::time::Instant;

use crate::language::{Bilingual, Language};
use crate::web::cookie;

/// The cookie with the secret of a session.
pub(super) const SESSION: &str = "noticebot-session";
/// The cookie with the language.
pub(super) const LANGUAGE: &str = "noticebot-language";

/// The connection of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// When the listener cuts it.
    pub(crate) closes_at: Instant,
}

/// An admin who may open the console, or somebody at the login page.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) language: Language,
    /// The token that each form has to contain.
    pub(super) csrf: String,
    pub(super) can_log_out: bool,
    pub(super) address: IpAddr,
    /// The path and the query of the page.
    pub(super) page: String,
}

impl Visitor {
    pub(super) fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        Bilingual::new(zh, en).to(self.language)
    }

    /// The author of what the visitor does, in the audit.
    pub(super) fn name(&self) -> String {
        format!("admin@{}", self.address.to_canonical())
    }
}

/// The routes add it to every request.
impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self {
            language: language(&parts.headers),
            csrf: String::new(),
            can_log_out: false,
            address: IpAddr::from([0; 4]),
            page: String::new(),
        }))
    }
}

/// The chosen language, or the first of the browser's that the console has.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let chosen = cookie(headers, LANGUAGE).and_then(of_tag);
    let accepted = headers.get(header::ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let mut preferred = accepted.unwrap_or_default().split(',');
    chosen
        .or_else(|| preferred.find_map(of_tag))
        .unwrap_or(Language::En)
}

/// The language of a tag such as `zh-CN;q=0.9`.
pub(super) fn of_tag(tag: &str) -> Option<Language> {
    let primary = tag.trim().split(['-', '_', ';']).next()?;
    match primary.to_ascii_lowercase().as_str() {
        "zh" => Some(Language::Zh),
        "en" => Some(Language::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_chosen_or_the_first_known_one() {
        for (cookie, accepted, expected) in [
            ("", "zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("", "fr-FR,en;q=0.5,zh;q=0.4", Language::En),
            ("", "fr", Language::En),
            ("", "", Language::En),
            ("a=b; noticebot-language=zh", "en", Language::Zh),
            ("noticebot-language=fr", "zh", Language::Zh),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(language(&headers), expected, "{cookie} {accepted}");
        }
    }
}
