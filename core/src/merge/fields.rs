//! Merging what has members, and what every rule has in common: who changed nothing has no say.

use std::collections::BTreeSet;

use super::rule::{Deletion, Fields, Rule};
use super::{Base, Class, Merging, Side, Sides, set, text, values};
use crate::json::{Object, Value};

impl<'k> Merging<'k> {
    /// Merges one value, with what holds for all rules.
    pub(super) fn value<'a: 'k>(&mut self, rule: &Rule, sides: Sides<'a>) -> Option<Value> {
        let Sides { base, server, client } = sides;
        if client == base || server == client && !self.are_steps(rule, base, server) {
            return server.cloned();
        }
        if server == base {
            return client.cloned();
        }
        match (rule, server, client) {
            (Rule::Server, ..) => self.keep(rule, Side::Server, sides),
            (Rule::Client, ..) => self.keep(rule, Side::Client, sides),
            (Rule::LastWrite, ..) => self.keep(rule, self.manner.later, sides),
            (Rule::Manual, ..) => self.ask(rule, sides),
            (_, Some(server), Some(client)) => {
                self.both(rule, base, server, client).or_else(|| {
                    // The rule is not for values of such kinds.
                    self.keep(rule, self.manner.later, sides)
                })
            }
            _ => self.removed(rule, sides),
        }
    }

    /// Says whether two edits that came to the same value may be two steps all the same: of two
    /// devices that each counted one, both count.
    fn are_steps(&self, rule: &Rule, base: Option<&Value>, same: Option<&Value>) -> bool {
        let Some(same) = same else { return false };
        match rule {
            _ if self.manner.base == Base::Unknown => false,
            Rule::Counter => base.is_none_or(values::counts) && values::counts(same),
            Rule::Map(_) => rule.adds_up() && same.as_object().is_some(),
            _ => false,
        }
    }

    /// One side removed it, the other changed it.
    fn removed(&mut self, rule: &Rule, sides: Sides<'_>) -> Option<Value> {
        let remover = if sides.server.is_none() { Side::Server } else { Side::Client };
        let changer = if remover == Side::Server { Side::Client } else { Side::Server };
        match self.manner.deletion {
            Deletion::DeleteWins => self.keep(rule, remover, sides),
            Deletion::UpdateRevives => self.keep(rule, changer, sides),
            Deletion::Manual => self.ask(rule, sides),
        }
    }

    fn keep(&mut self, rule: &Rule, side: Side, sides: Sides<'_>) -> Option<Value> {
        self.clash(rule, Class::Hard, Some(side));
        match side {
            Side::Server => sides.server.cloned(),
            Side::Client => sides.client.cloned(),
        }
    }

    fn ask(&mut self, rule: &Rule, sides: Sides<'_>) -> Option<Value> {
        self.clash(rule, Class::Open, Some(Side::Server));
        sides.server.cloned()
    }

    /// Both changed it and it is there on both sides; nothing where the rule is not for such values.
    fn both<'a: 'k>(
        &mut self,
        rule: &Rule,
        base: Option<&'a Value>,
        server: &'a Value,
        client: &'a Value,
    ) -> Option<Value> {
        let merged = match rule {
            Rule::Max => values::extreme(server, client, std::cmp::Ordering::Greater)?,
            Rule::Min => values::extreme(server, client, std::cmp::Ordering::Less)?,
            Rule::Counter => values::counter(self.manner.base, base, server, client)?,
            Rule::Or => values::flags(server, client, |one, other| one || other)?,
            Rule::And => values::flags(server, client, |one, other| one && other)?,
            Rule::Ordered(words) => values::ordered(words, server, client)?,
            Rule::Set => set::merge(base, server, client)?,
            Rule::Map(fields) => {
                let none = &EMPTY;
                let base = base.and_then(Value::as_object).unwrap_or(none);
                let members = [base, server.as_object()?, client.as_object()?];
                return Some(Value::Object(self.members(fields, members)));
            }
            Rule::Text(overlap) => {
                return self.text(
                    rule,
                    *overlap,
                    [
                        base.and_then(Value::as_text).unwrap_or(""),
                        server.as_text()?,
                        client.as_text()?,
                    ],
                );
            }
            Rule::LastWrite | Rule::Server | Rule::Client | Rule::Manual => return None,
        };
        self.soft();
        Some(merged)
    }

    fn text(
        &mut self,
        rule: &Rule,
        overlap: super::Overlap,
        [base, server, client]: [&str; 3],
    ) -> Option<Value> {
        let text::Woven { text, overlaps } = text::weave(base, server, client, overlap);
        match (overlaps, overlap) {
            (0, _) => self.soft(),
            (_, super::Overlap::Both) => self.clash(rule, Class::Hard, None),
            (_, super::Overlap::Server) => self.clash(rule, Class::Hard, Some(Side::Server)),
            (_, super::Overlap::Manual) => {
                self.clash(rule, Class::Open, Some(Side::Server));
                return Some(Value::Text(server.to_owned()));
            }
        }
        Some(Value::Text(text))
    }

    /// Merges members, each by its rule, in the order of their keys.
    pub(super) fn members<'a: 'k>(
        &mut self,
        fields: &Fields,
        [base, server, client]: [&'a Object; 3],
    ) -> Object {
        // Both changed something: what comes out is neither's alone.
        if server != client && server != base && client != base {
            self.soft();
        }
        let keys: BTreeSet<&'a String> = server.keys().chain(client.keys()).collect();
        let mut merged = Object::new();
        for key in keys {
            let of = |object: &'a Object| object.get(key.as_str());
            let sides = Sides { base: of(base), server: of(server), client: of(client) };
            self.path.push(key);
            let value = self.value(fields.rule(key), sides);
            self.path.pop();
            if let Some(value) = value {
                merged.insert(key.clone(), value);
            }
        }
        merged
    }
}

static EMPTY: Object = Object::new();
