//! The addresses in the content of a message.

use serde_json::Value;

const SCHEMES: [&str; 2] = ["http://", "https://"];

/// The addresses in content of any type, in order and without repetitions.
pub(crate) fn links(content: &str) -> Vec<String> {
    let content: Value = serde_json::from_str(content).unwrap_or_default();
    let mut found = Vec::new();
    collect(&content, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => read_text(text, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn read_text(text: &str, found: &mut Vec<String>) {
    let starts = |rest: &&str| SCHEMES.iter().any(|scheme| rest.starts_with(scheme));
    let mut rest = text;
    while let Some(start) = rest.find("http") {
        rest = &rest[start..];
        let ends = |c: char| c.is_whitespace() || "()[]<>\"'`，。）】》".contains(c);
        let end = rest.find(ends).unwrap_or(rest.len());
        let address = &rest[..end];
        if starts(&address) && !found.iter().any(|known| known == address) {
            found.push(address.to_owned());
        }
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let check = |content: Value, found: &[&str]| {
            assert_eq!(links(&content.to_string()), found, "{content}");
        };
        check(
            json!({"text": "see https://a.example/x?y=1&z=%20."}),
            &["https://a.example/x?y=1&z=%20."],
        );
        let markdown = "[here](http://127.0.0.1:1/a) or <https://b.example>，http://c.example";
        check(
            json!({"elements": [{"content": markdown}, {"behaviors": [{"default_url": "https://d.example"}]}]}),
            &[
                "http://127.0.0.1:1/a",
                "https://b.example",
                "http://c.example",
                "https://d.example",
            ],
        );
        check(
            json!({"text": "[https://a.example](https://a.example)"}),
            &["https://a.example"],
        );
        check(json!({"text": "http, https and httpd"}), &[]);
        assert_eq!(links("no JSON"), Vec::<String>::new());
    }
}
