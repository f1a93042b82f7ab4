//! A person at the terminal, and the execution of typed lines.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, Call, Edit, Endpoint, Fault, InChat, MessageId, Person, Seen};

use super::environment::Environment;
use super::line::{self, HELP, Line, OutgoingMessage};
use super::pen::{Ink, Pen};
use super::picture::{Entry, Picture, entries};
use crate::fixture::{Group, Member, Role, is_of_panel};

/// After every block of an announcement.
const END: usize = usize::MAX;
/// Of `:fault … limited`.
const RATE_LIMIT: Duration = Duration::from_secs(10);

const WELCOME: &str = "\
noticebot and a simulated Feishu, talking to each other in this process.

You are Mei, a member of the group Ops. Type what you want to say there, or:

  > 1 /pin                 reply /pin to message 1: it goes to the top
  /announce Lunch at one   put a text into the group announcement
  /help                    ask the bot what else it can do
  :as olga                 become the owner
  :help  :quit             see what else you can do; leave

";

pub(crate) struct Session {
    environment: Environment,
    pen: Pen,
    /// The index of the person who is typing.
    person: usize,
    /// The index of the shown group.
    group: usize,
    /// The last output for the group.
    shown: Picture,
}

impl Session {
    /// Starts as the member, in the first group.
    pub(crate) fn open(environment: Environment, pen: Pen) -> Self {
        let mut session = Self {
            environment,
            pen,
            person: 1,
            group: 0,
            shown: Picture::default(),
        };
        session.shown = session.picture();
        session
    }

    pub(crate) fn welcome(&self) -> Vec<String> {
        let mut lines: Vec<String> = WELCOME.lines().map(str::to_owned).collect();
        lines.push(self.title());
        lines.extend(self.shown.whole(self.pen));
        lines
    }

    pub(crate) fn prompt(&self) -> String {
        let place = format!("{} in {} ›", self.person().name, self.group().name);
        format!("{} ", self.pen.write(Ink::Aside, &place))
    }

    /// Executes a line and waits for the bot; returns the output, or `None` after `:quit`.
    pub(crate) async fn run(&mut self, typed: &str) -> anyhow::Result<Option<Vec<String>>> {
        let line = match line::parse(typed) {
            Ok(Line::Quit) => return Ok(None),
            Ok(line) => line,
            Err(error) => return Ok(Some(vec![self.error(&error)])),
        };
        let reaches_bot = matches!(line, Line::Say(_) | Line::Press { .. });
        let result = self.execute(line).await;
        let mut lines = result.unwrap_or_else(|error| vec![self.error(&error)]);
        if reaches_bot {
            self.environment.settle().await?;
            lines.extend(self.failed_calls());
        }
        let now = self.picture();
        lines.extend(now.changes(&self.shown, self.pen));
        self.shown = now;
        Ok(Some(lines))
    }

    /// Shuts down; fails if the bot sent a request that the platform would not have understood.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let violations = self.environment.sim.violations();
        self.environment.shutdown().await?;
        anyhow::ensure!(
            violations.is_empty(),
            "the bot sent invalid requests: {}",
            violations.join("; ")
        );
        Ok(())
    }

    /// Returns the output in addition to the changes of the chat; the error is a sentence for the
    /// user.
    async fn execute(&mut self, line: Line) -> Result<Vec<String>, String> {
        match line {
            Line::Nothing | Line::Quit => Ok(Vec::new()),
            Line::Say(message) => self.say(&message).await,
            Line::As(name) => self.switch_person(&name),
            Line::In(name) => self.go_to(&name),
            Line::Edit(text) => {
                self.member().edit_announcement(text.lines());
                Ok(Vec::new())
            }
            Line::Type(line) => {
                self.member().edit(Edit::Type { at: END, line });
                Ok(Vec::new())
            }
            Line::Picture => {
                self.member().edit(Edit::Picture { at: END });
                Ok(Vec::new())
            }
            Line::Press {
                message,
                label,
                typed,
            } => self.press(message, &label, &typed).await,
            Line::Fault { call, fault } => self.inject_fault(&call, &fault),
            Line::Who => Ok(self.who()),
            Line::Show => Ok(self.shown.boards(self.pen)),
            Line::Help => Ok(HELP.lines().map(str::to_owned).collect()),
        }
    }

    async fn say(&self, message: &OutgoingMessage) -> Result<Vec<String>, String> {
        let group = self.group();
        let fixture = &self.environment.fixture;
        let mut speaker = self
            .environment
            .sim
            .as_person(self.person())
            .in_chat(&group.chat);
        if let Some(number) = message.reply_to {
            speaker = speaker.reply_to(&self.message(number)?);
        }
        let sent = if message.rich {
            speaker.post("", message.text.lines().map(|line| fixture.words(line)))
        } else {
            speaker.say(fixture.words(&message.text))
        };
        if let Some(push) = &sent.push {
            push.attempts(1).await;
        }
        Ok(Vec::new())
    }

    /// Presses a button and returns the toast.
    async fn press(&self, number: usize, label: &str, typed: &str) -> Result<Vec<String>, String> {
        let (card, buttons) = self.card(number)?;
        if !buttons.iter().any(|button| button == label) {
            return Err(format!("Message {number} has these buttons: {buttons:?}."));
        }
        let sim = &self.environment.sim;
        let inputs = sim.read(|state| state.inputs(&card, label));
        let typed = inputs.first().map(|input| (input.as_str(), typed));
        let typed: Vec<_> = typed.into_iter().collect();
        let seen = self.member().submit(&card, label, &typed).seen().await;
        Ok(match seen {
            Seen::Toast { en_us, .. } => vec![self.aside(&format!("You see: {en_us}"))],
            Seen::Nothing => Vec::new(),
            Seen::Failed(code) => vec![self.aside(&format!("Feishu shows error {code}."))],
        })
    }

    fn message(&self, number: usize) -> Result<MessageId, String> {
        let group = self.group();
        self.environment.sim.read(|state| {
            let entries = entries(state, &group.chat);
            match number.checked_sub(1).and_then(|at| entries.get(at)) {
                Some(Entry::Message(message)) => Ok(message.id.clone()),
                Some(Entry::Private(person, _)) => {
                    Err(format!("Only {person} sees message {number}."))
                }
                None => Err(format!("There is no message {number} in {}.", group.name)),
            }
        })
    }

    /// A card that the current person sees, and its buttons.
    fn card(&self, number: usize) -> Result<(MessageId, Vec<String>), String> {
        let chat = &self.group().chat;
        let person = self.person();
        let private = self.environment.sim.read(|state| {
            let entries = entries(state, chat);
            match number.checked_sub(1).and_then(|at| entries.get(at)) {
                Some(Entry::Private(_, card)) if card.open_id == person.open_id => {
                    let buttons = if card.deleted {
                        Vec::new()
                    } else {
                        card.buttons()
                    };
                    Some((card.id.clone(), buttons))
                }
                _ => None,
            }
        });
        if let Some(card) = private {
            return Ok(card);
        }
        let message = self.message(number)?;
        let buttons = self.environment.sim.buttons(&message);
        Ok((message, buttons))
    }

    fn switch_person(&mut self, name: &str) -> Result<Vec<String>, String> {
        let mut people = self.environment.fixture.people.iter();
        self.person = people
            .position(|member| member.person.name.eq_ignore_ascii_case(name))
            .ok_or("There are only `:as olga`, the owner, and `:as mei`, a member.")?;
        Ok(vec![
            self.aside(&format!("You are {}.", self.person().name)),
        ])
    }

    fn go_to(&mut self, name: &str) -> Result<Vec<String>, String> {
        let mut groups = self.environment.fixture.groups.iter();
        self.group = groups
            .position(|group| group.name.eq_ignore_ascii_case(name))
            .ok_or("The groups are `:in ops`, `:in club` and `:in board`.")?;
        // The whole group is shown.
        self.shown = Picture::default();
        Ok(vec![self.title()])
    }

    /// The current person in the current group.
    fn member(&self) -> InChat {
        let person = self.environment.sim.as_person(self.person());
        person.in_chat(&self.group().chat)
    }

    fn inject_fault(&self, call: &str, fault: &str) -> Result<Vec<String>, String> {
        let (endpoint, refusal) = match (call, self.group().kind) {
            ("pin", _) => (Endpoint::PutTopNotice, 232_014),
            ("announce", AnnouncementKind::Doc) => (Endpoint::PatchDocAnnouncement, 232_002),
            ("announce", AnnouncementKind::Docx) => (Endpoint::CreateChildren, 1_772_005),
            _ => return Err("Write `:fault pin FAULT` or `:fault announce FAULT`.".to_owned()),
        };
        let sim = &self.environment.sim;
        let description = match fault {
            "refused" => {
                sim.fault(endpoint, Fault::code(refusal));
                format!("Feishu will refuse the next /{call}: the bot lacks the right.")
            }
            "limited" => {
                sim.rate_limit(endpoint, RATE_LIMIT);
                let seconds = RATE_LIMIT.as_secs();
                format!("For {seconds} s, Feishu will answer /{call} with “too many requests”.")
            }
            "error" => {
                sim.fault(endpoint, Fault::ServerError);
                format!("Feishu's server will fail at the next /{call}.")
            }
            "lost" => {
                sim.fault(endpoint, Fault::LoseAnswer);
                format!("The next /{call} will be done, but Feishu's answer will get lost.")
            }
            _ => return Err("The faults are `refused`, `limited`, `error` and `lost`.".to_owned()),
        };
        Ok(vec![self.aside(&description)])
    }

    fn who(&self) -> Vec<String> {
        let people = self.environment.fixture.people.iter().enumerate();
        let people = people.map(|(at, Member { person, role, .. })| {
            let role = match role {
                Role::Owner => "the owner of all groups",
                Role::Admin => "an admin of all groups",
                Role::Member => "a member",
                Role::Guest => "a member from elsewhere",
            };
            let you = if at == self.person { "  ← you" } else { "" };
            format!("      {:<7}{role}{you}", person.name)
        });
        let groups = self
            .environment
            .fixture
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| {
                let here = if at == self.group { "  ← here" } else { "" };
                format!("      {:<7}{}{here}", group.name, group.about)
            });
        people.chain(groups).collect()
    }

    /// The failed calls of the bot since the last call of this function.
    fn failed_calls(&self) -> Vec<String> {
        let calls = self.environment.sim.calls();
        self.environment.sim.clear_calls();
        let failure = |call: &Call| {
            let failure = match (call.status, call.code) {
                (Some(_), Some(0)) => return None,
                (Some(_), Some(code)) => format!("refused with code {code}"),
                (Some(status), None) => format!("HTTP status {status}"),
                (None, _) => "the answer got lost".to_owned(),
            };
            let name = call.path.rsplit('/').next().unwrap_or_default();
            Some(self.aside(&format!("· {} …/{name}: {failure}", call.method)))
        };
        let shown = calls.iter().filter(|call| !is_of_panel(call));
        shown.filter_map(failure).collect()
    }

    fn title(&self) -> String {
        let Group { name, about, .. } = self.group();
        format!("{}: {about}", self.pen.write(Ink::Person, name))
    }

    fn picture(&self) -> Picture {
        let chat = &self.group().chat;
        self.environment
            .sim
            .read(|state| Picture::of(state, chat, self.pen))
    }

    fn error(&self, text: &str) -> String {
        self.pen.write(Ink::Error, &format!("      {text}"))
    }

    fn aside(&self, text: &str) -> String {
        self.pen.write(Ink::Aside, &format!("      {text}"))
    }

    fn person(&self) -> &Person {
        &self.environment.fixture.people[self.person].person
    }

    fn group(&self) -> &Group {
        &self.environment.fixture.groups[self.group]
    }
}
