//! Facts that are written in several places agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noticebot::command::{Language, ParseError, Scope, parse, readme_table};
use noticebot::config::{Config, DEFAULT_TOML, Environment, variables};
use noticebot::setup;

/// The text between two markers of a page.
fn section(page: &'static str, name: &str) -> &'static str {
    let (_, rest) = page.split_once(&format!("<!-- {name} -->")).unwrap();
    let (section, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    section.trim()
}

#[test]
fn rule_9_readme_tables_match_the_command_table() {
    for (page, name, language) in [
        (include_str!("../../README.md"), "commands", Language::En),
        (
            include_str!("../../README.zh-CN.md"),
            "commands-zh",
            Language::Zh,
        ),
    ] {
        assert_eq!(section(page, name), readme_table(language).trim());
    }
}

#[test]
fn setup_pages_list_the_scopes_of_the_commands() {
    for page in [
        include_str!("../../docs/SETUP.md"),
        include_str!("../../docs/SETUP.zh-CN.md"),
    ] {
        let (_, list) = page.split_once("\"tenant\": [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let listed = list.split(',').map(|name| name.trim().trim_matches('"'));
        let listed: BTreeSet<_> = listed.collect();
        assert_eq!(listed, Scope::all().map(Scope::as_str).collect());
        for scope in listed {
            assert!(page.contains(&format!("\n| `{scope}` |")), "{scope}");
        }
    }
}

#[test]
fn readmes_name_what_a_new_app_gets() {
    let config = Config::read(None, &Environment::default()).unwrap();
    let expected: [BTreeSet<&str>; 4] = [
        Scope::all().map(Scope::as_str).collect(),
        setup::events(&config).collect(),
        setup::callbacks().collect(),
        setup::VARIABLES.into(),
    ];
    for page in [
        include_str!("../../README.md"),
        include_str!("../../README.zh-CN.md"),
    ] {
        let rows = section(page, "setup").lines().skip(2);
        let named: Vec<BTreeSet<&str>> = rows.map(|row| code(row).collect()).collect();
        assert_eq!(named, expected);
        // The whole section fits on one screen.
        let (before, after) = page.split_once("<!-- setup -->").unwrap();
        let start = before.rfind("\n## ").unwrap();
        let end = before.len() + after.find("\n## ").unwrap();
        let lines = page[start..end].lines().count();
        assert!(lines <= 32, "{lines} lines");
    }
}

/// The first release with this key. Its files are written while it is prepared.
fn since(key: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/releases");
    let entries = std::fs::read_dir(folder).unwrap();
    let releases = entries.filter_map(|entry| {
        let path = entry.unwrap().path();
        let keys = std::fs::read_to_string(path.join("keys.txt")).ok()?;
        let version = path.file_name()?.to_str()?.to_owned();
        let numbers = version.split('.').map(|part| part.parse::<u32>().unwrap());
        let numbers: Vec<u32> = numbers.collect();
        keys.lines()
            .any(|line| line == key)
            .then_some((numbers, version))
    });
    let first = releases.min();
    first.map_or_else(
        || env!("CARGO_PKG_VERSION").to_owned(),
        |(_, version)| version,
    )
}

/// The entries of the changelog about what admins and members may have to adapt to.
#[test]
fn changes_say_impact_and_what_to_do() {
    let mut section = "";
    let mut checked = 0;
    for line in include_str!("../../CHANGELOG.md").lines() {
        if let Some(name) = line.strip_prefix("### ") {
            section = name;
        }
        let needs = ["Changed", "Deprecated", "Removed"].contains(&section);
        if needs && line.starts_with("- ") {
            let has = |words: &str| line.contains(&format!(" {words} "));
            assert!(has("Impact:") && has("To do:"), "{line}");
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn configuration_page_matches_the_default_file() {
    let mut page = Vec::new();
    let (mut group, mut comment) = ("", Vec::new());
    // The comments at the top of the file are not about a key.
    let (_, body) = DEFAULT_TOML.split_once("\n\n").unwrap();
    for line in body.lines() {
        if let Some(name) = line.strip_prefix('[') {
            group = name.trim_end_matches(']');
            // A table whose keys are the admin's is described as a whole.
            let about = std::mem::take(&mut comment).join(" ");
            page.push(if about.is_empty() {
                format!(
                    "\n## {group}\n\n\
                     | Key | Environment variable | Default | Since | Meaning |\n|---|---|---|---|---|"
                )
            } else {
                format!("\n## {group}\n\n{about}")
            });
        } else if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some((key, default)) = line.split_once(" = ") {
            let comment = std::mem::take(&mut comment).join(" ");
            let (meaning, variables) = match comment.split_once(" Environment: ") {
                Some((meaning, names)) => (meaning, quoted(names.trim_end_matches('.'))),
                None => (comment.as_str(), String::new()),
            };
            page.push(format!(
                "| `{group}.{key}` | {variables} | `{default}` | {} | {meaning} |",
                since(&format!("{group}.{key}"))
            ));
        }
    }
    let shown = section(include_str!("../../docs/CONFIGURATION.md"), "configuration");
    assert_eq!(shown, page.join("\n").trim());
}

fn quoted(names: &str) -> String {
    let names: Vec<String> = names
        .split(" or ")
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(" or ")
}

#[test]
fn the_default_file_names_every_variable() {
    for variable in variables() {
        let (group, key) = variable.key.split_once('.').unwrap();
        let (_, rest) = DEFAULT_TOML.split_once(&format!("[{group}]\n")).unwrap();
        let (before, _) = rest.split_once(&format!("\n{key} = ")).unwrap();
        let comment = before.lines().next_back().unwrap();
        let name = &variable.name;
        let names = if variable.secret {
            format!("{name} or {name}_FILE")
        } else {
            name.clone()
        };
        assert!(
            comment.ends_with(&format!("Environment: {names}.")),
            "{comment}"
        );
    }
}

#[test]
fn one_toolchain_is_named_everywhere() {
    let toolchain: toml::Table = toml::from_str(include_str!("../../rust-toolchain.toml")).unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    assert_eq!(
        manifest["workspace"]["package"]["rust-version"].as_str(),
        Some(channel)
    );
    assert!(include_str!("../../Dockerfile").contains(&format!("rust:{channel}-slim-bookworm")));
}

#[test]
fn every_dependency_is_accounted_for() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let contributing = include_str!("../../CONTRIBUTING.md");
    for name in manifest["workspace"]["dependencies"]
        .as_table()
        .unwrap()
        .keys()
    {
        assert!(contributing.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// The names of tests in each item of a section; each item has some.
fn tests_named_in(page: &'static str, section: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = page.split_once(&format!("## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lists = section
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Tests: "));
    let lists: Vec<Vec<_>> = lists.map(|list| code(list).collect()).collect();
    let items = section.lines().filter(|line| {
        let mark = line.split(' ').next().unwrap();
        mark == "-" || mark.trim_end_matches('.').parse::<u32>().is_ok()
    });
    assert_eq!(items.count(), lists.len(), "an item has no tests");
    assert!(lists.iter().all(|names| !names.is_empty()), "{lists:?}");
    lists
}

fn check_that_tests_exist(lists: &[Vec<&str>]) {
    let sources = sources();
    for name in lists.iter().flatten() {
        assert!(sources.contains(&format!("fn {name}(")), "{name}");
    }
}

#[test]
fn every_rule_names_existing_tests() {
    let page = include_str!("../../docs/ARCHITECTURE.md");
    let rules = tests_named_in(page, "The rules that never bend");
    assert_eq!(rules.len(), 12);
    check_that_tests_exist(&rules);
}

#[test]
fn the_code_map_names_existing_files() {
    let page = include_str!("../../docs/ARCHITECTURE.md");
    let (_, map) = page.split_once("## Code map\n").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let rows = map.lines().filter(|line| line.starts_with("| `"));
    let mut seen = 0;
    for row in rows {
        seen += 1;
        let cells: Vec<_> = row.split('|').collect();
        let places: Vec<_> = cells[1].split('`').skip(1).step_by(2).collect();
        let named = cells[2].split('`').skip(1).step_by(2).map(Path::new);
        for place in &places {
            assert!(Path::new(place).exists(), "{place}");
        }
        // Files named in the description are below the place, or next to it.
        let folder = places[0].trim_end_matches(".rs").trim_end_matches('/');
        for file in named.filter(|name| name.extension() == Some("rs".as_ref())) {
            let beside = Path::new(folder).parent().unwrap().join(file);
            let below = files_below(folder).any(|path| path.ends_with(file));
            assert!(below || beside.exists(), "{folder}: {}", file.display());
        }
    }
    assert!(seen > 20, "the map is not found");
}

#[test]
fn every_threat_has_a_test() {
    let threats = tests_named_in(include_str!("../../SECURITY.md"), "Threat model");
    assert!(threats.len() > 18, "{threats:?}");
    check_that_tests_exist(&threats);
}

/// All Rust sources of the repository.
fn sources() -> String {
    let folders = ["src", "tests", "crates"].into_iter();
    let files = folders.flat_map(files_below);
    files
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// The Rust files below a directory.
fn files_below(folder: &str) -> impl Iterator<Item = PathBuf> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs".as_ref()) {
                files.push(path);
            }
        }
    }
    files.into_iter()
}

#[test]
fn rule_8_production_code_has_no_test_hooks() {
    let files: Vec<_> = ["src", "crates/feishu/src"]
        .into_iter()
        .flat_map(files_below)
        .collect();
    assert!(files.len() > 50, "the sources are not found");
    for path in files {
        let source = std::fs::read_to_string(&path).unwrap();
        check_source(&path.display().to_string(), &source);
    }
}

/// `cfg(test)` is only on test modules, and there is no trait for a mock to implement.
fn check_source(name: &str, source: &str) {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
        assert!(!line.contains("cfg(not(test))"), "{name}: {line}");
        assert!(
            !line.contains("cfg(test)") || next.contains("mod "),
            "{name}: {next}"
        );
        let code = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        assert!(!code.starts_with("trait "), "{name}: {line}");
    }
}

const COMMANDS_PAGES: [&str; 2] = [
    include_str!("../../docs/COMMANDS.md"),
    include_str!("../../docs/COMMANDS.zh-CN.md"),
];

/// The code in a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn command_samples_are_understood() {
    for page in COMMANDS_PAGES {
        let samples = code(page).filter(|sample| sample.len() > 1 && sample.starts_with('/'));
        let samples: Vec<_> = samples
            .map(|sample| sample.trim_end_matches(" @noticebot"))
            .collect();
        assert!(samples.len() > 30, "{samples:?}");
        for sample in samples {
            match parse(sample, &[], false) {
                Ok(Some(_)) => {}
                // The bare name of a command that needs a number or a text.
                Err(ParseError::MissingNumber { .. } | ParseError::MissingText { .. })
                    if !sample.contains(' ') => {}
                other => panic!("{sample}: {other:?}"),
            }
        }
    }
}

#[test]
fn time_samples_are_understood() {
    let starts = ["- A time is", "- A duration is", "- 时间由", "- 时长用"];
    let options = ["--at", "--for", "--at", "--for"];
    let mut seen = 0;
    for (start, option) in starts.into_iter().zip(options) {
        let lines = COMMANDS_PAGES.iter().flat_map(|page| page.lines());
        let mut lines = lines.filter(|line| line.starts_with(start));
        for sample in code(lines.next().unwrap()) {
            seen += 1;
            let command = format!("/announce {option} {sample} text");
            let parsed = parse(&command, &[], false);
            assert!(matches!(parsed, Ok(Some(_))), "{command}: {parsed:?}");
        }
    }
    assert!(seen > 20, "{seen}");
}
