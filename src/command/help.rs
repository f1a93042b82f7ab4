//! The table of commands for the README.

use super::CommandName;
use crate::language::{Bilingual, Language};

/// The README's table of commands, in Markdown.
pub fn readme_table(language: Language) -> String {
    let usages = CommandName::all().flat_map(|name| name.spec().usages);
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
