//! What an operator vouches for: only of this store as it is, never less than before, and kept by
//! backups and new lives.

use landfall_core::audit::Action;
use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_store::postgres::Postgres;
use landfall_store::sqlite::Sqlite;
use landfall_store::{About, BackupError, Commits as _, Lives as _, NewEpoch, Overwrite, Store};

use crate::make::{at, draft};
use crate::place::Place;
use crate::postgres::Base;

type Vouched = Result<Timestamp, BackupError>;

fn other_store() -> About {
    let (store, program) = ("0".repeat(32), "landfall test".to_owned());
    About { schema: 5, store, epoch: Epoch(1), made_at: at(0), program }
}

/// Vouches beside a store that is open for backups of it and for others.
async fn check(store: &dyn Store, about: &About, vouch: impl AsyncFn(&About, i64) -> Vouched) {
    let refused = async |about: About| {
        let error = vouch(&about, 9).await.unwrap_err();
        assert!(matches!(error, BackupError::NotOfThisStore(_)), "{error}");
        error.to_string()
    };
    assert!(refused(other_store()).await.contains("of another one"));
    let never = About { store: String::new(), ..about.clone() };
    assert!(refused(never).await.contains("never served"));
    let later = About { epoch: Epoch(7), ..about.clone() };
    assert!(refused(later).await.contains("made in epoch 7, and the store is in epoch 1"));
    assert_eq!(store.backed_up_to().await.unwrap(), None);

    // As texts, 9 is more than 10.
    let nine = 9 - at(0).as_ms();
    for (ms, noted) in [(nine, nine), (0, 0), (5, 5), (3, 5), (nine, 5), (5, 5)] {
        assert_eq!(vouch(about, ms).await.unwrap(), at(noted), "{ms}");
        assert_eq!(store.backed_up_to().await.unwrap(), Some(at(noted)), "{ms}");
    }

    let to = about.epoch.following(at(0));
    let entry = draft(Action::EpochBegun, "root", 5);
    store.begin_epoch(NewEpoch { from: about.epoch, to, entry }).await.unwrap();
    assert_eq!(store.backed_up_to().await.unwrap(), Some(at(5)), "a new life keeps it");
    assert!(refused(about.clone()).await.contains("made in epoch 1"));
}

#[tokio::test]
async fn a_backup_of_the_embedded_store_as_it_is_can_be_vouched_for() {
    let place = Place::new();
    let error = Sqlite::vouch(&place.settings("a.db"), &other_store(), at(0)).unwrap_err();
    assert!(matches!(error, BackupError::NoStore(_)), "{error}");
    assert_eq!(place.names(), [""; 0]);
    let store = place.store("a.db");
    let about = place.backup("a.db", "1.backup").about;
    let vouch = async |about: &About, ms| Sqlite::vouch(&place.settings("a.db"), about, at(ms));
    check(&store, &about, vouch).await;
    place.backup("a.db", "2.backup");
    place.restore("2.backup", "b.db");
    assert_eq!(place.store("b.db").backed_up_to().await.unwrap(), Some(at(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_database_as_it_is_can_be_vouched_for() {
    let (place, base) = (Place::new(), Base::new());
    let error = Postgres::vouch(&base.settings(), &other_store(), at(0)).await.unwrap_err();
    assert!(matches!(error, BackupError::NoStore(_)), "{error}");
    let store = base.store().await;
    let about = base.try_backup(&place, "1.backup").await.unwrap().about;
    let settings = base.settings();
    let vouch = async |about: &About, ms| Postgres::vouch(&settings, about, at(ms)).await;
    check(&store, &about, vouch).await;
    base.try_backup(&place, "2.backup").await.unwrap();
    store.close();
    base.try_restore(&place, "2.backup", Overwrite::Always).await.unwrap();
    assert_eq!(base.store().await.backed_up_to().await.unwrap(), Some(at(5)));
}
