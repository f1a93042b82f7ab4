//! A webhook that answers as told and keeps what it got.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::{net::TcpListener, task::JoinSet};

/// What the webhook got, and the statuses that it still has to answer; then it answers 200.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) got: Vec<(HeaderMap, Bytes)>,
    pub(crate) answers: Vec<StatusCode>,
}

pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) log: Arc<Mutex<Log>>,
    _tasks: JoinSet<()>,
}

impl Webhook {
    /// Answers the given statuses in order, then 200.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let answers = statuses
            .iter()
            .map(|status| StatusCode::from_u16(*status).unwrap())
            .collect();
        let log = Arc::new(Mutex::new(Log {
            got: Vec::new(),
            answers,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook/event", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/webhook/event", post(take))
            .with_state(log.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            log,
            _tasks: tasks,
        }
    }
}

async fn take(
    State(log): State<Arc<Mutex<Log>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let mut log = log.lock().unwrap();
    log.got.push((headers, body));
    let status = if log.answers.is_empty() {
        StatusCode::OK
    } else {
        log.answers.remove(0)
    };
    (status, "{}")
}
