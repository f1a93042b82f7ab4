//! The table of commands in print.

use super::COMMANDS;
use crate::language::{Bilingual, Language};

/// The answer to `/help`.
pub fn help(language: Language) -> String {
    let usages = COMMANDS.iter().flat_map(|row| row.usages);
    let lines = usages.map(|usage| {
        let meaning = usage.meaning.to(language);
        match language {
            Language::Zh => format!("`{}`（`{}`）：{meaning}\n", usage.form.zh, usage.form.en),
            Language::En => format!("`{}` (`{}`): {meaning}\n", usage.form.en, usage.form.zh),
        }
    });
    let table: String = lines.collect();
    match language {
        Language::Zh => {
            format!("我会这些：\n{table}这里的“置顶”指群聊顶部的置顶栏，不是 Pin 列表。")
        }
        Language::En => format!(
            "Here is what I can do:\n{table}\
             The top of the chat is its top notice, the bar above the conversation; it is not the Pin list."
        ),
    }
}

/// The README's table of commands, in Markdown.
pub fn readme_table(language: Language) -> String {
    let usages = COMMANDS.iter().flat_map(|row| row.usages);
    let rows = usages.map(|usage| {
        let (form, other) = match language {
            Language::Zh => (usage.form.zh, usage.form.en),
            Language::En => (usage.form.en, usage.form.zh),
        };
        let meaning = usage.meaning.to(language);
        format!("| `{form}` | `{other}` | {meaning} |\n")
    });
    let head = Bilingual::new("| 命令 | 也可以写 | 作用 |", "| Command | Also | Meaning |");
    let rows: String = rows.collect();
    format!("{}\n|---|---|---|\n{rows}", head.to(language))
}
