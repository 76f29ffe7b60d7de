//! After a restore, and after a store was put back behind the server's back: whoever comes with a
//! number of the life that was lost is told so and misses nothing.

use std::path::Path;

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_server::clock::Clock;
use landfall_server::service::Ids;
use landfall_server::service::lives::epoch_entry;
use landfall_store::sqlite::{Settings, Sqlite};
use landfall_store::{BackupFile, BackupOrder, Overwrite, RestoreOrder};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client::number;
use crate::events::Stream;
use crate::harness::{Folder, Landfall, token, until};

const AT: i64 = 1_800_000_000_000;

async fn again(folder: Folder) -> Landfall {
    Landfall::on(folder, &[], Clock::system()).await
}

fn start_over() -> Value {
    json!({ "type": "replay_gap", "from": "0", "to": "0" })
}

/// Puts a file in the place of the store, as one who knows no better would.
fn put_back(folder: &Path, copy: &str) {
    for log in ["landfall.db-wal", "landfall.db-shm"] {
        let _ = std::fs::remove_file(folder.join(log));
    }
    std::fs::copy(folder.join(copy), folder.join("landfall.db")).unwrap();
}

/// Says what a page of the inbox says, or with which problem it is refused.
async fn page(landfall: &Landfall, user: &str, query: &str) -> (u16, Value) {
    let url = format!("http://{}/api/v1/notifications?{query}", landfall.address);
    let request = reqwest::Client::new().get(url).bearer_auth(token(user, "student"));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Devices of ada (three notifications are in the store) and of bob (none), who both know of a
/// fourth and a first that are lost.
async fn check_lost_life(landfall: &Landfall) {
    // Without a new epoch these would take the numbers that the devices have seen.
    landfall.notify("ada", "new").await;
    landfall.notify("bob", "new").await;
    let all = ["1", "2", "3", "new"];

    let mut ada = landfall.device("ada", "replay_from=4").await;
    assert_eq!(ada.next().await, start_over());
    assert_eq!(ada.titles(4).await, all);
    landfall.notify("ada", "then").await;
    let then = ada.next().await;
    assert_eq!(then["title"], "then");
    let last = number(&then["replay_id"]);
    assert_eq!(number(&then["prev"]), last - 1);
    let mut knowing = landfall.device("ada", &format!("replay_from={last}")).await;
    landfall.until_connected(2).await;
    landfall.notify("ada", "and").await;
    assert_eq!(knowing.titles(1).await, ["and"]);
    assert_eq!(ada.titles(1).await, ["and"]);

    let mut stream = Stream::again(landfall, "ada", 2).await;
    assert_eq!((stream.next().await.name.as_str(), stream.last_id), ("replay_gap", Some(0)));
    assert_eq!(stream.titles(6).await, ["1", "2", "3", "new", "then", "and"]);

    let mut bob = landfall.device("bob", "replay_from=1").await;
    assert_eq!(bob.next().await, start_over());
    assert_eq!(bob.titles(1).await, ["new"]);

    let bearer = token("root", "admin");
    let verified = landfall.call("GET", "/api/v1/admin/audit/verify", &bearer, None).await;
    assert_eq!(verified["ok"], true, "{verified}");
}

async fn check_told(landfall: &Landfall, reason: &str) {
    let entries = landfall.audit("epoch_begun").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let said = entries[0]["metadata"]["reason"].as_str().unwrap();
    assert!(said.starts_with(reason), "{said}");
    let epoch = entries[0]["metadata"]["epoch"].as_u64().unwrap();
    assert_eq!(landfall.server.app.services.store.epoch(), Epoch(epoch));
}

#[tokio::test]
async fn a_file_that_was_copied_back_is_noticed_at_the_start() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let folder = landfall.stop().await;
    std::fs::copy(folder.path().join("landfall.db"), folder.path().join("older")).unwrap();

    let landfall = again(folder).await;
    assert_eq!(landfall.server.app.services.rolled_back_at(), None, "an ordinary restart is none");
    let (_, list) = page(&landfall, "ada", "limit=1").await;
    let cursor = list["next_cursor"].as_str().unwrap().to_owned();
    landfall.notify("ada", "lost").await;
    landfall.notify("bob", "lost").await;
    let folder = landfall.stop().await;
    put_back(folder.path(), "older");

    let landfall = again(folder).await;
    let health = landfall.call("GET", "/health", "", None).await;
    assert!(health["store_rolled_back_at"].is_string(), "{health}");
    assert_eq!(health["status"], "healthy");
    check_told(&landfall, "the store went back").await;
    let (status, problem) = page(&landfall, "ada", &format!("limit=1&cursor={cursor}")).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/query/cursor")));
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("start over"));
    check_lost_life(&landfall).await;

    let folder = landfall.stop().await;
    let landfall = again(folder).await;
    check_told(&landfall, "the store went back").await;
    assert_eq!(landfall.server.app.services.rolled_back_at(), None, "it goes on from there");
}

#[tokio::test]
async fn an_empty_store_in_the_place_of_one_that_was_known_begins_above_it() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let folder = landfall.stop().await;
    std::fs::remove_file(folder.path().join("landfall.db")).unwrap();
    let landfall = again(folder).await;
    landfall.notify_many("ada", 4).await;
    let mut ada = landfall.device("ada", "replay_from=3").await;
    assert_eq!(ada.next().await, start_over());
    assert_eq!(ada.titles(4).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_restored_backup_goes_on_in_a_new_epoch() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let folder = landfall.stop().await;
    let landfall = again(folder).await;
    let settings = Settings::new(&landfall.folder.path().join("landfall.db"));
    let file = landfall.folder.path().join("backup");
    let at = Timestamp::from_ms(AT);
    let overwrite = Overwrite::Never;
    let order =
        BackupOrder { file: &file, overwrite, keys: Vec::new(), program: "landfall test", at };
    Sqlite::backup(&settings, &order, &mut |_, _| ()).await.unwrap();
    landfall.notify("ada", "lost").await;
    landfall.notify("bob", "lost").await;
    let folder = landfall.stop().await;

    let ids = Ids::new();
    let order = RestoreOrder {
        file: &BackupFile::open(&file).unwrap(),
        replace: Overwrite::Always,
        later_than: Epoch(1),
        at,
        before: &|| Ok(()),
        entry: &|from, to| epoch_entry(&ids, at, "restored from a backup", from, to),
    };
    Sqlite::restore(&settings, &order, &mut |_, _| ()).await.unwrap();
    let landfall = again(folder).await;
    assert_eq!(landfall.server.app.services.rolled_back_at(), None, "a restore is no accident");
    check_told(&landfall, "restored from a backup").await;
    check_lost_life(&landfall).await;
}

/// What a database server does that was itself put back: every table is as it was before.
fn roll_back(folder: &Path, copy: &str) {
    let connection = Connection::open(folder.join("landfall.db")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let older = folder.join(copy);
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

#[tokio::test]
async fn a_store_that_goes_back_under_a_running_server_is_noticed_without_a_restart() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let folder = landfall.stop().await;
    std::fs::copy(folder.path().join("landfall.db"), folder.path().join("older")).unwrap();
    let landfall = again(folder).await;
    let mut ada = landfall.device("ada", "replay_from=3").await;
    landfall.notify("ada", "lost").await;
    assert_eq!(ada.titles(1).await, ["lost"]);
    landfall.notify("bob", "lost").await;
    let before = landfall.server.app.services.store.epoch();
    // The server has looked at what will be lost.
    let witness = landfall.folder.path().join("witness.json");
    let first = std::fs::read(&witness).unwrap();
    until("the witness is written anew", async || std::fs::read(&witness).unwrap() != first).await;

    roll_back(landfall.folder.path(), "older");
    assert_eq!(ada.next().await, start_over());
    assert_eq!(ada.titles(3).await, ["1", "2", "3"]);
    let past = ada.next().await;
    assert_eq!((&past["type"], &past["from"]), (&json!("replay_gap"), &json!("3")));
    assert_ne!(landfall.server.app.services.store.epoch(), before);
    check_told(&landfall, "the store went back").await;
    landfall.notify("ada", "live").await;
    let live = ada.next().await;
    assert_eq!((&live["title"], &live["prev"]), (&json!("live"), &past["to"]));
    assert!(landfall.server.app.services.rolled_back_at().is_some());
}
