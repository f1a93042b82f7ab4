//! The loops that send events. In a closed loop each connection sends as soon as it has its answer;
//! in an open loop each event has a scheduled time, independent of the answers before it.
//!
//! A closed loop runs in threads that block until their answer arrives, or in one thread that spins.
//! Waking a blocked thread on another core can cost the kernel more time than a handler needs, on
//! the core that sends the answer; a comparison of handlers would measure the generator's sleep.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use feishu_sim::{MessageId, SimClock};

use crate::events::Event;
use crate::http::Connection;
use crate::time::Limits;

/// How long the platform waits for an answer.
pub(crate) const PUSH_DEADLINE: Duration = Duration::from_secs(3);
/// The pause after a failed connection.
const PAUSE: Duration = Duration::from_millis(2);

/// How events are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) connections: usize,
    pub(crate) mode: LoopMode,
}

/// When a connection sends its next event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LoopMode {
    /// As soon as it has its answer.
    Answered,
    /// As soon as it has its answer; one thread spins over all connections.
    AnsweredSpinning,
    /// At its scheduled time, with so many events a second.
    Due(f64),
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// From the first event to the last answer.
    pub(crate) took: Duration,
    /// From sending an event, or in an open loop from its scheduled time, to its answer.
    pub(crate) latencies: Vec<Duration>,
    /// The number of answers by status, and of events with `no answer`.
    pub(crate) statuses: BTreeMap<String, usize>,
    /// When each acknowledged command was sent or due, in milliseconds since the Unix epoch.
    pub(crate) commands: Vec<(MessageId, u64)>,
    /// The share of reads of a spinning generator that found no answer yet.
    pub(crate) empty_reads: Option<f64>,
}

/// Sends all events, or as many as the time limit allows.
pub(crate) fn send(
    events: &[Event],
    addresses: &[SocketAddr],
    pace: Pace,
    clock: &SimClock,
    limits: &Limits,
) -> Answers {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let sender = Sender {
        events,
        next: &next,
        addresses,
        opened: AtomicUsize::default(),
        mode: pace.mode,
        began,
        clock,
        limits,
    };
    if matches!(pace.mode, LoopMode::AnsweredSpinning) {
        let mut answers = sender.spin(pace.connections);
        answers.took = began.elapsed();
        return answers;
    }
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..pace.connections)
            .map(|_| scope.spawn(|| sender.run()))
            .collect();
        let answers = senders.into_iter().filter_map(|sender| sender.join().ok());
        let mut all = answers.fold(Answers::default(), Answers::join);
        all.took = began.elapsed();
        all
    })
}

/// Shared by all connections.
struct Sender<'a> {
    events: &'a [Event],
    next: &'a AtomicUsize,
    addresses: &'a [SocketAddr],
    /// The number of opened connections; they go to the addresses in turn.
    opened: AtomicUsize,
    mode: LoopMode,
    began: Instant,
    clock: &'a SimClock,
    limits: &'a Limits,
}

/// An event that has no answer yet.
struct Sent<'a> {
    event: &'a Event,
    began: Instant,
    /// The start of the latency.
    since: Instant,
    at_ms: u64,
}

impl<'a> Sender<'a> {
    /// Sends events over one connection.
    fn run(&self) -> Answers {
        let mut answers = Answers::default();
        let mut connection = None;
        while let Some(sent) = self.next() {
            let status = self.exchange(&mut connection, &sent.event.request).ok();
            if status.is_none() {
                std::thread::sleep(PAUSE);
            }
            answers.count(&sent, status);
        }
        answers
    }

    /// Sends events over all connections from this thread.
    fn spin(&self, connections: usize) -> Answers {
        let mut answers = Answers::default();
        let (mut looks, mut in_vain) = (0.0, 0.0);
        let mut waiting: Vec<_> = (0..connections).filter_map(|_| self.begin(None)).collect();
        while !waiting.is_empty() {
            let now = Instant::now();
            waiting.retain_mut(|(sent, connection)| {
                looks += 1.0;
                let status = match connection.as_mut().map(Connection::receive) {
                    Some(Ok(None)) if now.saturating_duration_since(sent.began) < PUSH_DEADLINE => {
                        in_vain += 1.0;
                        return true;
                    }
                    Some(Ok(Some(status))) => Some(status),
                    _ => None,
                };
                answers.count(sent, status);
                let kept = status.and_then(|_| connection.take()?.reusable());
                let next = self.begin(kept);
                next.map(|next| (*sent, *connection) = next).is_some()
            });
        }
        answers.empty_reads = Some(in_vain / looks);
        answers
    }

    /// Sends the next event without waiting for its answer, on a new connection if there is none;
    /// the connection is gone if that failed.
    fn begin(&self, kept: Option<Connection>) -> Option<(Sent<'a>, Option<Connection>)> {
        let sent = self.next()?;
        let begin = || {
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.open()?,
            };
            connection.set_nonblocking()?;
            connection.send(&sent.event.request)?;
            std::io::Result::Ok(connection)
        };
        let connection = begin().ok();
        Some((sent, connection))
    }

    fn open(&self) -> std::io::Result<Connection> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        Connection::open(self.addresses[number % self.addresses.len()], PUSH_DEADLINE)
    }

    /// The next event, once it is due.
    fn next(&self) -> Option<Sent<'a>> {
        if self.limits.is_over() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let event = self.events.get(number)?;
        let due = match self.mode {
            LoopMode::Due(rate) => Some(self.wait_for(number, rate)),
            LoopMode::Answered | LoopMode::AnsweredSpinning => None,
        };
        let (began, at_ms) = (Instant::now(), self.clock.now_ms());
        Some(Sent {
            event,
            began,
            since: due.unwrap_or(began),
            at_ms,
        })
    }

    /// Sleeps until an event is due, and says when that was: in a late run, some time ago.
    fn wait_for(&self, number: usize, rate: f64) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 events")]
        let due = self.began + Duration::from_secs_f64(number as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    }

    fn exchange(&self, kept: &mut Option<Connection>, request: &[u8]) -> std::io::Result<u16> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let status = connection.exchange(request)?;
        *kept = connection.reusable();
        Ok(status)
    }
}

impl Answers {
    fn count(&mut self, sent: &Sent<'_>, status: Option<u16>) {
        if status.is_some() {
            self.latencies.push(sent.since.elapsed());
        }
        if let (Some(command), Some(200)) = (&sent.event.command, status) {
            let late = sent.began.saturating_duration_since(sent.since).as_millis();
            let due_ms = sent.at_ms - u64::try_from(late).unwrap_or(0);
            self.commands.push((command.clone(), due_ms));
        }
        let name = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        *self.statuses.entry(name).or_default() += 1;
    }

    fn join(mut self, other: Self) -> Self {
        self.latencies.extend(other.latencies);
        self.commands.extend(other.commands);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers every request on one connection after `delay`.
    fn slow_server(delay: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.read(&mut [0; 1024]).unwrap_or(0) > 0 {
                std::thread::sleep(delay);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).unwrap();
            }
        });
        address
    }

    fn measure(mode: LoopMode) -> Answers {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let limits = Limits::new(&runtime, 10).unwrap();
        let clock = crate::platform::Platform::start(&runtime, 1, 0)
            .unwrap()
            .sim
            .clock();
        let event = || Event {
            request: b"x".to_vec(),
            command: None,
        };
        let events: Vec<Event> = std::iter::repeat_with(event).take(10).collect();
        let address = slow_server(Duration::from_millis(10));
        let pace = Pace {
            connections: 1,
            mode,
        };
        send(&events, &[address], pace, &clock, &limits)
    }

    #[test]
    fn open_loop_latency_counts_from_the_due_time() {
        // Ten events due at once, answered one after another: the last one waits for all.
        let answers = measure(LoopMode::Due(1e9));
        assert_eq!(answers.statuses["200"], 10);
        assert!(answers.latencies.iter().max().unwrap() >= &Duration::from_millis(100));
    }

    #[test]
    fn closed_loop_latency_counts_from_sending() {
        for mode in [LoopMode::Answered, LoopMode::AnsweredSpinning] {
            let answers = measure(mode);
            assert_eq!(answers.statuses["200"], 10);
            assert_eq!(answers.latencies.len(), 10);
            assert!(answers.took >= Duration::from_millis(100));
            let fastest = answers.latencies.iter().min().unwrap();
            assert!(fastest < &Duration::from_millis(100), "{fastest:?}");
        }
    }

    #[test]
    fn a_spinning_generator_counts_its_empty_reads() {
        let answers = measure(LoopMode::AnsweredSpinning);
        // The server takes its time for each of ten events.
        assert!(answers.empty_reads.unwrap() > 0.9, "{answers:?}");
    }
}
