//! Encryption and signature of pushes, as the platform does them.

use std::fmt::Write as _;

use aes::Aes256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use sha2::{Digest as _, Sha256};

/// AES-256-CBC with PKCS#7 padding under SHA-256 of the key; base64 of IV and ciphertext.
pub(crate) fn encrypt(encrypt_key: &str, iv: [u8; 16], plain: &[u8]) -> String {
    let key: [u8; 32] = Sha256::digest(encrypt_key).into();
    let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    let mut sealed = iv.to_vec();
    sealed.extend(cipher.encrypt_padded_vec::<Pkcs7>(plain));
    STANDARD.encode(sealed)
}

/// Lower-case hexadecimal SHA-256 of timestamp, nonce, key and body, without separators.
pub(crate) fn sign(timestamp: &str, nonce: &str, encrypt_key: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [
        timestamp.as_bytes(),
        nonce.as_bytes(),
        encrypt_key.as_bytes(),
        body,
    ] {
        hash.update(part);
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        write!(hex, "{byte:02x}").ok();
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_sample_is_encrypted_to_the_byte() {
        let iv = STANDARD
            .decode("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=")
            .unwrap();
        let sealed = encrypt("test key", iv[..16].try_into().unwrap(), b"hello world");
        assert_eq!(sealed, "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=");
    }

    #[test]
    fn signatures_match_the_known_answers() {
        let check = |timestamp, nonce, key, body: &str, expected: &str| {
            assert_eq!(sign(timestamp, nonce, key, body.as_bytes()), expected);
        };
        check(
            "1677254849",
            "533226633",
            "test key",
            r#"{"encrypt":"P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}"#,
            "a5163a8efd9f7e4429d43fc314329ace7013c1fd8e7237b68a5c6b469d695004",
        );
        check(
            "",
            "",
            "",
            "",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
    }
}
