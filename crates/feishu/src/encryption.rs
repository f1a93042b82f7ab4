//! Encryption of event bodies: AES-256-CBC under the app's encrypt key, with real PKCS#7.

use std::fmt;

use aes::cipher::{
    BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, KeyIvInit, block_padding::Pkcs7,
};
use aes::{Aes256Dec, Aes256Enc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BLOCK: usize = 16;

/// The app's Encrypt Key, with the key schedule computed once.
#[derive(Clone)]
pub struct EncryptKey {
    text: SecretString,
    cipher: Aes256Dec,
}

/// The encrypt key is empty, which would protect nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the encrypt key is empty")]
pub struct EmptyKey;

/// Why a body did not decrypt. Do not expose the difference to callers: it is a padding oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not standard base64.
    #[error("decrypting the body: not base64")]
    Base64,
    /// Not an initialization vector and at least one whole block.
    #[error("decrypting the body: not whole blocks")]
    Length,
    /// The last block does not end in PKCS#7 padding: another key, or a forgery.
    #[error("decrypting the body: invalid padding")]
    Padding,
}

impl EncryptKey {
    /// Takes the key as the developer console shows it.
    pub fn new(key: &str) -> Result<Self, EmptyKey> {
        if key.is_empty() {
            return Err(EmptyKey);
        }
        Ok(Self {
            text: key.into(),
            cipher: Aes256Dec::new(&Sha256::digest(key)),
        })
    }

    /// Decrypts the `encrypt` field of a body: base64 of a 16-byte vector and the ciphertext.
    ///
    /// Official page "Encrypt Key encryption configuration case".
    pub fn decrypt(&self, encrypt: &str) -> Result<Vec<u8>, DecryptError> {
        let mut bytes = base64_simd::STANDARD
            .decode_to_vec(encrypt)
            .map_err(|_| DecryptError::Base64)?;
        let (iv, ciphertext) = bytes
            .split_first_chunk_mut::<BLOCK>()
            .ok_or(DecryptError::Length)?;
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
            return Err(DecryptError::Length);
        }
        let length = cbc::Decryptor::inner_iv_init(&self.cipher, &(*iv).into())
            .decrypt_padded::<Pkcs7>(ciphertext)
            .map_err(|_| DecryptError::Padding)?
            .len();
        bytes.truncate(BLOCK + length);
        bytes.drain(..BLOCK);
        Ok(bytes)
    }

    /// Encrypts a body as the platform does, for simulators. The vector must be random.
    pub fn encrypt(&self, plain: &[u8], iv: [u8; BLOCK]) -> String {
        let key = Sha256::digest(self.as_bytes());
        let cipher = cbc::Encryptor::<Aes256Enc>::new(&key, &iv.into());
        let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(plain);
        base64_simd::STANDARD.encode_to_string([&iv, &ciphertext[..]].concat())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.expose_secret().as_bytes()
    }
}

impl fmt::Debug for EncryptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::block_padding::NoPadding;
    use proptest::prelude::*;

    use super::*;
    use crate::vectors;

    /// Encrypts whole blocks with the caller's padding.
    fn encrypt(key: &str, iv: [u8; BLOCK], padded: &[u8]) -> String {
        let cipher = cbc::Encryptor::<Aes256Enc>::new(&Sha256::digest(key), &iv.into());
        let mut bytes = [&iv, padded].concat();
        let blocks = &mut bytes[BLOCK..];
        cipher
            .encrypt_padded::<NoPadding>(blocks, padded.len())
            .unwrap();
        base64_simd::STANDARD.encode_to_string(bytes)
    }

    fn decrypt(key: &str, encrypt: &str) -> Result<Vec<u8>, DecryptError> {
        EncryptKey::new(key).unwrap().decrypt(encrypt)
    }

    #[test]
    fn the_known_answers_decrypt() {
        for row in vectors::rows("decrypt") {
            let plain = decrypt(row.text("encrypt_key"), row.text("encrypt"));
            assert_eq!(plain.unwrap(), row.text("plaintext").as_bytes());
        }
    }

    #[test]
    fn only_whole_blocks_in_base64_decrypt() {
        for row in vectors::rows("negative") {
            let plain = decrypt(row.text("encrypt_key"), row.text("encrypt"));
            assert_eq!(plain, Err(DecryptError::Length), "{}", row.text("why"));
        }
        for junk in ["%", "AAA", "AAAA AAAA", "P37w-VZI"] {
            assert_eq!(decrypt("key", junk), Err(DecryptError::Base64), "{junk}");
        }
        assert_eq!(decrypt("key", ""), Err(DecryptError::Length));
    }

    #[test]
    fn an_empty_key_is_rejected() {
        assert_eq!(EncryptKey::new("").unwrap_err(), EmptyKey);
        let shown = format!("{:?}", EncryptKey::new("kudryavka").unwrap());
        assert_eq!(shown, "EncryptKey(…)");
    }

    proptest! {
        #[test]
        fn decryption_never_panics(bytes: Vec<u8>, text in ".*") {
            let _ = decrypt("key", &text);
            let _ = decrypt("key", &base64_simd::STANDARD.encode_to_string(bytes));
        }

        #[test]
        fn what_is_encrypted_decrypts(plain: Vec<u8>, iv: [u8; BLOCK]) {
            let key = EncryptKey::new("key").unwrap();
            prop_assert_eq!(key.decrypt(&key.encrypt(&plain, iv)), Ok(plain));
        }

        #[test]
        fn exactly_pkcs7_padding_is_accepted(
            mut blocks in prop::collection::vec(any::<[u8; BLOCK]>(), 1..4),
            iv: [u8; BLOCK],
            named in 0..=20_u8,
            written in 0..=BLOCK,
        ) {
            // `written` bytes at the end say `named`: at times right, mostly forged.
            let last = blocks.last_mut().unwrap();
            last[BLOCK - written..].fill(named);
            let padded = blocks.concat();
            let expected = unpadded(&padded).map(<[u8]>::to_vec);
            let read = decrypt("key", &encrypt("key", iv, &padded));
            prop_assert_eq!(read, expected.ok_or(DecryptError::Padding));
        }
    }

    /// PKCS#7 in its own words: the last byte names how many bytes say the same.
    fn unpadded(blocks: &[u8]) -> Option<&[u8]> {
        let named = *blocks.last()?;
        let length = blocks.len().checked_sub(named.into())?;
        let (plain, padding) = blocks.split_at(length);
        let right = (1..=16).contains(&named) && padding.iter().all(|byte| *byte == named);
        right.then_some(plain)
    }
}
