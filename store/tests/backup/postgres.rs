//! Backups of a store in PostgreSQL, and loading one into a database.

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::feed::Epoch;
use landfall_core::life::rollback;
use landfall_fixtures::{Database, Postgres as Server};
use landfall_store::postgres::{Address, Postgres, Settings};
use landfall_store::{
    BackupError, BackupFile, BackupOrder, Commits as _, Inbox as _, Lives as _, NewEpoch,
    Overwrite, RestoreOrder, Restored, Store, Summary, Unit,
};

use crate::going_back::{Older, move_from_elsewhere};
use crate::make::{at, draft, note, publish, tenant, unit, user};
use crate::place::Place;
use crate::writers::check_beside_writers;

/// An empty database of this process' server, dropped with the value.
pub struct Base(pub Database<'static>);

impl Base {
    pub fn new() -> Self {
        Self(Server::shared().database().unwrap())
    }

    pub fn settings(&self) -> Settings {
        let address = Address::parse(&self.0.url()).unwrap();
        Settings { connections: 4, committers: 2, ..Settings::new(address) }
    }

    pub async fn store(&self) -> Postgres {
        Postgres::open(&self.settings(), Arc::new(|_| ())).await.unwrap()
    }

    pub async fn try_backup(&self, place: &Place, file: &str) -> Result<Summary, BackupError> {
        let file = place.file(file);
        let order = BackupOrder {
            file: &file,
            overwrite: Overwrite::Never,
            keys: Vec::new(),
            program: "landfall test",
            at: at(0),
        };
        Postgres::backup(&self.settings(), &order, &mut |_, _| ()).await
    }

    pub async fn try_restore(
        &self,
        place: &Place,
        file: &str,
        replace: Overwrite,
    ) -> Result<Restored, BackupError> {
        let file = BackupFile::open(&place.file(file))?;
        let order = RestoreOrder {
            file: &file,
            replace,
            later_than: Epoch(1),
            at: at(0),
            before: &|| Ok(()),
            entry: &|_, _| draft(Action::EpochBegun, "root", 5),
        };
        Postgres::restore(&self.settings(), &order, &mut |_, _| ()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_writers_on_postgres_is_one_moment() {
    let (place, base) = (Place::new(), Base::new());
    let store: Arc<dyn Store> = Arc::new(base.store().await);
    check_beside_writers(&place, store, async |file: String| {
        base.try_backup(&place, &file).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_store_has_no_backup() {
    let (place, base) = (Place::new(), Base::new());
    let error = base.try_backup(&place, "backup").await.unwrap_err();
    assert!(matches!(error, BackupError::NoStore(_)), "{error}");
    assert!(error.to_string().contains("//***@"), "no password is shown: {error}");
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_in_use_stays_unless_it_is_to_be_replaced() {
    let (place, base, t, u) = (Place::new(), Base::new(), tenant("t"), user("u"));
    let store = base.store().await;
    let audit = vec![draft(Action::Connected, "u", 1)];
    store.commit(Unit { audit, ..unit(&t, vec![publish(&note(&u, "a"))]) }).await.unwrap();
    base.try_backup(&place, "backup").await.unwrap();
    store
        .commit(unit(&t, vec![publish(&note(&u, "b")), publish(&note(&user("v"), "c"))]))
        .await
        .unwrap();
    let refused = base.try_restore(&place, "backup", Overwrite::Always).await.unwrap_err();
    assert!(matches!(refused, BackupError::InUse(_)), "{refused}");
    store.close();
    let refused = base.try_restore(&place, "backup", Overwrite::Never).await.unwrap_err();
    assert!(matches!(refused, BackupError::StoreThere(_)), "{refused}");

    let whole = std::fs::read(place.file("backup")).unwrap();
    std::fs::write(place.file("cut"), &whole[..whole.len() - 5_000]).unwrap();
    let damaged = base.try_restore(&place, "cut", Overwrite::Always).await.unwrap_err();
    assert!(matches!(damaged, BackupError::Damaged { .. }), "{damaged}");
    assert_eq!(base.0.ask("select count(*) from notification").unwrap(), "3", "nothing was done");

    let first = base.try_restore(&place, "backup", Overwrite::Always).await.unwrap();
    let second = base.try_restore(&place, "backup", Overwrite::Always).await.unwrap();
    assert!(second.epoch > first.epoch);
    let store = base.store().await;
    assert_eq!(store.epoch(), second.epoch);
    assert_eq!(store.unread(&t, &u).await.unwrap().0, 1);
    // A feed that is made now must not get the id of one that was restored.
    for to in [user("v"), user("w"), u] {
        let receipt = store.commit(unit(&t, vec![publish(&note(&to, "x"))])).await.unwrap();
        assert_eq!(receipt.numbers(), [second.epoch.base().next()]);
    }
    // One that was opened and never used is nothing to lose.
    let (empty, place) = (Base::new(), place);
    empty.store().await.close();
    empty.try_restore(&place, "backup", Overwrite::Never).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_its_last_commits_shows_it() {
    let (base, t) = (Base::new(), tenant("t"));
    let store = base.store().await;
    let one = || Unit { audit: vec![draft(Action::Connected, "u", 1)], ..Unit::new(&t) };
    store.commit(one()).await.unwrap();
    let older = Older::of(&base.0);
    store.commit(one()).await.unwrap();
    let known = store.life().await.unwrap();
    assert_eq!(rollback(&known, &store.life().await.unwrap()), None);
    older.put_back();
    assert!(rollback(&known, &store.life().await.unwrap()).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_or_timeline_is_noticed_and_a_new_life_is_at_home() {
    let base = Base::new();
    let store = base.store().await;
    let home = store.home().await.unwrap();
    assert!(home.found.is_some() && !home.has_moved(), "{home:?}");
    move_from_elsewhere(&base.0);
    assert!(store.home().await.unwrap().has_moved());
    let from = store.epoch();
    let entry = draft(Action::EpochBegun, "root", 5);
    store.begin_epoch(NewEpoch { from, to: from.following(at(0)), entry }).await.unwrap();
    assert!(!store.home().await.unwrap().has_moved());
    // Another node hears of it when it looks.
    let other = base.store().await;
    let to = Epoch(at(1).as_ms() as u64);
    let entry = draft(Action::EpochBegun, "root", 5);
    other.begin_epoch(NewEpoch { from: store.epoch(), to, entry }).await.unwrap();
    assert_ne!(store.epoch(), to);
    assert_eq!(store.life().await.unwrap().epoch, to);
    assert_eq!(store.epoch(), to);
}
