//! `noticebot healthcheck`: asks a running bot whether it is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum size of a response.
const MAX_RESPONSE: usize = 1 << 20;

/// # Errors
///
/// When the bot does not respond, or is not ready.
pub async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let (status, reason) = readiness(listen).await?;
    ensure!(
        status.is_success(),
        "not ready: {} ({status})",
        reason.trim_end().escape_debug()
    );
    Ok(())
}

/// The status and text of the bot's `/readyz`.
pub(crate) async fn readiness(listen: SocketAddr) -> anyhow::Result<(StatusCode, String)> {
    timeout(TIMEOUT, ask(listen, "/readyz"))
        .await
        .with_context(|| format!("`{listen}` did not respond in time"))?
        .with_context(|| {
            format!("asking `{listen}`: check that the bot runs, and that both use the same `NOTICEBOT_LISTEN`")
        })
}

/// Requests a path of the listener.
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
        let body = Limited::new(answer.into_body(), MAX_RESPONSE)
            .collect()
            .await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    // The connection must be polled while the response is awaited.
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = connection => {
            ended?;
            bail!("the connection was closed")
        }
    }
}

/// A listener on all addresses is reached through the loopback address.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
