//! The modules of a crate, without its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

/// A path of names below the root of the crate.
pub(crate) type ModulePath = Vec<String>;

/// The modules of one crate by their paths.
pub struct Tree {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// A module, in a file of its own or inline.
pub struct Module {
    /// The file that holds it.
    pub file: PathBuf,
    /// Its items, without tests.
    pub(crate) items: Vec<Item>,
    /// What its `use` items bring in, by name.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// Those of them that it does not pass on: a re-export alone is no use.
    pub(crate) private: BTreeSet<String>,
}

impl Tree {
    /// Reads the crate with this root, `src/lib.rs` for example, and every file it names.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.read_file(root, &folder, &[])?;
        Ok(tree)
    }

    /// The files, each once, in order.
    pub fn files(&self) -> Vec<&Path> {
        let mut files: Vec<_> = self.modules.values().map(|module| &*module.file).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    fn read_file(&mut self, file: &Path, folder: &Path, path: &[String]) -> anyhow::Result<()> {
        let source =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let parsed =
            syn::parse_file(&source).with_context(|| format!("parsing {}", file.display()))?;
        self.add(file, folder, path, parsed.items)
    }

    /// Adds a module whose children are files in `folder`.
    fn add(
        &mut self,
        file: &Path,
        folder: &Path,
        path: &[String],
        items: Vec<Item>,
    ) -> anyhow::Result<()> {
        let (children, items): (Vec<_>, Vec<_>) = items
            .into_iter()
            .filter(|item| !is_test(attributes(item)))
            .partition(|item| matches!(item, Item::Mod(_)));
        let mut imports = BTreeMap::new();
        let mut private = BTreeSet::new();
        for item in &items {
            let Item::Use(item) = item else { continue };
            let mut brought_in = BTreeMap::new();
            collect(&item.tree, &mut Vec::new(), &mut brought_in);
            if matches!(item.vis, Visibility::Inherited) {
                private.extend(brought_in.keys().cloned());
            }
            imports.append(&mut brought_in);
        }
        let module = Module {
            file: file.to_owned(),
            items,
            imports,
            private,
        };
        self.modules.insert(path.to_vec(), module);
        for child in children {
            let Item::Mod(child) = child else { continue };
            self.add_child(file, folder, path, child)?;
        }
        Ok(())
    }

    fn add_child(
        &mut self,
        file: &Path,
        folder: &Path,
        parent: &[String],
        child: ItemMod,
    ) -> anyhow::Result<()> {
        let name = child.ident.to_string();
        let below = folder.join(&name);
        let path = joined(parent, &name);
        if let Some((_, items)) = child.content {
            return self.add(file, &below, &path, items);
        }
        let flat = folder.join(format!("{name}.rs"));
        let file = if flat.exists() {
            flat
        } else {
            below.join("mod.rs")
        };
        self.read_file(&file, &below, &path)
    }
}

/// The names that a tree of `use` brings in, with their paths. Globs bring in none.
fn collect(tree: &UseTree, before: &mut Vec<String>, imports: &mut BTreeMap<String, Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            collect(&path.tree, before, imports);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, before, imports);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            if let Some(last) = before.last() {
                imports.insert(last.clone(), before.clone());
            }
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            let path = joined(before, &name);
            imports.insert(name, path);
        }
        UseTree::Rename(rename) => {
            let path = joined(before, &rename.ident.to_string());
            imports.insert(rename.rename.to_string(), path);
        }
        UseTree::Glob(_) => {}
    }
}

pub(crate) fn joined(before: &[String], name: &str) -> Vec<String> {
    let mut path = before.to_vec();
    path.push(name.to_owned());
    path
}

pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
