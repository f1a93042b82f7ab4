//! The sessions of admins who are logged in, in the memory of this process.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// A session ends after this time without a request,
const IDLE: Duration = Duration::from_hours(1);
/// and in any case after this time.
const LIFE: Duration = Duration::from_hours(12);
/// A further login ends the session that was idle longest.
const SESSIONS: usize = 64;

/// Sessions by the hash of their secret: reading the memory reveals no secret.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

#[derive(Debug)]
struct Session {
    csrf: String,
    began: Instant,
    used: Instant,
}

impl Sessions {
    /// Begins a session; returns its secret.
    pub(super) fn begin(&mut self, now: Instant) -> String {
        self.0.retain(|_, session| session.is_open(now));
        if self.0.len() >= SESSIONS {
            let longest = self.0.iter().min_by_key(|(_, session)| session.used);
            if let Some(hash) = longest.map(|(hash, _)| *hash) {
                self.0.remove(&hash);
            }
        }
        let secret = random();
        let session = Session {
            csrf: random(),
            began: now,
            used: now,
        };
        self.0.insert(hash(&secret), session);
        secret
    }

    /// The token of an open session's forms.
    pub(super) fn use_session(&mut self, secret: &str, now: Instant) -> Option<String> {
        let session = self.0.get_mut(&hash(secret))?;
        if !session.is_open(now) {
            self.0.remove(&hash(secret));
            return None;
        }
        session.used = now;
        Some(session.csrf.clone())
    }

    pub(super) fn end(&mut self, secret: &str) {
        self.0.remove(&hash(secret));
    }
}

impl Session {
    fn is_open(&self, now: Instant) -> bool {
        now < self.used + IDLE && now < self.began + LIFE
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits.
pub(super) fn random() -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sessions_end() {
        let mut sessions = Sessions::default();
        let begin = Instant::now();
        let secret = sessions.begin(begin);
        let csrf = sessions.use_session(&secret, begin).unwrap();
        assert_eq!(sessions.use_session(&csrf, begin), None, "not the secret");
        let mut now = begin;
        while now < begin + LIFE - IDLE {
            now += IDLE / 2;
            assert_eq!(sessions.use_session(&secret, now).as_ref(), Some(&csrf));
        }
        assert_eq!(sessions.use_session(&secret, begin + LIFE), None);

        let idle = sessions.begin(begin);
        assert_eq!(sessions.use_session(&idle, begin + IDLE), None);
        let ended = sessions.begin(begin);
        sessions.end(&ended);
        assert_eq!(sessions.use_session(&ended, begin), None);
    }

    #[tokio::test(start_paused = true)]
    async fn their_number_is_limited() {
        let mut sessions = Sessions::default();
        let begin = Instant::now();
        let secrets: Vec<_> = (0..100)
            .map(|number| sessions.begin(begin + Duration::from_secs(number)))
            .collect();
        let now = begin + Duration::from_secs(100);
        let open = secrets
            .iter()
            .filter(|secret| sessions.use_session(secret, now).is_some());
        assert_eq!(open.count(), SESSIONS);
        assert!(sessions.use_session(&secrets[99], now).is_some());
    }
}
