//! A list of groups for `/announce --to`: in the bot's configuration, and as the platform shows them.

use std::path::{Path, PathBuf};

use feishu_sim::{ChatId, MessageId, State};

use crate::platform::Platform;

/// The name of the list with [`Platform::list`].
pub(crate) const NAME: &str = "everyone";

/// Writes a configuration file with the list into `folder`, after the content of `base`.
pub(crate) fn config_file(
    platform: &Platform,
    base: Option<&Path>,
    folder: &Path,
) -> std::io::Result<PathBuf> {
    let base = base.map_or(Ok(String::new()), std::fs::read_to_string)?;
    let ids: Vec<String> = platform.list.iter().map(|id| format!("'{id}'")).collect();
    let list = format!("[groups.{NAME}]\nchats = [{}]\n", ids.join(", "));
    let file = folder.join("noticebot.toml");
    std::fs::write(&file, format!("{base}\n{list}"))?;
    Ok(file)
}

/// How often a line is in the announcement of a group.
pub(crate) fn occurrences(state: &State, group: &ChatId, line: &str) -> usize {
    let lines = state.announcement_text(group).into_iter();
    lines.filter(|found| found == line).count()
}

/// The report on a broadcast, once it says nothing of groups that wait and has one of these words.
pub(crate) fn final_report(state: &State, command: &MessageId, words: &[&str]) -> Option<String> {
    let report = state.answers_to(command).into_iter().next()?;
    let is_final = !report.contains(" waiting") && words.iter().any(|word| report.contains(word));
    is_final.then_some(report)
}
