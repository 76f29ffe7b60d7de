//! The server under test, over a real store: started, ended, backed up and restored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use landfall_core::merge::{Deletion, Fields, Rule};
use landfall_core::sync::{EntityKind, Strategy};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_fixtures::{Database, Postgres};
use landfall_server::app::App;
use landfall_server::backend;
use landfall_server::clock::Clock;
use landfall_server::config::{Backend, Config, Inputs};
use landfall_server::http;
use landfall_server::service::lives::epoch_entry;
use landfall_server::service::sync::Kinds;
use landfall_server::service::sync::kinds::{Kind, Owner};
use landfall_server::service::{Ids, Parts};
use landfall_store::{BackupFile, BackupOrder, Overwrite, RestoreOrder, Store, postgres, sqlite};
use tower::ServiceExt as _;

use crate::Place;
use crate::harness::{app_within, parts_in};

/// Where the time of the first run begins: 2026-01-01.
const BEGINNING: i64 = 1_767_225_600_000;

/// A server, and what it stands on.
pub struct Ground {
    folder: PathBuf,
    backend: Backend,
    app: Option<(Arc<App>, Router)>,
    clock: Clock,
    has_backup: bool,
    _database: Option<Database<'static>>,
}

/// What a server answers: its status, and the text.
pub type Reply = (u16, String);

impl Ground {
    pub async fn open(place: Place) -> Self {
        let folder = folder(place);
        let (backend, database) = match place {
            Place::Memory | Place::Sqlite => {
                let settings = sqlite::Settings::new(&folder.join("landfall.db"));
                (Backend::Sqlite(sqlite::Settings { readers: 1, ..settings }), None)
            }
            Place::Postgres => {
                let database = Postgres::shared().database().unwrap();
                let address = postgres::Address::parse(&database.url()).unwrap();
                (Backend::Postgres(Box::new(postgres::Settings::new(address))), Some(database))
            }
        };
        let clock = Clock::fixed(Timestamp::from_ms(BEGINNING));
        let mut ground =
            Self { folder, backend, app: None, clock, has_backup: false, _database: database };
        ground.start().await;
        ground
    }

    async fn start(&mut self) {
        let store = backend::open(&self.backend, Arc::new(|_| ())).await.unwrap();
        let parts = parts_in(store, &self.folder);
        let parts = Parts { clock: self.clock.clone(), kinds: kinds(), ..parts };
        let mut limits = Config::load(Inputs::default()).unwrap().config.limits;
        (limits.user_requests_per_second, limits.tenant_requests_per_second) = (0, 0);
        let app = app_within(parts, limits);
        let router = http::router(Arc::clone(&app), Router::new());
        self.app = Some((app, router));
    }

    fn stop(&mut self) {
        if let Some((app, _)) = self.app.take() {
            app.services.store.close();
        }
    }

    /// Ends the server, and starts it again.
    pub async fn restart(&mut self) {
        self.stop();
        self.start().await;
    }

    pub fn app(&self) -> &Arc<App> {
        &self.app.as_ref().expect("it runs").0
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.app().services.store
    }

    /// Tells the time, which goes on from run to run: a life of the store begins later than all before.
    pub fn now(&self) -> i64 {
        self.clock.now().as_ms()
    }

    /// Sets the server's clock.
    pub fn set_clock(&self, at: i64) {
        self.clock.set(Timestamp::from_ms(at));
    }

    /// Calls the server; what is called goes on by itself, whatever becomes of this value.
    pub fn call(
        &self,
        token: &str,
        (method, path): (&str, &str),
        body: String,
    ) -> impl Future<Output = Reply> + 'static {
        let router = self.app.as_ref().expect("it runs").1.clone();
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(Body::from(body));
        async move {
            let response = router.oneshot(request.unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
            (status, String::from_utf8(bytes.to_vec()).unwrap())
        }
    }

    fn backup_file(&self) -> PathBuf {
        self.folder.join("backup")
    }

    /// Says whether there is a backup that can be restored.
    pub const fn has_backup(&self) -> bool {
        self.has_backup
    }

    /// Forgets the backup: it is of another run.
    pub const fn forget_backup(&mut self) {
        self.has_backup = false;
    }

    /// Backs the store up while it serves.
    pub async fn back_up(&mut self) {
        let file = self.backup_file();
        let order = BackupOrder {
            file: &file,
            overwrite: Overwrite::Always,
            keys: Vec::new(),
            program: "offline",
            at: self.clock.now(),
        };
        backend::backup(&self.backend, &order, &mut |_, _| ()).await.unwrap();
        self.has_backup = true;
    }

    /// Puts the backup in the store's place, and starts the server on it.
    pub async fn restore(&mut self) {
        self.stop();
        let file = BackupFile::open(&self.backup_file()).unwrap();
        let ids = Ids::new();
        let at = self.clock.now();
        let order = RestoreOrder {
            file: &file,
            replace: Overwrite::Always,
            later_than: landfall_core::feed::Epoch(1),
            at,
            before: &|| Ok(()),
            entry: &|from, to| epoch_entry(&ids, at, "restored", from, to),
        };
        let restored = backend::restore(&self.backend, &order, &mut |_, _| ()).await.unwrap();
        if let Some(moved) = restored.moved {
            std::fs::remove_file(moved).unwrap();
        }
        self.start().await;
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Memory that is a file system, where files have to be as fast as that.
fn folder(place: Place) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static MADE: AtomicU64 = AtomicU64::new(0);
    let shared = Path::new("/dev/shm");
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = if place == Place::Memory && shared.is_dir() { shared } else { disk };
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = root.join(format!("landfall-offline-{}-{made}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The types of a run: what adds up, of users and of topics; what the later word decides, with both rules of deletion;
/// what a person decides.
fn kinds() -> Kinds {
    let named = [("n".to_owned(), Rule::Counter), ("tags".to_owned(), Rule::Set)].into();
    let adds = || {
        Strategy::Merge(Fields { named: Clone::clone(&named), other: Box::new(Rule::LastWrite) })
    };
    let kind = |name: &str, strategy, deletion, owner| Kind {
        name: name.into(),
        rules: EntityKind { strategy, deletion },
        client_wins: None,
        owner,
        max_bytes: 4_096,
        key: None,
        schema: None,
        upgrades: Default::default(),
    };
    let topic = Owner::Topic { write: MemberRole::Member };
    Kinds::new([
        kind("tally", adds(), Deletion::UpdateRevives, Owner::User),
        kind("board", adds(), Deletion::UpdateRevives, topic),
        kind("card", Strategy::LastWriteWins, Deletion::DeleteWins, Owner::User),
        kind("slip", Strategy::LastWriteWins, Deletion::UpdateRevives, Owner::User),
        kind("essay", Strategy::Manual, Deletion::Manual, Owner::User),
    ])
}
