//! The store that a server of a test has: a file of its own, or a database of its own.

use std::sync::Arc;

use landfall_core::time::Timestamp;
use landfall_fixtures::{Database, asks_for_postgres};
use landfall_store::postgres::{self, Postgres};
use landfall_store::sqlite::{self, Sqlite};
use landfall_store::{About, ChangeSink, Store};

use super::{Folder, Server};

/// A store, and the database that goes with it.
pub type Opened<D> = (Arc<dyn Store>, D);

/// Opens the store that the tests are asked to run on.
pub async fn asked_for(folder: &Folder, sink: ChangeSink) -> Opened<Option<Database<'static>>> {
    if asks_for_postgres() {
        let (store, database) = in_database(sink).await;
        return (store, Some(database));
    }
    (Arc::new(Sqlite::open(&in_folder(folder), sink).unwrap()), None)
}

pub async fn in_database(sink: ChangeSink) -> Opened<Database<'static>> {
    let database = landfall_fixtures::Postgres::shared().database().unwrap();
    let store = Postgres::open(&of(&database), sink).await.unwrap();
    (Arc::new(store), database)
}

fn in_folder(folder: &Folder) -> sqlite::Settings {
    sqlite::Settings::new(&folder.0.join("landfall.db"))
}

fn of(database: &Database<'_>) -> postgres::Settings {
    postgres::Settings::new(postgres::Address::parse(&database.url()).unwrap())
}

impl Server {
    /// Vouches for a backup of the store as it is, on whichever machine the operator sits.
    pub async fn vouch(&self, up_to: Timestamp) {
        let life = self.store.life().await.unwrap();
        let program = "landfall test".to_owned();
        let (store, epoch) = (life.store, life.epoch);
        let about = About { schema: 1, store, epoch, made_at: up_to, program };
        let noted = match &self.database {
            Some(database) => Postgres::vouch(&of(database), &about, up_to).await,
            None => Sqlite::vouch(&in_folder(&self.folder), &about, up_to),
        };
        assert_eq!(noted.unwrap(), up_to);
    }
}
