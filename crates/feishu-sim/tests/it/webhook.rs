//! A webhook with configured responses that records requests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::{net::TcpListener, task::JoinSet};

/// The received requests and the queued responses; without one, the response is 200 and `{}`.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) got: Vec<(HeaderMap, Bytes)>,
    pub(crate) answers: VecDeque<(StatusCode, String)>,
}

pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) log: Arc<Mutex<Log>>,
    _tasks: JoinSet<()>,
}

impl Webhook {
    /// Answers the given statuses in order, then 200.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let answers: Vec<_> = statuses.iter().map(|status| (*status, "{}")).collect();
        Self::saying(&answers).await
    }

    /// Answers the given statuses and bodies in order, then 200 and `{}`.
    pub(crate) async fn saying(answers: &[(u16, &str)]) -> Self {
        let answer = |(status, body): &(u16, &str)| {
            (StatusCode::from_u16(*status).unwrap(), (*body).to_owned())
        };
        let answers = answers.iter().map(answer).collect();
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
) -> (StatusCode, String) {
    let mut log = log.lock().unwrap();
    log.got.push((headers, body));
    let answer = log.answers.pop_front();
    answer.unwrap_or_else(|| (StatusCode::OK, "{}".to_owned()))
}
