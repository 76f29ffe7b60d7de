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
use serde_json::{Value, json};

use crate::client::number;
use crate::events::Stream;
use crate::going_back::{Older, move_from_elsewhere, put_file_back};
use crate::harness::{Folder, Landfall, node_settings, token, until};

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

fn witness(landfall: &Landfall) -> Vec<u8> {
    std::fs::read(landfall.folder.path().join("witness.json")).unwrap()
}

/// Waits until the server has looked how far the store has come.
async fn until_known(landfall: &Landfall, before: &[u8]) {
    until("the witness is written anew", async || witness(landfall) != before).await;
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

type Owned = Vec<(String, String)>;

/// Makes a database, and the settings of nodes that share it.
fn a_database() -> (landfall_fixtures::Database<'static>, Owned) {
    let database = landfall_fixtures::Postgres::shared().database().unwrap();
    let settings = node_settings(&database.url());
    (database, settings)
}

fn borrowed(settings: &Owned) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// A database server that was put back: every table is as it was before.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_back_under_its_nodes_is_noticed_by_all_of_them() {
    let (database, settings) = a_database();
    let settings = borrowed(&settings);
    let nodes = [Landfall::with(&settings).await, Landfall::with(&settings).await];
    nodes[0].notify_many("ada", 3).await;
    let older = Older::of(&database);
    let mut ada = nodes[1].device("ada", "replay_from=3").await;
    nodes[1].notify("ada", "lost").await;
    assert_eq!(ada.titles(1).await, ["lost"]);
    nodes[0].notify("bob", "lost").await;
    for node in &nodes {
        let known = witness(node);
        node.notify("carl", "for the mark").await;
        until_known(node, &known).await;
    }

    older.put_back();
    assert_eq!(ada.next().await, start_over());
    assert_eq!(ada.titles(3).await, ["1", "2", "3"]);
    let epochs = || nodes.each_ref().map(|node| node.server.app.services.store.epoch());
    until("both nodes are in the new epoch", async || {
        let [one, other] = epochs();
        one == other && one > Epoch(1)
    })
    .await;
    check_told(&nodes[0], "the store went back").await;
    nodes[1].notify("bob", "new").await;
    let mut bob = nodes[0].device("bob", "replay_from=1").await;
    assert_eq!(bob.next().await, start_over());
    assert_eq!(bob.titles(1).await, ["new"]);
    let [one, other] = nodes;
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_while_no_server_ran_is_noticed_at_the_start() {
    let (database, settings) = a_database();
    let settings = borrowed(&settings);
    let node = Landfall::with(&settings).await;
    node.notify_many("ada", 3).await;
    let older = Older::of(&database);
    node.notify("ada", "lost").await;
    node.notify("bob", "lost").await;
    let folder = node.stop().await;
    older.put_back();

    let node = Landfall::on(folder, &settings, Clock::system()).await;
    check_told(&node, "the store went back").await;
    check_lost_life(&node).await;
    let folder = node.stop().await;
    let node = Landfall::on(folder, &settings, Clock::system()).await;
    assert_eq!(node.server.app.services.rolled_back_at(), None, "it goes on from there");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_on_another_server_than_before_may_lack_its_last_commits() {
    let (database, settings) = a_database();
    let settings = borrowed(&settings);
    let node = Landfall::with(&settings).await;
    node.notify_many("ada", 3).await;
    node.stop().await;
    move_from_elsewhere(&database);
    let node = Landfall::with(&settings).await;
    check_told(&node, "the database server was").await;
    check_lost_life(&node).await;
    node.stop().await;
    let node = Landfall::with(&settings).await;
    assert_eq!(node.server.app.services.rolled_back_at(), None, "it is at home now");
    node.stop().await;
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
    let known = witness(&landfall);
    landfall.notify("bob", "lost").await;
    let before = landfall.server.app.services.store.epoch();
    until_known(&landfall, &known).await;

    let place = landfall.folder.path();
    put_file_back(&place.join("landfall.db"), &place.join("older"));
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
