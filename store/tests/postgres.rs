//! The contract suite on a PostgreSQL of its own, and what only a server that others share can go
//! through.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod contract;
#[path = "postgres/due.rs"]
mod due;
#[path = "postgres/faults.rs"]
mod faults;
#[path = "postgres/groups.rs"]
mod groups;
#[path = "postgres/network.rs"]
mod network;
#[path = "postgres/addresses.rs"]
mod node_addresses;
#[path = "postgres/claims.rs"]
mod node_claims;
#[path = "postgres/nodes.rs"]
mod nodes;
#[path = "postgres/protection.rs"]
mod protection;
#[path = "postgres/revoked.rs"]
mod revoked;
#[path = "postgres/schema.rs"]
mod schema;

use std::sync::Arc;

use contract::world::{Backend, Tampering};
use landfall_fixtures::{Database, Postgres as Server};
use landfall_store::postgres::{Address, Postgres, Settings};
use landfall_store::{Answered, ChangeSink, Store};

contract!(crate::Place::make());

/// An empty database of this process' server, dropped with the value.
struct Place {
    database: Database<'static>,
}

impl Place {
    fn make() -> Arc<dyn Backend> {
        Arc::new(Self::empty())
    }

    fn empty() -> Self {
        Self { database: Server::shared().database().unwrap() }
    }

    fn settings(&self) -> Settings {
        let address = Address::parse(&self.database.url()).unwrap();
        Settings { connections: 4, committers: 2, ..Settings::new(address) }
    }
}

impl Backend for Place {
    fn another(&self) -> Arc<dyn Backend> {
        Self::make()
    }

    fn open(&self, sink: ChangeSink) -> Answered<'_, Arc<dyn Store>> {
        Box::pin(async move {
            let store = Postgres::open(&self.settings(), sink).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }

    fn migrate(&self) -> Answered<'_, (u32, u32)> {
        Box::pin(async move { Postgres::migrate(&self.settings()).await })
    }

    fn tamper(&self, tampering: Tampering) {
        for sql in tampering.statements() {
            let done = self.database.ask(&sql).unwrap();
            assert!(["UPDATE 1", "DELETE 1"].contains(&done.as_str()), "{tampering:?}: {done}");
        }
    }

    fn claim_newer_schema(&self) {
        self.database
            .ask("insert into schema_version select max(version) + 1 from schema_version")
            .unwrap();
    }
}

fn deaf() -> ChangeSink {
    Arc::new(|_| {})
}

async fn open(settings: &Settings) -> Arc<dyn Store> {
    Arc::new(Postgres::open(settings, deaf()).await.unwrap())
}
