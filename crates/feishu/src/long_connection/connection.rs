//! An open long connection: incoming messages, acknowledgements, pings and its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::fragments::{Fragments, MAX_MESSAGE};
use super::frame::{Frame, Incoming, Response};
use super::{ClientConfig, Dropped, MessageType};

/// The most unanswered messages. Reading stops then, so that a platform that sends faster
/// than the app works does not fill its memory; the platform waits, or delivers again.
const MAX_UNANSWERED: usize = 64;

/// The most bytes of unanswered messages. The next message waits
/// until there is room for it, and reading stops meanwhile.
const MAX_UNANSWERED_BYTES: usize = 2 * MAX_MESSAGE;

/// Timeout of closing, for each side.
const GOODBYE: Duration = Duration::from_secs(2);

/// An open connection. It pings by itself, and ends without a closing handshake when dropped.
#[derive(Debug)]
pub struct Connection {
    events: mpsc::Receiver<Event>,
    dropped: watch::Receiver<Dropped>,
    goodbye: Option<oneshot::Sender<()>>,
    task: JoinSet<Disconnected>,
    ended: Option<Disconnected>,
}

/// An event of a connection.
#[derive(Debug)]
pub enum Event {
    /// A message that must be acknowledged.
    Payload(Payload),
    /// The platform changed its settings; the connection already applies them.
    Config(ClientConfig),
}

/// A complete message of the platform.
pub struct Payload {
    /// The id of this delivery, not of a chat message.
    pub message_id: String,
    /// The kind of message.
    pub message_type: MessageType,
    /// A decrypted body as for the webhook, for [`Envelope`](crate::Envelope).
    pub bytes: Vec<u8>,
    /// Acknowledges the message.
    pub ack: Ack,
}

/// Acknowledges a message. If this is dropped, or after 3 s, the platform delivers the message
/// again.
pub struct Ack {
    frame: Box<Frame>,
    since: Instant,
    place: mpsc::OwnedPermit<Frame>,
    /// Permits for the bytes of the message.
    _room: OwnedSemaphorePermit,
}

/// How a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Disconnected {
    /// Closed by the platform or by [`Connection::close`].
    #[error("the connection was closed ({code}: {reason})", code = .code.map_or("no code".to_owned(), |code| code.to_string()))]
    Closed {
        /// The WebSocket close code, if there was one.
        code: Option<u16>,
        /// The reason in the close frame.
        reason: String,
    },
    /// No frame arrived for one and a half ping intervals, so the platform is gone without closing
    /// the connection.
    #[error("the platform has been silent for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// The platform accepted no bytes for as long.
    #[error("the platform has accepted no data for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// The platform sent a frame that is longer than any message.
    #[error("the platform sent a message that is too long")]
    TooLong,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] Option<Arc<tungstenite::Error>>),
}

impl Connection {
    /// Starts a connection over an open WebSocket.
    pub(super) fn over<S>(socket: WebSocketStream<S>, service_id: i32, config: ClientConfig) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (events, incoming) = mpsc::channel(MAX_UNANSWERED);
        let (acks, answers) = mpsc::channel(MAX_UNANSWERED);
        let (followed, follower) = watch::channel(config);
        let (dropped, seen) = watch::channel(Dropped::default());
        let (goodbye, goodbye_requested) = oneshot::channel();
        let reader = Reader {
            events,
            acks,
            config: followed,
            dropped,
            fragments: Fragments::default(),
            room: Arc::new(Semaphore::new(MAX_UNANSWERED_BYTES)),
        };
        let writer = Writer {
            service_id,
            answers,
            config: follower,
            goodbye: goodbye_requested,
        };
        let (sink, stream) = socket.split();
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Concurrently: neither waits for the other.
            tokio::select! {
                reason = reader.run(stream) => reason,
                reason = writer.run(sink) => reason,
            }
        });
        Self {
            events: incoming,
            dropped: seen,
            goodbye: Some(goodbye),
            task,
            ended: None,
        }
    }

    /// The next event. After the end of the connection every call returns how it ended. Cancelling a
    /// call loses nothing.
    pub async fn next(&mut self) -> Result<Event, Disconnected> {
        if let Some(event) = self.events.recv().await {
            return Ok(event);
        }
        if self.ended.is_none() {
            let reason = self.task.join_next().await;
            // A panic has no reason.
            let reason = reason.and_then(Result::ok);
            self.ended = Some(reason.unwrap_or(Disconnected::Broken(None)));
        }
        Err(self.ended.clone().unwrap_or(Disconnected::Broken(None)))
    }

    /// The input that was dropped so far.
    pub fn dropped(&self) -> Dropped {
        *self.dropped.borrow()
    }

    /// Sends pending acknowledgements, closes, and waits up to 2 s for the
    /// platform to close, too. Messages that arrive meanwhile are dropped; the platform delivers them again.
    pub async fn close(mut self) {
        drop(self.goodbye.take());
        let ended = async { while self.next().await.is_ok() {} };
        // A platform that does not answer is ignored.
        drop(timeout(GOODBYE, ended).await);
    }
}

impl Ack {
    /// The message is accepted and stored.
    pub fn taken(self) {
        self.send(Response::Taken);
    }

    /// The message is accepted, and this JSON is the answer to its callback.
    pub fn answer(self, json: &[u8]) {
        self.send(Response::Answer(json));
    }

    /// The message is rejected; the platform delivers it again.
    pub fn failed(self) {
        self.send(Response::Failed);
    }

    /// Queues the answer; if the connection has ended, the platform delivers the message again.
    fn send(self, response: Response<'_>) {
        let took = self.since.elapsed();
        self.place.send(self.frame.into_ack(response, took));
    }
}

impl fmt::Debug for Payload {
    /// Omits content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("message_id", &self.message_id)
            .field("message_type", &self.message_type)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack").finish_non_exhaustive()
    }
}

impl From<tungstenite::Error> for Disconnected {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => Self::TooLong,
            tungstenite::Error::ConnectionClosed => Self::closed(None),
            error => Self::Broken(Some(Arc::new(error))),
        }
    }
}

impl Disconnected {
    fn closed(frame: Option<CloseFrame>) -> Self {
        Self::Closed {
            code: frame.as_ref().map(|frame| frame.code.into()),
            reason: frame.map_or_else(String::new, |frame| frame.reason.to_string()),
        }
    }
}

/// How long the platform may be silent or stalled.
fn patience(ping_interval: Duration) -> Duration {
    ping_interval * 3 / 2
}

/// Reads all frames.
struct Reader {
    events: mpsc::Sender<Event>,
    acks: mpsc::Sender<Frame>,
    config: watch::Sender<ClientConfig>,
    dropped: watch::Sender<Dropped>,
    fragments: Fragments,
    /// For the bytes of unanswered messages.
    room: Arc<Semaphore>,
}

impl Reader {
    async fn run<S>(mut self, mut stream: SplitStream<WebSocketStream<S>>) -> Disconnected
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            // Counted from here, so that our own delays do not count as silence of the platform.
            let patience = patience(self.config.borrow().ping_interval);
            let Ok(message) = timeout(patience, stream.next()).await else {
                return Disconnected::Silent(patience);
            };
            match message {
                None => return Disconnected::closed(None),
                Some(Err(error)) => return error.into(),
                Some(Ok(Message::Close(frame))) => {
                    // Reading on sends our close frame and lets the platform close first.
                    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
                    drop(timeout(GOODBYE, rest).await);
                    return Disconnected::closed(frame);
                }
                Some(Ok(Message::Binary(bytes))) => self.take(bytes).await,
                Some(Ok(Message::Text(_))) => self.count(|dropped| dropped.texts += 1),
                // They only show that the platform is alive, and are answered automatically.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    async fn take(&mut self, bytes: Bytes) {
        let frame = Frame::decode(&bytes);
        // The frame has a copy of the payload, and may be held for a while.
        drop(bytes);
        let part = match frame.and_then(Frame::read) {
            Ok(Incoming::Part(part)) => part,
            Ok(Incoming::Pong(Some(config))) => {
                if self.config.send_replace(config) != config {
                    self.tell(Event::Config(config)).await;
                }
                return;
            }
            Ok(Incoming::Pong(None) | Incoming::Control) => return,
            Err(error) => {
                // Counted in a metric, because a log line for each could fill the log.
                tracing::debug!(%error, "ignored an invalid frame");
                self.count(|dropped| dropped.unreadable += 1);
                return;
            }
        };
        let mut dropped = *self.dropped.borrow();
        let now = Instant::now();
        let whole = self.fragments.take(now.into_std(), part, &mut dropped);
        self.count(|counted| *counted = dropped);
        let Some(whole) = whole else { return };
        // The slot for the answer comes first: without one no message is handed over.
        let Ok(place) = self.acks.clone().reserve_owned().await else {
            return;
        };
        let length = u32::try_from(whole.payload.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(length).await else {
            return;
        };
        let payload = Payload {
            message_id: whole.message_id,
            message_type: whole.message_type,
            bytes: whole.payload,
            ack: Ack {
                frame: Box::new(whole.frame),
                since: now,
                place,
                _room: room,
            },
        };
        self.tell(Event::Payload(payload)).await;
    }

    async fn tell(&self, event: Event) {
        // Fails only if the connection was dropped, and this task with it.
        drop(self.events.send(event).await);
    }

    fn count(&self, count: impl FnOnce(&mut Dropped)) {
        self.dropped.send_modify(count);
    }
}

/// Writes pings and acknowledgements.
struct Writer {
    service_id: i32,
    answers: mpsc::Receiver<Frame>,
    config: watch::Receiver<ClientConfig>,
    goodbye: oneshot::Receiver<()>,
}

impl Writer {
    /// Ends only if writing fails; the reader notices all other ends.
    async fn run<S>(mut self, mut sink: SplitSink<WebSocketStream<S>, Message>) -> Disconnected
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.write(&mut sink).await {
            Err(reason) => reason,
            Ok(()) => std::future::pending().await,
        }
    }

    async fn write(
        &mut self,
        sink: &mut (impl futures_util::Sink<Message, Error = tungstenite::Error> + Unpin),
    ) -> Result<(), Disconnected> {
        let mut next_ping = Instant::now();
        loop {
            let interval = self.config.borrow_and_update().ping_interval;
            next_ping = next_ping.min(Instant::now() + interval);
            let frame = tokio::select! {
                // A busy connection pings, too.
                biased;
                () = sleep_until(next_ping) => {
                    next_ping = Instant::now() + interval;
                    Frame::ping(self.service_id)
                }
                Ok(()) = self.config.changed() => continue,
                _ = &mut self.goodbye => break,
                Some(frame) = self.answers.recv() => frame,
            };
            send(sink, frame_message(&frame), patience(interval)).await?;
        }
        while let Ok(frame) = self.answers.try_recv() {
            send(sink, frame_message(&frame), GOODBYE).await?;
        }
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        send(sink, Message::Close(Some(goodbye)), GOODBYE).await
    }
}

fn frame_message(frame: &Frame) -> Message {
    Message::Binary(frame.encode().into())
}

async fn send(
    sink: &mut (impl futures_util::Sink<Message, Error = tungstenite::Error> + Unpin),
    message: Message,
    patience: Duration,
) -> Result<(), Disconnected> {
    use tungstenite::Error::{AlreadyClosed, ConnectionClosed, Protocol};
    match timeout(patience, sink.send(message)).await {
        Err(_) => Err(Disconnected::Stalled(patience)),
        // The reader knows the reason.
        Ok(Err(ConnectionClosed | AlreadyClosed | Protocol(ProtocolError::SendAfterClosing))) => {
            std::future::pending().await
        }
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(())) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::frame::Part;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const CONFIG: ClientConfig = ClientConfig {
        reconnect_count: None,
        reconnect_interval: SECOND,
        reconnect_nonce: SECOND,
        ping_interval: Duration::from_secs(10),
    };
    const PONG: [u8; 22] = *b"\x08\0\x10\0\x18\x07\x20\0\x2a\x0c\x0a\x04type\x12\x04pong";

    /// The platform's end of a connection in memory.
    struct Platform(WebSocketStream<DuplexStream>);

    impl Platform {
        /// Both ends; `room` bytes fit between them.
        async fn with_room(room: usize) -> (Self, Connection) {
            let (ours, theirs) = tokio::io::duplex(room);
            let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
            let theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
            (Self(theirs), Connection::over(ours, 7, CONFIG))
        }

        async fn new() -> (Self, Connection) {
            Self::with_room(64 << 10).await
        }

        async fn send(&mut self, bytes: impl Into<Vec<u8>>) {
            self.0
                .send(Message::Binary(bytes.into().into()))
                .await
                .unwrap();
        }

        async fn event(&mut self, id: &str, text: &str) {
            self.send(Part::of(id, 0, 1, text.as_bytes()).into_bytes())
                .await;
        }

        /// The next frame, and whether it is a ping.
        async fn frame(&mut self) -> (Frame, bool) {
            let Some(Ok(Message::Binary(bytes))) = self.0.next().await else {
                panic!("no frame came")
            };
            let frame = Frame::decode(&bytes).unwrap();
            let is_ping = frame == Frame::ping(7);
            (frame, is_ping)
        }

        async fn ping(&mut self) {
            assert!(self.frame().await.1);
        }

        async fn ack(&mut self) -> Frame {
            loop {
                if let (ack, false) = self.frame().await {
                    return ack;
                }
            }
        }
    }

    async fn payload(connection: &mut Connection) -> Payload {
        match connection.next().await {
            Ok(Event::Payload(payload)) => payload,
            other => panic!("{other:?}"),
        }
    }

    fn pong(config: &str) -> Vec<u8> {
        let length = u8::try_from(config.len()).unwrap();
        [&PONG[..], &[0x42, length], config.as_bytes()].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn pings_follow_the_interval_of_the_pong() {
        let (mut platform, mut connection) = Platform::new().await;
        let start = Instant::now();
        platform.ping().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        platform.send(PONG).await;
        platform.ping().await;
        assert_eq!(start.elapsed(), 10 * SECOND);

        platform.send(pong(r#"{"PingInterval":3}"#)).await;
        let Ok(Event::Config(config)) = connection.next().await else {
            panic!("no settings came")
        };
        assert_eq!(config.ping_interval, 3 * SECOND);
        platform.ping().await;
        assert_eq!(start.elapsed(), 13 * SECOND);
        // The same settings again are no news.
        platform.send(pong(r#"{"PingInterval":3}"#)).await;
        platform.event("m", "after it").await;
        assert_eq!(payload(&mut connection).await.bytes, b"after it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_acknowledged_as_its_owner_decides() {
        let (mut platform, mut connection) = Platform::new().await;
        for seq in [1, 0] {
            let part = Part::of("cut", seq, 2, if seq == 0 { b"ab" } else { b"cd" });
            platform.send(part.into_bytes()).await;
        }
        platform.event("whole", "{}").await;
        let cut = payload(&mut connection).await;
        assert_eq!((&*cut.message_id, &*cut.bytes), ("cut", &b"abcd"[..]));
        assert_eq!(cut.message_type, MessageType::Event);
        let whole = payload(&mut connection).await;
        let shown = format!("{whole:?}");
        assert!(
            shown.contains("length: 2") && !shown.contains("{}"),
            "{shown}"
        );

        // The later one is ready first.
        tokio::time::advance(SECOND).await;
        whole.ack.answer(b"[]");
        tokio::time::advance(SECOND).await;
        cut.ack.failed();
        let sent = |id, seq, sum, response, seconds| {
            let frame = Part::of(id, seq, sum, b"").frame;
            frame.into_ack(response, seconds * SECOND)
        };
        let expected = sent("whole", 0, 1, Response::Answer(b"[]"), 1);
        assert_eq!(platform.ack().await, expected);
        let expected = sent("cut", 0, 2, Response::Failed, 2);
        assert_eq!(
            platform.ack().await,
            expected,
            "the last part to come is echoed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_platform_ends_the_connection() {
        let (mut platform, mut connection) = Platform::new().await;
        let start = Instant::now();
        tokio::time::advance(14 * SECOND).await;
        // Any frame shows that it is there.
        platform
            .0
            .send(Message::Text("still here".into()))
            .await
            .unwrap();
        let ended = connection.next().await;
        assert!(matches!(ended, Err(Disconnected::Silent(after)) if after == 15 * SECOND));
        assert_eq!(start.elapsed(), 29 * SECOND);
        let again = connection.next().await;
        assert!(
            matches!(again, Err(Disconnected::Silent(_))),
            "it is said every time"
        );
        assert_eq!(connection.dropped().texts, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_platform_ends_the_connection() {
        let (mut platform, mut connection) = Platform::with_room(16).await;
        let ended = async {
            loop {
                if let Err(reason) = connection.next().await {
                    return reason;
                }
            }
        };
        let speaking = async {
            loop {
                tokio::time::sleep(SECOND).await;
                let pong = Message::Binary(PONG.to_vec().into());
                // Fails once the connection has been given up.
                drop(platform.0.send(pong).await);
            }
        };
        tokio::select! {
            reason = ended => assert!(matches!(reason, Disconnected::Stalled(_)), "{reason:?}"),
            () = speaking => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn invalid_frames_are_counted() {
        let (mut platform, mut connection) = Platform::new().await;
        platform.send(b"rubbish".to_vec()).await;
        platform.send(Frame::default().encode()).await;
        platform.0.send(Message::Ping("".into())).await.unwrap();
        platform
            .send(Part::of("never", 0, 2, b"a").into_bytes())
            .await;
        platform
            .send(Part::of("never", 0, 2, b"a").into_bytes())
            .await;
        platform.event("m", "fine").await;
        assert_eq!(payload(&mut connection).await.bytes, b"fine");
        let expected = Dropped {
            unreadable: 2,
            repeated_parts: 1,
            ..Dropped::default()
        };
        assert_eq!(connection.dropped(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_goodbye_of_the_platform_says_why() {
        let (mut platform, mut connection) = Platform::new().await;
        let frame = CloseFrame {
            code: CloseCode::Away,
            reason: "deploying".into(),
        };
        platform.0.close(Some(frame)).await.unwrap();
        let serving = async { while let Some(Ok(_)) = platform.0.next().await {} };
        let (ended, ()) = tokio::join!(connection.next(), serving);
        let Err(Disconnected::Closed { code, reason }) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!((code, &*reason), (Some(1001), "deploying"));
    }

    #[tokio::test(start_paused = true)]
    async fn broken_connections_are_reported() {
        let (platform, mut connection) = Platform::new().await;
        drop(platform);
        let ended = connection.next().await.map(drop);
        assert!(
            matches!(ended, Err(Disconnected::Broken(Some(_)))),
            "{ended:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn closing_sends_pending_acknowledgements_first() {
        let (mut platform, mut connection) = Platform::new().await;
        platform.event("m", "").await;
        payload(&mut connection).await.ack.taken();
        let start = Instant::now();
        let platform = async move {
            platform.ack().await;
            let goodbye = platform.0.next().await;
            let Some(Ok(Message::Close(Some(frame)))) = goodbye else {
                panic!("{goodbye:?}")
            };
            assert_eq!(frame.code, CloseCode::Normal);
            assert!(platform.0.next().await.is_none());
        };
        tokio::join!(connection.close(), platform);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_times_out_without_an_answer() {
        let (_platform, connection) = Platform::new().await;
        let start = Instant::now();
        connection.close().await;
        assert_eq!(start.elapsed(), GOODBYE);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_stops_at_the_limit_of_unanswered_messages() {
        let (mut platform, mut connection) = Platform::new().await;
        let mut held = Vec::new();
        for number in 0..=MAX_UNANSWERED {
            platform.event(&number.to_string(), "").await;
        }
        for _ in 0..MAX_UNANSWERED {
            held.push(payload(&mut connection).await);
        }
        let early = timeout(100 * SECOND, connection.next()).await;
        assert!(early.is_err(), "one too many: {early:?}");
        held.pop().unwrap().ack.taken();
        let last = payload(&mut connection).await;
        assert_eq!(last.message_id, MAX_UNANSWERED.to_string());
    }

    #[tokio::test(start_paused = true)]
    async fn unanswered_messages_have_a_bounded_size() {
        let (mut platform, mut connection) = Platform::with_room(16 * MAX_MESSAGE).await;
        let longest = "a".repeat(MAX_MESSAGE);
        let most = MAX_UNANSWERED_BYTES / MAX_MESSAGE;
        for number in 0..2 * most {
            platform.event(&number.to_string(), &longest).await;
        }
        let mut held = Vec::new();
        for _ in 0..most {
            held.push(payload(&mut connection).await);
        }
        // Nothing more waits between the socket and the handler of messages.
        sleep_until(Instant::now() + SECOND).await;
        assert!(connection.events.is_empty());
        for number in most..2 * most {
            held.remove(0).ack.taken();
            let next = payload(&mut connection).await;
            assert_eq!(next.message_id, number.to_string());
            held.push(next);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_dropped_without_an_answer_makes_room() {
        let (mut platform, mut connection) = Platform::with_room(16 * MAX_MESSAGE).await;
        let longest = "a".repeat(MAX_MESSAGE);
        for number in 0..2 * MAX_UNANSWERED_BYTES / MAX_MESSAGE {
            platform.event(&number.to_string(), &longest).await;
            assert_eq!(
                payload(&mut connection).await.message_id,
                number.to_string()
            );
        }
    }
}
