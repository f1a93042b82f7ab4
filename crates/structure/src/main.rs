//! Prints the figures of what ships and of the tools, and every cycle.

use std::iter;
use std::path::Path;

use structure::{Arrow, Figures, Graph, Tree, figures};

/// The crates by what they are for.
const PARTS: [(&str, &[&str]); 3] = [
    (
        "what ships",
        &["src/lib.rs", "src/main.rs", "crates/feishu/src/lib.rs"],
    ),
    ("simulator", &["crates/feishu-sim/src/lib.rs"]),
    ("load tool", &["crates/loadtest/src/main.rs"]),
];

#[expect(clippy::print_stdout, reason = "a program for people")]
fn main() -> anyhow::Result<()> {
    println!("lines of code, without tests, comments and blank lines");
    for (name, roots) in PARTS {
        let trees = roots.iter().map(|root| Tree::read(Path::new(root)));
        let trees = trees.collect::<anyhow::Result<Vec<_>>>()?;
        println!("{}", summary(name, &figures(&trees)?));
        for tree in &trees {
            let graph = Graph::of(tree);
            for cycle in graph.cycles() {
                println!("  cycle of {} files:", cycle.len());
                for Arrow { from, to, names } in graph.arrows() {
                    if cycle.contains(&from) && cycle.contains(&to) {
                        println!("    {} -> {}: {names:?}", from.display(), to.display());
                    }
                }
            }
        }
    }
    Ok(())
}

fn summary(name: &str, figures: &Figures) -> String {
    let longest = figures.functions.last();
    let longest = longest.map_or(String::new(), |(file, name, lines)| {
        format!("{lines} ({name} in {})", file.display())
    });
    let (median, ninety) = (figures.percentile(50), figures.percentile(90));
    let head = format!(
        "{name}: {} lines in {} files; {} functions: median {median}, p90 {ninety}, longest {longest}",
        figures.lines(),
        figures.files.len(),
        figures.functions.len(),
    );
    let long_files = figures.files.iter().filter(|(_, lines)| *lines > 400);
    let long_files =
        long_files.map(|(file, lines)| format!("  over 400: {lines} {}", file.display()));
    iter::once(head)
        .chain(long_files)
        .collect::<Vec<_>>()
        .join("\n")
}
