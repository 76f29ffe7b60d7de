//! Reading rows: a column by its index, and what core makes of it.

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, QuizId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use crate::StoreError;

/// A column does not hold what this version writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of a row holds no {expected}")]
pub(crate) struct Corrupt {
    /// Which, from zero.
    pub(crate) column: usize,
    /// What it should hold.
    pub(crate) expected: &'static str,
}

impl Corrupt {
    /// Says what a column should hold.
    pub(crate) const fn new(column: usize, expected: &'static str) -> Self {
        Self { column, expected }
    }
}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        StoreError::Internal(Box::new(corrupt))
    }
}

/// A row of a result. Columns count from zero; integers of any width are read as `i64`.
pub(crate) trait Row {
    /// Reads an integer, or null.
    fn optional_int(&self, column: usize) -> Result<Option<i64>, Corrupt>;

    /// Reads text, or null.
    fn optional_text(&self, column: usize) -> Result<Option<&str>, Corrupt>;

    /// Reads bytes, or null.
    fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>, Corrupt>;
}

impl dyn Row + '_ {
    /// Reads an integer.
    pub(crate) fn int(&self, column: usize) -> Result<i64, Corrupt> {
        self.optional_int(column)?.ok_or(Corrupt::new(column, "integer"))
    }

    /// Reads text.
    pub(crate) fn text(&self, column: usize) -> Result<&str, Corrupt> {
        self.optional_text(column)?.ok_or(Corrupt::new(column, "text"))
    }

    /// Reads text that is kept.
    pub(crate) fn string(&self, column: usize) -> Result<String, Corrupt> {
        self.text(column).map(str::to_owned)
    }

    /// Reads text that is kept, or null.
    pub(crate) fn optional_string(&self, column: usize) -> Result<Option<String>, Corrupt> {
        Ok(self.optional_text(column)?.map(str::to_owned))
    }

    /// Reads bytes of a known length.
    pub(crate) fn bytes<const N: usize>(&self, column: usize) -> Result<[u8; N], Corrupt> {
        self.optional_bytes(column)?.ok_or(Corrupt::new(column, "bytes"))
    }

    /// Reads bytes of a known length, or null.
    pub(crate) fn optional_bytes<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, Corrupt> {
        let exact =
            |bytes: &[u8]| bytes.try_into().map_err(|_| Corrupt::new(column, "bytes so long"));
        self.optional_blob(column)?.map(exact).transpose()
    }

    /// Reads bytes of any length that are kept.
    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>, Corrupt> {
        self.optional_blob(column)?.map(<[u8]>::to_vec).ok_or(Corrupt::new(column, "bytes"))
    }

    /// Reads a number that is never negative.
    pub(crate) fn count(&self, column: usize) -> Result<u64, Corrupt> {
        self.optional_count(column)?.ok_or(Corrupt::new(column, "count"))
    }

    /// Reads a number that is never negative, or null.
    pub(crate) fn optional_count(&self, column: usize) -> Result<Option<u64>, Corrupt> {
        let count = |int| u64::try_from(int).map_err(|_| Corrupt::new(column, "count"));
        self.optional_int(column)?.map(count).transpose()
    }

    /// Reads 0 or 1.
    pub(crate) fn flag(&self, column: usize) -> Result<bool, Corrupt> {
        Ok(self.int(column)? != 0)
    }

    /// Reads a number of a feed.
    pub(crate) fn number(&self, column: usize) -> Result<Number, Corrupt> {
        self.count(column).map(Number)
    }

    /// Reads a time.
    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, Corrupt> {
        self.int(column).map(Timestamp::from_ms)
    }

    /// Reads a time, or null.
    pub(crate) fn optional_time(&self, column: usize) -> Result<Option<Timestamp>, Corrupt> {
        Ok(self.optional_int(column)?.map(Timestamp::from_ms))
    }

    /// Reads a UUID.
    pub(crate) fn uuid(&self, column: usize) -> Result<Uuid, Corrupt> {
        self.bytes(column).map(Uuid::from_bytes)
    }

    /// Reads a UUID, or null.
    pub(crate) fn optional_uuid(&self, column: usize) -> Result<Option<Uuid>, Corrupt> {
        Ok(self.optional_bytes(column)?.map(Uuid::from_bytes))
    }

    /// Reads a user.
    pub(crate) fn user(&self, column: usize) -> Result<UserId, Corrupt> {
        UserId::parse(self.text(column)?).map_err(|_| Corrupt::new(column, "user id"))
    }

    /// Reads a tenant.
    pub(crate) fn tenant(&self, column: usize) -> Result<Tenant, Corrupt> {
        Tenant::parse(self.text(column)?).map_err(|_| Corrupt::new(column, "tenant"))
    }

    /// Reads a lesson's id.
    pub(crate) fn lesson(&self, column: usize) -> Result<LessonId, Corrupt> {
        LessonId::parse(self.text(column)?).map_err(|_| Corrupt::new(column, "lesson id"))
    }

    /// Reads a quiz's id.
    pub(crate) fn quiz(&self, column: usize) -> Result<QuizId, Corrupt> {
        QuizId::parse(self.text(column)?).map_err(|_| Corrupt::new(column, "quiz id"))
    }

    /// Reads a blob's name.
    pub(crate) fn hash(&self, column: usize) -> Result<BlobHash, Corrupt> {
        self.bytes(column).map(BlobHash)
    }

    /// Reads a topic's id.
    pub(crate) fn topic(&self, column: usize) -> Result<TopicId, Corrupt> {
        TopicId::parse(self.text(column)?).map_err(|_| Corrupt::new(column, "topic id"))
    }
}
