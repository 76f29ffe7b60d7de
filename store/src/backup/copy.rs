//! Copying a table, page by page, from wherever it is to wherever it goes.

use landfall_core::audit::Hash;

use super::draft::Draft;
use super::table::RowDigest;
use super::{About, BackupError, KeyFile, Progress, Record, Records, Summary, Table};
use crate::sql::Value;
use crate::{Answer, StoreError};

/// Bytes of a page, about; a single row may have more.
const PAGE_BYTES: usize = 1 << 20;
/// Rows of a page at most.
const PAGE_ROWS: usize = 1_024;
/// Rows added by one statement.
const INSERT_ROWS: usize = 32;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) rows: u64,
    pub(super) digest: Hash,
}

/// Which side of a copy failed.
pub(super) enum Side {
    From(StoreError),
    To(StoreError),
}

/// Copies a table; more rows than `rows_max` are no table that was ever written.
pub(super) async fn copy(
    table: &Table,
    from: &mut impl Records,
    to: &mut impl Records,
    rows_max: u64,
    progress: &mut Progress<'_>,
) -> Result<Copied, Side> {
    let mut digest = RowDigest::new(table);
    let (mut rows, mut limit, mut last) = (0, INSERT_ROWS, None::<Record>);
    loop {
        let page = read(table, from, last.as_ref(), limit).await.map_err(Side::From)?;
        rows += page.len() as u64;
        if rows > rows_max {
            return Err(Side::From(StoreError::Internal("it has too many rows".into())));
        }
        page.iter().for_each(|record| digest.add(record));
        for records in page.chunks(INSERT_ROWS) {
            write(table, to, records).await.map_err(Side::To)?;
        }
        progress(&table.name, rows);
        let is_last = page.len() < limit;
        limit = next_limit(&page);
        last = page.into_iter().last();
        if is_last {
            return Ok(Copied { rows, digest: digest.finish() });
        }
    }
}

async fn read(
    table: &Table,
    from: &mut impl Records,
    last: Option<&Record>,
    limit: usize,
) -> Answer<Vec<Record>> {
    let after = last.map(|record| table.key_of(record)).unwrap_or_default();
    from.read(&table.page_text(last, limit), &after, table.columns.len()).await
}

async fn write(table: &Table, to: &mut impl Records, records: &[Record]) -> Answer<()> {
    if records.len() == INSERT_ROWS {
        return to.write(&table.insert_text(INSERT_ROWS), &records.concat()).await;
    }
    let one = table.insert_text(1);
    for record in records {
        to.write(&one, record).await?;
    }
    Ok(())
}

/// Chooses how many rows the next page has, so that large ones come a few at a time.
fn next_limit(page: &[Record]) -> usize {
    let size = |value: &Value<'_>| match value {
        Value::Null | Value::Int(_) => 16,
        Value::Text(text) => 32 + text.len(),
        Value::Blob(bytes) => 32 + bytes.len(),
    };
    let bytes: usize = page.iter().flatten().map(size).sum();
    let fitting = PAGE_BYTES * page.len().max(1) / bytes.max(1);
    // Powers of two, so that few texts of statements are made.
    let fitting = fitting.clamp(1, PAGE_ROWS);
    1 << fitting.ilog2()
}

/// Writes a whole store to a draft and finishes it.
pub(crate) async fn export(
    tables: &[Table],
    from: &mut impl Records,
    draft: Draft,
    (about, keys): (About, &[KeyFile]),
    progress: &mut Progress<'_>,
) -> Result<Summary, BackupError> {
    draft.begin(tables, about.schema)?;
    let mut summary =
        Summary { about, tables: tables.len() as u64, rows: 0, keys: keys.len() as u64 };
    for table in tables {
        let copied = copy(table, from, &mut draft.records(), u64::MAX, progress).await;
        let copied = copied.map_err(|side| match side {
            Side::From(error) => error.into(),
            Side::To(error) => draft.fault(error),
        })?;
        draft.seal(&table.name, copied)?;
        summary.rows += copied.rows;
    }
    draft.finish(&summary.about, keys).await?;
    Ok(summary)
}
