//! A store whose statements are caught as they run, so that their plans can be asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use landfall_core::audit::Details;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, Tenant, TopicId, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::time::Timestamp;
use rusqlite::{Connection, trace::TraceEvent, trace::TraceEventCodes};
use uuid::Uuid;

use super::super::runner::{SqliteRunner, at_once};
use super::super::{migrate, open};
use crate::sql::unit;
use crate::{SaltedDetails, Unit, Write};

thread_local! {
    static CAUGHT: RefCell<BTreeSet<String>> = RefCell::default();
}

pub(super) const AT: Timestamp = Timestamp::from_ms(5);
pub(super) const ONE: Number = Number(1);

/// A store in memory whose statements are caught.
pub(super) struct Bench {
    pub(super) connection: Connection,
    pub(super) tenant: Tenant,
    pub(super) user: UserId,
    pub(super) topic: TopicId,
}

impl Bench {
    pub(super) fn new() -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        open::keep_plans(&connection).unwrap();
        migrate::migrate(&mut connection).unwrap();
        let catch = |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(statement, _) = event {
                let sql = statement.sql().into_owned();
                CAUGHT.with_borrow_mut(|caught| caught.insert(sql));
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(catch)).unwrap();
        let tenant = Tenant::parse("t").unwrap();
        let user = UserId::parse("u").unwrap();
        Self { connection, tenant, user, topic: TopicId::parse("c").unwrap() }
    }

    pub(super) fn runner(&self) -> SqliteRunner<'_> {
        SqliteRunner(&self.connection)
    }

    pub(super) fn feed(&self) -> FeedKey {
        FeedKey::inbox(&self.tenant, &self.user)
    }

    pub(super) fn unit(&self, unit: Unit) {
        at_once(unit::apply(&mut self.runner(), unit, &mut Vec::new())).unwrap();
    }

    pub(super) fn write(&self, write: Write) {
        self.unit(Unit { writes: vec![write], ..Unit::new(&self.tenant) });
    }

    pub(super) fn publish(&self, id: u128) -> NotificationId {
        let id = NotificationId(Uuid::from_u128(id));
        self.write(Write::Publish(Box::new(NewNotification {
            id,
            user: self.user.clone(),
            content: Arc::new(content()),
            created_at: AT,
            expires_at: Some(AT),
            channels: vec![],
            send: None,
        })));
        id
    }

    pub(super) fn details(&self) -> SaltedDetails {
        let details = Details { target: Some(self.user.clone()), ..Details::default() };
        SaltedDetails::new(details, [0; 16])
    }

    /// Runs something and gives the plan of every statement it ran.
    pub(super) fn plans(&self, run: impl FnOnce(&Self)) -> Vec<String> {
        CAUGHT.take();
        run(self);
        let caught = CAUGHT.take();
        assert!(!caught.is_empty(), "nothing was run");
        let mut lines = Vec::new();
        for sql in caught {
            let explain = format!("explain query plan {sql}");
            // `begin` and its like have no plan.
            let Ok(mut statement) = self.connection.prepare(&explain) else { continue };
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                lines.push(row.get::<_, String>("detail").unwrap());
            }
        }
        lines
    }

    /// Asserts that what runs walks over no table, and sorts nothing.
    #[track_caller]
    pub(super) fn check(&self, run: impl FnOnce(&Self)) {
        self.check_but(&[], run);
    }

    /// Asserts in addition that one of the plans ends with this index and these bounds.
    #[track_caller]
    pub(super) fn check_reaches(&self, index: &str, run: impl Fn(&Self)) {
        self.check(&run);
        let plans = self.plans(run);
        assert!(
            plans.iter().any(|line| line.trim_end_matches(" LEFT-JOIN").ends_with(index)),
            "{plans:#?}"
        );
    }

    #[track_caller]
    pub(super) fn check_but(&self, allowed: &[&str], run: impl FnOnce(&Self)) {
        // Of these a tenant has one or a few, of anything else it may have a million.
        let few = [
            "SEARCH c ",
            "SEARCH audit_chain ",
            "SEARCH tally_place ",
            "SEARCH blob_total ",
            "SEARCH o USING COVERING INDEX send_active ",
        ];
        let walks = |line: &&String| {
            line.starts_with("SCAN")
                || line.contains("TEMP B-TREE")
                || line.ends_with("(tenant=?)") && !few.iter().any(|few| line.starts_with(few))
        };
        let plans = self.plans(run);
        let bad: Vec<_> =
            plans.iter().filter(walks).filter(|line| !allowed.contains(&line.as_str())).collect();
        assert!(bad.is_empty(), "{bad:?} of {plans:#?}");
    }
}

pub(super) fn content() -> Content {
    Content {
        notification_type: "x".into(),
        template_id: None,
        title: String::new(),
        message: String::new(),
        data: JsonText::trusted("{}"),
        priority: Priority::Normal,
        locale: None,
        sender_id: None,
        sender_name: None,
        image: None,
        actions: None,
        link: None,
    }
}
