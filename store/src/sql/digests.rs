//! Digests: sends to one user that wait for others, and go out with them.
//!
//! A send joins under the lock of its digest's row, and a digest ends only as it was when what is in it was read: what
//! joins in between makes it be read again.

use landfall_core::id::{SendId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::query::done;
use super::send::{COLUMNS, read, state_code};
use super::{Query, Runner};
use crate::{
    Answer, DigestNext, DigestWrite, DueDigest, Outcome, SendState, StoreError, StoredSend,
};

/// Changes a digest.
pub(crate) async fn write<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: DigestWrite,
) -> Answer<Outcome> {
    match write {
        DigestWrite::Join { id, user, key, due_at } => {
            gather(runner, tenant, id).await?;
            let sql = "insert into digest (tenant, user_id, key, due_at, joined)
                       values (?1, ?2, ?3, ?4, 1)
                       on conflict (tenant, user_id, key) do update set joined = digest.joined + 1,
                           due_at = case when excluded.due_at < digest.due_at
                               then excluded.due_at else digest.due_at end";
            let values = [tenant.into(), (&user).into(), (&key).into(), due_at.into()];
            done(runner.execute(Query::command(sql, values)).await?)
        }
        DigestWrite::Close { digest, sends, next } => {
            close(runner, tenant, &digest, &sends, next).await
        }
    }
}

/// Makes an active send wait for its digest.
async fn gather<R: Runner>(runner: &mut R, tenant: &Tenant, id: SendId) -> Answer<Outcome> {
    let sql = "update send set active = ?3 where tenant = ?1 and id = ?2 and active = 1";
    let gathered = state_code(SendState::Gathered);
    let values = [tenant.into(), (&id.0).into(), gathered.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}

async fn close<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    DueDigest { tenant: _, user, key, joined }: &DueDigest,
    sends: &[SendId],
    next: DigestNext,
) -> Answer<Outcome> {
    let sql = match next {
        DigestNext::Ends => {
            "delete from digest where tenant = ?1 and user_id = ?2 and key = ?3 and joined = ?4"
        }
        DigestNext::GoesOn => {
            "update digest set joined = joined + 1
             where tenant = ?1 and user_id = ?2 and key = ?3 and joined = ?4"
        }
    };
    let values = [tenant.into(), user.into(), key.into(), (*joined).into()];
    done(runner.execute(Query::command(sql, values)).await?)?;
    for id in sends {
        let sql = "update send set active = 0, phone = null
                   where tenant = ?1 and id = ?2 and active = 3";
        done(runner.execute(Query::command(sql, [tenant.into(), (&id.0).into()])).await?)?;
    }
    if next == DigestNext::Ends && !gathered(runner, tenant, (user, key), 1).await?.is_empty() {
        return Err(StoreError::Stale);
    }
    Ok(Outcome::Done)
}

/// Gives digests that are due.
pub(crate) async fn due<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Vec<DueDigest>> {
    let sql = "select tenant, user_id, key, joined from digest where due_at <= ?1
               order by due_at limit ?2";
    let query = Query::new(sql, [now.into(), limit.into()], |row| {
        let (tenant, user) = (row.tenant(0)?, row.user(1)?);
        Ok(DueDigest { tenant, user, key: row.string(2)?, joined: row.count(3)? })
    });
    runner.all(query).await
}

/// Gives the sends in a digest.
pub(crate) async fn gathered<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (user, key): (&UserId, &str),
    limit: usize,
) -> Answer<Vec<StoredSend>> {
    let sql = format!(
        "select {COLUMNS} from send s
         where s.tenant = ?1 and s.users = ?2 and s.digest_key = ?3 and s.active = 3
         order by s.created_at, s.id limit ?4"
    );
    let values = [tenant.into(), user.into(), key.into(), limit.into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Says when a digest is due.
pub(crate) async fn due_at<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (user, key): (&UserId, &str),
) -> Answer<Option<Timestamp>> {
    let sql = "select due_at from digest where tenant = ?1 and user_id = ?2 and key = ?3";
    let values = [tenant.into(), user.into(), key.into()];
    runner.optional(Query::new(sql, values, |row| row.time(0))).await
}
