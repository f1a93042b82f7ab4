//! Traces, as a collector receives them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::Endpoint;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::broadcasts::with_list;
use crate::harness::{Bench, log};

const ENDPOINT: &str = "NOTICEBOT_TELEMETRY_OTLP_ENDPOINT";
const PATIENCE: Duration = Duration::from_mins(1);

/// A span, with the instance of the bot that recorded it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) instance: String,
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    /// Empty for the first one of a trace.
    pub(crate) parent: Vec<u8>,
    pub(crate) links: Vec<Vec<u8>>,
    pub(crate) name: String,
    attributes: BTreeMap<String, String>,
}

impl Seen {
    pub(crate) fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }
}

type Bodies = Arc<parking_lot::Mutex<Vec<Bytes>>>;

/// A collector that decodes with the types of OpenTelemetry.
pub(crate) struct Collector {
    address: SocketAddr,
    bodies: Bodies,
    _server: JoinSet<()>,
}

async fn receive(State(bodies): State<Bodies>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    bodies.lock().push(body);
}

impl Collector {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Bodies::default();
        let routes = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(Arc::clone(&bodies));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            address,
            bodies,
            _server: server,
        }
    }

    /// A bot that exports to this collector.
    pub(crate) async fn watch(&self, bench: &mut Bench) {
        bench.set(ENDPOINT, &format!("http://{}/", self.address));
        bench.restart().await;
    }

    pub(crate) fn spans(&self) -> Vec<Seen> {
        let bodies = self.bodies.lock().clone();
        let requests = bodies
            .into_iter()
            .map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let mut seen = Vec::new();
        for resource in resources {
            let of_resource = texts(&resource.resource.unwrap().attributes);
            assert_eq!(of_resource["service.name"], "noticebot");
            for span in resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans)
            {
                assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
                seen.push(Seen {
                    instance: of_resource["service.instance.id"].clone(),
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                    links: span.links.into_iter().map(|link| link.span_id).collect(),
                    name: span.name,
                    attributes: texts(&span.attributes),
                });
            }
        }
        seen
    }

    /// Waits until the spans are as wanted.
    pub(crate) async fn wait(&self, what: &str, wanted: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            loop {
                let spans = self.spans();
                if wanted(&spans) {
                    return spans;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, waiting).await;
        seen.unwrap_or_else(|_| panic!("timed out waiting for {what}: {:#?}", self.spans()))
    }

    fn contains(&self, text: &str) -> bool {
        let bodies = self.bodies.lock();
        let has = |body: &Bytes| body.windows(text.len()).any(|part| part == text.as_bytes());
        bodies.iter().any(has)
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| {
        let value = attribute.value.clone().unwrap().value.unwrap();
        let value = match value {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    attributes.iter().map(text).collect()
}

/// The spans of the trace with this job, after checking that all are connected to its one event.
pub(crate) fn connected<'s>(spans: &'s [Seen], origin: &str) -> Vec<&'s Seen> {
    let job = spans.iter().find(|span| span.get("job.origin") == origin);
    let trace = &job.unwrap().trace;
    let spans: Vec<&Seen> = spans.iter().filter(|span| span.trace == *trace).collect();
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| &*span.id).collect();
    assert_eq!(ids.len(), spans.len(), "{spans:#?}");
    for span in &spans {
        let is_root = span.name == "event";
        assert_eq!(span.parent.is_empty(), is_root, "{span:#?}");
        assert!(is_root || ids.contains(&*span.parent), "{span:#?}");
    }
    assert_eq!(named(&spans, "event").len(), 1, "{spans:#?}");
    spans
}

pub(crate) fn named<'s>(spans: &[&'s Seen], name: &str) -> Vec<&'s Seen> {
    let named = spans.iter().copied().filter(|span| span.name == name);
    named.collect()
}

async fn while_time_passes<T>(bench: &Bench, waiting: impl Future<Output = T>) -> T {
    let advancing = async {
        loop {
            bench.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        done = waiting => done,
        () = advancing => unreachable!(),
    }
}

fn jobs(spans: &[Seen]) -> impl Iterator<Item = &Seen> {
    spans.iter().filter(|span| span.name == "job")
}

#[tokio::test]
async fn a_command_is_one_trace() {
    let mut bench = Bench::new().await;
    let collector = Collector::new().await;
    collector.watch(&mut bench).await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce party").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let done = |spans: &[Seen]| jobs(spans).next().is_some();
    let spans = collector.wait("the job", done).await;
    let spans = connected(&spans, command.as_str());
    let one = |name: &str| *named(&spans, name).first().unwrap();
    let [event, stored, job, reply] = ["event", "store", "job", "reply"].map(one);
    assert_eq!(event.instance, job.instance);
    assert_eq!(stored.parent, event.id);
    assert_eq!(job.parent, event.id);
    assert_eq!(reply.parent, job.id);
    assert_eq!(event.get("event.result"), "accepted");
    assert_eq!(job.get("job.release"), "done");
    assert_eq!(reply.get("outcome"), "done");
    let calls = |parent: &Seen| {
        let calls = spans.iter().filter(|span| span.parent == parent.id);
        calls.filter(|span| span.get("api.code") == "0").count()
    };
    assert!(calls(job) >= 2, "{spans:#?}");
    assert_eq!(calls(reply), 1, "{spans:#?}");

    let trace = u128::from_be_bytes(job.trace.clone().try_into().unwrap());
    let trace = format!("{trace:032x}");
    assert!(log().contains(&format!("trace.id=\"{trace}\"")));
    let shown = bench.admin().await;
    let shown = shown.show_job(job.get("job.reference"), false, true).await;
    assert!(shown.unwrap().contains(&trace));
    for text in ["party", "Mei", "Ops", bench.member.open_id.as_str()] {
        assert!(!collector.contains(text), "{text}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn retries_and_schedules_stay_in_the_trace() {
    let mut bench = Bench::new().await;
    let collector = Collector::new().await;
    collector.watch(&mut bench).await;
    let group = bench.group(Docx);
    bench
        .sim
        .rate_limit(Endpoint::CreateChildren, Duration::from_secs(30));
    let command = bench.say(&group, "/announce --for 1h party").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.idle().await;
    bench.advance(Duration::from_hours(2));
    let expired = |spans: &[Seen]| jobs(spans).any(|span| span.get("job.kind") == "expire");
    let spans = while_time_passes(&bench, collector.wait("the end", expired)).await;
    let spans = connected(&spans, command.as_str());
    let attempts = named(&spans, "job");
    let [first, second, .., last] = &attempts[..] else {
        panic!("{attempts:#?}");
    };
    assert_eq!(first.get("job.release"), "retry");
    assert_eq!(
        first.parent, second.parent,
        "both attempts are of the event"
    );
    // The attempt that succeeded has scheduled the end.
    let planner = attempts.iter().rev().nth(1).unwrap();
    assert_eq!(last.parent, planner.id);
    bench.finish().await;
}

#[tokio::test]
async fn deliveries_are_parts_of_their_broadcast() {
    let (mut bench, groups) = with_list(crate::broadcasts::three).await;
    let collector = Collector::new().await;
    collector.watch(&mut bench).await;
    let command = bench.say(&groups[0], "/announce --to weekly party").id;
    bench.answer(&command).await;
    bench.idle().await;
    let deliveries = |spans: &[Seen]| {
        let delivered = jobs(spans).filter(|span| span.get("job.kind") == "delivery");
        delivered.count() == 3
    };
    let spans = collector.wait("three deliveries", deliveries).await;
    let spans = connected(&spans, command.as_str());
    let command = spans.iter().find(|span| span.get("job.kind") == "command");
    for span in &spans {
        if span.get("job.kind") == "delivery" && span.name == "job" {
            assert_eq!(span.parent, command.map_or(vec![], |span| span.id.clone()));
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn runs_of_a_series_are_linked_traces() {
    let mut bench = Bench::new().await;
    let collector = Collector::new().await;
    collector.watch(&mut bench).await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce --every day 9:00 party").id;
    bench.answer(&command).await;
    bench.idle().await;
    let runs = |spans: &[Seen]| {
        let runs = jobs(spans).filter(|span| span.get("job.kind") == "publish");
        runs.count()
    };
    for run in 1..=2 {
        bench.advance(Duration::from_hours(24));
        let waiting = collector.wait("a run", |spans| runs(spans) >= run);
        while_time_passes(&bench, waiting).await;
    }
    let spans = collector.spans();
    let runs = jobs(&spans).filter(|span| span.get("job.kind") == "publish");
    let runs: Vec<&Seen> = runs.collect();
    assert_ne!(runs[0].trace, runs[1].trace);
    assert!(runs[1].parent.is_empty());
    assert_eq!(runs[1].links, [runs[0].id.clone()]);
    bench.finish().await;
}

#[tokio::test]
async fn nothing_is_recorded_by_default() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce party").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.count("jobs").await, 1);
    assert_eq!(bench.count("jobs WHERE trace IS NOT NULL").await, 0);
    let metrics = bench.metrics().await;
    for result in ["exported", "failed", "dropped"] {
        let none = format!("noticebot_spans_total{{result=\"{result}\"}} 0");
        assert!(metrics.contains(&none), "{metrics}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_collector_that_is_down_delays_nothing() {
    // One that refuses connections, and one that accepts them and never answers.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [&closed, &silent].map(|listener| listener.local_addr().unwrap());
    drop(closed);
    for address in addresses {
        let mut bench = Bench::new().await;
        bench.set(ENDPOINT, &format!("http://{address}"));
        bench.restart().await;
        let group = bench.group(Docx);
        for _ in 0..10 {
            let command = bench.say(&group, "/pin announcement").id;
            assert_eq!(bench.reaction(&command).await, "Pin");
        }
        let begun = Instant::now();
        bench.finish().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{address}");
    }
}
