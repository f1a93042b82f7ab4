//! Server-sent events that keep an open page up to date.
//!
//! A page names the part of it that changes. The stream renders that part again while the page is
//! open, and sends it whenever it differs. It ends before the listener cuts the connection; the
//! browser then opens the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{self, Stream, StreamExt as _};
use maud::Markup;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::jobs::{self, JobQuery};
use super::overview;
use super::state::Console;
use super::visitor::{Peer, Visitor};

/// The delay before a browser opens the next stream.
const RETRY: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_secs(2);
/// A stream ends this long before its connection.
const MARGIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LiveQuery {
    page: LivePage,
    #[serde(flatten)]
    jobs: JobQuery,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LivePage {
    Overview,
    Jobs,
}

struct Listener {
    console: Arc<Console>,
    visitor: Visitor,
    query: LiveQuery,
    sent: Option<String>,
    ends_at: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits for the next difference; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.sent.is_some() {
                let stop = self.console.stop.clone();
                stop.run_until_cancelled(sleep(TICK)).await?;
            }
            if Instant::now() >= self.ends_at {
                return None;
            }
            let content = self.content().await;
            let content = content.unwrap_or_else(|failure| failure.content(&self.visitor));
            let content = content.into_string();
            if self.sent.as_ref() != Some(&content) {
                let event = Event::default().event("content").data(&content);
                self.sent = Some(content);
                return Some(event);
            }
        }
    }

    async fn content(&self) -> Result<Markup, Failure> {
        match self.query.page {
            LivePage::Overview => overview::content(&self.console, &self.visitor).await,
            LivePage::Jobs => jobs::rows(&self.console, &self.visitor, &self.query.jobs).await,
        }
    }
}

pub(super) async fn events(
    State(console): State<Arc<Console>>,
    Extension(peer): Extension<Peer>,
    visitor: Visitor,
    Query(query): Query<LiveQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let permit = Arc::clone(&console.streams).try_acquire_owned();
    let listener = Listener {
        console,
        visitor,
        query,
        sent: None,
        ends_at: peer.closes_at.checked_sub(MARGIN).unwrap_or(peer.closes_at),
        _permit: permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?,
    };
    let changes = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((event, listener))
    });
    let retry = stream::iter([Event::default().retry(RETRY)]);
    Ok(Sse::new(retry.chain(changes).map(Ok)))
}
