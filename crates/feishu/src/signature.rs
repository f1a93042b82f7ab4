//! The signature of an event request: a hash over the raw body, keyed with the encrypt key.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{EncryptKey, wire::parse_time};

/// Header with the time of signing, in unix seconds.
pub const TIMESTAMP_HEADER: &str = "x-lark-request-timestamp";
/// Header with the nonce.
pub const NONCE_HEADER: &str = "x-lark-request-nonce";
/// Header with the signature itself, in lower-case hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-lark-signature";

/// The three header values that sign a request.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// Value of [`TIMESTAMP_HEADER`].
    pub timestamp: &'a str,
    /// Value of [`NONCE_HEADER`].
    pub nonce: &'a str,
    /// Value of [`SIGNATURE_HEADER`].
    pub signature: &'a str,
}

/// Why a signature was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Signed with another key, or not for this body.
    #[error("verifying the signature: mismatch")]
    Mismatch,
    /// The timestamp is not a unix time.
    #[error("verifying the signature: timestamp is not a unix time")]
    Timestamp,
    /// Signed longer ago than allowed, perhaps a replay.
    #[error("verifying the signature: signed too long ago")]
    TooOld,
    /// Signed further in the future than allowed.
    #[error("verifying the signature: signed in the future")]
    TooFarAhead,
}

impl Signature<'_> {
    /// Checks the signature over the body exactly as received, in constant time.
    pub fn verify(&self, key: &EncryptKey, body: &[u8]) -> Result<(), SignatureError> {
        let expected = hex(&digest(key, self.timestamp, self.nonce, body));
        if bool::from(expected.as_slice().ct_eq(self.signature.as_bytes())) {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    /// How long ago the request was signed; negative for a time in the future.
    pub fn age(&self, now: Timestamp) -> Result<SignedDuration, SignatureError> {
        let signed_at = parse_time(self.timestamp).ok_or(SignatureError::Timestamp)?;
        Ok(now.duration_since(signed_at))
    }

    /// Checks that the request is at most `max_age` old and dated at most `max_ahead`
    /// after `now`.
    pub fn check_age(
        &self,
        now: Timestamp,
        max_age: Duration,
        max_ahead: Duration,
    ) -> Result<(), SignatureError> {
        let age = self.age(now)?;
        let (limit, refusal) = if age.is_negative() {
            (max_ahead, SignatureError::TooFarAhead)
        } else {
            (max_age, SignatureError::TooOld)
        };
        if age.unsigned_abs() > limit {
            return Err(refusal);
        }
        Ok(())
    }
}

/// Signs as the platform does: lower-case hexadecimal SHA-256 of timestamp, nonce, encrypt key and
/// body, without separators. It is no HMAC.
pub fn sign(key: &EncryptKey, timestamp: &str, nonce: &str, body: &[u8]) -> String {
    String::from_iter(hex(&digest(key, timestamp, nonce, body)).map(char::from))
}

fn digest(key: &EncryptKey, timestamp: &str, nonce: &str, body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(timestamp)
        .chain_update(nonce)
        .chain_update(key.as_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 15].map(|nibble| DIGITS[usize::from(nibble)]);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    const NOW: i64 = 1_677_254_849;

    #[test]
    fn changed_requests_do_not_verify() {
        for row in vectors::rows("event_signature") {
            let Ok(key) = EncryptKey::new(row.text("encrypt_key")) else {
                // An empty key has a digest too, but no server may accept it.
                assert_eq!(row.text("encrypt_key"), "");
                continue;
            };
            let body = row.text("body").as_bytes();
            let signed = Signature {
                timestamp: row.text("timestamp"),
                nonce: row.text("nonce"),
                signature: row.text("signature"),
            };
            assert_eq!(
                sign(&key, signed.timestamp, signed.nonce, body),
                signed.signature
            );
            assert_eq!(signed.verify(&key, body), Ok(()));

            let refused = |signature: Signature<'_>, key: &EncryptKey, body: &[u8]| {
                assert_eq!(signature.verify(key, body), Err(SignatureError::Mismatch));
            };
            let upper = signed.signature.to_uppercase();
            refused(
                Signature {
                    timestamp: "0",
                    ..signed
                },
                &key,
                body,
            );
            refused(
                Signature {
                    nonce: "0",
                    ..signed
                },
                &key,
                body,
            );
            refused(
                Signature {
                    signature: "",
                    ..signed
                },
                &key,
                body,
            );
            refused(
                Signature {
                    signature: &upper,
                    ..signed
                },
                &key,
                body,
            );
            refused(signed, &EncryptKey::new("another").unwrap(), body);
            refused(signed, &key, &[body, b" "].concat());
        }
    }

    #[test]
    fn only_recent_requests_pass() {
        let check = |timestamp: &str, expected| {
            let signature = Signature {
                timestamp,
                nonce: "",
                signature: "",
            };
            let now = Timestamp::from_second(NOW).unwrap();
            let limits = (Duration::from_hours(8), Duration::from_mins(5));
            let checked = signature.check_age(now, limits.0, limits.1);
            assert_eq!(checked, expected, "{timestamp}");
        };
        let at = |offset: i64| (NOW + offset).to_string();
        check(&at(0), Ok(()));
        check(&at(-8 * 3600), Ok(()));
        check(&at(-8 * 3600 - 1), Err(SignatureError::TooOld));
        check(&at(300), Ok(()));
        check(&at(301), Err(SignatureError::TooFarAhead));
        check("", Err(SignatureError::Timestamp));
        check("soon", Err(SignatureError::Timestamp));
        check("-9223372036854775808", Err(SignatureError::Timestamp));
    }
}
