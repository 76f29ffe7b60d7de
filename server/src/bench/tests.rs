//! Generator, publisher and floor against each other, over real sockets.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_store::Syncs as _;
use landfall_store::sqlite::SCHEMA;

use super::database::Database;
use super::filled::{self, Fill, Of};
use super::floor_fanout::Floor;
use super::floor_ingest::{self, Load};
use super::floor_postgres;
use super::generator::{Generator, Manner};
use super::http::{Answer, Endpoint};
use super::http_load::{self, Work};
use super::landfall::Scratch;
use super::layout;
use super::publisher::{Pace, Posts, Publisher};
use super::rows::Order;
use super::topics::socketio_visit;
use super::visitor::Visit;
use super::{push, sync_rows};
use crate::realtime::frame;

/// A floor in a thread; ends with its handle.
struct RunningFloor {
    addr: std::net::SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RunningFloor {
    fn start() -> Self {
        let mut floor = Floor::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (addr, stop) = (floor.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = Some(thread::spawn(move || floor.serve(&stopped).unwrap()));
        Self { addr, stop, thread }
    }
}

impl Drop for RunningFloor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn endpoint() -> Endpoint {
    Endpoint { path: "/notify".into(), content_type: "application/json", token: String::new() }
}

fn check_fanout(pad: usize, count: u32) {
    let floor = RunningFloor::start();
    let start = Instant::now();
    let visits: Vec<Visit> =
        (0..50).map(|index| Visit::to(format!("/ws?token=t{index}"))).collect();
    let mut generator = Generator::open(floor.addr, &visits, start, Manner::STEADY).unwrap();
    let pad = "x".repeat(pad);
    let request = move |stamp| endpoint().post(&format!(r#"{{"pad":"{pad}","stamp":{stamp}}}"#));
    let trigger = Box::new(Posts::connect(floor.addr, request).unwrap());
    let publisher = Publisher::start(start, Pace { per_second: 500, count }, trigger).unwrap();
    let expected = 50 * u64::from(count);
    let deadline = Instant::now() + Duration::from_secs(60);
    generator.run_until(deadline, |counts| counts.received >= expected).unwrap();
    publisher.join().unwrap();
    let counts = generator.counts();
    assert_eq!((counts.received, counts.closed), (expected, 0));
    assert_eq!(counts.latencies_us.len() as u64, expected);
    assert_eq!(counts.rounds.reached(50).len() as u32, count);
    assert_eq!(counts.openings_us.len(), 50);
}

#[test]
fn every_frame_reaches_every_connection() {
    check_fanout(100, 40);
}

#[test]
fn frames_larger_than_socket_and_read_buffers_arrive_whole() {
    check_fanout(100_000, 20);
}

#[test]
fn a_refused_handshake_fails() {
    let floor = RunningFloor::start();
    let none = "127.0.0.1:1".parse().unwrap();
    let open =
        |addr, visits: &[Visit]| Generator::open(addr, visits, Instant::now(), Manner::STEADY);
    assert!(open(none, &[Visit::to("/ws")]).is_err());
    assert!(open(floor.addr, &[]).is_ok());
}

/// Lets a client of Socket.IO come to a server that says this; gives whether it was served, and what it said itself.
fn talk(says: &'static [&'static str]) -> (bool, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = vec![0; 64 * 1024];
        assert!(stream.read(&mut bytes).unwrap() > 0);
        let frames = says.iter().flat_map(|text| frame::text(text.as_bytes()));
        let answer: Vec<u8> = b"HTTP/1.1 101 S\r\n\r\n".iter().copied().chain(frames).collect();
        stream.write_all(&answer).unwrap();
        let (mut heard, mut decoder) = (Vec::new(), frame::Decoder::default());
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            let mut input = &mut bytes[..count];
            while let Some(frame::Incoming::Text(text)) = decoder.next(&mut input, 1024).unwrap() {
                heard.push(text.to_owned());
            }
        }
        heard
    });
    let visit = socketio_visit(r#"{"token":"t"}"#, "room");
    let is_served = Generator::open(addr, &[visit], Instant::now(), Manner::STEADY).is_ok();
    (is_served, server.join().unwrap())
}

#[test]
fn a_client_of_socketio_talks_until_it_has_joined() {
    let joins = [r#"40{"token":"t"}"#, r#"420["join_topic",{"topic_id":"room"}]"#];
    let (is_served, heard) = talk(&["0{}", r#"40{"sid":"s"}"#, "2", r#"430[{"ok":true}]"#]);
    assert_eq!((is_served, &heard[..]), (true, &[joins[0], joins[1], "3"].map(String::from)[..]));
    let (is_served, _) = talk(&["0{}", r#"40{"sid":"s"}"#, r#"430[{"ok":false}]"#]);
    assert!(!is_served, "it was refused");
    let (is_served, _) = talk(&["0{}", r#"44{"message":"m"}"#]);
    assert!(!is_served, "its token was refused");
}

#[test]
fn connections_begin_one_after_the_other() {
    let (begun, over) = (Instant::now(), Duration::from_secs(5));
    let due = |manner: Manner, index| manner.due(begun, index, 5_000) - begun;
    assert_eq!(due(Manner::STEADY, 4_999), Duration::ZERO);
    let spread = Manner { over, ..Manner::STEADY };
    assert_eq!((due(spread, 0), due(spread, 2_500)), (Duration::ZERO, over / 2));
}

struct Requests;

impl Work for Requests {
    fn request(&mut self, _: usize) -> Vec<u8> {
        endpoint().post("{}")
    }

    fn stored(&self, _: &Answer) -> u64 {
        1
    }
}

#[test]
fn a_closed_loop_of_clients_gets_an_answer_to_each_request() {
    let floor = RunningFloor::start();
    let outcome = http_load::run(floor.addr, 8, 0, &mut Requests).unwrap();
    assert_eq!((outcome.rows, outcome.refused, outcome.latencies_us.len()), (8, 0, 8));
}

#[test]
fn the_ingest_floor_stores_whole_groups_and_leaves_nothing_behind() {
    let scratch = Scratch::create(&std::env::temp_dir()).unwrap();
    let (schema, insert) = layout::ARRIVAL;
    let load = Load { group: 64, seconds: 1, order: Order::Random };
    let rate = floor_ingest::run(scratch.path(), schema, &[insert], load).unwrap();
    assert!(rate.rows > 0 && rate.rows.is_multiple_of(64));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn floors_of_operations_store_rows_of_the_present_schema() {
    for rows in [sync_rows::SAME_ROWS, push::SAME_ROWS] {
        let scratch = Scratch::create(&std::env::temp_dir()).unwrap();
        let load = Load { group: 640, seconds: 1, order: Order::InTurn };
        let rate = floor_ingest::run(scratch.path(), SCHEMA, &rows, load).unwrap();
        assert!(rate.rows > 0);
    }
}

#[test]
fn a_store_of_entities_gives_the_last_changes_of_each_user() {
    let scratch = Scratch::create(&std::env::temp_dir()).unwrap();
    let fill = Fill { of: Of::Entities, rows: 4_000, per_user: 2_000 };
    let store = filled::open(&filled::store(scratch.path(), fill).unwrap()).unwrap();
    let tenant = Tenant::parse("default").unwrap();
    let feed = FeedKey::data(&tenant, &UserId::parse("u1").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let changed = store.changed_entities(&feed, Number(1_990), Vec::new(), 100);
    let changed = runtime.block_on(changed).unwrap();
    let numbers: Vec<u64> = changed.iter().map(|entity| entity.changed.0).collect();
    assert_eq!(numbers, (1_991..=2_000).collect::<Vec<_>>());
}

#[test]
fn the_postgres_floor_stores_whole_groups_and_leaves_nothing_behind() {
    let server = landfall_fixtures::Postgres::shared();
    let place = server.database().unwrap();
    let database = Database::create(&place.url()).unwrap();
    let load = Load { group: 64, seconds: 1, order: Order::Random };
    let (rate, _) = floor_postgres::run(&database, load).unwrap();
    assert!(rate.rows > 0 && rate.rows.is_multiple_of(64));
    drop(database);
    let left = "select count(*) from pg_database where datname like 'landfall_bench_%'";
    assert_eq!(place.ask(left).unwrap(), "0");
}
