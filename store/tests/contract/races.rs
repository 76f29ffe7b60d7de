//! Races: writers against readers and against the sink.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::{InboxChange, InboxRow};
use landfall_core::session::Read;
use landfall_store::{Change, ChangeSink, Store, StoreError, Unit, Write};
use tokio::task::JoinSet;

use super::make::{at, key, mark_read, never, note, publish, tenant, unit, user};
use super::world::{World, assert_stale, inbox, number as number_of};

const WRITERS: usize = 8;
const UNITS: usize = 40;

/// What is on a feed: its numbers, and what got them.
pub type Committed = BTreeMap<Number, NotificationId>;

/// What one writer's `n`th unit is.
fn unit_of(writer: usize, n: usize, t: &Tenant, u: &UserId) -> (Vec<NotificationId>, Unit) {
    let count = if n.is_multiple_of(10) { 60 } else { 1 + (writer + n) % 3 };
    let notes: Vec<_> = (0..count).map(|m| note(u, &format!("{writer} {n} {m}"))).collect();
    let mut unit = unit(t, notes.iter().map(publish).collect());
    match (writer + n) % 4 {
        // Fails after its numbers were given out.
        0 => unit.writes.push(never(u)),
        // Every writer has this request; one takes effect.
        1 => unit.idempotency = Some(key(&format!("shared {n}"), 1)),
        _ => {}
    }
    (notes.iter().map(|note| note.id).collect(), unit)
}

async fn write(store: Arc<dyn Store>, writer: usize, t: Tenant, u: UserId) -> Committed {
    let mut committed = Committed::new();
    for n in 0..UNITS {
        let (ids, unit) = unit_of(writer, n, &t, &u);
        let fails = matches!(unit.writes.last(), Some(Write::MarkRead { .. }));
        match store.commit(unit).await {
            answer if fails => assert_stale(answer),
            Ok(receipt) => committed.extend(receipt.numbers().into_iter().zip(ids)),
            Err(StoreError::Duplicate(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    committed
}

/// Reads from a cursor until all is in, checking that no number is ever skipped.
pub async fn read_all(
    store: Arc<dyn Store>,
    t: Tenant,
    u: UserId,
    over: Arc<OnceLock<()>>,
) -> Committed {
    let (mut seen, mut cursor) = (Committed::new(), Number::ZERO);
    loop {
        let is_over = over.get().is_some();
        let page = store.read(&t, &u, Read::Oldest { after: cursor, limit: 17 }).await.unwrap();
        for row in &page.rows {
            let InboxRow::Notification(found) = row else { panic!("{row:?}") };
            assert_eq!(found.changed, cursor.next(), "a number was skipped");
            cursor = found.changed;
            assert_eq!(seen.insert(found.number, found.id), None, "seen twice");
        }
        assert!(page.more || page.head.newest == cursor, "rows up to the head are missing");
        if is_over && page.rows.is_empty() {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

async fn write_all(store: &Arc<dyn Store>, t: &Tenant, u: &UserId) -> Committed {
    write_through(&[store], t, u).await
}

/// Publishes to one inbox from eight writers, each through one of the stores.
pub async fn write_through(stores: &[&Arc<dyn Store>], t: &Tenant, u: &UserId) -> Committed {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(stores[writer % stores.len()]);
        writers.spawn(write(store, writer, t.clone(), u.clone()));
    }
    writers.join_all().await.into_iter().flatten().collect()
}

/// Eight writers publish to one inbox: some units carry many writes, some collide on their keys,
/// some fail after their numbers were given out. One reader follows with a cursor.
pub async fn eight_writers_and_a_reader_with_a_cursor_miss_nothing(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let over = Arc::new(OnceLock::new());
    let store = Arc::clone(&world.store);
    let reader = tokio::spawn(read_all(store, t.clone(), u.clone(), Arc::clone(&over)));
    let committed = write_all(&world.store, &t, &u).await;
    over.set(()).unwrap();
    let seen = reader.await.unwrap();
    assert!(committed.len() > WRITERS * UNITS / 2);
    assert_eq!(seen, committed);
    let numbers: Vec<u64> = seen.keys().map(|number| number.0).collect();
    assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, seen.len() as u64);
}

/// Rows are read and deleted, which gives each a new number; whenever a page is read, it must
/// hold every row once, and none above the head that it tells.
pub async fn a_page_is_one_snapshot_while_rows_move(world: World) {
    const ROWS: usize = 100;
    let (t, u) = (tenant("t"), user("u"));
    let notes: Vec<_> = (0..ROWS).map(|n| note(&u, &format!("n{n}"))).collect();
    world.commit(&t, notes.iter().map(publish).collect()).await.unwrap();
    let store = Arc::clone(&world.store);
    let (theirs, owner) = (t.clone(), u.clone());
    let writer = tokio::spawn(async move {
        let read = notes.iter().map(|note| mark_read(&owner, note.id, at(1)));
        let delete = |id| Write::Delete { user: owner.clone(), id };
        for write in read.chain(notes.iter().map(|note| delete(note.id))) {
            store.commit(unit(&theirs, vec![write])).await.unwrap();
        }
    });
    loop {
        let is_over = writer.is_finished();
        let page = world.page(&t, &u, Read::Oldest { after: Number::ZERO, limit: ROWS }).await;
        assert_eq!((page.rows.len(), page.more), (ROWS, false));
        assert_eq!(page.rows.last().unwrap().number(), page.head.newest);
        if is_over {
            break;
        }
    }
    writer.await.unwrap();
}

pub async fn changes_are_heard_in_order_and_only_once(world: World) {
    let t = tenant("t");
    let users = [user("a"), user("b")];
    let (first, second) = tokio::join!(
        write_all(&world.store, &t, &users[0]),
        write_all(&world.store, &t, &users[1])
    );
    let last = first.values().next_back().copied().unwrap();
    let number = world.done(&t, mark_read(&users[0], last, at(3))).await;
    world.done(&t, Write::MarkAllRead { user: users[0].clone(), at: at(4) }).await;
    world.done(&t, Write::Delete { user: users[0].clone(), id: last }).await;
    assert_stale(world.commit(&t, vec![mark_read(&users[0], last, at(5))]).await);

    let mut feeds: HashMap<Arc<FeedKey>, Vec<Change>> = HashMap::new();
    for change in world.heard() {
        feeds.entry(Arc::clone(&change.feed)).or_default().push(change);
    }
    for (user, committed, more) in [(&users[0], first, 3), (&users[1], second, 0)] {
        let heard = &feeds[&FeedKey::inbox(&t, user)];
        let numbers: Vec<u64> = heard.iter().map(|change| number_of(change)).collect();
        assert_eq!(numbers, (1..=committed.len() as u64 + more).collect::<Vec<_>>());
        for (change, (number, id)) in heard.iter().zip(&committed) {
            let InboxChange::Published(found) = inbox(change) else { panic!("{change:?}") };
            assert_eq!((found.number, found.changed, found.id), (*number, *number, *id));
        }
    }
    let told: Vec<_> = feeds[&FeedKey::inbox(&t, &users[0])].iter().rev().take(3).collect();
    let up_to = told[2].change.number().unwrap();
    assert_eq!(number, landfall_store::Outcome::Numbered(up_to));
    assert_eq!(*inbox(told[2]), InboxChange::Read { id: last, at: at(3) });
    assert_eq!(*inbox(told[1]), InboxChange::AllRead { up_to, at: at(4) });
    assert_eq!(*inbox(told[0]), InboxChange::Deleted { id: last });
}

/// The sink itself reads, on a thread of its own so that it may wait for the answer.
pub async fn a_change_is_heard_only_after_a_read_can_see_it(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let store: Arc<OnceLock<Weak<dyn Store>>> = Arc::default();
    let unseen: Arc<Mutex<Vec<Number>>> = Arc::default();
    let (theirs, missing) = (Arc::clone(&store), Arc::clone(&unseen));
    let runtime = tokio::runtime::Handle::current();
    let sink: ChangeSink = Arc::new(move |changes| {
        let Some(store) = theirs.get().and_then(Weak::upgrade) else { return };
        let Some(last) = changes.last() else { return };
        let feeds = vec![Arc::clone(&last.feed)];
        let head = std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(store.heads(feeds)).unwrap()[0]).join().unwrap()
        });
        let number = last.change.number().unwrap();
        if head.newest < number {
            missing.lock().unwrap().push(number);
        }
    });
    world.store.close();
    let opened = world.backend().open(sink).await.unwrap();
    store.set(Arc::downgrade(&opened)).unwrap();
    for n in 0..20 {
        let unit = unit(&t, vec![publish(&note(&u, &format!("n{n}")))]);
        opened.commit(unit).await.unwrap();
    }
    assert_eq!(*unseen.lock().unwrap(), []);
    assert_eq!(opened.replay_sequence(), Number(20));
}
