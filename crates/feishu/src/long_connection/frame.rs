//! Frames: the binary messages of the socket (proto2, package `pbbp2`).

use std::time::Duration;

use prost::Message as _;
use serde::Serialize;

use super::ClientConfig;

/// The method of pings and pongs.
const CONTROL: i32 = 0;
/// The method of events and of their acknowledgements.
const DATA: i32 = 1;

const TYPE: &str = "type";
const MESSAGE_ID: &str = "message_id";
const SUM: &str = "sum";
const SEQ: &str = "seq";
const BIZ_RT: &str = "biz_rt";

/// A frame on the wire.
///
/// The first four fields and those of a header are required by the platform's schema. They
/// are optional here, because `prost` reads an absent required field as 0.
/// `Some(0)` is written, as the decoders of the official SDKs require.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    #[prost(uint64, optional, tag = "1")]
    seq_id: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    log_id: Option<u64>,
    #[prost(int32, optional, tag = "3")]
    service: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    method: Option<i32>,
    #[prost(message, repeated, tag = "5")]
    headers: Vec<Header>,
    #[prost(string, optional, tag = "6")]
    payload_encoding: Option<String>,
    #[prost(string, optional, tag = "7")]
    payload_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    log_id_new: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(string, optional, tag = "1")]
    key: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// The type of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageType {
    /// `event`: an event or a callback; see the envelope.
    Event,
    /// `card`: the retired callback of cards, which the platform does not support here.
    Card,
    /// An unknown type.
    Other(String),
}

/// The content of a frame from the platform.
#[derive(Debug)]
pub enum Incoming {
    /// The answer to a ping, possibly with new settings.
    Pong(Option<ClientConfig>),
    /// A message, or a part of one.
    Part(Part),
    /// A control frame that needs no action.
    Control,
}

/// A message, or one of its parts.
#[derive(Debug, Clone)]
pub struct Part {
    /// The same in all parts of a message.
    pub message_id: String,
    /// The type of the message.
    pub message_type: MessageType,
    /// The number of parts, at least 1.
    pub sum: u32,
    /// The index of this part, from 0.
    pub seq: u32,
    /// The bytes of this part.
    pub payload: Vec<u8>,
    /// The frame, without its payload.
    pub frame: Frame,
}

/// The answer to a message.
#[derive(Debug, Clone, Copy)]
pub enum Response<'a> {
    /// Accepted.
    Taken,
    /// Accepted, with this JSON as the answer to a callback.
    Answer(&'a [u8]),
    /// Rejected; the platform delivers it again.
    Failed,
}

/// Why a binary message is not a valid frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not protobuf, or not of this schema.
    #[error("not a protobuf message")]
    Malformed(#[source] prost::DecodeError),
    /// A field that the schema requires is missing.
    #[error("field `{0}` is missing")]
    MissingField(&'static str),
    /// A header that every message has is missing.
    #[error("header `{0}` is missing")]
    MissingHeader(&'static str),
    /// A numeric header is not a number.
    #[error("header `{0}` is not a number")]
    NotANumber(&'static str),
    /// The message declares zero parts.
    #[error("message declares zero parts")]
    NoParts,
    /// The index is beyond the last part.
    #[error("part {seq} of a message with {sum}")]
    NoSuchPart {
        /// The index of the part, from 0.
        seq: u32,
        /// The number of parts.
        sum: u32,
    },
    /// Neither a control frame nor a data frame.
    #[error("unknown method {0}")]
    UnknownMethod(i32),
    /// A pong whose payload is not the JSON of a [`ClientConfig`].
    #[error("invalid settings in a pong")]
    Config(#[source] serde_json::Error),
}

impl Frame {
    /// The ping that a client sends at the start of a connection and in every interval.
    pub fn ping(service: i32) -> Self {
        Self {
            seq_id: Some(0),
            log_id: Some(0),
            service: Some(service),
            method: Some(CONTROL),
            headers: vec![Header::new(TYPE, "ping")],
            ..Self::default()
        }
    }

    /// Reads a frame and checks that it has every required field.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let frame = <Self as prost::Message>::decode(bytes).map_err(FrameError::Malformed)?;
        let has_headers = frame
            .headers
            .iter()
            .all(|header| header.key.is_some() && header.value.is_some());
        let required = [
            (frame.seq_id.is_some(), "SeqID"),
            (frame.log_id.is_some(), "LogID"),
            (frame.service.is_some(), "service"),
            (frame.method.is_some(), "method"),
            (has_headers, "headers"),
        ];
        match required.into_iter().find(|(is_there, _)| !is_there) {
            Some((_, name)) => Err(FrameError::MissingField(name)),
            None => Ok(frame),
        }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Interprets a frame from the platform.
    pub fn read(mut self) -> Result<Incoming, FrameError> {
        match self.method.unwrap_or_default() {
            CONTROL if self.header(TYPE) == Some("pong") => {
                let payload = self.payload.unwrap_or_default();
                let config = (!payload.is_empty()).then(|| serde_json::from_slice(&payload));
                config
                    .transpose()
                    .map(Incoming::Pong)
                    .map_err(FrameError::Config)
            }
            CONTROL => Ok(Incoming::Control),
            DATA => {
                let payload = self.payload.take().unwrap_or_default();
                self.part(payload).map(Incoming::Part)
            }
            other => Err(FrameError::UnknownMethod(other)),
        }
    }

    /// Turns a frame into its own acknowledgement, with the response as payload.
    /// `took` is the processing time.
    #[must_use]
    pub fn into_ack(mut self, response: Response<'_>, took: Duration) -> Self {
        let payload = AckPayload {
            code: if matches!(response, Response::Failed) {
                500
            } else {
                200
            },
            headers: None,
            data: match response {
                Response::Answer(json) => Some(base64_simd::STANDARD.encode_to_string(json)),
                Response::Taken | Response::Failed => None,
            },
        };
        self.headers
            .push(Header::new(BIZ_RT, &took.as_millis().to_string()));
        // Serializing this type never fails.
        self.payload = serde_json::to_vec(&payload).ok();
        self
    }

    fn part(self, payload: Vec<u8>) -> Result<Part, FrameError> {
        let required = |name| self.header(name).ok_or(FrameError::MissingHeader(name));
        let message_type = match required(TYPE)? {
            "event" => MessageType::Event,
            "card" => MessageType::Card,
            other => MessageType::Other(other.to_owned()),
        };
        let message_id = required(MESSAGE_ID)?.to_owned();
        // As in the Go SDK, a message without these headers has one part.
        let (sum, seq) = (self.number(SUM, 1)?, self.number(SEQ, 0)?);
        if sum == 0 {
            return Err(FrameError::NoParts);
        }
        if seq >= sum {
            return Err(FrameError::NoSuchPart { seq, sum });
        }
        Ok(Part {
            message_id,
            message_type,
            sum,
            seq,
            payload,
            frame: self,
        })
    }

    fn number(&self, name: &'static str, absent: u32) -> Result<u32, FrameError> {
        self.header(name).map_or(Ok(absent), |digits| {
            digits.parse().map_err(|_| FrameError::NotANumber(name))
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|header| header.key() == name)
            .map(Header::value)
    }
}

impl Header {
    fn new(key: &str, value: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        }
    }
}

/// The payload of an acknowledgement; all three keys are always present.
#[derive(Serialize)]
struct AckPayload {
    code: u16,
    headers: Option<()>,
    data: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{self, Row};

    // For the tests of other modules, too.
    impl Part {
        /// A part of a message.
        pub(crate) fn of(message_id: &str, seq: u32, sum: u32, payload: &[u8]) -> Self {
            let header = |(key, value): (&str, &str)| Header::new(key, value);
            let (seq_text, sum_text) = (seq.to_string(), sum.to_string());
            let headers = [
                (TYPE, "event"),
                (MESSAGE_ID, message_id),
                (SUM, &sum_text),
                (SEQ, &seq_text),
            ];
            let frame = Frame {
                method: Some(DATA),
                headers: headers.map(header).to_vec(),
                ..Frame::ping(1)
            };
            frame.part(payload.to_vec()).unwrap()
        }

        /// The frame that brings this part.
        pub(crate) fn into_bytes(self) -> Vec<u8> {
            Frame {
                payload: Some(self.payload),
                ..self.frame
            }
            .encode()
        }
    }

    fn frames() -> Vec<(String, Vec<u8>, Row)> {
        let bytes = |row: &Row| hex(row.text("hex"));
        let rows = vectors::rows("frames").into_iter();
        rows.map(|row| (row.text("name").to_owned(), bytes(&row), row))
            .collect()
    }

    fn frame(name: &str) -> Vec<u8> {
        let mut frames = frames().into_iter();
        frames.find(|(known, ..)| known == name).unwrap().1
    }

    fn hex(text: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    }

    fn part(bytes: &[u8]) -> Part {
        match Frame::decode(bytes).unwrap().read().unwrap() {
            Incoming::Part(part) => part,
            other => panic!("{other:?}"),
        }
    }

    /// A data frame with these headers.
    fn data(headers: &[(&str, &str)]) -> Frame {
        let headers = headers.iter().map(|(key, value)| Header::new(key, value));
        Frame {
            method: Some(DATA),
            headers: headers.collect(),
            ..Frame::ping(7)
        }
    }

    fn key() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&[TYPE, MESSAGE_ID, SUM, SEQ, BIZ_RT, ""][..])
    }

    #[test]
    fn known_frames_survive_decoding_unchanged() {
        for (name, bytes, row) in frames() {
            let frame = Frame::decode(&bytes).unwrap();
            let fields = &row.0["fields"];
            assert_eq!(frame.seq_id, fields["seq"].as_u64(), "{name}");
            assert_eq!(frame.log_id, fields["log"].as_u64(), "{name}");
            assert_eq!(frame.service.map(i64::from), fields["service"].as_i64());
            assert_eq!(frame.payload_encoding.as_deref(), fields["enc"].as_str());
            assert_eq!(frame.payload_type.as_deref(), fields["typ"].as_str());
            assert_eq!(frame.log_id_new.as_deref(), fields["lognew"].as_str());
            let payload = fields["payload"].as_str().map(str::as_bytes);
            assert_eq!(frame.payload.as_deref(), payload, "{name}");
            assert_eq!(frame.encode(), bytes, "{name}");
        }
    }

    #[test]
    fn a_ping_writes_fields_that_are_0() {
        assert_eq!(Frame::ping(33_554_678).encode(), frame("ping"));
    }

    #[test]
    fn a_pong_brings_settings_or_none() {
        let pong = |payload: Option<&str>| {
            let frame = Frame {
                headers: vec![Header::new(TYPE, "pong")],
                payload: payload.map(|text| text.as_bytes().to_vec()),
                ..Frame::ping(1)
            };
            frame.read()
        };
        for empty in [None, Some("")] {
            assert!(matches!(pong(empty), Ok(Incoming::Pong(None))), "{empty:?}");
        }
        assert!(matches!(pong(Some("{")), Err(FrameError::Config(_))));
        let known = Frame::decode(&frame("pong")).unwrap().read();
        let Ok(Incoming::Pong(Some(config))) = known else {
            panic!("{known:?}")
        };
        assert_eq!(config, ClientConfig::default());
    }

    #[test]
    fn a_data_frame_names_message_with_part() {
        let single = part(&frame("event_single"));
        assert_eq!((&*single.message_id, single.sum, single.seq), ("m-1", 1, 0));
        assert_eq!(single.message_type, MessageType::Event);
        assert!(single.payload.starts_with(br#"{"schema":"2.0""#));
        let last = part(&frame("event_part_2"));
        assert_eq!((&*last.message_id, last.sum, last.seq), ("m-3", 3, 2));

        let bare = data(&[(TYPE, "card"), (MESSAGE_ID, "m")]).read();
        let Ok(Incoming::Part(bare)) = bare else {
            panic!("{bare:?}")
        };
        assert_eq!((bare.message_type, bare.sum), (MessageType::Card, 1));
        let ping = Frame::ping(1).read();
        assert!(matches!(ping, Ok(Incoming::Control)), "{ping:?}");
    }

    #[test]
    fn an_ack_extends_the_received_frame() {
        let ack = |response| {
            let received = part(&frame("event_single")).frame;
            received.into_ack(response, Duration::from_millis(12))
        };
        let original = Frame::decode(&frame("event_single")).unwrap();
        let taken = ack(Response::Taken);
        let mut headers = original.headers.clone();
        headers.push(Header::new("biz_rt", "12"));
        let expected = Frame {
            headers,
            payload: taken.payload.clone(),
            ..original
        };
        assert_eq!(Frame::decode(&taken.encode()).unwrap(), expected);

        let payload = |response| String::from_utf8(ack(response).payload.unwrap()).unwrap();
        for (response, expected) in [
            (
                Response::Taken,
                r#"{"code":200,"headers":null,"data":null}"#,
            ),
            (
                Response::Failed,
                r#"{"code":500,"headers":null,"data":null}"#,
            ),
            (
                Response::Answer(b"{}"),
                r#"{"code":200,"headers":null,"data":"e30="}"#,
            ),
        ] {
            assert_eq!(payload(response), expected);
        }
    }

    #[test]
    fn an_invalid_frame_has_a_named_error() {
        let named = |bytes: &[u8]| Frame::decode(bytes).unwrap_err().to_string();
        assert_eq!(named(b"rubbish"), "not a protobuf message");
        let whole = Frame::ping(1);
        let without = |change: fn(&mut Frame)| {
            let mut frame = whole.clone();
            change(&mut frame);
            named(&frame.encode())
        };
        assert_eq!(named(b""), "field `SeqID` is missing");
        assert_eq!(
            without(|frame| frame.log_id = None),
            "field `LogID` is missing"
        );
        assert_eq!(
            without(|frame| frame.service = None),
            "field `service` is missing"
        );
        assert_eq!(
            without(|frame| frame.method = None),
            "field `method` is missing"
        );
        let nameless = without(|frame| frame.headers[0].key = None);
        assert_eq!(nameless, "field `headers` is missing");
    }

    #[test]
    fn an_invalid_data_frame_has_a_named_error() {
        let named = |headers: &[(&str, &str)]| data(headers).read().unwrap_err().to_string();
        let with = |sum, seq| named(&[(TYPE, "event"), (MESSAGE_ID, "m"), (SUM, sum), (SEQ, seq)]);
        assert_eq!(named(&[]), "header `type` is missing");
        assert_eq!(named(&[(TYPE, "event")]), "header `message_id` is missing");
        assert_eq!(with("0", "0"), "message declares zero parts");
        assert_eq!(with("2", "2"), "part 2 of a message with 2");
        assert_eq!(with("-1", "0"), "header `sum` is not a number");
        assert_eq!(with("1", "4294967296"), "header `seq` is not a number");
        let odd = Frame {
            method: Some(9),
            ..Frame::ping(1)
        };
        assert_eq!(odd.read().unwrap_err().to_string(), "unknown method 9");
    }

    proptest! {
        #[test]
        fn reading_never_panics(
            bytes: Vec<u8>,
            seq: u64,
            method in 0..3,
            keys in prop::collection::vec((key(), "[0-9a-z]{0,3}"), 0..6),
        ) {
            let _ = Frame::decode(&bytes).map(Frame::read);
            let mut frame = data(&[]);
            frame.seq_id = Some(seq);
            frame.method = Some(method);
            frame.headers.extend(keys.iter().map(|(key, value)| Header::new(key, value)));
            frame.payload = Some(bytes);
            let again = Frame::decode(&frame.encode()).unwrap();
            prop_assert_eq!(&again, &frame);
            let _ = again.read();
        }
    }
}
