//! Cursors of lists: sealed for one caller, one list and one set of filters.
//!
//! A cursor says after which row a page begins, so page 10,000 costs what page 1 costs.

use landfall_core::auth::Caller;
use landfall_core::cursor::{Cursor, Position};
use landfall_core::feed::Number;
use landfall_protocol::list::List;
use landfall_protocol::query::Page;

use super::body::digest;
use super::error::ApiError;
use crate::app::App;

/// Rows that an offset may leave out of a list that has no index for it.
const OFFSET_MAX: u64 = 10_000;
const POINTER: &str = "/query/cursor";

/// A list as one caller asked for it.
pub(super) struct Listing<'a> {
    app: &'a App,
    purpose: String,
}

impl<'a> Listing<'a> {
    /// Names a list by its canonical path and its filters, in any fixed spelling. The parts are
    /// digested because ids may hold any separator.
    pub(super) fn new(app: &'a App, caller: &Caller, path: &str, filters: &str) -> Self {
        let mut bytes = Vec::new();
        for part in [path, caller.tenant.as_str(), caller.user.as_str(), filters] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let hex: String = digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { app, purpose: format!("list/{hex}") }
    }

    /// Opens the page's cursor, if it has one.
    pub(super) fn place(&self, page: &Page) -> Result<Option<Position>, ApiError> {
        let Some(text) = &page.cursor else { return Ok(None) };
        let cursor = Cursor::open(&self.app.services.cursor_key, &self.purpose, text);
        let cursor = cursor.map_err(|error| ApiError::field(POINTER, error.to_string()))?;
        if cursor.epoch != self.app.services.store.epoch() {
            let detail = "is from before the store was restored: start over without it";
            return Err(ApiError::field(POINTER, detail));
        }
        Ok(cursor.positions.into_iter().next())
    }

    /// Makes the answer from the rows, one more than the page holds where there are more; `place`
    /// says where a row stands.
    pub(super) fn answer<R, T>(
        &self,
        mut rows: Vec<R>,
        page: &Page,
        place: impl Fn(&R) -> Position,
        item: impl Fn(&R) -> T,
    ) -> List<T> {
        let has_more = rows.len() > page.limit;
        rows.truncate(page.limit);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| self.seal(place(row)));
        List { items: rows.iter().map(item).collect(), next_cursor }
    }

    fn seal(&self, position: Position) -> String {
        let epoch = self.app.services.store.epoch();
        let cursor = Cursor { epoch, positions: vec![position] };
        cursor.seal(&self.app.services.cursor_key, &self.purpose)
    }
}

/// Stands at a number.
pub(super) fn at_number(number: Number) -> Position {
    Position { of: String::new(), number }
}

/// Stands at an id.
pub(super) fn at_id(id: impl ToString) -> Position {
    Position { of: id.to_string(), number: Number::ZERO }
}

/// Gives the offset where the store counts rows itself.
pub(super) fn offset(page: &Page) -> usize {
    usize::try_from(page.offset).unwrap_or(usize::MAX)
}

/// Gives the offset of a list that reads and drops the rows before it, which is why it is bounded.
pub(super) fn small_offset(page: &Page) -> Result<usize, ApiError> {
    if page.offset > OFFSET_MAX {
        let detail = format!("must be at most {OFFSET_MAX} here; use cursor");
        return Err(ApiError::field("/query/offset", detail));
    }
    Ok(offset(page))
}
