//! A database of its own on a given PostgreSQL server, for one side of a measurement. It touches no other database of
//! that server.

use std::fs;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use super::process;

/// A database that is dropped when it is no longer needed.
pub struct Database {
    runtime: Runtime,
    server: Client,
    name: String,
    url: String,
}

impl Database {
    /// Makes an empty database on the server that `url` names; fails when its user may not, or when the server only
    /// speaks TLS.
    pub fn create(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = runtime.block_on(connect(url))?;
        let name = format!("landfall_bench_{}", uuid::Uuid::now_v7().simple());
        runtime
            .block_on(server.batch_execute(&format!("create database {name}")))
            .context("cannot make a database")?;
        let url = renamed(url, &name);
        Ok(Self { runtime, server, name, url })
    }

    /// Its URL, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it, driven by the runtime that comes with it.
    pub fn connect(&self) -> anyhow::Result<(&Runtime, Client)> {
        Ok((&self.runtime, self.runtime.block_on(connect(&self.url))?))
    }

    /// CPU microseconds that the server's processes for it have used; nothing where they are not on this machine.
    pub fn cpu_us(&self) -> anyhow::Result<Option<u64>> {
        let sql = "select pid from pg_stat_activity where datname = $1";
        let rows = self.runtime.block_on(self.server.query(sql, &[&self.name]))?;
        let used = rows.iter().map(|row| {
            let pid = u32::try_from(row.get::<_, i32>(0)).ok()?;
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            process::cpu_us(pid).ok().filter(|_| name.starts_with("postgres"))
        });
        Ok(used.sum())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        // A database that stays behind is a nuisance, not a wrong result.
        let _ = self.runtime.block_on(self.server.batch_execute(&sql));
    }
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.context("cannot connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

/// The same server's database of another name.
fn renamed(url: &str, name: &str) -> String {
    let (place, parameters) = url.split_once('?').map_or((url, None), |(a, b)| (a, Some(b)));
    let scheme = place.find("://").map_or(0, |at| at + 3);
    let server = place[scheme..].find('/').map_or(place, |at| &place[..scheme + at]);
    let parameters = parameters.map(|given| format!("?{given}")).unwrap_or_default();
    format!("{server}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_is_another() {
        let check = |url: &str, expected: &str| assert_eq!(renamed(url, "b"), expected);
        check("postgres://a:b@h:1/d", "postgres://a:b@h:1/b");
        check("postgres://h", "postgres://h/b");
        check("postgres://h/d?sslmode=disable", "postgres://h/b?sslmode=disable");
        check("postgres://h/?sslmode=disable", "postgres://h/b?sslmode=disable");
    }
}
