//! Encryption of secrets in the store: AES-256-GCM, with a fresh nonce for each value.

use base64_simd::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};

/// Separates the keys of members' tokens from others.
const TOKENS: &str = "member tokens";

/// A key that is derived from another secret.
pub(crate) struct SealingKey(LessSafeKey);

impl SealingKey {
    /// `purpose` separates keys that are derived from the same secret.
    pub(crate) fn of(secret: &[u8], purpose: &str) -> Option<Self> {
        let secret = Salt::new(HKDF_SHA256, b"noticebot").extract(secret);
        let purpose = [purpose.as_bytes()];
        let key = secret.expand(&purpose, &AES_256_GCM).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// Encrypts a value. It can be opened only with the same `context`, which says whose it is.
    pub(crate) fn seal(&self, value: &SecretString, context: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut bytes = value.expose_secret().as_bytes().to_vec();
        let aad = Aad::from(context.as_bytes());
        let nonce_of_value = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_of_value, aad, &mut bytes)
            .ok()?;
        Some(BASE64.encode_to_string([&nonce[..], &bytes].concat()))
    }

    /// `None` if the value was sealed with another key or for another context, or was changed.
    pub(crate) fn open(&self, sealed: &str, context: &str) -> Option<SecretString> {
        let sealed = BASE64.decode_to_vec(sealed).ok()?;
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = bytes.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(context.as_bytes());
        let value = self.0.open_in_place(nonce, aad, &mut bytes).ok()?;
        Some(str::from_utf8(value).ok()?.into())
    }
}

/// The keys of members' tokens: values are encrypted with the current one, and opened with either.
pub(crate) struct TokenKeys {
    current: SealingKey,
    previous: Option<SealingKey>,
}

impl TokenKeys {
    /// From the current key and perhaps the previous one; `None` without a key.
    pub(crate) fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Option<Self> {
        let keys = keys.into_iter().map(|key| SealingKey::of(key, TOKENS));
        let mut keys = keys.collect::<Option<Vec<_>>>()?.into_iter();
        Some(Self {
            current: keys.next()?,
            previous: keys.next(),
        })
    }

    pub(crate) fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    pub(crate) fn is_current(&self, sealed: &str, context: &str) -> bool {
        self.current.open(sealed, context).is_some()
    }

    pub(crate) fn seal(&self, value: &SecretString, context: &str) -> Option<String> {
        self.current.seal(value, context)
    }

    pub(crate) fn open(&self, sealed: &str, context: &str) -> Option<SecretString> {
        let opened = self.current.open(sealed, context);
        opened.or_else(|| self.previous.as_ref()?.open(sealed, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str, purpose: &str) -> SealingKey {
        SealingKey::of(secret.as_bytes(), purpose).unwrap()
    }

    fn open(key: &SealingKey, sealed: &str, context: &str) -> Option<String> {
        let value = key.open(sealed, context)?;
        Some(value.expose_secret().to_owned())
    }

    #[test]
    fn a_value_opens_with_its_key_and_context() {
        let sealed = key("s", "tickets").seal(&"令牌".into(), "cli_1").unwrap();
        assert!(!sealed.contains("令牌"));
        assert_eq!(
            open(&key("s", "tickets"), &sealed, "cli_1").as_deref(),
            Some("令牌")
        );
        assert_eq!(open(&key("s", "tickets"), &sealed, "cli_2"), None);
        assert_eq!(open(&key("s", "tokens"), &sealed, "cli_1"), None);
        assert_eq!(open(&key("t", "tickets"), &sealed, "cli_1"), None);
        for text in ["", "AAAA", "no base64 !", &sealed[..sealed.len() - 1]] {
            assert_eq!(open(&key("s", "tickets"), text, "cli_1"), None, "{text}");
        }
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        let key = key("s", "tickets");
        let seal = || key.seal(&"value".into(), "cli_1").unwrap();
        assert_ne!(seal(), seal());
    }
}
