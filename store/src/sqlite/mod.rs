//! The embedded backend: SQLite with one committer, group commit and a pool of readers.
//!
//! Nothing outside this folder knows SQLite, and nothing in it holds a statement that another
//! store could share.

mod backup;
mod binding;
mod checkpoint;
mod classes;
mod committer;
mod messages;
mod migrate;
mod notices;
mod open;
#[cfg(test)]
mod plans;
mod presences;
mod reach;
mod readers;
mod retention;
mod runner;
mod schedule;
mod sizes;
mod sync;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use landfall_core::feed::Number;

use crate::sql::{feeds, life};
use crate::telling::counting;
use crate::{Answer, ChangeSink, Commits as _};
use committer::Committer;
use open::{connect, make_private, reader};
use readers::Readers;
use runner::{SqliteRunner, at_once};

pub(crate) use migrate::{LATEST, schema_tables};
pub(crate) use open::fault;
pub use open::{SCHEMA, Settings};

/// The embedded store.
pub struct Sqlite {
    committer: Committer,
    readers: Readers,
    /// The life that was last heard of.
    epoch: AtomicU64,
    /// The highest inbox number, kept up by the sink so that nobody scans for it.
    replay_sequence: Arc<AtomicU64>,
}

impl Sqlite {
    /// Opens the store, migrating it first where needed; `sink` hears of every change.
    ///
    /// Fails when the file cannot be opened, is no database, or was written by a newer version.
    pub fn open(settings: &Settings, sink: ChangeSink) -> Answer<Self> {
        make_private(&settings.path);
        let mut writer = connect(settings)?;
        migrate::migrate(&mut writer)?;
        let mut runner = SqliteRunner(&writer);
        at_once(life::name(&mut runner))?;
        let epoch = AtomicU64::new(at_once(life::life(&mut runner))?.epoch.0);
        let newest = newest_of_all(settings)?;
        let replay_sequence = Arc::new(AtomicU64::new(newest.0));
        let readers = Readers::start(settings.readers, || reader(settings))?;
        let sink = counting(Arc::clone(&replay_sequence), sink);
        let committer = Committer::start(writer, settings, sink)?;
        Ok(Self { committer, readers, epoch, replay_sequence })
    }

    /// Brings a store's schema up to date without serving it; tells from and to which version.
    pub fn migrate(settings: &Settings) -> Answer<(u32, u32)> {
        make_private(&settings.path);
        migrate::migrate(&mut connect(settings)?)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

/// Finds the highest inbox number, over a connection that keeps nothing of all the pages it reads.
fn newest_of_all(settings: &Settings) -> Answer<Number> {
    let passing = Settings { cache_kib: 1_024, mmap_bytes: 0, ..settings.clone() };
    let connection = open::reader(&passing)?;
    at_once(feeds::newest_of_all(&mut SqliteRunner(&connection)))
}
