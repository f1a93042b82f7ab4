//! The compiled-in defaults.

use std::sync::LazyLock;

/// The text of config/default.toml.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// One table per section.
pub(crate) fn defaults() -> &'static toml::Table {
    static DEFAULTS: LazyLock<toml::Table> =
        LazyLock::new(|| toml::from_str(DEFAULT_TOML).unwrap_or_default());
    &DEFAULTS
}
