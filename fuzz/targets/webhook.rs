//! A request to the webhook: signature, decryption, envelope, event.
//!
//! An input is three lines with the headers timestamp, nonce and signature, then the body.
//! The body is also encrypted and signed like the platform does, so that a fuzzer gets past both.

use std::time::Duration;

use feishu::{
    CardAction, ChatEvent, Content, EncryptKey, EncryptedBody, Envelope, EventEnvelope,
    MESSAGE_RECEIVE, MessageBody, MessageHead, MessageRecalled, MessageReceived, Signature, sign,
};
use jiff::Timestamp;

/// The key of the known answers in `tests/data/vectors.json`.
const KEY: &str = "test key";
const MAX_AGE: Duration = Duration::from_hours(8);
const MAX_AHEAD: Duration = Duration::from_mins(5);

pub fn check(data: &[u8]) {
    let key = EncryptKey::new(KEY).unwrap();
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let headers = [part(), part(), part()].map(String::from_utf8_lossy);
    let body = part();
    let [timestamp, nonce, signature] = headers.each_ref().map(|header| &**header);
    let given = Signature {
        timestamp,
        nonce,
        signature,
    };
    only_the_platforms_signature_fits(&key, given, body);
    what_is_sealed_comes_out(&key, given, body);
    quick_body_parser_reads_the_same_value(&key, body);
    read(body);
}

/// A signature is valid if and only if the platform would have made it.
fn only_the_platforms_signature_fits(key: &EncryptKey, given: Signature<'_>, body: &[u8]) {
    let right = sign(key, given.timestamp, given.nonce, body);
    let is_right = given.signature == right;
    assert_eq!(given.verify(key, body).is_ok(), is_right);
    let other = EncryptKey::new("another key").unwrap();
    assert!(!is_right || given.verify(&other, body).is_err());
    let _ = given.check_age(Timestamp::UNIX_EPOCH, MAX_AGE, MAX_AHEAD);
}

fn what_is_sealed_comes_out(key: &EncryptKey, given: Signature<'_>, plain: &[u8]) {
    let encrypted = key.encrypt(plain, vector(plain));
    assert_eq!(key.decrypt(&encrypted).as_deref(), Ok(plain));
    let mut body = format!(r#"{{"encrypt":"{encrypted}"}}"#).into_bytes();
    let signature = sign(key, given.timestamp, given.nonce, &body);
    let signed = Signature {
        signature: &signature,
        ..given
    };
    assert_eq!(signed.verify(key, &body), Ok(()));
    assert_eq!(EncryptedBody::parse(&body).unwrap().encrypt, encrypted);
    a_moved_boundary_makes_nothing_younger(key, signed, &body);

    let at = usize::from(plain.first().copied().unwrap_or_default()) * 7 % body.len();
    body[at] ^= 1 << (at % 8);
    assert!(signed.verify(key, &body).is_err());
    // The content of a forgery is undefined, but reading it does not panic.
    if let Ok(forged) = EncryptedBody::parse(&body) {
        let _ = key.decrypt(&forged.encrypt).map(|plain| read(&plain));
    }
}

/// Timestamp and nonce are hashed without a separator, so an observer of a request can
/// move characters from one to the other. That must not make an old request valid.
fn a_moved_boundary_makes_nothing_younger(key: &EncryptKey, signed: Signature<'_>, body: &[u8]) {
    let digits = signed.timestamp;
    let is_seconds = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    // The platform signs seconds of recent years.
    if !is_seconds || digits < "1500000000" {
        return;
    }
    let moved = format!("{digits}{}", signed.nonce);
    let signed_at = Timestamp::from_second(digits.parse().unwrap()).unwrap();
    // The first second at which it is too old.
    let late = signed_at + MAX_AGE + Duration::from_secs(1);
    for (at, _) in moved.char_indices().take(40) {
        let (timestamp, nonce) = moved.split_at(at);
        let moved = Signature {
            timestamp,
            nonce,
            ..signed
        };
        assert_eq!(moved.verify(key, body), Ok(()));
        assert!(
            moved.check_age(late, MAX_AGE, MAX_AHEAD).is_err(),
            "{moved:?}"
        );
    }
}

/// There is a fast path for the platform's usual form of a body.
fn quick_body_parser_reads_the_same_value(key: &EncryptKey, body: &[u8]) {
    let Ok(sealed) = EncryptedBody::parse(body) else {
        return;
    };
    if let Ok(plain) = key.decrypt(&sealed.encrypt) {
        read(&plain);
    }
    // The values of other keys may be invalid.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        assert_eq!(value["encrypt"].as_str(), Some(&*sealed.encrypt));
    }
}

/// Any initialization vector works, as long as it differs.
fn vector(plain: &[u8]) -> [u8; 16] {
    let mut vector = [0; 16];
    for (at, byte) in plain.iter().enumerate() {
        vector[at % 16] ^= byte.rotate_left(3);
    }
    vector
}

/// Reads a decrypted body in every way that the bot does.
fn read(plain: &[u8]) {
    let envelope = Envelope::parse(plain);
    let at_once = MessageBody::parse(plain);
    let Ok(Envelope::Event(envelope)) = envelope else {
        return;
    };
    if let Some(at_once) = at_once {
        quick_and_full_parser_agree(&at_once, &envelope);
    }
    let Some(event) = envelope.event else {
        return;
    };
    let _ = CardAction::read(event);
    let _ = ChatEvent::read(event);
    let _ = MessageRecalled::read(event);
    let head = MessageHead::read(event);
    let whole = MessageReceived::read(event);
    assert_eq!(head.sender_type, whole.sender.sender_type);
    let message = whole.message;
    assert_eq!(
        head.message_id.unwrap_or_default(),
        message.message_id.as_str()
    );
    assert_eq!(head.chat_id.unwrap_or_default(), message.chat_id.as_str());
    assert_eq!(head.chat_type, message.chat_type);
    assert_eq!(head.message_type, message.message_type);
    assert_eq!(head.content, message.content);
    let _ = Content::read(&message.message_type, &message.content);
}

/// Most events are dropped after a quick parse; it must not drop anything that the full
/// parser would treat differently.
fn quick_and_full_parser_agree(at_once: &MessageBody<'_>, envelope: &EventEnvelope<'_>) {
    assert_eq!(envelope.event_type, MESSAGE_RECEIVE);
    assert_eq!(envelope.token.as_ref(), Some(&at_once.token));
    assert_eq!(envelope.app_id.as_ref(), Some(&at_once.app_id));
    let head = MessageHead::read(envelope.event.unwrap());
    assert_eq!(head.sender_type, at_once.head.sender_type);
    assert_eq!(head.chat_type, at_once.head.chat_type);
    assert_eq!(head.message_type, at_once.head.message_type);
    assert_eq!(head.content, at_once.head.content);
}
