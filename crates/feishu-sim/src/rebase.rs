//! Carries positions of an older revision over to the newest one.

use std::ops::Range;

/// An edit of a sequence: at `at`, `removed` units went and `inserted` units came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) at: usize,
    pub(crate) removed: usize,
    pub(crate) inserted: usize,
}

/// Where a position is after the splices. At the very place of an insertion it moves behind it.
pub(crate) fn point(position: usize, splices: &[Splice]) -> usize {
    splices.iter().fold(position, |position, splice| {
        if position < splice.at {
            position
        } else if position >= splice.at + splice.removed {
            position - splice.removed + splice.inserted
        } else {
            splice.at + splice.inserted
        }
    })
}

/// What is left of a range after the splices, in order: foreign insertions split it and are not
/// part of it, removed units are gone from it.
pub(crate) fn ranges(range: Range<usize>, splices: &[Splice]) -> Vec<Range<usize>> {
    splices.iter().fold(vec![range], |ranges, splice| {
        let gone = splice.at + splice.removed;
        let after = |position: usize| position - splice.removed + splice.inserted;
        let cut = |range: Range<usize>| {
            let before = range.start..range.end.min(splice.at);
            let behind = after(range.start.max(gone))..after(range.end.max(gone));
            [before, behind]
                .into_iter()
                .filter(|part| part.start < part.end)
        };
        ranges.into_iter().flat_map(cut).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn splice(at: usize, removed: usize, inserted: usize) -> Splice {
        Splice {
            at,
            removed,
            inserted,
        }
    }

    #[test]
    fn a_position_moves_with_what_stood_before_it() {
        let check =
            |position, edit, expected| assert_eq!(point(position, &[edit]), expected, "{edit:?}");
        check(5, splice(7, 0, 3), 5);
        check(5, splice(2, 0, 3), 8);
        check(5, splice(5, 0, 3), 8);
        check(5, splice(5, 4, 0), 5);
        check(5, splice(1, 2, 0), 3);
        check(5, splice(3, 4, 1), 4);
    }

    #[test]
    fn a_range_keeps_only_what_it_named() {
        let check = |edit, expected: &[(usize, usize)]| {
            let left = ranges(4..8, &[edit]);
            let left: Vec<_> = left.iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(left, expected, "{edit:?}");
        };
        check(splice(0, 0, 2), &[(6, 10)]);
        check(splice(4, 0, 2), &[(6, 10)]);
        check(splice(8, 0, 2), &[(4, 8)]);
        check(splice(6, 0, 2), &[(4, 6), (8, 10)]);
        check(splice(5, 2, 0), &[(4, 5), (5, 6)]);
        check(splice(2, 4, 0), &[(2, 4)]);
        check(splice(3, 9, 1), &[]);
    }
}
