//! Replies about replaced announcements.

use feishu::Unwritable;

use super::punctuation::{COMMA, GAP};
use crate::content::thing_in_words;
use crate::language::{Bilingual, Language};

pub(super) const REPLACED: Bilingual =
    Bilingual::new("已替换群公告。", "Replaced the announcement.");

pub(super) const RESTORED: Bilingual = Bilingual::new(
    "已撤销，替换前的群公告内容已恢复。",
    "Reverted: the announcement's previous content was restored.",
);

/// `{}` is the list of items that could not be restored.
const RESTORED_EXCEPT: Bilingual = Bilingual::new(
    "已撤销，替换前的群公告内容已恢复。以下内容无法恢复，只保留了名称：{}。",
    "Reverted: the announcement's previous content was restored. These items could not be restored and are shown by name only: {}.",
);

const EXPIRED_EXCEPT: Bilingual = Bilingual::new(
    "限时内容已到期移除，替换前的群公告内容已恢复。以下内容无法恢复，只保留了名称：{}。",
    "The text was removed at the end of its duration, and the announcement's previous content was restored. These items could not be restored and are shown by name only: {}.",
);

pub(super) const NOTHING_CAN_BE_DELETED: Bilingual = Bilingual::new(
    "内容已发布到群公告最前面，原有内容仍在下方：本群使用旧版群公告，飞书不允许机器人删除其中的内容，因此也无法撤销。请在群公告中手动删除不需要的内容。",
    "Your text was posted at the top of the announcement, and the previous content is still below it: this group uses the old announcement format, in which Feishu does not allow the bot to delete text, so /undo cannot remove yours either. Delete what you do not need manually.",
);

pub(super) const TOO_LONG_TO_READ: Bilingual = Bilingual::new(
    "群公告内容过多，机器人无法完整读取，未能完成。请手动删减群公告后重试。",
    "The announcement is too long for the bot to read in full, so the command could not be completed. Shorten the announcement manually and try again.",
);

pub(super) const UNCLEAR: Bilingual = Bilingual::new(
    "飞书未返回替换结果，之后又有人修改了群公告，无法确认是否已替换。请查看群公告：未替换时请重新发送；内容缺失时发送 /撤销 恢复。",
    "Feishu did not confirm the replacement, and the announcement has been edited since, so the result is unknown. Check the announcement: if it was not replaced, send the command again; if something is missing, /undo restores it.",
);

/// `{}` is the limit.
pub(super) const TOO_LONG_TO_BACK_UP: Bilingual = Bilingual::new(
    "群公告超过 {} 行，或格式过多，无法备份，因此未替换。请先手动删减，或用 /公告 内容 添加到最前面。",
    "The announcement has more than {} lines, or too much formatting, so it could not be backed up and was not replaced. Shorten it manually, or add your text at the top with /announce text.",
);

/// `{}` is the list of items that could not be restored later.
const CANNOT_WRITE_BACK: Bilingual = Bilingual::new(
    "群公告包含无法恢复的内容（{}），因此未替换。如仍要替换，请发送 /公告 --替换! 内容（撤销时这些内容只恢复名称）；也可以用 /公告 内容 添加到最前面。",
    "The announcement holds items that could not be restored later ({}), so it was not replaced. To replace it anyway, send /announce --replace! text; /undo would then restore only their names. Or add your text at the top with /announce text.",
);

pub(super) fn restored_except(lost: &[Unwritable], language: Language) -> String {
    RESTORED_EXCEPT.fill(language, names(lost, language))
}

/// The same at the end of a duration.
pub(super) fn expired_except(lost: &[Unwritable], language: Language) -> String {
    EXPIRED_EXCEPT.fill(language, names(lost, language))
}

pub(super) fn cannot_restore(things: &[Unwritable], language: Language) -> String {
    CANNOT_WRITE_BACK.fill(language, names(things, language))
}

fn names(things: &[Unwritable], language: Language) -> String {
    let names = things
        .iter()
        .map(|thing| thing_in_words(*thing).to(language));
    names.collect::<Vec<_>>().join(COMMA.to(language))
}

/// Replaced, but `others` blocks that people wrote at the same time were kept.
pub(super) fn replaced_with_edits(others: usize, language: Language) -> String {
    let replaced = REPLACED.to(language);
    format!("{replaced}{}{}", GAP.to(language), kept(others, language))
}

/// That `others` blocks were kept.
pub(super) fn kept(others: usize, language: Language) -> String {
    match language {
        Language::Zh => {
            format!("替换期间有人编辑了群公告，已保留其编辑的 {others} 段内容。")
        }
        Language::En => {
            let lines = match others {
                1 => "one line of theirs was".to_owned(),
                _ => format!("{others} lines of theirs were"),
            };
            format!("Somebody was editing it at the same time; {lines} kept.")
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::refusal::Cause;

    pub(in crate::reply) const UNWRITABLE: [Unwritable; 13] = [
        Unwritable::Image,
        Unwritable::File,
        Unwritable::Table,
        Unwritable::Sheet,
        Unwritable::Base,
        Unwritable::Callout,
        Unwritable::Board,
        Unwritable::EmbeddedPage,
        Unwritable::GroupCard,
        Unwritable::Poll,
        Unwritable::Task,
        Unwritable::Comment,
        Unwritable::Other,
    ];

    /// Every reason why an announcement is not replaced.
    pub(in crate::reply) fn every_replacement() -> [Cause; 4] {
        [
            Cause::CannotRestore {
                things: UNWRITABLE.to_vec(),
            },
            Cause::SnapshotTooLong { limit: 450 },
            Cause::AnnouncementTooLong,
            Cause::Unclear,
        ]
    }
}
