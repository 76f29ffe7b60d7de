//! The pool of readers: a few threads, each with a connection that cannot write.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::runner::SqliteRunner;
use crate::{Answer, StoreError};

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Reads that may wait; more are refused as unavailable.
const WAITING_MAX: usize = 16_384;

pub(super) struct Readers {
    jobs: Mutex<Option<SyncSender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn start(count: usize, connect: impl Fn() -> Answer<Connection>) -> Answer<Self> {
        let (sender, receiver) = sync_channel::<Job>(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for index in 0..count.max(1) {
            let connection = connect()?;
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{index}"))
                .spawn(move || serve(&connection, &receiver))
                .map_err(|error| StoreError::Internal(Box::new(error)))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    pub(super) async fn run<T, F>(&self, read: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteRunner<'_>) -> Answer<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The one who asked may have gone away meanwhile.
            let _ = reply.send(read(&mut SqliteRunner(connection)));
        });
        self.submit(job)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Internal("a read panicked".into())))
    }

    fn submit(&self, job: Job) -> Answer<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = jobs.as_ref() else {
            return Err(StoreError::Unavailable("it is closed".into()));
        };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("too many reads wait".into()),
            TrySendError::Disconnected(_) => StoreError::Unavailable("it is closed".into()),
        })
    }

    /// Finishes what was taken, then stops; returns when every connection is closed.
    pub(super) fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic fails the read that caused it, whose reply is dropped, and nothing else.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(connection)));
    }
}
