//! How what apps of earlier versions write becomes what a type has by now.
//!
//! A name that one step takes away never comes back in a later one. So whatever still has it is of an
//! earlier version, and what is converted twice is as if it were converted once: stored fields need
//! not say of which version they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Operation, Verb};
use crate::json::{Object, Value};
use crate::merge::RuleFault;

/// Steps that a type may have.
pub const UPGRADES_MAX: usize = 100;

/// The steps from a type's first version to the one that it has by now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upgrades(Vec<Step>);

/// What one version has other than the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Step {
    /// New names, by the old ones.
    renamed: BTreeMap<String, String>,
    /// Fields that are gone.
    dropped: BTreeSet<String>,
    /// Fields that are new, and what they are in what earlier versions make.
    added: Object,
}

impl Upgrades {
    /// Reads the steps as they are written: objects with `rename`, `add` and `drop`, each of which may
    /// be left out.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(steps: &[Value]) -> Result<Self, RuleFault> {
        if steps.len() > UPGRADES_MAX {
            let detail = format!("must have at most {UPGRADES_MAX} steps");
            return Err(RuleFault { pointer: String::new(), detail });
        }
        let (mut read, mut gone) = (Vec::with_capacity(steps.len()), BTreeSet::new());
        for (index, written) in steps.iter().enumerate() {
            let within = |(member, detail): (String, String)| RuleFault {
                pointer: format!("/{index}{member}"),
                detail,
            };
            let step = Step::read(written).map_err(within)?;
            step.check(&mut gone).map_err(within)?;
            read.push(step);
        }
        Ok(Self(read))
    }

    /// The version that the type has by now; it begins with 1.
    pub fn version(&self) -> u64 {
        1 + self.0.len() as u64
    }

    /// Says whether the type is as it always was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Converts an operation of an earlier version; nothing where it is as it would be now. One that
    /// does not say its version is of the first.
    pub fn operation(&self, operation: &Operation) -> Option<Operation> {
        let from = operation.schema_version.unwrap_or(1).max(1) - 1;
        let steps = self.0.get(usize::try_from(from).ok()?..).filter(|steps| !steps.is_empty())?;
        let mut converted = operation.clone();
        for step in steps {
            step.convert(&mut converted.data);
            if operation.verb == Verb::Create {
                step.add(&mut converted.data);
            }
            converted.base_data.iter_mut().for_each(|base| step.convert(base));
        }
        Some(converted)
    }

    /// Converts fields of any earlier version, or of this one.
    pub fn fields(&self, fields: &mut Object) {
        self.0.iter().for_each(|step| step.convert(fields));
    }

    /// Gives a field's name by now; nothing where it is gone.
    pub fn field<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        self.0.iter().try_fold(name, |name, step| match step.renamed.get(name) {
            Some(new) => Some(new.as_str()),
            None if step.dropped.contains(name) => None,
            None => Some(name),
        })
    }
}

/// Where in a step something is wrong, and what.
type Fault = (String, String);

impl Step {
    fn read(written: &Value) -> Result<Self, Fault> {
        let Value::Object(members) = written else {
            return Err((String::new(), "must be a table with rename, add or drop".into()));
        };
        let mut step = Self::default();
        for (member, value) in members {
            let fault = |detail: &str| (format!("/{member}"), detail.to_owned());
            match (&**member, value) {
                ("rename", Value::Object(names)) => {
                    let name = |(old, new): (&String, &Value)| {
                        Some((old.clone(), new.as_text()?.to_owned()))
                    };
                    let renamed = names.iter().map(name).collect::<Option<_>>();
                    step.renamed = renamed.ok_or_else(|| fault("must hold names"))?;
                }
                ("rename", _) => return Err(fault("must be a table from old name to new name")),
                ("drop", Value::List(names)) => {
                    let name = |name: &Value| name.as_text().map(str::to_owned);
                    let dropped = names.iter().map(name).collect::<Option<_>>();
                    step.dropped = dropped.ok_or_else(|| fault("must hold names"))?;
                }
                ("drop", _) => return Err(fault("must be a list of names")),
                ("add", Value::Object(fields)) => step.added = fields.clone(),
                ("add", _) => return Err(fault("must be a table from name to value")),
                _ => return Err(fault("is none of rename, add and drop")),
            }
        }
        Ok(step)
    }

    /// Refuses a step that brings back what it, or one before it, takes away.
    fn check(&self, gone: &mut BTreeSet<String>) -> Result<(), Fault> {
        for (member, name) in self.taken() {
            if !gone.insert(name.clone()) {
                return Err((format!("/{member}"), format!("takes {name} away a second time")));
            }
        }
        let mut targets = BTreeSet::new();
        for new in self.renamed.values() {
            if !targets.insert(new) {
                return Err(("/rename".into(), format!("makes {new} of two fields")));
            }
        }
        for (member, name) in targets.into_iter().map(|new| ("rename", new)).chain(self.brought()) {
            if gone.contains(name) {
                let detail = format!("brings back {name}, which was taken away: use another name");
                return Err((format!("/{member}"), detail));
            }
        }
        Ok(())
    }

    fn taken(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let renamed = self.renamed.keys().map(|old| ("rename", old));
        renamed.chain(self.dropped.iter().map(|name| ("drop", name)))
    }

    fn brought(&self) -> impl Iterator<Item = (&'static str, &String)> {
        self.added.keys().map(|name| ("add", name))
    }

    /// Where both names are there, an app wrote the old one: the new one it only had from the server.
    fn convert(&self, fields: &mut Object) {
        for (old, new) in &self.renamed {
            if let Some(value) = fields.remove(old) {
                fields.insert(new.clone(), value);
            }
        }
        fields.retain(|name, _| !self.dropped.contains(name));
    }

    fn add(&self, fields: &mut Object) {
        for (name, value) in &self.added {
            if !fields.contains_key(name) {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
}
