//! Attachments, as lessons and messages keep them, and the blobs that messages hold.

use std::collections::BTreeSet;

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

/// Files of a message.
pub(super) struct Files {
    /// Whose the message was.
    pub(super) topic: TopicId,
    /// The number with which it was sent.
    pub(super) born: Number,
    /// What it carried.
    pub(super) attachments: Vec<Attachment>,
}

/// Ends what [`hold`] and [`note`] began, for messages of one tenant.
pub(super) async fn release<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    messages: &[Files],
    at: Timestamp,
) -> Answer<()> {
    let held = messages.iter().flat_map(|files| {
        hashes(&files.attachments).into_iter().map(move |hash| (hash, &files.topic, files.born))
    });
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|(hash, ..)| *hash);
    let sql = "delete from message_blob
               where tenant = ?1 and hash = ?2 and topic_id = ?3 and born = ?4";
    for (hash, topic, born) in held {
        blobs::release(runner, tenant, hash, at).await?;
        let values = [tenant.into(), hash.into(), topic.into(), born.into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(())
}
