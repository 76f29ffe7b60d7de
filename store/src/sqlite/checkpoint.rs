//! Checkpoints: moving the write-ahead log into the file, beside the commits.
//!
//! A thread of its own does nearly all of it while commits go on. Only what they added meanwhile,
//! once it is little, is moved between two commits, because the log begins anew only when nothing
//! of it is left. Nothing is lost when a checkpoint fails: the log keeps what is not in the file.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::open::fault;
use crate::{Answer, StoreError};

/// When the log is moved, in pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// So many are worth the syncs of a checkpoint. A page that changes often is moved once for
    /// all its changes, so that fewer checkpoints are less work.
    due: u32,
    /// So few that a commit can wait for them. More when the log has become longer: under a load
    /// that never lets it be so little, it must begin anew all the same.
    rest: u32,
}

impl Bounds {
    /// What a server works with.
    pub(super) const USUAL: Self = Self { due: 16_384, rest: 256 };
}

/// How far the log is, in pages.
#[derive(Default)]
struct Log {
    /// Written to it.
    written: u32,
    /// Of those, in the file too.
    moved: u32,
    /// Whether the thread has done its part, and the rest is the committer's.
    is_nearly_moved: bool,
    is_closed: bool,
}

impl Log {
    fn left(&self) -> u32 {
        self.written - self.moved
    }

    fn is_due(&self, bounds: Bounds) -> bool {
        self.written >= bounds.due && self.left() > self.rest(bounds)
    }

    fn rest(&self, bounds: Bounds) -> u32 {
        bounds.rest * (self.written / bounds.due).max(1)
    }
}

struct Shared {
    bounds: Bounds,
    log: Mutex<Log>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_commit(&self, written: u32) {
        let mut log = self.lock();
        if written < log.written {
            // The log has begun anew.
            log.moved = 0;
        }
        log.written = written;
        if log.is_due(self.bounds) {
            self.wake.notify_one();
        }
    }

    /// Notes what a checkpoint moved; says whether so little is left that a commit can wait for it.
    fn on_moved(&self, moved: u32) {
        let mut log = self.lock();
        log.moved = moved.min(log.written);
        log.is_nearly_moved = log.written >= self.bounds.due && log.left() <= log.rest(self.bounds);
    }
}

/// The thread that moves the log.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts checkpointing for `writer` over a connection of its own.
    pub(super) fn start(
        writer: &mut Connection,
        own: Connection,
        file: Arc<File>,
        bounds: Bounds,
    ) -> Answer<Self> {
        let (log, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { bounds, log, wake });
        let theirs = Arc::clone(&shared);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            theirs.on_commit(pages.unsigned_abs());
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(fault)?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&own, &file, &theirs))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Moves the rest, where the thread has left a little; called between commits.
    pub(super) fn finish(&self, writer: &Connection) {
        let mut log = self.shared.lock();
        if std::mem::take(&mut log.is_nearly_moved) {
            drop(log);
            checkpoint(writer, &self.shared);
            // A reader may keep the rest from being moved; then the thread goes on later.
            self.shared.lock().is_nearly_moved = false;
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(own: &Connection, file: &File, shared: &Shared) {
    loop {
        let mut log = shared.lock();
        while !log.is_closed && !log.is_due(shared.bounds) {
            log = shared.wake.wait(log).unwrap_or_else(PoisonError::into_inner);
        }
        if log.is_closed {
            return;
        }
        let before = log.moved;
        drop(log);
        checkpoint(own, shared);
        // SQLite syncs the file when nothing is left to move, which under load is only in the pass
        // that a commit waits for: that one shall find nearly all of it on disk.
        if let Err(error) = file.sync_data() {
            tracing::debug!(%error, "the file was not synced; the last pass does it");
        }
        let log = shared.lock();
        if log.moved == before && !log.is_closed {
            // The disk or a reader is in the way: the next commit asks again.
            drop(shared.wake.wait(log).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Moves what can be moved without keeping anybody waiting.
fn checkpoint(connection: &Connection, shared: &Shared) {
    let moved =
        connection.query_row("pragma wal_checkpoint(passive)", [], |row| row.get::<_, i64>(2));
    match moved {
        Ok(moved) => shared.on_moved(u32::try_from(moved).unwrap_or_default()),
        // A full disk says so to every commit already.
        Err(error) => tracing::debug!(%error, "a checkpoint failed; the log grows until one works"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, Instant};

    use super::super::open::{Settings, connect};
    use super::*;

    #[test]
    fn a_log_that_is_always_written_to_begins_anew() {
        let name = format!("landfall-checkpoint-{}.db", std::process::id());
        let settings = Settings::new(&std::env::temp_dir().join(name));
        let mut writer = connect(&settings).unwrap();
        writer.execute_batch("create table t (n integer); insert into t values (0)").unwrap();
        let bounds = Bounds { due: 64, rest: 16 };
        let own = connect(&settings).unwrap();
        let file = Arc::new(File::open(&settings.path).unwrap());
        let checkpointer = Checkpointer::start(&mut writer, own, file, bounds).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let (mut written, mut restarts) = (0, 0);
        while restarts < 3 {
            assert!(Instant::now() < deadline, "{restarts} times after {written} pages");
            writer.execute_batch("update t set n = n + 1").unwrap();
            checkpointer.finish(&writer);
            let now = checkpointer.shared.lock().written;
            restarts += u32::from(now < written);
            written = now;
        }
        drop(checkpointer);
        drop(writer);
        std::fs::remove_file(&settings.path).unwrap();
    }
}
