//! The network: a connection that is cut around a commit leaves its effect unknown, never doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use landfall_core::feed::Number;
use landfall_store::postgres::{Address, Settings};
use landfall_store::{StoreError, Unit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::contract::make::{key, note, publish, tenant, unit, user};
use crate::{Place, open};

/// What happens to the next commit on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Nothing.
    Never = 0,
    /// It does not reach the server.
    Before = 1,
    /// The server gets it; its answer is lost.
    After = 2,
    /// It is swallowed, and the connection stays open without a word.
    Silence = 3,
}

const CUTS: [Cut; 4] = [Cut::Never, Cut::Before, Cut::After, Cut::Silence];

/// Stands between a store and its server.
struct Proxy {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, cut) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU8::new(0)));
        let theirs = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&theirs)));
            }
        });
        Self { port, cut }
    }

    fn arm(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

/// Carries both ways; whichever ends first ends both.
async fn carry(client: TcpStream, server: TcpStream, cut: Arc<AtomicU8>) {
    let ((asked, answer), (answered, ask)) = (client.into_split(), server.into_split());
    let is_mute = AtomicBool::new(false);
    tokio::select! {
        () = requests(asked, ask, &cut, &is_mute) => {}
        () = answers(answered, answer, &is_mute) => {}
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: &AtomicU8,
    is_mute: &AtomicBool,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let is_commit = buffer[..read].windows(7).any(|word| word == b"commit\0");
        if is_commit {
            match CUTS[usize::from(cut.swap(0, Ordering::SeqCst))] {
                Cut::Never => {}
                Cut::Before => return,
                Cut::After => is_mute.store(true, Ordering::SeqCst),
                Cut::Silence => std::future::pending().await,
            }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_mute: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        // What would be lost is the answer to the commit: the server has done it.
        if is_mute.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Puts a proxy in front of a place's server; gives the settings that lead through it.
async fn through_a_proxy(place: &Place) -> (Proxy, Settings) {
    let url = place.database.url();
    let port = landfall_fixtures::Postgres::shared().port();
    let proxy = Proxy::start(port).await;
    let url = url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port)) + "?sslmode=disable";
    (proxy, Settings::new(Address::parse(&url).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up_in_time() {
    let place = Place::empty();
    let (proxy, mut settings) = through_a_proxy(&place).await;
    settings.statement_timeout = Duration::from_millis(300);
    let store = open(&settings).await;
    let (t, u) = (tenant("t"), user("u"));
    let unit = Unit { idempotency: Some(key("k", 1)), ..unit(&t, vec![publish(&note(&u, "n"))]) };
    proxy.arm(Cut::Silence);
    let given_up = tokio::time::timeout(Duration::from_secs(20), store.commit(unit.clone())).await;
    let error = given_up.expect("it waits for ever").unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let receipt = store.commit(unit).await.unwrap();
    assert_eq!(receipt.numbers(), [Number(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_cut_off_is_unknown_and_repeating_it_is_safe() {
    let place = Place::empty();
    let (proxy, settings) = through_a_proxy(&place).await;
    let store = open(&settings).await;
    let (t, u) = (tenant("t"), user("u"));
    for (n, cut) in
        [Cut::Never, Cut::Before, Cut::After, Cut::Before, Cut::After].into_iter().enumerate()
    {
        let idempotency = Some(key(&format!("k{n}"), 1));
        let unit = Unit { idempotency, ..unit(&t, vec![publish(&note(&u, "n"))]) };
        proxy.arm(cut);
        let first = store.commit(unit.clone()).await;
        assert_eq!(first.is_ok(), cut == Cut::Never, "{cut:?}: {first:?}");
        if let Err(error) = first {
            assert!(matches!(error, StoreError::Unavailable(_)), "{cut:?}: {error:?}");
        }
        let again = store.commit(unit).await;
        match (cut, again) {
            (Cut::Never | Cut::After, Err(StoreError::Duplicate(stored))) => {
                assert_eq!(stored.numbers, [Number(n as u64 + 1)]);
            }
            (Cut::Before, Ok(receipt)) => assert_eq!(receipt.numbers(), [Number(n as u64 + 1)]),
            (cut, again) => panic!("{cut:?}: {again:?}"),
        }
    }
    assert_eq!(store.unread(&t, &u).await.unwrap().1.newest, Number(5));
}
