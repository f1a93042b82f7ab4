//! What a page shows, in regions of pieces, and the stream that keeps them up
//! to date.
//!
//! Every connection remembers what it has sent and sends what differs. A new one
//! has sent nothing, so a client that reconnects misses nothing;
//! and as it looks only when the browser has taken what was sent before, a slow
//! reader gets fewer, larger steps and holds up nobody.

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

/// How soon a browser comes back after an interruption.
const RETRY: Duration = Duration::from_millis(500);
/// What happens within this time is sent together.
const TOGETHER: Duration = Duration::from_millis(30);
/// Some of what is shown changes just by time, such as how long a limit lasts.
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

/// What a connection has sent: of each region the pieces in their order, each
/// with a digest of what it looked like.
#[derive(Default)]
struct Known(HashMap<&'static str, Vec<(String, u64)>>);

impl Known {
    /// What to send of a region, if something of it is new.
    fn take(&mut self, region: Region) -> Option<Event> {
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
        let told = json!({ "region": region.id, "order": order, "pieces": changed });
        self.0.insert(region.id, now);
        Some(Event::default().event("region").data(told.to_string()))
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A page that listens.
struct Listener {
    playground: Arc<Playground>,
    viewer: Viewer,
    happened: watch::Receiver<u64>,
    known: Known,
    is_first: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits until something is new and says what; `None` at the end.
    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            if !std::mem::take(&mut self.is_first) {
                tokio::select! {
                    changed = tokio::time::timeout(TICK, self.happened.changed()) => {
                        if changed.is_ok() {
                            tokio::time::sleep(TOGETHER).await;
                        }
                    }
                    () = self.playground.stop.cancelled() => return None,
                }
            }
            self.happened.mark_unchanged();
            let regions = view::regions(&self.playground, &self.viewer);
            let events = regions
                .into_iter()
                .filter_map(|region| self.known.take(region));
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
    let place = Arc::clone(&playground.streams).try_acquire_owned();
    let listener = Listener {
        happened: playground.happened.subscribe(),
        playground,
        viewer,
        known: Known::default(),
        is_first: true,
        _place: place.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?,
    };
    let steps = stream::unfold(listener, |mut listener| async move {
        let events = listener.next().await?;
        Some((stream::iter(events), listener))
    });
    let retry = stream::iter([Event::default().retry(RETRY)]);
    let events = retry.chain(steps.flatten()).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
