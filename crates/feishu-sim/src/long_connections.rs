//! The open long connections, their issued URLs, and the commands to each.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    frame::Frame,
    ids::{ConnectionId, Ids},
    record::{PushAnswer, Sent},
};

/// The limit of open connections per app (official pages on the long connection).
pub(crate) const MOST_CONNECTIONS: usize = 50;

pub(crate) const SERVICE_ID: i32 = 33_554_678;

pub(crate) const DATA: i32 = 1;

/// The `ClientConfig` of the platform, in seconds except the count; −1 is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// The number of attempts.
    pub reconnect_count: i64,
    /// The time between attempts.
    pub reconnect_interval: i64,
    /// The longest wait before the first attempt.
    pub reconnect_nonce: i64,
    /// The time between pings.
    pub ping_interval: i64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            reconnect_count: -1,
            reconnect_interval: 120,
            reconnect_nonce: 30,
            ping_interval: 120,
        }
    }
}

impl ClientConfig {
    pub(crate) fn json(self) -> Value {
        json!({
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        })
    }
}

/// The headers of a refused handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeRefusal {
    /// `Handshake-Status`, for example 514 or 403.
    pub status: i64,
    /// `Handshake-Msg`.
    pub msg: String,
    /// `Handshake-Autherrcode`.
    pub autherrcode: Option<i64>,
}

impl HandshakeRefusal {
    /// The app has reached its limit of connections.
    pub fn too_many_connections() -> Self {
        Self {
            status: 514,
            msg: "connection limit exceeded".to_owned(),
            autherrcode: Some(1_000_040_350),
        }
    }

    pub(crate) fn of(status: i64, msg: &str) -> Self {
        Self {
            status,
            msg: msg.to_owned(),
            autherrcode: None,
        }
    }
}

/// Everything about long connections.
#[derive(Debug)]
pub(crate) struct LongConnections {
    pub(crate) config: ClientConfig,
    /// The settings in pongs.
    pub(crate) pong: Option<ClientConfig>,
    pub(crate) refusals: VecDeque<HandshakeRefusal>,
    /// The queries of issued URLs; each is valid for one connection.
    pub(crate) issued: HashMap<String, Issued>,
    pub(crate) open: BTreeMap<ConnectionId, mpsc::UnboundedSender<ConnectionCommand>>,
    pub(crate) pending_acks: HashMap<String, PendingAck>,
    pub(crate) fragmentation: Fragmentation,
    pub(crate) dice: StdRng,
    pub(crate) sent: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Issued {
    Fresh(ConnectionId),
    Used,
}

/// A delivery that is not acknowledged yet.
#[derive(Debug)]
pub(crate) struct PendingAck {
    pub(crate) connection: ConnectionId,
    /// The frame that the acknowledgement echoes: the one that completes the message.
    pub(crate) last: Frame,
    pub(crate) answer: oneshot::Sender<PushAnswer>,
}

/// How messages are split: into `sum` parts, of which those in `order` are sent.
#[derive(Debug)]
pub(crate) struct Fragmentation {
    pub(crate) sum: usize,
    pub(crate) order: Vec<usize>,
}

impl Fragmentation {
    /// The index in `order` of the part that completes the message, or the last index if none does.
    pub(crate) fn completing(&self) -> usize {
        let missing = |place: usize| {
            let sent = &self.order[..=place];
            (0..self.sum).any(|seq| !sent.contains(&seq))
        };
        let last = self.order.len() - 1;
        (0..last).find(|place| !missing(*place)).unwrap_or(last)
    }
}

/// A command for a connection.
#[derive(Debug)]
pub(crate) enum ConnectionCommand {
    Frames(Vec<Vec<u8>>),
    Text(String),
    /// Sends a close frame and closes.
    Kick,
    /// Closes without a close frame.
    HangUp,
    /// Stays open without reading or writing.
    Silence,
}

impl LongConnections {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            config: ClientConfig::default(),
            pong: Some(ClientConfig::default()),
            refusals: VecDeque::new(),
            issued: HashMap::new(),
            open: BTreeMap::new(),
            pending_acks: HashMap::new(),
            fragmentation: Fragmentation {
                sum: 1,
                order: vec![0],
            },
            dice: StdRng::seed_from_u64(seed),
            sent: 0,
        }
    }

    pub(crate) fn order(&self, connection: &ConnectionId, order: ConnectionCommand) {
        let Some(orders) = self.open.get(connection) else {
            panic!("connection {connection} is not open")
        };
        // Fails only while the connection ends.
        orders.send(order).ok();
    }

    pub(crate) fn hang_up_all(&self) {
        for orders in self.open.values() {
            orders.send(ConnectionCommand::HangUp).ok();
        }
    }

    /// The query of a new URL, in the platform's form.
    pub(crate) fn issue(&mut self, ids: &mut Ids) -> String {
        let device_id = format!("7{:018}", ids.number());
        let query = format!(
            "fpid=493&aid=552564&device_id={device_id}&access_key={}&service_id={SERVICE_ID}&ticket={}",
            ids.hex(),
            ids.hex()
        );
        let issued = Issued::Fresh(ConnectionId::from(device_id));
        self.issued.insert(query.clone(), issued);
        query
    }

    /// Sends a message to one random connection; its acknowledgement comes later.
    pub(crate) fn send(
        &mut self,
        payload: &[u8],
        now_ms: u64,
        ids: &mut Ids,
    ) -> Result<(Sent, oneshot::Receiver<PushAnswer>), String> {
        if self.open.is_empty() {
            return Err("no connection is open".to_owned());
        }
        let chosen = self.dice.random_range(0..self.open.len());
        let chosen = self.open.keys().nth(chosen).cloned();
        let connection = chosen.ok_or("no connection is open")?;
        let message_id = ids.hex();
        let mut frames = Vec::new();
        let size = payload.len().div_ceil(self.fragmentation.sum).max(1);
        for seq in &self.fragmentation.order {
            self.sent += 1;
            let from = (seq * size).min(payload.len());
            let to = (from + size).min(payload.len());
            let headers = [
                ("type", "event".to_owned()),
                ("message_id", message_id.clone()),
                ("sum", self.fragmentation.sum.to_string()),
                ("seq", seq.to_string()),
                ("trace_id", message_id.clone()),
                ("timestamp", now_ms.to_string()),
            ];
            frames.push(Frame {
                seq_id: self.sent,
                log_id: ids.number(),
                service: SERVICE_ID,
                method: DATA,
                headers: headers.map(|(key, value)| (key.to_owned(), value)).into(),
                payload_encoding: "json".to_owned(),
                payload_type: "json".to_owned(),
                payload: payload[from..to].to_vec(),
                log_id_new: message_id.clone(),
            });
        }
        let bytes = frames.iter().map(Frame::encode).collect();
        self.order(&connection, ConnectionCommand::Frames(bytes));
        let (answer, answered) = oneshot::channel();
        let sent = Sent::Frames {
            connection: connection.clone(),
            message_id: message_id.clone(),
        };
        let pending = PendingAck {
            connection,
            last: frames.swap_remove(self.fragmentation.completing()),
            answer,
        };
        self.pending_acks.insert(message_id, pending);
        Ok((sent, answered))
    }

    pub(crate) fn close(&mut self, connection: &ConnectionId) {
        self.open.remove(connection);
        self.pending_acks
            .retain(|_, pending| pending.connection != *connection);
    }
}
