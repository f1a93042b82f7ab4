//! Parses SQLite's write-ahead log and its index: <https://sqlite.org/walformat.html>.

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

/// Contents of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// The salts in its header, which its frames repeat; none if the header is damaged.
    pub(crate) salts: Option<Salts>,
    /// Number of consecutive valid frames.
    pub(crate) whole: u32,
    /// Number of committed ones among them.
    pub(crate) committed: u32,
    /// Frames up to the last commit behind a damaged one, if these are two or more commits. A power
    /// failure may damage the last commit, which was not acknowledged, but no earlier one.
    pub(crate) committed_behind_damage: u32,
}

/// Reads at most `most` frames of a log.
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

    /// Number of frames from the current one to the last commit. Frames of an earlier log may
    /// follow; they have other salts.
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

/// Whether the first `frames` frames, which are committed, are all valid; none if the log was reset
/// during the read.
pub(crate) fn verified(log: &Path, frames: u32) -> io::Result<Option<bool>> {
    let before = read(log, 0)?.salts;
    let found = read(log, frames)?;
    if found.salts.is_some() && (before != found.salts || before != read(log, 0)?.salts) {
        return Ok(None);
    }
    Ok(Some(found.whole >= frames))
}

/// Whether a log of this length can hold this many frames.
pub(crate) fn frames_fit(length: u64, frames: u32, page: u32) -> bool {
    let frame = FRAME_HEADER as u64 + u64::from(page);
    frames == 0 || length >= HEADER as u64 + u64::from(frames) * frame
}

/// The log as described by its index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) salts: Salts,
    /// Number of committed frames.
    pub(crate) frames: u32,
    /// Number of frames that were checkpointed into the database.
    pub(crate) in_database: u32,
}

/// Reads the index of a log that no process has open; none if it is invalid.
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
