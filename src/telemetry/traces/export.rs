//! Sends spans to a collector, by OTLP over HTTP.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use feishu::ExtraRoots;
use prost::Message as _;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Span;
use super::otlp::ExportRequest;
use crate::telemetry::{Metrics, SpanResult};

/// Spans in one request.
const BATCH: usize = 512;
/// How long spans are collected for a request.
const PAUSE: Duration = Duration::from_secs(1);
/// Time limit for a request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a stop spans of jobs in flight are awaited; those jobs end before.
const LAST_SPANS: Duration = Duration::from_millis(4200);
/// Time for the last request.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// Sends spans until the stop, then what is left within a bounded time.
pub(crate) struct Exporter {
    spans: mpsc::Receiver<Span>,
    url: Url,
    client: Client,
    instance: String,
    metrics: Metrics,
}

impl Exporter {
    /// `endpoint` is the base URL of the collector.
    ///
    /// # Errors
    ///
    /// When the endpoint is not a URL, or no TLS client can be made.
    pub(crate) fn new(
        endpoint: &str,
        roots: &ExtraRoots,
        spans: mpsc::Receiver<Span>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let url = Url::parse(&url).context("reading `telemetry.otlp_endpoint`")?;
        let client = roots.http_client(&url).timeout(TIMEOUT).build();
        Ok(Self {
            spans,
            client: client.context("preparing the export of traces")?,
            url,
            instance: format!("{:016x}", rand::random::<u64>()),
            metrics,
        })
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        while let Some(1..) = stop.run_until_cancelled(self.next(&mut batch)).await {
            stop.run_until_cancelled(sleep(PAUSE)).await;
            while batch.len() < BATCH
                && let Ok(span) = self.spans.try_recv()
            {
                batch.push(span);
            }
            self.send_until(&stop, std::mem::take(&mut batch)).await;
        }
        stop.cancelled().await;
        // Until nobody is left who records spans.
        let last = async { while self.next(&mut batch).await > 0 {} };
        let _ = timeout(LAST_SPANS, last).await;
        for batch in batch.chunks(BATCH) {
            self.send_until(&stop, batch.to_vec()).await;
        }
    }

    async fn next(&mut self, batch: &mut Vec<Span>) -> usize {
        self.spans.recv_many(batch, BATCH).await
    }

    /// After a stop, a request has less time.
    async fn send_until(&self, stop: &CancellationToken, spans: Vec<Span>) {
        let count = spans.len();
        if count == 0 {
            return;
        }
        let stopped = async {
            stop.cancelled().await;
            sleep(LAST_REQUEST).await;
        };
        tokio::select! {
            () = self.send(spans) => {}
            () = stopped => self.metrics.spans(SpanResult::Failed, count),
        }
    }

    /// A batch that the collector does not take is lost: the bot keeps nothing for later.
    async fn send(&self, spans: Vec<Span>) {
        let count = spans.len();
        match self.request(spans).await {
            Ok(()) => self.metrics.spans(SpanResult::Exported, count),
            Err(error) => {
                self.metrics.spans(SpanResult::Failed, count);
                tracing::warn!(error = format!("{error:#}"), "could not export traces");
            }
        }
    }

    async fn request(&self, spans: Vec<Span>) -> anyhow::Result<()> {
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(ExportRequest::new(spans, &self.instance).encode_to_vec());
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        ensure!(status.is_success(), "the collector responded with {status}");
        Ok(())
    }
}
