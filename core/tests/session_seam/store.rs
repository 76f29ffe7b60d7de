//! A naive store: rows in a list, read by filtering, numbered in the order of commits.
//!
//! It is the truth that the session is checked against; must never know how a session works.

use std::sync::Arc;

use landfall_core::feed::{Head, Number};
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::{
    Content, InboxChange, InboxRow, JsonText, NewNotification, Notification, Priority,
};
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use uuid::Uuid;

pub const NOW: Timestamp = Timestamp::from_ms(1_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    pub number: u64,
    pub changed: u64,
    pub read: bool,
    pub deleted: bool,
    pub delivered: bool,
}

/// Everything up to `up_to` was read at `number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    pub number: u64,
    pub up_to: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    Published(u64),
    Read(u64),
    Deleted(u64),
    AllRead(u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Store {
    pub rows: Vec<Row>,
    pub mark: Option<Mark>,
    pub head: u64,
}

/// What one read saw; delivered to the session later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    rows: Vec<Row>,
    mark: Option<Mark>,
    head: u64,
    more: bool,
}

impl Store {
    /// Applies a change at the next number and returns that number.
    pub fn commit(&mut self, change: Change) -> u64 {
        self.head += 1;
        let number = self.head;
        match change {
            Change::Published(_) => self.rows.push(Row {
                number,
                changed: number,
                read: false,
                deleted: false,
                delivered: false,
            }),
            Change::Read(id) => {
                let row = self.row_mut(id);
                (row.read, row.changed) = (true, number);
            }
            Change::Deleted(id) => {
                let row = self.row_mut(id);
                (row.deleted, row.changed) = (true, number);
            }
            Change::AllRead(up_to) => self.mark = Some(Mark { number, up_to }),
        }
        number
    }

    pub fn row_mut(&mut self, id: u64) -> &mut Row {
        self.rows.iter_mut().find(|row| row.number == id).expect("only known rows are changed")
    }

    /// Says whether the row counts as read once everything up to `at` is known.
    pub fn is_read(&self, row: &Row, at: u64) -> bool {
        row.read || self.mark.is_some_and(|mark| mark.number <= at && row.number <= mark.up_to)
    }

    pub fn read(&self, read: Read) -> Snapshot {
        match read {
            Read::Newest { after, limit } => self.all(after, |len| len.saturating_sub(limit)..len),
            Read::Oldest { after, limit } => self.all(after, |len| 0..len.min(limit)),
            Read::Pending { after, up_to, limit } => {
                let rows = self.rows.iter().filter(|row| self.is_pending(row, after, up_to));
                let rows: Vec<Row> = rows.copied().collect();
                let more = rows.len() > limit;
                let rows = rows.into_iter().take(limit).collect();
                Snapshot { rows, mark: None, head: self.head, more }
            }
        }
    }

    fn is_pending(&self, row: &Row, after: Number, up_to: Option<Number>) -> bool {
        let is_new = !row.deleted && !row.delivered && !self.is_read(row, self.head);
        is_new && row.changed > after.0 && up_to.is_none_or(|up_to| row.changed <= up_to.0)
    }

    /// Reads every kind of row above `after`, in order, and keeps the range that `keep` chooses.
    fn all(&self, after: Number, keep: impl Fn(usize) -> std::ops::Range<usize>) -> Snapshot {
        let mut numbers: Vec<u64> = self.rows.iter().map(|row| row.changed).collect();
        numbers.extend(self.mark.map(|mark| mark.number));
        numbers.retain(|number| *number > after.0);
        numbers.sort_unstable();
        let kept = &numbers[keep(numbers.len())];
        let mut rows: Vec<Row> = self.rows.clone();
        rows.retain(|row| kept.contains(&row.changed));
        rows.sort_unstable_by_key(|row| row.changed);
        let mark = self.mark.filter(|mark| kept.contains(&mark.number));
        Snapshot { rows, mark, head: self.head, more: kept.len() < numbers.len() }
    }
}

impl Snapshot {
    pub fn page(&self, make: &Maker) -> Page {
        let rows = self.rows.iter().map(|row| make.row(row));
        let mut rows: Vec<InboxRow> = rows.collect();
        if let Some(Mark { number, up_to }) = self.mark {
            let (number, up_to) = (Number(number), Number(up_to));
            rows.push(InboxRow::AllRead { number, up_to, at: NOW });
            rows.sort_by_key(InboxRow::number);
        }
        let head = Head { newest: Number(self.head), horizon: Number::ZERO };
        Page { rows, head, more: self.more }
    }
}

/// Makes the notifications that the session is shown; all say the same.
pub struct Maker {
    user: UserId,
    content: Arc<Content>,
}

impl Maker {
    pub fn new() -> Self {
        let content = Content {
            notification_type: "news".into(),
            template_id: None,
            title: String::new(),
            message: String::new(),
            data: JsonText::trusted("{}"),
            priority: Priority::Normal,
            locale: None,
            sender_id: None,
            sender_name: None,
            image: None,
            actions: None,
            link: None,
        };
        let user = UserId::parse("u1").expect("a plain name is an id");
        Self { user, content: Arc::new(content) }
    }

    pub fn notification(&self, row: &Row) -> Arc<Notification> {
        let new = NewNotification {
            id: id(row.number),
            user: self.user.clone(),
            content: Arc::clone(&self.content),
            created_at: NOW,
            expires_at: None,
            channels: Vec::new(),
            send: None,
        };
        let mut notification = new.numbered(Number(row.number));
        notification.changed = Number(row.changed);
        notification.read_at = row.read.then_some(NOW);
        notification.delivered_at = row.delivered.then_some(NOW);
        notification.deleted = row.deleted;
        Arc::new(notification)
    }

    fn row(&self, row: &Row) -> InboxRow {
        InboxRow::Notification(Arc::new((&*self.notification(row)).into()))
    }

    /// Makes what a nudge says: the change as it was committed, whatever came after.
    pub fn change(&self, change: Change) -> InboxChange {
        match change {
            Change::Published(number) => InboxChange::Published(self.notification(&Row {
                number,
                changed: number,
                read: false,
                deleted: false,
                delivered: false,
            })),
            Change::Read(number) => InboxChange::Read { id: id(number), at: NOW },
            Change::Deleted(number) => InboxChange::Deleted { id: id(number) },
            Change::AllRead(up_to) => InboxChange::AllRead { up_to: Number(up_to), at: NOW },
        }
    }
}

/// The id of the notification that was published with `number`.
fn id(number: u64) -> NotificationId {
    NotificationId(Uuid::from_u128(number.into()))
}
