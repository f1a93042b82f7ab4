//! SQLite's write-ahead log and its index, as <https://sqlite.org/walformat.html>
//! describes them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Lengths in bytes.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const INDEX_HEADER: usize = 48;
/// The least significant bit says that checksums are of big-endian words.
const MAGIC: u32 = 0x377f_0682;
const BUFFER: usize = 1 << 18;

type Sums = (u32, u32);
pub(super) type Salts = [u8; 8];

/// What a log holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// The numbers in its header that its frames repeat; none without a header that is whole.
    pub(crate) salts: Option<Salts>,
    /// How many frames are whole, one after the other.
    pub(crate) whole: u32,
    /// How many of them are committed.
    pub(crate) committed: u32,
    /// Frames that end two or more commits behind one that is damaged. A power
    /// failure may damage the last commit, which nobody was told of, but no earlier.
    pub(crate) committed_behind_damage: u32,
}

/// Reads a log, at most so many frames of it.
pub(crate) fn read(log: &Path, most: u32) -> io::Result<Frames> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(log)?);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(Frames::default());
    }
    let magic = word(&header, 0);
    let big_endian = magic & 1 == 1;
    let sums = sum(big_endian, &header[..24], (0, 0));
    let page = word(&header, 8) as usize;
    let is_whole = magic & !1 == MAGIC && sums == (word(&header, 24), word(&header, 28));
    if !is_whole || !page.is_power_of_two() || !(512..=65536).contains(&page) {
        return Ok(Frames::default());
    }
    let mut salts = [0; 8];
    salts.copy_from_slice(&header[16..24]);
    let reader = Reader {
        file,
        big_endian,
        salts,
        frame: vec![0; FRAME_HEADER + page],
    };
    reader.frames(sums, most)
}

struct Reader<R> {
    file: R,
    big_endian: bool,
    salts: Salts,
    frame: Vec<u8>,
}

impl<R: Read> Reader<R> {
    fn frames(mut self, mut sums: Sums, most: u32) -> io::Result<Frames> {
        let mut found = Frames {
            salts: Some(self.salts),
            ..Frames::default()
        };
        while found.whole < most {
            if !fill(&mut self.file, &mut self.frame)? {
                return Ok(found);
            }
            let next = sum(self.big_endian, &self.frame[..8], sums);
            sums = sum(self.big_endian, &self.frame[FRAME_HEADER..], next);
            if !self.is_ours() || sums != (word(&self.frame, 16), word(&self.frame, 20)) {
                found.committed_behind_damage = self.committed_behind()?;
                return Ok(found);
            }
            found.whole += 1;
            if self.is_commit() {
                found.committed = found.whole;
            }
        }
        Ok(found)
    }

    /// Frames from the one at hand up to the last commit. Behind the end of a log,
    /// frames of an earlier one may stand; they have other salts.
    fn committed_behind(&mut self) -> io::Result<u32> {
        let (mut passed, mut commits, mut committed) = (1, u32::from(self.is_commit()), 1);
        while fill(&mut self.file, &mut self.frame)? {
            passed += 1;
            if self.is_ours() && self.is_commit() {
                commits += 1;
                committed = passed;
            }
        }
        Ok(if commits > 1 { committed } else { 0 })
    }

    fn is_ours(&self) -> bool {
        self.frame[8..16] == self.salts
    }

    fn is_commit(&self) -> bool {
        word(&self.frame, 4) != 0
    }
}

/// Whether the first frames of a log, which are committed, are all whole; none if
/// the log was begun anew meanwhile.
pub(crate) fn verified(log: &Path, frames: u32) -> io::Result<Option<bool>> {
    let before = read(log, 0)?.salts;
    let found = read(log, frames)?;
    if found.salts.is_some() && (before != found.salts || before != read(log, 0)?.salts) {
        return Ok(None);
    }
    Ok(Some(found.whole >= frames))
}

/// Whether a log of this length can hold so many frames.
pub(crate) fn frames_fit(length: u64, frames: u32, page: u32) -> bool {
    let frame = FRAME_HEADER as u64 + u64::from(page);
    frames == 0 || length >= HEADER as u64 + u64::from(frames) * frame
}

/// What the index says of the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) salts: Salts,
    /// How many frames are committed.
    pub(crate) frames: u32,
    /// How many of them are in the database as well.
    pub(crate) in_database: u32,
}

/// Reads the index of a log that no process has open; none if it says nothing.
pub(crate) fn index(index: &Path) -> Option<Index> {
    let mut bytes = [0; 2 * INDEX_HEADER + 4];
    let mut file = File::open(index).ok()?;
    if !fill(&mut file, &mut bytes).ok()? {
        return None;
    }
    let (header, again) = bytes[..2 * INDEX_HEADER].split_at(INDEX_HEADER);
    let native = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    };
    let sums = sum(cfg!(target_endian = "big"), &header[..40], (0, 0));
    let is_whole = header == again && header[12] == 1 && (native(40)?, native(44)?) == sums;
    is_whole.then_some(Index {
        salts: header[32..40].try_into().ok()?,
        frames: native(16)?,
        in_database: native(2 * INDEX_HEADER)?,
    })
}

/// Fills the buffer; `false` at the end of the file.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The big-endian word at this place.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// SQLite's checksum of these bytes after others.
fn sum(big_endian: bool, bytes: &[u8], (mut first, mut second): Sums) -> Sums {
    for pair in bytes.chunks_exact(8) {
        let words = [0, 4].map(|at| {
            let word = word(pair, at);
            if big_endian { word } else { word.swap_bytes() }
        });
        first = first.wrapping_add(words[0]).wrapping_add(second);
        second = second.wrapping_add(words[1]).wrapping_add(first);
    }
    (first, second)
}
