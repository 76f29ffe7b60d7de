//! A server whose hub is fed without its store, as a process of its own: real listener, tokens, sockets and sessions, and
//! changes that were never stored, published whenever a line comes in. It exists for benchmarks; `landfall serve` has no
//! way to publish what is not committed.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, ensure};
use landfall_bus::{Nudge, Publisher, in_memory};
use landfall_core::change::FeedChange;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::{Content, InboxChange, JsonText, NewNotification, Priority};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::report::progress;
use crate::clock::Clock;
use crate::config::{Config, Flags, Inputs};
use crate::memory;
use crate::realtime::Hub;
use crate::serve::{BUS_CAPACITY, Server};

/// What `landfall bench hub-server` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    round: Round,
    /// Where it listens.
    #[arg(long)]
    listen: String,
    /// Its folder.
    #[arg(long)]
    data_dir: PathBuf,
}

/// What one line makes the hub carry.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Round {
    /// Users `u0`, `u1` and so on who get a notification of their own each.
    #[arg(long)]
    pub users: usize,
}

/// Serves until standard input ends; each line on it is a stamp, and the notifications that carry it are published.
pub fn run(options: &Options) -> anyhow::Result<()> {
    memory::use_plain_pages();
    let flags = Flags {
        data_dir: Some(options.data_dir.to_string_lossy().into_owned()),
        listen: Some(options.listen.clone()),
    };
    let env = std::env::vars_os().collect();
    let config = Config::load(Inputs { env, flags, ..Inputs::default() })?.config;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(&config, Clock::system()).await?;
        let (publisher, listener) = in_memory(BUS_CAPACITY);
        let (hub, theirs) = (Arc::clone(&server.hub), Arc::clone(&server.hub));
        std::thread::Builder::new()
            .name("bench-hub".into())
            .spawn(move || theirs.dispatch(listener))
            .context("the hub's thread cannot be started")?;
        let feeds = Feeds::new(options.round.users)?;
        progress(format_args!("listening addr={}", server.address()));
        tokio::task::spawn_blocking(move || publish(&publisher, &hub, feeds)).await??;
        server.stop().await;
        Ok(())
    })
}

fn publish(publisher: &Publisher, hub: &Hub, mut feeds: Feeds) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        // Sessions would look in the store for what is not there.
        let lost = hub.counters.nudges_lost.load(Ordering::Relaxed);
        ensure!(lost == 0, "the bus has lost changes: this machine is too busy for this rate");
        feeds.publish(publisher, line?.parse().context("a stamp")?);
    }
    Ok(())
}

/// The inboxes that are published to, and the number of their last change.
struct Feeds {
    feeds: Vec<(UserId, Arc<FeedKey>)>,
    number: Number,
}

impl Feeds {
    fn new(users: usize) -> anyhow::Result<Self> {
        let tenant = Tenant::parse("default")?;
        let feed = |index| {
            let user = UserId::parse(&format!("u{index}"))?;
            let feed = Arc::new(FeedKey::inbox(&tenant, &user));
            Ok((user, feed))
        };
        Ok(Self {
            feeds: (0..users).map(feed).collect::<anyhow::Result<_>>()?,
            number: Number::ZERO,
        })
    }

    fn publish(&mut self, publisher: &Publisher, stamp: u64) {
        self.number = self.number.next();
        for (user, feed) in &self.feeds {
            let notification = notification(user, stamp).numbered(self.number);
            publisher.publish(Nudge {
                feed: Arc::clone(feed),
                change: FeedChange::Inbox {
                    number: self.number,
                    change: InboxChange::Published(Arc::new(notification)),
                },
            });
        }
    }
}

/// What the store would tell of a notification of `bench fanout`.
fn notification(user: &UserId, stamp: u64) -> NewNotification {
    NewNotification {
        id: NotificationId(Uuid::now_v7()),
        user: user.clone(),
        content: Arc::new(Content {
            notification_type: "bench".to_owned(),
            template_id: None,
            title: "Quiz at ten".to_owned(),
            message: "Room 4, bring a pencil".to_owned(),
            data: JsonText::trusted(&format!(r#"{{"stamp":{stamp}}}"#)),
            priority: Priority::Normal,
            locale: None,
            sender_id: UserId::parse("bench").ok(),
            sender_name: None,
            image: None,
            actions: None,
            link: None,
        }),
        created_at: Timestamp::from_ms(crate::clock::now_ms()),
        expires_at: None,
        channels: Vec::new(),
        send: None,
    }
}
