//! Documents, configuration and the prose in sources avoid phrases that have a plainer form.

use std::ops::Range;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// None of these has a good literal use here. Matched as whole words, in any case.
const PHRASES: &[&str] = &[
    "any more",
    "are told",
    "comes to pass",
    "for ever",
    "goes on with",
    "heed",
    "heeds",
    "in hand",
    "is told",
    "is to be had",
    "let through",
    "lets through",
    "makes do",
    "mend",
    "mended",
    "mends",
    "of one's own",
    "of their own",
    "so long a",
    "stands",
    "what it was at",
    "whoever",
];

/// Files and directories that are prose, or whose comments are.
const TEXTS: &[&str] = &[
    ".ci",
    ".github",
    "Dockerfile",
    "clippy.toml",
    "config",
    "deny.toml",
    "deploy",
    "docker-compose.yml",
    "fuzz/Cargo.toml",
    "migrations",
    "scripts",
];

/// Directories of Rust files whose comments and string literals are checked.
const SOURCES: &[&str] = &["crates", "examples", "fuzz", "src", "tests"];

#[test]
fn documents_use_plain_phrases() {
    let mut pages = files(Path::new("."));
    pages.retain(|path| path.extension().is_some_and(|end| end == "md"));
    assert!(pages.len() > 12, "{pages:?}");
    check(&pages, without_output);
}

#[test]
fn configuration_uses_plain_phrases() {
    let texts: Vec<_> = TEXTS
        .iter()
        .flat_map(|text| files(Path::new(text)))
        .collect();
    assert!(texts.len() > 12, "{texts:?}");
    check(&texts, |text| text.replace('#', " "));
}

#[test]
fn sources_use_plain_phrases() {
    let mut sources: Vec<_> = SOURCES
        .iter()
        .flat_map(|path| files(Path::new(path)))
        .collect();
    sources.retain(|path| path.extension().is_some_and(|end| end == "rs"));
    // This file has the list.
    sources.retain(|path| !path.ends_with("style.rs"));
    assert!(!sources.is_empty());
    // To split a source into tokens takes long, and without a phrase in the whole there is none in a
    // part.
    check(&sources, |source| {
        if findings(&joined_lines(source)).is_empty() {
            String::new()
        } else {
            prose(source)
        }
    });
}

fn check(paths: &[PathBuf], prose: impl Fn(&str) -> String) {
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap();
        for place in findings(&prose(&text)) {
            found.push(format!("{}: {place}", path.display()));
        }
    }
    assert!(
        found.is_empty(),
        "plainer words, please:\n{}",
        found.join("\n")
    );
}

/// Every file below a path, or the file itself. Builds, hidden directories and fuzzing inputs are
/// left out.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" && name != "corpus" && name != "node_modules"
        {
            found.extend(files(&path));
        }
    }
    found
}

/// Each phrase in a text, with the words around it.
fn findings(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = text.to_ascii_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for phrase in PHRASES {
        for (start, _) in lower.match_indices(phrase) {
            let end = start + phrase.len();
            let (before, after) = (&lower[..start], &lower[end..]);
            if !before.ends_with(is_word) && !after.starts_with(is_word) {
                let context = text.floor_char_boundary(start.saturating_sub(40))
                    ..text.ceil_char_boundary((end + 40).min(text.len()));
                found.push(format!("\"{phrase}\" in \"…{}…\"", &text[context]));
            }
        }
    }
    found
}

/// A page without samples of output, which another test compares with the program.
fn without_output(page: &str) -> String {
    let mut parts = page.split("```text\n");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once("```").map_or("", |(_, rest)| rest));
    }
    kept
}

/// The comments and string literals of a Rust source. Whatever else there is between them is
/// replaced by a mark, so that no phrase reaches across code.
fn prose(source: &str) -> String {
    let tokens: TokenStream = source.parse().unwrap();
    let mut code = Vec::new();
    collect_code(tokens, source, &mut code);
    code.sort_by_key(|range| range.start);
    let mut prose = String::new();
    let mut end = 0;
    for range in code {
        prose.push_str(source.get(end..range.start).unwrap_or_default());
        prose.push('\u{b7}');
        end = end.max(range.end);
    }
    prose.push_str(&source[end..]);
    joined_lines(&prose)
}

/// Without the marks at the start of comments, and at the end of lines in string literals.
fn joined_lines(source: &str) -> String {
    let lines = source.lines().map(|line| {
        let line = line.trim_start().trim_start_matches(['/', '!']);
        line.trim_end_matches('\\')
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The places of all tokens that are neither string literals nor documentation comments.
fn collect_code(tokens: TokenStream, source: &str, code: &mut Vec<Range<usize>>) {
    for token in tokens {
        let range = token.span().byte_range();
        let text = &source[range.clone()];
        let is_comment = text.starts_with("//") || text.starts_with("/*");
        match token {
            // All tokens of a documentation comment have its place.
            _ if is_comment => {}
            TokenTree::Literal(_) if text.contains('"') => {}
            TokenTree::Group(group) => {
                if group.delimiter() != Delimiter::None {
                    code.push(group.span_open().byte_range());
                    code.push(group.span_close().byte_range());
                }
                collect_code(group.stream(), source, code);
            }
            _ => code.push(range),
        }
    }
}

#[test]
fn phrases_are_found_in_prose_only() {
    let source = "
        //! It stands here.
        /// So
        /// long a wait.
        fn stands(mend: &'static str) -> char {
            // Any more,
            // Whoever reads.
            let heed = \"no \\\"mended\\\" word\"; let stands = r#\"is told \"so\" \"#;
            /* for ever */ mend(heed); '\"'
        }
    ";
    let found = findings(&prose(source));
    let found: Vec<_> = found
        .iter()
        .filter_map(|place| place.split('"').nth(1))
        .collect();
    let expected = [
        "any more",
        "for ever",
        "is told",
        "mended",
        "so long a",
        "stands",
        "whoever",
    ];
    assert_eq!(found, expected);
    assert!(findings("He outstands; a_stands_b; many more.").is_empty());
    assert!(findings(&prose("fn f() { so(long, a) }")).is_empty());
}
