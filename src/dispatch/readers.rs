//! How many people have read the messages that mentioned everybody, for `/history`.

use std::time::Duration;

use feishu::{MessageId, Readers};
use jiff::Timestamp;

use super::Dispatcher;
use crate::model::change::RecordedChange;
use crate::model::outcome::ReadBy;
use crate::platform::{Names, ReadersError, member_count};

/// The platform returns who has read a message for this long.
const READABLE_FOR: Duration = Duration::from_hours(7 * 24);

impl Dispatcher {
    /// The readers for each change; `None` where nobody was notified, or where that is unknown.
    pub(super) async fn read_by(
        &self,
        changes: &[RecordedChange],
        names: Option<&Names>,
    ) -> Vec<Option<ReadBy>> {
        let members = names.and_then(member_count);
        let now = self.clock.now();
        let mut read_by = Vec::with_capacity(changes.len());
        let mut is_reachable = true;
        for change in changes {
            let message = notification(change, now).filter(|_| is_reachable);
            read_by.push(match message {
                Some(message) => match self.platform.readers(message).await {
                    Ok(readers) => Some(counted(readers, members)),
                    Err(error) => {
                        // A reply without the numbers is better than a late one.
                        is_reachable = error == ReadersError::OfMessage;
                        None
                    }
                },
                None => None,
            });
        }
        read_by
    }
}

/// The message that mentioned everybody, if the platform still returns who has read it. That of an
/// undone change was recalled.
fn notification(change: &RecordedChange, now: Timestamp) -> Option<&MessageId> {
    if change.undone || now > change.at + READABLE_FOR {
        return None;
    }
    change.change.as_ref()?.after.notification.as_ref()
}

fn counted(Readers { count, has_more }: Readers, members: Option<usize>) -> ReadBy {
    ReadBy {
        readers: count,
        has_more,
        // Readers may have left the group.
        members: members.filter(|members| *members >= count),
    }
}
