//! The platform's pushes of tickets to a store app.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::progress::Progress;
use crate::events::WEBHOOK;
use crate::http::{self, Connection};
use crate::load::PUSH_DEADLINE;
use crate::platform::Platform;

/// How often new tickets are read, and how long an unacknowledged one waits.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Delivers each ticket to one of the bots, the next one in turn, until one acknowledges it. Returns
/// the number of tickets.
pub(super) fn deliver(platform: &Platform, bots: &[SocketAddr], progress: &Progress) -> usize {
    let mut turns = bots.iter().cycle();
    let (mut read, mut delivered) = (0, 0);
    while !progress.is_over.load(Ordering::Relaxed) {
        let tickets: Vec<Value> = platform.sim.read(|state| {
            let new = state.pushes()[read..].iter();
            read = state.pushes().len();
            let tickets = new.filter(|push| push.event_type == "app_ticket");
            tickets.map(|push| push.envelope.clone()).collect()
        });
        for ticket in tickets {
            delivered += 1;
            while !progress.is_over.load(Ordering::Relaxed)
                && !turns
                    .next()
                    .is_some_and(|bot| push(platform, *bot, &ticket))
            {
                std::thread::sleep(POLL_INTERVAL);
            }
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    delivered
}

fn push(platform: &Platform, bot: SocketAddr, envelope: &Value) -> bool {
    let sealed = platform.sim.seal(envelope);
    let request = http::post(WEBHOOK, &sealed.headers, &sealed.body);
    let answer = Connection::open(bot, PUSH_DEADLINE)
        .and_then(|mut connection| connection.exchange(&request));
    matches!(answer, Ok(200))
}
