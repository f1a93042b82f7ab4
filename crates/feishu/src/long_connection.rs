//! The long connection: events over a WebSocket that the app opens, without a public address.
//!
//! [`Client::long_connection_endpoint`](crate::Client::long_connection_endpoint) returns the
//! address, a [`Connector`] connects, and a [`Connection`] receives events. Its owner
//! reconnects as the platform's [`ClientConfig`] says.
//!
//! [`Frame`] and [`Fragments`] are the wire format: bytes in, messages out.
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

/// Counts of input that a connection has dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Text messages; the platform sends binary ones.
    pub texts: u64,
    /// Binary messages that were not valid frames.
    pub unreadable: u64,
    /// Messages of which some parts did not arrive in time.
    pub incomplete: u64,
    /// Incomplete messages that were evicted for newer ones.
    pub evicted: u64,
    /// Messages over 1 MiB.
    pub too_long: u64,
    /// Parts that had arrived before.
    pub repeated_parts: u64,
}
