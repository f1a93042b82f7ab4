//! The tests pass the time to `RecentEvents`.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// Whether an event is logged at each of these milliseconds.
fn admitted(events: &mut RecentEvents, start: Instant, text: &str, times: &[u64]) -> Vec<bool> {
    let of = |milliseconds: &u64| {
        let now = start + Duration::from_millis(*milliseconds);
        let (key, first) = event(text, now);
        events.admit(key, first, Some("5f2c9a1e"))
    };
    times.iter().map(of).collect()
}

fn event(text: &str, now: Instant) -> (EventKey, Repeated) {
    let key = EventKey {
        callsite: "test",
        text: without_identifiers(text),
    };
    let first = Repeated {
        level: Level::ERROR,
        target: "test".to_owned(),
        text: text.to_owned(),
        since: now,
        suppressed: 0,
        references: Vec::new(),
    };
    (key, first)
}

#[test]
fn first_event_of_each_second_is_logged() {
    let (mut events, start) = (RecentEvents::default(), Instant::now());
    let times = [0, 1, 500, 999];
    let logged = admitted(&mut events, start, "refused", &times);
    assert_eq!(logged, [true, false, false, false]);
    // Another event is logged.
    assert_eq!(admitted(&mut events, start, "timed out", &[999]), [true]);

    let second = start + WINDOW;
    let [summary] = &events.summaries(second)[..] else {
        panic!("one event was repeated");
    };
    assert_eq!((summary.suppressed, summary.text.as_str()), (3, "refused"));
    assert_eq!(summary.references, ["5f2c9a1e"]);
    // Further repetitions are only summarized.
    assert_eq!(admitted(&mut events, start, "refused", &[1500]), [false]);
    assert_eq!(events.summaries(second + WINDOW)[0].suppressed, 1);
    // After a second without repetition, the next event is logged.
    assert_eq!(events.summaries(second + 2 * WINDOW), []);
    assert!(events.0.is_empty());
    assert_eq!(admitted(&mut events, start, "refused", &[9000]), [true]);
}

#[test]
fn slow_repetitions_are_not_throttled() {
    let (mut events, start) = (RecentEvents::default(), Instant::now());
    let logged = admitted(&mut events, start, "refused", &[0, 1000, 2500, 9000]);
    assert_eq!(logged, [true; 4]);
}

#[test]
fn identifiers_do_not_distinguish_events() {
    for (one, other, same) in [
        ("chat oc_a0553eda9014", "chat oc_b1553eda9014", true),
        ("log_id 20231009A1B2C3", "log_id 20231009D4E5F6", true),
        ("code 99991400", "code 99991663", false),
        ("port 5432", "port 5433", false),
        ("运维 refused", "运维 timed out", false),
    ] {
        let are = without_identifiers(one) == without_identifiers(other);
        assert_eq!(are, same, "{one}");
    }
}

#[test]
fn events_over_the_limit_are_not_throttled() {
    let (mut events, start) = (RecentEvents::default(), Instant::now());
    for number in 0..2 * MAX_EVENTS {
        let text = format!("port {number}");
        assert_eq!(admitted(&mut events, start, &text, &[0]), [true]);
    }
    assert_eq!(events.0.len(), MAX_EVENTS);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn repeated_errors_become_one_line_and_a_summary() {
    let (throttle, lines) = (Throttle::default(), Lines::default());
    let writer = tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_ansi(false);
    let subscriber = tracing_subscriber::registry()
        .with(throttle.clone())
        .with(writer);
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..251 {
            let span = tracing::info_span!("job", job.reference = format!("{number:08x}"));
            let _entered = span.enter();
            tracing::error!(error = "refused", "the database cannot be reached");
            tracing::info!(number, "a command");
        }
        throttle.flush();
    });
    let text = String::from_utf8(lines.0.lock().clone()).unwrap();
    let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    let [first, summary] = errors[..] else {
        panic!("two lines:\n{}", errors.join("\n"));
    };
    assert!(
        first.contains("the database cannot be reached error=\"refused\""),
        "{first}"
    );
    assert!(
        summary.contains("repeated: the database cannot be reached"),
        "{summary}"
    );
    assert!(summary.contains("count=250"), "{summary}");
    assert!(summary.contains("00000001 00000002"), "{summary}");
    assert_eq!(text.matches("a command").count(), 251);
}
