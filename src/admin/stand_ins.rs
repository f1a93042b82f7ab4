//! Stand-ins for ids and texts, so that a job can be shared.
//!
//! What is kept is listed or proven, never guessed: of the platform's event, the values of a few
//! fields; of the bot's own JSON, the strings that its types do not accept in another form. Everything
//! else is replaced.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

/// Fields of the platform's events whose values are words of its protocol.
const PROTOCOL: [&str; 11] = [
    "message_type",
    "chat_type",
    "sender_type",
    "operator_type",
    "tag",
    "style",
    "emoji_type",
    "host",
    "create_time",
    "update_time",
    "action_time",
];

/// Prefixes of the platform's ids.
const PREFIXES: [&str; 10] = [
    "oc", "ou", "on", "om", "omt", "cli", "img", "file", "od", "event",
];

/// An id without a prefix has at least this many characters.
const SHORTEST_ID: usize = 6;

/// Whether the type of a value reads it.
pub(super) type Reader<'r> = &'r dyn Fn(&Value) -> bool;

pub(super) struct StandIns {
    with_text: bool,
    /// What a message says before and after its text.
    command: Vec<String>,
    ids: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

/// Where a string is in a value.
#[derive(Clone, Default)]
struct Place {
    pointer: String,
    /// The same without indices: all elements of an array have one type.
    path: String,
    key: String,
    /// Whether it is in an event as the platform sent it.
    in_event: bool,
    /// Whether it is in JSON within a string.
    embedded: bool,
}

impl Place {
    fn field(&self, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{escaped}", self.pointer),
            path: format!("{}/{escaped}", self.path),
            key: key.to_owned(),
            in_event: self.in_event || self.pointer.is_empty() && key == "event",
            embedded: self.embedded,
        }
    }

    fn element(&self, index: usize) -> Self {
        Self {
            pointer: format!("{}/{index}", self.pointer),
            path: format!("{}/*", self.path),
            ..self.clone()
        }
    }
}

/// A value with what reads it.
struct Whole<'v> {
    value: &'v Value,
    reads: Reader<'v>,
    is_readable: bool,
    /// Whether the strings at a path are words that the types know.
    words: HashMap<String, bool>,
}

impl Whole<'_> {
    /// Whether the type of this string accepts only certain words.
    fn is_word(&mut self, place: &Place, text: &str) -> bool {
        let has_form = |byte: u8| byte.is_ascii_alphanumeric() || b"_/+-".contains(&byte);
        if !self.is_readable || place.embedded || !text.bytes().all(has_form) {
            return false;
        }
        if let Some(known) = self.words.get(&place.path) {
            return *known;
        }
        let mut other = self.value.clone();
        if let Some(value) = other.pointer_mut(&place.pointer) {
            *value = Value::from("?");
        }
        let is_word = !(self.reads)(&other);
        self.words.insert(place.path.clone(), is_word);
        is_word
    }
}

impl StandIns {
    pub(super) fn new(with_text: bool, command: Vec<String>) -> Self {
        Self {
            with_text,
            command,
            ids: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    /// A value that is stored as JSON, with stand-ins. A text that is not JSON stays a string.
    pub(super) fn json(&mut self, text: &str, reads: Reader<'_>) -> Value {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return Value::from(self.text(text));
        };
        let mut whole = Whole {
            value: &value,
            reads,
            is_readable: reads(&value),
            words: HashMap::new(),
        };
        self.value(&value, &Place::default(), &mut whole)
    }

    /// A column that may hold ids and a time.
    pub(super) fn column(&mut self, text: &str) -> Value {
        if text.parse::<Timestamp>().is_ok() {
            return Value::from(text);
        }
        Value::from(self.ids_of(text))
    }

    fn value(&mut self, value: &Value, place: &Place, whole: &mut Whole<'_>) -> Value {
        match value {
            Value::String(text) => Value::from(self.string(text, place, whole)),
            Value::Array(values) => {
                let values = values.iter().enumerate();
                values
                    .map(|(index, value)| self.value(value, &place.element(index), whole))
                    .collect()
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.value(value, &place.field(key), whole)))
                .collect(),
            other => other.clone(),
        }
    }

    fn string(&mut self, text: &str, place: &Place, whole: &mut Whole<'_>) -> String {
        if text.is_empty()
            || place.in_event && PROTOCOL.contains(&place.key.as_str()) && is_protocol_word(text)
            || !place.in_event && text.parse::<Timestamp>().is_ok()
            || whole.is_word(place, text)
        {
            return text.to_owned();
        }
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
            let embedded = Place {
                embedded: true,
                ..place.clone()
            };
            return self.value(&value, &embedded, whole).to_string();
        }
        if is_opaque(text) {
            return self.id(text);
        }
        self.text(text)
    }

    /// A text with stand-ins for ids, and for its words unless they are included.
    fn text(&mut self, text: &str) -> String {
        if self.with_text {
            return self.ids_of(text);
        }
        let whole = |part: &&String| text.contains(part.as_str());
        let Some(part) = self.command.iter().find(whole).cloned() else {
            return self.masked(text);
        };
        let parts = text.split(part.as_str()).map(|rest| {
            // A command has two parts at most.
            self.text(rest)
        });
        parts.collect::<Vec<_>>().join(&part)
    }

    /// Replaces the words of a text, and keeps its shape.
    fn masked(&mut self, text: &str) -> String {
        self.by_token(text, |stand_ins, token| {
            let is_kept = token.starts_with("@_") || ["http", "https"].contains(&token);
            match has_prefix(token) {
                _ if is_kept => token.to_owned(),
                true => stand_ins.id(token),
                false => token.chars().map(mask).collect(),
            }
        })
    }

    fn ids_of(&mut self, text: &str) -> String {
        if is_opaque(text) {
            return self.id(text);
        }
        self.by_token(text, |stand_ins, token| {
            if has_prefix(token) {
                stand_ins.id(token)
            } else {
                token.to_owned()
            }
        })
    }

    /// Replaces the runs of characters that ids and words consist of.
    fn by_token(&mut self, text: &str, replace: impl Fn(&mut Self, &str) -> String) -> String {
        let is_of_token = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@');
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_of_token) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c| !is_of_token(c)).unwrap_or(from.len());
            let (token, after) = from.split_at(end);
            replaced.push_str(before);
            replaced.push_str(&replace(self, token));
            rest = after;
        }
        replaced + rest
    }

    /// The stand-in of an id: its prefix and a number, as long as the id.
    fn id(&mut self, id: &str) -> String {
        if let Some(known) = self.ids.get(id) {
            return known.clone();
        }
        let prefix = prefix(id).map_or_else(String::new, |prefix| format!("{prefix}_"));
        let count = self.counts.entry(prefix.clone()).or_default();
        *count += 1;
        let width = id.chars().count().saturating_sub(prefix.len());
        let stand_in = format!("{prefix}{count:0width$}");
        self.ids.insert(id.to_owned(), stand_in.clone());
        stand_in
    }
}

fn prefix(token: &str) -> Option<&str> {
    let (prefix, rest) = token.split_once('_')?;
    (PREFIXES.contains(&prefix) && !rest.is_empty()).then_some(prefix)
}

fn has_prefix(token: &str) -> bool {
    prefix(token).is_some()
}

/// Whether the whole text is one id, with or without a prefix.
fn is_opaque(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    text.bytes().all(is_token)
        && (has_prefix(text)
            || text.len() >= SHORTEST_ID && text.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_protocol_word(text: &str) -> bool {
    text.len() <= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A character of the same kind.
fn mask(character: char) -> char {
    match character {
        '_' | '-' | '@' => character,
        c if c.is_numeric() && c.is_ascii() => '0',
        c if c.is_uppercase() => 'X',
        c if c.is_lowercase() => 'x',
        _ => '某',
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::outcome::Outcome;

    fn outcome(value: &Value) -> Value {
        let reads = |value: &Value| serde_json::from_value::<Outcome>(value.clone()).is_ok();
        assert!(reads(value), "{value}");
        let replaced = StandIns::new(false, Vec::new()).json(&value.to_string(), &reads);
        assert!(reads(&replaced), "{replaced}");
        replaced
    }

    #[test]
    fn words_of_types_stay_and_words_of_members_go() {
        let cause = |name: &str| {
            json!({ "refused": { "cause": { "misunderstood": { "unknown_argument": {
                "command": "pin", "argument": name } } } } })
        };
        assert_eq!(outcome(&cause("weather")), cause("xxxxxxx"));
        assert_eq!(outcome(&json!("help")), json!("help"));
        assert_eq!(
            outcome(&json!({ "done": { "pinned": "announcement" } })),
            json!({ "done": { "pinned": "announcement" } })
        );
    }

    #[test]
    fn unreadable_values_are_replaced_entirely() {
        let reads = |_: &Value| false;
        let mut stand_ins = StandIns::new(false, Vec::new());
        let value = stand_ins.json(r#"{"state":"secret","by":"ou_7f3a","at":7}"#, &reads);
        assert_eq!(
            value,
            json!({ "state": "xxxxxx", "by": "ou_0001", "at": 7 })
        );
        assert_eq!(
            stand_ins.json("not json ou_7f3a", &reads),
            "xxx xxxx ou_0001"
        );
    }
}
