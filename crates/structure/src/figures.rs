//! How long functions and files are.

use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::modules::Tree;

/// The figures of some crates, without tests, comments and blank lines.
#[derive(Debug, Default)]
pub struct Figures {
    /// Each file with its lines of code, the longest last.
    pub files: Vec<(PathBuf, usize)>,
    /// Each function with its file and lines, the longest last.
    pub functions: Vec<(PathBuf, String, usize)>,
}

impl Figures {
    /// All lines of code.
    pub fn lines(&self) -> usize {
        self.files.iter().map(|(_, lines)| lines).sum()
    }

    /// The length below which this share of the functions stays, in percent.
    pub fn percentile(&self, percent: usize) -> usize {
        let last = self.functions.len().saturating_sub(1);
        self.functions
            .get(last * percent / 100)
            .map_or(0, |(_, _, lines)| *lines)
    }
}

/// The figures of these crates together.
pub fn figures(trees: &[Tree]) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    for tree in trees {
        for file in tree.files() {
            add_file(file, &mut figures)?;
        }
    }
    figures.files.sort_by_key(|(_, lines)| *lines);
    figures.functions.sort_by_key(|(_, _, lines)| *lines);
    Ok(figures)
}

fn add_file(file: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let source = std::fs::read_to_string(file)?;
    let parsed = syn::parse_file(&source)?;
    let mut code = Code::new(&source);
    code.visit_file(&parsed);
    let lines = code.is_code.iter().filter(|is_code| **is_code).count();
    figures.files.push((file.to_owned(), lines));
    let functions = code.functions.into_iter();
    let named = functions.map(|(name, lines)| (file.to_owned(), name, lines));
    figures.functions.extend(named);
    Ok(())
}

/// Finds the lines of code of a file.
struct Code {
    is_code: Vec<bool>,
    functions: Vec<(String, usize)>,
}

impl Code {
    fn new(source: &str) -> Self {
        let is_code = source.lines().map(|line| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with("//")
        });
        Self {
            is_code: is_code.collect(),
            functions: Vec::new(),
        }
    }

    /// Lines from the first to the last, counted from one.
    fn span(item: &impl Spanned) -> (usize, usize) {
        let span = item.span();
        (span.start().line, span.end().line)
    }

    fn forget(&mut self, (first, last): (usize, usize)) {
        self.is_code[first - 1..last].fill(false);
    }

    fn count(&self, (first, last): (usize, usize)) -> usize {
        let lines = &self.is_code[first - 1..last];
        lines.iter().filter(|is_code| **is_code).count()
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if crate::modules::is_test(&item.attrs) {
            self.forget(Self::span(item));
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let lines = self.count(Self::span(item));
        self.functions.push((item.sig.ident.to_string(), lines));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let lines = self.count(Self::span(item));
        self.functions.push((item.sig.ident.to_string(), lines));
        visit::visit_impl_item_fn(self, item);
    }
}
