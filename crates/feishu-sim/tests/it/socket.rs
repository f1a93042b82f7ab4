//! A client of the long connection that knows the wire and nothing else.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use feishu_sim::ConnectionId;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use crate::client::{Fixture, Got};

/// How long a test waits for a message.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(uint64, required, tag = "1")]
    pub(crate) seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub(crate) service: i32,
    #[prost(int32, required, tag = "4")]
    pub(crate) method: i32,
    #[prost(message, repeated, tag = "5")]
    pub(crate) headers: Vec<Header>,
    #[prost(string, optional, tag = "6")]
    pub(crate) payload_encoding: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) payload_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    pub(crate) log_id_new: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Header {
    #[prost(string, required, tag = "1")]
    pub(crate) key: String,
    #[prost(string, required, tag = "2")]
    pub(crate) value: String,
}

impl Header {
    pub(crate) fn new(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }
}

impl Frame {
    pub(crate) fn ping(service: i32) -> Self {
        Self {
            service,
            headers: vec![Header::new("type", "ping")],
            ..Self::default()
        }
    }

    pub(crate) fn header(&self, key: &str) -> &str {
        let header = self.headers.iter().find(|header| header.key == key);
        &header.unwrap().value
    }

    /// The acknowledgement of this frame with that payload.
    pub(crate) fn ack(&self, payload: &Value) -> Self {
        let mut ack = self.clone();
        ack.headers.push(Header::new("biz_rt", "7"));
        ack.payload = Some(payload.to_string().into_bytes());
        ack
    }

    pub(crate) fn ack_code(&self, code: u16) -> Self {
        self.ack(&json!({"code": code, "headers": null, "data": null}))
    }

    pub(crate) fn ack_data(&self, data: &Value) -> Self {
        let data = STANDARD.encode(data.to_string());
        self.ack(&json!({"code": 200, "headers": null, "data": data}))
    }
}

pub(crate) struct Socket {
    pub(crate) id: ConnectionId,
    pub(crate) service: i32,
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Asks for an endpoint and connects to it.
    pub(crate) async fn open(fixture: &Fixture) -> Self {
        let answer = ask(fixture, &credentials(fixture), &[("locale", "zh")]).await;
        let url = answer.json()["data"]["URL"].as_str().unwrap().to_owned();
        Self::connect(&url).await.unwrap()
    }

    /// Connects; fails with the headers of the refusal.
    pub(crate) async fn connect(url: &str) -> Result<Self, HeaderMap> {
        let (_, rest) = url.split_once("://").unwrap();
        let (authority, _) = rest.split_once('/').unwrap();
        let stream = TcpStream::connect(authority).await.unwrap();
        let stream = match client_async(url, stream).await {
            Ok((stream, _)) => stream,
            Err(Error::Http(response)) => return Err(response.headers().clone()),
            Err(error) => panic!("{error}"),
        };
        Ok(Self {
            id: ConnectionId::from(query(url, "device_id")),
            service: query(url, "service_id").parse().unwrap(),
            stream,
        })
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_message(Message::Binary(frame.encode_to_vec().into()))
            .await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next message; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        message.unwrap().and_then(Result::ok)
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        match self.next().await {
            Some(Message::Binary(bytes)) => Frame::decode(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Pings and checks that the pong is the very next thing to come.
    pub(crate) async fn ping(&mut self) -> Frame {
        self.send(&Frame::ping(self.service)).await;
        let pong = self.frame().await;
        assert_eq!((pong.method, pong.header("type")), (0, "pong"));
        pong
    }
}

pub(crate) fn credentials(fixture: &Fixture) -> Value {
    let app = fixture.sim.app();
    json!({"AppID": app.app_id, "AppSecret": app.app_secret})
}

/// Asks for an endpoint.
pub(crate) async fn ask(fixture: &Fixture, body: &Value, headers: &[(&str, &str)]) -> Got {
    let url = format!("{}/callback/ws/endpoint", fixture.sim.base_url());
    let mut request = fixture.client.post(url).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Got {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

/// A parameter of a URL's query.
pub(crate) fn query<'a>(url: &'a str, name: &str) -> &'a str {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap().1
}
