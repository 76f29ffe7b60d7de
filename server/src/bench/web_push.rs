//! Web Push: how many messages a second one core encrypts and hands to a push service on this machine, through the
//! provider that serves people and its guarded client, against the cryptography alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use landfall_channels::connect::{Allow, Connections, Guard, GuardedClient};
use landfall_channels::web_push::{VapidKey, WebPush, WebPushSettings};
use landfall_channels::{Load, Note, Outcome, Parcel, Provider as _, Subscription};
use landfall_core::id::NotificationId;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::time::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Report;
use super::bare_crypto::{self, Browser};
use super::pairs::Pairs;
use super::process::thread_cpu_us;
use super::push_service::{AUTHORITY, PushService};
use crate::clock;
use crate::keys::generate_vapid;

/// What is on a body besides its text: salt, record size, key, the record's end and tag.
const AROUND_TEXT: usize = 16 + 4 + 1 + 65 + 1 + 16;

/// What `landfall bench webpush` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Messages under way at the same time.
    #[arg(long, default_value_t = 256)]
    under_way: usize,
    /// Browsers that they go to.
    #[arg(long, default_value_t = 1_000)]
    browsers: usize,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often provider and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
}

/// One run of the provider.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    pushes: u64,
    per_s: f64,
    cpu_us_per_push: f64,
    connections: u64,
    body_bytes: f64,
}

/// One run of the floor.
#[derive(Debug, Serialize)]
struct Floor {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    messages: u64,
    per_s: f64,
    cpu_us_per_message: f64,
}

/// Measures provider and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let provider = |pair| measure(options, pair);
    let floor = |pair, run: &Run| floor(options, pair, run.body_bytes);
    let pairs = Pairs::measure(options.pairs, report, provider, floor)?;
    report.line(format_args!(
        "webpush over HTTP/2 and TLS on one core, bodies of {:.0} bytes: {} of the rate that the core's time gives the \
         bare cryptography ({:.1} µs of CPU a push, floor {:.1}); {:.0} pushes a second by the clock, floor {:.0}; {}",
        pairs.over(|run, _| run.body_bytes).median,
        pairs.over(|run, floor| floor.cpu_us_per_message / run.cpu_us_per_push),
        pairs.over(|run, _| run.cpu_us_per_push).median,
        pairs.over(|_, floor| floor.cpu_us_per_message).median,
        pairs.over(|run, _| run.per_s).median,
        pairs.over(|_, floor| floor.per_s).median,
        pairs.told(),
    ))?;
    Ok(())
}

fn browsers(options: &Options) -> anyhow::Result<Vec<Browser>> {
    (0..options.browsers.max(1)).map(|_| Browser::generate()).collect()
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let service = PushService::start()?;
    let provider = Arc::new(provider(&service)?);
    let parcels: Vec<Parcel> = browsers(options)?
        .into_iter()
        .enumerate()
        .map(|(at, browser)| parcel(&service, at, browser))
        .collect();
    let parcels = Arc::new(parcels);
    // One thread: the provider, its connections and their cryptography are all on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // The connection and the signature are made once in hours.
        expect_sent(&provider.send(&parcels[0]).await)?;
        let before = service.taken().0;
        let (begun, cpu) = (Instant::now(), thread_cpu_us()?);
        push(options, &provider, &parcels).await?;
        let (took, cpu) = (begun.elapsed(), thread_cpu_us()? - cpu);
        let (taken, body_bytes) = service.taken();
        let pushes = taken - before;
        Ok(Run {
            bench: "webpush",
            side: "landfall",
            pair,
            pushes,
            per_s: pushes as f64 / took.as_secs_f64(),
            cpu_us_per_push: cpu / pushes as f64,
            connections: service.connections(),
            body_bytes,
        })
    })
}

/// Keeps so many under way until the time is over.
async fn push(
    options: &Options,
    provider: &Arc<WebPush>,
    parcels: &Arc<Vec<Parcel>>,
) -> anyhow::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let mut pushing = JoinSet::new();
    for at in 0..options.under_way {
        let (provider, parcels) = (Arc::clone(provider), Arc::clone(parcels));
        let ended = Arc::clone(&ended);
        pushing.spawn(async move {
            for parcel in parcels.iter().cycle().skip(at) {
                expect_sent(&provider.send(parcel).await)?;
                if ended.load(Ordering::Relaxed) {
                    break;
                }
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    ended.store(true, Ordering::Relaxed);
    while let Some(pushed) = pushing.join_next().await {
        pushed??;
    }
    Ok(())
}

fn expect_sent(outcome: &Outcome) -> anyhow::Result<()> {
    ensure!(matches!(outcome, Outcome::Sent { .. }), "a push was not taken: {outcome:?}");
    Ok(())
}

fn provider(service: &PushService) -> anyhow::Result<WebPush> {
    let allow = Allow::parse(&[service.authority()]);
    let allow = allow.map_err(|(_, fault)| fault).context("the push service's address")?;
    let connections = Connections { authorities: vec![AUTHORITY.into()], ..Connections::default() };
    let client = GuardedClient::new(Guard::new(allow), &connections)?;
    let key = VapidKey::parse(generate_vapid()?.private_key.expose())?;
    Ok(WebPush::new(
        client,
        WebPushSettings {
            keys: vec![key],
            subject: None,
            token_life: Duration::from_secs(12 * 3_600),
            home: "https://school.example".into(),
        },
    ))
}

fn parcel(service: &PushService, at: usize, browser: Browser) -> Parcel {
    let Browser { p256dh, auth } = browser;
    let endpoint = format!("https://{}/push/v1/gAAAAABo-{at:08}-oxkR0fDsyV", service.authority());
    let subscription = Subscription { endpoint, p256dh, auth, server_key: None };
    let id = NotificationId(Uuid::now_v7());
    Parcel {
        delivery: Uuid::now_v7(),
        notification: id,
        priority: Priority::Normal,
        expires_at: None,
        now: Timestamp::from_ms(clock::now_ms()),
        load: Load::WebPush(subscription, note(id)),
    }
}

/// What a push says in every benchmark.
pub fn note(id: NotificationId) -> Note {
    Note {
        title: "Quiz at ten".into(),
        body: "The quiz on fractions moves to room 4 at ten; bring a pencil and a ruler.".into(),
        notification_type: "quiz_reminder".into(),
        replay_id: Some("17".into()),
        data: JsonText::trusted(r#"{"class_id":"7b","quiz_id":"fractions-2"}"#),
        image: None,
        actions: None,
        link: Some("https://school.example/quizzes/fractions-2".into()),
        locale: Some("en".into()),
        receipt_url: None,
        badge: None,
        tag: id.to_string(),
    }
}

fn floor(options: &Options, pair: usize, body_bytes: f64) -> anyhow::Result<Floor> {
    let text = vec![b'x'; (body_bytes.round() as usize).saturating_sub(AROUND_TEXT) + 1];
    let browsers = browsers(options)?;
    let (begun, cpu) = (Instant::now(), thread_cpu_us()?);
    let mut messages = 0;
    for browser in browsers.iter().cycle() {
        bare_crypto::encrypt(browser, text.clone())?;
        messages += 1;
        if messages % 64 == 0 && begun.elapsed() >= Duration::from_secs(options.seconds) {
            break;
        }
    }
    Ok(Floor {
        bench: "webpush",
        side: "floor",
        pair,
        messages,
        per_s: messages as f64 / begun.elapsed().as_secs_f64(),
        cpu_us_per_message: (thread_cpu_us()? - cpu) / messages as f64,
    })
}
