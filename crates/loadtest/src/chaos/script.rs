//! What members type in a chaos run, and when the bot is killed: all of it follows from the seed.

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

/// After how many finished commands each kill falls, in order; none in the last tenth, so that
/// every kill hits a bot that has work.
pub(crate) fn kills(seed: u64, commands: usize, kills: usize) -> Vec<usize> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(1));
    let last = commands - commands / 10;
    let mut moments: Vec<usize> = (0..kills).map(|_| rng.random_range(0..last)).collect();
    moments.sort_unstable();
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

    #[test]
    fn a_seed_always_makes_the_same_run() {
        assert_eq!(wishes(7, 100, 3), wishes(7, 100, 3));
        assert_ne!(wishes(7, 100, 3), wishes(8, 100, 3));
        assert_eq!(kills(7, 100, 5), kills(7, 100, 5));
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
    fn kills_fall_in_order_and_before_the_end() {
        let moments = kills(7, 300, 50);
        assert_eq!(moments.len(), 50);
        assert!(moments.is_sorted() && moments.iter().all(|moment| *moment < 270));
        assert_eq!(kills(7, 1, 2), [0, 0]);
    }
}
