//! Puts a store back to an earlier state behind its back, as a snapshot of a disk or of a database
//! server does. The server's tests use it too: statements stand nowhere but here.

use std::path::Path;

use landfall_fixtures::Database;
use rusqlite::Connection;

/// Makes every table of a SQLite file what it is in an older copy, in one transaction.
pub fn put_file_back(file: &Path, older: &Path) {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection.execute("attach ?1 as older", [older.to_str().unwrap()]).unwrap();
    let sql = "select name from sqlite_schema where type = 'table'";
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let names: Vec<String> = names.map(Result::unwrap).collect();
    connection.execute_batch("begin immediate").unwrap();
    for name in names {
        let sql = format!("delete from {name}; insert into {name} select * from older.{name}");
        connection.execute_batch(&sql).unwrap();
    }
    connection.execute_batch("commit").unwrap();
}

/// A database's tables at one moment.
pub struct Older<'d> {
    database: &'d Database<'d>,
    names: Vec<String>,
}

impl<'d> Older<'d> {
    /// Copies every table beside, all as they are at the same moment.
    pub fn of(database: &'d Database<'d>) -> Self {
        let sql = "select table_name from information_schema.tables
                   where table_schema = 'public' and table_name <> 'schema_version'";
        let names: Vec<String> = database.ask(sql).unwrap().lines().map(str::to_owned).collect();
        database.ask("create schema older").unwrap();
        let copy = |name: &String| format!("create table older.{name} as select * from {name};");
        let copies: String = names.iter().map(copy).collect();
        let begin = "begin isolation level repeatable read";
        database.ask(&format!("{begin}; {copies} commit;")).unwrap();
        Self { database, names }
    }

    /// Makes every table what it was, in one transaction.
    pub fn put_back(self) {
        let back = |name: &String| {
            format!("delete from {name}; insert into {name} select * from older.{name};")
        };
        let back: String = self.names.iter().map(back).collect();
        self.database.ask(&format!("begin; {back} commit;")).unwrap();
    }
}

/// Makes a database remember that it ran on another server.
pub fn move_from_elsewhere(database: &Database<'_>) {
    let sql = "update setting set value = '7000000000000000000/00000001' where name = 'home'";
    assert_eq!(database.ask(sql).unwrap(), "UPDATE 1");
}
