//! The headers of an answer: log id, date, and the wait before the next call.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::{
    AGE, CONTENT_DISPOSITION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER,
};

const LOG_ID: HeaderName = HeaderName::from_static("x-tt-logid");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ogw-ratelimit-reset");

/// The id of the exchange in the platform's logs.
pub(crate) fn log_id(headers: &HeaderMap) -> Option<String> {
    let values = [LOG_ID, REQUEST_ID]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok().map(str::to_owned));
    values.into_iter().next()
}

/// The date of the answer, in whole seconds; `None` for a cached copy, and for several different
/// dates.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let is_copy = headers
        .get_all(AGE)
        .iter()
        .any(|age| age.to_str().ok().map(str::trim) != Some("0"));
    let mut dates = headers.get_all(DATE).iter();
    let first = dates.next().filter(|_| !is_copy)?;
    if dates.any(|other| other != first) {
        return None;
    }
    http_date(first.to_str().ok()?)
}

/// How long to wait before another call: from the platform's header, or from that of gateways and
/// proxies. Of several values, the longest is used. A date is relative to that of the answer, or to
/// `now`.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset = longest(headers, &RATE_LIMIT_RESET, seconds);
    reset.or_else(|| {
        let answered_at = date(headers).unwrap_or(now);
        longest(headers, &RETRY_AFTER, |value| {
            let until = || {
                http_date(value)?
                    .duration_since(answered_at)
                    .try_into()
                    .ok()
            };
            seconds(value).or_else(until)
        })
    })
}

/// Whether the body is a file. Without a name of one, JSON and web pages are answers.
pub(crate) fn is_file(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = kind
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("application/json");
    headers.contains_key(CONTENT_DISPOSITION) || !(is_json || is_page(headers))
}

/// Whether the content type is that of a web page.
pub(crate) fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/html")
    })
}

fn longest(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<Duration>,
) -> Option<Duration> {
    let values = headers.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    // A date contains a comma.
    let read = |value: &str| {
        read(value.trim()).or_else(|| value.split(',').filter_map(|part| read(part.trim())).max())
    };
    values.filter_map(read).max()
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX))
}

/// A date in any of the three HTTP formats.
fn http_date(value: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: &str = "x-ogw-ratelimit-reset";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_date_is_read_in_every_format() {
        let check = |pairs: &[(&'static str, &'static str)], expected: Option<&str>| {
            let expected = expected.map(|date| date.parse::<Timestamp>().unwrap());
            assert_eq!(date(&headers(pairs)), expected, "{pairs:?}");
        };
        let day = Some("2024-02-29T23:59:59Z");
        check(&[("date", "Thu, 29 Feb 2024 23:59:59 GMT")], day);
        check(&[("date", "  Thu, 29 Feb 2024 23:59:59 GMT ")], day);
        check(&[("date", "Thursday, 29-Feb-24 23:59:59 GMT")], day);
        check(&[("date", "Thu Feb 29 23:59:59 2024")], day);
        let epoch = Some("1970-01-01T00:00:00Z");
        check(&[("date", "Thu, 01 Jan 1970 00:00:00 GMT")], epoch);
        let (one, two) = (
            ("date", "Thu, 29 Feb 2024 23:59:59 GMT"),
            ("date", "Fri, 01 Mar 2024 00:00:00 GMT"),
        );
        check(&[one, one], day);
        check(&[one, ("age", "0")], day);
        for unknown in [
            &[][..],
            &[one, two],
            &[one, ("age", "30")],
            &[one, ("age", "old")],
            &[("date", "")],
            &[("date", "now")],
            &[("date", "1709251199")],
            &[("date", "Fri, 30 Feb 2024 23:59:59 GMT")],
            &[("date", "Thu, 29 Feb 2023 23:59:59 GMT")],
        ] {
            check(unknown, None);
        }
    }

    #[test]
    fn the_longest_wait_of_several_headers_counts() {
        let check = |pairs: &[(&'static str, &'static str)], expected: Option<u64>| {
            let expected = expected.map(Duration::from_secs);
            let now = "2024-02-29T23:59:49Z".parse().unwrap();
            assert_eq!(retry_after(&headers(pairs), now), expected, "{pairs:?}");
        };
        check(&[], None);
        check(&[(RESET, "7")], Some(7));
        check(&[(RESET, "  7\t")], Some(7));
        check(&[(RESET, "1.2")], Some(2));
        check(&[(RESET, "3, 9")], Some(9));
        check(&[(RESET, "3"), (RESET, "9")], Some(9));
        check(&[(RESET, "0")], Some(0));
        check(&[(RESET, "-1")], None);
        check(&[(RESET, "soon")], None);
        check(&[(RESET, "NaN")], None);
        check(&[(RESET, "5"), ("retry-after", "9")], Some(5));
        check(&[(RESET, "-5"), ("retry-after", "9")], Some(9));
        check(&[("retry-after", "120")], Some(120));
        let at = ("date", "Thu, 29 Feb 2024 23:59:59 GMT");
        let until = ("retry-after", "Fri, 01 Mar 2024 00:00:29 GMT");
        check(&[at, until], Some(30));
        check(&[until], Some(40));
        check(
            &[at, ("retry-after", "Thu, 29 Feb 2024 23:00:00 GMT")],
            None,
        );
        for endless in ["inf", "1e300", "99999999999999999999999"] {
            let headers = headers(&[(RESET, endless)]);
            assert!(retry_after(&headers, Timestamp::UNIX_EPOCH) > Some(Duration::from_hours(1)));
        }
    }

    #[test]
    fn a_web_page_is_known_by_its_type() {
        for page in ["text/html", "Text/HTML; charset=utf-8", " text/html"] {
            assert!(is_page(&headers(&[("content-type", page)])), "{page}");
        }
        for other in ["application/json", "text/plain", ""] {
            assert!(!is_page(&headers(&[("content-type", other)])), "{other}");
        }
        assert!(!is_page(&headers(&[])));
    }
}
