//! The rows that floors store: the same for every layout and statement, about 300 bytes each. It knows no schema;
//! statements name what they want.

use rusqlite::{CachedStatement, Connection, ToSql};
use uuid::Uuid;

use super::stats::Random;

/// Distinct texts, so that no compression or caching by chance sees one text only.
const BODIES: usize = 1024;

/// The parameters that a statement may name.
///
/// `:feed` is the feed's number from 0, `:born` and `:seq` the row's number on it from 1, `:id` a UUIDv7 as 16 bytes,
/// `:now` microseconds that grow with each row, `:n` the row's number over all feeds, `:body` about 220 bytes of JSON.
const PARAMETERS: [&str; 7] = [":feed", ":born", ":seq", ":id", ":now", ":n", ":body"];

/// A statement and where it wants which part of a row.
pub struct Insert<'c> {
    statement: CachedStatement<'c>,
    slots: [Option<usize>; PARAMETERS.len()],
}

impl<'c> Insert<'c> {
    /// Prepares `sql`; fails as SQLite does.
    pub fn prepare(connection: &'c Connection, sql: &str) -> rusqlite::Result<Self> {
        let statement = connection.prepare_cached(sql)?;
        let mut slots = [None; PARAMETERS.len()];
        for (slot, name) in slots.iter_mut().zip(PARAMETERS) {
            *slot = statement.parameter_index(name)?;
        }
        Ok(Self { statement, slots })
    }

    /// Runs the statement for `row`; fails as SQLite does.
    pub fn execute(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let Row { feed, number, id, now, total, body } = row;
        let values: [&dyn ToSql; PARAMETERS.len()] = [feed, number, number, id, now, total, body];
        for (slot, value) in self.slots.iter().zip(values) {
            if let Some(index) = *slot {
                self.statement.raw_bind_parameter(index, value)?;
            }
        }
        self.statement.raw_execute().map(|_| ())
    }
}

/// One row to be stored.
pub struct Row<'a> {
    /// The feed's number from 0.
    pub feed: i64,
    /// The row's number on it from 1.
    pub number: i64,
    /// A UUIDv7.
    pub id: [u8; 16],
    /// Microseconds that grow with each row.
    pub now: i64,
    /// The row's number over all feeds, from 1.
    pub total: i64,
    /// About 220 bytes of JSON.
    pub body: &'a str,
}

/// Which feed the next row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Any.
    Random,
    /// Each in turn.
    InTurn,
}

/// An endless supply of rows for a number of feeds.
#[derive(Clone)]
pub struct Rows {
    random: Random,
    bodies: Vec<String>,
    next: Vec<i64>,
    total: i64,
}

impl Rows {
    /// Rows for `feeds` feeds (at least one), which all are empty.
    pub fn new(feeds: u64) -> Self {
        let mut random = Random::new(88);
        let bodies = (0..BODIES).map(|_| body(&mut random)).collect();
        Self { random, bodies, next: vec![1; feeds as usize], total: 0 }
    }

    /// The next row.
    pub fn next(&mut self, order: Order) -> Row<'_> {
        let feeds = self.next.len() as u64;
        let feed = match order {
            Order::Random => self.random.below(feeds),
            Order::InTurn => self.total as u64 % feeds,
        };
        self.on(feed)
    }

    /// The next row of `feed`.
    pub fn on(&mut self, feed: u64) -> Row<'_> {
        let number = self.next[feed as usize];
        self.next[feed as usize] += 1;
        self.total += 1;
        Row {
            feed: feed as i64,
            number,
            id: Uuid::now_v7().into_bytes(),
            now: 1_700_000_000_000_000 + self.total,
            total: self.total,
            body: &self.bodies[self.total as usize % BODIES],
        }
    }
}

fn body(random: &mut Random) -> String {
    let mut text = String::from(r#"{"title":"Quiz at ten","message":""#);
    while text.len() < 218 {
        text.push(char::from(b'a' + random.below(26) as u8));
    }
    text.push_str("\"}");
    text
}
