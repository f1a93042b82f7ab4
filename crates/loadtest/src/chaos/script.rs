//! The commands and outages of a chaos run, derived from the seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// One announcement in so many is long.
const LONG_EVERY: u32 = 8;
/// Needs two calls: one call inserts at most fifty blocks, one of which is the signature.
const LONG_LINES: usize = 60;

/// A command that a member types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `/pin announcement`
    PinAnnouncement,
    /// `/pin`, as a reply to a new message.
    PinReply,
    /// `/unpin`
    Unpin,
    /// `/announce`, with unique lines.
    Announce {
        /// The prefix of all its lines.
        tag: String,
        lines: usize,
    },
}

/// The lines of the announcement with this tag.
pub(crate) fn lines(tag: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|line| format!("{tag} line {line:02} of {count:02}"))
        .collect()
}

/// The commands of each chat. `distinct` leaves out those whose effect does not tell which of them
/// caused it.
pub(crate) fn commands(
    seed: u64,
    commands: usize,
    chats: usize,
    distinct: bool,
) -> Vec<Vec<Command>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut by_chat = vec![Vec::new(); chats];
    for number in 0..commands {
        let command = command(&mut rng, number);
        let is_kept = !distinct || command.is_distinct();
        by_chat[number % chats].push(if is_kept { command } else { Command::PinReply });
    }
    by_chat
}

impl Command {
    fn is_distinct(&self) -> bool {
        matches!(self, Self::PinReply | Self::Announce { .. })
    }
}

/// A disturbance of the bots or of their database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Restart,
    /// All connections of all bots to the database are terminated.
    Cut,
    /// The database server is lost and its standby promoted.
    FailOver,
}

/// The outages in order, each with the number of finished commands at which it happens: none in the
/// last tenth, so that every one hits a busy bot.
pub(crate) fn outages(
    seed: u64,
    commands: usize,
    counts: [(Outage, usize); 4],
) -> Vec<(usize, Outage)> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(1));
    let last = commands - commands / 10;
    let all = counts.map(|(outage, count)| std::iter::repeat_n(outage, count));
    let mut moments: Vec<(usize, Outage)> = all
        .into_iter()
        .flatten()
        .map(|outage| (rng.random_range(0..last), outage))
        .collect();
    moments.sort_by_key(|(moment, _)| *moment);
    moments
}

fn command(rng: &mut StdRng, number: usize) -> Command {
    match rng.random_range(0..6) {
        0 | 1 => Command::PinReply,
        2 => Command::PinAnnouncement,
        3 => Command::Unpin,
        _ => Command::Announce {
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

    fn counts(kills: usize, restarts: usize, cuts: usize) -> [(Outage, usize); 4] {
        [
            (Outage::Kill, kills),
            (Outage::Restart, restarts),
            (Outage::Cut, cuts),
            (Outage::FailOver, 1),
        ]
    }

    #[test]
    fn a_seed_determines_the_run() {
        let of = |seed| commands(seed, 100, 3, false);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert_eq!(
            outages(7, 100, counts(5, 2, 3)),
            outages(7, 100, counts(5, 2, 3))
        );
    }

    #[test]
    fn all_kinds_of_commands_are_typed() {
        let by_chat = commands(7, 1000, 3, false);
        let counts: Vec<usize> = by_chat.iter().map(Vec::len).collect();
        assert_eq!(counts, [334, 333, 333]);
        let all = by_chat.concat();
        let long =
            |command: &Command| matches!(command, Command::Announce { lines, .. } if *lines > 50);
        let short = |command: &Command| matches!(command, Command::Announce { lines: 1, .. });
        assert!(all.iter().any(long) && all.iter().any(short));
        for kind in [Command::PinAnnouncement, Command::PinReply, Command::Unpin] {
            assert!(all.contains(&kind), "{kind:?}");
        }
        let distinct = commands(7, 1000, 3, true).concat();
        assert!(distinct.iter().all(Command::is_distinct));
        assert!(distinct.iter().any(long) && distinct.contains(&Command::PinReply));
    }

    #[test]
    fn outages_are_sorted_before_the_last_tenth() {
        let of_run = outages(7, 300, counts(50, 7, 3));
        let moments: Vec<usize> = of_run.iter().map(|(moment, _)| *moment).collect();
        assert!(moments.is_sorted() && moments.iter().all(|moment| *moment < 270));
        let count = |outage| of_run.iter().filter(|(_, one)| *one == outage).count();
        assert_eq!(
            [Outage::Kill, Outage::Restart, Outage::Cut, Outage::FailOver].map(count),
            [50, 7, 3, 1]
        );
        let soon = outages(7, 1, counts(2, 0, 0));
        assert_eq!(soon[..2], [(0, Outage::Kill); 2]);
    }
}
