//! A backup beside writers is one moment of the store: no unit that was answered before is
//! missing, and none is there by half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use landfall_core::audit::Action;
use landfall_store::{Audits as _, Commits as _, Inbox as _, Store, Unit};

use crate::make::{at, draft, key, note, publish, tenant, unit, user};
use crate::place::{Place, inbox};

const WRITERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_writers_is_one_moment() {
    let place = Arc::new(Place::new());
    let store = Arc::new(place.store("a.db"));
    let theirs = Arc::clone(&place);
    check_beside_writers(&place, store, async |file: String| {
        let place = Arc::clone(&theirs);
        tokio::task::spawn_blocking(move || place.backup("a.db", &file)).await.unwrap();
    })
    .await;
}

/// Backs a store up three times while it is written to, and looks at each backup.
pub async fn check_beside_writers(
    place: &Place,
    store: Arc<dyn Store>,
    back_up: impl AsyncFn(String),
) {
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, answered, stop) =
            (Arc::clone(&store), Arc::clone(&answered), Arc::clone(&stop));
        writers.spawn(write(store, writer, answered, stop));
    }
    let mut backups = Vec::new();
    for round in 1..=3 {
        while answered.load(Ordering::SeqCst) < round * 500 {
            tokio::task::yield_now().await;
        }
        store.seal(at(1), 500).await.unwrap();
        let before = answered.load(Ordering::SeqCst);
        let name = format!("{round}.backup");
        back_up(name.clone()).await;
        backups.push((name, before, answered.load(Ordering::SeqCst)));
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    store.close();
    for (file, before, after) in backups {
        check(place, &file, before, after).await;
    }
}

async fn write(
    store: Arc<dyn Store>,
    writer: usize,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) {
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // One unit: a notification on either inbox, an entry and a key.
        let writes = [user("one"), user("other")].map(|to| publish(&note(&to, "n")));
        let audit = vec![draft(Action::Connected, "u", 1)];
        let idempotency = Some(key(&format!("{writer} {turn}"), 1));
        let unit = Unit { audit, idempotency, ..unit(&tenant("t"), writes.into()) };
        store.commit(unit).await.unwrap();
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

async fn check(place: &Place, file: &str, before: u64, after: u64) {
    let restored = format!("{file}.db");
    place.restore(file, &restored);
    let store = place.store(&restored);
    let t = tenant("t");
    let [one, other] =
        [inbox(&store, &t, &user("one")).await, inbox(&store, &t, &user("other")).await];
    let units = one.len() as u64;
    assert_eq!(other.len(), one.len(), "half a unit");
    assert!(units >= before, "{units} of {before} that were answered before");
    assert!(units <= after + WRITERS as u64, "{units}, and {after} were answered after");
    let numbers: Vec<u64> = one.iter().rev().map(|n| n.number.0).collect();
    assert_eq!(numbers, (1..=units).collect::<Vec<_>>());
    assert_eq!(store.unread(&t, &user("one")).await.unwrap().0, units);
    let verified = store.verify(&t).await.unwrap();
    assert_eq!(verified.broken, None);
    assert_eq!(verified.entries + verified.unsealed, units + 1, "one says that it was restored");
    let mut known = 0;
    for writer in 0..WRITERS {
        for turn in 0..=after {
            let again = Some(key(&format!("{writer} {turn}"), 2));
            match store.commit(Unit { idempotency: again, ..Unit::new(&t) }).await {
                Err(landfall_store::StoreError::KeyReused) => known += 1,
                Ok(_) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(known, units);
}
