//! A run: what happens when, by a seed.

use std::collections::BTreeMap;

use landfall_core::json::{Object, Value};

use crate::device::{Device, Speech};
use crate::server::{Answer, Request, Server};

/// Numbers that follow from a seed (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % count
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What is on its way, in either direction.
enum Sent {
    Request(Request),
    Answer(usize, Answer),
}

pub struct World {
    seed: u64,
    dice: Dice,
    server: Server,
    devices: Vec<Device>,
    under_way: Vec<Sent>,
    /// Steps of every counter, as devices made them.
    steps: BTreeMap<String, i64>,
    /// Tags that were put on, as devices did.
    tags: BTreeMap<String, Vec<String>>,
    now: i64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let count = 2 + dice.below(3) as usize;
        let speeches = [Speech::Versions, Speech::BaseData, Speech::Branches];
        // Every other run has devices of one speech alone.
        let speech = |place: u64| speeches[((seed / 2 + place * (seed % 2)) % 3) as usize];
        let device = |place| Device::new(place, speech(place as u64));
        Self {
            seed,
            server: Server::default(),
            devices: (0..count).map(device).collect(),
            under_way: Vec::new(),
            steps: BTreeMap::new(),
            tags: BTreeMap::new(),
            now: 1_000,
            dice,
        }
    }

    /// Lets something happen.
    pub fn step(&mut self) {
        self.now += 1 + self.dice.below(50) as i64;
        let place = self.dice.below(self.devices.len() as u64) as usize;
        match self.dice.below(10) {
            0..4 => self.edit(place),
            4..6 => {
                let request = self.devices[place].request(self.now);
                self.under_way.push(Sent::Request(request));
            }
            6..9 => self.deliver(),
            // A device's clock jumps by up to five years.
            _ => {
                let off = self.dice.below(310_000_000_000) as i64 - 155_000_000_000;
                self.devices[place].clock = off;
            }
        }
    }

    fn edit(&mut self, place: usize) {
        let entity = format!("e{}", self.dice.below(3));
        let mut data = Object::new();
        let have = self.devices[place].view(&entity);
        let number = |fields: &Object| match fields.get("n") {
            Some(Value::Number(number)) => number.as_whole().unwrap(),
            _ => 0,
        };
        if self.dice.happens(60) {
            let step = self.dice.below(9) as i64 - 4;
            let count = number(&have) + step;
            data.insert("n".into(), Value::parse(&count.to_string()).unwrap());
            *self.steps.entry(entity.clone()).or_default() += step;
        }
        if self.dice.happens(40) {
            let tag = format!("{place}-{}", self.dice.below(1_000_000));
            let mut tags = match have.get("tags") {
                Some(Value::List(tags)) => tags.clone(),
                _ => Vec::new(),
            };
            tags.push(Value::Text(tag.clone()));
            data.insert("tags".into(), Value::List(tags));
            self.tags.entry(entity.clone()).or_default().push(tag);
        }
        if data.is_empty() || self.dice.happens(20) {
            let name = format!("named by {place} at {}", self.now);
            data.insert("name".into(), Value::Text(name));
        }
        let now = self.now;
        self.devices[place].edit(&entity, data, now);
    }

    /// Something that is on its way is lost, or arrives, once or twice, and anything before anything else.
    fn deliver(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let place = self.dice.below(self.under_way.len() as u64) as usize;
        let sent = self.under_way.swap_remove(place);
        if self.dice.happens(25) {
            return;
        }
        match sent {
            Sent::Request(request) => {
                let twice = self.dice.happens(15);
                self.serve(request.clone());
                if twice {
                    self.under_way.push(Sent::Request(request));
                }
            }
            Sent::Answer(place, answer) => self.devices[place].hear(&answer),
        }
    }

    fn serve(&mut self, request: Request) {
        let place = request.place;
        // The server ends before its commit: nobody hears anything, and nothing was done.
        if self.dice.happens(10) {
            return;
        }
        let answer = self.server.serve(&request, self.now);
        self.under_way.push(Sent::Answer(place, answer));
    }

    /// Links hold from now on; every device pushes and pulls until nothing is left.
    pub fn heal(&mut self) {
        self.under_way.clear();
        for _ in 0..4 {
            for place in 0..self.devices.len() {
                self.now += 10;
                let request = self.devices[place].request(self.now);
                let answer = self.server.serve(&request, self.now);
                self.devices[place].hear(&answer);
            }
        }
    }

    pub fn check(&self) {
        let seed = self.seed;
        for device in &self.devices {
            assert_eq!(device.pending(), 0, "seed {seed}: device {} has work left", device.place);
            for (entity, data) in self.server.entities() {
                assert_eq!(
                    &device.view(entity),
                    data,
                    "seed {seed}: {entity} on device {}",
                    device.place
                );
            }
        }
        let text = |value: i64| Some(Value::parse(&value.to_string()).unwrap());
        let is_exact = self.devices.iter().all(Device::is_exact);
        for (entity, steps) in self.steps.iter().filter(|_| is_exact) {
            let data = self.server.entities().find(|(id, _)| *id == entity).map(|(_, data)| data);
            let found = data.and_then(|data| data.get("n").cloned());
            // What never moved may not be there.
            assert!(
                found == text(*steps) || *steps == 0 && found.is_none(),
                "seed {seed}: {entity} is {found:?}, not {steps}"
            );
        }
        // A count may be taken for a server version that its device has, but did not begin from.
        for (entity, tags) in self.tags.iter().filter(|_| is_exact) {
            let data = self.server.entities().find(|(id, _)| *id == entity).unwrap().1;
            let Some(Value::List(found)) = data.get("tags") else {
                panic!("seed {seed}: {entity} has no tags")
            };
            let mut found: Vec<&str> = found.iter().filter_map(Value::as_text).collect();
            let mut expected: Vec<&str> = tags.iter().map(String::as_str).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "seed {seed}: {entity}");
        }
    }
}
