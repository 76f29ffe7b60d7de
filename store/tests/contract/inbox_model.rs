//! Any sequence of writes to an inbox reads as a model says that keeps every row in a list.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::{InboxRow, NewNotification, News};
use landfall_core::session::Read;
use landfall_core::time::Timestamp;
use landfall_store::{InboxQuery, InboxSlice, Outcome, StoreError, Write};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

use super::make::{at, details, note, publish, tenant, user};
use super::world::World;

/// What a published notification is like.
#[derive(Debug, Clone, Copy)]
struct Kind {
    is_exam: bool,
    expires: bool,
}

/// One write; an index chooses among what was published.
#[derive(Debug, Clone)]
enum Op {
    Publish(Kind),
    Read(Index),
    Delete(Index),
    AllRead,
    Confirm(Index),
    Expire(Index),
}

fn op() -> impl Strategy<Value = Op> {
    let publish = (any::<bool>(), any::<bool>())
        .prop_map(|(is_exam, expires)| Op::Publish(Kind { is_exam, expires }));
    prop_oneof![
        6 => publish,
        3 => any::<Index>().prop_map(Op::Read),
        2 => any::<Index>().prop_map(Op::Delete),
        1 => Just(Op::AllRead),
        2 => any::<Index>().prop_map(Op::Confirm),
        1 => any::<Index>().prop_map(Op::Expire),
    ]
}

/// A row as it should be.
#[derive(Debug, Clone)]
struct Row {
    id: NotificationId,
    born: u64,
    changed: u64,
    kind: Kind,
    is_read: bool,
    /// When it was read on its own.
    read_at: Option<Timestamp>,
    is_delivered: bool,
    is_deleted: bool,
    is_given_up: bool,
}

#[derive(Debug, Default)]
struct Model {
    rows: Vec<Row>,
    head: u64,
    /// The number of the "all read" mark, and up to where it reaches.
    mark: Option<(u64, u64)>,
}

/// What a write should do; `None` is stale.
type Expected = Option<Outcome>;

impl Model {
    fn next(&mut self) -> u64 {
        self.head += 1;
        self.head
    }

    fn unread(&self) -> u64 {
        self.rows.iter().filter(|row| !row.is_read && !row.is_deleted).count() as u64
    }

    fn publish(&mut self, id: NotificationId, kind: Kind) -> Expected {
        let number = self.next();
        self.rows.push(Row {
            id,
            born: number,
            changed: number,
            kind,
            is_read: false,
            read_at: None,
            is_delivered: false,
            is_deleted: false,
            is_given_up: false,
        });
        Some(Outcome::Numbered(Number(number)))
    }

    fn read(&mut self, index: usize, at: Timestamp) -> Expected {
        if self.rows[index].is_read || self.rows[index].is_deleted {
            return None;
        }
        let number = self.next();
        let row = &mut self.rows[index];
        (row.is_read, row.is_delivered) = (true, true);
        (row.read_at, row.changed) = (Some(at), number);
        Some(Outcome::Numbered(Number(number)))
    }

    fn delete(&mut self, index: usize) -> Expected {
        if self.rows[index].is_deleted {
            return None;
        }
        let number = self.next();
        let row = &mut self.rows[index];
        (row.is_deleted, row.changed) = (true, number);
        Some(Outcome::Numbered(Number(number)))
    }

    fn all_read(&mut self) -> Expected {
        let marked = self.unread();
        if marked == 0 {
            return Some(Outcome::Unchanged);
        }
        let up_to = self.head;
        let number = self.next();
        self.mark = Some((number, up_to));
        self.rows.iter_mut().for_each(|row| row.is_read = true);
        Some(Outcome::AllRead { number: Number(number), up_to: Number(up_to), marked })
    }

    fn confirm(&mut self, index: usize) -> Expected {
        let row = &mut self.rows[index];
        if row.is_delivered || row.is_deleted {
            return Some(Outcome::Unchanged);
        }
        row.is_delivered = true;
        Some(Outcome::Done)
    }

    fn expire(&mut self, index: usize) -> Expected {
        let row = &mut self.rows[index];
        let is_settled = row.is_delivered || row.is_deleted || row.is_given_up || !row.kind.expires;
        row.is_given_up |= !is_settled;
        let fails = !is_settled && !row.is_read;
        Some(if fails { Outcome::Done } else { Outcome::Unchanged })
    }
}

/// What a page should hold.
struct Expect<'a> {
    rows: &'a [&'a Row],
    mark: Option<u64>,
    more: bool,
}

/// One inbox under test beside its model.
struct Pair<'a> {
    world: &'a World,
    tenant: Tenant,
    user: UserId,
    model: Model,
}

impl Pair<'_> {
    async fn run(&mut self, op: Op, now: Timestamp) {
        let user = self.user.clone();
        let chosen = |index: Index| index.index(self.model.rows.len().max(1));
        let (write, expected) = match op {
            Op::Publish(kind) => {
                let new = new(&user, kind);
                (publish(&new), self.model.publish(new.id, kind))
            }
            Op::AllRead => (Write::MarkAllRead { user, at: now }, self.model.all_read()),
            _ if self.model.rows.is_empty() => return,
            Op::Read(index) => {
                let index = chosen(index);
                let id = self.model.rows[index].id;
                (Write::MarkRead { user, id, at: now }, self.model.read(index, now))
            }
            Op::Delete(index) => {
                let index = chosen(index);
                let id = self.model.rows[index].id;
                (Write::Delete { user, id }, self.model.delete(index))
            }
            Op::Confirm(index) => {
                let index = chosen(index);
                let (number, details) = (Number(self.model.rows[index].born), details("u", "{}"));
                (Write::Confirm { user, number, at: now, details }, self.model.confirm(index))
            }
            Op::Expire(index) => {
                let index = chosen(index);
                let (number, details) = (Number(self.model.rows[index].born), details("u", "{}"));
                (Write::Expire { user, number, at: now, details }, self.model.expire(index))
            }
        };
        match self.world.commit(&self.tenant, vec![write]).await {
            Ok(receipt) => assert_eq!(Some(receipt.outcomes[0]), expected),
            Err(StoreError::Stale) => assert_eq!(None, expected),
            Err(error) => panic!("{error:?}"),
        }
        let (unread, head) = self.world.store.unread(&self.tenant, &self.user).await.unwrap();
        assert_eq!((unread, head.newest.0), (self.model.unread(), self.model.head));
    }

    async fn compare_lists(&self) {
        let middle = Number(self.model.head / 2);
        let (after, before) = (Number(self.model.head / 4), Some(Number(self.model.head)));
        for slice in [
            InboxSlice::Newest { below: None },
            InboxSlice::Newest { below: Some(middle) },
            InboxSlice::ChangedAfter { after: Number::ZERO, before: None },
            InboxSlice::ChangedAfter { after, before },
            InboxSlice::ChangedBefore(middle),
        ] {
            for read in [None, Some(true), Some(false)] {
                for (exam, offset, limit) in [(false, 0, 99), (false, 1, 2), (true, 1, 3)] {
                    let notification_type = exam.then(|| "exam".into());
                    let query = InboxQuery { slice, read, notification_type, offset, limit };
                    self.compare_list(query).await;
                }
            }
        }
    }

    async fn compare_list(&self, query: InboxQuery) {
        let mut rows: Vec<&Row> = self.model.rows.iter().filter(|row| !row.is_deleted).collect();
        rows.retain(|row| query.read.is_none_or(|read| read == row.is_read));
        rows.retain(|row| query.notification_type.is_none() || row.kind.is_exam);
        match query.slice {
            InboxSlice::Newest { below } => {
                rows.retain(|row| below.is_none_or(|below| row.born < below.0));
                rows.reverse();
            }
            InboxSlice::ChangedAfter { after, before } => {
                rows.retain(|row| row.changed > after.0);
                rows.retain(|row| before.is_none_or(|before| row.changed < before.0));
                rows.sort_by_key(|row| row.changed);
            }
            InboxSlice::ChangedBefore(before) => {
                rows.retain(|row| row.changed < before.0);
                rows.sort_by_key(|row| std::cmp::Reverse(row.changed));
            }
        }
        let expected: Vec<&Row> = rows.into_iter().skip(query.offset).take(query.limit).collect();
        let text = format!("{query:?}");
        let found = self.world.store.list(&self.tenant, &self.user, query).await.unwrap();
        assert_eq!(found.len(), expected.len(), "{text}");
        for (found, row) in found.iter().zip(expected) {
            check_row(&found.into(), row);
        }
    }

    async fn compare_pages(&self) {
        for after in [0, self.model.head / 3, self.model.head] {
            for limit in [1, 3, 99] {
                let mut rows: Vec<&Row> =
                    self.model.rows.iter().filter(|row| row.changed > after).collect();
                rows.sort_by_key(|row| row.changed);
                let more = rows.len() > limit;
                let after = Number(after);
                let newest = &rows[rows.len().saturating_sub(limit)..];
                let first = newest.first().map_or(0, |row| row.changed);
                let mark = self.mark_above(after).filter(|mark| !more || *mark > first);
                let expect = Expect { rows: newest, mark, more };
                self.compare_page(Read::Newest { after, limit }, expect).await;
                let oldest = &rows[..limit.min(rows.len())];
                let last = oldest.last().map_or(0, |row| row.changed);
                let mark = self.mark_above(after).filter(|mark| !more || *mark < last);
                let expect = Expect { rows: oldest, mark, more };
                self.compare_page(Read::Oldest { after, limit }, expect).await;
                self.compare_pending(after, limit).await;
            }
        }
    }

    fn mark_above(&self, after: Number) -> Option<u64> {
        self.model.mark.map(|(number, _)| number).filter(|number| *number > after.0)
    }

    /// Undelivered rows, as a session is owed them and as acknowledgements cover them.
    async fn compare_pending(&self, after: Number, limit: usize) {
        let is_open = |row: &&Row| !row.is_delivered && !row.is_deleted && !row.is_given_up;
        let open: Vec<&Row> = self.model.rows.iter().filter(is_open).collect();
        let up_to = Number(self.model.head * 2 / 3);
        let found =
            self.world.store.undelivered(&self.tenant, &self.user, up_to, limit).await.unwrap();
        let within = open.iter().filter(|row| row.born <= up_to.0);
        let expected: Vec<Number> = within.take(limit).map(|row| Number(row.born)).collect();
        assert_eq!(found, expected);

        for up_to in [None, Some(up_to)] {
            let end = up_to.map_or(self.model.head, |number| number.0);
            let mut rows = open.clone();
            rows.retain(|row| !row.is_read && row.changed > after.0 && row.changed <= end);
            let more = rows.len() > limit;
            rows.truncate(limit);
            let expect = Expect { rows: &rows, mark: None, more };
            self.compare_page(Read::Pending { after, up_to, limit }, expect).await;
        }
    }

    async fn compare_page(&self, read: Read, Expect { rows, mark, more }: Expect<'_>) {
        let page = self.world.page(&self.tenant, &self.user, read).await;
        assert_eq!((page.more, page.head.newest.0), (more, self.model.head), "{read:?}");
        let mut expected: Vec<u64> = rows.iter().map(|row| row.changed).chain(mark).collect();
        expected.sort_unstable();
        let numbers: Vec<u64> = page.rows.iter().map(|row| row.number().0).collect();
        assert_eq!(numbers, expected, "{read:?}");
        let mut rows = rows.iter();
        for row in &page.rows {
            match row {
                InboxRow::Notification(found) => check_row(found, rows.next().unwrap()),
                InboxRow::AllRead { up_to, .. } => {
                    assert_eq!(Some(up_to.0), self.model.mark.map(|(_, up_to)| up_to));
                }
            }
        }
    }
}

fn new(user: &UserId, kind: Kind) -> NewNotification {
    let mut new = note(user, "n");
    new.expires_at = kind.expires.then(|| at(0));
    if kind.is_exam {
        Arc::make_mut(&mut new.content).notification_type = "exam".into();
    }
    new
}

#[track_caller]
fn check_row(found: &News, row: &Row) {
    assert_eq!((found.id, found.number.0, found.changed.0), (row.id, row.born, row.changed));
    assert_eq!((found.read_at.is_some(), found.deleted), (row.is_read, row.is_deleted), "{row:?}");
    assert_eq!(found.delivered_at.is_some(), row.is_delivered, "{row:?}");
    assert!(row.read_at.is_none() || found.read_at == row.read_at, "{row:?}");
}

pub async fn any_sequence_of_writes_reads_as_a_naive_model_says(world: World) {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let mut users = 0..;
    let runtime = tokio::runtime::Handle::current();
    let sequences = proptest::collection::vec(op(), 1..40);
    let next_user = std::cell::RefCell::new(&mut users);
    let result = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&sequences, |ops| {
            let n: u32 = next_user.borrow_mut().next().unwrap();
            let user = user(&format!("u{n}"));
            let mut pair =
                Pair { world: &world, tenant: tenant("t"), user, model: Model::default() };
            runtime.block_on(async {
                for (ms, op) in (1..).zip(ops) {
                    pair.run(op, at(ms)).await;
                }
                pair.compare_lists().await;
                pair.compare_pages().await;
            });
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
