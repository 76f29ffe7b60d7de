//! The store's lives on PostgreSQL, which also knows on which server it runs.

use std::sync::atomic::Ordering;

use landfall_core::life::{Home, Life};
use landfall_core::time::Timestamp;

use super::Postgres;
use super::connection::Connection;
use super::fault::{Refused, refused, told};
use super::reads::ask;
use super::runner::PostgresRunner;
use crate::sql::life;
use crate::{Answer, Answered, Lives, NewEpoch, StoreError};

impl Lives for Postgres {
    fn life(&self) -> Answered<'_, Life> {
        Box::pin(async move {
            let life = ask!(self.pool, |runner| life::life(runner)).await?;
            self.epoch.store(life.epoch.0, Ordering::Relaxed);
            Ok(life)
        })
    }

    fn home(&self) -> Answered<'_, Home> {
        Box::pin(async move {
            if !self.tells_home.load(Ordering::Relaxed) {
                return Ok(Home::default());
            }
            let found = ask!(self.pool, |runner| place(runner)).await?;
            let Some(found) = found else {
                self.tells_home.store(false, Ordering::Relaxed);
                return Ok(Home::default());
            };
            let now = found.clone();
            let remembered = ask!(self.pool, |runner| life::remember_home(runner, &now)).await?;
            Ok(Home { remembered: Some(remembered), found: Some(found) })
        })
    }

    fn backed_up_to(&self) -> Answered<'_, Option<Timestamp>> {
        Box::pin(async move { ask!(self.pool, |runner| life::backed_up_to(runner)).await })
    }

    fn begin_epoch(&self, new: NewEpoch) -> Answered<'_, ()> {
        Box::pin(async move {
            // Not given back: dropped with whatever it still holds.
            let mut loan = self.pool.lend().await?;
            begin(loan.connection(), &new).await.map_err(told)?;
            self.epoch.store(new.to.0, Ordering::Relaxed);
            self.seen(new.to.base());
            Ok(())
        })
    }
}

async fn begin(connection: &mut Connection, new: &NewEpoch) -> Answer<()> {
    connection.be_patient().await?;
    connection.command("begin").await?;
    if life::begin(&mut connection.runner(), new).await?.is_none() {
        return Err(StoreError::Stale);
    }
    connection.command("commit").await
}

/// Tells the server's identity and its timeline, which a restore to a point in time and a promotion
/// change. Databases that only speak the same language have no such thing.
async fn place(runner: &mut PostgresRunner<'_>) -> Answer<Option<String>> {
    let sql = "select cast(system_identifier as text) || '/'
                   || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
               from pg_control_system()";
    match runner.rows(sql, &[]).await {
        Ok(rows) => Ok(rows.first().map(|row| row.get(0))),
        Err(error) if refused(&error).is_some_and(Refused::is_unknown_here) => Ok(None),
        // A server that is not the one that writes has no timeline of its own yet.
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
}

/// Refuses a database that stands where its last life did not end: until a new epoch has begun,
/// numbers would be given out twice.
pub(super) async fn check_home(runner: &mut PostgresRunner<'_>) -> Answer<()> {
    let Some(found) = place(runner).await? else { return Ok(()) };
    match life::home(runner).await? {
        Some(remembered) if remembered != found => Err(StoreError::Unavailable(
            "the database is another one than before: a new epoch begins first".into(),
        )),
        _ => Ok(()),
    }
}
