//! Groups: what waits for a commit shares a transaction, and its rows a statement.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::contract::make::{note, publish, tenant, unit, user};
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
    for (table, rows) in [("notification", UNITS), ("feed", 2)] {
        let counted = place.database.ask(&format!(
            "select count(*), count(distinct xmin::text),
                 count(distinct xmin::text || ' ' || cmin::text) from {table} where tenant = 't'"
        ));
        let counted = counted.unwrap();
        let counts: Vec<usize> = counted.split('|').map(|count| count.parse().unwrap()).collect();
        let [all, transactions, statements] = counts[..] else { panic!("{counted}") };
        assert_eq!(all, rows);
        assert!(transactions <= UNITS / 4, "{transactions} transactions");
        assert_eq!(statements, transactions, "one statement of each puts its rows into {table}");
    }
}
