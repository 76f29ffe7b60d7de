//! Lanes: each takes the units of its share of the tenants and commits them in groups.
//!
//! The row that every unit of a tenant needs is the counter of its audit trail. Two transactions
//! at once of one tenant would only wait for each other there, one commit after the other, so a
//! tenant belongs to one lane: its units share one transaction and one commit instead. Tenants of
//! different lanes share no row and commit side by side.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::fair::FairQueue;
use landfall_core::id::Tenant;
use tokio::sync::{Notify, oneshot};

use super::Settings;
use super::connection::Dialer;
use super::group::Committer;
use crate::{Answer, ChangeSink, Receipt, StoreError, Unit};

/// A unit, and where its answer goes.
pub(super) struct Job {
    pub(super) unit: Unit,
    pub(super) reply: oneshot::Sender<Answer<Receipt>>,
}

struct Queue {
    jobs: FairQueue<Tenant, Job>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes up to `max` jobs, tenant by tenant; `None` once closed and empty.
    async fn take(&self, max: usize) -> Option<Vec<Job>> {
        loop {
            {
                let mut queue = self.lock();
                if !queue.jobs.is_empty() {
                    return Some(std::iter::from_fn(|| queue.jobs.pop()).take(max).collect());
                }
                if queue.is_closed {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }
}

struct Lane {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// Every lane of a store.
pub(super) struct Lanes(Vec<Lane>);

impl Lanes {
    pub(super) fn start(settings: &Settings, dialer: &Dialer, sink: &ChangeSink) -> Answer<Self> {
        let count = settings.committers.max(1);
        let queue_max = (settings.queue_max / count).max(1);
        let lanes = (0..count).map(|index| Lane::start(index, queue_max, settings, dialer, sink));
        lanes.collect::<Answer<Vec<_>>>().map(Self)
    }

    pub(super) async fn commit(&self, unit: Unit) -> Answer<Receipt> {
        let mut hasher = DefaultHasher::new();
        unit.tenant.hash(&mut hasher);
        let lane = &self.0[(hasher.finish() % self.0.len() as u64) as usize];
        let (reply, answer) = oneshot::channel();
        lane.submit(Job { unit, reply })?;
        let lost = || StoreError::Unavailable("the group was lost".into());
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Finishes what was taken, then stops; returns when every lane has ended.
    pub(super) fn close(&self) {
        for Lane { shared, .. } in &self.0 {
            shared.lock().is_closed = true;
            shared.wake.notify_one();
        }
        for lane in &self.0 {
            let thread = lane.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.close();
    }
}

impl Lane {
    fn start(
        index: usize,
        queue_max: usize,
        settings: &Settings,
        dialer: &Dialer,
        sink: &ChangeSink,
    ) -> Answer<Self> {
        let internal = |error| StoreError::Internal(Box::new(error));
        let queue = Queue { jobs: FairQueue::new(queue_max), is_closed: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), wake: Notify::new() });
        // A runtime of its own on a thread of its own: nothing that others do holds a commit up.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
        let dialer = dialer.on(runtime.handle().clone());
        let (theirs, sink, group_max) = (Arc::clone(&shared), Arc::clone(sink), settings.group_max);
        let thread = std::thread::Builder::new()
            .name(format!("store-committer-{index}"))
            .spawn(move || {
                runtime.block_on(async move {
                    let mut committer = Committer::new(dialer, sink);
                    while let Some(jobs) = theirs.take(group_max.max(1)).await {
                        committer.commit(jobs).await;
                    }
                });
            })
            .map_err(internal)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    fn submit(&self, job: Job) -> Answer<()> {
        let mut queue = self.shared.lock();
        if queue.is_closed {
            return Err(StoreError::Unavailable("it is closed".into()));
        }
        let tenant = job.unit.tenant.clone();
        if queue.jobs.push(&tenant, job).is_err() {
            return Err(StoreError::Unavailable("too many writes wait".into()));
        }
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }
}
