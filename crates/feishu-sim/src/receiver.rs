//! Where events go, and the form in which they go there.

/// How the app receives events, as the developer console has it.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    /// By HTTP at this URL.
    Webhook(String),
    /// Over one of the connections that the app has opened.
    LongConnection,
}

/// A push as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Content type and, where an encrypt key is set, the three signature headers.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that were signed.
    pub body: Vec<u8>,
}
