//! The pages of the console on a large database.

use std::time::Instant;

use anyhow::ensure;
use serde::Serialize;

use crate::fleet::Replicas;
use crate::platform::Platform;

/// The longest acceptable page, at the median.
pub(super) const MOST_MS: f64 = 100.0;
/// Requests for each page.
const ROUNDS: usize = 9;

/// A page of the console.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) median_ms: f64,
    pub(super) kib: f64,
}

/// Requests each page several times: lists, searches for much, for little and for nothing, and a
/// page far behind the first.
pub(super) fn measure(
    platform: &Platform,
    replicas: &Replicas,
    changes: u32,
) -> anyhow::Result<Vec<Page>> {
    let (chat, person) = (&platform.chats[1], &platform.member.open_id);
    let half = changes / 2;
    let paths = [
        "/".to_owned(),
        "/jobs".to_owned(),
        "/jobs?state=all".to_owned(),
        "/jobs?state=dead".to_owned(),
        format!("/jobs?state=all&chat={chat}"),
        "/jobs?state=all&chat=oc_none".to_owned(),
        "/jobs?state=all&before=500".to_owned(),
        "/audit".to_owned(),
        format!("/audit?before={half}"),
        format!("/audit?chat={chat}"),
        format!("/audit?chat={chat}&result=none"),
        "/audit?chat=oc_none".to_owned(),
        format!("/audit?person={person}"),
        format!("/audit?person={person}&result=none"),
        "/audit?person=ou_none".to_owned(),
        "/audit?result=denied".to_owned(),
        "/audit?result=failed".to_owned(),
        "/audit?result=none".to_owned(),
        "/audit?from=2000-01-01&to=2000-12-31".to_owned(),
        format!("/audit?to=2999-12-31&person={person}&chat={chat}&result=none"),
        "/tenants".to_owned(),
        "/settings".to_owned(),
    ];
    paths.into_iter().map(|path| page(replicas, path)).collect()
}

fn page(replicas: &Replicas, path: String) -> anyhow::Result<Page> {
    let mut took = Vec::new();
    let mut length = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let (status, text) = replicas.ask_admin(&path)?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "`{path}` is answered with {status}: {text}");
        length = text.len();
    }
    took.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "pages are small")]
    let kib = length as f64 / 1024.0;
    Ok(Page {
        path,
        median_ms: took[ROUNDS / 2],
        kib,
    })
}
