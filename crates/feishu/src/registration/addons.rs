//! What the page for creating an app has selected, in the encoding of the official SDKs.

use std::io::Write as _;

use base64_simd::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

/// Scopes, events and callbacks, by their names on the platform, which ignores unknown ones.
#[derive(Debug, Clone, Default)]
pub struct Addons {
    /// Scopes of the app (`tenant` scopes).
    pub scopes: Vec<String>,
    /// Scopes that members grant (`user` scopes).
    pub user_scopes: Vec<String>,
    /// Events of the app.
    pub events: Vec<String>,
    /// Callbacks.
    pub callbacks: Vec<String>,
}

impl Addons {
    /// Without the platform's template, so that the app asks for nothing else. An organization
    /// without this feature ignores all of it.
    pub(crate) fn encode(&self) -> String {
        let mut json = json!({
            "preset": false,
            "scopes": { "tenant": self.scopes },
            "events": { "items": { "tenant": self.events } },
            "callbacks": { "items": self.callbacks },
        });
        // A shorter link is a smaller QR code.
        if !self.user_scopes.is_empty() {
            json["scopes"]["user"] = json!(self.user_scopes);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory cannot fail.
        let _ = gzip.write_all(json.to_string().as_bytes());
        URL_SAFE_NO_PAD.encode_to_string(gzip.finish().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    #[test]
    fn addons_are_compressed_json_in_base64() {
        let addons = Addons {
            scopes: vec!["im:message:send_as_bot".to_owned()],
            events: vec!["im.message.receive_v1".to_owned()],
            callbacks: vec!["card.action.trigger".to_owned()],
            ..Addons::default()
        };
        let text = addons.encode();
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        let packed = URL_SAFE_NO_PAD.decode_to_vec(&text).unwrap();
        let mut json = String::new();
        GzDecoder::new(&*packed).read_to_string(&mut json).unwrap();
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read,
            json!({
                "preset": false,
                "scopes": { "tenant": ["im:message:send_as_bot"] },
                "events": { "items": { "tenant": ["im.message.receive_v1"] } },
                "callbacks": { "items": ["card.action.trigger"] },
            })
        );
    }
}
