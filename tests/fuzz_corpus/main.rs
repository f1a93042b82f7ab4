//! The corpus of the fuzz targets, replayed without a fuzzer.
#![expect(
    clippy::unwrap_used,
    reason = "an input that cannot be read has failed, and the targets' bodies are tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/targets/lib.rs"]
pub mod targets;

use targets::{ALL, Check};

/// Fewer are no corpus.
const FEWEST: usize = 5;
/// All files together are to stay small.
const MOST_BYTES: u64 = 100_000;
/// Longer files are not mutated, and of the others that many bytes at most are changed.
const MUTATED: usize = 1500;
const CHANGES: usize = 20;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

/// The files of a target's folder, with their names.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(target)).unwrap();
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Names the input that violates a property.
fn replay(check: Check, name: &str, input: &[u8]) {
    let outcome = catch_unwind(|| check(input));
    assert!(outcome.is_ok(), "{name}: {}", input.escape_ascii());
}

#[test]
fn targets_and_corpora_match() {
    let folders = fs::read_dir(folder("")).unwrap();
    let folders: BTreeSet<String> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    let targets: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, targets);
    let manifest: toml::Table = toml::from_str(include_str!("../../fuzz/Cargo.toml")).unwrap();
    let binaries = manifest["bin"].as_array().unwrap();
    let binaries = binaries
        .iter()
        .map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(binaries.collect::<BTreeSet<_>>(), targets);
    let mut bytes = 0;
    for (target, _) in ALL {
        let inputs = inputs(target);
        assert!(inputs.len() >= FEWEST, "{target}");
        bytes += inputs
            .iter()
            .map(|(_, input)| input.len() as u64)
            .sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}

#[test]
fn everything_in_the_corpus_holds() {
    for (target, check) in ALL {
        for (name, input) in inputs(target) {
            replay(check, &name, &input);
        }
    }
}

/// Not what a fuzzer finds, but what is found for nothing.
#[test]
fn everything_like_it_holds_too() {
    for (target, check) in ALL {
        let short = inputs(target)
            .into_iter()
            .filter(|(_, input)| input.len() <= MUTATED);
        for (name, input) in short {
            let step = input.len().div_ceil(CHANGES).max(1);
            for at in (0..input.len()).step_by(step) {
                replay(check, &name, &input[..at]);
                let mut changed = input.clone();
                changed[at] ^= 1 << (at % 8);
                replay(check, &name, &changed);
            }
        }
    }
}
