//! Walks every state that can be reached, each once, and says how one got to where it fails.
//! Must never skip a step that is possible.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

use super::store::Maker;
use super::world::{Setup, Step, World};

/// How much was walked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Walked {
    pub states: usize,
    pub ends: usize,
}

struct Path {
    step: Step,
    before: Option<Rc<Path>>,
}

/// Walks all states and panics with the steps that led to the first failure.
pub fn explore(setup: &Setup) -> Walked {
    let make = Maker::new();
    let mut walked = Walked::default();
    let mut visited: HashSet<u64, BuildHasherDefault<Print>> = HashSet::default();
    let mut stack: Vec<(World, Option<Rc<Path>>)> = vec![(World::new(setup), None)];
    while let Some((world, path)) = stack.pop() {
        walked.states += 1;
        let steps = world.steps();
        if world.is_over(&steps) {
            walked.ends += 1;
            world.check_end(setup.confirm_by).unwrap_or_else(|why| fail(setup, &path, &why));
        }
        for step in steps {
            let mut next = world.clone();
            let path = Some(Rc::new(Path { step, before: path.clone() }));
            next.take(step, &make).unwrap_or_else(|why| fail(setup, &path, &why));
            if visited.insert(print(&next)) {
                stack.push((next, path));
            }
        }
    }
    walked
}

fn fail(setup: &Setup, path: &Option<Rc<Path>>, why: &str) {
    let mut steps = Vec::new();
    let mut path = path.as_ref();
    while let Some(Path { step, before }) = path.map(Rc::as_ref) {
        steps.push(format!("  {step:?}"));
        path = before.as_ref();
    }
    steps.reverse();
    panic!("{why}\n{setup:?}\n{}", steps.join("\n"));
}

/// Two states with one print would hide one of them: of a million states, with a probability of
/// less than one in ten million. Whole states would not fit the memory of a small machine.
fn print(world: &World) -> u64 {
    let mut hasher = Print::default();
    world.hash(&mut hasher);
    hasher.finish()
}

/// A hasher that is quick without optimisation, which the standard one is not.
#[derive(Default)]
struct Print(u64);

impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }

    fn write_u64(&mut self, n: u64) {
        let mixed = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29) ^ n.rotate_left(17);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}
