//! Where settings come from.

use std::path::Path;

/// The files with settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// `NOTICEBOT_CONFIG` can also name it.
    pub config: Option<&'a Path>,
    /// `NOTICEBOT_ENV_FILE` can also name it. Then it may be missing.
    pub env_file: Option<&'a Path>,
    /// The file with variables if none is named; with it, any of them may be missing.
    pub default_env_file: Option<&'a Path>,
}
