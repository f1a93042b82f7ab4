//! Lenient JSON: a value that is missing or of another type is absent,
//! not an error.
//!
//! Values stay raw until they are read, so that nothing is parsed or copied needlessly.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::{Text, parse_time};

/// The longest identifier in bytes; those of the platform are far shorter.
const LONGEST_ID: usize = 256;

/// An unparsed JSON value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(&'a RawValue);

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(raw)
    }
}

impl<'a> Json<'a> {
    /// `None` if the text is not JSON.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Some(raw.into())
    }

    pub(crate) fn is_object(self) -> bool {
        self.raw().starts_with('{')
    }

    pub(crate) fn is_array(self) -> bool {
        self.raw().starts_with('[')
    }

    /// The value as written.
    pub(crate) fn raw(self) -> &'a str {
        self.0.get()
    }

    /// The value as raw JSON; `None` for null.
    pub(crate) fn to_raw(self) -> Option<&'a RawValue> {
        Some(self.0).filter(|raw| raw.get() != "null")
    }

    /// A string that is not empty.
    pub(crate) fn non_empty(self) -> Option<Cow<'a, str>> {
        self.string().filter(|text| !text.is_empty())
    }

    /// The text of a string, or a number as written.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self.raw().as_bytes().first()? {
            b'"' => match serde_json::from_str::<Text<'a>>(self.raw()) {
                Ok(text) => Some(text.0),
                Err(_) => self.broken_text().map(Cow::Owned),
            },
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.raw())),
            _ => None,
        }
    }

    /// The text of a string with half a surrogate pair, which remains of a truncated emoji.
    fn broken_text(self) -> Option<String> {
        let mut deserializer = serde_json::Deserializer::from_str(self.raw());
        deserializer.deserialize_bytes(Lossy).ok()
    }

    /// The text of a string; `None` for a number.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        self.raw().starts_with('"').then(|| self.text()).flatten()
    }

    /// A unix time, as a string or a number, with or without a fraction.
    pub(crate) fn time(self) -> Option<Timestamp> {
        let text = self.text()?;
        let time = parse_time(text.trim().split('.').next()?)?;
        // The platform writes zero for an unknown time.
        (time > Timestamp::UNIX_EPOCH).then_some(time)
    }

    /// An identifier; `None` if it is empty.
    pub(crate) fn id<T: From<String>>(self) -> Option<T> {
        let text = self.string()?;
        let id = text.trim();
        (1..=LONGEST_ID)
            .contains(&id.len())
            .then(|| T::from(id.to_owned()))
    }

    pub(crate) fn is_true(self) -> bool {
        self.raw() == "true"
    }

    /// The values of these keys of an object; the last one of a repeated key.
    pub(crate) fn fields<const N: usize>(self, keys: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        self.each_field(|key, value| {
            if let Some(at) = keys.iter().position(|wanted| *wanted == key) {
                found[at] = Some(value);
            }
        });
        found
    }

    /// The value of a key of an object.
    pub(crate) fn field(self, key: &str) -> Option<Self> {
        let [value] = self.fields([key]);
        value
    }

    /// Calls `see` for every field of an object in order; not for any other value.
    pub(crate) fn each_field(self, see: impl FnMut(&str, Self)) {
        if self.is_object() {
            let mut deserializer = serde_json::Deserializer::from_str(self.raw());
            // The fields before an unreadable key count.
            let _ = deserializer.deserialize_map(EachField(see));
        }
    }

    /// Calls `see` for every item of an array in order; not for any other value.
    pub(crate) fn each_item(self, see: impl FnMut(Self)) {
        if self.is_array() {
            let mut deserializer = serde_json::Deserializer::from_str(self.raw());
            let _ = deserializer.deserialize_seq(EachItem(see));
        }
    }
}

struct EachField<F>(F);

impl<'de, F: FnMut(&str, Json<'de>)> Visitor<'de> for EachField<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            (self.0)(&key, value.into());
        }
        Ok(())
    }
}

struct EachItem<F>(F);

impl<'de, F: FnMut(Json<'de>)> Visitor<'de> for EachItem<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<&RawValue>()? {
            (self.0)(item.into());
        }
        Ok(())
    }
}

struct Lossy;

impl Visitor<'_> for Lossy {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        Json::parse(json)?.text().map(Cow::into_owned)
    }

    #[test]
    fn only_strings_or_numbers_have_a_text() {
        for (json, expected) in [
            (r#""a\n\"b""#, Some("a\n\"b")),
            (
                r#""half \ud83d of it""#,
                Some("half \u{fffd}\u{fffd}\u{fffd} of it"),
            ),
            ("1608725989000", Some("1608725989000")),
            ("-1.5e3", Some("-1.5e3")),
            ("null", None),
            ("true", None),
            ("[]", None),
            ("{}", None),
            ("{", None),
        ] {
            assert_eq!(text(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn fields_are_found_where_there_is_an_object() {
        let json = Json::parse(r#" {"a":1,"b":{"a":2},"a":"3","c":null} "#).unwrap();
        let [a, b, missing] = json.fields(["a", "b", "d"]);
        assert_eq!(a.and_then(Json::text).as_deref(), Some("3"));
        assert_eq!(b.and_then(|b| b.field("a")).map(Json::raw), Some("2"));
        assert!(missing.is_none());
        for other in ["[{\"a\":1}]", "7", "\"a\"", "null"] {
            assert!(Json::parse(other).unwrap().field("a").is_none(), "{other}");
        }
    }

    #[test]
    fn items_are_shown_in_order() {
        let mut seen = Vec::new();
        let json = Json::parse(r#"[1,[2],"3",{"a":4}]"#).unwrap();
        json.each_item(|item| seen.push(item.raw()));
        assert_eq!(seen, ["1", "[2]", "\"3\"", r#"{"a":4}"#]);
    }

    #[test]
    fn a_time_is_read_in_every_form() {
        let time = |json: &str| Json::parse(json).unwrap().time();
        let moment = Timestamp::from_second(1_608_725_989).ok();
        for json in [
            "1608725989",
            "\"1608725989.7171419\"",
            "1608725989000",
            "\" 1608725989000000 \"",
        ] {
            assert_eq!(time(json), moment, "{json}");
        }
        for none in [
            "0",
            "-1",
            "1e12",
            "\"soon\"",
            "null",
            "[]",
            "99999999999999999999",
        ] {
            assert_eq!(time(none), None, "{none}");
        }
    }

    #[test]
    fn an_id_is_neither_empty_nor_endless() {
        let id = |json: &str| Json::parse(json).unwrap().id::<String>();
        assert_eq!(id(r#"" om_1 ""#).as_deref(), Some("om_1"));
        let endless = format!("\"{}\"", "x".repeat(LONGEST_ID + 1));
        for none in ["\"\"", "\"  \"", "null", "7", "[]", &endless] {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
        let mut depth = 0;
        Json::parse(&deep).unwrap().each_item(|_| depth += 1);
        assert_eq!(depth, 1);
    }
}
