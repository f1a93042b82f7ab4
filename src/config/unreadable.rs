//! Explains values that cannot be parsed.

use figment::error::Kind;

use crate::config::bounds;
use crate::config::defaults::defaults;
use crate::config::error::Problem;
use crate::config::variables::variables;

pub(crate) fn unreadable(error: &figment::Error) -> Problem {
    let source = error
        .metadata
        .as_ref()
        .map_or_else(String::new, |metadata| format!(" in {}", metadata.name));
    let path = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(field, expected) => {
            let section = path.strip_suffix(field.as_str()).unwrap_or(&path);
            let section = section.trim_end_matches('.');
            let dot = if section.is_empty() { "" } else { "." };
            Problem::new(
                format!("unknown key `{section}{dot}{field}`{source}"),
                nearest(field, expected),
            )
        }
        Kind::UnknownVariant(value, expected) => Problem::new(
            format!("`{path}`{source} is `{value}`"),
            format!("set it to one of {}", quoted(expected)),
        ),
        // The URL may contain a password, so only the reason of its parser is shown.
        Kind::Message(reason) if path == "store.database_url" => Problem::new(
            format!("`{path}` {reason}"),
            "set it, or `NOTICEBOT_DATABASE_URL`, to a URL such as `sqlite://noticebot.db` or `postgres://noticebot:PASSWORD@db.example.com/noticebot`",
        ),
        _ => Problem::new(
            format!("invalid value for `{path}`{source}"),
            format!("expected {}", expected_at(&path)),
        ),
    }
}

pub(crate) fn variable_for(key: &str) -> &'static str {
    let mut variables = variables().iter();
    let variable = variables.find(|variable| variable.key == key);
    variable.map_or("the key in the configuration file", |variable| {
        &variable.name
    })
}

fn nearest(field: &str, expected: &[&str]) -> String {
    expected
        .iter()
        .map(|known| (strsim::jaro_winkler(field, known), known))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(
            || format!("known keys are {}", quoted(expected)),
            |(_, known)| format!("did you mean `{known}`?"),
        )
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// The type of a key's value, with an example. Keys of commands and groups have the types of the
/// same keys in `[policy]`.
fn expected_at(path: &str) -> String {
    let keys: Vec<_> = path.split('.').collect();
    let elements = keys.iter().rposition(|key| key.parse::<usize>().is_err());
    let keys = &keys[..elements.map_or(0, |last| last + 1)];
    let default = match keys {
        [section] => defaults().get(*section),
        [section, key] | [section, .., key] => {
            let keys = defaults().get(*section).and_then(toml::Value::as_table);
            keys.and_then(|keys| keys.get(*key))
        }
        [] => None,
    };
    match (keys.last(), default) {
        (Some(&"chats"), None) if keys.first() == Some(&"groups") => {
            "a list of ids of groups, for example `[\"oc_a0553eda9014c201e6969b478895c230\"]`"
                .to_owned()
        }
        (_, Some(toml::Value::Table(_)) | None) => "a table; see config/default.toml".to_owned(),
        (_, Some(toml::Value::Array(_))) => {
            "a list of ids, for example `[\"ou_7d8a6e6df7621556ce0d21922b676706\"]`".to_owned()
        }
        (_, Some(toml::Value::Boolean(_))) => "`true` or `false`".to_owned(),
        (_, Some(toml::Value::Integer(number))) => {
            format!("a whole number, for example `{number}`")
        }
        (Some(&("listen" | "admin_listen")), Some(example)) => {
            format!("an IP address and a port, for example `{example}`")
        }
        (_, Some(example)) if bounds::is_duration(&keys.join(".")) => {
            format!("a duration, for example `{example}`")
        }
        (_, Some(example)) => format!("a string, for example `{example}`"),
    }
}
