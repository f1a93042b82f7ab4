//! Connections that want to keep others out: some say nothing, some send their headers or their
//! body a byte a second.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::events::WEBHOOK;
use crate::wire;

/// Between two bytes.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);
/// How often it is looked which connections were closed.
const GLANCE: Duration = Duration::from_millis(100);
/// A body is announced to be this long, and never will be.
const ANNOUNCED: usize = 100_000;

/// What became of them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Slow {
    pub(crate) connections: usize,
    /// Those that the other side had not closed when the good client was done.
    pub(crate) still_open: usize,
    /// Since they were opened.
    pub(crate) last_closed_after_seconds: f64,
}

/// A connection that takes its time.
#[derive(Debug)]
pub(crate) struct Dribble {
    stream: TcpStream,
    speaks: bool,
}

/// Opens so many: one third idle, one third in the middle of the headers, one third of the body.
pub(crate) fn open(address: SocketAddr, count: usize) -> io::Result<Vec<Dribble>> {
    let whole = wire::post(WEBHOOK, &[], &vec![b' '; ANNOUNCED]);
    let body_starts = whole.len() - ANNOUNCED;
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
            Ok(Dribble {
                stream,
                speaks: begin > 0,
            })
        })
        .collect()
}

/// Keeps them open until all are closed by the other side, or all is over.
pub(crate) fn dribble(mut open: Vec<Dribble>, is_over: &AtomicBool) -> Slow {
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
        open.retain_mut(|connection| connection.goes_on(is_time));
        if open.len() < before {
            slow.last_closed_after_seconds = began.elapsed().as_secs_f64();
        }
        std::thread::sleep(GLANCE);
    }
    slow.still_open = open.len();
    slow
}

impl Dribble {
    /// Sends the next byte if it is time; false once the other side has closed.
    fn goes_on(&mut self, is_time: bool) -> bool {
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
