//! `/edit`: gives a text that the bot has published, or will, another wording.

use super::announce::{self, Rewrite, noting_lines, noting_losses};
use super::{Context, Effect, Failure, notice};
use crate::content::Document;
use crate::model::action::{EditTarget, TextEdit};
use crate::model::change::{
    AnnouncementState, Change, ChangeKind, EditedChange, PlacedEntry, RecordedChange, State,
};
use crate::model::outcome::{Done, UndoResult};
use crate::model::progress::EditReason;
use crate::model::refusal::{Cause, Stage};

pub(super) async fn run(edit: TextEdit, context: Context<'_>) -> Result<Effect, Failure> {
    let TextEdit { target, document } = edit;
    match target {
        EditTarget::Entry(change) if change.kind == ChangeKind::Notice => {
            notice::edit(&change, &document, context).await
        }
        EditTarget::Entry(change) => edit_entry(&change, &document, context).await,
        EditTarget::Schedule(schedule) => {
            announce::refuse_too_long(&document, context)?;
            if schedule.action.kind() == ChangeKind::Notice {
                notice::refuse_too_long(&document, context)?;
            }
            // The commit that stores the outcome changes the schedule.
            Ok(Effect::new(noting_losses(Done::ScheduleEdited, &document)))
        }
    }
}

async fn edit_entry(
    recorded: &RecordedChange,
    document: &Document,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let change = recorded.change.as_ref().ok_or(Cause::NotEditable)?;
    let (from, _) = change.entry().ok_or(Cause::NotEditable)?;
    announce::refuse_too_long(document, context)?;
    let to = from
        .entry
        .edited(document, announce::date(context.asked_at, context));
    let rewrite = Rewrite {
        id: recorded.id,
        reason: EditReason::Edit,
        from,
        to: &to,
    };
    let rewritten = announce::rewrite(rewrite, context).await?;
    let effect = Effect {
        change: Some(Change::of_edit(from.clone(), rewritten.entry.clone())),
        edited: Some(edited(recorded, change, rewritten.entry)),
        ..Effect::new(noting_losses(
            noting_lines(Done::Edited, document, rewritten.named),
            document,
        ))
    };
    finish(effect, rewritten.not_deleted)
}

/// Gives the entry the text from before an edit, and what the signature said.
pub(super) async fn undo(
    recorded: &RecordedChange,
    edited_change: &RecordedChange,
    (before, after): (&PlacedEntry, &PlacedEntry),
    context: Context<'_>,
) -> Result<Effect, Failure> {
    // An edit that was given up did not change the record, nor perhaps the announcement.
    let known = edited_change.change.as_ref();
    let known = known.and_then(|change| Some((change, change.entry()?.0)));
    let placed = known.map(|(_, entry)| entry);
    let placed = placed.filter(|entry| entry.entry.reads_like(&after.entry));
    let rewrite = Rewrite {
        id: edited_change.id,
        reason: EditReason::Undo,
        from: placed.unwrap_or(after),
        to: &before.entry,
    };
    let rewritten = match placed {
        Some(_) => announce::rewrite(rewrite, context).await?,
        None => announce::unwrite(rewrite, before, context).await?,
    };
    let effect = Effect {
        change: Some(Change::of_edit(after.clone(), rewritten.entry.clone())),
        edited: known.map(|(change, _)| edited(edited_change, change, rewritten.entry)),
        reverts: Some(recorded.id),
        ..Effect::new(Done::Undone(UndoResult::TextRestored))
    };
    finish(effect, rewritten.not_deleted)
}

fn edited(recorded: &RecordedChange, change: &Change, entry: PlacedEntry) -> EditedChange {
    EditedChange {
        id: recorded.id,
        after: Some(State {
            announcement: Some(AnnouncementState::Entry(entry)),
            ..change.after.clone()
        }),
    }
}

fn finish(effect: Effect, not_deleted: Option<Failure>) -> Result<Effect, Failure> {
    match not_deleted {
        None => Ok(effect),
        Some(cause) => Err(Failure::incomplete(Stage::FormerTextLeft, cause, effect)),
    }
}
