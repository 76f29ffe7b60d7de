//! A data folder whose outbox is full before its server starts: notifications, their deliveries, and sealed addresses of
//! their users, written through the store as the server writes them. Nothing that serves reads it but copies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{AddressId, DeliveryId, NotificationId, Tenant, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::plan::{Reason, Step, Strategy};
use landfall_core::time::Timestamp;
use landfall_store::sqlite::Sqlite;
use landfall_store::{Address, AddressKind, Commits as _, NewDelivery, Unit, Write};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::filled;
use super::landfall::{Scratch, new_secret};
use super::report::progress;
use crate::clock;
use crate::config::{Config, Flags, Inputs};
use crate::keys::Keys;
use crate::vault::{Place, Purpose, Vault};

/// Rows of one transaction.
const GROUP: usize = 500;
/// How the store's file is named in a data folder.
pub const FILE: &str = "landfall.db";

/// A full data folder; removed when it is no longer needed.
pub struct Full {
    scratch: Scratch,
    /// The secret that its server's tokens are signed with.
    pub secret: String,
}

impl Full {
    /// Fills one: `rows` deliveries that are due, spread over `users` with one app each.
    pub fn create(dir: &Path, users: usize, rows: usize) -> anyhow::Result<Self> {
        progress(format_args!("filling an outbox with {rows} deliveries"));
        let full = Self { scratch: Scratch::create(dir)?, secret: new_secret() };
        let keys = Keys::open(&full.config()?)?;
        let filling = Filling {
            store: filled::open(&full.scratch.path().join(FILE))?,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            vault: Vault::new(&keys.vault),
            tenant: Tenant::parse("default")?,
            at: Timestamp::from_ms(clock::now_ms()),
        };
        filling.put_addresses(users.max(1))?;
        filling.put_deliveries(users.max(1), rows)?;
        Ok(full)
    }

    /// Copies it for one run.
    pub fn copy(&self, dir: &Path) -> anyhow::Result<Scratch> {
        let copy = Scratch::create(dir)?;
        copy_all(self.scratch.path(), copy.path())?;
        Ok(copy)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let data_dir = Some(self.scratch.path().to_string_lossy().into_owned());
        let secret = (OsString::from("JWT_SECRET_KEY"), OsString::from(&self.secret));
        let env = [secret].into_iter().collect();
        let flags = Flags { data_dir, ..Flags::default() };
        Ok(Config::load(Inputs { env, flags, ..Inputs::default() })?.config)
    }
}

fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&to)?;
            std::fs::set_permissions(&to, entry.metadata()?.permissions())?;
            copy_all(&from, &to)?;
        } else {
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

/// What fills.
struct Filling {
    store: Sqlite,
    runtime: Runtime,
    vault: Vault,
    tenant: Tenant,
    at: Timestamp,
}

impl Filling {
    fn put_addresses(&self, users: usize) -> anyhow::Result<()> {
        self.in_groups(users, |user, unit| {
            unit.writes.push(Write::PutAddress(Box::new(self.address(user)?)));
            Ok(())
        })
    }

    fn put_deliveries(&self, users: usize, rows: usize) -> anyhow::Result<()> {
        self.in_groups(rows, |row, unit| {
            let (new, delivery) = self.notification(row, row % users)?;
            unit.writes.push(Write::Enqueue {
                notification: new.id,
                user: new.user.clone(),
                priority: new.content.priority,
                at: self.at,
                deliveries: vec![delivery],
            });
            unit.writes.push(Write::Publish(Box::new(new)));
            Ok(())
        })
    }

    fn in_groups(
        &self,
        count: usize,
        put: impl Fn(usize, &mut Unit) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for first in (0..count).step_by(GROUP) {
            let mut unit = Unit::new(&self.tenant);
            for index in first..count.min(first + GROUP) {
                put(index, &mut unit)?;
            }
            self.runtime.block_on(self.store.commit(unit))?;
        }
        Ok(())
    }

    fn address(&self, user: usize) -> anyhow::Result<Address> {
        let token = format!("fV9m-{user:08}:APA91bG{}", "x".repeat(140));
        let user = UserId::parse(&format!("u{user}"))?;
        let place = Place { tenant: &self.tenant, user: &user, purpose: Purpose::PushToken };
        let text = format!(r#"{{"kind":"fcm_token","token":"{token}"}}"#);
        Ok(Address {
            id: AddressId(Uuid::now_v7()),
            secret: self.vault.seal(place, text.as_bytes(), &token),
            user,
            kind: AddressKind::Fcm,
            platform: "android".into(),
            device: None,
            is_active: true,
            created_at: self.at,
            seen_at: self.at,
        })
    }

    fn notification(
        &self,
        row: usize,
        user: usize,
    ) -> anyhow::Result<(NewNotification, NewDelivery)> {
        let step =
            |channel| Step { channel, state: DeliveryState::Queued, reason: Reason::ByDefault };
        let content = Content {
            notification_type: "quiz_reminder".into(),
            template_id: None,
            title: "Quiz at ten".into(),
            message: format!("Quiz {row} moves to room 4 at ten; bring a pencil and a ruler."),
            data: JsonText::trusted(r#"{"class_id":"7b","quiz_id":"fractions-2"}"#),
            priority: Priority::Normal,
            locale: None,
            sender_id: UserId::parse("bench").ok(),
            sender_name: None,
            image: None,
            actions: None,
            link: None,
        };
        let new = NewNotification {
            id: NotificationId(Uuid::now_v7()),
            user: UserId::parse(&format!("u{user}"))?,
            content: Arc::new(content),
            created_at: self.at,
            expires_at: None,
            channels: vec![step(Channel::Websocket), step(Channel::Push)],
            send: None,
        };
        let delivery = NewDelivery {
            id: DeliveryId(Uuid::now_v7()),
            channel: Channel::Push,
            position: 1,
            address: None,
            state: DeliveryState::Queued,
            reason: Reason::ByDefault,
            due_at: Some(self.at),
            strategy: Strategy::of(None, Priority::Normal),
            escalate_after_ms: None,
            to: None,
        };
        Ok((new, delivery))
    }
}
