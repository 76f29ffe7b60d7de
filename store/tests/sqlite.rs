//! The contract suite on SQLite files, and what only an embedded file can go through.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod contract;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::make::{at, key, note, publish, tenant, unit, user};
use contract::make_reach::{ids, settle};
use contract::queueing::{claim, queue};
use contract::world::{Backend, Tampering, World, assert_stale, everything};
use landfall_core::channel::DeliveryState;
use landfall_core::feed::Number;
use landfall_store::sqlite::{Settings, Sqlite};
use landfall_store::{
    Answer, Answered, ChangeSink, Commits, IdempotencyKey, Inbox, Store, StoreError, Unit,
};
use rusqlite::Connection;

contract!(crate::Folder::make());

/// A temporary folder with one database file, removed with the value.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> Arc<dyn Backend> {
        Arc::new(Self::empty())
    }

    fn empty() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("store-{}-{made}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    fn file(&self) -> PathBuf {
        self.path.join("landfall.db")
    }

    fn settings(&self) -> Settings {
        Settings { readers: 2, ..Settings::new(&self.file()) }
    }

    /// Opens a second connection, as somebody with access to the file would.
    /// Makes the store; gives how many pages it has while nothing is in it.
    fn pages(&self) -> u32 {
        Sqlite::open(&self.settings(), deaf()).unwrap().close();
        self.intruder().query_row("pragma page_count", [], |row| row.get(0)).unwrap()
    }

    fn intruder(&self) -> Connection {
        let connection = Connection::open(self.file()).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed may leave the folder to look at.
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.path).unwrap();
        }
    }
}

impl Backend for Folder {
    fn another(&self) -> Arc<dyn Backend> {
        Self::make()
    }

    fn open(&self, sink: ChangeSink) -> Answered<'_, Arc<dyn Store>> {
        Box::pin(async move {
            Sqlite::open(&self.settings(), sink).map(|store| Arc::new(store) as Arc<dyn Store>)
        })
    }

    fn migrate(&self) -> Answered<'_, (u32, u32)> {
        Box::pin(async move { Sqlite::migrate(&self.settings()) })
    }

    fn tamper(&self, tampering: Tampering) {
        for sql in tampering.statements() {
            assert_eq!(self.intruder().execute(&sql, []).unwrap(), 1, "{tampering:?}");
        }
    }

    fn claim_newer_schema(&self) {
        let connection = self.intruder();
        let version: u32 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "user_version", version + 1).unwrap();
    }
}

fn deaf() -> ChangeSink {
    Arc::new(|_| {})
}

fn publishing(n: i64) -> Unit {
    // Long enough to fill pages soon.
    let title = format!("{n} {}", "x".repeat(1_000));
    unit(&tenant("t"), vec![publish(&note(&user("u"), &title)), publish(&note(&user("u"), "b"))])
}

/// Publishes until the file may grow no more; gives how many units were taken.
async fn fill(store: &Sqlite) -> u64 {
    for taken in 0.. {
        match store.commit(publishing(taken)).await {
            Ok(_) => {}
            Err(StoreError::Unavailable(_)) => return taken as u64,
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!("the file grows without bound")
}

async fn assert_whole(store: &Sqlite, units: u64) {
    let (t, u) = (tenant("t"), user("u"));
    let (unread, head) = store.unread(&t, &u).await.unwrap();
    assert_eq!((unread, head.newest), (2 * units, Number(2 * units)));
    let inbox = store.list(&t, &u, everything()).await.unwrap();
    let numbers: Vec<u64> = inbox.iter().rev().map(|found| found.number.0).collect();
    assert_eq!(numbers, (1..=2 * units).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_file_refuses_whole_units_and_recovers_by_itself() {
    let folder = Folder::empty();
    let settings = Settings { max_pages: Some(folder.pages() + 80), ..folder.settings() };
    let store = Sqlite::open(&settings, deaf()).unwrap();
    // Keys that take space, to be freed later.
    for n in 0..40 {
        let key = IdempotencyKey { memo: "m".repeat(3_000), ..key(&format!("k{n}"), 1) };
        let unit = Unit { idempotency: Some(key), ..Unit::new(&tenant("t")) };
        store.commit(unit).await.unwrap();
    }
    let units = fill(&store).await;
    assert!(units > 10, "{units}");
    assert_whole(&store, units).await;
    // The full file still takes what needs no room, and a group fails only where it has to.
    store.check().await.unwrap();
    store.commit(Unit::new(&tenant("t"))).await.unwrap();
    assert_eq!(store.forget_keys(at(1), 99).await.unwrap(), 40);
    let more = fill(&store).await;
    assert!(more > 10, "{more}");
    assert_whole(&store, units + more).await;
    store.close();

    let store = Sqlite::open(&folder.settings(), deaf()).unwrap();
    store.commit(publishing(0)).await.unwrap();
    assert_whole(&store, units + more + 1).await;
}

/// Units that fit and units that do not arrive together: each is there as a whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fills_within_a_group_keeps_every_answer_true() {
    let folder = Folder::empty();
    let settings = Settings { max_pages: Some(folder.pages() + 20), ..folder.settings() };
    let store = Arc::new(Sqlite::open(&settings, deaf()).unwrap());
    for n in 0..5 {
        store.commit(publishing(n)).await.unwrap();
    }
    let mut running = tokio::task::JoinSet::new();
    for n in 5..200 {
        let store = Arc::clone(&store);
        running.spawn(async move { store.commit(publishing(n)).await });
    }
    let answers = running.join_all().await;
    let taken = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    assert!(taken < 195, "{taken}");
    let refused = |answer: &Answer<_>| matches!(answer, Ok(_) | Err(StoreError::Unavailable(_)));
    assert!(answers.iter().all(refused));
    for why in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(why.to_string().contains("DiskFull"), "an operator must see why: {why}");
    }
    assert_whole(&store, 5 + taken).await;
}

/// The file holds what everybody was told; a folder that others may enter must not give it away.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::empty();
    let store = Sqlite::open(&folder.settings(), deaf()).unwrap();
    store.commit(publishing(0)).await.unwrap();
    for file in std::fs::read_dir(&folder.path).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let folder = Folder::empty();
    std::fs::write(folder.file(), "notes of a meeting, no database at all\n".repeat(500)).unwrap();
    let Err(error) = Sqlite::open(&folder.settings(), deaf()) else { panic!("it was opened") };
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("landfall.db is no SQLite database"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_fails_what_needs_it_and_nothing_else() {
    let folder = Folder::empty();
    let store = Sqlite::open(&folder.settings(), deaf()).unwrap();
    store.commit(publishing(0)).await.unwrap();
    store.close();
    drop(store);
    let page: u64 = folder
        .intruder()
        .query_row("select rootpage from sqlite_schema where name = 'notification'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut bytes = std::fs::read(folder.file()).unwrap();
    let start = (page as usize - 1) * 4_096;
    bytes[start..start + 4_096].fill(0xAA);
    std::fs::write(folder.file(), bytes).unwrap();

    let store = Sqlite::open(&folder.settings(), deaf()).unwrap();
    let answer = store.list(&tenant("t"), &user("u"), everything()).await;
    assert!(matches!(answer, Err(StoreError::Internal(_))), "{answer:?}");
    assert!(store.commit(publishing(1)).await.is_err());
    store.check().await.unwrap();
    store.commit(Unit::new(&tenant("t"))).await.unwrap();
    assert_eq!(store.unread(&tenant("t"), &user("u")).await.unwrap().1.newest, Number(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_keeps_nobody_waiting() {
    let folder = Folder::empty();
    let store = Sqlite::open(&folder.settings(), Arc::new(|_| panic!("on purpose"))).unwrap();
    for n in 0..3 {
        store.commit(publishing(n)).await.unwrap();
    }
    assert_whole(&store, 3).await;
    assert_eq!(store.replay_sequence(), Number(6));
}

/// A file has one server, so that what an ended one had claimed can be nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_ended_process_had_claimed_is_due_again() {
    let (mut world, t) = (World::new(Folder::make()).await, tenant("t"));
    let all = queue(&world, &t, &[Some(0), Some(0), Some(90_000)]).await;
    let before = claim(&*world.store, 0).await;
    assert_eq!(ids(&before), all[..2]);
    world.done(&t, settle(&before[0], DeliveryState::Sent, 1)).await;
    world.reopen().await;
    assert_eq!(claim(&*world.store, 5).await, []);
    assert_eq!(world.store.release_claims(at(5)).await.unwrap(), 1);
    assert_eq!(world.store.release_claims(at(5)).await.unwrap(), 0);
    assert_stale(world.commit(&t, vec![settle(&before[1], DeliveryState::Sent, 6)]).await);
    assert_eq!(ids(&claim(&*world.store, 5).await), all[1..2]);
}
