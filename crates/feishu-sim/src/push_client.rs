//! The HTTP client for pushes.

use std::{io, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{receiver::Sealed, record::PushAnswer};

/// The platform's delays before each redelivery.
pub(crate) const REDELIVERY_DELAYS: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_mins(5),
    Duration::from_hours(1),
    Duration::from_hours(6),
];

/// Sends pushes to the bot.
#[derive(Debug)]
pub(crate) struct PushClient {
    pub(crate) client: reqwest::Client,
    pub(crate) deadline: Duration,
    /// Before each redelivery.
    pub(crate) waits: Vec<Duration>,
}

impl PushClient {
    pub(crate) fn new(deadline: Duration, waits: Vec<Duration>) -> io::Result<Self> {
        // Pushes use plain HTTP, but the client requires a provider. One may be installed already.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(deadline)
            .build();
        client
            .map(|client| Self {
                client,
                deadline,
                waits,
            })
            .map_err(io::Error::other)
    }

    pub(crate) async fn send(&self, url: &str, sealed: Sealed) -> Result<PushAnswer, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &sealed.headers {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            headers.append(
                name,
                HeaderValue::try_from(value).map_err(|error| error.to_string())?,
            );
        }
        let sent = self
            .client
            .post(url)
            .headers(headers)
            .body(sealed.body)
            .send();
        let response = sent.await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let body = response.text().await.map_err(|error| reason(&error))?;
        Ok(PushAnswer {
            status,
            headers,
            body,
        })
    }
}

/// The failure of an attempt that timed out.
pub(crate) const TOO_LATE: &str = "no answer in time";

/// The failure of an attempt of an app without a receiver.
pub(crate) const NO_RECEIVER: &str = "the app has no receiver";

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        TOO_LATE.to_owned()
    } else {
        format!("no answer: {error}")
    }
}
