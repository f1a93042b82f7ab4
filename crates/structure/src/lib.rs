//! Reads the sources of the workspace with `syn`: which file uses which (for the test of the
//! layers), and how long functions and files are (`cargo run -p structure`).

mod figures;
mod graph;
mod modules;

pub use figures::{Figures, figures};
pub use graph::{Arrow, Graph};
pub use modules::{Module, Tree};
