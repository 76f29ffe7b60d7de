//! A folder with a store, its backups and what is restored from them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use landfall_core::audit::Action;
use landfall_core::feed::Epoch;
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::Notification;
use landfall_store::sqlite::{Settings, Sqlite};
use landfall_store::{
    BackupError, BackupFile, BackupOrder, Inbox as _, InboxQuery, InboxSlice, KeyFile, Overwrite,
    RestoreOrder, Restored, Summary,
};

use crate::make::{at, draft};

/// A folder, removed with the value.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("backup-{}-{made}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn settings(&self, name: &str) -> Settings {
        Settings { readers: 2, ..Settings::new(&self.file(name)) }
    }

    pub fn store(&self, name: &str) -> Sqlite {
        Sqlite::open(&self.settings(name), Arc::new(|_| ())).unwrap()
    }

    /// Backs a store up; nothing else runs on this thread meanwhile.
    pub fn try_backup(
        &self,
        store: &str,
        file: &str,
        overwrite: Overwrite,
    ) -> Result<Summary, BackupError> {
        let keys = vec![KeyFile { name: "cursor-mac.key".into(), content: vec![7; 32] }];
        let order = BackupOrder {
            file: &self.file(file),
            overwrite,
            keys,
            program: "landfall test",
            at: at(0),
        };
        block_on(Sqlite::backup(&self.settings(store), &order, &mut |_, _| ()))
    }

    pub fn backup(&self, store: &str, file: &str) -> Summary {
        self.try_backup(store, file, Overwrite::Never).unwrap()
    }

    /// Restores `ms` after the beginning of the cases' time.
    pub fn try_restore(
        &self,
        file: &str,
        store: &str,
        replace: Overwrite,
        ms: i64,
    ) -> Result<Restored, BackupError> {
        let file = BackupFile::open(&self.file(file))?;
        let order = RestoreOrder {
            file: &file,
            replace,
            later_than: Epoch(1),
            at: at(ms),
            before: &|| Ok(()),
            entry: &|_, _| draft(Action::EpochBegun, "root", 5),
        };
        block_on(Sqlite::restore(&self.settings(store), &order, &mut |_, _| ()))
    }

    pub fn restore(&self, file: &str, store: &str) -> Restored {
        self.try_restore(file, store, Overwrite::Never, 0).unwrap()
    }

    /// Reads everything of a backup.
    pub fn verify(&self, file: &str) -> Result<Summary, BackupError> {
        block_on(BackupFile::open(&self.file(file))?.verify(&mut |_, _| ()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

/// Waits for what never waits for this thread's own runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits for something"),
    }
}

/// Gives a user's whole inbox, newest first.
pub async fn inbox(store: &Sqlite, tenant: &Tenant, user: &UserId) -> Vec<Notification> {
    let query = InboxQuery {
        slice: InboxSlice::Newest { below: None },
        read: None,
        notification_type: None,
        offset: 0,
        limit: 100_000,
    };
    store.list(tenant, user, query).await.unwrap()
}
