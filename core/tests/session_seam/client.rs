//! A naive client that holds the server to the contract: it applies each frame and fails at the
//! first that breaks a promise. Must never forgive what a real client could not repair.

use landfall_core::notification::News;
use landfall_core::session::{Body, Frame};

use super::store::{Row, Store};

/// More numbers than any history here gives out.
const NUMBERS: usize = 16;

/// It has the notification, by a frame, by its own memory or by the listing of a gap.
pub const HAS: u8 = 1;
/// It may have it by a listing of the inbox: it must hear of its end.
pub const MAY_HAVE: u8 = 2;
/// A frame on this session brought the whole of it.
pub const WHOLE: u8 = 4;
pub const READ: u8 = 8;
pub const GONE: u8 = 16;
/// It is owed the notification: it may not be left out.
pub const OWED: u8 = 32;
/// A gap named its number, and it was deleted before the client could list it.
const NAMED: u8 = 64;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Client {
    pub last: Option<u64>,
    /// Its last number is none that the feed ever gave out.
    pub is_lost: bool,
    /// By the number of the notification.
    pub seen: [u8; NUMBERS],
}

impl Client {
    pub fn is(&self, number: u64, flags: u8) -> bool {
        self.seen[number as usize] & flags != 0
    }

    pub fn set(&mut self, number: u64, flags: u8) {
        self.seen[number as usize] |= flags;
    }

    pub fn take(&mut self, frame: &Frame, store: &Store) -> Result<(), String> {
        let (at, prev) = (frame.at.0, frame.prev.0);
        let is_reset = std::mem::take(&mut self.is_lost);
        let is_gap = frame.body == Body::Gap;
        if is_reset && !is_gap {
            return Err("a number beyond the head was not answered by a gap".into());
        }
        if let Some(last) = self.last.filter(|_| !is_reset) {
            if at <= last {
                return Err(format!("at {at} does not follow {last}"));
            }
            if prev > last {
                return Err(format!("prev {prev} is above {last}: the client would reconnect"));
            }
        }
        self.last = Some(at);
        match &frame.body {
            Body::Gap => self.list(prev, at, store),
            Body::Notification(n) => return self.show(n),
            Body::Read { id, .. } => return self.hear_of(id.0.as_u128() as u64, READ),
            Body::Deleted { id } => return self.hear_of(id.0.as_u128() as u64, GONE),
            Body::AllRead { up_to, .. } => self.mark_all(up_to.0),
        }
        Ok(())
    }

    fn show(&mut self, shown: &News) -> Result<(), String> {
        let number = shown.number.0;
        if self.is(number, WHOLE) {
            return Err(format!("notification {number} came twice"));
        }
        if self.is(number, GONE) {
            return Err(format!("notification {number} came after its end"));
        }
        // The frame says how it stands, whatever was believed of it before.
        self.seen[number as usize] &= !READ;
        self.set(number, HAS | WHOLE | if shown.read_at.is_some() { READ } else { 0 });
        Ok(())
    }

    fn mark_all(&mut self, up_to: u64) {
        self.seen[..=up_to as usize].iter_mut().for_each(|flags| *flags |= READ);
    }

    fn hear_of(&mut self, number: u64, flag: u8) -> Result<(), String> {
        if !self.is(number, HAS | MAY_HAVE | NAMED) {
            return Err(format!("a change of {number}, which the client cannot know"));
        }
        if self.is(number, GONE) {
            return Err(format!("a change of {number} came after its end"));
        }
        self.set(number, flag);
        Ok(())
    }

    /// Fetches at once what a gap left out: of the rows that changed after it began, ends among
    /// them, those that were numbered before it ends. What has moved on since comes again.
    fn list(&mut self, after: u64, up_to: u64, store: &Store) {
        if let Some(mark) = store.mark.filter(|m| after < m.number && m.number <= up_to) {
            self.mark_all(mark.up_to);
        }
        let left_out = |row: &&Row| row.changed > after && row.number <= up_to;
        for row in store.rows.iter().filter(left_out) {
            let read = if store.is_read(row, store.head) { READ } else { 0 };
            self.set(
                row.number,
                match (row.deleted, row.changed <= up_to) {
                    (true, true) => GONE,
                    (true, false) => NAMED,
                    (false, _) => HAS | read,
                },
            );
        }
    }

    /// Checks what a number promises: the client has been told of everything up to `at`.
    pub fn check(&self, at: u64, store: &Store) -> Result<(), String> {
        for row in store.rows.iter().filter(|row| row.changed <= at) {
            let number = row.number;
            if row.deleted {
                if self.is(number, HAS | MAY_HAVE) && !self.is(number, GONE) {
                    return Err(format!("the client keeps {number}, which was deleted"));
                }
                continue;
            }
            if self.is(number, GONE) {
                return Err(format!("{number} is gone for the client alone"));
            }
            if !self.is(number, HAS) {
                if self.is(number, OWED) {
                    return Err(format!("{number} never came, at {at}"));
                }
                continue;
            }
            if store.is_read(row, at) && !self.is(number, READ) {
                return Err(format!("{number} is read, and the client does not know, at {at}"));
            }
            if self.is(number, READ) && !store.is_read(row, store.head) {
                return Err(format!("{number} is read for the client alone"));
            }
        }
        Ok(())
    }
}
