//! Blobs: which there are, who needs them, and how many bytes a tenant has.

use landfall_core::blob::BlobHash;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use uuid::Uuid;

use super::{Corrupt, Query, Row, Runner, codes, done};
use crate::{Answer, BLOB_WEIGHT_MIN, Blob, BlobRoom, Outcome, StoreError, StoredBlob};

/// Who uses a blob, and when.
#[derive(Clone, Copy)]
pub(crate) struct Use<'a> {
    /// Who.
    pub(crate) by: &'a UserId,
    /// When.
    pub(crate) at: Timestamp,
}

/// Says that a blob is there, as [`Write::PutBlob`](crate::Write::PutBlob) tells.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    blob: &Blob,
    use_of: Use<'_>,
    (instead_of, room): (Option<Uuid>, BlobRoom),
) -> Answer<Outcome> {
    let outcome = if insert(runner, tenant, blob, use_of.at).await? {
        add_to_total(runner, tenant, blob.bytes, room.of_tenant).await?;
        Outcome::Done
    } else {
        renew(runner, tenant, blob, instead_of, use_of.at).await?
    };
    note_uploader(runner, tenant, &blob.hash, (use_of.by, room.of_user)).await?;
    Ok(outcome)
}

/// What a blob takes of its uploader's room.
fn weight() -> String {
    format!("case when b.bytes < {BLOB_WEIGHT_MIN} then {BLOB_WEIGHT_MIN} else b.bytes end")
}

/// Notes who uploaded a blob, which must find room in what all of theirs may weigh.
async fn note_uploader<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    hash: &BlobHash,
    (user, weight_max): (&UserId, u64),
) -> Answer<()> {
    let sql = "insert into blob_uploader (tenant, hash, user_id) values (?1, ?2, ?3)
               on conflict (tenant, hash, user_id) do nothing";
    let values = [tenant.into(), hash.into(), user.into()];
    if runner.execute(Query::command(sql, values)).await? == 0 {
        return Ok(());
    }
    let sql = "insert into blob_user_total (tenant, user_id, bytes) values (?1, ?2, 0)
               on conflict (tenant, user_id) do nothing";
    runner.execute(Query::command(sql, [tenant.into(), user.into()])).await?;
    let weight = weight();
    let added =
        format!("bytes + (select {weight} from blob b where b.tenant = ?1 and b.hash = ?3)");
    let sql = format!(
        "update blob_user_total set bytes = {added}
         where tenant = ?1 and user_id = ?2 and {added} <= ?4"
    );
    let values = [tenant.into(), user.into(), hash.into(), weight_max.into()];
    done(runner.execute(Query::command(sql, values)).await?).map(|_| ())
}

/// Notes that somebody has a use for a blob in this file.
pub(crate) async fn renew_use<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (hash, file): (&BlobHash, &Uuid),
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = "update blob set needed_at = ?4 where tenant = ?1 and hash = ?2 and file = ?3";
    let values = [tenant.into(), hash.into(), file.into(), at.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}

async fn insert<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    blob: &Blob,
    at: Timestamp,
) -> Answer<bool> {
    let sql = "insert into blob (tenant, hash, file, bytes, media_type, created_at, needed_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
               on conflict (tenant, hash) do nothing";
    let Blob { hash, file, bytes, media_type } = blob;
    let values =
        [tenant.into(), hash.into(), file.into(), (*bytes).into(), media_type.into(), at.into()];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

async fn add_to_total<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    bytes: u64,
    total_max: u64,
) -> Answer<()> {
    let sql = "insert into blob_total (tenant, bytes) values (?1, 0)
               on conflict (tenant) do nothing";
    runner.execute(Query::command(sql, [tenant.into()])).await?;
    let sql = "update blob_total set bytes = bytes + ?2 where tenant = ?1 and bytes + ?2 <= ?3";
    let values = [tenant.into(), bytes.into(), total_max.into()];
    done(runner.execute(Query::command(sql, values)).await?).map(|_| ())
}

/// Notes that a blob that was there is needed, and where its bytes are now.
async fn renew<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    blob: &Blob,
    instead_of: Option<Uuid>,
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = "update blob set needed_at = ?3 where tenant = ?1 and hash = ?2";
    let values = [tenant.into(), (&blob.hash).into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    let Some(missing) = instead_of else { return Ok(Outcome::Unchanged) };
    let sql = "update blob set file = ?3 where tenant = ?1 and hash = ?2 and file = ?4";
    let values = [tenant.into(), (&blob.hash).into(), (&blob.file).into(), (&missing).into()];
    let changed = runner.execute(Query::command(sql, values)).await?;
    Ok(if changed > 0 { Outcome::Done } else { Outcome::Unchanged })
}

/// Forgets a blob that nobody needs.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (hash, file): (&BlobHash, &Uuid),
    before: Timestamp,
) -> Answer<Outcome> {
    let sql = "delete from blob
               where tenant = ?1 and hash = ?2 and file = ?3 and holders = 0 and needed_at < ?4
               returning bytes";
    let values = [tenant.into(), hash.into(), file.into(), before.into()];
    let gone = runner.optional(Query::new(sql, values, |row| row.count(0))).await?;
    let bytes = gone.ok_or(StoreError::Stale)?;
    // First, as whoever puts a blob does: so no two wait for each other.
    let sql = "update blob_total set bytes = bytes - ?2 where tenant = ?1";
    done(runner.execute(Query::command(sql, [tenant.into(), bytes.into()])).await?)?;
    let sql = "update blob_user_total set bytes = bytes - ?3
               where tenant = ?1 and user_id in (
                   select user_id from blob_uploader where tenant = ?1 and hash = ?2)";
    let weight = bytes.max(BLOB_WEIGHT_MIN);
    runner.execute(Query::command(sql, [tenant.into(), hash.into(), weight.into()])).await?;
    let sql = "delete from blob_uploader where tenant = ?1 and hash = ?2";
    runner.execute(Query::command(sql, [tenant.into(), hash.into()])).await?;
    Ok(Outcome::Done)
}

/// Counts one more that refers to a blob; `false` where it is not there.
pub(super) async fn hold<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    hash: &BlobHash,
    at: Timestamp,
) -> Answer<bool> {
    let sql = "update blob set holders = holders + 1, needed_at = ?3
               where tenant = ?1 and hash = ?2";
    let values = [tenant.into(), hash.into(), at.into()];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

/// Ends what [`hold`] began so many times.
pub(super) async fn release<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (hash, times): (&BlobHash, u64),
    at: Timestamp,
) -> Answer<()> {
    let sql = "update blob set holders = holders - ?4, needed_at = ?3
               where tenant = ?1 and hash = ?2";
    let values = [tenant.into(), hash.into(), at.into(), times.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

fn read_from(row: &dyn Row, first: usize) -> Result<Blob, Corrupt> {
    Ok(Blob {
        hash: row.hash(first)?,
        file: row.uuid(first + 1)?,
        bytes: row.count(first + 2)?,
        media_type: row.string(first + 3)?,
    })
}

/// Gives those of these blobs that there are.
pub(crate) async fn find<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    hashes: &[BlobHash],
) -> Answer<Vec<Blob>> {
    let sql = "select hash, file, bytes, media_type from blob where tenant = ?1 and hash = ?2";
    let mut found = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let values = [tenant.into(), hash.into()];
        found.extend(runner.optional(Query::new(sql, values, |row| read_from(row, 0))).await?);
    }
    Ok(found)
}

/// Says whether a user may read a blob.
pub(crate) async fn may_read<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    hash: &BlobHash,
    user: &UserId,
    now: Timestamp,
) -> Answer<bool> {
    let sql = "select 1 from blob_uploader where tenant = ?1 and hash = ?2 and user_id = ?3";
    let values = [tenant.into(), hash.into(), user.into()];
    if runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some() {
        return Ok(true);
    }
    let sql = "select 1 from lesson_blob b
               join lesson l on l.tenant = b.tenant and l.id = b.lesson_id
                    and (l.expires_at is null or l.expires_at > ?4)
               join topic_member m on m.tenant = l.tenant and m.topic_id = l.class_id
                    and m.user_id = ?3 and m.removed = 0
               where b.tenant = ?1 and b.hash = ?2
               limit 1";
    let values = [tenant.into(), hash.into(), user.into(), now.into()];
    if runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some() {
        return Ok(true);
    }
    // From the user's topics: a file may be in more messages than anybody has topics.
    let sql = "select 1 from topic_member m
               cross join topic t
               cross join message_blob b
               where m.tenant = ?1 and m.user_id = ?3 and m.removed = 0
                 and t.tenant = m.tenant and t.id = m.topic_id and t.deleted = 0
                 and b.tenant = m.tenant and b.hash = ?2 and b.topic_id = m.topic_id
                 and b.born > t.began
               limit 1";
    let values = [tenant.into(), hash.into(), user.into()];
    Ok(runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some())
}

/// Says whether a user is at least a teacher of any class.
pub(crate) async fn teaches<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<bool> {
    let sql = "select 1 from topic_member m
               join topic t on t.tenant = m.tenant and t.id = m.topic_id
                    and t.kind = 'class' and t.deleted = 0
               where m.tenant = ?1 and m.user_id = ?2 and m.removed = 0 and m.role >= ?3
               limit 1";
    let teacher = codes::role_code(MemberRole::Teacher);
    let values = [tenant.into(), user.into(), teacher.into()];
    Ok(runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some())
}

/// Says whether a user is in any topic.
pub(crate) async fn belongs<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<bool> {
    let sql = "select 1 from topic_member m
               join topic t on t.tenant = m.tenant and t.id = m.topic_id and t.deleted = 0
               where m.tenant = ?1 and m.user_id = ?2 and m.removed = 0
               limit 1";
    let query = Query::new(sql, [tenant.into(), user.into()], |_| Ok(()));
    Ok(runner.optional(query).await?.is_some())
}

/// Adds up what the blobs weigh that a user uploaded.
pub(crate) async fn total_of_user<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<u64> {
    let sql = "select bytes from blob_user_total where tenant = ?1 and user_id = ?2";
    let query = Query::new(sql, [tenant.into(), user.into()], |row| row.count(0));
    Ok(runner.optional(query).await?.unwrap_or(0))
}

/// Adds up the bytes of a tenant's blobs.
pub(crate) async fn total<R: Runner>(runner: &mut R, tenant: &Tenant) -> Answer<u64> {
    let sql = "select bytes from blob_total where tenant = ?1";
    let query = Query::new(sql, [tenant.into()], |row| row.count(0));
    Ok(runner.optional(query).await?.unwrap_or(0))
}

/// Finds blobs that nobody needs.
pub(crate) async fn unneeded<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<Vec<StoredBlob>> {
    let sql = "select tenant, hash, file, bytes, media_type from blob
               where holders = 0 and needed_at < ?1
               order by needed_at limit ?2";
    let read = |row: &dyn Row| Ok(StoredBlob { tenant: row.tenant(0)?, blob: read_from(row, 1)? });
    runner.all(Query::new(sql, [before.into(), limit.into()], read)).await
}

/// Gives those of these files that hold a blob.
pub(crate) async fn files<R: Runner>(runner: &mut R, files: &[Uuid]) -> Answer<Vec<Uuid>> {
    let mut known = Vec::new();
    for file in files {
        let query =
            Query::new("select file from blob where file = ?1", [file.into()], |row| row.uuid(0));
        known.extend(runner.optional(query).await?);
    }
    Ok(known)
}
