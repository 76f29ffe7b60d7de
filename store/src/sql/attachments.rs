//! Attachments, as lessons and messages keep them, and the blobs that messages hold.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::attachment::Attachment;
use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{Tenant, TopicId};
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, blobs};
use crate::Answer;

/// One attachment on each line: no name or type holds a control character, so that it is exact.
pub(super) fn text(attachments: &[Attachment]) -> String {
    let line = |one: &Attachment| {
        let Attachment { hash, name, media_type, bytes } = one;
        format!("{hash}\t{bytes}\t{media_type}\t{name}\n")
    };
    attachments.iter().map(line).collect()
}

/// Reads what [`text`] wrote.
pub(super) fn read(row: &dyn Row, column: usize) -> Result<Vec<Attachment>, Corrupt> {
    let read = |line: &str| {
        let mut parts = line.splitn(4, '\t');
        let mut part = || parts.next();
        Some(Attachment {
            hash: BlobHash::parse(part()?).ok()?,
            bytes: part()?.parse().ok()?,
            media_type: part()?.to_owned(),
            name: part()?.to_owned(),
        })
    };
    let read = |line| read(line).ok_or(Corrupt::new(column, "attachments"));
    row.text(column)?.lines().map(read).collect()
}

/// Gives the blobs of attachments, each once, in one order for all, so that no two wait for each other's.
fn hashes(attachments: &[Attachment]) -> BTreeSet<&BlobHash> {
    attachments.iter().map(|one| &one.hash).collect()
}

/// Holds the blobs of a message that is to be sent; `false` where one is not there.
pub(super) async fn hold<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    attachments: &[Attachment],
    at: Timestamp,
) -> Answer<bool> {
    for hash in hashes(attachments) {
        if !blobs::hold(runner, tenant, hash, at).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes which message carries the blobs that [`hold`] held.
pub(super) async fn note<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (topic, born): (&TopicId, Number),
    attachments: &[Attachment],
) -> Answer<()> {
    let sql = "insert into message_blob (tenant, hash, topic_id, born) values (?1, ?2, ?3, ?4)";
    for hash in hashes(attachments) {
        let values = [tenant.into(), hash.into(), topic.into(), born.into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(())
}

/// Files of messages of one topic that go, and of no other message between the first and the last of them.
pub(super) struct Released {
    /// Whose the messages were.
    pub(super) topic: TopicId,
    /// The number with which the first of them was sent.
    pub(super) first: Number,
    /// The number with which the last of them was sent.
    pub(super) last: Number,
    /// How many of them carried each blob.
    pub(super) carried: BTreeMap<BlobHash, u64>,
}

impl Released {
    /// Makes it of a message's topic, number and files.
    pub(super) fn of(topic: TopicId, born: Number, attachments: &[Attachment]) -> Self {
        let carried = hashes(attachments).into_iter().map(|hash| (*hash, 1)).collect();
        Self { topic, first: born, last: born, carried }
    }

    /// Adds those of another message of the topic.
    pub(super) fn add(mut self, other: Self) -> Self {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (hash, messages) in other.carried {
            *self.carried.entry(hash).or_default() += messages;
        }
        self
    }
}

/// Ends what [`hold`] and [`note`] began: two statements for each blob, however many messages carried it.
pub(super) async fn release<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    released: &Released,
    at: Timestamp,
) -> Answer<()> {
    let Released { topic, first, last, carried } = released;
    let sql = "delete from message_blob
               where tenant = ?1 and hash = ?2 and topic_id = ?3 and born >= ?4 and born <= ?5";
    for (hash, messages) in carried {
        blobs::release(runner, tenant, (hash, *messages), at).await?;
        let values = [tenant.into(), hash.into(), topic.into(), (*first).into(), (*last).into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(())
}
