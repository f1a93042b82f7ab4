//! The long connection: events over a WebSocket that the app opens, for who has no public address.
//!
//! [`Client::long_connection_endpoint`](crate::Client::long_connection_endpoint) asks where to
//! connect, a [`Connector`] connects, and a [`Connection`] brings what the platform sends. Whoever
//! holds it decides when to connect again, by the platform's own [`ClientConfig`].
//!
//! [`Frame`] and [`Fragments`] are the wire's own form, below the socket: bytes in, messages out.
//!
//! Official pages on receiving events through a long connection, and the official SDKs.

mod config;
mod connect;
mod connection;
mod endpoint;
mod fragments;
mod frame;

pub use config::ClientConfig;
pub use connect::{ConnectError, Connector, HandshakeReason, ProxyError, ProxySettings};
pub use connection::{Ack, Connection, Disconnected, Event, Payload};
pub use endpoint::{Endpoint, EndpointError, EndpointReason};
pub use fragments::Fragments;
pub use frame::{Frame, FrameError, Incoming, MessageType, Part, Response};

/// How much of what came over a connection led to nothing, counted from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Text messages; the platform speaks in binary ones.
    pub texts: u64,
    /// Binary messages that were no frames or made no sense.
    pub unreadable: u64,
    /// Messages of which not all parts came in time.
    pub incomplete: u64,
    /// Incomplete messages that had to make room for newer ones.
    pub crowded_out: u64,
    /// Messages over 1 MiB.
    pub too_long: u64,
    /// Parts that had come already.
    pub repeated_parts: u64,
}
