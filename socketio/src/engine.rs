//! Engine.IO packets: text behind a digit, or bytes. Reads what a client says where it lies; knows no session, so what
//! a packet does at a wrong moment is for others to say.

/// What separates packets in the body of a poll or post. A packet that holds it is refused wherever it comes from, so
/// that none that is passed on could fall apart.
pub const SEPARATOR: char = '\u{1e}';

/// What a client says by a text packet in a session that is open; borrowed from it. A binary message has no more to it
/// than its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// `1`: the client ends the session.
    Close,
    /// `3`: the answer to a ping.
    Pong,
    /// `4…`: a message, without its digit.
    Message(&'a str),
    /// `6`: nothing but a sign of life.
    Noop,
}

/// What a client says on a socket to which its session shall move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probing {
    /// `2probe`: does this socket carry both ways?
    Ask,
    /// `5`: from here on everything goes over this socket.
    Upgrade,
    /// Anything else: the socket is of no use.
    Wrong,
}

/// Why a packet is refused, and its session with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EngineError {
    /// A message without a packet.
    #[error("the packet is empty")]
    Empty,
    /// No packet begins so.
    #[error("the packet is of no known type")]
    UnknownType,
    /// An open packet or a ping, which only a server sends, or an upgrade where nothing was probed.
    #[error("the packet is not for a client to send now")]
    OutOfPlace,
    /// A close, noop or upgrade packet with something behind its digit.
    #[error("the packet carries what its type does not have")]
    Surplus,
    /// The packet holds the character that separates packets.
    #[error("the packet holds a separator")]
    Separator,
}

impl<'a> Said<'a> {
    /// Reads a text packet: a text message on a socket, or one packet of a body.
    pub fn read(text: &'a str) -> Result<Self, EngineError> {
        let (kind, data) = split(text)?;
        match kind {
            b'1' => bare(data, Said::Close),
            b'3' => Ok(Said::Pong),
            b'4' => Ok(Said::Message(data)),
            b'6' => bare(data, Said::Noop),
            b'0' | b'2' | b'5' => Err(EngineError::OutOfPlace),
            _ => Err(EngineError::UnknownType),
        }
    }
}

impl Probing {
    /// Reads a text message on a socket to which a session shall move.
    pub fn read(text: &str) -> Self {
        match text {
            "2probe" => Self::Ask,
            "5" => Self::Upgrade,
            _ => Self::Wrong,
        }
    }
}

fn split(text: &str) -> Result<(u8, &str), EngineError> {
    let kind = *text.as_bytes().first().ok_or(EngineError::Empty)?;
    if text.contains(SEPARATOR) {
        return Err(EngineError::Separator);
    }
    // A type is one byte; a longer character is no type.
    let data = text.get(1..).ok_or(EngineError::UnknownType)?;
    Ok((kind, data))
}

fn bare<'a>(data: &str, said: Said<'a>) -> Result<Said<'a>, EngineError> {
    if data.is_empty() { Ok(said) } else { Err(EngineError::Surplus) }
}

/// A packet of the server that always reads the same. What carries data is written where the data is known: the open
/// packet by [`crate::terms::Terms::open_packet`], messages by [`crate::packet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The session has ended.
    Close,
    /// Asks for a sign of life.
    Ping,
    /// The answer to `2probe`.
    ProbeAnswer,
    /// Ends a poll that has nothing to bring.
    Noop,
}

impl Signal {
    /// Spells the packet.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Close => "1",
            Self::Ping => "2",
            Self::ProbeAnswer => "3probe",
            Self::Noop => "6",
        }
    }
}

/// Writes a text message as it came out of [`Said::Message`].
pub fn message(text: &str) -> String {
    let mut packet = String::with_capacity(1 + text.len());
    packet.push('4');
    packet.push_str(text);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Said<'_>, EngineError>) {
        assert_eq!(Said::read(text), expected, "{text:?}");
    }

    #[test]
    fn a_packet_is_a_digit_and_its_data() {
        check("1", Ok(Said::Close));
        check("3", Ok(Said::Pong));
        check("3probe", Ok(Said::Pong));
        check("4", Ok(Said::Message("")));
        check("4hello", Ok(Said::Message("hello")));
        check("4€", Ok(Said::Message("€")));
        check("42[\"x\"]", Ok(Said::Message("2[\"x\"]")));
        check("6", Ok(Said::Noop));
    }

    #[test]
    fn what_no_client_says_is_refused() {
        check("", Err(EngineError::Empty));
        for text in ["abc", "7", "bAQIDBA==", " 4", "€", "-"] {
            check(text, Err(EngineError::UnknownType));
        }
        for text in ["0", "0{}", "2", "2probe", "5"] {
            check(text, Err(EngineError::OutOfPlace));
        }
        for text in ["1x", "6x"] {
            check(text, Err(EngineError::Surplus));
        }
        for text in ["4a\u{1e}4b", "\u{1e}", "4\u{1e}"] {
            check(text, Err(EngineError::Separator));
        }
    }

    #[test]
    fn a_probe_is_two_words() {
        let words = [("2probe", Probing::Ask), ("5", Probing::Upgrade)];
        for (text, expected) in words {
            assert_eq!(Probing::read(text), expected);
        }
        for text in ["", "2", "2prob", "2probes", "3probe", "5x", "4hello", "1"] {
            assert_eq!(Probing::read(text), Probing::Wrong, "{text}");
        }
    }

    #[test]
    fn the_server_speaks_as_its_clients_expect() {
        let signals = [
            (Signal::Close, "1"),
            (Signal::Ping, "2"),
            (Signal::ProbeAnswer, "3probe"),
            (Signal::Noop, "6"),
        ];
        for (signal, text) in signals {
            assert_eq!(signal.text(), text);
        }
        assert_eq!(message("hello"), "4hello");
    }
}
