//! Minimal HTTP/1.1 over a plain socket, so that the generator costs little: requests are prepared,
//! and of an answer only status and length are read.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The largest head of an answer.
const MAX_HEAD: usize = 16 << 10;

/// A connection that is kept open between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// Whether reads block. A blocking read that times out fails like a non-blocking one.
    waits: bool,
    /// The server closes after this answer.
    is_over: bool,
}

impl Connection {
    /// Connects. `timeout` is for connecting, and for each read and write.
    pub(crate) fn open(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(1024),
            waits: true,
            is_over: false,
        })
    }

    /// Sends a request and reads the answer; returns the status. After an error the connection must
    /// be dropped.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.send(request)?;
        loop {
            if let Some(status) = self.receive()? {
                return Ok(status);
            }
        }
    }

    /// Makes [`Self::receive`] return at once if nothing has arrived.
    pub(crate) fn set_nonblocking(&mut self) -> io::Result<()> {
        self.waits = false;
        self.stream.set_nonblocking(true)
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.answer.clear();
        self.stream.write_all(request)
    }

    /// Reads once; returns the status once the whole answer has arrived.
    pub(crate) fn receive(&mut self) -> io::Result<Option<u16>> {
        let mut part = [0; 4096];
        let length = match self.stream.read(&mut part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.waits => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.answer.extend_from_slice(&part[..length]);
        let whole =
            head(&self.answer)?.filter(|head| self.answer.len() >= head.length + head.body_length);
        Ok(whole.map(|head| {
            self.is_over = head.closes;
            head.status
        }))
    }

    /// The connection for the next request, unless the server closes it.
    pub(crate) fn reusable(self) -> Option<Self> {
        (!self.is_over).then_some(self)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// Makes a `GET` request on a new connection; returns the status, and head and body as text.
pub(crate) fn get(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<(u16, String)> {
    get_with_cookie(address, path, "", timeout)
}

/// The same with a cookie; an empty one is not sent.
pub(crate) fn get_with_cookie(
    address: SocketAddr,
    path: &str,
    cookie: &str,
    timeout: Duration,
) -> io::Result<(u16, String)> {
    let mut connection = Connection::open(address, timeout)?;
    let cookie = if cookie.is_empty() {
        String::new()
    } else {
        format!("cookie: {cookie}\r\n")
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{cookie}\r\n");
    let status = connection.exchange(request.as_bytes())?;
    Ok((status, connection.text()))
}

/// The bytes of a `POST` request.
pub(crate) fn post(path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: usize,
    body_length: usize,
    /// Has `connection: close`.
    closes: bool,
}

/// Parses the head of an answer, once it is complete.
fn head(answer: &[u8]) -> io::Result<Option<Head>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some(length) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if answer.len() > MAX_HEAD {
            Err(invalid("parsing an answer: head too long"))
        } else {
            Ok(None)
        };
    };
    let text = std::str::from_utf8(&answer[..length])
        .map_err(|_| invalid("parsing an answer: head not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let (mut body_length, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body_length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    match (status, body_length) {
        (Some(status), Some(body_length)) => Ok(Some(Head {
            status,
            length: length + 4,
            body_length,
            closes,
        })),
        _ => Err(invalid("parsing an answer: no status or length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_once_complete() {
        let check = |answer: &str, expected: Option<(u16, usize, usize)>| {
            let found = head(answer.as_bytes()).unwrap();
            let found = found.map(|head| (head.status, head.length, head.body_length));
            assert_eq!(found, expected, "{answer}");
        };
        check("", None);
        check("HTTP/1.1 200 OK\r\nContent-Le", None);
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            Some((200, 38, 2)),
        );
        check(
            "HTTP/1.1 503 X\r\na: b\r\ncontent-length:0\r\n\r\n",
            Some((503, 42, 0)),
        );
    }

    #[test]
    fn connection_close_ends_a_connection() {
        let answer = |name| format!("HTTP/1.1 200 OK\r\n{name}\r\ncontent-length: 0\r\n\r\n");
        let closes = |name| head(answer(name).as_bytes()).unwrap().unwrap().closes;
        assert!(closes("Connection: close"));
        assert!(!closes("connection: keep-alive"));
    }

    #[test]
    fn an_answer_without_length_is_an_error() {
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "junk\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(head(answer.as_bytes()).is_err(), "{answer}");
        }
        assert!(head(&vec![b'a'; MAX_HEAD + 1]).is_err());
    }

    #[test]
    fn a_post_has_its_content_length() {
        let headers = [("x-a".to_owned(), "b".to_owned())];
        let request = String::from_utf8(post("/p", &headers, b"{}")).unwrap();
        let expected =
            "POST /p HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(request, expected);
    }
}
