//! The platform's frames, written and read by hand: proto2, package `pbbp2`.

/// A frame. Absent texts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) seq_id: u64,
    pub(crate) log_id: u64,
    pub(crate) service: i32,
    pub(crate) method: i32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload_encoding: String,
    pub(crate) payload_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) log_id_new: String,
}

/// Wire types of protobuf.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

impl Frame {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let signed = |number: i32| i64::from(number).cast_unsigned();
        for (tag, number) in [
            (1, self.seq_id),
            (2, self.log_id),
            (3, signed(self.service)),
            (4, signed(self.method)),
        ] {
            // Required fields are written even if they are 0.
            write_varint(tag << 3 | VARINT, &mut bytes);
            write_varint(number, &mut bytes);
        }
        for (key, value) in &self.headers {
            let mut header = Vec::new();
            write_bytes(1, key.as_bytes(), &mut header);
            write_bytes(2, value.as_bytes(), &mut header);
            write_bytes(5, &header, &mut bytes);
        }
        for (tag, field) in [
            (6, self.payload_encoding.as_bytes()),
            (7, self.payload_type.as_bytes()),
            (8, &self.payload),
            (9, self.log_id_new.as_bytes()),
        ] {
            if !field.is_empty() {
                write_bytes(tag, field, &mut bytes);
            }
        }
        bytes
    }

    /// Reads a frame. Fails with the reason if a field is missing, repeated or unknown.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut frame = Self::default();
        let mut seen = [false; 10];
        for field in fields(bytes)? {
            let (tag, value) = field;
            let is_again = tag
                .try_into()
                .ok()
                .and_then(|tag: usize| seen.get_mut(tag))
                .is_some_and(|seen| std::mem::replace(seen, true));
            if is_again && tag != 5 {
                return Err(format!("field {tag} occurs twice"));
            }
            match (tag, value) {
                (1, Value::Number(number)) => frame.seq_id = number,
                (2, Value::Number(number)) => frame.log_id = number,
                (3, Value::Number(number)) => frame.service = int32(number)?,
                (4, Value::Number(number)) => frame.method = int32(number)?,
                (5, Value::Bytes(header)) => frame.headers.push(decode_header(header)?),
                (6, Value::Bytes(text)) => frame.payload_encoding = utf8(text)?,
                (7, Value::Bytes(text)) => frame.payload_type = utf8(text)?,
                (8, Value::Bytes(payload)) => frame.payload = payload.to_vec(),
                (9, Value::Bytes(text)) => frame.log_id_new = utf8(text)?,
                (tag, _) => return Err(format!("field {tag} is unknown or of a wrong type")),
            }
        }
        match (1..=4).find(|tag| !seen[*tag]) {
            Some(tag) => Err(format!("required field {tag} is missing")),
            None => Ok(frame),
        }
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, String> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let number = read_varint(&mut bytes)?;
        let value = match key & 7 {
            VARINT => Value::Number(number),
            BYTES => {
                let length = usize::try_from(number).unwrap_or(usize::MAX);
                let split = bytes.split_at_checked(length);
                let (value, rest) = split.ok_or("a field is cut off")?;
                bytes = rest;
                Value::Bytes(value)
            }
            other => return Err(format!("wire type {other}")),
        };
        fields.push((key >> 3, value));
    }
    Ok(fields)
}

fn decode_header(bytes: &[u8]) -> Result<(String, String), String> {
    match fields(bytes)?.as_slice() {
        [(1, Value::Bytes(key)), (2, Value::Bytes(value))] => Ok((utf8(key)?, utf8(value)?)),
        _ => Err("a header is not a key and a value".to_owned()),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

fn int32(number: u64) -> Result<i32, String> {
    i32::try_from(number.cast_signed()).map_err(|error| error.to_string())
}

fn write_bytes(tag: u64, value: &[u8], bytes: &mut Vec<u8>) {
    write_varint(tag << 3 | BYTES, bytes);
    write_varint(value.len() as u64, bytes);
    bytes.extend_from_slice(value);
}

fn write_varint(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first().ok_or("a number is cut off")?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers: the ping of a client, and that of the Go SDK.
    const PING: &[u8] =
        b"\x08\x00\x10\x00\x18\xf6\x81\x80\x10\x20\x00\x2a\x0c\x0a\x04type\x12\x04ping";
    const GO_PING: &[u8] =
        b"\x08\x00\x10\x00\x18\xf6\x81\x80\x10\x20\x00\x2a\x0c\x0a\x04type\x12\x04ping\x32\x00\x3a\x00\x4a\x00";

    #[test]
    fn a_ping_is_read_in_both_forms() {
        let ping = Frame {
            service: 33_554_678,
            headers: vec![("type".to_owned(), "ping".to_owned())],
            ..Frame::default()
        };
        assert_eq!(ping.encode(), PING);
        assert_eq!(Frame::decode(PING).as_ref(), Ok(&ping));
        assert_eq!(Frame::decode(GO_PING).as_ref(), Ok(&ping));
        assert_eq!(ping.header("type"), Some("ping"));
    }

    #[test]
    fn every_field_survives_also_at_its_limits() {
        let frame = Frame {
            seq_id: u64::MAX,
            log_id: 7_300_000_000_000_000_001,
            service: -1,
            method: 1,
            headers: vec![("a".to_owned(), String::new()); 2],
            payload_encoding: "json".to_owned(),
            payload_type: "json".to_owned(),
            payload: vec![0xff; 300],
            log_id_new: "0211".to_owned(),
        };
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }

    #[test]
    fn only_exactly_one_frame_is_accepted() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(Frame::decode(bytes), Err(expected.to_owned()));
        };
        check(b"", "required field 1 is missing");
        check(b"\x08\x00\x10\x00\x18\x00", "required field 4 is missing");
        check(b"\x08\x00\x08\x00", "field 1 occurs twice");
        check(b"\x0a\x00", "field 1 is unknown or of a wrong type");
        check(b"\x50\x00", "field 10 is unknown or of a wrong type");
        check(b"\x42\x05abc", "a field is cut off");
        check(b"\x08", "a number is cut off");
        check(&[0xff; 20], "a number is too long");
        check(b"\x0d\x00", "wire type 5");
        check(b"\x2a\x03\x0a\x01k", "a header is not a key and a value");
        check(
            b"\x32\x01\xff",
            "invalid utf-8 sequence of 1 bytes from index 0",
        );
    }
}
