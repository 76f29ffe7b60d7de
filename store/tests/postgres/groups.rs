//! Groups: what waits for a commit shares a transaction, and its rows a statement.

use std::sync::Arc;

use landfall_store::SyncWrite;
use tokio::task::JoinSet;

use crate::contract::make::{note, publish, tenant, unit, user};
use crate::contract::make_sync::{branch, name, put, write};
use crate::{Place, open};

const UNITS: usize = 256;

/// Each row knows the transaction that put it there, and which of its statements did.
#[tokio::test(flavor = "multi_thread")]
async fn units_that_wait_share_a_transaction_and_their_rows_a_statement() {
    let place = Place::empty();
    let store = open(&place.settings()).await;
    let mut running = JoinSet::new();
    for n in 0..UNITS {
        let of_all = user(if n % 2 == 0 { "hot" } else { "other" });
        let unit = unit(&tenant("t"), vec![publish(&note(&of_all, "n"))]);
        let store = Arc::clone(&store);
        running.spawn(async move { store.commit(unit).await.unwrap() });
    }
    running.join_all().await;
    check(&place, "notification", (UNITS, UNITS));
    check(&place, "feed", (2, UNITS));
}

/// Asserts that so many units left so many rows, put in by few transactions and a statement of each.
fn check(place: &Place, table: &str, (rows, units): (usize, usize)) {
    let counted = place.database.ask(&format!(
        "select count(*), count(distinct xmin::text),
             count(distinct xmin::text || ' ' || cmin::text) from {table}"
    ));
    let counted = counted.unwrap();
    let counts: Vec<usize> = counted.split('|').map(|count| count.parse().unwrap()).collect();
    let [all, transactions, statements] = counts[..] else { panic!("{counted}") };
    assert_eq!(all, rows);
    assert!(transactions <= units / 4, "{transactions} transactions");
    assert_eq!(statements, transactions, "one statement of each puts its rows into {table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_wait_share_a_transaction_and_their_rows_a_statement() {
    let place = Place::empty();
    let store = open(&place.settings()).await;
    let mut running = JoinSet::new();
    for n in 0..64 {
        let operation = |k: u64| {
            let entity = name("notes", &format!("{n}-{}", k / 2));
            let from_branch = (k % 2 == 1).then(|| format!("{n}-{}", k - 1).into());
            let branch = Some(branch(1));
            let id = format!("{n}-{k}");
            put(SyncWrite {
                from_branch,
                branch,
                ..write(&tenant("t"), &id, entity, (k % 2, k % 2 + 1))
            })
        };
        let unit = unit(&tenant("t"), (0..6).map(operation).collect());
        let store = Arc::clone(&store);
        running.spawn(async move { store.commit(unit).await.unwrap() });
    }
    running.join_all().await;
    for (table, rows) in
        [("entity", 192), ("entity_version", 384), ("operation", 384), ("branch", 192)]
    {
        check(&place, table, (rows, 64));
    }
}
