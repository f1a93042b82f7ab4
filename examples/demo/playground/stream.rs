//! Server-sent events that keep open pages up to date. A page consists of regions, and a region of
//! pieces.
//!
//! Every connection remembers what it sent, and sends the difference. A new connection has sent
//! nothing, so a client that reconnects misses nothing. The difference is computed when the browser
//! has read the previous one, so a slow reader gets fewer and larger updates and blocks nobody.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt as _};
use maud::Markup;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::viewer::Viewer;
use super::{Playground, view};

/// The delay before a browser reconnects.
const RETRY: Duration = Duration::from_millis(500);
/// Changes within this time are sent together.
const BATCH_DELAY: Duration = Duration::from_millis(30);
/// The page also changes without an event, for example the rest of a rate limit.
const TICK: Duration = Duration::from_secs(1);

/// A part of the page that changes by itself.
pub(crate) struct Region {
    /// The element's `id`.
    pub(crate) id: &'static str,
    /// Its children in order, each under its own `id`.
    pub(crate) pieces: Vec<Piece>,
}

pub(crate) struct Piece {
    pub(crate) id: String,
    pub(crate) markup: Markup,
}

/// The pieces of each region that a connection has sent, in their order, with digests.
#[derive(Default)]
struct SentPieces(HashMap<&'static str, Vec<(String, u64)>>);

impl SentPieces {
    /// The update for a region; `None` if nothing changed.
    fn update(&mut self, region: Region) -> Option<Event> {
        let digested = |piece: &Piece| (piece.id.clone(), digest(&piece.markup.0));
        let now: Vec<_> = region.pieces.iter().map(digested).collect();
        let before = self.0.get(region.id).map(Vec::as_slice);
        if before == Some(&now) {
            return None;
        }
        let before = before.unwrap_or_default();
        let pieces = region.pieces.into_iter().zip(&now);
        let changed = pieces.filter(|(_, digested)| !before.contains(digested));
        let changed: Map<String, Value> = changed
            .map(|(piece, _)| (piece.id, Value::String(piece.markup.0)))
            .collect();
        let order: Vec<&str> = now.iter().map(|(id, _)| id.as_str()).collect();
        let update = json!({ "region": region.id, "order": order, "pieces": changed });
        self.0.insert(region.id, now);
        Some(Event::default().event("region").data(update.to_string()))
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// An open page.
struct Listener {
    playground: Arc<Playground>,
    viewer: Viewer,
    version: watch::Receiver<u64>,
    sent: SentPieces,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits for the next updates; `None` at the stop.
    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            if !std::mem::take(&mut self.is_first) {
                tokio::select! {
                    changed = tokio::time::timeout(TICK, self.version.changed()) => {
                        if changed.is_ok() {
                            tokio::time::sleep(BATCH_DELAY).await;
                        }
                    }
                    () = self.playground.stop.cancelled() => return None,
                }
            }
            self.version.mark_unchanged();
            let regions = view::regions(&self.playground, &self.viewer);
            let events = regions
                .into_iter()
                .filter_map(|region| self.sent.update(region));
            let events: Vec<Event> = events.collect();
            if !events.is_empty() {
                return Some(events);
            }
        }
    }
}

pub(crate) async fn events(
    State(playground): State<Arc<Playground>>,
    viewer: Viewer,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let permit = Arc::clone(&playground.streams).try_acquire_owned();
    let listener = Listener {
        version: playground.version.subscribe(),
        playground,
        viewer,
        sent: SentPieces::default(),
        is_first: true,
        _permit: permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?,
    };
    let steps = stream::unfold(listener, |mut listener| async move {
        let events = listener.next().await?;
        Some((stream::iter(events), listener))
    });
    let retry = stream::iter([Event::default().retry(RETRY)]);
    let events = retry.chain(steps.flatten()).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
