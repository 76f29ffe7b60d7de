//! Running the server: built once from the configuration, drained on SIGTERM.
//!
//! The order of stopping is the promise: no new work, sockets told to come back, requests and
//! workers finished, the store closed last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use landfall_bus::{Capacity, Nudge, in_memory};
use landfall_core::cursor::CursorKey;
use landfall_core::delivery::RetryPolicy;
use landfall_core::rate::Pace;
use landfall_core::session::PageSizes;
use landfall_store::{Change, ChangeSink, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppParts, CallbackKeys, WebSettings};
use crate::auth::Verifier;
use crate::auth::jwks::{Fetcher, KeptSets, keep_fresh};
use crate::blobs::BlobFolder;
use crate::clock::Clock;
use crate::config::{Backend, Config, Loaded};
use crate::front::{self, Front};
use crate::http;
use crate::keys::{DataLock, Keys};
use crate::realtime::{Engine, Gateway, Hub, HubSettings};
use crate::service::links::Links;
use crate::service::live_queue::{Reports, Room, live_queue};
use crate::service::outbox::{Outbox, OutboxSettings};
use crate::service::retention::Keeps;
use crate::service::{Parts, Services, Settings};
use crate::sockets::Carried;
use crate::templates::Templates;
use crate::tls::{Certificate, Tls, keep_renewed};
use crate::{backend, logs, memory, providers, realtime, sockets, worker};

/// Nudges that the bus holds; more are lost, which costs a comparison of heads.
pub(crate) const BUS_CAPACITY: Capacity = Capacity { nudges: 65_536, bytes: 256 * 1_024 * 1_024 };
/// Workers have so long to end, however long the connections took.
const WORKERS_END: Duration = Duration::from_secs(5);
/// Events of live connections that wait to be stored.
const EVENTS_ROOM: Room = Room { events: 65_536, numbers: 1_048_576 };

/// Runs the server until SIGTERM or SIGINT and what was under way has ended.
///
/// # Errors
/// When the data folder is in use, a key is damaged, the store cannot be opened, or the address
/// cannot be listened on.
pub fn run(loaded: Loaded) -> anyhow::Result<()> {
    logs::start(&loaded.config.log).context("logging cannot be started")?;
    memory::use_plain_pages();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime cannot be started")?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data_dir = %loaded.config.server.data_dir.display(),
        store = %Backend::of(&loaded.config),
        "starting"
    );
    let carried = match loaded.config.tls.files() {
        Some(_) => Carried::OverTls,
        None => Carried::Plainly,
    };
    sockets::raise_open_files(loaded.config.limits.connections_max, carried);
    let ended = runtime.block_on(serve(&loaded.config));
    // After a second signal nobody waits for what is under way, not even for a thread.
    runtime.shutdown_background();
    ended
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen();
    // Whoever asks for files to be read again must not stop a server that has none.
    let _hangup = signal(SignalKind::hangup());
    let server = Server::start(config, Clock::system()).await?;
    let tls = config.tls.files().is_some();
    tracing::info!(tls, addr = %server.address(), "listening");
    signals.next().await;
    tracing::info!("draining; a second signal stops at once");
    tokio::select! {
        () = server.stop() => {}
        () = signals.next() => {
            anyhow::bail!("stopped at once by a second signal; what was under way did not end")
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// SIGTERM and SIGINT, from the moment they are listened for.
struct StopSignals(Option<[Signal; 2]>);

impl StopSignals {
    fn listen() -> Self {
        let both = signal(SignalKind::terminate()).and_then(|terminate| {
            signal(SignalKind::interrupt()).map(|interrupt| [terminate, interrupt])
        });
        // Without signals the process can still be killed; nothing accepted is lost by that.
        Self(both.ok())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some([terminate, interrupt]) => {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            None => std::future::pending().await,
        }
    }
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    /// What its edges share.
    pub app: Arc<App>,
    /// Who is connected.
    pub(crate) hub: Arc<Hub>,
    store: Arc<dyn Store>,
    accepting: tokio::task::JoinHandle<()>,
    beating: tokio::task::JoinHandle<()>,
    workers: JoinSet<()>,
    stop: CancellationToken,
    drain_for: Duration,
    /// Held as long as the server uses the folder.
    _lock: DataLock,
}

impl Server {
    /// Builds a server from its configuration and begins to listen.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let lock = DataLock::take(&config.server.data_dir)?;
        let keys = Keys::open(config)?;
        let (hub, store) = open_store(config).await?;
        let life = store.life().await.context("the store's name cannot be read")?;
        let services = Arc::new(Services::new(Parts {
            store: Arc::clone(&store),
            clock,
            cursor_key: CursorKey::new(keys.cursor_mac.0),
            connections: Arc::clone(&hub) as Arc<dyn crate::service::Connections>,
            templates: Arc::new(load_templates(config)?),
            outbox: Outbox::new(providers::registry(config, &keys.vapid)?, outbox_settings(config)),
            links: Links::new(CursorKey::new(keys.cursor_mac.0), &config.server.public_url),
            settings: service_settings(config),
            people: providers::people_parts(config, &keys)?,
            kinds: config.entity_types.clone(),
            blobs: BlobFolder::new(&config.blobs.dir(&config.server.data_dir), &life.store),
        }));
        let life = worker::life::meet(&services, &config.server.data_dir).await?;
        let verifier = Arc::new(Verifier::new(keys.auth, config.auth.policy())?);
        let app = App::new(AppParts {
            services,
            verifier,
            limits: config.limits.clone(),
            batch_max_lines: config.notify.batch_max_lines,
            twilio: CallbackKeys::new(&config.sms),
            web: web(config),
            live: Arc::clone(&hub) as Arc<dyn crate::app::LiveStats>,
            drain: CancellationToken::new(),
        });
        app.services.load_revocations().await.context("revocations cannot be read")?;
        let kept = KeptSets::new(&config.server.data_dir);
        kept.restore(app.verifier.key_sets().map(|set| &**set));
        let mut server = Self::begin(config, app, hub, store, lock)?;
        let (services, stop) = (Arc::clone(&server.app.services), server.stop.clone());
        let data_dir = config.server.data_dir.clone();
        server.workers.spawn(worker::life::follow(services, data_dir, life, stop));
        Ok(server)
    }

    /// Listens, and starts everything that runs beside the requests.
    fn begin(
        config: &Config,
        app: Arc<App>,
        hub: Arc<Hub>,
        store: Arc<dyn Store>,
        lock: DataLock,
    ) -> anyhow::Result<Self> {
        let listener = sockets::listen(config)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let (reports, events) = live_queue(EVENTS_ROOM);
        let pace = worker::Pace {
            seal: config.audit.seal_ms.duration(),
            deliveries: config.outbox.concurrency,
        };
        let mut workers = worker::start(&app.services, &app.metrics, events, pace, &stop);
        keep_keys_fresh(config, &app, &stop, &mut workers)?;
        let services = Arc::clone(&app.services);
        let beating = tokio::spawn(realtime::beat(Arc::clone(&hub), services, stop.clone()));
        realtime::start(&hub, &app.services, &stop, &mut workers);
        let gateway = gateway(config, &app, &hub, reports);
        let router = http::router(Arc::clone(&app), http::live_routes(gateway));
        let front = Front {
            router,
            app: Arc::clone(&app),
            http: front::http1(config),
            tls: secure(config, &stop, &mut workers)?,
            greeting: config.limits.header_seconds.duration(),
        };
        let accepting = tokio::spawn(front.accept(listener));
        let drain_for = config.server.drain_seconds.duration();
        Ok(Self {
            address,
            app,
            hub,
            store,
            accepting,
            beating,
            workers,
            stop,
            drain_for,
            _lock: lock,
        })
    }

    /// Tells the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drains and stops: what was accepted is finished, bounded by `server.drain_seconds`.
    pub async fn stop(self) {
        let Self { app, hub, store, accepting, beating, mut workers, stop, drain_for, .. } = self;
        let deadline = Instant::now() + drain_for;
        app.drain.cancel();
        let sending_away = tokio::spawn(async move { hub.drain(drain_for).await });
        app.tasks.close();
        let ended = async {
            let _ = accepting.await;
            app.tasks.wait().await;
        };
        if tokio::time::timeout_at(deadline, ended).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        sending_away.abort();
        stop.cancel();
        let _ = beating.await;
        drop(app);
        // A provider's answer that is on its way is worth the rest of the time: without it the
        // attempt is made once more.
        let deadline = deadline.max(Instant::now() + WORKERS_END);
        let _ = tokio::time::timeout_at(deadline, async {
            while workers.join_next().await.is_some() {}
        })
        .await;
        // Closing waits for the last group commit, so it must not hold up the runtime.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// Starts what fetches the issuers' key sets. The start does not wait for them: a token that comes first does.
fn keep_keys_fresh(
    config: &Config,
    app: &App,
    stop: &CancellationToken,
    workers: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let mut sets = app.verifier.key_sets().peekable();
    if sets.peek().is_none() {
        return Ok(());
    }
    let fetcher = Fetcher::new(config.auth.jwks_timeout_seconds.duration())
        .context("auth.keys: no key set can be fetched; install the package ca-certificates")?;
    let (kept, pace) = (KeptSets::new(&config.server.data_dir), config.auth.jwks_pace());
    for set in sets {
        let (set, fetcher) = (Arc::clone(set), fetcher.clone());
        workers.spawn(keep_fresh(set, fetcher, kept.clone(), pace, stop.clone()));
    }
    Ok(())
}

fn web(config: &Config) -> WebSettings {
    let web = WebSettings::new(&config.server, &config.tls);
    WebSettings { is_https: web.is_https || config.tls.files().is_some(), ..web }
}

/// Reads the certificate, if there is one, and keeps looking for a renewed one.
fn secure(
    config: &Config,
    stop: &CancellationToken,
    workers: &mut JoinSet<()>,
) -> anyhow::Result<Option<Tls>> {
    let Some(files) = config.tls.files() else { return Ok(None) };
    let certificate = Arc::new(Certificate::read(files)?);
    let tls = Tls::new(Arc::clone(&certificate))?;
    let every = config.tls.reload_seconds.duration();
    workers.spawn(keep_renewed(certificate, every, stop.clone()));
    Ok(Some(tls))
}

fn gateway(config: &Config, app: &App, hub: &Arc<Hub>, events: Reports) -> Arc<Gateway> {
    let settings = hub_settings(config);
    let terms = realtime::socketio_terms(&settings);
    let engine = Engine::new(terms, settings.connections, app.tasks.clone());
    Arc::new(Gateway {
        engine: Arc::new(engine),
        hub: Arc::clone(hub),
        services: Arc::clone(&app.services),
        judge: Arc::clone(&app.judge),
        events,
        tasks: app.tasks.clone(),
        first_message: config.auth.first_message_seconds.duration(),
        operations_max: config.limits.sync_operations_max,
        drain: app.drain.clone(),
    })
}

/// Opens the store with a sink that carries its changes over the bus to the hub.
async fn open_store(config: &Config) -> anyhow::Result<(Arc<Hub>, Arc<dyn Store>)> {
    let hub = Arc::new(Hub::new(hub_settings(config)));
    let (publisher, listener) = in_memory(BUS_CAPACITY);
    let theirs = Arc::clone(&hub);
    std::thread::Builder::new()
        .name("hub".into())
        .spawn(move || theirs.dispatch(listener))
        .context("the hub's thread cannot be started")?;
    let sink: ChangeSink = Arc::new(move |changes| {
        for Change { feed, change } in changes {
            publisher.publish(Nudge { feed, change });
        }
    });
    let store = backend::open(&Backend::of(config), sink).await?;
    Ok((hub, store))
}

fn load_templates(config: &Config) -> anyhow::Result<Templates> {
    Templates::load(config.templates.dir(), config.template_rules()).map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("templates cannot be used:\n{}", told.join("\n"))
    })
}

fn hub_settings(config: &Config) -> HubSettings {
    let (realtime, limits) = (&config.realtime, &config.limits);
    HubSettings {
        heartbeat_seconds: realtime.heartbeat_seconds.0,
        silence_seconds: realtime.silence_seconds.0,
        pages: PageSizes {
            replay: realtime.replay_max as usize,
            page: realtime.pending_page as usize,
        },
        queue_frames: realtime.queue_max_frames,
        queue_bytes: realtime.queue_max_kib.bytes(),
        message_bytes: limits.frame_kib.bytes(),
        frame_pace: Pace::new(limits.frames_per_second, limits.burst_seconds.0),
        message_seconds: limits.frame_seconds.0,
        json_depth: limits.json_depth,
        connections: limits.connections_max,
        connections_per_user: limits.connections_per_user,
        reads: realtime.replay_reads,
        read_mark_seconds: realtime.read_mark_seconds.0,
    }
}

fn outbox_settings(config: &Config) -> OutboxSettings {
    let outbox = &config.outbox;
    let policy = RetryPolicy { attempts_max: outbox.attempts_max, ..RetryPolicy::default() };
    OutboxSettings {
        policy,
        lease_ms: outbox.lease_seconds.millis(),
        keep_ms: outbox.keep_days.millis(),
    }
}

fn service_settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        notify: limits.notify(),
        ttl_seconds: config.notify.ttl_default().map(|ttl| u64::from(ttl.0)),
        chunk: config.notify.chunk,
        members_bulk: limits.members_bulk_max,
        idempotency_ms: config.notify.idempotency_hours.millis(),
        keeps: Keeps {
            notifications_ms: config.notify.keep_days.kept_millis(),
            details_ms: config.audit.keep_days.kept_millis(),
        },
        revocation_ms: config.auth.revocation_days.millis(),
        classes: config.class_settings(),
        away_ms: config.sync.keep_days.millis(),
        notices: config.topics.notices(),
        presence: config.realtime.presence(),
        segments_per_second: providers::segments_per_second(config),
    }
}
