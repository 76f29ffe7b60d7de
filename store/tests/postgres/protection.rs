//! TLS: whom a connection trusts is what its URL says.

use landfall_fixtures::{Durability, Postgres as Server};
use landfall_store::postgres::{Address, Postgres, Settings};
use landfall_store::{Commits, StoreError};

use crate::deaf;

fn server() -> Server {
    let files = [
        ("server.pem", include_str!("tls/server.pem")),
        ("server.key", include_str!("tls/server.key")),
    ];
    let settings = "ssl = on\nssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'";
    Server::start_with(Durability::PageCache, settings, &files).unwrap()
}

fn file(name: &str) -> String {
    format!("{}/tests/postgres/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Opens a store by a URL with these parameters; tells whether its sessions are protected.
async fn connect(server: &Server, query: &str) -> Result<bool, StoreError> {
    let database = server.database().unwrap();
    let url = format!("{}?{query}", database.url());
    let settings = Settings::new(Address::parse(&url).unwrap());
    let store = Postgres::open(&settings, deaf()).await?;
    store.check().await?;
    let sql = "select bool_and(s.ssl) from pg_stat_ssl s join pg_stat_activity a using (pid)
               where a.datname = current_database() and a.application_name = 'landfall'";
    Ok(database.ask(sql).unwrap() == "t")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_trusted_as_far_as_the_url_says() {
    let server = server();
    let (ours, other) = (file("ca.pem"), file("other_ca.pem"));
    assert!(!connect(&server, "sslmode=disable").await.unwrap());
    assert!(connect(&server, "").await.unwrap(), "what is offered is taken");
    assert!(connect(&server, "sslmode=require").await.unwrap());
    for mode in ["require", "verify-full"] {
        let query = format!("sslmode={mode}&sslrootcert={ours}");
        assert!(connect(&server, &query).await.unwrap());
        let query = format!("sslmode={mode}&sslrootcert={other}");
        let error = connect(&server, &query).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    // The system's roots have not signed it either.
    connect(&server, "sslmode=verify-full").await.unwrap_err();
    let missing = format!("sslmode=verify-full&sslrootcert={}", file("missing.pem"));
    let error = connect(&server, &missing).await.unwrap_err();
    assert!(format!("{error:?}").contains("missing.pem"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    connect(Server::shared(), "sslmode=require").await.unwrap_err();
    assert!(!connect(Server::shared(), "sslmode=prefer").await.unwrap());
}
