//! `noticebot healthcheck`: the question to a bot that runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);
/// The most of an answer that is read, in bytes.
const ANSWER: usize = 1 << 20;

/// Asks the bot that listens there whether it is ready.
///
/// # Errors
///
/// When it does not answer, or answers that it is not.
pub async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let (status, reason) = readiness(listen).await?;
    ensure!(
        status.is_success(),
        "not ready: {} ({status})",
        reason.trim_end().escape_debug()
    );
    Ok(())
}

/// What the bot that listens there says of its readiness.
pub(crate) async fn readiness(listen: SocketAddr) -> anyhow::Result<(StatusCode, String)> {
    timeout(PATIENCE, ask(listen, "/readyz"))
        .await
        .with_context(|| format!("`{listen}` did not answer in time"))?
        .with_context(|| {
            format!("asking `{listen}`: see that the bot runs, and that `NOTICEBOT_LISTEN` is the same for both")
        })
}

/// What stands at a path of the listener.
pub(crate) async fn ask(listen: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let address = SocketAddr::new(reachable(listen.ip()), listen.port());
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .body(Body::empty())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    // The connection has to be driven while its answer is awaited.
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = connection => {
            ended?;
            bail!("the connection was closed")
        }
    }
}

/// A listener on every address is reached through the loopback one.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
