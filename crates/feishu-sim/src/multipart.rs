//! Bodies of several parts (RFC 7578), as uploads have them.

use bytes::Bytes;
use serde_json::{Value, json};

/// A field of a form.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

/// The fields of a body; `None` if it is malformed.
pub(crate) fn parts(content_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.trim().strip_prefix("boundary=")?.trim_matches('"');
    let delimiter = format!("\r\n--{boundary}");
    let mut at = delimiter.len() - 2;
    if !body.starts_with(&delimiter.as_bytes()[2..]) {
        return None;
    }
    let mut parts = Vec::new();
    loop {
        let rest = body.get(at..)?;
        if rest == b"--\r\n" || rest == b"--" {
            return Some(parts);
        }
        let head_end = at + find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(body.get(at..head_end)?).ok()?;
        let begin = head_end + 4;
        let end = begin + find(body.get(begin..)?, delimiter.as_bytes())?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?.to_owned();
        parts.push(Part {
            name,
            content: body.slice(begin..end),
        });
        at = end + delimiter.len();
    }
}

/// An upload as the record shows it, without the content.
pub(crate) fn recorded(content_type: &str, body: &Bytes) -> Option<Value> {
    let mut fields = json!({});
    for part in parts(content_type, body)? {
        fields[&part.name] = match part.name.as_str() {
            "file" => json!({ "bytes": part.content.len() }),
            _ => json!(String::from_utf8_lossy(&part.content)),
        };
    }
    Some(fields)
}

/// Where `needle`, which begins with a carriage return, is in `hay`.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let next = hay.get(from..)?.iter().position(|byte| *byte == b'\r')?;
        if hay[from + next..].starts_with(needle) {
            return Some(from + next);
        }
        from += next + 1;
    }
}

/// The checksum of a body (Adler-32).
pub(crate) fn adler32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    (sum.1 << 16) | sum.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\r\n-\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n\r\n--b--\r\n";
        let body = Bytes::from_static(body.as_bytes());
        let read = parts("multipart/form-data; boundary=b", &body).unwrap();
        let read: Vec<(&str, &[u8])> = read
            .iter()
            .map(|part| (&*part.name, &*part.content))
            .collect();
        assert_eq!(read, [("a", &b"1\r\r\n-"[..]), ("file", b"")]);
        for content_type in ["multipart/form-data; boundary=c", "text/plain", ""] {
            assert!(parts(content_type, &body).is_none());
        }
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
