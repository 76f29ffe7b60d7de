//! Reads JSON by the grammar of RFC 8259, one value and nothing else.

use super::{Number, Object, Value};

/// How deep lists and objects may lie in each other.
pub const DEPTH_MAX: usize = 32;

/// What is wrong with a text, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// Where, counted in bytes from 0.
    pub at: usize,
}

/// What can be wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The grammar does not allow what stands there.
    #[error("is not JSON")]
    Grammar,
    /// Lists and objects lie in each other too deep.
    #[error("is nested deeper than 32")]
    Depth,
    /// An object has the same key twice.
    #[error("has a key twice")]
    Twice,
    /// An escape is half of a surrogate pair.
    #[error("has half a character")]
    Surrogate,
    /// A number is longer than 100 characters, or its exponent is beyond 1,000.
    #[error("has a number that is too long")]
    Number,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

pub(super) fn value(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.space();
    let value = reader.value()?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(reader.fault(JsonFault::Grammar)) }
}

impl Reader<'_> {
    fn fault(&self, fault: JsonFault) -> JsonError {
        JsonError { fault, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.fault(JsonFault::Grammar)) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault(JsonFault::Grammar));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'[') => self.inside(Self::list),
            Some(b'{') => self.inside(Self::object),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault(JsonFault::Grammar)),
        }
    }

    fn inside(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, JsonError>,
    ) -> Result<Value, JsonError> {
        if self.depth == DEPTH_MAX {
            return Err(self.fault(JsonFault::Depth));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let mut members = Object::new();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let begins = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.fault(JsonFault::Grammar));
            }
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value = self.value()?;
            if members.insert(key, value).is_some() {
                return Err(JsonError { fault: JsonFault::Twice, at: begins });
            }
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let begins = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let number = Number::of(&self.text[begins..self.at]);
        number.map(Value::Number).ok_or(JsonError { fault: JsonFault::Number, at: begins })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let begins = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > begins { Ok(()) } else { Err(self.fault(JsonFault::Grammar)) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(plain) = plain else {
                self.at = self.text.len();
                return Err(self.fault(JsonFault::Grammar));
            };
            text.push_str(&rest[..plain]);
            self.at += plain;
            if self.take(b'"') {
                return Ok(text);
            }
            if !self.take(b'\\') {
                return Err(self.fault(JsonFault::Grammar));
            }
            text.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(b'u') => return self.by_code(),
            Some(b'b') => '\u{8}',
            Some(b't') => '\t',
            Some(b'n') => '\n',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            _ => return Err(self.fault(JsonFault::Grammar)),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn by_code(&mut self) -> Result<char, JsonError> {
        let begins = self.at;
        let first = self.code()?;
        let code = match first {
            0xd800..=0xdbff if self.take(b'\\') && self.peek() == Some(b'u') => {
                let second = self.code()?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                low.map(|low| 0x1_0000 + ((first - 0xd800) << 10) + low)
            }
            0xd800..=0xdfff => None,
            code => Some(code),
        };
        let fault = JsonError { fault: JsonFault::Surrogate, at: begins };
        code.and_then(char::from_u32).ok_or(fault)
    }

    /// Reads `uXXXX`.
    fn code(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5).unwrap_or_default();
        let code = digits
            .iter()
            .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?));
        match code {
            Some(code) if digits.len() == 4 => {
                self.at += 5;
                Ok(code)
            }
            _ => Err(self.fault(JsonFault::Grammar)),
        }
    }
}
