//! Maps positions of an older revision to the newest one.

use std::ops::Range;

/// An edit of a sequence: at `at`, `removed` units were replaced by `inserted` units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) at: usize,
    pub(crate) removed: usize,
    pub(crate) inserted: usize,
}

impl Splice {
    pub(crate) const fn new(at: usize, removed: usize, inserted: usize) -> Self {
        Self {
            at,
            removed,
            inserted,
        }
    }
}

/// A position after the splices. An insertion at the position moves it.
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

/// The remaining parts of a range after the splices, in order. Insertions split the range and are
/// not part of it.
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

    #[test]
    fn a_position_moves_with_edits_before_it() {
        let check =
            |position, edit, expected| assert_eq!(point(position, &[edit]), expected, "{edit:?}");
        check(5, Splice::new(7, 0, 3), 5);
        check(5, Splice::new(2, 0, 3), 8);
        check(5, Splice::new(5, 0, 3), 8);
        check(5, Splice::new(5, 4, 0), 5);
        check(5, Splice::new(1, 2, 0), 3);
        check(5, Splice::new(3, 4, 1), 4);
    }

    #[test]
    fn a_range_keeps_only_its_own_units() {
        let check = |edit, expected: &[(usize, usize)]| {
            let left = ranges(4..8, &[edit]);
            let left: Vec<_> = left.iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(left, expected, "{edit:?}");
        };
        check(Splice::new(0, 0, 2), &[(6, 10)]);
        check(Splice::new(4, 0, 2), &[(6, 10)]);
        check(Splice::new(8, 0, 2), &[(4, 8)]);
        check(Splice::new(6, 0, 2), &[(4, 6), (8, 10)]);
        check(Splice::new(5, 2, 0), &[(4, 5), (5, 6)]);
        check(Splice::new(2, 4, 0), &[(2, 4)]);
        check(Splice::new(3, 9, 1), &[]);
    }
}
