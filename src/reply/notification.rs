//! The message that mentions everybody after an announcement or a notice.

use crate::content::Document;
use crate::language::{Bilingual, Language};

/// How much of the announcement it shows.
const MAX_LINES: usize = 3;
const MAX_CHARACTERS: usize = 200;

/// The text after the mention, with the first lines of the announcement.
pub(crate) fn notification(document: &Document, is_notice: bool, language: Language) -> String {
    let text = document.to_plain_text();
    let lines = text.lines().map(str::trim_end);
    let mut lines = lines.filter(|line| !line.trim_start().is_empty());
    let first: Vec<_> = lines.by_ref().take(MAX_LINES).collect();
    let first = first.join("\n");
    let shown: String = first.chars().take(MAX_CHARACTERS).collect();
    let is_cut = shown.len() < first.len() || lines.next().is_some();
    let title = if is_notice {
        Bilingual::new("有新的通知：", "There is a new notice:")
    } else {
        Bilingual::new("群公告有更新：", "The group announcement was updated:")
    };
    let title = title.to(language);
    if !is_cut {
        return format!("{title}\n{shown}");
    }
    let more = if is_notice {
        Bilingual::new("全文请查看置顶的通知。", "The pinned notice has all of it.")
    } else {
        Bilingual::new(
            "全文请查看群公告。",
            "Open the group announcement to read all of it.",
        )
    };
    format!("{title}\n{}…\n{}", shown.trim_end(), more.to(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_show_the_first_lines() {
        let check = |text: &str, shown: &str| {
            let document = Document::from_markdown(text, &[]);
            let title = "The group announcement was updated:\n";
            assert_eq!(
                notification(&document, false, Language::En),
                format!("{title}{shown}")
            );
        };
        let more = "…\nOpen the group announcement to read all of it.";
        check("**lunch**\n\nat noon", "lunch\nat noon");
        check("a\nb\nc", "a\nb\nc");
        check("a\nb\nc\nd", &format!("a\nb\nc{more}"));
        check(&"好".repeat(200), &"好".repeat(200));
        check(&"好".repeat(201), &format!("{}{more}", "好".repeat(200)));
        let document = Document::from_markdown("今晚停电", &[]);
        let text = notification(&document, false, Language::Zh);
        assert_eq!(text, "群公告有更新：\n今晚停电");
        let text = notification(&document, true, Language::Zh);
        assert_eq!(text, "有新的通知：\n今晚停电");
    }
}
