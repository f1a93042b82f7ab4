//! The receiver of events, and a push in its wire form.

/// How the app receives events, a setting of the developer console.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    /// By HTTP at this URL.
    Webhook(String),
    /// Over one of the connections that the app has opened.
    LongConnection,
}

/// A push in its wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The content type and, if an encrypt key is set, the three signature headers.
    pub headers: Vec<(String, String)>,
    /// The signed bytes.
    pub body: Vec<u8>,
}
