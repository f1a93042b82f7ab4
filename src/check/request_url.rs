//! The request URL, asked as the developer console asks it when it is saved.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use feishu::{EncryptKey, ExtraRoots};
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::Report;
use crate::config::{Config, FeishuConfig, Receive};

const NAME: &str = "request URL";
/// The developer console waits so long (official page on request URLs).
const CONSOLE_WAITS: Duration = Duration::from_secs(1);
/// The most of an answer that is read.
const ANSWER: usize = 64 << 10;

pub(super) async fn check(report: &mut Report, config: &Config, roots: &ExtraRoots, url: &Url) {
    if config.feishu.receive == Receive::LongConnection {
        report.note(NAME, "not tried, as events come over a long connection");
        return;
    }
    let challenge = format!("{:032x}", rand::random::<u128>());
    let begun = Instant::now();
    let answer = ask(config, roots, url, &challenge).await;
    let took = begun.elapsed();
    match answer {
        Ok(answer) => judge(report, url, answer, &challenge, took).await,
        Err(error) => {
            report.bad(
                NAME,
                format!("`{url}` cannot be reached ({error:#})"),
                "see that the name leads to the bot or to the proxy in front of it, that the port is open, and that the certificate is valid",
            );
            return;
        }
    }
    privacy(report, url).await;
}

/// Says the challenge: encrypted where there is a key, and never signed.
async fn ask(
    config: &Config,
    roots: &ExtraRoots,
    url: &Url,
    challenge: &str,
) -> anyhow::Result<Response> {
    let client = roots.http_client(url).timeout(config.feishu.timeout);
    let request = client
        .build()?
        .post(url.clone())
        .json(&body(&config.feishu, challenge));
    let answer = request.send().await.map_err(reqwest::Error::without_url);
    answer.context("no answer")
}

fn body(config: &FeishuConfig, challenge: &str) -> Value {
    let plain = json!({
        "challenge": challenge,
        "token": config.verification_token.expose_secret(),
        "type": "url_verification",
    });
    match EncryptKey::new(config.encrypt_key.expose_secret()) {
        Ok(key) => json!({"encrypt": key.encrypt(plain.to_string().as_bytes(), rand::random())}),
        Err(_) => plain,
    }
}

async fn judge(report: &mut Report, url: &Url, answer: Response, challenge: &str, took: Duration) {
    let status = answer.status();
    if status.is_redirection() {
        let location = answer.headers().get(LOCATION);
        let location =
            location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
        let elsewhere = location.map_or_else(|| "elsewhere".to_owned(), |to| format!("to `{to}`"));
        report.bad(
            NAME,
            format!("`{url}` leads on {elsewhere}, where events would not arrive"),
            "give the developer console the address that it leads to, or keep the proxy from leading on",
        );
        return;
    }
    match status {
        StatusCode::OK if is_echo(answer, challenge).await => {
            let took_ms = took.as_millis();
            if took < CONSOLE_WAITS {
                report.good(NAME, format!("`{url}` answers its challenge, in {took_ms} ms"));
            } else {
                report.bad(
                    NAME,
                    format!("`{url}` answers its challenge, but only after {took_ms} ms"),
                    "the developer console waits 1 s: see what is slow between here and the bot",
                );
            }
        }
        StatusCode::OK => report.bad(
            NAME,
            format!("`{url}` answers, but not with the challenge: something other than the bot"),
            "see that the name and the path `/webhook/event` lead to the bot",
        ),
        StatusCode::UNAUTHORIZED => report.bad(
            NAME,
            format!("the bot at `{url}` has another encrypt key or verification token than these settings"),
            "give both the `FEISHU_ENCRYPT_KEY` and `FEISHU_VERIFICATION_TOKEN` that stand in the developer console, and start the bot again",
        ),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => report.bad(
            NAME,
            format!("nothing takes events at `{url}` (status {status})"),
            "the bot does at `/webhook/event`: see that the path is right and that a proxy in front passes it on",
        ),
        _ => report.bad(
            NAME,
            format!("`{url}` answers with status {status}"),
            "see that the bot runs, and read its log and that of the proxy in front of it",
        ),
    }
}

/// Whether the answer is the challenge, in clear.
async fn is_echo(mut answer: Response, challenge: &str) -> bool {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > ANSWER {
            return false;
        }
        body.extend_from_slice(&chunk);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    body["challenge"] == challenge
}

/// From here the name may lead elsewhere than from the platform, so this only says what is seen.
async fn privacy(report: &mut Report, url: &Url) {
    let Some((host, port)) = url.host_str().zip(url.port_or_known_default()) else {
        return;
    };
    let Ok(addresses) = tokio::net::lookup_host((host, port)).await else {
        return;
    };
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    if !addresses.iter().any(is_public) {
        report.hint(
            NAME,
            format!("`{host}` leads to no public IPv4 address from here"),
            "that is good enough for a private deployment; the public platforms need a public IPv4 address, or use a long connection (`FEISHU_RECEIVE=long_connection`)",
        );
    }
}

fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_the_console_would_not_wait_for_is_no_good_one() {
        let url = Url::parse("https://bot.example.com/webhook/event").unwrap();
        for (took_ms, sign) in [(12, "✓"), (999, "✓"), (1000, "✗"), (2500, "✗")] {
            let answer = axum::http::Response::new(r#"{"challenge":"abc"}"#);
            let mut report = Report::default();
            let took = Duration::from_millis(took_ms);
            judge(&mut report, &url, answer.into(), "abc", took).await;
            let told = report.to_string();
            let expected = format!("{sign} request URL: `{url}` answers its challenge, ");
            assert!(told.starts_with(&expected), "{told}");
        }
    }

    #[test]
    fn only_an_address_that_all_can_reach_is_public() {
        for (address, public) in [
            ("203.0.114.7", true),
            ("10.1.2.3", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("2400:3200::1", false),
        ] {
            assert_eq!(is_public(&address.parse().unwrap()), public, "{address}");
        }
    }
}
