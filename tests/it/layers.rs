//! The layers of docs/ARCHITECTURE.md, held against every `use` and every path of the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use structure::{Arrow, Graph, Tree};

const PAGE: &str = include_str!("../../docs/ARCHITECTURE.md");

/// The first two cells of each row of a table that begins with this head.
fn rows(head: &str) -> Vec<(&'static str, &'static str)> {
    let (_, table) = PAGE.split_once(head).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        (cells.next().unwrap(), cells.next().unwrap())
    });
    cells.collect()
}

/// What is between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The module of `src` that a file belongs to.
fn module(file: &Path) -> String {
    let below = file.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str();
    let first = first.to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_use_lower_layers_only() {
    let layers: BTreeMap<&str, u32> = rows("| Layer | Modules | |")
        .into_iter()
        .flat_map(|(layer, modules)| names(modules).map(move |name| (name, layer.parse().unwrap())))
        .collect();
    let tree = Tree::read(Path::new("src/lib.rs")).unwrap();
    for file in tree.files() {
        let module = module(file);
        let is_known = layers.contains_key(module.as_str()) || module == "lib";
        assert!(is_known, "{} is in no layer", file.display());
    }
    let graph = Graph::of(&tree);
    let mut seen = 0;
    for Arrow { from, to, names } in graph.arrows() {
        let (above, below) = (module(from), module(to));
        if above == below || above == "lib" {
            continue;
        }
        seen += 1;
        assert!(
            layers[above.as_str()] > layers[below.as_str()],
            "{} uses {names:?} of {}",
            from.display(),
            to.display()
        );
    }
    assert!(seen > 100, "the sources are not found");
}

#[test]
fn no_files_form_a_cycle() {
    for root in [
        "src/lib.rs",
        "crates/feishu/src/lib.rs",
        "crates/feishu-sim/src/lib.rs",
        "crates/loadtest/src/main.rs",
        "crates/structure/src/lib.rs",
        "crates/test-servers/src/lib.rs",
    ] {
        let graph = Graph::of(&Tree::read(Path::new(root)).unwrap());
        let cycles = graph.cycles();
        assert!(cycles.is_empty(), "{root}: {cycles:#?}");
    }
}

/// The whole numbers in a text, without underscores.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let digits = words.map(|word| word.replace('_', ""));
    digits.filter(|word| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn error_codes_are_used_by_name() {
    let codes = Path::new("crates/feishu/src/codes.rs");
    let codes: BTreeSet<String> = numbers(&std::fs::read_to_string(codes).unwrap()).collect();
    assert!(codes.len() > 40, "the names are not found");
    for root in ["src/lib.rs", "crates/feishu/src/lib.rs"] {
        let tree = Tree::read(Path::new(root)).unwrap();
        // Both tables of codes: the names, and the sentences for members.
        for file in tree.files() {
            if file.ends_with("codes.rs") {
                continue;
            }
            let text = std::fs::read_to_string(file).unwrap();
            let production = text.split("#[cfg(test)]").next().unwrap();
            let bare = numbers(production).find(|number| codes.contains(number));
            assert_eq!(bare, None, "{}", file.display());
        }
    }
}

#[test]
fn crates_use_what_the_page_names() {
    let mut crates = 0;
    let rows = rows("| Crate | Uses |");
    for (name, uses) in &rows {
        let name = name.trim_matches('`');
        let manifest = match name {
            "noticebot" => "Cargo.toml".to_owned(),
            _ => format!("crates/{name}/Cargo.toml"),
        };
        let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
        let dependencies = manifest
            .get("dependencies")
            .and_then(|table| table.as_table());
        let ours = dependencies
            .into_iter()
            .flat_map(toml::Table::keys)
            .filter(|key| Path::new("crates").join(key).exists());
        let named: Vec<&str> = names(uses).collect();
        assert_eq!(ours.collect::<Vec<_>>(), named, "{name}");
        crates += 1;
    }
    assert_eq!(crates, std::fs::read_dir("crates").unwrap().count() + 1);
}
