//! A store's lives: its name, its epoch, how far it has come, and how a new life begins.
//!
//! What is read here stands in the table `setting`: `store_id`, `epoch`, `feed_base` (above it
//! begins every feed that is made), `home` (where the database ran when it was last looked) and
//! `backed_up_to` (everything before it is in a backup that the operator vouched for; in
//! milliseconds).

use landfall_core::feed::{Epoch, Number};
use landfall_core::id::Tenant;
use landfall_core::life::Life;
use landfall_core::time::Timestamp;

use super::{Dialect, Query, Runner, audits, feeds};
use crate::{About, Answer, BackupError, NewEpoch, StoreError};

/// Gives a store its name and its first epoch, unless it has them.
pub(crate) async fn name<R: Runner>(runner: &mut R) -> Answer<()> {
    let random = match R::DIALECT {
        Dialect::Sqlite => "lower(hex(randomblob(16)))",
        Dialect::Postgres => "replace(cast(gen_random_uuid() as text), '-', '')",
    };
    let sql = format!(
        "insert into setting (name, value) values ('store_id', {random}), ('epoch', '1')
         on conflict (name) do nothing"
    );
    runner.execute(Query::command(sql, [])).await?;
    Ok(())
}

/// Tells a store's name, its epoch and its mark.
///
/// The mark is made of counters that units and the sealer count up anyway, one row per tenant, so
/// that it costs a commit nothing.
pub(crate) async fn life<R: Runner>(runner: &mut R) -> Answer<Life> {
    let sql = "select (select value from setting where name = 'store_id'),
                   (select value from setting where name = 'epoch'),
                   (select cast(coalesce(sum(newest + block), 0) as bigint) from audit_chain)";
    let query = Query::new(sql, [], |row| {
        let epoch = row.optional_string(1)?;
        Ok((row.optional_string(0)?.unwrap_or_default(), epoch, row.count(2)?))
    });
    let (store, epoch, mark) = runner.one(query).await?;
    Ok(Life { store, epoch: read_epoch(epoch)?, mark })
}

/// Tells a store's epoch alone, of a store that may lack the other tables.
pub(crate) async fn epoch<R: Runner>(runner: &mut R) -> Answer<Epoch> {
    let sql = "select value from setting where name = 'epoch'";
    read_epoch(runner.optional(Query::new(sql, [], |row| row.string(0))).await?)
}

/// A store that nobody gave an epoch is in its first.
fn read_epoch(text: Option<String>) -> Answer<Epoch> {
    let unknown = |_| StoreError::Internal("the stored epoch is no number".into());
    text.map_or(Ok(Epoch(1)), |text| text.parse().map(Epoch).map_err(unknown))
}

/// Ends a life and begins the next; gives the highest number of any inbox in it, or nothing when
/// the store is in another life than the one that should end.
pub(crate) async fn begin<R: Runner>(runner: &mut R, new: &NewEpoch) -> Answer<Option<Number>> {
    lock_feeds(runner).await?;
    let sql = "update setting set value = ?2 where name = 'epoch' and value = ?1";
    let values = [new.from.0.to_string().into(), new.to.0.to_string().into()];
    if runner.execute(Query::command(sql, values)).await? == 0 {
        return Ok(None);
    }
    skip_ahead(runner, new.to.base()).await?;
    let sql = "delete from setting where name = 'home'";
    runner.execute(Query::command(sql, [])).await?;
    let sql = "select tenant from audit_chain order by tenant";
    let tenants: Vec<Tenant> = runner.all(Query::new(sql, [], |row| row.tenant(0))).await?;
    for tenant in tenants {
        audits::append(runner, &tenant, std::slice::from_ref(&new.entry)).await?;
    }
    feeds::newest_of_all(runner).await.map(Some)
}

/// Keeps everybody from feeds, those that are not made yet too, until the commit. Who holds one
/// already goes on to its own commit first.
async fn lock_feeds<R: Runner>(runner: &mut R) -> Answer<()> {
    match R::DIALECT {
        // Writers of SQLite wait for each other anyway.
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let lock = Query::command("lock table feed in exclusive mode", []);
            runner.execute(lock).await.map(|_| ())
        }
    }
}

/// Tells where the database was when its life began or it was first seen, if that is known.
pub(crate) async fn home<R: Runner>(runner: &mut R) -> Answer<Option<String>> {
    let sql = "select value from setting where name = 'home'";
    runner.optional(Query::new(sql, [], |row| row.string(0))).await
}

/// Tells where the database was when its life began or it was first seen; remembers where it is
/// now if nothing was remembered.
pub(crate) async fn remember_home<R: Runner>(runner: &mut R, found: &str) -> Answer<String> {
    if let Some(remembered) = home(runner).await? {
        return Ok(remembered);
    }
    let sql = "insert into setting (name, value) values ('home', ?1)
               on conflict (name) do nothing";
    runner.execute(Query::command(sql, [found.into()])).await?;
    Ok(found.to_owned())
}

/// A counter that stands above the base by some mishap skips ahead all the same.
const STEP: u64 = 1 << 32;

async fn skip_ahead<R: Runner>(runner: &mut R, base: Number) -> Answer<()> {
    let sql = "update feed
               set newest = case when newest < ?1 then ?1 else newest + ?2 end,
                   horizon = case when newest < ?1 then ?1 else newest + ?2 end";
    runner.execute(Query::command(sql, [base.into(), STEP.into()])).await?;
    let sql = "insert into setting (name, value) values ('feed_base', ?1)
               on conflict (name) do update set value = excluded.value";
    runner.execute(Query::command(sql, [base.to_string().into()])).await?;
    Ok(())
}

/// Tells up to when everything is in a backup that the operator vouched for.
pub(crate) async fn backed_up_to<R: Runner>(runner: &mut R) -> Answer<Option<Timestamp>> {
    let sql = "select value from setting where name = 'backed_up_to'";
    let text = runner.optional(Query::new(sql, [], |row| row.string(0))).await?;
    let unknown = |_| StoreError::Internal("the stored time of the backup is no number".into());
    text.map(|text| text.parse().map(Timestamp::from_ms).map_err(unknown)).transpose()
}

/// Notes up to when everything is in a backup, never earlier than what is noted already; gives what
/// is noted then. Refuses the backup of another store or of another life.
pub(crate) async fn vouch<R: Runner>(
    runner: &mut R,
    about: &About,
    up_to: Timestamp,
) -> Result<Timestamp, BackupError> {
    let found = life(runner).await?;
    if about.store.is_empty() {
        return Err(BackupError::NotOfThisStore("it is of one that was never served".into()));
    } else if about.store != found.store {
        return Err(BackupError::NotOfThisStore("it is of another one".into()));
    } else if about.epoch != found.epoch {
        let (theirs, ours) = (about.epoch.0, found.epoch.0);
        let what = format!("it was made in epoch {theirs}, and the store is in epoch {ours}");
        return Err(BackupError::NotOfThisStore(what));
    }
    // Looks at the life once more, since another may have begun meanwhile.
    let sql = "insert into setting (name, value)
               select 'backed_up_to', ?1
               where (select value from setting where name = 'store_id') = ?2
                 and (select value from setting where name = 'epoch') = ?3
               on conflict (name) do update set value = excluded.value
               where cast(setting.value as bigint) < cast(excluded.value as bigint)";
    let (up_to, epoch) = (up_to.as_ms().to_string(), about.epoch.0.to_string());
    let values = [up_to.into(), about.store.clone().into(), epoch.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(backed_up_to(runner).await?.ok_or(StoreError::Stale)?)
}
