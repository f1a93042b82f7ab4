//! The long connection as the platform keeps it: endpoints, open connections, and what goes over them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    gateway::Request,
    ids::{ConnectionId, Ids},
    record::{Acknowledgement, PushAnswer, Sent},
    refusal::Refusal,
    simulator::Simulator,
    state::State,
};

mod frame;
mod socket;

pub(crate) use socket::connect;

use frame::Frame;

/// An app may have this many at once (official pages on the long connection).
const MOST_CONNECTIONS: usize = 50;
const SERVICE_ID: i32 = 33_554_678;
const CONTROL: i32 = 0;
const DATA: i32 = 1;

/// What the platform tells its clients in `ClientConfig`. Seconds, but for the count; −1 is without
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// How often a client tries again.
    pub reconnect_count: i64,
    /// Between these tries.
    pub reconnect_interval: i64,
    /// The longest wait before the first of them.
    pub reconnect_nonce: i64,
    /// Between pings.
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
    fn json(self) -> Value {
        json!({
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        })
    }
}

/// A handshake that the platform refuses, by its headers.
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
    /// The app has as many connections as it may have.
    pub fn too_many_connections() -> Self {
        Self {
            status: 514,
            msg: "connection limit exceeded".to_owned(),
            autherrcode: Some(1_000_040_350),
        }
    }

    fn of(status: i64, msg: &str) -> Self {
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
    /// Where the simulator listens.
    pub(crate) authority: String,
    config: ClientConfig,
    /// What pongs bring.
    pong: Option<ClientConfig>,
    refusals: VecDeque<HandshakeRefusal>,
    /// Queries of the URLs given out; each is good for one connection.
    issued: HashMap<String, Issued>,
    open: BTreeMap<ConnectionId, mpsc::UnboundedSender<Order>>,
    awaited: HashMap<String, Awaited>,
    cut: Cut,
    dice: StdRng,
    sent: u64,
}

#[derive(Clone, Debug)]
enum Issued {
    Fresh(ConnectionId),
    Used,
}

/// A delivery whose acknowledgement may still come.
#[derive(Debug)]
struct Awaited {
    connection: ConnectionId,
    /// The frame that is to be echoed: the one that makes the message complete.
    last: Frame,
    answer: oneshot::Sender<PushAnswer>,
}

/// How a message is cut: into so many parts, of which these are sent, in this order.
#[derive(Debug)]
struct Cut {
    sum: usize,
    order: Vec<usize>,
}

impl Cut {
    /// The place in the order at which the message is complete, or the last one if it never is.
    fn completing(&self) -> usize {
        let missing = |place: usize| {
            let sent = &self.order[..=place];
            (0..self.sum).any(|seq| !sent.contains(&seq))
        };
        let last = self.order.len() - 1;
        (0..last).find(|place| !missing(*place)).unwrap_or(last)
    }
}

/// What a connection is told to do.
#[derive(Debug)]
enum Order {
    Frames(Vec<Vec<u8>>),
    Text(String),
    /// To say goodbye and hang up.
    Kick,
    /// To hang up without a word.
    HangUp,
    /// To stay open but neither listen nor speak any more.
    Silence,
}

impl LongConnections {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            authority: String::new(),
            config: ClientConfig::default(),
            pong: Some(ClientConfig::default()),
            refusals: VecDeque::new(),
            issued: HashMap::new(),
            open: BTreeMap::new(),
            awaited: HashMap::new(),
            cut: Cut {
                sum: 1,
                order: vec![0],
            },
            dice: StdRng::seed_from_u64(seed),
            sent: 0,
        }
    }

    fn order(&self, connection: &ConnectionId, order: Order) {
        let Some(orders) = self.open.get(connection) else {
            panic!("connection {connection} is not open")
        };
        // Fails only where the connection is just ending.
        orders.send(order).ok();
    }

    pub(crate) fn hang_up_all(&self) {
        for orders in self.open.values() {
            orders.send(Order::HangUp).ok();
        }
    }

    /// A query such as the platform's URLs have.
    fn issue(&mut self, ids: &mut Ids) -> String {
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
    fn send(
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
        let size = payload.len().div_ceil(self.cut.sum).max(1);
        for seq in &self.cut.order {
            self.sent += 1;
            let from = (seq * size).min(payload.len());
            let to = (from + size).min(payload.len());
            let headers = [
                ("type", "event".to_owned()),
                ("message_id", message_id.clone()),
                ("sum", self.cut.sum.to_string()),
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
        self.order(&connection, Order::Frames(bytes));
        let (answer, answered) = oneshot::channel();
        let sent = Sent::Frames {
            connection: connection.clone(),
            message_id: message_id.clone(),
        };
        let awaited = Awaited {
            connection,
            last: frames.swap_remove(self.cut.completing()),
            answer,
        };
        self.awaited.insert(message_id, awaited);
        Ok((sent, answered))
    }

    fn close(&mut self, connection: &ConnectionId) {
        self.open.remove(connection);
        self.awaited
            .retain(|_, awaited| awaited.connection != *connection);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[serde(rename = "AppID")]
    app_id: String,
    #[serde(rename = "AppSecret")]
    app_secret: String,
}

/// `POST /callback/ws/endpoint`: HTTP 200 in every case.
pub(crate) fn endpoint(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let credentials: Credentials = request.body().map_err(|refusal| Refusal {
        violation: refusal.violation,
        ..Refusal::code(514)
    })?;
    if request.locale.as_deref() != Some("zh") {
        return Err(Refusal::code(514).violating("header `locale` is not `zh`"));
    }
    if (credentials.app_id, credentials.app_secret)
        != (state.app.app_id.clone(), state.app.app_secret.clone())
    {
        return Err(Refusal::code(514));
    }
    let State {
        long_connections,
        ids,
        ..
    } = state;
    let query = long_connections.issue(ids);
    let data = json!({
        "URL": format!("ws://{}/ws/v2?{query}", long_connections.authority),
        "ClientConfig": long_connections.config.json(),
    });
    Ok(json!({"code": 0, "msg": "", "data": data}))
}

impl State {
    /// The open connections, in the order in which their endpoints were asked for.
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.long_connections.open.keys().cloned().collect()
    }

    /// What was acknowledged over long connections, in order, late acknowledgements too.
    pub fn acknowledgements(&self) -> &[Acknowledgement] {
        &self.record.acknowledgements
    }

    /// How many pings came over a connection.
    pub fn pings(&self, connection: &ConnectionId) -> usize {
        let pings = self.record.pings.iter();
        pings.filter(|over| *over == connection).count()
    }

    /// Sends an envelope in clear over one of the connections.
    pub(crate) fn send_over_connection(
        &mut self,
        envelope: &Value,
    ) -> Result<(Sent, oneshot::Receiver<PushAnswer>), String> {
        let now = self.now();
        let State {
            long_connections,
            ids,
            ..
        } = self;
        long_connections.send(envelope.to_string().as_bytes(), now, ids)
    }

    /// Decides about a handshake with this query.
    fn shake_hands(
        &mut self,
        query: &str,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Result<ConnectionId, HandshakeRefusal> {
        let connections = &mut self.long_connections;
        if let Some(refusal) = connections.refusals.pop_front() {
            return Err(refusal);
        }
        let Some(issued) = connections.issued.get_mut(query) else {
            self.violate("a handshake with a query that no endpoint named");
            return Err(HandshakeRefusal::of(403, "forbidden"));
        };
        let Issued::Fresh(connection) = issued.clone() else {
            return Err(HandshakeRefusal::of(514, "the ticket has been used"));
        };
        if connections.open.len() >= MOST_CONNECTIONS {
            return Err(HandshakeRefusal::too_many_connections());
        }
        *issued = Issued::Used;
        connections.open.insert(connection.clone(), orders);
        Ok(connection)
    }

    /// Takes a binary message from a connection and says what to answer it with.
    fn receive(&mut self, connection: &ConnectionId, bytes: &[u8]) -> Option<Vec<u8>> {
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(reason) => {
                self.violate(&format!("not a frame: {reason}"));
                return None;
            }
        };
        match frame.method {
            CONTROL => self.pong(connection, &frame),
            DATA => {
                if let Err(reason) = self.acknowledge(connection, &frame) {
                    self.violate(&format!("acknowledgement {frame:?}: {reason}"));
                }
                None
            }
            other => {
                self.violate(&format!("method {other}"));
                None
            }
        }
    }

    fn pong(&mut self, connection: &ConnectionId, frame: &Frame) -> Option<Vec<u8>> {
        let headers = |kind: &str| vec![("type".to_owned(), kind.to_owned())];
        let ping = Frame {
            service: SERVICE_ID,
            method: CONTROL,
            headers: headers("ping"),
            ..Frame::default()
        };
        if *frame != ping {
            self.violate(&format!("a control frame that is no ping: {frame:?}"));
            return None;
        }
        self.record.pings.push(connection.clone());
        let config = self.long_connections.pong;
        let payload = config.map(|config| config.json().to_string().into_bytes());
        let pong = Frame {
            headers: headers("pong"),
            payload: payload.unwrap_or_default(),
            ..ping
        };
        Some(pong.encode())
    }

    fn acknowledge(&mut self, connection: &ConnectionId, frame: &Frame) -> Result<(), String> {
        let message_id = frame.header("message_id").unwrap_or_default().to_owned();
        let awaited = self.long_connections.awaited.get(&message_id);
        let awaited = awaited.filter(|awaited| awaited.connection == *connection);
        let awaited = awaited.ok_or("nothing of that name was sent here, or it is acknowledged")?;
        let mut expected = awaited.last.headers.clone();
        let time = frame.header("biz_rt");
        let time: Vec<_> = time
            .map(|time| ("biz_rt".to_owned(), time.to_owned()))
            .into_iter()
            .collect();
        expected.extend(time.iter().cloned());
        let echoed = |frame: &Frame| (frame.seq_id, frame.log_id, frame.service);
        if frame.headers != expected || echoed(frame) != echoed(&awaited.last) {
            return Err(format!("it is no echo of {:?}", awaited.last));
        }
        let biz_rt_ms = time.first().map(|(_, time)| time.parse()).transpose();
        let biz_rt_ms = biz_rt_ms.map_err(|_| "biz_rt is no number")?;
        let response: Response =
            serde_json::from_slice(&frame.payload).map_err(|error| error.to_string())?;
        if biz_rt_ms.is_none() && response.code == 200 {
            return Err("it has no biz_rt".to_owned());
        }
        let data = response.data.as_deref().map(|data| STANDARD.decode(data));
        let data = data.transpose().map_err(|error| error.to_string())?;
        let body =
            String::from_utf8(data.unwrap_or_default()).map_err(|error| error.to_string())?;
        let answer = PushAnswer {
            status: response.code,
            headers: time,
            body,
        };
        let at_ms = self.now();
        self.record.acknowledgements.push(Acknowledgement {
            at_ms,
            connection: connection.clone(),
            message_id: message_id.clone(),
            biz_rt_ms,
            answer: answer.clone(),
        });
        if let Some(awaited) = self.long_connections.awaited.remove(&message_id) {
            // Who asked may have stopped waiting.
            awaited.answer.send(answer).ok();
        }
        Ok(())
    }

    fn violate(&mut self, what: &str) {
        let what = format!("long connection: {what}");
        self.record.violations.push(what);
    }
}

/// The payload of an acknowledgement. Not every SDK writes what is empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    code: u16,
    #[serde(default, rename = "headers")]
    _headers: Option<HashMap<String, String>>,
    #[serde(default)]
    data: Option<String>,
}

impl Simulator {
    /// Lets events come over the long connections that are open, in place of a webhook.
    pub fn receive_by_long_connection(&self) {
        self.shared
            .change(|state| state.receiver = Some(crate::push::Receiver::LongConnection));
    }

    /// See [`State::connections`].
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.read(State::connections)
    }

    /// See [`State::acknowledgements`].
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.read(|state| state.acknowledgements().to_vec())
    }

    /// What endpoints and pongs tell the clients from now on.
    pub fn set_client_config(&self, config: ClientConfig) {
        self.shared.change(|state| {
            state.long_connections.config = config;
            state.long_connections.pong = Some(config);
        });
    }

    /// Leaves settings out of pongs from now on.
    pub fn send_empty_pongs(&self) {
        self.shared
            .change(|state| state.long_connections.pong = None);
    }

    /// Refuses the next handshake; several are used up in order.
    pub fn refuse_handshake(&self, refusal: HandshakeRefusal) {
        self.shared
            .change(|state| state.long_connections.refusals.push_back(refusal));
    }

    /// Cuts events into `sum` parts from now on and sends those of them that `order` names, counted
    /// from 0, in that order. Panics where there is no such part.
    pub fn cut_events(&self, sum: usize, order: &[usize]) {
        assert!(!order.is_empty() && order.iter().all(|seq| *seq < sum));
        let cut = Cut {
            sum,
            order: order.to_vec(),
        };
        self.shared.change(|state| state.long_connections.cut = cut);
    }

    /// Says goodbye to a client and hangs up. Panics, as the next four do, where the connection is
    /// not open.
    pub fn kick(&self, connection: &ConnectionId) {
        self.order(connection, Order::Kick);
    }

    /// Hangs up without a word.
    pub fn hang_up(&self, connection: &ConnectionId) {
        self.order(connection, Order::HangUp);
    }

    /// Keeps the connection open and half dead: nothing is sent and nothing is read any more.
    pub fn fall_silent(&self, connection: &ConnectionId) {
        self.order(connection, Order::Silence);
    }

    /// Sends any binary message.
    pub fn send_bytes(&self, connection: &ConnectionId, bytes: impl Into<Vec<u8>>) {
        self.order(connection, Order::Frames(vec![bytes.into()]));
    }

    /// Sends any text message.
    pub fn send_text(&self, connection: &ConnectionId, text: &str) {
        self.order(connection, Order::Text(text.to_owned()));
    }

    fn order(&self, connection: &ConnectionId, order: Order) {
        self.read(|state| state.long_connections.order(connection, order));
    }
}
