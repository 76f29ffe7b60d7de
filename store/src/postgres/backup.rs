//! Backing a store in PostgreSQL up while nodes serve it, and loading a backup into a database.

use std::time::Duration;

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;

use super::address::APPLICATION;
use super::connection::{Connection, Dialer};
use super::fault::refused;
use super::migrate::{LATEST, apply};
use super::runner::PostgresRunner;
use super::{Driver, Postgres, Settings};
use crate::backup::{
    About, BackupError, BackupOrder, Draft, Overwrite, Progress, Record, Records, RestoreOrder,
    Restored, Summary, Table, export,
};
use crate::sql::{Row, Value, life, outbox_write};
use crate::sqlite::schema_tables;
use crate::{Answer, StoreError};

impl Postgres {
    /// Writes the store to a file as it stands at one moment, while nodes may be using it; nobody
    /// waits for it.
    ///
    /// # Errors
    /// When there is no store, or the file cannot be written.
    pub async fn backup(
        settings: &Settings,
        order: &BackupOrder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Summary, BackupError> {
        let driver = Driver::start()?;
        let mut connection = Dialer::new(settings, driver.handle())?.connect().await?;
        connection.be_patient().await?;
        connection.command("begin isolation level repeatable read read only").await?;
        let schema = known_schema(&mut connection, settings).await?;
        let tables = ours(&mut connection, schema).await?;
        let life = life::life(&mut connection.runner()).await?;
        let about = About {
            schema,
            store: life.store,
            epoch: life.epoch,
            made_at: order.at,
            program: order.program.to_owned(),
        };
        let draft = Draft::create(order.file, order.overwrite)?;
        let from = &mut connection.runner();
        export(&tables, from, draft, (about, &order.keys), progress).await
    }

    /// Notes that everything up to a time is in a backup that the operator vouches for, while nodes
    /// may be using the database; gives the latest such time.
    ///
    /// # Errors
    /// When there is no store, or the backup is of another one or of another life.
    pub async fn vouch(
        settings: &Settings,
        about: &About,
        up_to: Timestamp,
    ) -> Result<Timestamp, BackupError> {
        let driver = Driver::start()?;
        let mut connection = Dialer::new(settings, driver.handle())?.connect().await?;
        known_schema(&mut connection, settings).await?;
        life::vouch(&mut connection.runner(), about, up_to).await
    }

    /// Loads a backup into a database and begins a new epoch, in one transaction. No node may use
    /// the database.
    ///
    /// # Errors
    /// When the backup is damaged, or the database has rows of a store that was not to be
    /// replaced; then nothing has changed.
    pub async fn restore(
        settings: &Settings,
        order: &RestoreOrder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Restored, BackupError> {
        let driver = Driver::start()?;
        let mut connection = Dialer::new(settings, driver.handle())?.connect().await?;
        connection.be_patient().await?;
        if is_in_use(&mut connection).await? {
            return Err(BackupError::InUse(settings.address.to_string()));
        }
        connection.command("begin").await?;
        let there = there(&mut connection).await?;
        if there.has_rows && order.replace == Overwrite::Never {
            return Err(BackupError::StoreThere(settings.address.to_string()));
        }
        for table in &there.tables {
            connection.command(&format!("drop table \"{table}\"")).await?;
        }
        let schema = order.file.about().schema;
        apply(&mut connection, 0, schema).await?;
        let summary = order.file.copy_into(&mut connection.runner(), progress).await?;
        go_on_counting(&mut connection).await?;
        apply(&mut connection, schema, LATEST).await?;
        let new = order.new_epoch(there.epoch);
        life::name(&mut connection.runner()).await?;
        let begun = life::begin(&mut connection.runner(), &new).await?;
        begun.ok_or(StoreError::Stale)?;
        // Whoever had claimed them is of another life.
        outbox_write::release(&mut connection.runner(), order.at).await?;
        (order.before)().map_err(BackupError::Before)?;
        connection.command("commit").await?;
        // Without knowing how many rows there are, the first questions would be slow.
        if let Err(error) = connection.command("analyze").await {
            tracing::warn!(%error, "the restored tables were not analyzed; the first questions are slow");
        }
        Ok(Restored { summary, epoch: new.to, moved: None })
    }
}

/// How often it is looked whether a node that was stopped is gone, and after which pause.
const LOOKS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Says whether a node is connected; a database that does not tell is taken for free.
async fn is_in_use(connection: &mut Connection) -> Answer<bool> {
    let sql = "select 1 from pg_stat_activity
               where datname = current_database()
                 and left(application_name, length($1::text)) = $1::text
                 and pid <> pg_backend_pid()";
    for _ in 0..LOOKS {
        match connection.runner().rows(sql, &[&APPLICATION]).await {
            Ok(rows) if rows.is_empty() => return Ok(false),
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(error) if refused(&error).is_some() => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What a database has of a store before it is restored.
struct There {
    /// Every table of ours, the one of the version included.
    tables: Vec<String>,
    /// Whether any of them has rows that somebody stored.
    has_rows: bool,
    epoch: Epoch,
}

async fn there(connection: &mut Connection) -> Answer<There> {
    let known = schema_tables(LATEST)?;
    let sql = "select table_name::text from information_schema.tables
               where table_schema = current_schema() and table_type = 'BASE TABLE'";
    let rows = connection.runner().rows(sql, &[]).await?;
    let mut tables: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    tables.retain(|name| name == VERSION || known.iter().any(|table| table.name == *name));
    let mut there = There { tables, has_rows: false, epoch: Epoch(1) };
    for name in &there.tables {
        if name == SETTING {
            there.epoch = life::epoch(&mut connection.runner()).await?;
        } else if name != VERSION {
            let sql = format!("select 1 from \"{name}\" limit 1");
            there.has_rows |= !connection.runner().rows(&sql, &[]).await?.is_empty();
        }
    }
    Ok(there)
}

/// The table of the schema's version, which is no table of the store.
const VERSION: &str = "schema_version";
/// A store that was opened and never used has rows here alone.
const SETTING: &str = "setting";

/// Tells the version of a store's schema, when it is one that this program knows.
async fn known_schema(
    connection: &mut Connection,
    settings: &Settings,
) -> Result<u32, BackupError> {
    match version(connection).await? {
        None | Some(0) => Err(BackupError::NoStore(settings.address.to_string())),
        Some(newer) if newer > LATEST => {
            let text = format!("the store has schema {newer}, this version knows {LATEST}");
            Err(StoreError::Internal(text.into()).into())
        }
        Some(known) => Ok(known),
    }
}

async fn version(connection: &mut Connection) -> Answer<Option<u32>> {
    let sql = "select 1 from information_schema.tables
               where table_schema = current_schema() and table_name = $1::text";
    if connection.runner().rows(sql, &[&VERSION]).await?.is_empty() {
        return Ok(None);
    }
    let sql = "select max(version) from schema_version";
    let rows = connection.runner().rows(sql, &[]).await?;
    let version = rows.first().and_then(|row| row.get::<_, Option<i64>>(0));
    Ok(version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)))
}

/// Gives the tables of a version, when the database has them.
async fn ours(connection: &mut Connection, schema: u32) -> Result<Vec<Table>, BackupError> {
    let known = schema_tables(schema)?;
    let sql = "select column_name::text, data_type::text from information_schema.columns
               where table_schema = current_schema() and table_name = $1::text
               order by ordinal_position";
    for table in &known {
        let rows = connection.runner().rows(sql, &[&table.name]).await?;
        let kind = |name: &str| match name {
            "bigint" => "integer",
            "bytea" => "blob",
            _ => "text",
        };
        let shape = rows
            .iter()
            .map(|row| format!("{} {}", row.get::<_, String>(0), kind(&row.get::<_, String>(1))));
        if shape.collect::<Vec<_>>().join(", ") != table.shape() {
            return Err(BackupError::Foreign(table.name.clone()));
        }
    }
    Ok(known)
}

/// Lets PostgreSQL give feeds that are made later ids of their own.
async fn go_on_counting(connection: &mut Connection) -> Answer<()> {
    let sql = "select coalesce(max(id), 0) + 1 from feed";
    let rows = connection.runner().rows(sql, &[]).await?;
    let next: i64 = rows.first().map_or(1, |row| row.get(0));
    connection.command(&format!("alter table feed alter column id restart with {next}")).await
}

impl Records for PostgresRunner<'_> {
    async fn read(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        columns: usize,
    ) -> Answer<Vec<Record>> {
        let rows = self.rows(sql, &params(values)).await?;
        let record = |row: &tokio_postgres::Row| {
            (0..columns).map(|column| value(row, column)).collect::<Answer<Record>>()
        };
        rows.iter().map(record).collect()
    }

    async fn write(&mut self, sql: &str, values: &[Value<'_>]) -> Answer<()> {
        self.change(sql, &params(values)).await.map(drop)
    }
}

fn params<'v>(values: &'v [Value<'_>]) -> Vec<&'v (dyn tokio_postgres::types::ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect()
}

fn value(row: &tokio_postgres::Row, column: usize) -> Answer<Value<'static>> {
    use tokio_postgres::types::Type;
    let kind = row.columns()[column].type_().clone();
    let row: &dyn Row = row;
    Ok(match kind {
        Type::TEXT => row.optional_string(column)?.into(),
        Type::BYTEA => match row.optional_blob(column)? {
            Some(bytes) => Value::Blob(bytes.to_vec().into()),
            None => Value::Null,
        },
        _ => row.optional_int(column)?.map_or(Value::Null, Value::Int),
    })
}
