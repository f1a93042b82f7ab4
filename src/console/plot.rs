//! Plots of the last hour as SVG, with the same figures as a table.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::overview::PERIOD;
use super::page::table;
use super::state::Console;
use super::visitor::Visitor;
use super::words::milliseconds;
use crate::store::Minute;

const WIDTH: i64 = 600;
const HEIGHT: i64 = 120;
/// Of one minute.
const STEP: i64 = WIDTH / PERIOD;

pub(super) fn plots(
    console: &Console,
    visitor: &Visitor,
    minutes: &[Minute],
    since: Timestamp,
) -> Markup {
    if minutes.is_empty() {
        let words = visitor.say("最近一小时没有执行任务。", "No job ended in the last hour.");
        return html! { p.empty { (words) } };
    }
    let jobs: i64 = minutes.iter().map(|minute| minute.jobs).sum();
    let dead: i64 = minutes.iter().map(|minute| minute.dead).sum();
    let slowest = minutes
        .iter()
        .map(|minute| minute.p99)
        .max()
        .unwrap_or_default();
    html! {
        div.plots {
            figure {
                figcaption {
                    (visitor.say("每分钟完成的任务", "Jobs per minute"))
                    span.hint {
                        (jobs) (visitor.say(" 个，失败 ", " in total, failed: ")) (dead)
                    }
                }
                (bars(minutes))
            }
            figure {
                figcaption {
                    (visitor.say("从接收到完成的时间", "Time from acceptance to the end"))
                    span.hint {
                        (visitor.say("中位数与 p99，最长 ", "median and p99, at most "))
                        (milliseconds(slowest))
                    }
                }
                (lines(minutes))
            }
        }
        details {
            summary { (visitor.say("以表格显示", "Show as a table")) }
            (as_table(console, visitor, minutes, since))
        }
    }
}

/// The height of a value, from the top.
fn top(value: i64, highest: i64) -> i64 {
    HEIGHT - value.saturating_mul(HEIGHT) / highest.max(1)
}

fn highest(minutes: &[Minute], value: fn(&Minute) -> i64) -> i64 {
    minutes.iter().map(value).max().unwrap_or_default()
}

fn bars(minutes: &[Minute]) -> Markup {
    let highest = highest(minutes, |minute| minute.jobs);
    html! {
        (axis(&highest.to_string()))
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
            @for minute in minutes {
                @let from = top(minute.jobs, highest);
                @let dead = top(minute.dead, highest);
                rect.jobs x=(minute.at * STEP) width=(STEP - 2) y=(from) height=(HEIGHT - from) {}
                rect.dead x=(minute.at * STEP) width=(STEP - 2) y=(dead) height=(HEIGHT - dead) {}
            }
        }
    }
}

fn lines(minutes: &[Minute]) -> Markup {
    let highest = highest(minutes, |minute| minute.p99);
    let points = |value: fn(&Minute) -> i64| {
        let point = |minute: &Minute| {
            let x = minute.at * STEP + STEP / 2;
            format!("{x},{}", top(value(minute), highest))
        };
        minutes.iter().map(point).collect::<Vec<_>>().join(" ")
    };
    html! {
        (axis(&milliseconds(highest)))
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
            polyline.p99 points=(points(|minute| minute.p99)) {}
            polyline.median points=(points(|minute| minute.median)) {}
            @for minute in minutes {
                circle.median r="2" cx=(minute.at * STEP + STEP / 2) cy=(top(minute.median, highest)) {}
                circle.p99 r="2" cx=(minute.at * STEP + STEP / 2) cy=(top(minute.p99, highest)) {}
            }
        }
    }
}

fn axis(highest: &str) -> Markup {
    html! { span.axis { (highest) } }
}

fn as_table(console: &Console, visitor: &Visitor, minutes: &[Minute], since: Timestamp) -> Markup {
    let head = [
        visitor.say("时间", "Time"),
        visitor.say("任务", "Jobs"),
        visitor.say("失败", "Failed"),
        visitor.say("中位数", "Median"),
        "p99",
    ];
    let row = |minute: &Minute| {
        let at = since + SignedDuration::from_mins(minute.at);
        let at = console.local(at).strftime("%H:%M").to_string();
        vec![
            html! { (at) },
            html! { (minute.jobs) },
            html! { (minute.dead) },
            html! { (milliseconds(minute.median)) },
            html! { (milliseconds(minute.p99)) },
        ]
    };
    let rows: Vec<_> = minutes.iter().map(row).collect();
    table(visitor.say("最近一小时", "The last hour"), &head, &rows)
}
