//! The type and the addressee of an event body, read without a copy.
//!
//! A body is an event if any field says so. A field that is missing or of another type
//! is absent, and the caller decides which fields it requires.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::Json;

/// An encrypted body.
#[derive(Debug, Deserialize)]
pub struct EncryptedBody<'a> {
    /// Base64, for [`EncryptKey::decrypt`](crate::EncryptKey::decrypt).
    #[serde(borrow)]
    pub encrypt: Cow<'a, str>,
}

/// A plain body.
#[derive(Debug)]
pub enum Envelope<'a> {
    /// The platform verifies the request URL.
    Challenge(Challenge<'a>),
    /// An event.
    Event(EventEnvelope<'a>),
}

/// The verification of the request URL (`url_verification`), answered with the same `challenge`.
#[derive(Debug)]
pub struct Challenge<'a> {
    /// The value of the answer.
    pub challenge: Cow<'a, str>,
    /// The verification token, as the sender knows it.
    pub token: Option<Cow<'a, str>>,
}

/// An event and its addressee.
#[derive(Debug)]
pub struct EventEnvelope<'a> {
    /// The shape of the body.
    pub version: Version,
    /// The same in every delivery of this event (`uuid` in [`Version::V1`]).
    pub event_id: Option<Cow<'a, str>>,
    /// For instance `im.message.receive_v1`; empty if the body does not say.
    pub event_type: Cow<'a, str>,
    /// The verification token, as the sender knows it.
    pub token: Option<Cow<'a, str>>,
    /// The app that the event is for.
    pub app_id: Option<Cow<'a, str>>,
    /// The tenant of the event.
    pub tenant_key: Option<Cow<'a, str>>,
    /// When the platform created the event.
    pub create_time: Option<Timestamp>,
    /// The event itself, unparsed.
    pub event: Option<&'a RawValue>,
}

/// The two shapes of an event body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The shape before 2021, still used by a few events: no `schema`.
    V1,
    /// `"schema": "2.0"`, with a `header`.
    V2,
}

/// Why a body is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON object.
    #[error("parsing the body: not a JSON object")]
    NoObject(#[source] Option<serde_json::Error>),
    /// An object with neither a header nor a type nor a schema.
    #[error("parsing the body: not an event")]
    NoEvent,
    /// A verification of the request URL without a challenge.
    #[error("parsing the body: no challenge")]
    NoChallenge,
}

impl<'a> EncryptedBody<'a> {
    /// Reads `{"encrypt":"…"}`; other keys are ignored.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        match Self::bare(body) {
            Some(encrypt) => Ok(Self {
                encrypt: Cow::Borrowed(encrypt),
            }),
            None => {
                serde_json::from_slice(body).map_err(|error| EnvelopeError::NoObject(Some(error)))
            }
        }
    }

    /// The string of a body that is exactly `{"encrypt":"…"}`, as the platform writes it, if
    /// it contains nothing that JSON escapes or forbids; such a body needs no parser.
    fn bare(body: &'a [u8]) -> Option<&'a str> {
        let text = body.strip_prefix(br#"{"encrypt":""#)?;
        let text = str::from_utf8(text.strip_suffix(br#""}"#)?).ok()?;
        // A loop without an early exit is vectorized.
        let is_special = |byte| matches!(byte, b'"' | b'\\' | ..b' ');
        let any_special = text.bytes().fold(false, |any, byte| any | is_special(byte));
        (!any_special).then_some(text)
    }
}

impl<'a> Envelope<'a> {
    /// Reads a plain body of either version; never panics, whatever the bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let body: &RawValue =
            serde_json::from_slice(body).map_err(|error| EnvelopeError::NoObject(Some(error)))?;
        let body = Json::from(body);
        if !body.is_object() {
            return Err(EnvelopeError::NoObject(None));
        }
        let [kind, schema, header] = body.fields(["type", "schema", "header"]);
        let header = header.filter(|header| header.is_object());
        if kind.and_then(Json::string).as_deref() == Some("url_verification") {
            return challenge(body, header).ok_or(EnvelopeError::NoChallenge);
        }
        let event = if header.is_some() || schema.is_some() {
            v2(body, header)
        } else {
            v1(body, kind.is_some()).ok_or(EnvelopeError::NoEvent)?
        };
        Ok(Self::Event(event))
    }
}

fn challenge<'a>(body: Json<'a>, header: Option<Json<'a>>) -> Option<Envelope<'a>> {
    let [challenge, token] = body.fields(["challenge", "token"]);
    let token = token.or_else(|| header?.field("token"));
    Some(Envelope::Challenge(Challenge {
        challenge: challenge?.string()?,
        token: token.and_then(Json::string),
    }))
}

fn v1(body: Json<'_>, has_type: bool) -> Option<EventEnvelope<'_>> {
    let [token, uuid, ts, event] = body.fields(["token", "uuid", "ts", "event"]);
    let [kind, app_id, tenant_key] = event.map_or([None; 3], |event| {
        event.fields(["type", "app_id", "tenant_key"])
    });
    (has_type || kind.is_some()).then(|| EventEnvelope {
        version: Version::V1,
        event_id: uuid.and_then(Json::non_empty),
        event_type: kind.and_then(Json::string).unwrap_or_default(),
        token: token.and_then(Json::string),
        app_id: app_id.and_then(Json::string),
        tenant_key: tenant_key.and_then(Json::string),
        create_time: ts.and_then(Json::time),
        event: event.and_then(Json::to_raw),
    })
}

fn v2<'a>(body: Json<'a>, header: Option<Json<'a>>) -> EventEnvelope<'a> {
    let [event_id, event_type, token, app_id, tenant_key, create_time] =
        header.map_or([None; 6], |header| {
            header.fields([
                "event_id",
                "event_type",
                "token",
                "app_id",
                "tenant_key",
                "create_time",
            ])
        });
    EventEnvelope {
        version: Version::V2,
        event_id: event_id.and_then(Json::non_empty),
        event_type: event_type.and_then(Json::string).unwrap_or_default(),
        token: token.and_then(Json::string),
        app_id: app_id.and_then(Json::string),
        tenant_key: tenant_key.and_then(Json::string),
        create_time: create_time.and_then(Json::time),
        event: body.field("event").and_then(Json::to_raw),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors;

    const V1: &str = r#"{"ts":"1502199207.7171419","uuid":"u1","token":"t","type":"event_callback",
        "event":{"type":"app_ticket","app_id":"cli_1","tenant_key":"k"}}"#;
    const V2: &str = r#"{"schema":"2.0","header":{"event_id":"e1","event_type":"im.x",
        "create_time":"1608725989000","token":"t","app_id":"cli_1","tenant_key":"k"},
        "event":{"a":[1]}}"#;

    fn event(body: &str) -> EventEnvelope<'_> {
        match Envelope::parse(body.as_bytes()).unwrap() {
            Envelope::Event(event) => event,
            challenge @ Envelope::Challenge(_) => panic!("not an event: {challenge:?}"),
        }
    }

    #[test]
    fn both_versions_of_the_envelope_are_read() {
        let check = |body, version, id, kind, seconds| {
            let event = event(body);
            assert_eq!(event.version, version);
            assert_eq!(event.event_id.as_deref(), Some(id));
            assert_eq!(event.event_type, kind);
            assert_eq!(event.token.as_deref(), Some("t"));
            assert_eq!(event.app_id.as_deref(), Some("cli_1"));
            assert_eq!(event.tenant_key.as_deref(), Some("k"));
            assert_eq!(event.create_time.map(Timestamp::as_second), Some(seconds));
            assert!(event.event.is_some());
        };
        check(V1, Version::V1, "u1", "app_ticket", 1_502_199_207);
        check(V2, Version::V2, "e1", "im.x", 1_608_725_989);
    }

    #[test]
    fn a_challenge_is_recognized_by_its_type() {
        for row in vectors::rows("decrypt") {
            let plain = row.text("plaintext");
            if !plain.contains(r#""url_verification""#) {
                continue;
            }
            let Ok(Envelope::Challenge(challenge)) = Envelope::parse(plain.as_bytes()) else {
                panic!("not a challenge: {plain}");
            };
            assert!(plain.contains(&*challenge.challenge));
            assert!(challenge.token.is_some_and(|token| plain.contains(&*token)));
        }
    }

    #[test]
    fn a_token_of_another_type_is_absent() {
        for junk in ["null", "5", r#"{"deep":[]}"#] {
            let body = V2.replace(r#""t""#, junk).replace(r#""cli_1""#, junk);
            assert!(event(&body).token.is_none() && event(&body).app_id.is_none());
        }
    }

    #[test]
    fn whatever_names_itself_an_event_is_one() {
        for body in [
            r#"{"schema":"2.0"}"#,
            r#"{"schema":"2.0","header":7}"#,
            r#"{"schema":2,"header":{}}"#,
            r#"{"header":{}}"#,
            r#"{"type":"event_callback"}"#,
            r#"{"type":"event_callback","event":[[]]}"#,
            r#"{"event":{"type":"message"}}"#,
        ] {
            assert!(event(body).event_id.is_none(), "{body}");
        }
        let without = V2.replace(r#""event_id":"e1","#, "");
        assert_eq!(event(&without).event_type, "im.x");
        let wrong = V2.replace(r#""im.x""#, "[]");
        assert_eq!(event(&wrong).event_type, "");
        assert_eq!(event(&wrong).event_id.as_deref(), Some("e1"));
        let twice = V2.replace(r#""token":"t""#, r#""token":"s","token":"t""#);
        assert_eq!(event(&twice).token.as_deref(), Some("t"));
    }

    #[test]
    fn a_body_without_an_event_is_an_error() {
        let check = |body: &[u8], expected: &str| {
            let error = Envelope::parse(body).unwrap_err();
            assert_eq!(
                error.to_string(),
                expected,
                "{}",
                String::from_utf8_lossy(body)
            );
        };
        let broken = "parsing the body: not a JSON object";
        for body in [&b""[..], b"hello world", b"7", b"[]", b"\"{}\"", b"null"] {
            check(body, broken);
        }
        check(&b"[".repeat(100_000), broken);
        check(b"{\"token\":\"\xff\"}", broken);
        for body in [
            &b"{}"[..],
            br#"{"event":[[]]}"#,
            br#"{"token":"t","uuid":"u"}"#,
        ] {
            check(body, "parsing the body: not an event");
        }
        let check = |body: &[u8]| check(body, "parsing the body: no challenge");
        check(br#"{"type":"url_verification"}"#);
        check(br#"{"type":"url_verification","challenge":7}"#);
    }

    #[test]
    fn brackets_that_nobody_reads_cost_nothing() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = V2.replace("[1]", &deep);
        assert_eq!(event(&body).event_id.as_deref(), Some("e1"));
    }

    #[test]
    fn encrypted_bodies_differ_from_plain_ones() {
        let sealed = EncryptedBody::parse(br#"{"encrypt":"AAAA","more":1}"#).unwrap();
        assert!(matches!(sealed.encrypt, Cow::Borrowed("AAAA")));
        assert!(EncryptedBody::parse(V2.as_bytes()).is_err());
    }

    #[test]
    fn the_encrypted_fast_path_agrees_with_the_parser() {
        for text in [
            "AA+/==",
            "",
            r"A\/A",
            r#"A","b":"c"#,
            r#"A""#,
            r"A\",
            "A\n",
            "é",
            "\x7f",
        ] {
            let body = format!(r#"{{"encrypt":"{text}"}}"#);
            let read = EncryptedBody::parse(body.as_bytes()).ok();
            let parsed: Option<EncryptedBody<'_>> = serde_json::from_str(&body).ok();
            let encrypt =
                |body: Option<EncryptedBody<'_>>| body.map(|body| body.encrypt.into_owned());
            assert_eq!(encrypt(read), encrypt(parsed), "{body}");
        }
        assert!(EncryptedBody::parse(b"{\"encrypt\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn the_envelope_never_panics(bytes: Vec<u8>, at in 0..V2.len(), byte: u8) {
            let _ = Envelope::parse(&bytes);
            let _ = EncryptedBody::parse(&bytes);
            let mut changed = V2.as_bytes().to_vec();
            changed[at] = byte;
            let _ = Envelope::parse(&changed);
        }
    }
}
