//! The outages of a run: kills, restarts, cut connections and failovers.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::anyhow;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Runtime;

use super::script::{self, Outage};
use crate::chaos::progress::Progress;
use crate::fleet::{Fleet, Loss, Replicas};
use crate::platform::Platform;
use crate::program::Running;
use crate::time::Limits;

/// How often progress is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The longest random delay of an outage, so that it hits the bot in the middle of anything.
const JITTER_MS: u64 = 60;
/// After so many crashes a bot is not started again.
const MOST_CRASHES: usize = 10;

/// The outages of a run.
#[derive(Default)]
pub(super) struct Stats {
    pub(super) kills: Vec<Kill>,
    pub(super) restarts: usize,
    pub(super) cuts: usize,
    pub(super) failovers: usize,
    pub(super) recovery: Duration,
    pub(super) crashes: usize,
    pub(super) completed: bool,
    pub(super) ready: Duration,
}

/// A process that was killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// When, in milliseconds on the platform's clock.
    pub(super) at_ms: u64,
    /// The port of the platform to which it sent its calls.
    pub(super) platform_port: Option<u16>,
}

/// What causes the outages of a run.
pub(super) struct Outages<'a> {
    pub(super) seed: u64,
    /// The number of commands, and of posts and reverts of a broadcast, over which the outages are
    /// spread.
    pub(super) steps: usize,
    /// How many of each kind.
    pub(super) counts: [(Outage, usize); 4],
    pub(super) runtime: &'a Runtime,
    pub(super) platform: &'a Platform,
    pub(super) fleet: &'a Fleet,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a Progress,
}

impl Outages<'_> {
    /// Causes the outages one at a time, and waits until everything is typed and
    /// the bots are idle.
    pub(super) fn cause_all(
        &self,
        mut replicas: Replicas,
        all_typed: impl Fn() -> bool,
    ) -> anyhow::Result<Stats> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let moments = script::outages(self.seed, self.steps, self.counts);
        let mut moments = VecDeque::from(moments);
        let mut stats = Stats::default();
        let idle = self.limits.poll(POLL_INTERVAL, || {
            let finished = self.progress.finished.load(Ordering::Relaxed);
            if moments
                .front()
                .is_some_and(|(moment, _)| *moment <= finished)
            {
                let (_, outage) = moments.pop_front()?;
                let jitter = Duration::from_millis(rng.random_range(0..JITTER_MS));
                std::thread::sleep(jitter);
                let target = match outage {
                    Outage::Kill => rng.random_range(0..replicas.0.len()),
                    // One after the other.
                    Outage::Restart | Outage::Cut | Outage::FailOver => {
                        stats.restarts % replicas.0.len()
                    }
                };
                return self
                    .cause(outage, &mut replicas, target, &mut stats)
                    .err()
                    .map(Err);
            }
            if let Some(target) = replicas.0.iter_mut().position(Running::has_ended) {
                stats.crashes += 1;
                if stats.crashes > MOST_CRASHES {
                    return Some(Err(anyhow!("a bot crashed more than {MOST_CRASHES} times")));
                }
                return self.start_again(&mut replicas, target).err().map(Err);
            }
            (moments.is_empty() && all_typed() && replicas.is_idle()).then_some(Ok(()))
        });
        stats.completed = idle.transpose()?.is_some() && moments.is_empty();
        drop(replicas);
        if stats.completed {
            (_, stats.ready) = self.fleet.start(self.limits)?;
        }
        Ok(stats)
    }

    fn cause(
        &self,
        outage: Outage,
        replicas: &mut Replicas,
        target: usize,
        stats: &mut Stats,
    ) -> anyhow::Result<()> {
        match outage {
            Outage::Kill => stats.kills.push(Kill {
                at_ms: self.platform.sim.clock().now_ms(),
                platform_port: replicas.0[target].platform_port(),
            }),
            Outage::Restart => {
                stats.restarts += 1;
                replicas.0[target].terminate()?;
            }
            Outage::Cut => {
                stats.cuts += 1;
                return self.fleet.cut(self.runtime);
            }
            Outage::FailOver => return self.fail_over(replicas, stats),
        }
        self.start_again(replicas, target)
    }

    /// Promotes the standby and waits until commands work again.
    fn fail_over(&self, replicas: &Replicas, stats: &mut Stats) -> anyhow::Result<()> {
        let loss = [Loss::Crash, Loss::Freeze][stats.failovers % 2];
        stats.failovers += 1;
        let recovery = self.fleet.fail_over(self.runtime, loss, |back| {
            let finished = || self.progress.finished.load(Ordering::Relaxed);
            let before = finished();
            self.limits.poll(POLL_INTERVAL, || {
                let works = finished() > before || replicas.is_idle();
                (replicas.is_ready() && works).then_some(())
            });
            back.elapsed()
        })?;
        stats.recovery = stats.recovery.max(recovery);
        Ok(())
    }

    /// Kills a bot with SIGKILL and starts it again. If there are other replicas, waits until it is
    /// ready, so that only one at a time is down.
    fn start_again(&self, replicas: &mut Replicas, target: usize) -> anyhow::Result<()> {
        replicas.0[target].kill();
        replicas.0[target] = self.fleet.programs[target].start()?;
        if replicas.0.len() > 1 {
            replicas.0[target].ready(self.limits)?;
        }
        Ok(())
    }
}
