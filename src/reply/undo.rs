//! Replies when something cannot be undone, removed or canceled.

use crate::language::Bilingual;

pub(super) const ENTRY_CHANGED: Bilingual = Bilingual::new(
    "该内容发布后被他人修改过，机器人不会改动他人编辑的内容。如需修改或移除，请直接编辑群公告。",
    "That text was edited after it was posted, and the bot does not change text that people edited. To change or remove it, edit the announcement.",
);

pub(super) const CANNOT_DELETE: Bilingual = Bilingual::new(
    "本群使用旧版群公告，飞书不允许机器人删除其中的内容。请在群公告中手动删除。",
    "This group uses the old announcement format, in which Feishu does not allow the bot to delete text. Delete it from the announcement manually.",
);

pub(super) const CANNOT_EXPIRE: Bilingual = Bilingual::new(
    "本群使用旧版群公告，飞书不允许机器人删除其中的内容，到期无法移除，因此未执行。请去掉 --限时 后重新发送，到期手动删除。",
    "This group uses the old announcement format, in which Feishu does not allow the bot to delete text, so it could not be removed later and was not posted. Post it without --for, and delete it manually later.",
);

pub(super) const DISORDERED: Bilingual = Bilingual::new(
    "内容已写入群公告，但每五十行一段的顺序颠倒，而飞书不允许机器人删除旧版群公告中的内容。请在群公告中手动调整顺序。",
    "Your text was posted, but its parts of fifty lines are in reverse order, and Feishu does not allow the bot to delete text from an announcement in the old format. Reorder the parts manually.",
);

pub(super) const ANNOUNCEMENT_MOVED: Bilingual = Bilingual::new(
    "该内容发布后，本群的群公告已升级为新版，无法定位该内容。如需修改或移除，请直接编辑群公告。",
    "The announcement was upgraded to the new format after that text was posted, so the bot cannot find it. To change or remove it, edit the announcement.",
);

pub(super) const NOTHING_TO_UNDO: Bilingual = Bilingual::new(
    "本群没有可撤销的改动。只能撤销机器人七天内的改动。",
    "There is nothing to undo in this group. Only the bot's changes of the last seven days can be undone.",
);

pub(super) const TOP_UNKNOWN: Bilingual = Bilingual::new(
    "机器人没有取消前的置顶记录，无法恢复。请回复要置顶的消息并发送 /置顶。",
    "The bot does not know what was pinned before, so it cannot restore it. Reply to that message with /pin.",
);

pub(super) const NOT_LAST: Bilingual = Bilingual::new(
    "该改动已撤销，或之后又有新的改动，未执行。卡片已更新。",
    "That change was already undone, or there is a newer one, so nothing was done. The card is now up to date.",
);

pub(super) const NEWER: Bilingual = Bilingual::new(
    "等待授权期间，本群又有新的改动，未执行。如仍需执行，请重新发送该命令。",
    "While the command waited for your consent, something else was changed in this group, so nothing was done. If you still want it, send the command again.",
);

pub(super) const NO_SUCH_SCHEDULE: Bilingual = Bilingual::new(
    "本群没有该计划，或该计划已开始执行。发送 /记录 查看现有计划。",
    "There is no such schedule in this group, or it is already running. Send /history to see what is scheduled.",
);

#[cfg(test)]
pub(super) mod tests {
    use crate::model::refusal::Cause;

    /// Every reason why nothing is undone or canceled that does not depend on the announcement.
    pub(in crate::reply) fn every_refused_undo() -> [Cause; 5] {
        [
            Cause::NoSuchSchedule,
            Cause::NotLatest,
            Cause::NewerChange,
            Cause::NothingToUndo,
            Cause::TopUnknown,
        ]
    }
}
