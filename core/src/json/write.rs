//! Writes values: escapes only what RFC 8259 says has to be escaped.

use super::{Number, Object, Value};

pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out, &|number, out| out.push_str(&number.canonical()));
    out
}

pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out, &|number, out| out.push_str(number.as_str()));
    out
}

pub(super) fn object_text(members: &Object) -> String {
    let mut out = String::new();
    object(members, &mut out, &|number, out| out.push_str(number.as_str()));
    out
}

fn write(value: &Value, out: &mut String, digits: &impl Fn(&Number, &mut String)) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => digits(number, out),
        Value::Text(text) => quoted(text, out),
        Value::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out, digits);
            }
            out.push(']');
        }
        Value::Object(members) => object(members, out, digits),
    }
}

fn object(members: &Object, out: &mut String, digits: &impl Fn(&Number, &mut String)) {
    out.push('{');
    for (place, (key, member)) in members.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        quoted(key, out);
        out.push(':');
        write(member, out, digits);
    }
    out.push('}');
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let code = u32::from(c);
                out.push_str("\\u00");
                out.extend([code >> 4, code & 15].iter().filter_map(|d| char::from_digit(*d, 16)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
