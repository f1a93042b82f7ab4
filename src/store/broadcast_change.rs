//! What conclusions change about broadcasts.

use feishu::{ChatId, MessageId, OpenId};
use jiff::Timestamp;

use crate::model::broadcast::DeliveryState;
use crate::model::job::{JobRef, NewJob};
use crate::model::refusal::Refusal;

/// What a conclusion changes about a broadcast.
#[derive(Debug, Clone)]
pub(crate) enum BroadcastChange {
    /// The job starts one, which is named after it.
    Start(Box<NewBroadcast>),
    Repeat(Box<Repeat>),
    /// The job was that of one group.
    End(Box<DeliveryEnd>),
}

#[derive(Debug, Clone)]
pub(crate) struct NewBroadcast {
    pub(crate) message: MessageId,
    pub(crate) list: String,
    pub(crate) author: Option<OpenId>,
    pub(crate) payload: String,
    /// The origin of the first run of its series, if it is one of several.
    pub(crate) series: Option<String>,
    pub(crate) deliveries: Vec<NewDelivery>,
    pub(crate) report: NewJob,
}

/// The next job of one group.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) job: NewJob,
    pub(crate) due: Timestamp,
}

/// Groups of a broadcast get another job, of the kind that each job has.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) broadcast: JobRef,
    pub(crate) deliveries: Vec<NewDelivery>,
    pub(crate) report: NewJob,
}

#[derive(Debug, Clone)]
pub(crate) struct DeliveryEnd {
    pub(crate) broadcast: JobRef,
    pub(crate) chat: ChatId,
    pub(crate) state: DeliveryState,
    pub(crate) refusal: Option<Refusal>,
    /// The name of the group, if it is known.
    pub(crate) name: Option<String>,
}
