//! What people do on their devices.

use serde_json::{Value, json};

use crate::device::{Device, Edit, Fields, Key};
use crate::dice::Dice;

/// What an edit was meant to do, to be compared with what became of it.
#[derive(Debug, Clone)]
pub struct Meant {
    pub user: usize,
    pub device: usize,
    pub key: Key,
    /// By how much it moved the counter.
    pub step: i64,
    /// The tag that it put on.
    pub tag: Option<String>,
    /// The fields that it set.
    pub data: Fields,
    /// Whether it cannot be read, or says more than is allowed.
    pub is_poison: bool,
}

pub const TOPIC: &str = "class";

/// Thinks up an edit of a device's user.
pub fn think(dice: &mut Dice, (index, device): (usize, &Device), mark: u64) -> (Edit, Meant) {
    let key = key(dice);
    let have = device.view(&key);
    let mut meant = Meant {
        user: device.user,
        device: index,
        key: key.clone(),
        step: 0,
        tag: None,
        data: Fields::new(),
        is_poison: false,
    };
    let mut verb = if have.is_some() { "UPDATE" } else { "CREATE" };
    if ["tally", "board"].contains(&&*key.kind) {
        count(dice, have.as_ref(), &mut meant, &format!("{}.{mark}", device.name));
    } else if have.is_some() && dice.happens(20) {
        verb = "DELETE";
    } else {
        for field in ["t", "u", "v"] {
            if dice.happens(50) {
                meant
                    .data
                    .insert(field.into(), json!(format!("{} by {} at {mark}", field, device.name)));
            }
        }
    }
    if dice.happens(6) && verb != "DELETE" {
        meant.is_poison = true;
        // What follows it is not made on what it counts.
        (meant.step, meant.tag) = (0, None);
        meant.data.clear();
        meant.data.insert("blob".into(), json!("x".repeat(5_000)));
    }
    (Edit { key, verb, data: meant.data.clone() }, meant)
}

fn key(dice: &mut Dice) -> Key {
    let (kind, count) = match dice.below(10) {
        0..4 => ("tally", 3),
        4..6 => ("board", 2),
        6 => ("card", 3),
        7 => ("slip", 3),
        _ => ("essay", 2),
    };
    let topic = (kind == "board").then(|| TOPIC.to_owned());
    Key { topic, kind: kind.into(), id: format!("{kind}{}", dice.below(count)) }
}

fn count(dice: &mut Dice, have: Option<&Fields>, meant: &mut Meant, mark: &str) {
    let field = |name: &str| have.and_then(|fields| fields.get(name));
    if dice.happens(60) {
        meant.step = dice.below(9) as i64 - 4;
        let before = field("n").and_then(Value::as_i64).unwrap_or(0);
        meant.data.insert("n".into(), json!(before + meant.step));
    }
    if dice.happens(40) {
        let mut tags = field("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        tags.push(json!(mark));
        meant.tag = Some(mark.to_owned());
        meant.data.insert("tags".into(), Value::Array(tags));
    }
    if meant.data.is_empty() || dice.happens(20) {
        meant.data.insert("name".into(), json!(format!("named {mark}")));
    }
}
