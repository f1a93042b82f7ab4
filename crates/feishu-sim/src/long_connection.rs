//! The platform's side of long connections: endpoints, handshakes, pings and acknowledgements.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::apps::Registration;
use crate::frame::Frame;
use crate::ids::{AppIndex, ConnectionId};
use crate::long_connections::{
    ConnectionCommand, DATA, HandshakeRefusal, Issued, MOST_CONNECTIONS, SERVICE_ID,
};
use crate::record::{Acknowledgement, PushAnswer, Sent};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;
use crate::store_app::AppKind;

const CONTROL: i32 = 0;

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
    let credentials: Credentials = request
        .body()
        .map_err(|refusal| Refusal::code(514).instead_of(refusal))?;
    if request.locale.as_deref() != Some("zh") {
        return Err(Refusal::code(514).violating("header `locale` is not `zh`"));
    }
    let is_it =
        |app: &App| app.app_id == credentials.app_id && app.app_secret == credentials.app_secret;
    if !state.enter_app_where(|one| is_it(&one.app)) {
        return Err(Refusal::code(514));
    }
    if state.app().kind == AppKind::Store {
        // The platform's code is not documented.
        return Err(Refusal::code(403));
    }
    let State {
        apps,
        ids,
        authority,
        ..
    } = state;
    let long_connections = &mut apps.present_mut().long_connections;
    let query = long_connections.issue(ids);
    let data = json!({
        "URL": format!("ws://{authority}/ws/v2?{query}"),
        "ClientConfig": long_connections.config.json(),
    });
    Ok(json!({"code": 0, "msg": "", "data": data}))
}

impl State {
    /// The open connections, in the order in which their endpoints were requested.
    pub fn connections(&self) -> Vec<ConnectionId> {
        let connections = &self.apps.present().long_connections;
        connections.open.keys().cloned().collect()
    }

    /// The acknowledgements over long connections in order, including late ones.
    pub fn acknowledgements(&self) -> &[Acknowledgement] {
        &self.record.acknowledgements
    }

    /// The number of pings over a connection.
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
        let State { apps, ids, .. } = self;
        let connections = &mut apps.present_mut().long_connections;
        connections.send(envelope.to_string().as_bytes(), now, ids)
    }

    /// Accepts or refuses a handshake with this query, which was issued to one of the apps.
    pub(crate) fn shake_hands(
        &mut self,
        query: &str,
        orders: mpsc::UnboundedSender<ConnectionCommand>,
    ) -> Result<(AppIndex, ConnectionId), HandshakeRefusal> {
        let is_it = |one: &Registration| one.long_connections.issued.contains_key(query);
        self.apps.enter_where(is_it);
        let app = self.apps.index();
        let connections = &mut self.apps.present_mut().long_connections;
        if let Some(refusal) = connections.refusals.pop_front() {
            return Err(refusal);
        }
        let Some(issued) = connections.issued.get_mut(query) else {
            self.violate("a handshake with a query that was not issued");
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
        Ok((app, connection))
    }

    /// Processes a binary message and returns the response to it.
    pub(crate) fn receive(&mut self, connection: &ConnectionId, bytes: &[u8]) -> Option<Vec<u8>> {
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

    pub(crate) fn pong(&mut self, connection: &ConnectionId, frame: &Frame) -> Option<Vec<u8>> {
        let headers = |kind: &str| vec![("type".to_owned(), kind.to_owned())];
        let ping = Frame {
            service: SERVICE_ID,
            method: CONTROL,
            headers: headers("ping"),
            ..Frame::default()
        };
        if *frame != ping {
            self.violate(&format!("a control frame that is not a ping: {frame:?}"));
            return None;
        }
        self.record.pings.push(connection.clone());
        let config = self.apps.present().long_connections.pong;
        let payload = config.map(|config| config.json().to_string().into_bytes());
        let pong = Frame {
            headers: headers("pong"),
            payload: payload.unwrap_or_default(),
            ..ping
        };
        Some(pong.encode())
    }

    pub(crate) fn acknowledge(
        &mut self,
        connection: &ConnectionId,
        frame: &Frame,
    ) -> Result<(), String> {
        let message_id = frame.header("message_id").unwrap_or_default().to_owned();
        let connections = &self.apps.present().long_connections;
        let pending = connections.pending_acks.get(&message_id);
        let pending = pending.filter(|pending| pending.connection == *connection);
        let pending =
            pending.ok_or("no unacknowledged message over this connection has this id")?;
        let mut expected = pending.last.headers.clone();
        let time = frame.header("biz_rt");
        let time: Vec<_> = time
            .map(|time| ("biz_rt".to_owned(), time.to_owned()))
            .into_iter()
            .collect();
        expected.extend(time.iter().cloned());
        let echoed = |frame: &Frame| (frame.seq_id, frame.log_id, frame.service);
        if frame.headers != expected || echoed(frame) != echoed(&pending.last) {
            return Err(format!("it does not echo {:?}", pending.last));
        }
        let biz_rt_ms = time.first().map(|(_, time)| time.parse()).transpose();
        let biz_rt_ms = biz_rt_ms.map_err(|_| "biz_rt is not a number")?;
        let response: Response =
            serde_json::from_slice(&frame.payload).map_err(|error| error.to_string())?;
        if biz_rt_ms.is_none() && response.code == 200 {
            return Err("biz_rt is missing".to_owned());
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
        let connections = &mut self.apps.present_mut().long_connections;
        if let Some(pending) = connections.pending_acks.remove(&message_id) {
            // The caller may no longer wait.
            pending.answer.send(answer).ok();
        }
        Ok(())
    }

    pub(crate) fn violate(&mut self, what: &str) {
        let what = format!("long connection: {what}");
        self.record.violations.push(what);
    }
}

/// The payload of an acknowledgement. Some SDKs omit empty fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    code: u16,
    #[serde(default, rename = "headers")]
    _headers: Option<HashMap<String, String>>,
    #[serde(default)]
    data: Option<String>,
}
