//! Reads what a client sends out of a buffer that many connections share: whole messages are handed out where they lie,
//! and only the remainder of an unfinished one is kept. It must never allocate what a header merely claims, nor keep
//! memory once a message is done.

use super::{FrameError, MAX_CONTROL_PAYLOAD, Opcode, mask};

/// The longest header of a client frame: two bytes, eight of length, four of mask (RFC 6455 section 5.2).
const MAX_HEAD: usize = 14;

/// A whole message or control frame of a client; borrowed until the decoder is asked for the next one.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message, put together from its fragments.
    Text(&'a str),
    /// A binary message, put together from its fragments.
    Binary(&'a [u8]),
    /// A ping, to be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The client closes; nothing that it sends afterwards is read.
    Close {
        /// The client's code, if it gave one.
        code: Option<u16>,
        /// The client's words, often empty.
        reason: &'a str,
    },
}

/// The reading state of one connection: two words while nothing is unfinished.
///
/// After a close frame or an error it swallows whatever else comes.
#[derive(Debug, Default)]
pub struct Decoder {
    kept: Option<Box<Kept>>,
    ended: bool,
    /// Frames begun since somebody asked.
    frames: u32,
}

/// What has to outlive the read buffer.
#[derive(Debug, Default)]
struct Kept {
    /// The beginning of a header that is not all there.
    head: [u8; MAX_HEAD],
    head_len: u8,
    /// The data frame or control frame whose payload is not all there.
    open: Option<OpenFrame>,
    /// The payload so far of an unfinished control frame; it may come between the fragments of a message.
    control: Vec<u8>,
    /// The kind of the message under way, between its first frame and its last.
    kind: Option<Opcode>,
    /// The message under way, unmasked.
    message: Vec<u8>,
    /// What the last call lent to the caller and this one frees.
    lent: Lent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lent {
    #[default]
    Nothing,
    Control,
    Message,
}

#[derive(Clone, Copy, Debug)]
struct OpenFrame {
    head: Head,
    received: usize,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    opcode: Opcode,
    is_final: bool,
    length: usize,
    key: [u8; 4],
}

/// What one payload led to.
enum Step<'b> {
    /// The payload lies whole in the read buffer.
    InInput(Opcode, &'b [u8]),
    /// The payload came in pieces and is complete now.
    Kept(Opcode),
    /// A fragment is complete, its message is not.
    Fragment,
    /// The rest has to come from the socket.
    Unfinished,
}

impl Decoder {
    /// Takes the next message or control frame from the front of `input` and moves `input` past what it used; `None`
    /// means that all of it is used up and the rest has to come from the socket. Call it until then, or until an error:
    /// the memory of a message that came in pieces is freed by the call after the one that returned it.
    ///
    /// `max_message` is in bytes, over all fragments, and is held against what headers say before anything is kept.
    pub fn next<'s, 'b: 's>(
        &'s mut self,
        input: &mut &'b mut [u8],
        max_message: usize,
    ) -> Result<Option<Incoming<'s>>, FrameError> {
        self.release();
        if self.ended {
            *input = &mut [];
            return Ok(None);
        }
        let (opcode, payload) = match self.advance(input, max_message) {
            Ok(Step::InInput(opcode, payload)) => (opcode, payload),
            Ok(Step::Kept(opcode)) => {
                (opcode, self.kept.as_mut().expect("a kept payload is kept").lend(opcode))
            }
            Ok(Step::Fragment | Step::Unfinished) => return Ok(None),
            Err(error) => {
                (self.kept, self.ended) = (None, true);
                return Err(error);
            }
        };
        let incoming = interpret(opcode, payload);
        self.ended = matches!(incoming, Ok(Incoming::Close { .. }) | Err(_));
        incoming.map(Some)
    }

    /// Takes the count of frames whose headers came since the last call: fragments and control
    /// frames too, as each costs work.
    pub fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    /// Says whether a message, a frame or a header was begun and is not all there. To be asked when
    /// [`Decoder::next`] has given `None`.
    pub fn is_unfinished(&self) -> bool {
        self.kept.is_some()
    }

    /// How many bytes this connection holds on the heap for an unfinished message or header.
    pub fn held_bytes(&self) -> usize {
        self.kept
            .as_ref()
            .map_or(0, |kept| size_of::<Kept>() + kept.control.capacity() + kept.message.capacity())
    }

    fn release(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        match std::mem::take(&mut kept.lent) {
            Lent::Nothing => {}
            Lent::Control if kept.kind.is_some() => kept.control = Vec::new(),
            Lent::Control | Lent::Message => self.kept = None,
        }
    }

    /// Reads frames until one completes a message or is a control frame, or the input ends.
    fn advance<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        max_message: usize,
    ) -> Result<Step<'b>, FrameError> {
        while let Some(frame) = self.open_frame(input, max_message)? {
            let missing = frame.head.length - frame.received;
            let part = take_front(input, missing);
            mask::apply(part, frame.head.key, frame.received);
            let step = if frame.head.opcode.is_control() {
                self.take_control(frame, part)
            } else {
                self.take_data(frame, part)
            };
            if !matches!(step, Step::Fragment) {
                return Ok(step);
            }
        }
        Ok(Step::Unfinished)
    }

    /// The frame under way, or the next one if its header is all there.
    fn open_frame(
        &mut self,
        input: &mut &mut [u8],
        max_message: usize,
    ) -> Result<Option<OpenFrame>, FrameError> {
        if let Some(open) = self.kept.as_mut().and_then(|kept| kept.open.take()) {
            return Ok(Some(open));
        }
        let Some(head) = self.take_head(input)? else { return Ok(None) };
        self.frames = self.frames.saturating_add(1);
        let (kind, so_far) =
            self.kept.as_ref().map_or((None, 0), |kept| (kept.kind, kept.message.len()));
        match (head.opcode, kind) {
            (Opcode::Continuation, None) => return Err(FrameError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(FrameError::UnfinishedMessage),
            _ => {}
        }
        if !head.opcode.is_control() && so_far.saturating_add(head.length) > max_message {
            return Err(FrameError::TooLarge { limit: max_message });
        }
        Ok(Some(OpenFrame { head, received: 0 }))
    }

    fn take_head(&mut self, input: &mut &mut [u8]) -> Result<Option<Head>, FrameError> {
        if self.kept.as_ref().is_none_or(|kept| kept.head_len == 0) {
            if let Some((head, used)) = Head::parse(input)? {
                take_front(input, used);
                return Ok(Some(head));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        // A header cut by the end of a read is rare and short: byte by byte is good enough.
        let kept = self.kept.get_or_insert_default();
        while let [byte] = *take_front(input, 1) {
            kept.head[usize::from(kept.head_len)] = byte;
            kept.head_len += 1;
            if let Some((head, _)) = Head::parse(&kept.head[..usize::from(kept.head_len)])? {
                kept.head_len = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    fn take_control<'b>(&mut self, frame: OpenFrame, part: &'b [u8]) -> Step<'b> {
        if part.len() == frame.head.length {
            self.drop_if_idle();
            return Step::InInput(frame.head.opcode, part);
        }
        let kept = self.kept.get_or_insert_default();
        kept.control.extend_from_slice(part);
        kept.close_or_keep(frame, part.len()).unwrap_or(Step::Kept(frame.head.opcode))
    }

    fn take_data<'b>(&mut self, frame: OpenFrame, part: &'b [u8]) -> Step<'b> {
        let is_whole = frame.head.is_final && part.len() == frame.head.length;
        if is_whole && self.kept.as_ref().is_none_or(|kept| kept.kind.is_none()) {
            self.drop_if_idle();
            return Step::InInput(frame.head.opcode, part);
        }
        let kept = self.kept.get_or_insert_default();
        let kind = *kept.kind.get_or_insert(frame.head.opcode);
        kept.message.extend_from_slice(part);
        let complete = if frame.head.is_final { Step::Kept(kind) } else { Step::Fragment };
        kept.close_or_keep(frame, part.len()).unwrap_or(complete)
    }

    /// Frees the box of a header that was cut in two once its frame turns out to lie in the buffer.
    fn drop_if_idle(&mut self) {
        if self.kept.as_ref().is_some_and(|kept| kept.kind.is_none()) {
            self.kept = None;
        }
    }
}

impl Kept {
    fn lend(&mut self, opcode: Opcode) -> &[u8] {
        if opcode.is_control() {
            self.lent = Lent::Control;
            &self.control
        } else {
            self.lent = Lent::Message;
            &self.message
        }
    }

    /// Remembers the frame if its payload is not all there yet.
    fn close_or_keep<'b>(&mut self, frame: OpenFrame, part: usize) -> Option<Step<'b>> {
        let received = frame.received + part;
        if received == frame.head.length {
            return None;
        }
        self.open = Some(OpenFrame { received, ..frame });
        Some(Step::Unfinished)
    }
}

impl Head {
    /// Reads a header from the front of `bytes`: the header and its size, or nothing if it is not all there.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let opcode = check_first_bytes(first, second)?;
        let (length, rest) = match second & 0x7F {
            126 => match rest.split_first_chunk::<2>() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        if length > i64::MAX as u64 {
            return Err(FrameError::NegativeLength);
        }
        let Some((key, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        // What does not fit into memory is refused as too large whatever the limit is.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let head = Self { opcode, is_final: first & 0x80 != 0, length, key: *key };
        Ok(Some((head, bytes.len() - rest.len())))
    }
}

fn check_first_bytes(first: u8, second: u8) -> Result<Opcode, FrameError> {
    if first & 0x70 != 0 {
        return Err(FrameError::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & 0x0F).ok_or(FrameError::ReservedOpcode)?;
    if second & 0x80 == 0 {
        return Err(FrameError::Unmasked);
    }
    if opcode.is_control() && first & 0x80 == 0 {
        return Err(FrameError::FragmentedControl);
    }
    if opcode.is_control() && usize::from(second & 0x7F) > MAX_CONTROL_PAYLOAD {
        return Err(FrameError::LongControl);
    }
    Ok(opcode)
}

fn take_front<'b>(input: &mut &'b mut [u8], most: usize) -> &'b mut [u8] {
    let all = std::mem::take(input);
    let at = most.min(all.len());
    let (front, rest) = all.split_at_mut(at);
    *input = rest;
    front
}

fn interpret(opcode: Opcode, payload: &[u8]) -> Result<Incoming<'_>, FrameError> {
    Ok(match opcode {
        Opcode::Text => Incoming::Text(utf8(payload)?),
        Opcode::Binary | Opcode::Continuation => Incoming::Binary(payload),
        Opcode::Ping => Incoming::Ping(payload),
        Opcode::Pong => Incoming::Pong(payload),
        Opcode::Close => match payload {
            [] => Incoming::Close { code: None, reason: "" },
            [_] => return Err(FrameError::ShortClose),
            [high, low, reason @ ..] => {
                let code = checked_close_code(u16::from_be_bytes([*high, *low]))?;
                Incoming::Close { code: Some(code), reason: utf8(reason)? }
            }
        },
    })
}

fn utf8(bytes: &[u8]) -> Result<&str, FrameError> {
    std::str::from_utf8(bytes).map_err(|_| FrameError::InvalidUtf8)
}

/// RFC 6455 section 7.4 and the IANA registry: 1004 to 1006 and 1015 never travel, 1012 to 1014 were registered later.
fn checked_close_code(code: u16) -> Result<u16, FrameError> {
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(code),
        _ => Err(FrameError::BadCloseCode(code)),
    }
}
