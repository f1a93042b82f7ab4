//! What members type in a chaos run, and when bots are killed and restarted: all of it follows from
//! the seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Every so many-th announcement is long.
const LONG_EVERY: u32 = 8;
/// So long that it takes two calls: one call takes fifty blocks, of which one is the signature.
const LONG_LINES: usize = 60;

/// A command, as its author means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// `/pin announcement`
    PinAnnouncement,
    /// `/pin`, as a reply to a message of its own.
    PinReply,
    /// `/unpin`
    Unpin,
    /// `/announce`, with lines that stand nowhere else.
    Announce {
        /// The word that all its lines begin with.
        tag: String,
        /// How many lines.
        lines: usize,
    },
}

/// The lines that have to stand in the announcement.
pub(crate) fn lines(tag: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|line| format!("{tag} line {line:02} of {count:02}"))
        .collect()
}

/// What is typed, chat by chat.
pub(crate) fn wishes(seed: u64, commands: usize, chats: usize) -> Vec<Vec<Wish>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut by_chat = vec![Vec::new(); chats];
    for number in 0..commands {
        by_chat[number % chats].push(wish(&mut rng, number));
    }
    by_chat
}

/// What is done to a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and what comes of that.
    Restart,
    /// All connections to the database break, of every bot.
    Cut,
    /// The database's server is lost, and its standby takes over.
    FailOver,
}

/// After how many finished commands each blow falls, in order; none in the last tenth, so that every
/// one hits a bot that has work.
pub(crate) fn blows(seed: u64, commands: usize, counts: [(Blow, usize); 4]) -> Vec<(usize, Blow)> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(1));
    let last = commands - commands / 10;
    let all = counts.map(|(blow, count)| std::iter::repeat_n(blow, count));
    let mut moments: Vec<(usize, Blow)> = all
        .into_iter()
        .flatten()
        .map(|blow| (rng.random_range(0..last), blow))
        .collect();
    moments.sort_by_key(|(moment, _)| *moment);
    moments
}

fn wish(rng: &mut StdRng, number: usize) -> Wish {
    match rng.random_range(0..6) {
        0 | 1 => Wish::PinReply,
        2 => Wish::PinAnnouncement,
        3 => Wish::Unpin,
        _ => Wish::Announce {
            tag: format!("note-{number:06}"),
            lines: if rng.random_ratio(1, LONG_EVERY) {
                LONG_LINES
            } else {
                1
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(kills: usize, restarts: usize, cuts: usize) -> [(Blow, usize); 4] {
        [
            (Blow::Kill, kills),
            (Blow::Restart, restarts),
            (Blow::Cut, cuts),
            (Blow::FailOver, 1),
        ]
    }

    #[test]
    fn a_seed_always_makes_the_same_run() {
        assert_eq!(wishes(7, 100, 3), wishes(7, 100, 3));
        assert_ne!(wishes(7, 100, 3), wishes(8, 100, 3));
        assert_eq!(
            blows(7, 100, counts(5, 2, 3)),
            blows(7, 100, counts(5, 2, 3))
        );
    }

    #[test]
    fn every_command_is_typed_once_and_all_kinds_are() {
        let by_chat = wishes(7, 1000, 3);
        let counts: Vec<usize> = by_chat.iter().map(Vec::len).collect();
        assert_eq!(counts, [334, 333, 333]);
        let all = by_chat.concat();
        let long = |wish: &Wish| matches!(wish, Wish::Announce { lines, .. } if *lines > 50);
        let short = |wish: &Wish| matches!(wish, Wish::Announce { lines: 1, .. });
        assert!(all.iter().any(long) && all.iter().any(short));
        for kind in [Wish::PinAnnouncement, Wish::PinReply, Wish::Unpin] {
            assert!(all.contains(&kind), "{kind:?}");
        }
    }

    #[test]
    fn blows_fall_in_order_and_before_the_end() {
        let blows_of_run = blows(7, 300, counts(50, 7, 3));
        let moments: Vec<usize> = blows_of_run.iter().map(|(moment, _)| *moment).collect();
        assert!(moments.is_sorted() && moments.iter().all(|moment| *moment < 270));
        let count = |blow| blows_of_run.iter().filter(|(_, one)| *one == blow).count();
        assert_eq!(
            [Blow::Kill, Blow::Restart, Blow::Cut, Blow::FailOver].map(count),
            [50, 7, 3, 1]
        );
        let soon = blows(7, 1, counts(2, 0, 0));
        assert_eq!(soon[..2], [(0, Blow::Kill); 2]);
    }
}
