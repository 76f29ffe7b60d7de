//! One state of everything: the store, the nudges on their way, the read on its way, the session
//! and its client; and the steps that lead from one state to the next. Must never choose among
//! them: that is the explorer's part.

use std::collections::VecDeque;

use landfall_core::feed::Number;
use landfall_core::session::{Body, ConfirmBy, Frame, PageSizes, Reaction, Read, Session, Start};

use super::client::{Client, HAS, MAY_HAVE, OWED, READ};
use super::store::{Change, Maker, NOW, Row, Snapshot, Store};

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Budget {
    pub publishes: u8,
    pub deletes: u8,
    pub reads: u8,
    pub all_reads: u8,
    pub acks: u8,
    pub lost_nudges: u8,
    pub failed_reads: u8,
    pub early_heartbeats: u8,
}

/// Where the story begins.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub start: Start,
    pub confirm_by: ConfirmBy,
    pub sizes: PageSizes,
    /// What was committed before the device connects.
    pub history: &'static [Change],
    /// Notifications that other devices have confirmed.
    pub delivered: &'static [u64],
    pub budget: Budget,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Commit(Change),
    /// The oldest nudge reaches the session.
    Nudge,
    /// The oldest nudge is lost.
    Lose,
    /// The read that was asked for sees the store.
    Snapshot,
    /// What it saw reaches the session.
    Page,
    FailRead,
    Drain,
    Ack(u64),
    Pong,
    Heartbeat,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Reading {
    Idle,
    Asked(Read),
    Taken(Snapshot),
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    budget: Budget,
    store: Store,
    nudges: VecDeque<(u64, Change)>,
    reading: Reading,
    is_draining: bool,
    session: Session,
    client: Client,
    /// The head that the first read saw.
    first_head: Option<u64>,
    is_pending: bool,
    /// `at` and notification of each frame that nobody has confirmed.
    unconfirmed: Vec<(u64, u64)>,
    ping: Option<Number>,
    /// A nudge was lost or a read failed: only now may it take a heartbeat to catch up.
    is_hurt: bool,
}

impl World {
    pub fn new(setup: &Setup) -> Self {
        let mut store = Store::default();
        setup.history.iter().for_each(|change| _ = store.commit(*change));
        setup.delivered.iter().for_each(|id| store.row_mut(*id).delivered = true);
        let client = client(setup.start, &store);
        let (session, read) = Session::start(setup.start, setup.confirm_by, setup.sizes);
        Self {
            budget: setup.budget,
            store,
            nudges: VecDeque::new(),
            reading: Reading::Asked(read),
            is_draining: false,
            session,
            client,
            first_head: None,
            is_pending: setup.start == Start::Pending,
            unconfirmed: Vec::new(),
            ping: None,
            is_hurt: false,
        }
    }

    /// Lists everything that may happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = self.commits();
        if !self.nudges.is_empty() {
            steps.push(Step::Nudge);
            if self.budget.lost_nudges > 0 {
                steps.push(Step::Lose);
            }
        }
        match self.reading {
            Reading::Asked(_) => {
                steps.push(Step::Snapshot);
                if self.budget.failed_reads > 0 {
                    steps.push(Step::FailRead);
                }
            }
            Reading::Taken(_) => steps.push(Step::Page),
            Reading::Idle | Reading::Failed => {}
        }
        if self.is_draining {
            steps.push(Step::Drain);
        }
        if self.ping.is_some() {
            steps.push(Step::Pong);
        }
        let is_quiet = steps.is_empty() && !self.is_settled();
        if is_quiet || self.budget.early_heartbeats > 0 {
            steps.push(Step::Heartbeat);
        }
        if self.budget.acks > 0 {
            // Any number between two of these confirms the same.
            let numbers = self.unconfirmed.iter().map(|(at, _)| *at).chain([u64::MAX]);
            steps.extend(numbers.map(Step::Ack));
        }
        steps
    }

    fn commits(&self) -> Vec<Step> {
        let Budget { publishes, deletes, reads, all_reads, .. } = self.budget;
        let mut changes = Vec::new();
        if publishes > 0 {
            changes.push(Change::Published(self.store.head + 1));
        }
        let rows = || self.store.rows.iter().filter(|row| !row.deleted);
        if deletes > 0 {
            changes.extend(rows().map(|row| Change::Deleted(row.number)));
        }
        if reads > 0 {
            let unread = rows().filter(|row| !self.store.is_read(row, self.store.head));
            changes.extend(unread.map(|row| Change::Read(row.number)));
        }
        if all_reads > 0 {
            changes.push(Change::AllRead(self.store.head));
        }
        changes.into_iter().map(Step::Commit).collect()
    }

    pub fn take(&mut self, step: Step, make: &Maker) -> Result<(), String> {
        match step {
            Step::Commit(change) => self.commit(change),
            Step::Nudge => self.nudge(make)?,
            Step::Lose => {
                self.budget.lost_nudges -= 1;
                self.is_hurt = true;
                self.nudges.pop_front();
            }
            Step::Snapshot => self.snapshot(),
            Step::Page => self.page(make)?,
            Step::FailRead => {
                self.budget.failed_reads -= 1;
                self.is_hurt = true;
                self.session.on_read_failed();
                self.reading = Reading::Failed;
            }
            Step::Drain => {
                self.is_draining = false;
                let read = self.session.on_drained();
                self.reading = Reading::Asked(read.ok_or("drained, and nothing to read")?);
            }
            Step::Ack(number) => {
                self.budget.acks -= 1;
                let confirmed = self.session.on_ack(Number(number));
                self.confirm(number, &confirmed)?;
            }
            Step::Pong => {
                let ping = self.ping.take().ok_or("no ping is on its way")?;
                let confirmed = self.session.on_pong(ping);
                self.confirm(ping.0, &confirmed)?;
                self.ping = self.session.ping_due();
            }
            Step::Heartbeat => self.heartbeat()?,
        }
        let promised = self.client.last.filter(|_| !self.client.is_lost);
        self.client.check(promised.unwrap_or(0), &self.store)
    }

    fn commit(&mut self, change: Change) {
        let budget = &mut self.budget;
        match change {
            Change::Published(_) => budget.publishes -= 1,
            Change::Deleted(_) => budget.deletes -= 1,
            Change::Read(_) => budget.reads -= 1,
            Change::AllRead(_) => budget.all_reads -= 1,
        }
        let number = self.store.commit(change);
        self.nudges.push_back((number, change));
        match change {
            Change::Published(_) => self.client.set(number, OWED),
            // Whoever says nothing is owed what is undelivered and unread when its turn comes.
            Change::AllRead(up_to) if self.is_pending => {
                let up_to = up_to.min(self.first_head.unwrap_or(up_to));
                self.client.seen[..=up_to as usize].iter_mut().for_each(|seen| *seen &= !OWED);
            }
            Change::Read(id) if self.is_pending && self.first_head.is_none() => {
                self.client.seen[id as usize] &= !OWED;
            }
            _ => {}
        }
    }

    fn nudge(&mut self, make: &Maker) -> Result<(), String> {
        let (number, change) = self.nudges.pop_front().ok_or("no nudge")?;
        let (at, change) = (Number(number), make.change(change));
        match self.session.on_change(at, &change) {
            Reaction::Ignore => Ok(()),
            Reaction::SendShared => {
                self.send(&[Frame { at, prev: at.before(), body: Body::from(&change) }])
            }
            Reaction::Send(frame) => self.send(&[frame]),
            Reaction::Read(_) if at <= self.session.position() => {
                Err(format!("reads because of {number}, which was sent already"))
            }
            Reaction::Read(read) => self.ask(read),
        }
    }

    fn ask(&mut self, read: Read) -> Result<(), String> {
        if matches!(self.reading, Reading::Asked(_) | Reading::Taken(_)) || self.is_draining {
            return Err(format!("asked for {read:?} while reading"));
        }
        self.reading = Reading::Asked(read);
        Ok(())
    }

    fn snapshot(&mut self) {
        let Reading::Asked(read) = self.reading else { return };
        if self.first_head.is_none() {
            self.first_head = Some(self.store.head);
            if self.is_pending {
                let rows = self.store.rows.iter().filter(|row| !row.deleted);
                rows.for_each(|row| self.client.set(row.number, MAY_HAVE));
            }
        }
        self.reading = Reading::Taken(self.store.read(read));
    }

    fn page(&mut self, make: &Maker) -> Result<(), String> {
        let taken = std::mem::replace(&mut self.reading, Reading::Idle);
        let Reading::Taken(snapshot) = taken else { return Err("no page".into()) };
        let mut frames = Vec::new();
        let read = self.session.on_page(snapshot.page(make), NOW, &mut frames);
        self.is_draining = read.is_none() && !self.session.is_live();
        if let Some(read) = read {
            self.reading = Reading::Asked(read);
        }
        self.send(&frames)
    }

    fn heartbeat(&mut self) -> Result<(), String> {
        let is_early = self.budget.early_heartbeats > 0;
        self.budget.early_heartbeats -= u8::from(is_early);
        if !is_early && !self.is_hurt {
            return Err("behind, though nothing was lost".into());
        }
        match self.session.on_head(Number(self.store.head)) {
            Some(read) => self.ask(read),
            None if is_early => Ok(()),
            None => Err("stuck: neither live at the head nor reading".into()),
        }
    }

    fn send(&mut self, frames: &[Frame]) -> Result<(), String> {
        for frame in frames {
            self.client.take(frame, &self.store)?;
            // Checked after each frame, for the socket may break after any.
            self.client.check(frame.at.0, &self.store)?;
            if let Body::Notification(n) = &frame.body
                && n.delivered_at.is_none()
            {
                self.unconfirmed.push((frame.at.0, n.number.0));
            }
        }
        if self.ping.is_none() {
            self.ping = self.session.ping_due();
        }
        Ok(())
    }

    fn confirm(&mut self, up_to: u64, confirmed: &[Number]) -> Result<(), String> {
        let covered = self.unconfirmed.iter().filter(|(at, _)| *at <= up_to);
        let expected: Vec<Number> = covered.map(|(_, number)| Number(*number)).collect();
        if confirmed != expected {
            return Err(format!("{up_to} confirmed {confirmed:?} instead of {expected:?}"));
        }
        self.unconfirmed.retain(|(at, _)| *at > up_to);
        confirmed.iter().for_each(|number| self.store.row_mut(number.0).delivered = true);
        Ok(())
    }

    /// Says whether the session is live at the head.
    fn is_settled(&self) -> bool {
        self.reading == Reading::Idle
            && self.session.is_live()
            && self.session.position().0 == self.store.head
    }

    /// Says whether nothing but an acknowledgement can still happen.
    pub fn is_over(&self, steps: &[Step]) -> bool {
        steps.iter().all(|step| matches!(step, Step::Ack(_)))
    }

    /// Checks the end of a story.
    pub fn check_end(&self, confirm_by: ConfirmBy) -> Result<(), String> {
        if !self.is_settled() {
            return Err("the end, and not live at the head".into());
        }
        let open = self.session.unconfirmed();
        if !open.iter().map(|n| n.0).eq(self.unconfirmed.iter().map(|(_, number)| *number)) {
            return Err(format!("{open:?} are unconfirmed instead of {:?}", self.unconfirmed));
        }
        if confirm_by == ConfirmBy::Pong && !open.is_empty() {
            return Err(format!("every ping was answered, and {open:?} are unconfirmed"));
        }
        self.client.check(self.store.head, &self.store)
    }
}

/// Makes a client that remembers what a device at `start` remembers.
fn client(start: Start, store: &Store) -> Client {
    let mut client = Client::default();
    match start {
        Start::Pending => {
            let owed = |row: &&Row| !row.delivered && !row.deleted && !row.read;
            store.rows.iter().filter(owed).for_each(|row| client.set(row.number, OWED));
        }
        Start::After(number) => {
            client.last = Some(number.0);
            client.is_lost = number.0 > store.head;
            for row in &store.rows {
                let is_known = !client.is_lost && row.number <= number.0;
                let is_settled = row.changed <= number.0;
                client.set(row.number, if is_known { HAS } else { OWED });
                if is_known && row.read && is_settled {
                    client.set(row.number, READ);
                }
            }
        }
    }
    client
}
