//! Limits attempts to log in, per address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Attempts without a wait.
const BURST: u32 = 5;
/// After that, one attempt in this time.
const WAIT: Duration = Duration::from_secs(10);
/// Addresses that are remembered; further ones share one entry.
const ADDRESSES: usize = 1024;
/// The entry of all addresses that there is no place for.
const SHARED: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// When the last of an address's attempts is paid off: each one moves it by [`WAIT`].
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<IpAddr, Instant>);

impl Attempts {
    /// Counts an attempt; if there were too many, returns the wait until the next.
    pub(super) fn count(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.0.retain(|_, paid_off| *paid_off > now);
        let mut key = network(address);
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&key) {
            key = SHARED;
        }
        let paid_off = self.0.entry(key).or_insert(now);
        let ahead = paid_off.saturating_duration_since(now);
        let allowed = WAIT * (BURST - 1);
        if ahead > allowed {
            return Err(ahead.saturating_sub(allowed));
        }
        *paid_off += WAIT;
        Ok(())
    }

    /// A successful attempt does not count.
    pub(super) fn forgive(&mut self, address: IpAddr) {
        self.0.remove(&network(address));
    }
}

/// One subscriber has a whole network of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_has_a_few_attempts_and_then_one_at_a_time() {
        let mut attempts = Attempts::default();
        let (mine, other) = (ip("10.0.0.7"), ip("10.0.0.8"));
        let begin = Instant::now();
        for _ in 0..BURST {
            assert_eq!(attempts.count(mine, begin), Ok(()));
        }
        assert_eq!(attempts.count(mine, begin), Err(WAIT));
        assert_eq!(attempts.count(other, begin), Ok(()), "another address");
        assert_eq!(attempts.count(mine, begin + WAIT), Ok(()));
        assert_eq!(attempts.count(mine, begin + WAIT), Err(WAIT));
        attempts.forgive(mine);
        assert_eq!(attempts.count(mine, begin + WAIT), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_attempts_succeed_as_often_as_the_limit_allows() {
        let mut attempts = Attempts::default();
        let begin = Instant::now();
        // Ten a second.
        let at = |number: u32| begin + Duration::from_millis(100) * number;
        let counted = (0..10_000).filter(|number| attempts.count(ip("::1"), at(*number)).is_ok());
        let counted = counted.count();
        assert!((104..=106).contains(&counted), "{counted} in 1000 seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_share_the_rest() {
        let mut attempts = Attempts::default();
        let begin = Instant::now();
        let mut refused = 0;
        for number in 0..10_000_u32 {
            let address = IpAddr::from((number + (10 << 24)).to_be_bytes());
            refused += u32::from(attempts.count(address, begin).is_err());
        }
        assert!(attempts.0.len() <= ADDRESSES + 1);
        assert_eq!(refused, 10_000 - u32::try_from(ADDRESSES).unwrap() - BURST);
        // Addresses of one network, and of an IPv4 address in both forms.
        assert_eq!(network(ip("fd00::1:2:3:4")), network(ip("fd00::9")));
        assert_eq!(network(ip("::ffff:10.0.0.7")), ip("10.0.0.7"));
    }
}
