//! What an event body is and who it is for, read in one borrowing pass over its few deciding fields.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{Text, parse_time};

/// A body that still has to be decrypted.
#[derive(Debug, Deserialize)]
pub struct EncryptedBody<'a> {
    /// Base64, for [`EncryptKey::decrypt`](crate::EncryptKey::decrypt).
    #[serde(borrow)]
    pub encrypt: Cow<'a, str>,
}

/// A plain body.
#[derive(Debug)]
pub enum Envelope<'a> {
    /// The platform checks that the request URL is ours.
    Challenge(Challenge<'a>),
    /// Something happened.
    Event(EventEnvelope<'a>),
}

/// The check of the request URL (`url_verification`): answer with the same `challenge`.
#[derive(Debug)]
pub struct Challenge<'a> {
    /// What to answer.
    pub challenge: Cow<'a, str>,
    /// The verification token, as the sender knows it.
    pub token: Option<Cow<'a, str>>,
}

/// An event and its address. `token` and `app_id` may be missing, so that the caller can refuse
/// such a body as it refuses one with wrong values.
#[derive(Debug)]
pub struct EventEnvelope<'a> {
    /// The shape in which the event came.
    pub version: Version,
    /// The same in every delivery of this event (`uuid` in [`Version::V1`]).
    pub event_id: Cow<'a, str>,
    /// For instance `im.message.receive_v1`.
    pub event_type: Cow<'a, str>,
    /// The verification token, as the sender knows it.
    pub token: Option<Cow<'a, str>>,
    /// The app that the event is for.
    pub app_id: Option<Cow<'a, str>>,
    /// The tenant in which it happened.
    pub tenant_key: Option<Cow<'a, str>>,
    /// When the platform made the event.
    pub create_time: Option<Timestamp>,
    /// The event itself, unread.
    pub event: Option<&'a RawValue>,
}

/// The two shapes of an event body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Before 2021, still used by a few events: no `schema`.
    V1,
    /// `"schema": "2.0"`, with a `header`.
    V2,
}

/// Why a body is no envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON object, or one with a key twice.
    #[error("the body is not a readable JSON object")]
    Json(#[source] serde_json::Error),
    /// A field that every such body has is not there.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// A field is there but is not of the type that it must have.
    #[error("field `{field}` is not readable")]
    Unreadable {
        /// The field, as a path from the top of the body.
        field: &'static str,
        /// What stood there instead.
        source: serde_json::Error,
    },
}

impl<'a> EncryptedBody<'a> {
    /// Reads `{"encrypt":"…"}`; other keys are ignored.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        match Self::bare(body) {
            Some(encrypt) => Ok(Self {
                encrypt: Cow::Borrowed(encrypt),
            }),
            None => serde_json::from_slice(body).map_err(EnvelopeError::Json),
        }
    }

    /// The string of a body that is `{"encrypt":"…"}` and no more, as the platform writes it, if
    /// it holds nothing that JSON escapes or forbids: then there is nothing to parse.
    fn bare(body: &'a [u8]) -> Option<&'a str> {
        let text = body.strip_prefix(br#"{"encrypt":""#)?;
        let text = str::from_utf8(text.strip_suffix(br#""}"#)?).ok()?;
        // Without a way out of the loop many bytes are looked at together.
        let is_special = |byte| matches!(byte, b'"' | b'\\' | ..b' ');
        let any_special = text.bytes().fold(false, |any, byte| any | is_special(byte));
        (!any_special).then_some(text)
    }
}

impl<'a> Envelope<'a> {
    /// Reads a plain body. Works for both versions and never panics, whatever the bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let top: Top<'a> = serde_json::from_slice(body).map_err(EnvelopeError::Json)?;
        let header: Option<Header<'a>> = section(top.header, "header")?;
        if optional(top.kind).as_deref() == Some("url_verification") {
            let token = top.token.or(header.and_then(|header| header.token));
            return Ok(Self::Challenge(Challenge {
                challenge: required(top.challenge, "challenge")?,
                token: optional(token),
            }));
        }
        match (top.schema, header) {
            (None, None) => v1(&top),
            (_, header) => v2(&header.ok_or(EnvelopeError::Missing("header"))?, top.event),
        }
        .map(Self::Event)
    }
}

/// The top of both versions. Values stay raw here: those that nobody needs are never parsed, and
/// those that somebody needs are refused by their name.
#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    challenge: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(borrow)]
    header: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

/// The `header` of version 2, and what version 1 keeps inside `event`.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    app_id: Option<&'a RawValue>,
    #[serde(borrow)]
    tenant_key: Option<&'a RawValue>,
    #[serde(borrow)]
    create_time: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EventV1<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    app_id: Option<&'a RawValue>,
    #[serde(borrow)]
    tenant_key: Option<&'a RawValue>,
}

fn v1<'a>(top: &Top<'a>) -> Result<EventEnvelope<'a>, EnvelopeError> {
    let event: EventV1<'a> = section(top.event, "event")?.ok_or(EnvelopeError::Missing("event"))?;
    Ok(EventEnvelope {
        version: Version::V1,
        event_id: required(top.uuid, "uuid")?,
        event_type: required(event.kind, "event.type")?,
        token: optional(top.token),
        app_id: optional(event.app_id),
        tenant_key: optional(event.tenant_key),
        // `1502199207.7171419`: the fraction is not worth an error.
        create_time: optional(top.ts).and_then(|ts| parse_time(ts.split('.').next()?)),
        event: top.event,
    })
}

fn v2<'a>(
    header: &Header<'a>,
    event: Option<&'a RawValue>,
) -> Result<EventEnvelope<'a>, EnvelopeError> {
    Ok(EventEnvelope {
        version: Version::V2,
        event_id: required(header.event_id, "header.event_id")?,
        event_type: required(header.event_type, "header.event_type")?,
        token: optional(header.token),
        app_id: optional(header.app_id),
        tenant_key: optional(header.tenant_key),
        create_time: optional(header.create_time).and_then(|digits| parse_time(&digits)),
        event,
    })
}

fn section<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &'static str,
) -> Result<Option<T>, EnvelopeError> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|source| EnvelopeError::Unreadable { field, source })
}

fn required<'a>(
    raw: Option<&'a RawValue>,
    field: &'static str,
) -> Result<Cow<'a, str>, EnvelopeError> {
    let text: Text<'a> = section(raw, field)?.ok_or(EnvelopeError::Missing(field))?;
    Ok(text.0)
}

/// What is not a string counts as absent.
fn optional(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text: Text<'_> = serde_json::from_str(raw?.get()).ok()?;
    Some(text.0)
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
            assert_eq!((&*event.event_id, &*event.event_type), (id, kind));
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
    fn a_challenge_is_known_by_its_type_and_its_token_may_stand_in_the_header() {
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
    fn a_body_without_token_or_app_is_still_an_event_so_that_the_caller_refuses_it() {
        for junk in ["null", "5", r#"{"deep":[]}"#] {
            let body = V2.replace(r#""t""#, junk).replace(r#""cli_1""#, junk);
            assert!(event(&body).token.is_none() && event(&body).app_id.is_none());
        }
    }

    #[test]
    fn a_defect_is_named_and_never_a_panic() {
        let check = |body: &[u8], expected: &str| {
            let error = Envelope::parse(body).unwrap_err();
            assert_eq!(
                error.to_string(),
                expected,
                "{}",
                String::from_utf8_lossy(body)
            );
        };
        let broken = "the body is not a readable JSON object";
        check(b"", broken);
        check(b"hello world", broken);
        check(b"7", broken);
        check(&b"[".repeat(100_000), broken);
        check(b"{\"token\":\"\xff\"}", broken);
        check(br#"{"token":"a","token":"b"}"#, broken);
        check(b"{}", "field `event` is missing");
        check(br#"{"event":[[]]}"#, "field `event` is not readable");
        check(br#"{"schema":"2.0"}"#, "field `header` is missing");
        check(
            br#"{"schema":"2.0","header":7}"#,
            "field `header` is not readable",
        );
        check(
            br#"{"type":"url_verification"}"#,
            "field `challenge` is missing",
        );
        let without = V2.replace(r#""event_id":"e1","#, "");
        check(without.as_bytes(), "field `header.event_id` is missing");
        let wrong = V2.replace(r#""im.x""#, "[]");
        check(
            wrong.as_bytes(),
            "field `header.event_type` is not readable",
        );
    }

    #[test]
    fn brackets_that_nobody_reads_cost_nothing() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = V2.replace("[1]", &deep);
        assert_eq!(event(&body).event_id, "e1");
    }

    #[test]
    fn an_encrypted_body_is_told_from_a_plain_one() {
        let sealed = EncryptedBody::parse(br#"{"encrypt":"AAAA","more":1}"#).unwrap();
        assert!(matches!(sealed.encrypt, Cow::Borrowed("AAAA")));
        assert!(EncryptedBody::parse(V2.as_bytes()).is_err());
    }

    #[test]
    fn a_bare_encrypted_body_reads_as_the_parser_reads_it() {
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
