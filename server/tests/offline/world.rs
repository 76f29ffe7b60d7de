//! A run: what happens when, by a seed.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::id::{Tenant, UserId};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::device::{Asks, Device, Disk, Position, Request, Speech};
use crate::dice::Dice;
use crate::edits::{Meant, TOPIC, think};
use crate::ground::{Ground, Reply};
use crate::harness::sign;
use crate::paced::Paced;

/// What is on its way, in either direction.
pub enum Sent {
    Request(Request),
    Answer(Request, String),
}

/// What happened in all runs so far, so that one sees that it did.
#[derive(Debug, Default)]
pub struct Sums {
    pub seeds: u64,
    pub operations: u64,
    pub requests: u64,
    pub given_up: u64,
    pub passed: u64,
    pub restarts: u64,
    pub restores: u64,
    pub conflicts: u64,
    pub rejected: u64,
}

pub struct World<'g> {
    pub seed: u64,
    pub ground: &'g mut Ground,
    pub tenant: Tenant,
    pub users: Vec<UserId>,
    pub devices: Vec<Device>,
    pub members: BTreeSet<usize>,
    /// What every operation was meant to do.
    pub meant: BTreeMap<String, Meant>,
    pub sums: Sums,
    /// Whether everything that happens is said.
    is_told: bool,
    pub tokens: Vec<String>,
    pub admin: String,
    pub dice: Dice,
    pub sent: Vec<Sent>,
    begun: i64,
    now: i64,
}

/// Steps of one run.
const STEPS: u64 = 90;
/// Rounds after which everything has to be everywhere once nothing fails any more.
const ROUNDS: usize = 12;

impl<'g> World<'g> {
    pub async fn new(seed: u64, ground: &'g mut Ground) -> Self {
        let mut dice = Dice::new(seed);
        let tenant = format!("s{seed}");
        let named = ["ann", "ben", "cem"].map(|user| UserId::parse(user).unwrap());
        let users = named[..1 + dice.place(3)].to_vec();
        let token = |user: &str, role: &str| {
            let (roles, exp) = ([role], 4_102_444_800_u64);
            sign(&json!({ "sub": user, "tenant": tenant, "roles": roles, "exp": exp }))
        };
        let devices = devices(&mut dice, users.len());
        ground.forget_backup();
        let begun = ground.now() + 1;
        let mut world = Self {
            tokens: users.iter().map(|user| token(user.as_str(), "student")).collect(),
            admin: token("root", "admin"),
            seed,
            ground,
            tenant: Tenant::parse(&tenant).unwrap(),
            users,
            devices,
            members: BTreeSet::new(),
            meant: BTreeMap::new(),
            sums: Sums { seeds: 1, ..Sums::default() },
            is_told: std::env::var_os("OFFLINE_TELL").is_some(),
            dice,
            sent: Vec::new(),
            begun,
            now: begun,
        };
        for device in &world.devices {
            let Device { name, user, speech, is_by_time, keeps, .. } = device;
            world
                .tell(|| format!("{name} of {user} {speech:?} by_time={is_by_time} keeps={keeps}"));
        }
        let put = world.called_by_admin("PUT", &format!("/api/v1/topics/{TOPIC}"), json!({})).await;
        assert_eq!(put.0, 201, "{}", put.1);
        for user in 0..world.users.len() {
            world.change_membership(user).await;
        }
        world
    }

    pub async fn run(&mut self) {
        for _ in 0..STEPS {
            self.pass(1 + self.dice.clone().below(50) as i64);
            self.step().await;
        }
        self.heal().await;
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{} {}", self.now - self.begun, what());
        }
    }

    /// Lets time go by.
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.ground.set_clock(self.now);
    }

    async fn step(&mut self) {
        let index = self.dice.place(self.devices.len());
        match self.dice.below(40) {
            0..13 => self.edit(index),
            13..19 => {
                let request = self.request(index);
                self.sent.push(Sent::Request(request));
            }
            19..31 => self.deliver().await,
            31 => {
                let years = 155_000_000_000;
                self.devices[index].clock = self.dice.below(2 * years) as i64 - years as i64;
            }
            32..35 => {
                let request = self.request(index);
                let reply = self.called(&request).await;
                self.hear(&request, &reply.1);
            }
            35 => {
                let user = self.dice.place(self.users.len());
                self.change_membership(user).await;
            }
            36 => self.remove_while_pushing(index).await,
            37..39 => self.resolve_one(index).await,
            _ => self.trouble().await,
        }
    }

    /// What befalls the server alone.
    async fn trouble(&mut self) {
        let what = self.dice.below(5);
        self.tell(|| format!("trouble {what}, has backup: {}", self.ground.has_backup()));
        match what {
            0 => {
                self.sums.restarts += 1;
                self.ground.restart().await;
            }
            1 => self.pass(3_600_000),
            2 => {
                let before = self.ground.app().services.now();
                self.ground.store().forget_tombstones(before, 100).await.unwrap();
            }
            3 => self.ground.back_up().await,
            _ if self.ground.has_backup() => {
                self.pass(1);
                self.sums.restores += 1;
                self.ground.restore().await;
                self.learn_members().await;
            }
            _ => {}
        }
    }

    fn edit(&mut self, index: usize) {
        let device = &self.devices[index];
        let mark = self.now as u64 - self.begun as u64;
        let (edit, meant) = think(&mut self.dice, (index, device), mark);
        // It ends before that was stored: nobody ever saw it.
        if self.dice.happens(5) {
            return;
        }
        let id = self.devices[index].edit(edit, self.now);
        self.tell(|| {
            format!("edit {:?}", self.devices[index].disk.queue.back().map(|one| &one.said))
        });
        self.meant.insert(id, meant);
    }

    /// Writes a request of a device: all that it has to say, or a part.
    pub fn request(&mut self, index: usize) -> Request {
        let asks = match self.dice.below(10) {
            0..7 => Asks::Both,
            7..9 => Asks::Push,
            _ => Asks::Pull,
        };
        let device = &self.devices[index];
        let mut count = device.waiting();
        if self.dice.happens(30) && count > 0 {
            count = 1 + self.dice.place(count);
        }
        let mut places: Vec<usize> = (0..count).collect();
        if count > 1 && self.dice.happens(10) {
            let (from, to) = (self.dice.place(count), self.dice.place(count));
            // Only who says what an edit began from may mix up their order.
            if device.speech == Speech::BaseData {
                places.swap(from, to);
            }
            places.push(places[from]);
        }
        let limit = self.dice.happens(50).then(|| 1 + self.dice.below(4));
        device.request((index, asks), &places, limit, self.now)
    }

    pub async fn called(&mut self, request: &Request) -> Reply {
        self.sums.requests += 1;
        self.tell(|| format!("{} calls {} {:?}", request.device, request.path, request.operations));
        let token = &self.tokens[self.devices[request.device].user];
        let call = self.ground.call(token, ("POST", request.path), request.body.clone());
        let reply = call.await;
        assert_eq!(reply.0, 200, "{}: {}", request.body, reply.1);
        reply
    }

    pub fn begun(&mut self, request: &Request) -> Paced<Reply> {
        self.sums.requests += 1;
        self.tell(|| {
            format!("{} begins {} {:?}", request.device, request.path, request.operations)
        });
        let token = &self.tokens[self.devices[request.device].user];
        Paced::new(self.ground.call(token, ("POST", request.path), request.body.clone()))
    }

    pub async fn called_by(&self, user: usize, method: &str, path: &str, body: Value) -> Reply {
        self.ground.call(&self.tokens[user], (method, path), body.to_string()).await
    }

    pub async fn called_by_admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.ground.call(&self.admin, (method, path), body.to_string()).await
    }

    /// Something that is on its way is lost, or arrives, once or twice, and anything before anything else.
    async fn deliver(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let place = self.dice.place(self.sent.len());
        let sent = self.sent.swap_remove(place);
        if self.dice.happens(20) {
            return;
        }
        match sent {
            Sent::Request(request) => {
                if self.dice.happens(15) {
                    self.sent.push(Sent::Request(request.clone()));
                }
                self.serve(request).await;
            }
            // Cut off, or the device ends before it has stored it.
            Sent::Answer(_, text) if self.dice.happens(15) => {
                let cut = self.dice.place(text.len());
                assert!(Answer::read(text.get(..cut).unwrap_or("")).is_none());
            }
            Sent::Answer(request, text) => {
                if self.dice.happens(10) {
                    self.sent.push(Sent::Answer(request.clone(), text.clone()));
                }
                self.hear(&request, &text);
            }
        }
    }

    fn hear(&mut self, request: &Request, text: &str) -> bool {
        self.tell(|| format!("{} hears {text}", request.device));
        let answer = Answer::read(text).expect("the server answers in JSON");
        self.devices[request.device].hear(request, answer)
    }

    /// The server does what it is asked; or it ends at any step; or others come between its steps.
    async fn serve(&mut self, request: Request) {
        let mut call = self.begun(&request);
        match self.dice.below(10) {
            0..2 => {
                self.tell(|| "and is given up".into());
                self.sums.given_up += 1;
                call.go(1 + self.dice.below(9)).await;
                drop(call);
                if self.dice.happens(10) {
                    self.sums.restarts += 1;
                    self.ground.restart().await;
                }
                return;
            }
            2..5 => {
                self.tell(|| "and is passed".into());
                self.sums.passed += 1;
                call.go(1 + self.dice.below(9)).await;
                let other = match self.dice.below(3) {
                    0 => request.clone(),
                    1 => self.request(request.device),
                    _ => {
                        let index = self.dice.place(self.devices.len());
                        self.request(index)
                    }
                };
                let reply = self.called(&other).await;
                self.sent.push(Sent::Answer(other, reply.1));
            }
            _ => {}
        }
        let reply = call.finish().await;
        assert_eq!(reply.0, 200, "{}: {}", request.body, reply.1);
        self.sent.push(Sent::Answer(request, reply.1));
    }

    /// Links hold from now on: every device pushes and pulls until nothing is left, and people say what becomes of
    /// conflicts.
    async fn heal(&mut self) {
        self.sent.clear();
        self.settle().await;
        for user in 0..self.users.len() {
            if self.dice.happens(80) {
                self.resolve_all(user).await;
            }
        }
        self.settle().await;
    }

    async fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let mut is_quiet = true;
            for index in 0..self.devices.len() {
                self.pass(10);
                is_quiet &= self.sync(index).await;
            }
            if is_quiet {
                return;
            }
        }
        panic!("seed {}: it does not come to rest in {ROUNDS} rounds", self.seed);
    }

    /// Says whether there was nothing to do.
    async fn sync(&mut self, index: usize) -> bool {
        let mut is_quiet = true;
        for _ in 0..40 {
            let device = &self.devices[index];
            let places: Vec<usize> = (0..device.waiting()).collect();
            let before = (device.disk.rows.clone(), device.waiting());
            let request = device.request((index, Asks::Both), &places, None, self.now);
            let reply = self.called(&request).await;
            let has_more = self.hear(&request, &reply.1);
            let device = &self.devices[index];
            let is_same = before == (device.disk.rows.clone(), device.waiting());
            is_quiet &= is_same && before.1 == 0;
            if !has_more && device.waiting() == 0 {
                return is_quiet;
            }
            assert!(device.disk.position != Position::Beginning);
        }
        panic!("seed {}: device {index} never has all", self.seed);
    }
}

/// Gives users their devices; in most runs all of them speak alike.
fn devices(dice: &mut Dice, users: usize) -> Vec<Device> {
    let speeches = [Speech::Versions, Speech::BaseData, Speech::Counts];
    let is_mixed = dice.happens(40);
    let first = dice.place(3);
    let may_be_timed = dice.happens(40);
    let mut devices = Vec::new();
    for user in 0..users {
        for _ in 0..1 + dice.place(if users == 1 { 4 } else { 3 }) {
            let place = devices.len();
            devices.push(Device {
                name: format!("d{place}"),
                user,
                speech: speeches[if is_mixed { (first + place) % 3 } else { first }],
                is_by_time: may_be_timed && dice.happens(50),
                has_age: dice.happens(30),
                clock: 0,
                keeps: if dice.happens(80) { 10_000 } else { 5 },
                disk: Disk::default(),
            });
        }
    }
    devices
}
