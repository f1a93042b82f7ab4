//! Groups the entries of the log by command: the event, the job and its calls.

use feishu_sim::{ChatId, Endpoint, MessageId, PushRecord, State};

use super::{EventLog, Job, LogEntry, What};

/// Entries that are shown together.
pub(crate) struct Group<'a> {
    /// Absent for an entry that belongs to no job.
    pub(crate) job: Option<&'a Job>,
    /// In order.
    pub(crate) entries: Vec<&'a LogEntry>,
}

/// The groups in the order of their first entries.
pub(crate) fn groups<'a>(log: &'a EventLog, state: &State) -> Vec<Group<'a>> {
    let jobs: Vec<&Job> = log.iter().filter_map(job_of).collect();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for entry in log.iter() {
        let job = match &entry.what {
            What::Job(job) => Some(job),
            What::Push(at) => {
                let event_id = &state.pushes()[*at].event_id;
                jobs.iter().copied().find(|job| job.received(event_id))
            }
            What::Call(at) => running_at(&jobs, *at, state),
            What::Line(_) | What::UserAction(_) => None,
        };
        let is_same = |group: &&mut Group<'_>| match (group.job, job) {
            (Some(one), Some(other)) => one.reference == other.reference,
            _ => false,
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group {
                job,
                entries: vec![entry],
            }),
        }
    }
    groups
}

fn job_of(entry: &LogEntry) -> Option<&Job> {
    match &entry.what {
        What::Job(job) => Some(job),
        _ => None,
    }
}

/// The job that made a call. The jobs of a chat run one after the other, so it is the last one that
/// began there.
fn running_at<'a>(jobs: &[&'a Job], at: usize, state: &State) -> Option<&'a Job> {
    let (chat, call) = (chat_of(at, state)?, &state.calls()[at]);
    let begun = jobs.iter().filter_map(|job| {
        let begun = job.begun_in(chat.as_str());
        let last = begun.filter(|at_ms| *at_ms <= call.at_ms).max()?;
        Some((last, *job))
    });
    begun.max_by_key(|(at_ms, _)| *at_ms).map(|(_, job)| job)
}

impl Group<'_> {
    /// The chat of the first event or call that names one.
    pub(crate) fn chat(&self, state: &State) -> Option<ChatId> {
        self.entries.iter().find_map(|entry| match entry.what {
            What::Push(at) => {
                let message = state.message(&message_of(&state.pushes()[at])?)?;
                Some(message.chat.clone())
            }
            What::Call(at) => chat_of(at, state),
            _ => None,
        })
    }
}

/// The message that an event is about.
fn message_of(push: &PushRecord) -> Option<MessageId> {
    let named = || push.envelope["event"]["message_id"].as_str();
    push.message
        .clone()
        .or_else(|| named().map(MessageId::from))
}

/// The chat in which a call was made, by its path or its body. An upload names only a block; it
/// follows the download of the file.
fn chat_of(at: usize, state: &State) -> Option<ChatId> {
    let calls = state.calls();
    let mut call = &calls[at];
    if call.endpoint == Some(Endpoint::UploadMedia) {
        let mut before = calls[..at].iter().rev();
        call = before.find(|call| call.endpoint == Some(Endpoint::GetMessageResource))?;
    }
    let named = ["chat_id", "receive_id"];
    let named = named.iter().filter_map(|name| call.body[*name].as_str());
    let mut ids = call.path.split('/').chain(named);
    ids.find_map(|id| {
        let chat = ChatId::from(id);
        if state.chat(&chat).is_some() {
            return Some(chat);
        }
        state
            .message(&MessageId::from(id))
            .map(|message| message.chat.clone())
    })
}

impl Job {
    /// Whether the event led to this job.
    fn received(&self, event_id: &str) -> bool {
        let mut fields = self.lines.iter().flat_map(|line| &line.fields);
        fields.any(|(name, value)| name == "event.id" && value == event_id)
    }

    /// When the job began to run in the chat, once for each attempt.
    fn begun_in(&self, chat: &str) -> impl Iterator<Item = u64> {
        let lines = self.lines.iter().filter(move |line| {
            let mut fields = line.fields.iter();
            fields.any(|(name, value)| name == "chat.id" && value == chat)
        });
        lines.map(|line| line.at_ms)
    }
}
