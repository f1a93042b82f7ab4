//! What the pages of the console share with other web pages, such as the playground of the demo.

use axum::http::{HeaderMap, header};

pub mod guard;

/// Colors, text and controls, in light and dark.
pub const STYLE: &str = include_str!("web/base.css");
pub const ICON: &str = include_str!("web/icon.svg");

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let mut cookies = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    cookies
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("x-noticebot-session=1; noticebot-session=2;a");
        headers.insert(header::COOKIE, value);
        assert_eq!(cookie(&headers, "noticebot-session"), Some("2"));
        assert_eq!(cookie(&headers, "a"), None);
    }
}
