//! Checks values that are copied from elsewhere.

use super::Problem;
use crate::config::unreadable::variable_for;

/// The problem of a value that is missing, or that was copied incompletely from the place `source`.
pub(super) fn required(key: &str, value: &str, source: &str) -> Option<Problem> {
    let variable = variable_for(key);
    let (what, remedy) = if value.trim().is_empty() {
        ("is missing or empty", format!("set `{variable}` {source}"))
    } else if value.trim() != value {
        (
            "begins or ends with white space",
            format!("set `{variable}` without it"),
        )
    } else if value.contains('…') {
        (
            "is the placeholder of an example",
            format!("set `{variable}` {source}"),
        )
    } else if ['"', '\''].iter().any(|quote| is_quoted(value, *quote)) {
        // `docker run --env-file` does not remove them.
        ("is in quotes", format!("set `{variable}` without them"))
    } else {
        return None;
    };
    Some(Problem::new(format!("`{key}` {what}"), remedy))
}

fn is_quoted(value: &str, quote: char) -> bool {
    value.len() > 1 && value.starts_with(quote) && value.ends_with(quote)
}
