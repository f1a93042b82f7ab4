//! What a set-up is to do.

use std::path::PathBuf;

use super::output::OutputFormat;

#[derive(Debug, Clone)]
pub struct SetupOptions {
    /// The app to change; `None` creates a new one.
    pub app_id: Option<String>,
    /// Opens the page at Lark's host.
    pub lark: bool,
    /// Replaces what the file sets without asking.
    pub force: bool,
    /// The file for the settings.
    pub env_file: PathBuf,
    pub format: OutputFormat,
}
