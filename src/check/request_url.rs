//! Sends the challenge to the request URL that the developer console sends when the URL is saved.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use feishu::{EncryptKey, ExtraRoots};
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::Report;
use super::console::Page;
use crate::config::{Config, FeishuConfig, Receive};

const NAME: &str = "request URL";
/// The timeout of the developer console (official page on request URLs).
const CONSOLE_TIMEOUT: Duration = Duration::from_secs(1);
/// In bytes.
const MAX_RESPONSE: usize = 64 << 10;

pub(super) async fn check(report: &mut Report, config: &Config, roots: &ExtraRoots, url: &Url) {
    if config.feishu.receive == Receive::LongConnection {
        report.note(
            NAME,
            "not checked, because events are received over a long connection",
        );
        return;
    }
    let challenge = format!("{:032x}", rand::random::<u128>());
    let begun = Instant::now();
    let response = ask(config, roots, url, &challenge).await;
    let took = begun.elapsed();
    match response {
        Ok(response) => report_response(report, url, response, &challenge, took).await,
        Err(error) => {
            report.bad(
                NAME,
                format!("could not reach `{url}` ({error:#})"),
                "check that the name resolves to the bot or its reverse proxy, that the port is open, and that the certificate is valid",
            );
            return;
        }
    }
    check_address(report, url).await;
}

/// Sends the challenge, encrypted if there is a key. The console does not sign it.
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
    let response = request.send().await.map_err(reqwest::Error::without_url);
    response.context("no response")
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

async fn report_response(
    report: &mut Report,
    url: &Url,
    response: Response,
    challenge: &str,
    took: Duration,
) {
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(LOCATION);
        let location =
            location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
        let elsewhere = location.map_or_else(|| "elsewhere".to_owned(), |to| format!("to `{to}`"));
        report.bad(
            NAME,
            format!("`{url}` redirects {elsewhere}, and the platform does not follow redirects"),
            "enter the target of the redirect in the developer console, or configure the reverse proxy not to redirect",
        );
        report.link(Page::Events);
        return;
    }
    match status {
        StatusCode::OK if is_echo(response, challenge).await => {
            let took_ms = took.as_millis();
            if took < CONSOLE_TIMEOUT {
                report.good(NAME, format!("`{url}` returned the challenge in {took_ms} ms"));
            } else {
                report.bad(
                    NAME,
                    format!("`{url}` returned the challenge only after {took_ms} ms"),
                    "the developer console waits 1 s: find out what is slow between here and the bot",
                );
            }
        }
        StatusCode::OK => report.bad(
            NAME,
            format!("`{url}` did not return the challenge, so it is not the bot"),
            "check that the name and the path `/webhook/event` lead to the bot",
        ),
        StatusCode::UNAUTHORIZED => {
            report.bad(
                NAME,
                format!("the bot at `{url}` has a different encrypt key or verification token than these settings"),
                "set `FEISHU_ENCRYPT_KEY` and `FEISHU_VERIFICATION_TOKEN` to the values in the developer console in both places, and restart the bot",
            );
            report.link(Page::Events);
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => report.bad(
            NAME,
            format!("`{url}` does not accept events (status {status})"),
            "the bot's path is `/webhook/event`: check the path, and that the reverse proxy forwards it",
        ),
        _ => report.bad(
            NAME,
            format!("`{url}` returned status {status}"),
            "check that the bot is running, and read its log and that of the reverse proxy",
        ),
    }
}

async fn is_echo(mut response: Response, challenge: &str) -> bool {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return false;
        }
        body.extend_from_slice(&chunk);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    body["challenge"] == challenge
}

/// The name may resolve differently on the platform, so a private address is only a hint.
async fn check_address(report: &mut Report, url: &Url) {
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
            format!("`{host}` does not resolve to a public IPv4 address here"),
            "a private deployment may not need one; the public platforms do, or use a long connection (`FEISHU_RECEIVE=long_connection`)",
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
    async fn response_after_the_console_timeout_is_a_problem() {
        let url = Url::parse("https://bot.example.com/webhook/event").unwrap();
        for (took_ms, sign) in [(12, "✓"), (999, "✓"), (1000, "✗"), (2500, "✗")] {
            let response = axum::http::Response::new(r#"{"challenge":"abc"}"#);
            let mut report = Report::default();
            let took = Duration::from_millis(took_ms);
            report_response(&mut report, &url, response.into(), "abc", took).await;
            let text = report.to_string();
            let expected = format!("{sign} request URL: `{url}` returned the challenge ");
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[test]
    fn private_and_ipv6_addresses_are_not_public() {
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
