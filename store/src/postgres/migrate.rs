//! Migrations: forward only, numbered, all that are missing in one transaction.
//!
//! Two nodes may start at once: the second waits for the lock on the table of the version.

use super::connection::Connection;
use super::fault::refused;
use crate::{Answer, StoreError};

const MIGRATIONS: [&str; 12] = [
    include_str!("../../migrations/0001_spine.postgres.sql"),
    include_str!("../../migrations/0002_reach.postgres.sql"),
    include_str!("../../migrations/0003_sync.postgres.sql"),
    include_str!("../../migrations/0004_lessons.postgres.sql"),
    include_str!("../../migrations/0005_devices.postgres.sql"),
    include_str!("../../migrations/0006_messages.postgres.sql"),
    include_str!("../../migrations/0007_together.postgres.sql"),
    include_str!("../../migrations/0008_later.postgres.sql"),
    include_str!("../../migrations/0009_schedule.postgres.sql"),
    include_str!("../../migrations/0010_digest.postgres.sql"),
    include_str!("../../migrations/0011_retention.postgres.sql"),
    include_str!("../../migrations/0012_turns.postgres.sql"),
];
/// The newest version of the schema that this build knows.
pub(super) const LATEST: u32 = MIGRATIONS.len() as u32;
/// How often the table of the version is made anew when another node was quicker.
const TRIES: usize = 5;

const VERSION: &str =
    "create table if not exists schema_version (version bigint not null primary key)";

/// Brings the schema up to date; tells from and to which version.
pub(super) async fn migrate(connection: &mut Connection) -> Answer<(u32, u32)> {
    let mut tries = 0;
    while let Err(error) = connection.command(VERSION).await {
        tries += 1;
        // `if not exists` looks before it makes, so that two at once can both find nothing.
        if refused(&error).is_none() || tries == TRIES {
            return Err(error);
        }
    }
    connection.command("begin").await?;
    let migrated = in_transaction(connection).await;
    connection.command(if migrated.is_ok() { "commit" } else { "rollback" }).await?;
    migrated
}

async fn in_transaction(connection: &mut Connection) -> Answer<(u32, u32)> {
    connection.command("lock table schema_version in exclusive mode").await?;
    let sql = "select coalesce(max(version), 0) from schema_version";
    let rows = connection.runner().rows(sql, &[]).await?;
    let from = rows.first().map_or(0, |row| row.get::<_, i64>(0)) as u32;
    if from > LATEST {
        let text = format!("the store has schema {from}, this version knows up to {LATEST}");
        return Err(StoreError::Internal(text.into()));
    }
    apply(connection, from, LATEST).await?;
    Ok((from, LATEST))
}

/// Applies the migrations that lead from one version to another, in the caller's transaction.
pub(super) async fn apply(connection: &mut Connection, from: u32, to: u32) -> Answer<()> {
    connection.command(VERSION).await?;
    for (sql, version) in MIGRATIONS.iter().zip(1..=i64::from(to)).skip(from as usize) {
        connection.command(sql).await?;
        let sql = "insert into schema_version (version) values ($1)";
        connection.runner().change(sql, &[&version]).await?;
    }
    Ok(())
}
