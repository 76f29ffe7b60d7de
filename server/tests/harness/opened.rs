//! The store that a server of a test has: a file of its own, or a database of its own.

use std::sync::Arc;

use landfall_fixtures::{Database, asks_for_postgres};
use landfall_store::postgres::{self, Postgres};
use landfall_store::sqlite::{self, Sqlite};
use landfall_store::{ChangeSink, Store};

use super::Folder;

/// A store, and the database that goes with it.
pub type Opened<D> = (Arc<dyn Store>, D);

/// Opens the store that the tests are asked to run on.
pub async fn asked_for(folder: &Folder, sink: ChangeSink) -> Opened<Option<Database<'static>>> {
    if asks_for_postgres() {
        let (store, database) = in_database(sink).await;
        return (store, Some(database));
    }
    let settings = sqlite::Settings::new(&folder.0.join("landfall.db"));
    (Arc::new(Sqlite::open(&settings, sink).unwrap()), None)
}

pub async fn in_database(sink: ChangeSink) -> Opened<Database<'static>> {
    let database = landfall_fixtures::Postgres::shared().database().unwrap();
    let address = postgres::Address::parse(&database.url()).unwrap();
    let settings = postgres::Settings::new(address);
    let store = Postgres::open(&settings, sink).await.unwrap();
    (Arc::new(store), database)
}
