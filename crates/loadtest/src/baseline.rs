//! The baseline: a minimal webhook handler that makes every check in the obvious way and does nothing
//! else.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use aes::Aes256;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::events::WEBHOOK;

/// The options of `baseline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The app's encrypt key.
    #[arg(long)]
    encrypt_key: String,
    /// The app's verification token.
    #[arg(long)]
    verification_token: String,
}

pub(crate) async fn serve(options: Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let paths = Router::new()
        .route(WEBHOOK, post(receive))
        .route("/readyz", get(|| async { "ok" }))
        .with_state(Arc::new(options));
    axum::serve(listener, paths).await?;
    Ok(())
}

async fn receive(
    State(options): State<Arc<Options>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    match take(&options, &headers, &body) {
        Some(_event_type) => (StatusCode::OK, "{}"),
        None => (StatusCode::UNAUTHORIZED, "{}"),
    }
}

/// The type of an event with a valid signature, encryption and token.
fn take(options: &Options, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if header(headers, "x-lark-signature")? != sign(options, headers, body)? {
        return None;
    }
    let outer: Value = serde_json::from_slice(body).ok()?;
    let event = decrypt(&options.encrypt_key, outer["encrypt"].as_str()?)?;
    let event: Value = serde_json::from_slice(&event).ok()?;
    let header = &event["header"];
    if header["token"] != *options.verification_token {
        return None;
    }
    Some(header["event_type"].as_str()?.to_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn sign(options: &Options, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let mut hash = Sha256::new();
    hash.update(header(headers, "x-lark-request-timestamp")?);
    hash.update(header(headers, "x-lark-request-nonce")?);
    hash.update(&options.encrypt_key);
    hash.update(body);
    let mut hex = String::new();
    for byte in hash.finalize() {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}

fn decrypt(encrypt_key: &str, text: &str) -> Option<Vec<u8>> {
    let sealed = STANDARD.decode(text).ok()?;
    let (iv, ciphertext) = sealed.split_first_chunk::<16>()?;
    let key: [u8; 32] = Sha256::digest(encrypt_key).into();
    cbc::Decryptor::<Aes256>::new(&key.into(), &(*iv).into())
        .decrypt_padded_vec::<Pkcs7>(ciphertext)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_sample_decrypts() {
        let plain = decrypt("test key", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=");
        assert_eq!(plain.unwrap(), b"hello world");
        assert_eq!(
            decrypt("another", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="),
            None
        );
        assert_eq!(decrypt("test key", "%"), None);
    }
}
