//! Frames of a long connection, and messages reassembled from fragments.
//!
//! An input is a frame, and also a script of frames, with a line per fragment of a message,
//! `id seq sum payload`. `wait 1500` advances the clock by milliseconds, `many 300` sends the first
//! of two fragments of as many messages, and a payload `+9000` has as many bytes.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use feishu::long_connection::{Dropped, Fragments, Frame, Incoming, MessageType, Part, Response};

/// Longer messages are dropped.
const LONGEST: usize = 1 << 20;
/// How long an incomplete message is kept.
const LIFE: Duration = Duration::from_secs(5);
/// Maximum number of incomplete messages.
const MOST_OPEN: usize = 1024;
/// A script stays below the size limit of incomplete messages, so that only their number counts.
const MOST_BYTES: usize = 4 << 20;
/// Maximum number of fragments per script, to limit its time.
const MOST_PARTS: usize = 1500;

pub fn check(data: &[u8]) {
    if let Ok(frame) = Frame::decode(data) {
        a_frame_is_what_it_was(&frame);
        if let Ok(Incoming::Part(part)) = frame.read() {
            a_part_is_acknowledged(part);
        }
    }
    Script::new().run(data);
}

/// A frame that was written is read as the same frame, and written again as the same bytes.
fn a_frame_is_what_it_was(frame: &Frame) {
    let written = frame.encode();
    let read = Frame::decode(&written).unwrap();
    assert_eq!(read, *frame);
    assert_eq!(read.encode(), written);
}

fn a_part_is_acknowledged(part: Part) {
    assert!(part.seq < part.sum);
    let answer = part.payload;
    for (response, code, data) in [
        (Response::Taken, 200, None),
        (Response::Failed, 500, None),
        (Response::Answer(&answer), 200, Some(&answer)),
    ] {
        let ack = part.frame.clone().into_ack(response, LIFE);
        a_frame_is_what_it_was(&ack);
        // It has to be a data frame of the same message with a JSON payload.
        let Ok(Incoming::Part(ack)) = ack.read() else {
            panic!("an acknowledgement is a frame like that which it acknowledges")
        };
        assert_eq!(ack.message_id, part.message_id);
        assert_eq!((ack.seq, ack.sum), (part.seq, part.sum));
        let payload: serde_json::Value = serde_json::from_slice(&ack.payload).unwrap();
        assert_eq!(payload["code"], code);
        assert_eq!(payload["data"].as_str().map(base64_len), data.map(Vec::len));
    }
}

/// The length of decoded base64.
fn base64_len(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().filter(|byte| *byte == b'=').count()
}

/// A script in execution, with a plain model of the rules.
struct Script {
    now: Instant,
    fragments: Fragments,
    dropped: Dropped,
    /// The incomplete messages, oldest first.
    open: VecDeque<Open>,
    expected: Dropped,
    parts: usize,
    bytes: usize,
}

struct Open {
    id: String,
    begun_at: Instant,
    sum: u32,
    /// `None` once the message is too long.
    parts: Option<HashMap<u32, Vec<u8>>>,
}

impl Script {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            fragments: Fragments::default(),
            dropped: Dropped::default(),
            open: VecDeque::new(),
            expected: Dropped::default(),
            parts: 0,
            bytes: 0,
        }
    }

    fn run(mut self, data: &[u8]) {
        for line in data.split(|byte| *byte == b'\n') {
            let mut words = line.splitn(4, |byte| *byte == b' ');
            let mut word = || words.next().unwrap_or_default();
            let (first, second, third, payload) = (word(), word(), word(), word());
            match (str::from_utf8(first), number(second), number(third)) {
                (Ok("wait"), Some(milliseconds), _) => {
                    self.now += Duration::from_millis(milliseconds.into());
                }
                (Ok("many"), Some(many), _) => {
                    for number in 0..many.min(1500) {
                        self.bounded(&format!("many{number}"), 0, 2, b"");
                    }
                }
                (Ok(id), Some(seq), Some(sum)) => self.bounded(id, seq, sum, &filled(payload)),
                _ => {}
            }
        }
        // Messages that are still incomplete are dropped and counted.
        self.now += LIFE;
        self.part("last", 0, 1, b"");
        assert!(self.open.is_empty());
    }

    /// Sends a fragment, unless the script is too long.
    fn bounded(&mut self, id: &str, seq: u32, sum: u32, payload: &[u8]) {
        self.parts += 1;
        self.bytes += payload.len();
        if self.parts <= MOST_PARTS && self.bytes <= MOST_BYTES {
            self.part(id, seq, sum, payload);
        }
    }

    fn part(&mut self, id: &str, seq: u32, sum: u32, payload: &[u8]) {
        let frame = Frame::decode(&written(id, seq, sum, payload)).unwrap();
        assert_eq!(frame.encode(), written(id, seq, sum, payload));
        let part = match frame.read() {
            Ok(Incoming::Part(part)) => part,
            Ok(other) => panic!("{other:?}"),
            Err(_) => {
                assert!(seq >= sum, "part {seq} of {sum}");
                return;
            }
        };
        assert_eq!((&*part.message_id, part.seq, part.sum), (id, seq, sum));
        assert_eq!(part.message_type, MessageType::Event);
        assert_eq!(part.payload, payload);
        let whole = self.fragments.take(self.now, part, &mut self.dropped);
        let whole = whole.map(|part| (part.message_id, part.seq, part.payload));
        let expected = self.expect(id, seq, sum, payload);
        assert!(whole == expected.map(|payload| (id.to_owned(), seq, payload)));
        assert_eq!(self.dropped, self.expected);
    }

    /// The message that this fragment completes.
    fn expect(&mut self, id: &str, seq: u32, sum: u32, payload: &[u8]) -> Option<Vec<u8>> {
        let (now, dropped) = (self.now, &mut self.expected);
        let is_over = |open: &Open| now - open.begun_at >= LIFE;
        while let Some(oldest) = self.open.pop_front_if(|open| is_over(open)) {
            dropped.incomplete += u64::from(oldest.parts.is_some());
        }
        if payload.len() > LONGEST {
            dropped.too_long += 1;
            return None;
        }
        if sum == 1 {
            return Some(payload.to_vec());
        }
        let mut at = self.open.iter().position(|open| open.id == id);
        if let Some(other) = at.filter(|at| self.open[*at].sum != sum) {
            // It is sent again, in different fragments.
            self.open.remove(other);
            dropped.incomplete += 1;
            at = None;
        }
        let at = at.unwrap_or_else(|| {
            self.open.push_back(Open {
                id: id.to_owned(),
                begun_at: now,
                sum,
                parts: Some(HashMap::new()),
            });
            self.open.len() - 1
        });
        let is_whole = add(&mut self.open[at].parts, seq, sum, payload, dropped);
        if self.open.len() > MOST_OPEN {
            self.open.pop_front();
            dropped.evicted += 1;
        }
        if !is_whole {
            return None;
        }
        let mut parts = self.open.remove(at)?.parts?;
        let parts = (0..sum).map(|seq| parts.remove(&seq).unwrap());
        Some(parts.collect::<Vec<_>>().concat())
    }
}

/// Adds a fragment to an incomplete message; returns whether it is complete.
fn add(
    parts: &mut Option<HashMap<u32, Vec<u8>>>,
    seq: u32,
    sum: u32,
    payload: &[u8],
    dropped: &mut Dropped,
) -> bool {
    let Some(known) = parts else {
        return false;
    };
    if known.contains_key(&seq) {
        dropped.repeated_parts += 1;
        return false;
    }
    known.insert(seq, payload.to_vec());
    if known.values().map(Vec::len).sum::<usize>() > LONGEST {
        dropped.too_long += 1;
        *parts = None;
        return false;
    }
    known.len() == sum as usize
}

fn number(word: &[u8]) -> Option<u32> {
    str::from_utf8(word).ok()?.parse().ok()
}

/// A line's payload, or one of the length that the line gives.
fn filled(word: &[u8]) -> Vec<u8> {
    let length = word.strip_prefix(b"+").and_then(number);
    match length.and_then(|length| usize::try_from(length).ok()) {
        Some(length) => vec![b'x'; length.min(LONGEST + 1)],
        None => word.to_vec(),
    }
}

/// A data frame in protobuf, encoded without the crate's code.
fn written(id: &str, seq: u32, sum: u32, payload: &[u8]) -> Vec<u8> {
    // SeqID 1, LogID 2, service 7, method 1.
    let mut frame = vec![0x08, 1, 0x10, 2, 0x18, 7, 0x20, 1];
    let (seq, sum) = (seq.to_string(), sum.to_string());
    for (key, value) in [
        ("type", "event"),
        ("message_id", id),
        ("sum", &sum),
        ("seq", &seq),
    ] {
        let mut header = Vec::new();
        field(&mut header, 1, key.as_bytes());
        field(&mut header, 2, value.as_bytes());
        field(&mut frame, 5, &header);
    }
    field(&mut frame, 8, payload);
    frame
}

/// Appends a length-prefixed field.
fn field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    let lowest = |length: usize| length.to_le_bytes()[0];
    while length > 0x7f {
        message.push(lowest(length) | 0x80);
        length >>= 7;
    }
    message.push(lowest(length));
    message.extend_from_slice(content);
}
