//! Which file uses what another one defines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::modules::{ModulePath, Tree, is_test, joined};

/// The arrows between the files of one crate. A name counts for the file that defines it, not for
/// those that re-export it.
pub struct Graph {
    arrows: BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>,
}

/// A file that uses another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow<'a> {
    /// The file that uses.
    pub from: &'a Path,
    /// The file that defines.
    pub to: &'a Path,
    /// The names that are used.
    pub names: &'a BTreeSet<String>,
}

impl Graph {
    /// The arrows of a crate.
    pub fn of(tree: &Tree) -> Self {
        let mut arrows: BTreeMap<_, BTreeMap<_, BTreeSet<String>>> = BTreeMap::new();
        for (path, module) in &tree.modules {
            let mut paths = Paths::default();
            for item in &module.items {
                paths.visit_item(item);
            }
            // Macros hide the paths in their arguments, so imports count by themselves.
            let imports = module.imports.iter();
            let private = imports.filter(|(name, _)| module.private.contains(*name));
            paths.found.extend(private.map(|(_, path)| path.clone()));
            for used in paths.found {
                let Some((file, name)) = tree.defining_file(path, &used) else {
                    continue;
                };
                if file != module.file {
                    let of_file: &mut BTreeMap<_, BTreeSet<_>> =
                        arrows.entry(module.file.clone()).or_default();
                    of_file.entry(file.to_owned()).or_default().insert(name);
                }
            }
        }
        Self { arrows }
    }

    /// Every arrow.
    pub fn arrows(&self) -> impl Iterator<Item = Arrow<'_>> {
        self.arrows.iter().flat_map(|(from, arrows)| {
            arrows
                .iter()
                .map(move |(to, names)| Arrow { from, to, names })
        })
    }

    /// The files that reach each other, one list for each cycle.
    pub fn cycles(&self) -> Vec<Vec<&Path>> {
        let reachable: BTreeMap<&Path, BTreeSet<&Path>> = self
            .arrows
            .keys()
            .map(|file| (&**file, self.reachable(file)))
            .collect();
        let reaches =
            |from: &Path, to: &Path| reachable.get(from).is_some_and(|to_| to_.contains(to));
        let mut cycles: Vec<Vec<&Path>> = Vec::new();
        for file in reachable.keys().filter(|file| reaches(file, file)) {
            let same = |cycle: &&mut Vec<&Path>| reaches(file, cycle[0]) && reaches(cycle[0], file);
            match cycles.iter_mut().find(same) {
                Some(cycle) => cycle.push(file),
                None => cycles.push(vec![file]),
            }
        }
        cycles
    }

    fn reachable(&self, start: &Path) -> BTreeSet<&Path> {
        let mut seen = BTreeSet::new();
        let mut next = vec![start];
        while let Some(file) = next.pop() {
            for to in self.arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(&**to) {
                    next.push(to);
                }
            }
        }
        seen
    }
}

impl Tree {
    /// The file that defines what a path names in a module, and its name. `None` for what other
    /// crates define, and for modules themselves.
    fn defining_file(&self, module: &[String], path: &[String]) -> Option<(&Path, String)> {
        let mut at: ModulePath = module.to_vec();
        let mut rest = path.to_vec();
        // Re-exports of re-exports are followed; the compiler refuses endless ones.
        for _ in 0..32 {
            let first = rest.first()?.clone();
            match first.as_str() {
                "crate" => at = Vec::new(),
                "self" => {}
                "super" => drop(at.pop()?),
                _ if self.modules.contains_key(&joined(&at, &first)) => at.push(first),
                _ => {
                    let here = self.modules.get(&at)?;
                    let Some(import) = here.imports.get(&first) else {
                        // A name without a path is the module's own, or the language's.
                        let is_bare = at == module && rest.len() == path.len();
                        return (!is_bare).then(|| (&*here.file, first));
                    };
                    let is_other_crate = import.first() == Some(&first);
                    if is_other_crate {
                        return None;
                    }
                    rest = [import, &rest[1..]].concat();
                    continue;
                }
            }
            rest.remove(0);
        }
        None
    }
}

/// Collects the paths in code.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|name| name.ident.to_string());
        self.found.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The arrows of a crate of these files, as `from -> to: names`.
    fn arrows(files: &[(&str, &str)]) -> (Vec<String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        for (name, source) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source).unwrap();
        }
        let graph = Graph::of(&Tree::read(&folder.path().join("lib.rs")).unwrap());
        let name = |path: &Path| {
            path.strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string()
        };
        let arrows = graph.arrows().map(|Arrow { from, to, names }| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{} -> {}: {}", name(from), name(to), names.join(" "))
        });
        (arrows.collect(), graph.cycles().len())
    }

    #[test]
    fn names_count_for_the_file_that_defines_them() {
        let (arrows, cycles) = arrows(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod deep; pub use deep::{Deep, other as renamed};"),
            ("a/deep.rs", "pub struct Deep; pub fn other() {}"),
            (
                "b.rs",
                "use std::fmt; use crate::a; use crate::a::Deep;
                 fn f(_: Deep) -> fmt::Result { a::renamed(); Vec::new(); Ok(()) }
                 #[cfg(test)] mod tests { use crate::c::Nothing; }",
            ),
        ]);
        assert_eq!(arrows, ["b.rs -> a/deep.rs: Deep other"]);
        assert_eq!(cycles, 0);
    }

    #[test]
    fn a_file_that_uses_back_makes_a_cycle() {
        let files = |last: &'static str| {
            [
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b::B; pub struct A(B);"),
                ("b.rs", "use super::c; pub struct B(c::C);"),
                ("c.rs", last),
            ]
        };
        assert_eq!(arrows(&files("pub struct C;")).1, 0);
        let (arrows, cycles) = arrows(&files("pub struct C; fn f() { vec![1]; crate::a::A; }"));
        assert_eq!(arrows.last().unwrap(), "c.rs -> a.rs: A");
        assert_eq!(cycles, 1);
    }
}
