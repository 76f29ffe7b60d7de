//! The floor of the outbox: bare requests on kept connections and raw SQLite that writes for each what a claim, an outcome
//! and its entry of the trail write. It looks at nothing and decides nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use landfall_core::id::NotificationId;
use rusqlite::{Connection, params};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fcm_service::PATH;
use super::floor_ingest;
use super::http::{self, Endpoint};
use super::outbox_rows::FILE;
use super::process::thread_cpu_us;

/// Rows of one transaction.
const GROUP: usize = 64;

const CLAIM: &str =
    "update delivery set claim = claim + 1, leased = 1, due_at = ?2, updated_at = ?3
    where tenant = 'default' and id = ?1";
const SETTLE: &str = "update delivery set state = 'sent', reason = 'taken by the provider', due_at = null, leased = 0,
        attempts = attempts + 1, code = '200', provider = 'fcm', reference = ?3, updated_at = ?2
    where tenant = 'default' and id = ?1";
const CHAIN: &str = "insert into audit_chain (tenant, newest) values ('default', 1)
    on conflict (tenant) do update set newest = newest + 1 returning newest";
const ENTRY: &str = "insert into audit_entry (tenant, number, at, action, entity_type, entity_id, digest, salt,
        actor, target, metadata)
    values ('default', ?1, ?2, 'delivery_sent', 'notification', ?3, zeroblob(32), zeroblob(16), null, 'u17', ?4)";

/// What a run did.
pub struct Spent {
    /// Requests that were answered and stored.
    pub attempts: u64,
    /// From the first request to the last commit.
    pub took: Duration,
    /// CPU time of both threads, in microseconds.
    pub cpu_us: f64,
}

/// A delivery as the floor needs it.
struct Row {
    id: Vec<u8>,
    notification: String,
}

/// Makes requests on `under_way` connections for a time, and stores each in the store of `data_dir`.
pub fn run(
    data_dir: &Path,
    addr: SocketAddr,
    under_way: usize,
    time: Duration,
) -> anyhow::Result<Spent> {
    let mut connection = floor_ingest::open(&data_dir.join(FILE))?;
    let rows = rows(&connection)?;
    let (answered, answers) = mpsc::channel(4 * under_way.max(GROUP));
    let begun = Instant::now();
    let storing = std::thread::Builder::new()
        .name("bench-store".into())
        .spawn(move || store(&mut connection, &rows, answers))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu = thread_cpu_us()?;
    runtime.block_on(request(addr, under_way, time, answered))?;
    let cpu = thread_cpu_us()? - cpu;
    let stored = storing.join().map_err(|_| anyhow::anyhow!("the storing thread panicked"))?;
    let (attempts, store_cpu) = stored?;
    Ok(Spent { attempts, took: begun.elapsed(), cpu_us: cpu + store_cpu })
}

fn rows(connection: &Connection) -> anyhow::Result<Vec<Row>> {
    let mut statement =
        connection.prepare("select id, notification_id from delivery order by id")?;
    let read = statement.query_map([], |row| {
        let notification: [u8; 16] = row.get(1)?;
        let notification = NotificationId(Uuid::from_bytes(notification)).to_string();
        Ok(Row { id: row.get(0)?, notification })
    })?;
    Ok(read.collect::<rusqlite::Result<_>>()?)
}

/// Keeps every connection busy until the time is over.
async fn request(
    addr: SocketAddr,
    under_way: usize,
    time: Duration,
    answered: mpsc::Sender<()>,
) -> anyhow::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let request: Arc<[u8]> = message().into();
    let mut asking = JoinSet::new();
    for _ in 0..under_way {
        let (request, answered) = (Arc::clone(&request), answered.clone());
        let ended = Arc::clone(&ended);
        asking.spawn(async move {
            let mut stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            while !ended.load(Ordering::Relaxed) {
                ask(&mut stream, &request).await?;
                answered.send(()).await.context("nobody stores any more")?;
            }
            anyhow::Ok(())
        });
    }
    drop(answered);
    tokio::time::sleep(time).await;
    ended.store(true, Ordering::Relaxed);
    while let Some(asked) = asking.join_next().await {
        asked??;
    }
    Ok(())
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<()> {
    stream.write_all(request).await?;
    let (mut buffer, mut filled) = ([0; 2_048], 0);
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => bail!("the provider closed a connection"),
            read => filled += read,
        }
        if let Some((answer, _)) = http::parse_answer(&buffer[..filled])? {
            anyhow::ensure!(answer.is_success(), "the provider answered {}", answer.status);
            return Ok(());
        }
    }
}

/// The same bytes each time, as many as Landfall's.
fn message() -> Vec<u8> {
    let endpoint = Endpoint {
        path: PATH.into(),
        content_type: "application/json",
        token: "a-token-of-this-machine".into(),
    };
    let token = format!("fV9m-00000001:APA91bG{}", "x".repeat(140));
    endpoint.post(&format!(
        r#"{{"message":{{"token":"{token}","notification":{{"title":"Quiz at ten","body":"Quiz 17 moves to room 4 at ten; bring a pencil and a ruler."}},"data":{{"notification_type":"quiz_reminder","notification_id":"0192f0c1-2b5e-7c33-9c61-5a2f6f7d1c11","replay_id":"17","class_id":"7b","quiz_id":"fractions-2"}},"android":{{"priority":"NORMAL","ttl":"2419200s","notification":{{"tag":"0192f0c1-2b5e-7c33-9c61-5a2f6f7d1c11"}}}},"apns":{{"headers":{{"apns-priority":"5","apns-collapse-id":"0192f0c1-2b5e-7c33-9c61-5a2f6f7d1c11"}}}}}}}}"#
    ))
}

/// Stores what was answered, as many together as there are; gives how many and the CPU time.
fn store(
    connection: &mut Connection,
    rows: &[Row],
    mut answers: mpsc::Receiver<()>,
) -> anyhow::Result<(u64, f64)> {
    let cpu = thread_cpu_us()?;
    let (mut stored, mut group) = (0, Vec::with_capacity(GROUP));
    while answers.blocking_recv_many(&mut group, GROUP) > 0 {
        let end = stored + group.len();
        let due = rows.get(stored..end).context("all deliveries were made; give more of them")?;
        commit(connection, due)?;
        (stored, _) = (end, group.clear());
    }
    Ok((stored as u64, thread_cpu_us()? - cpu))
}

fn commit(connection: &mut Connection, rows: &[Row]) -> anyhow::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut claim = transaction.prepare_cached(CLAIM)?;
        let mut settle = transaction.prepare_cached(SETTLE)?;
        let mut chain = transaction.prepare_cached(CHAIN)?;
        let mut entry = transaction.prepare_cached(ENTRY)?;
        let now = crate::clock::now_ms();
        for Row { id, notification } in rows {
            claim.execute(params![id, now + 60_000, now])?;
            settle.execute(params![id, now, "projects/school-1/messages/0:17"])?;
            let number: i64 = chain.query_row([], |row| row.get(0))?;
            let metadata = format!(
                r#"{{"channel":"push","delivery":"{notification}","state":"sent","reason":"taken by the provider","rule":"attempt","attempt":1,"provider":"fcm","code":"200","due_at":null}}"#
            );
            entry.execute(params![number, now, notification, metadata])?;
        }
    }
    Ok(transaction.commit()?)
}
