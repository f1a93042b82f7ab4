//! The keys that encrypt the tokens of members.

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretBox};

use super::{ActAs, ConfigError, FeishuConfig, Problem};
use crate::config::required::required;
use crate::config::unreadable::variable_for;

const KEY: &str = "feishu.token_key";
const PREVIOUS: &str = "feishu.previous_token_key";
/// In bytes.
const LENGTH: usize = 32;
const NEW: &str = "to the output of `head -c 32 /dev/urandom | base64`";
const OLD: &str = "to the key before the current one, or unset it";

/// Its `Debug` form hides it.
pub type TokenKey = SecretBox<[u8; LENGTH]>;

impl FeishuConfig {
    /// The keys that decrypt stored tokens; the first one also encrypts. Empty if none is set.
    pub fn token_keys(&self) -> Result<Vec<TokenKey>, ConfigError> {
        let current = self.token_key.expose_secret();
        let previous = self.previous_token_key.expose_secret();
        let mut keys = Vec::new();
        let mut problems = Vec::from_iter(self.missing_token_key());
        for (name, text, source) in [(KEY, current, NEW), (PREVIOUS, previous, OLD)] {
            if text.is_empty() {
                continue;
            }
            match decoded(name, text, source) {
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(problem),
            }
        }
        if let [one, other] = &keys[..]
            && one.expose_secret() == other.expose_secret()
        {
            problems.push(Problem::new(
                format!("`{PREVIOUS}` is the same as `{KEY}`"),
                format!(
                    "set `{}` {NEW}, or unset `{}`",
                    variable_for(KEY),
                    variable_for(PREVIOUS)
                ),
            ));
        }
        ConfigError::unless_empty(problems).map(|()| keys)
    }

    fn missing_token_key(&self) -> Option<Problem> {
        let (key, previous) = (&self.token_key, &self.previous_token_key);
        if !key.expose_secret().is_empty() {
            return None;
        }
        let why = if self.act_as == ActAs::Member {
            "`feishu.act_as` is `member`"
        } else if previous.expose_secret().is_empty() {
            return None;
        } else {
            "`feishu.previous_token_key` is set"
        };
        Some(Problem::new(
            format!("`{KEY}` is missing or empty although {why}"),
            format!("set `{}` {NEW}", variable_for(KEY)),
        ))
    }
}

fn decoded(name: &str, text: &str, source: &str) -> Result<TokenKey, Problem> {
    if let Some(problem) = required(name, text, source) {
        return Err(problem);
    }
    let bytes = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|alphabet| alphabet.decode_to_vec(text).ok());
    let what = match bytes.map(<[u8; LENGTH]>::try_from) {
        Some(Ok(key)) => return Ok(TokenKey::new(Box::new(key))),
        _ if is_hexadecimal(text) => "is hexadecimal, not base64".to_owned(),
        Some(Err(bytes)) => format!("has {} bytes, not {LENGTH}", bytes.len()),
        None => "is not base64, or not whole".to_owned(),
    };
    Err(Problem::new(
        format!("`{name}` {what}"),
        format!("set `{}` {source}", variable_for(name)),
    ))
}

fn is_hexadecimal(text: &str) -> bool {
    text.len() == 2 * LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const BYTES: [u8; 32] = *b"\xfb\xef\xbe0123456789abcdefghijklmnopq\xff\xff";
    const STANDARD_FORM: &str = "++++MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bx//8=";

    fn keys(current: &str, previous: &str) -> Result<Vec<TokenKey>, String> {
        let variables = [
            ("FEISHU_APP_ID", "cli_1"),
            ("NOTICEBOT_TOKEN_KEY", current),
            ("NOTICEBOT_PREVIOUS_TOKEN_KEY", previous),
        ];
        let config = Config::read(None, &variables.into_iter().collect());
        let config = config.map_err(|error| error.to_string())?;
        let keys = config.feishu.token_keys();
        keys.map_err(|error| error.to_string())
    }

    #[test]
    fn both_alphabets_are_read_with_any_padding() {
        let url_form = STANDARD_FORM.replace('+', "-").replace('/', "_");
        for form in [STANDARD_FORM, &url_form] {
            for text in [form, form.trim_end_matches('=')] {
                let [key] = &keys(text, "").unwrap()[..] else {
                    panic!("{text}");
                };
                assert_eq!(key.expose_secret(), &BYTES, "{text}");
            }
        }
        assert!(keys("", "").unwrap().is_empty());
    }

    #[test]
    fn current_key_comes_first() {
        let other = STANDARD.encode_to_string([7; 32]);
        let keys = keys(&other, STANDARD_FORM).unwrap();
        let [current, previous] = &keys[..] else {
            panic!("{keys:?}");
        };
        assert_eq!(current.expose_secret(), &[7; 32]);
        assert_eq!(previous.expose_secret(), &BYTES);
        assert!(!format!("{keys:?}").contains('7'), "{keys:?}");
    }

    #[test]
    fn other_values_are_rejected_without_showing_them() {
        let encoded = |length: usize| STANDARD.encode_to_string(vec![0xa5; length]);
        let hex = "a5".repeat(32);
        let (short, long, half) = (encoded(31), encoded(33), encoded(16));
        let quoted = format!("\"{STANDARD_FORM}\"");
        let with_mark = format!("\u{feff}{STANDARD_FORM}");
        let wrapped = STANDARD_FORM.replace("MDEy", "MDEy\n");
        let spaced = format!("{STANDARD_FORM} ");
        let full_width = STANDARD_FORM.replace('=', "＝");
        for (text, words) in [
            (short.as_str(), "`feishu.token_key` has 31 bytes, not 32"),
            (&long, "has 33 bytes, not 32"),
            (&half, "has 16 bytes, not 32"),
            (&hex, "is hexadecimal, not base64"),
            (&hex.to_uppercase(), "is hexadecimal, not base64"),
            (&STANDARD_FORM[..42], "is not base64, or not whole"),
            (&format!("{STANDARD_FORM}="), "is not base64, or not whole"),
            (&with_mark, "is not base64, or not whole"),
            (&wrapped, "is not base64, or not whole"),
            (&full_width, "is not base64, or not whole"),
            (
                "correct horse battery staple",
                "is not base64, or not whole",
            ),
            ("…", "is the placeholder of an example"),
            (&quoted, "is in quotes"),
            (&spaced, "begins or ends with white space"),
            ("\t", "begins or ends with white space"),
        ] {
            let refused = keys(text, "").unwrap_err();
            assert!(refused.contains(words), "{text:?}: {refused}");
            assert!(refused.contains("`NOTICEBOT_TOKEN_KEY`"), "{refused}");
            assert!(!refused.contains(text) || text == "\t", "{refused}");
        }
    }

    #[test]
    fn previous_key_needs_another_current_one() {
        let url_form = STANDARD_FORM.replace('+', "-").replace('/', "_");
        let same = keys(STANDARD_FORM, &url_form).unwrap_err();
        assert!(same.contains("is the same as `feishu.token_key`"), "{same}");
        let alone = keys("", STANDARD_FORM).unwrap_err();
        let words = "`feishu.token_key` is missing or empty although";
        assert!(alone.starts_with(words), "{alone}");
        let both = keys("short", "shorter").unwrap_err();
        assert_eq!(both.lines().count(), 2, "{both}");
    }
}
