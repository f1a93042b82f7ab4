//! What the pages of the console share with other web pages, such as the playground of the demo.

pub mod guard;

/// Colors, text and controls, in light and dark.
pub const STYLE: &str = include_str!("web/base.css");
pub const ICON: &str = include_str!("web/icon.svg");
