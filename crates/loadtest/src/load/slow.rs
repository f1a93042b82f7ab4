//! Slow clients: some send nothing, some send their headers or body at a byte a second.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::events::WEBHOOK;
use crate::http;

/// The time between two bytes.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);
/// How often the connections are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The `content-length` of a body that never arrives whole.
const CONTENT_LENGTH: usize = 100_000;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Slow {
    pub(crate) connections: usize,
    /// Connections that the server had not closed at the end of the run.
    pub(crate) still_open: usize,
    /// Counted from when they were opened.
    pub(crate) last_closed_after_seconds: f64,
}

/// A connection that is idle or sends a byte a second.
#[derive(Debug)]
pub(crate) struct SlowConnection {
    stream: TcpStream,
    speaks: bool,
}

/// Opens `count` connections: a third idle, a third within the headers, a third within the body.
pub(crate) fn open(address: SocketAddr, count: usize) -> io::Result<Vec<SlowConnection>> {
    let whole = http::post(WEBHOOK, &[], &vec![b' '; CONTENT_LENGTH]);
    let body_starts = whole.len() - CONTENT_LENGTH;
    (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(address)?;
            let begin = match number % 3 {
                0 => 0,
                1 => body_starts / 2,
                _ => body_starts,
            };
            stream.write_all(&whole[..begin])?;
            stream.set_nonblocking(true)?;
            Ok(SlowConnection {
                stream,
                speaks: begin > 0,
            })
        })
        .collect()
}

/// Drives them until the server has closed all of them, or the run is over.
pub(crate) fn drive(mut open: Vec<SlowConnection>, is_over: &AtomicBool) -> Slow {
    let began = Instant::now();
    let mut slow = Slow {
        connections: open.len(),
        ..Slow::default()
    };
    let mut next_byte = began + BETWEEN_BYTES;
    while !open.is_empty() && !is_over.load(Ordering::Relaxed) {
        let is_time = Instant::now() >= next_byte;
        if is_time {
            next_byte += BETWEEN_BYTES;
        }
        let before = open.len();
        open.retain_mut(|connection| connection.is_open(is_time));
        if open.len() < before {
            slow.last_closed_after_seconds = began.elapsed().as_secs_f64();
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    slow.still_open = open.len();
    slow
}

impl SlowConnection {
    /// Sends the next byte if it is due; false once the server has closed.
    fn is_open(&mut self, is_time: bool) -> bool {
        if is_time && self.speaks && self.stream.write_all(b"a").is_err() {
            return false;
        }
        // An answer may come before the end.
        match self.stream.read(&mut [0; 1024]) {
            Ok(length) => length > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
