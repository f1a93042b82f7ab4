//! HTTP/1.1 over a plain socket, as cheap as it can be: what is sent was made before, and of an
//! answer only status and length are read.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// More headers than this are no answer of ours.
const MAX_HEAD: usize = 16 << 10;

/// A connection that is kept open between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// A read waits for its first byte. A read that waited in vain fails like one that does not
    /// wait, so that has to be known.
    waits: bool,
    /// The last answer was the last one.
    is_over: bool,
}

impl Connection {
    /// Connects; connecting, and later each read and write, may take as long as `patience`.
    pub(crate) fn open(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(1024),
            waits: true,
            is_over: false,
        })
    }

    /// Sends a whole request and reads the whole answer; returns the status. After an error the
    /// connection is of no use any more.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.send(request)?;
        loop {
            if let Some(status) = self.receive()? {
                return Ok(status);
            }
        }
    }

    /// From now on [`Self::receive`] returns at once if nothing is there.
    pub(crate) fn never_wait(&mut self) -> io::Result<()> {
        self.waits = false;
        self.stream.set_nonblocking(true)
    }

    /// Sends a whole request.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.answer.clear();
        self.stream.write_all(request)
    }

    /// Reads once; returns the status when the whole answer is there.
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

    /// The same connection for the next request, unless the other end said that there is none.
    pub(crate) fn kept(self) -> Option<Self> {
        (!self.is_over).then_some(self)
    }

    /// The last answer, head and body.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// The answer to a `GET` on a connection of its own: the status, and head and body as text.
pub(crate) fn get(
    address: SocketAddr,
    path: &str,
    patience: Duration,
) -> io::Result<(u16, String)> {
    let mut connection = Connection::open(address, patience)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let status = connection.exchange(request.as_bytes())?;
    Ok((status, connection.text()))
}

/// A `POST` with everything that goes over the wire.
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
    /// Says `connection: close`.
    closes: bool,
}

/// The head of an answer, once it is there as a whole.
fn head(answer: &[u8]) -> io::Result<Option<Head>> {
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some(length) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if answer.len() > MAX_HEAD {
            Err(strange("an answer without end"))
        } else {
            Ok(None)
        };
    };
    let text = std::str::from_utf8(&answer[..length]).map_err(|_| strange("a strange head"))?;
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
        _ => Err(strange("an answer without status or length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
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
    fn an_answer_may_be_the_last_one_of_its_connection() {
        let answer = |name| format!("HTTP/1.1 200 OK\r\n{name}\r\ncontent-length: 0\r\n\r\n");
        let closes = |name| head(answer(name).as_bytes()).unwrap().unwrap().closes;
        assert!(closes("Connection: close"));
        assert!(!closes("connection: keep-alive"));
    }

    #[test]
    fn what_has_no_length_is_refused() {
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "junk\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(head(answer.as_bytes()).is_err(), "{answer}");
        }
        assert!(head(&vec![b'a'; MAX_HEAD + 1]).is_err());
    }

    #[test]
    fn a_post_says_how_long_it_is() {
        let headers = [("x-a".to_owned(), "b".to_owned())];
        let request = String::from_utf8(post("/p", &headers, b"{}")).unwrap();
        let expected =
            "POST /p HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(request, expected);
    }
}
