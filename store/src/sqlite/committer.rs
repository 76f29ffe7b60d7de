//! The committer: one thread that takes what has queued up and commits it as one group.
//!
//! A group is one transaction with a savepoint per unit, so that a unit's failure undoes that
//! unit alone. Nothing is answered before the commit is on disk.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use landfall_core::fair::FairQueue;
use landfall_core::id::Tenant;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::{Bounds, Checkpointer};
use super::open::{Settings, connect, fault};
use super::runner::{SqliteRunner, at_once};
use crate::sql::unit;
use crate::telling::{Complaints, tell};
use crate::{Answer, Change, ChangeSink, Receipt, StoreError, Unit};

type Task = Box<dyn FnOnce(&Connection) -> Answer<Reply> + Send>;
/// Delivers an answer once the group is committed, or the group's failure.
type Reply = Box<dyn FnOnce(Option<StoreError>) + Send>;

enum Job {
    Unit(Box<Unit>, oneshot::Sender<Answer<Receipt>>),
    /// A write that is not a unit, such as sealing.
    Task(Task),
}

struct Queue {
    jobs: FairQueue<Option<Tenant>, Job>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes up to `max` jobs, tenant by tenant; `None` once closed and empty.
    fn take(&self, max: usize) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        while queue.jobs.is_empty() {
            if queue.is_closed {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let jobs = std::iter::from_fn(|| queue.jobs.pop()).take(max).collect();
        Some(jobs)
    }
}

pub(super) struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Committer {
    pub(super) fn start(
        mut connection: Connection,
        settings: &Settings,
        sink: ChangeSink,
    ) -> Answer<Self> {
        let file = Arc::new(File::open(&settings.path).map_err(unopened)?);
        let own = connect(settings)?;
        let checkpointer =
            Checkpointer::start(&mut connection, own, Arc::clone(&file), Bounds::USUAL)?;
        let jobs = FairQueue::new(settings.queue_max);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { jobs, is_closed: false }),
            wake: Condvar::new(),
        });
        let (group_max, theirs) = (settings.group_max, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("store-committer".into())
            .spawn(move || {
                let mut complaints = Complaints::default();
                while let Some(jobs) = theirs.take(group_max) {
                    if let Err(text) = commit_group(&connection, jobs, &sink) {
                        complaints.add(&text);
                    }
                    checkpointer.finish(&connection);
                }
                // The writer is the last to leave, but for the file: closing it would drop the
                // locks of every connection of this process.
                drop(checkpointer);
                drop(connection);
                drop(file);
            })
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn commit(&self, unit: Unit) -> Answer<Receipt> {
        let (reply, answer) = oneshot::channel();
        let tenant = Some(unit.tenant.clone());
        self.submit(tenant, Job::Unit(Box::new(unit), reply))?;
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Runs a write of its own in a group, under its own savepoint.
    pub(super) async fn run<T, F>(&self, write: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteRunner<'_>) -> Answer<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            let value = write(&mut SqliteRunner(connection))?;
            let deliver: Reply = Box::new(move |failure| {
                let _ = reply.send(failure.map_or(Ok(value), Err));
            });
            Ok(deliver)
        });
        self.submit(None, Job::Task(task))?;
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    fn submit(&self, tenant: Option<Tenant>, job: Job) -> Answer<()> {
        let mut queue = self.shared.lock();
        if queue.is_closed {
            return Err(StoreError::Unavailable("it is closed".into()));
        }
        if queue.jobs.push(&tenant, job).is_err() {
            return Err(StoreError::Unavailable("too many writes wait".into()));
        }
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Finishes what was taken, then stops; returns when the thread has ended.
    pub(super) fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

fn unopened(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("its file cannot be opened: {error}"))
}

fn lost() -> StoreError {
    StoreError::Unavailable("the group was lost".into())
}

/// Commits one group and answers its jobs; gives what went wrong if it is not on disk.
fn commit_group(connection: &Connection, jobs: Vec<Job>, sink: &ChangeSink) -> Result<(), String> {
    if let Err(error) = connection.execute_batch("begin immediate") {
        let text = error.to_string();
        fail_all(jobs, &text);
        return Err(text);
    }
    let mut changes = Vec::new();
    let mut replies = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    let mut ended_by = None;
    for job in jobs.by_ref() {
        let (reply, trouble) = run_job(connection, job, &mut changes);
        replies.push(reply);
        if connection.is_autocommit() {
            // FULL, IOERR or NOMEM can end the whole transaction: nobody's unit is in it now.
            ended_by = trouble;
            break;
        }
    }
    if let Err(text) = finish(connection, ended_by) {
        for reply in replies {
            reply(Some(unknown(&text)));
        }
        fail_all(jobs.collect(), &text);
        return Err(text);
    }
    tell(sink, changes);
    for reply in replies {
        reply(None);
    }
    Ok(())
}

/// Commits, unless the transaction was ended by the trouble of one of its jobs.
fn finish(connection: &Connection, ended_by: Option<String>) -> Result<(), String> {
    if connection.is_autocommit() {
        let why = ended_by.unwrap_or_else(|| "no reason is known".into());
        return Err(format!("SQLite ended the transaction: {why}"));
    }
    let Err(error) = connection.execute_batch("commit") else { return Ok(()) };
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("rollback");
    }
    Err(error.to_string())
}

fn unknown(text: &str) -> StoreError {
    StoreError::Unavailable(text.to_owned())
}

fn fail_all(jobs: Vec<Job>, text: &str) {
    for job in jobs {
        if let Job::Unit(_, reply) = job {
            let _ = reply.send(Err(unknown(text)));
        }
        // A task's reply is dropped with it, which its caller reads as unavailable.
    }
}

/// Runs one job under a savepoint and gives what to answer after the commit, and what went wrong.
fn run_job(
    connection: &Connection,
    job: Job,
    changes: &mut Vec<Change>,
) -> (Reply, Option<String>) {
    match job {
        Job::Unit(job, reply) => {
            let before = changes.len();
            let result = in_savepoint(connection, || {
                at_once(unit::apply(&mut SqliteRunner(connection), *job, changes))
            });
            if result.is_err() {
                changes.truncate(before);
            }
            let trouble = result.as_ref().err().map(cause);
            let deliver: Reply = Box::new(move |failure| {
                let _ = reply.send(failure.map_or(result, Err));
            });
            (deliver, trouble)
        }
        Job::Task(task) => match in_savepoint(connection, || task(connection)) {
            Ok(deliver) => (deliver, None),
            Err(error) => {
                let text = cause(&error);
                tracing::error!(%text, "a write of the store's own failed");
                (Box::new(|_| ()), Some(text))
            }
        },
    }
}

/// Says what is behind an error, without what every error of its kind says.
fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(text) => text.clone(),
        StoreError::Internal(source) => source.to_string(),
        other => other.to_string(),
    }
}

fn in_savepoint<T>(connection: &Connection, work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    execute(connection, "savepoint unit")?;
    // A panic in one unit must not take the committer, and so the server, with it.
    let result = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Internal("a unit panicked".into())));
    let ended = match &result {
        Ok(_) => execute(connection, "release unit"),
        Err(_) if connection.is_autocommit() => Ok(()),
        Err(_) => execute(connection, "rollback to unit")
            .and_then(|()| execute(connection, "release unit")),
    };
    if let Err(error) = ended {
        // What the unit did can be told from the others' no more: nobody's may be committed.
        let _ = connection.execute_batch("rollback");
        return Err(error);
    }
    result
}

fn execute(connection: &Connection, sql: &str) -> Answer<()> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute([]).map(|_| ()).map_err(fault)
}
